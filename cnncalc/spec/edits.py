"""Edits on a spec's text: fixes as they are made, and as they are applied.

Places are lines and columns, as findings have them, so the same edits fit a text with any line
ends, with or without a byte order mark.
"""

from collections.abc import Iterable, Sequence

from ..diagnostics import Edit, Fix, Span
from .document import Document, Scalar


def insertion(path: str, line: int, column: int, text: str) -> Fix:
    """A fix that inserts a sign before a column of a line."""
    what = {" ": "write a space", ":": "write a colon"}[text]
    return Fix(what, (Edit(Span(path, line, column, line, column), text),))


def within(node: Scalar, start: int, end: int, text: str) -> Edit:
    """Replace a part of a plain scalar that stands on one line, by offsets in its text."""
    at = node.column
    return Edit(Span(node.document.path, node.line, at + start, node.line, at + end), text)


def is_plain(node: Scalar) -> bool:
    """Whether a scalar stands in the text letter by letter: on one line, not quoted."""
    one_line = node.line == node.end_line and node.end_column - node.column == len(node.text)
    return one_line and not node.quoted and bool(node.text)


def apart(fixes: Iterable[Fix]) -> list[Fix]:
    """The fixes that touch no other, the first of the text before later ones; each once."""
    chosen: list[Fix] = []
    taken: list[tuple[tuple[int, int], tuple[int, int]]] = []
    for fix in sorted(dict.fromkeys(fixes), key=lambda fix: [edit.span for edit in fix.edits]):
        places = [(edit.span[1:3], edit.span[3:5]) for edit in fix.edits]
        if all(end < start or stop < begin
               for begin, end in taken for start, stop in places):  # fmt: skip
            chosen.append(fix)
            taken += places
    return chosen


def apply(text: str, edits: Sequence[Edit]) -> str:
    """The text with all edits made; they must not overlap, and be of this text."""
    starts = Document("", text).starts
    for edit in sorted(edits, key=lambda edit: edit.span, reverse=True):
        begin = starts[edit.span.line - 1] + edit.span.column - 1
        end = starts[edit.span.end_line - 1] + edit.span.end_column - 1
        text = text[:begin] + edit.text + text[end:]
    return text
