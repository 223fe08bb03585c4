"""What cannot run here."""


class NoBackend(ValueError):
    """What was asked for cannot run here; ``hint`` says what can, or what helps."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.hint = hint
