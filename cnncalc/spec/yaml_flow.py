"""What a comma or a missing space does inside { } and [ ]: YAML takes it, and means another thing.

Each finding mends the tree too, so that what was meant is read on and makes no second finding.
"""

import re
from typing import NamedTuple

from ..diagnostics import Findings
from .document import Broken, Node, Scalar

_NO_SPACE = re.compile(r"([A-Za-z_]\w*):(?=\S)")

Pair = tuple[Scalar, Node]


class _Run(NamedTuple):
    """Parts from ``first`` up to ``end`` that were one text; ``balanced``: its ( ) match."""

    first: int
    end: int
    balanced: bool


def _excess(node: Node) -> int:
    """How many more ( than ) a scalar has."""
    if not isinstance(node, Scalar) or node.quoted:
        return 0
    return node.text.count("(") - node.text.count(")")


def _runs(parts: list[list[Node]]) -> list[_Run]:
    """Where a ( is open at the end of a part, up to the part that closes it."""
    runs = []
    first = depth = 0
    for place, nodes in enumerate(parts):
        if not depth:
            first = place
        depth += sum(_excess(node) for node in nodes)
        if depth < 0 or (first < place and depth == 0):
            runs.append(_Run(first, place + 1, depth == 0))
            depth = 0
    if depth:
        runs.append(_Run(first, first + 1, False))
    return runs


def _join(first: Node, last: Node, balanced: bool, listed: bool, findings: Findings) -> Scalar:
    """One scalar of what stands from ``first`` to ``last``, with the finding."""
    document = first.document
    start, end = (first.line, first.column), (last.end_line, last.end_column)
    text = " ".join(document.between(start, end).split())
    shown = text if len(text) <= 60 else text[:59] + "…"
    place = (document, *start, *end, text)
    node = Scalar(*place)
    if not balanced:
        message = f"{shown} has a parenthesis too many or too few"
        findings.report("yaml-syntax", message, node.span, hint="every ( needs its )")
        return Broken(*place)
    message = f"{shown} is cut in two: inside {{ }} and [ ] a comma starts the next part"
    if text.startswith("(") and text.endswith(")"):
        hint = f"write a list with brackets: [{text[1:-1].strip()}]"
        findings.report("yaml-syntax", message, node.span, hint=hint)
        return Broken(*place)
    what = "the values" if listed else "the options"
    example = f"- {shown}" if listed else shown
    hint = f"write {what} on lines of their own, without the braces or brackets: `{example}`"
    findings.report("yaml-syntax", message, node.span, hint=hint)
    return node


def mend_sequence(items: list[Node], findings: Findings) -> list[Node]:
    """The items, those that a comma cut in two joined again."""
    for run in reversed(_runs([[item] for item in items])):
        first, last = items[run.first], items[run.end - 1]
        items[run.first : run.end] = [_join(first, last, run.balanced, True, findings)]
    return items


def mend_mapping(pairs: list[Pair], lopsided: bool, findings: Findings) -> list[Pair]:
    """The pairs, those that a comma cut in two joined again, and ``out:64`` taken apart."""
    if lopsided:
        for run in reversed(_runs([list(pair) for pair in pairs])):
            key, value = pairs[run.first]
            last = pairs[run.end - 1]
            if _excess(key):
                value = key
            end = last[1] if isinstance(last[1], Scalar) and not last[1].text else last[1]
            joined = _join(value, end, run.balanced, False, findings)
            pairs[run.first : run.end] = [] if value is key else [(key, joined)]
    return [_apart(pair, findings) for pair in pairs]


def _apart(pair: Pair, findings: Findings) -> Pair:
    key, value = pair
    if key.quoted or not isinstance(value, Scalar) or value.text or value.quoted:
        return pair
    match = _NO_SPACE.match(key.text)
    if match is None or key.line != key.end_line:
        return pair
    name, rest = match[1], key.text[match.end() :]
    findings.report(
        "yaml-syntax",
        f"{key.text} is one word: the colon has no space after it",
        key.span,
        hint=f"write `{name}: {rest}`",
    )
    middle = key.column + match.end()
    return (
        Scalar(key.document, key.line, key.column, key.line, middle - 1, name),
        Scalar(key.document, key.line, middle, key.line, key.end_column, rest),
    )
