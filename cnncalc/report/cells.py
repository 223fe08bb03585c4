"""Small tables of text: aligned for a terminal or a pipe, or as Markdown."""

from collections.abc import Sequence
from typing import NamedTuple

from ..terminal import pad, width
from .markdown import escape

GAP = "  "


class Heading(NamedTuple):
    """The head of a column. Of those with ``drop`` > 0, a narrow terminal goes without the
    highest first."""

    text: str
    left: bool = False
    drop: int = 0


class Cells(NamedTuple):
    """Rows of text under headings."""

    headings: Sequence[Heading]
    rows: Sequence[Sequence[str]]

    def widths(self) -> list[int]:
        """The columns of text that each column needs."""
        lines = [[heading.text for heading in self.headings], *self.rows]
        return [max(map(width, cells)) for cells in zip(*lines, strict=True)]

    def fitting(self, room: int | None) -> tuple["Cells", list[str]]:
        """The table without the columns for which there is no room, and their headings."""
        widths = self.widths()
        kept = list(range(len(widths)))
        while room is not None and sum(widths[n] + len(GAP) for n in kept) - len(GAP) > room:
            least = max(kept, key=lambda number: self.headings[number].drop)
            if not self.headings[least].drop:
                break
            kept.remove(least)
        dropped = [heading.text for n, heading in enumerate(self.headings) if n not in kept]
        rows = [[row[n] for n in kept] for row in self.rows]
        return Cells([self.headings[n] for n in kept], rows), dropped

    def text(self) -> list[str]:
        """Aligned lines: the headings, a rule, the rows."""
        widths = self.widths()
        rule = GAP.join(
            ("-" if heading.text else " ") * columns
            for columns, heading in zip(widths, self.headings, strict=True)
        )
        heads, *lines = (
            GAP.join(self._padded(row, widths)).rstrip()
            for row in ([heading.text for heading in self.headings], *self.rows)
        )
        return [heads, rule, *lines]

    def markdown(self) -> list[str]:
        """The same as one of GitHub's tables."""
        lines = [[heading.text for heading in self.headings], *self.rows]
        escaped = Cells(self.headings, [list(map(escape, cells)) for cells in lines])
        widths = [max(3, columns) for columns in escaped.widths()]
        rule = [
            "-" * columns if heading.left else "-" * (columns - 1) + ":"
            for columns, heading in zip(widths, self.headings, strict=True)
        ]
        heads, *rest = escaped.rows
        return [f"| {' | '.join(self._padded(cells, widths))} |" for cells in (heads, rule, *rest)]

    def _padded(self, cells: Sequence[str], widths: Sequence[int]) -> list[str]:
        return [
            pad(cell, columns, left=heading.left)
            for cell, columns, heading in zip(cells, widths, self.headings, strict=True)
        ]
