"""TOML with places: what `tomllib` reads, and where each key and value of it stands.

`tomllib` tells no places (CPython issue 115516), and neither does tomlkit (its issue 55). So it
alone says what a text means and whether it is TOML at all; a scan of the same text then says
where. The scan knows nothing but strings, brackets and signs, which is enough for a text that is
known to be right: a test holds every value against what stands at its place.
"""

import re
from collections.abc import Iterator
from typing import Any

from ..diagnostics import Findings, Span
from ..diagnostics.located import Located
from ..spec.document import Document

Path = tuple[str | int, ...]

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'"
    r"|[\[\]{}=,.\n]|[^\s\[\]{}=,.#\"']+",
    re.S,
)
_SKIPPED = re.compile(r"(?:[ \t\r]|#[^\n]*)*")
#: A key of more parts is nobody's; tomllib's time grows with their square, and then it recurses.
_LONG_KEY = re.compile(r"(?<![\w\"'-])(?:[\w\"'-]+[ \t]*\.[ \t]*){50}")
_ERROR = re.compile(r"(?P<what>.*) \((?:at line (?P<line>\d+), column (?P<column>\d+)|at end.*)\)")


def parse(document: Document, findings: Findings) -> dict[str, Located] | None:
    """The tables of a text by their keys, everything with its place; None with a finding."""
    import tomllib

    if long := _LONG_KEY.search(document.text):
        place = document.span(*document.position(long.start()))
        findings.report("limit", "a key has more than 50 parts", place)
        return None
    try:
        content = tomllib.loads(document.text)
        places = dict(_Scan(document.text).places())
    except RecursionError:
        findings.report("limit", "the collections are nested too deep", document.span(1, 1))
        return None
    except ValueError as error:  # numbers of thousands of digits, too
        report(error, document, findings)
        return None
    root: dict[str, Located] = located(content, (), places, document).value
    return root


def report(error: ValueError, document: Document, findings: Findings) -> None:
    """Add the finding for a text that is no TOML."""
    said = _ERROR.fullmatch(str(error))
    line, column = document.position(len(document.text.rstrip()))
    if said and said["line"]:
        line, column = int(said["line"]), int(said["column"])
    elif not said:  # of a number with too many digits; where, Python does not say
        line, column = 1, 1
    what = said["what"] if said else str(error)
    message = f"this is no TOML: {what[:1].lower()}{what[1:]}"
    hint = "texts are quoted, and tables stand in [brackets]: https://toml.io"
    findings.report("toml-syntax", message, document.span(line, column), hint=hint)


def located(
    value: Any, path: Path, places: dict[Path, tuple[int, int, int, int]], document: Document
) -> Located:
    """A value of tomllib with its places, and all below it."""
    if isinstance(value, dict):
        value = {key: located(item, (*path, key), places, document) for key, item in value.items()}
    elif isinstance(value, list):
        value = [located(item, (*path, at), places, document) for at, item in enumerate(value)]
    if path not in places:  # a table that only the keys of others make
        return Located(value)
    start, end, first, last = places[path]
    return Located(value, span(document, start, end), span(document, first, last))


def span(document: Document, start: int, end: int) -> Span:
    return Span(document.path, *document.position(start), *document.position(end))


class _Scan:
    """A text that is known to be TOML, token by token.

    Yields for each path the offsets (start, end) of its value and those of its key. The value of
    a table is its head; an item of a list is its own key.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        #: How often each table of an array of tables has come.
        self.counts: dict[Path, int] = {}

    def peek(self) -> str:
        """The next token, which stays; empty at the end."""
        skipped = _SKIPPED.match(self.text, self.at)
        assert skipped is not None  # it matches nothing, too
        self.at = skipped.end()
        token = _TOKEN.match(self.text, self.at)
        return token[0] if token else ""

    def take(self) -> str:
        token = self.peek()
        self.at += len(token)
        return token

    def places(self) -> Iterator[tuple[Path, tuple[int, int, int, int]]]:
        table: Path = ()
        while token := self.peek():
            if token == "\n":
                self.take()
            elif token == "[":
                table, place = self.head()
                yield table, place
            else:
                yield from self.pair(table)

    def head(self) -> tuple[Path, tuple[int, int, int, int]]:
        """``[a.b]`` or ``[[a.b]]``: the path that follows is below it."""
        start = self.at
        several = self.text.startswith("[[", self.at)
        self.at += 1 + several
        keys, first, last = self.key()
        self.at = self.text.index("]", self.at) + 1 + several
        path = self.resolved(keys[:-1])
        path = (*path, keys[-1])
        if several:
            self.counts[path] = self.counts.get(path, 0) + 1
        return self.resolved(path), (start, self.at, first, last)

    def resolved(self, keys: Path) -> Path:
        """The path of keys, where an array of tables means its last table."""
        path: Path = ()
        for key in keys:
            path = (*path, key)
            if path in self.counts:
                path = (*path, self.counts[path] - 1)
        return path

    def key(self) -> tuple[Path, int, int]:
        """A key with dots; the offsets are those of its last part."""
        keys: list[str] = []
        while True:
            self.peek()
            start = self.at
            keys.append(text_of(self.take()))
            end = self.at
            if self.peek() != ".":
                return tuple(keys), start, end
            self.take()

    def pair(self, table: Path) -> Iterator[tuple[Path, tuple[int, int, int, int]]]:
        keys, first, last = self.key()
        self.take()  # the equals sign
        yield from self.value((*table, *keys), first, last)

    def value(
        self, path: Path, first: int, last: int
    ) -> Iterator[tuple[Path, tuple[int, int, int, int]]]:
        """A value, and what is in it; without a key of its own it is its own key."""
        token = self.peek()
        start = self.at
        if token in ("[", "{"):
            yield from self.collection(path, token)
            end = self.at
        else:
            end = start
            while (token := self.peek()) and token not in (",", "]", "}", "\n"):
                self.take()  # a date has spaces, a number dots
                end = self.at
        yield path, (start, end, first if last else start, last or end)

    def collection(
        self, path: Path, opened: str
    ) -> Iterator[tuple[Path, tuple[int, int, int, int]]]:
        self.take()
        number = 0
        while (token := self.peek()) not in ("]", "}"):
            if token in (",", "\n"):
                self.take()
            elif opened == "{":
                yield from self.pair(path)
            else:
                yield from self.value((*path, number), 0, 0)
                number += 1
        self.take()


def text_of(key: str) -> str:
    """A part of a key as it is meant: quotes and escapes are read as tomllib reads them."""
    import tomllib

    if key[0] not in "\"'":
        return key
    text: str = tomllib.loads(f"key = {key}")["key"]
    return text
