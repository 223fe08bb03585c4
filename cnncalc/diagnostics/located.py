"""Values with their places: what the limits of a spec and of a configuration are read from."""

from typing import Any, NamedTuple

from .diagnostic import Span


class Located(NamedTuple):
    """A value and where it stands; ``key`` is where its key stands. No places: it comes from the
    command line.

    A value is a number, a text, a list (of plain values or of `Located`), or a dict by keys that
    holds `Located`.
    """

    value: Any
    span: Span | None = None
    key: Span | None = None

    @property
    def place(self) -> Span | None:
        """Where its key stands, or else itself."""
        return self.key or self.span

    def plain(self) -> Any:
        """The value alone, all the way down."""
        return plain(self.value)


def plain(value: Any) -> Any:
    """A value without places."""
    if isinstance(value, Located):
        return plain(value.value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value
