"""A spec's text and the tree of its YAML, every node with its place in the text.

Scalars are text: what they mean (a name, a kind, an expression) is decided by where they stand.
"""

import re

from ..diagnostics import Span

#: What YAML 1.1 takes for the end of a line.
_LINE_ENDS = "\n\r\x85\u2028\u2029"
_LINE_END = re.compile(f"\r\n|[{_LINE_ENDS}]")


class Document:
    """A text and where it came from: ``path`` as the user gave it, ``-`` for standard input."""

    __slots__ = ("_starts", "path", "text")

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self._starts: list[int] = []

    @property
    def starts(self) -> list[int]:
        """The offset in the text at which each line starts; found when first asked for."""
        if not self._starts:
            self._starts = [0, *(end.end() for end in _LINE_END.finditer(self.text))]
        return self._starts

    def line(self, number: int) -> str:
        """The text of one line, counted from 1, without its end; empty past the last."""
        if not 1 <= number <= len(self.starts):
            return ""
        end = self.starts[number] if number < len(self.starts) else len(self.text)
        return self.text[self.starts[number - 1] : end].rstrip(_LINE_ENDS)

    def between(self, start: tuple[int, int], end: tuple[int, int]) -> str:
        """The text from one (line, column) up to another, both counted from 1."""
        starts = self.starts
        return self.text[starts[start[0] - 1] + start[1] - 1 : starts[end[0] - 1] + end[1] - 1]

    def position(self, offset: int) -> tuple[int, int]:
        """The line and column, from 1, of an offset in the text."""
        from bisect import bisect_right

        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1

    def span(self, line: int, column: int, width: int = 1) -> Span:
        """A stretch of one line."""
        return Span(self.path, line, column, line, column + width)


class Node:
    """A node of the tree. Lines and columns count from 1; the end is past the last character."""

    __slots__ = ("column", "document", "end_column", "end_line", "line")

    def __init__(
        self, document: Document, line: int, column: int, end_line: int, end_column: int
    ) -> None:
        self.document = document
        self.line = line
        self.column = column
        self.end_line = end_line
        self.end_column = end_column

    @property
    def span(self) -> Span:
        return Span(self.document.path, self.line, self.column, self.end_line, self.end_column)


class Scalar(Node):
    """A word, a number, a text. An empty value (``key:``, a name alone in ``{stride}``) is the
    empty text, not quoted, and stands where its key stands. Block scalars (``|`` and ``>``)
    count as quoted."""

    __slots__ = ("quoted", "text")

    def __init__(
        self,
        document: Document,
        line: int,
        column: int,
        end_line: int,
        end_column: int,
        text: str,
        quoted: bool = False,
    ) -> None:
        # Not through super(): a large spec has half a million of these.
        self.document = document
        self.line = line
        self.column = column
        self.end_line = end_line
        self.end_column = end_column
        self.text = text
        self.quoted = quoted


class Broken(Scalar):
    """A value that has its finding already (an alias, a null, an unreadable list): whatever
    is made of it is poison and needs no second finding."""

    __slots__ = ()


class Sequence(Node):
    """A list; ``flow`` if it is written in [ ]."""

    __slots__ = ("flow", "items")

    def __init__(
        self,
        document: Document,
        line: int,
        column: int,
        end_line: int,
        end_column: int,
        items: list[Node],
        flow: bool = False,
    ) -> None:
        super().__init__(document, line, column, end_line, end_column)
        self.items = items
        self.flow = flow


class Mapping(Node):
    """Keys and their values in the order of the text, each key once; ``flow`` if in { }."""

    __slots__ = ("flow", "pairs")

    def __init__(
        self,
        document: Document,
        line: int,
        column: int,
        end_line: int,
        end_column: int,
        pairs: list[tuple[Scalar, Node]],
        flow: bool = False,
    ) -> None:
        super().__init__(document, line, column, end_line, end_column)
        self.pairs = pairs
        self.flow = flow
