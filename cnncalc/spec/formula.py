"""A value as it is written: an expression, a text, a list, or the name itself; with its place."""

from collections.abc import Callable, Iterator
from typing import Any

from ..diagnostics import Findings, Span
from .document import Broken, Mapping, Node, Scalar, Sequence
from .expression import Expression, ExpressionError, bounded_list, parse


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

    def __init__(self, node: Node, content: "Expression | str | list[Formula]") -> None:
        self.node = node
        #: An expression; of a quoted scalar its text; of a list the items.
        self.content = content

    @property
    def span(self) -> Span:
        return self.node.span

    def names(self) -> Iterator[str]:
        """The names it needs."""
        if isinstance(self.content, list):
            for item in self.content:
                yield from item.names()
        elif not isinstance(self.content, str):
            yield from self.content.names

    def evaluate(self, lookup: Callable[[str], Any]) -> Any:
        """Its value. Raises EvaluationError; what else ``lookup`` raises passes through."""
        content = self.content
        if isinstance(content, str):
            return content
        try:
            if isinstance(content, list):
                return bounded_list([item.evaluate(lookup) for item in content])
            return content.evaluate(lookup)
        except ExpressionError as error:
            raise EvaluationError(error.rule, error.message, self.span, error.hint) from None


def formula(node: Node, findings: Findings, itself: Scalar | None = None) -> Formula | None:
    """Read a value; None with a finding if it cannot be one.

    ``itself`` is the key the value belongs to: an empty value stands for the name itself.
    """
    if isinstance(node, Broken):
        return None
    if isinstance(node, Scalar):
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
            findings.report(error.rule, error.message, place.span, hint=error.hint)
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
