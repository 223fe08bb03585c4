"""A table as text cells: what the renderers of all formats draw."""

from collections.abc import Sequence
from typing import NamedTuple

from ..analysis.summary import Summary
from ..terminal import printable, width
from .columns import Axes, Cell, Column, InPlace, Shapes, select, totals
from .fold import rows


class Style(NamedTuple):
    """How cells are written: what stands between sizes, whether digits are grouped, and what
    stands for nothing and for memory that is the input's."""

    times: str
    grouped: bool
    nothing: str
    in_place: str


UNICODE = Style("×", True, "–", "in place")
ASCII = Style("x", True, "-", "in place")
DATA = Style("x", False, "", "0")


class Grid(NamedTuple):
    """Cells row by row, and the sums: one line, or two where there are training heads."""

    columns: list[Column]
    headings: list[str]
    units: list[str]
    rows: list[list[str]]
    sums: list[list[str]]

    def widths(self) -> list[int]:
        """The columns of text that each column needs."""
        lines = [self.headings, self.units, *self.rows, *self.sums]
        return [max(map(width, cells)) for cells in zip(*lines, strict=True)]

    def take(self, kept: Sequence[int]) -> "Grid":
        """Only the columns of these numbers."""

        def line(cells: list[str]) -> list[str]:
            return [cells[number] for number in kept]

        return Grid(
            [self.columns[number] for number in kept],
            line(self.headings),
            line(self.units),
            [line(cells) for cells in self.rows],
            [line(cells) for cells in self.sums],
        )


def grid(
    summary: Summary,
    style: Style,
    columns: Sequence[str] | None = None,
    depth: int | None = None,
) -> Grid:
    """The cells of a summary. Raises ReportError for an unknown column or an impossible depth."""
    lines = rows(summary, depth)
    chosen = select(columns, lines)
    sums: list[list[str]] = []
    for number, title in enumerate(("total", "with training heads")):
        if number and summary.training_totals is None:
            continue
        cells = []
        for column in chosen:
            value = totals(column, summary)[number]
            cells.append("" if value is None else write(value, style))
        if chosen[0].total is None:
            cells[0] = title
        sums.append(cells)
    return Grid(
        chosen,
        [column.heading for column in chosen],
        [column.unit.replace("×", style.times) for column in chosen],
        [[write(column.value(row), style) for column in chosen] for row in lines],
        sums,
    )


def write(cell: Cell | float, style: Style) -> str:
    """A cell as text."""
    if cell is None or cell == ():
        return style.nothing
    if isinstance(cell, InPlace):
        return style.in_place
    if isinstance(cell, int):
        return f"{cell:,}" if style.grouped else str(cell)
    if isinstance(cell, Axes):
        axes = cell[:1] if len(set(cell)) == 1 else cell
        return style.times.join(write(axis, style) for axis in axes)
    if isinstance(cell, Shapes):
        if len(set(cell)) > 1:
            return " + ".join(_shape(shape, style) for shape in cell)
        return f"{len(cell)} * " * (len(cell) > 1) + _shape(cell[0], style)
    return printable(str(cell))


def _shape(shape: tuple[int, ...], style: Style) -> str:
    return style.times.join(map(str, shape))


def fit(table: Grid, room: int, gap: int) -> tuple[Grid, list[Column]]:
    """The table without the columns that do not fit, the least important first, and those.

    The columns that matter most stay, however little room there is.
    """
    widths = table.widths()
    kept = list(range(len(widths)))

    def needed() -> int:
        return sum(widths[number] for number in kept) + gap * (len(kept) - 1)

    while needed() > room:
        least = max(kept, key=lambda number: table.columns[number].drop)
        if not table.columns[least].drop:
            break
        kept.remove(least)
    dropped = [column for number, column in enumerate(table.columns) if number not in kept]
    return table.take(kept), dropped
