"""The fix for a suppression that is not used: without it, or without the whole comment."""

import re

from ..diagnostics import Edit, Fix, Span
from ..spec.document import Document
from .comments import find

#: A line of thousands of names has a fix for none: each would look at all of it.
LONGEST = 2_000
_COMMENT = re.compile(r"#\s*cnncalc:\s*[\w-]*")


def removal(document: Document, name: Span) -> Fix | None:
    """Remove the name of a rule from its comment; the comment if that names no other rule; the
    line if nothing else stands on it."""
    line = document.line(name.line)
    if len(line) > LONGEST:
        return None
    start, end = name.column - 1, name.end_column - 1
    comment = max(
        (found for found in _COMMENT.finditer(line) if found.end() <= start),
        key=re.Match.start, default=None,
    )  # fmt: skip
    if comment is None:
        return None
    others = re.split(r"[\s,]+", line[comment.end() : start] + "," + line[end:])
    if any(map(find, others)):
        after = re.match(r"\s*,\s*", line[end:])
        before = re.search(r"\s*,\s*$", line[:start])
        if after:
            end += after.end()
        elif before:
            start = before.start()
        place = (name.line, start + 1, name.line, end + 1)
        return _without("remove it from the comment", name.path, place)
    code = line[: comment.start()].rstrip()
    if code or name.line == len(document.starts):
        place = (name.line, len(code) + 1, name.line, len(line) + 1)
    else:
        place = (name.line, 1, name.line + 1, 1)
    return _without("remove the comment", name.path, place)


def _without(what: str, path: str, place: tuple[int, int, int, int]) -> Fix:
    return Fix(what, (Edit(Span(path, *place), ""),))
