"""Fixes within values: a misspelt name, another language's operator, ( ) around a list."""

import re
from collections.abc import Iterable

from ..diagnostics import Edit, Fix
from .document import Node, Scalar
from .edits import is_plain, within
from .expression import UNKNOWN_WORDS, ExpressionError, parse
from .spelling import meant

#: What other languages write, and what it can only mean here.
WRITTEN = {
    "&&": "and", "||": "or", "=>": ">=", "<>": "!=", "%%": "%", "^": "**", "=": "==",
    "×": "*", "·": "*", "÷": "/", "−": "-", "≤": "<=", "≥": ">=", "≠": "!=",
    "True": "true", "False": "false",
}  # fmt: skip

_FOREIGN = re.compile(
    r"""(?P<other>'[^']*'|"[^"]*"|[=!<>]=|\b(?!True\b|False\b)\w+)"""
    rf"|(?P<foreign>{'|'.join(map(re.escape, sorted(WRITTEN, key=len, reverse=True)))})"
)
_TRUTH = re.compile(r"write `(true|false)`")


def renamed(nodes: Iterable[Scalar], name: str, choices: Iterable[str]) -> Fix | None:
    """Write the one name that was meant, wherever the misspelt one stands in a value's scalars."""
    truth = _TRUTH.search(UNKNOWN_WORDS.get(name, ""))
    found = truth[1] if truth else meant(name, choices)
    edits = [
        within(node, place.start(), place.end(), found)
        for node in nodes if found and is_plain(node)
        for place in re.finditer(rf"'[^']*'|\"[^\"]*\"|\b{re.escape(name)}\b", node.text)
        if place[0] == name
    ]  # fmt: skip
    return Fix(f"write {found}", tuple(edits)) if edits else None


def rewritten(node: Scalar) -> Fix | None:
    """Write an expression that cannot be read with our operators, if then it can be."""
    if not is_plain(node):
        return None
    if node.text.startswith("(") and node.text.endswith(")"):
        last = len(node.text) - 1
        return fitting(node, [within(node, 0, 1, "["), within(node, last, last + 1, "]")])
    edits, words = [], []
    for place in _FOREIGN.finditer(node.text):
        if place["foreign"]:
            word = WRITTEN[place["foreign"]]
            before, after = node.text[: place.start()][-1:], node.text[place.end() :][:1]
            left = " " if word.isalpha() and before.isalnum() else ""
            right = " " if word.isalpha() and after.isalnum() else ""
            edits.append(within(node, place.start(), place.end(), left + word + right))
            words.append(word)
    return fitting(node, edits)


def fitting(node: Scalar, edits: list[Edit]) -> Fix | None:
    """The fix of these edits, if the expression can be read with them."""
    text = node.text
    for edit in reversed(edits):
        start, end = edit.span.column - node.column, edit.span.end_column - node.column
        text = text[:start] + edit.text + text[end:]
    try:
        parse(text)
    except ExpressionError:
        return None
    return Fix(f"write {text}", tuple(edits)) if edits else None


def unquoted(node: Node) -> Fix | None:
    """Write a quoted word or number without its quotes."""
    if not isinstance(node, Scalar) or not node.quoted or node.line != node.end_line:
        return None
    if node.end_column - node.column != len(node.text) + 2:
        return None
    return Fix(f"write {node.text}", (Edit(node.span, node.text),))
