"""A value as it is written: an expression, a text, a list, or the name itself; with its place."""

from collections.abc import Callable, Iterator
from collections.abc import Sequence as Sequenced
from contextlib import suppress
from typing import Any

from ..diagnostics import Findings, Span
from .document import Broken, Mapping, Node, Scalar, Sequence
from .expression import Expression, ExpressionError, bounded_list, parse
from .expression_fixes import rewritten
from .expression_syntax import MAX_LENGTH
from .operations import describe


class Poisoned(Exception):
    """A value that cannot be known because something before it failed, and said so."""


class EvaluationError(Exception):
    """A formula that has no value; becomes the finding ``rule`` at ``span``."""

    def __init__(self, rule: str, message: str, span: Span, hint: str = "") -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message
        self.span = span
        self.hint = hint


class Formula:
    """A located value that waits for a scope."""

    __slots__ = ("content", "node")

    def __init__(self, node: Node, content: "Expression | str | list[Formula] | None") -> None:
        self.node = node
        #: An expression; of a quoted scalar its text; of a list the items; None where nothing
        #: could be read, which is a finding already.
        self.content = content

    @property
    def span(self) -> Span:
        return self.node.span

    def names(self) -> Iterator[str]:
        """The names it needs."""
        if isinstance(self.content, list):
            for item in self.content:
                yield from item.names()
        elif isinstance(self.content, Expression):
            yield from self.content.names

    def scalars(self) -> Iterator[Scalar]:
        """The scalars that it is read from."""
        if isinstance(self.content, list):
            for item in self.content:
                yield from item.scalars()
        elif isinstance(self.node, Scalar):
            yield self.node

    def evaluate(self, lookup: Callable[[str], Any]) -> Any:
        """Its value. Raises EvaluationError and Poisoned; what ``lookup`` raises passes through."""
        content = self.content
        if isinstance(content, str):
            return content
        if content is None:
            raise Poisoned
        try:
            if isinstance(content, list):
                return bounded_list([item.evaluate(lookup) for item in content])
            return content.evaluate(lookup)
        except ExpressionError as error:
            hint = error.hint or self.values_now(lookup)
            raise EvaluationError(error.rule, error.message, self.span, hint) from None

    def literal(self, fill: Sequenced[Any] = ()) -> Any:
        """Its value if it needs no names; None if there is no such value. An item of a list that
        does need names is taken for that of ``fill`` at its depth, or for 1."""
        if isinstance(self.content, list):
            items = [item.literal(fill[1:]) for item in self.content]
            return [next(iter(fill), 1) if item is None else item for item in items]
        if isinstance(self.content, Expression) and self.content.names:
            return None
        with suppress(EvaluationError, Poisoned):
            return self.evaluate(dict[str, Any]().__getitem__)
        return None

    def values_now(self, lookup: Callable[[str], Any]) -> str:
        """What the numbers in it are: ``here, groups is 0``."""
        found = []
        for name in sorted(set(self.names())):
            with suppress(KeyError, ExpressionError, Poisoned):
                value = lookup(name)
                if not isinstance(value, str):
                    found.append(f"{name} is {describe(value)}")
        return f"here, {' and '.join(found)}" if 0 < len(found) <= 4 else ""


def formula(node: Node, findings: Findings, itself: Scalar | None = None) -> Formula | None:
    """Read a value; None with a finding if it cannot be one.

    ``itself`` is the key the value belongs to: an empty value stands for the name itself.
    """
    if isinstance(node, Broken):
        return None
    if isinstance(node, Scalar):
        if node.quoted and len(node.text) > MAX_LENGTH:
            message = f"a text of {len(node.text):,} characters; allowed: {MAX_LENGTH:,}"
            findings.report("limit", message, node.span)
            return None
        if node.quoted:
            return Formula(node, node.text)
        text = node.text
        place: Node = node
        if not text:
            if itself is None:
                findings.report("structure", "a value is missing here", node.span)
                return None
            text, place = itself.text, itself
        try:
            return Formula(place, parse(text))
        except ExpressionError as error:
            fix = rewritten(node) if place is node else None
            findings.report(error.rule, error.message, place.span, hint=error.hint, fix=fix)
            return None
    if isinstance(node, Sequence):
        items = [formula(item, findings) for item in node.items]
        if any(item is None for item in items):
            return None
        return Formula(node, [item for item in items if item is not None])
    assert isinstance(node, Mapping)
    findings.report(
        "structure",
        "a mapping stands where a value belongs",
        node.span,
        hint="a value is a number, a name, an expression, a quoted text or a [list]",
    )
    return None
