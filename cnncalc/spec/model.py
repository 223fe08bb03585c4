"""A spec as read, before it is walked: files, blocks and entries, each with its place.

Nothing here is evaluated yet: values are located `Formula`s that wait for a scope.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from ..diagnostics import Findings, Span
from ..diagnostics.located import Located
from ..layers import Layer
from .document import Mapping, Node, Scalar
from .expression import Template
from .formula import EvaluationError, Formula, Poisoned


class Kind(msgspec.Struct, frozen=True):
    """A kind as a value: what a parameter holds that is passed a block or a layer kind."""

    name: str
    block: "Block | None" = None
    layer: type[Layer] | None = None

    def __repr__(self) -> str:
        return self.name


class Columns(NamedTuple):
    """``repeat.over``: the columns and where their values are. In the form side by side there
    is one formula per column; in rows, ``rows`` gives the whole table."""

    names: tuple[str, ...]
    formulas: tuple[Formula, ...]
    rows: Formula | None


class Argument(NamedTuple):
    """An option of a layer or an argument of a block, where it is written."""

    key: Scalar
    formula: Formula


class Branch(NamedTuple):
    """A named branch of a merge. ``identity``: it is nothing but the identity."""

    name: str
    entries: tuple["Entry", ...]
    identity: bool


class Entry:
    """One entry of a list of layers: its kind, its modifiers, its options or its inner entries."""

    __slots__ = (
        "arguments", "body", "branches", "broken", "columns", "freeze", "key", "name", "nameless",
        "node", "rounds", "share", "sources", "times", "training", "when",
    )  # fmt: skip

    def __init__(self, node: Node, key: Scalar) -> None:
        self.node = node
        self.key = key
        self.arguments: tuple[Argument, ...] = ()
        self.times: Formula | None = None
        self.when: Formula | None = None
        self.sources: tuple[tuple[Scalar, Template], ...] = ()
        self.name: tuple[Scalar, Template] | None = None
        #: It has a name that could not be read, so nobody knows what it is called.
        self.nameless = False
        self.share: tuple[Scalar, Template] | None = None
        self.freeze = False
        self.training = False
        #: Of repeat, sequential and head: the entries inside.
        self.body: tuple[Entry, ...] = ()
        self.rounds: Formula | None = None
        self.columns: Columns | None = None
        #: Of a merge: its branches; None where it merges what arrives or what ``from`` names.
        self.branches: tuple[Branch, ...] | None = None
        #: It has findings of its own already: it poisons what follows and says no more.
        self.broken = False

    @property
    def word(self) -> str:
        return self.key.text

    @property
    def span(self) -> Span:
        return self.key.span


class Block:
    """A block: its parameters with their defaults, its inputs, its entries, and its home."""

    __slots__ = (
        "broken", "entries", "home", "inputs", "key", "name", "named_inside", "parameters",
    )  # fmt: skip

    def __init__(self, key: Scalar, home: "File") -> None:
        self.key = key
        self.name = key.text
        self.home = home
        self.inputs: tuple[str, ...] = ()
        self.parameters: dict[str, Formula | None] = {}
        self.entries: tuple[Entry, ...] = ()
        #: Whether its entries have names, branches or heads, so that a call is a namespace.
        self.named_inside = False
        #: Its entries could not be read, and said so: what a call of it makes is poison.
        self.broken = False


class Expectation(NamedTuple):
    """A key of ``expect``, and what it must be: a value, a text, or more keys."""

    key: Scalar
    content: "Formula | Scalar | dict[str, Expectation]"

    def formulas(self) -> Iterator[Formula]:
        """The formulas in it."""
        if isinstance(self.content, dict):
            for below in self.content.values():
                yield from below.formulas()
        elif isinstance(self.content, Formula):
            yield self.content

    def located(self, lookup: Callable[[str], Any], findings: Findings) -> Located | None:
        """Its value; None, with a finding, if there is none."""
        content = self.content
        if isinstance(content, dict):
            read = {key: below.located(lookup, findings) for key, below in content.items()}
            known = {key: item for key, item in read.items() if item is not None}
            lost = len(known) < len(read) and "limit" in content  # a setting of it is not known
            span = self.key.span
            return None if lost else Located(known, span, span)
        if isinstance(content, Scalar):
            return Located(content.text, content.span, self.key.span)
        try:
            return Located(content.evaluate(lookup), content.span, self.key.span)
        except EvaluationError as error:
            findings.report(error.rule, error.message, error.span, hint=error.hint)
        except Poisoned:
            pass
        return None


class File:
    """A spec with all it extends, or a library: what its blocks can see."""

    def __init__(self, name: str, *, library: bool = False) -> None:
        self.name = name
        #: Written for others to include: its findings are shown where it is called.
        self.library = library
        self.citation: str | None = None
        #: What the file itself says, without what it extends.
        self.tree: Mapping | None = None
        #: The libraries it includes, each where it is named; None for one that cannot be read.
        self.includes: list[tuple[Scalar, File | None]] = []
        #: Names in the order of definition; None is required, and unset in a template.
        self.parameters: dict[str, Formula | None] = {}
        self.blocks: dict[str, Block] = {}
        #: Whether some of its blocks could not be read.
        self.blocks_lost = False
        self.inputs: dict[str, tuple[Formula, Span]] = {}
        self.entries: tuple[Entry, ...] = ()
        self.freeze: tuple[tuple[Scalar, str], ...] = ()
        self.expect: dict[str, Expectation] = {}
        #: The values of the parameters, once they are evaluated.
        self.values: dict[str, Any] = {}
