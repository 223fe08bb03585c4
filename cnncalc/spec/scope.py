"""What a name means while entries are walked. Scope is lexical, the innermost wins."""

from collections.abc import Callable
from typing import Any

from ..layers import find
from .formula import Poisoned
from .model import Entry, File, Kind
from .namespace import Namespace, Values
from .words import CHOICES

#: Stands for a parameter whose value failed to evaluate.
POISON = object()


class Scope:
    """The names around an entry, and the values that arrive at it.

    ``names`` are the columns and index of a repeat, or the arguments of a call; ``outer`` is the
    next scope outwards, None at the edge of a call: a block never sees its caller, but the
    parameters of its own file (``home``).
    """

    __slots__ = (
        "arriving", "caller", "channels_of", "home", "inputs", "names", "outer", "site", "space",
        "words",
    )  # fmt: skip

    def __init__(
        self,
        names: dict[str, Any],
        home: File,
        inputs: Values,
        space: Namespace,
        channels_of: Callable[[Values], int],
        *,
        words: tuple[str, ...] = (),
        outer: "Scope | None" = None,
        site: tuple[Entry, ...] = (),
        caller: Entry | None = None,
    ) -> None:
        self.names = names
        self.home = home
        #: What arrived at the call, and the names of its inputs if it has several.
        self.inputs = inputs
        self.words = words
        #: What arrives at the entry that is being walked.
        self.arriving = inputs
        self.space = space
        self.channels_of = channels_of
        self.outer = outer
        #: The calls that led here, the outermost first.
        self.site = site
        #: The innermost of them that is not written in a library.
        self.caller = caller

    def inner(self, names: dict[str, Any], space: Namespace | None = None) -> "Scope":
        """A scope inside this one: a round of a repeat, a branch, a named group."""
        scope = Scope(
            names, self.home, self.inputs, space or self.space, self.channels_of,
            words=self.words, outer=self, site=self.site, caller=self.caller,
        )  # fmt: skip
        scope.arriving = self.arriving
        return scope

    def held(self, name: str) -> Any:
        """What a column, an argument or a parameter holds. Raises KeyError, Poisoned."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.outer
        value = self.home.values[name]
        if value is POISON:
            raise Poisoned
        return value

    def kind(self, name: str) -> Kind | None:
        """The block or layer kind of a name."""
        block = self.home.blocks.get(name)
        if block is not None:
            return Kind(name, block=block)
        layer = find(name)
        return Kind(name, layer=layer) if layer is not None else None

    def lookup(self, name: str) -> Any:
        """What a name means in a value. Raises KeyError, Poisoned, ExpressionError."""
        if name == "channels":
            return self.channels_of(self.arriving)
        if name == "in_channels":
            return self.channels_of(self.inputs)
        try:
            return self.held(name)
        except KeyError:
            kind = self.kind(name)
            if kind is not None:
                return kind
            if name in CHOICES:
                return name
            raise
