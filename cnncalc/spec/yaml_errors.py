"""An error of the YAML parser → where it stands, what is wrong and what to write instead."""

import re

import yaml

from ..diagnostics import Fix, Span
from .document import Document
from .edits import insertion
from .yaml_hints import TABLE

_ROWS = [
    (re.compile(row.error), re.compile(row.before, re.DOTALL), re.compile(row.at), row)
    for row in TABLE
]
#: What is shown and searched of the text around a place.
_REACH = 200


def explain(document: Document, error: yaml.MarkedYAMLError) -> tuple[Span, str, str, Fix | None]:
    """Where an error of the parser stands, what is wrong there, what to write instead, and how."""
    problem = error.problem_mark or error.context_mark
    context = error.context_mark or problem
    said = f"{error.context or ''}: {error.problem or ''}"
    for by_error, by_before, by_at, row in _ROWS:
        if not by_error.search(said):
            continue
        mark = context if row.place == "context" else problem
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        before, at = _around(document, line, column)
        found, follows = by_before.search(before), by_at.match(at)
        if found is None or follows is None:
            continue
        words = found.groupdict() | follows.groupdict()
        fix = None
        if row.insert:
            here = _here(document, found, follows, line, column)
            fix = insertion(document.path, *here, row.insert)
        if row.place == "above":
            line = _above(document, line)
            column = len(document.line(line)) - len(document.line(line).lstrip()) + 1
        return document.span(line, column), _fill(row.message, words), _fill(row.hint, words), fix
    line, column = (problem.line + 1, problem.column + 1) if problem else (1, 1)
    hint = "quote a text that holds : # { } [ ] or starts with a sign"
    return document.span(line, column), f"YAML cannot be read here: {error.problem}", hint, None


def _here(
    document: Document, found: re.Match[str], follows: re.Match[str], line: int, column: int
) -> tuple[int, int]:
    """The line and column of the group ``here`` of a row's patterns."""
    if "here" in follows.re.groupindex:
        return line, column + follows.start("here")
    above, _, before = found.string.rpartition("\n")
    place = found.start("here")
    if place > len(above):
        return line, column - len(before) + place - len(above) - 1
    number = _above(document, line)
    return number, len(document.line(number)) - len(above) + place + 1


def _above(document: Document, line: int) -> int:
    """The nearest line above that says something; the one right above if there is none near."""
    for number in range(line - 1, max(line - 10, 0), -1):
        text = document.line(number).strip()
        if text and not text.startswith("#"):
            return number
    return line - 1


def _around(document: Document, line: int, column: int) -> tuple[str, str]:
    """The line above a place and its own line up to it; and its line from there on."""
    text = document.line(line)
    above = document.line(_above(document, line))[-_REACH:]
    before = text[max(column - 1 - _REACH, 0) : column - 1]
    return f"{above}\n{before}", text[column - 1 : column - 1 + _REACH]


def _fill(text: str, words: dict[str, str | None]) -> str:
    for word, value in words.items():
        text = text.replace(f"<{word}>", (value or "").rstrip())
    return text
