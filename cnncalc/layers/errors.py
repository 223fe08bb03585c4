"""What a layer says when it cannot be."""


class LayerError(ValueError):
    """A layer that cannot be made of its options, or cannot take its inputs.

    ``rule`` names a row of the table in `cnncalc.diagnostics.rules`; the message says what is
    and what is allowed, with both numbers; ``option`` is the option to blame, where one is.
    ``choices`` are the words that would have been right, for a did-you-mean.
    """

    def __init__(
        self,
        rule: str,
        message: str,
        *,
        hint: str = "",
        option: str | None = None,
        choices: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message
        self.hint = hint
        self.option = option
        self.choices = choices
