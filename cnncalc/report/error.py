"""What a report says when it is asked for something that it does not have."""


class ReportError(ValueError):
    """An option of a report that cannot be: an unknown column, path or format."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message}; {hint}" if hint else message)
        self.message = message
        self.hint = hint
