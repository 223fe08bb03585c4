"""Commas within ( ) and colons without a space: YAML reads them, and means another thing.

Each finding mends the tree too, so that what was meant is read on and makes no second finding.
"""

import re
from typing import NamedTuple

from ..diagnostics import Edit, Findings, Fix, Span
from .document import Broken, Mapping, Node, Scalar
from .edits import insertion

_NO_SPACE = re.compile(r"([A-Za-z_]\w*):(?=[^\s/:])")
_NO_SPACE_BRACKET = re.compile(r"([A-Za-z_]\w*):(?=[\[{])")

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


def _join(first: Node, last: Node, balanced: bool, key: str, findings: Findings) -> Scalar:
    """One scalar of what stands from ``first`` to ``last``, the value of a key if not of a list;
    with the finding."""
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
        ends = [
            Edit(Span(document.path, *place, place[0], place[1] + 1), bracket)
            for place, bracket in ((start, "["), ((end[0], end[1] - 1), "]"))
        ]
        fix = Fix("write [ ] for a list", tuple(ends))
        findings.report("yaml-syntax", message, node.span, hint=hint, fix=fix)
        return Broken(*place)
    what = f"the options on lines of their own, without {{ }}: `{key}: {shown}`"
    if not key:
        what = f"the values on lines of their own, without [ ]: `- {shown}`"
    hint = "write " + what
    findings.report("yaml-syntax", message, node.span, hint=hint)
    return node


def mend_sequence(items: list[Node], findings: Findings) -> list[Node]:
    """The items, those that a comma cut in two joined again."""
    mended: list[Node] = []
    done = 0
    for run in _runs([[item] for item in items]):
        mended += items[done : run.first]
        first, last = items[run.first], items[run.end - 1]
        mended.append(_join(first, last, run.balanced, "", findings))
        done = run.end
    return mended + items[done:]


def mend_mapping(pairs: list[Pair], findings: Findings) -> list[Pair]:
    """The pairs of a { }, those that a comma cut in two joined again."""
    mended: list[Pair] = []
    done = 0
    for run in _runs([list(pair) for pair in pairs]):
        mended += pairs[done : run.first]
        key, value = pairs[run.first]
        last = pairs[run.end - 1][1]
        named = not _excess(key)
        joined = _join(value if named else key, last, run.balanced, key.text, findings)
        if named:
            mended.append((key, joined))
        done = run.end
    return mended + pairs[done:]


def space_pair(pair: Pair, flow: bool, findings: Findings) -> Pair:
    """The pair; of the key ``out:64`` in { }, or ``conv2d:{out`` in lines, what was meant."""
    key, value = pair
    if ":" not in key.text or key.quoted or key.line != key.end_line:
        return pair
    alone = isinstance(value, Scalar) and not value.text and not value.quoted
    match = (_NO_SPACE if flow and alone else _NO_SPACE_BRACKET).match(key.text)
    if match is None:
        return pair
    return _apart(key, match, findings, as_value=flow and alone)


def space_item(item: Node, findings: Findings) -> Node:
    """The item of a list; of ``relu:64`` the entry that was meant."""
    if not isinstance(item, Scalar) or item.quoted or ":" not in item.text:
        return item
    match = _NO_SPACE.match(item.text)
    if match is None or item.line != item.end_line:
        return item
    pair = _apart(item, match, findings, as_value=False)
    return Mapping(item.document, *item.span[1:], [pair])


def _apart(
    word: Scalar, match: re.Match[str], findings: Findings, *, as_value: bool
) -> tuple[Scalar, Scalar]:
    """Key and value of one word; the value is broken unless it may be read on."""
    name, rest = match[1], word.text[match.end() :]
    shown = rest
    if rest[:1] in "{[" and rest[-1:] not in "}]":
        # The rest of `conv2d:{out: 3}` has become the value.
        shown = "{…}" if rest[0] == "{" else "[…]"
    document, line, middle = word.document, word.line, word.column + match.end()
    findings.report(
        "yaml-syntax",
        f"{word.text} is one word: the colon has no space after it",
        word.span,
        hint=f"write `{name}: {shown}`",
        fix=insertion(document.path, line, middle, " "),
    )
    value = Scalar if as_value else Broken
    return (
        Scalar(document, line, word.column, line, middle - 1, name),
        value(document, line, middle, line, word.end_column, rest),
    )
