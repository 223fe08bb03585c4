"""Aligned text without a single control character: for pipes, logs and mail."""

from collections.abc import Sequence

from ..analysis.summary import Summary
from ..terminal import pad
from . import header, totals
from .grid import ASCII, Grid, grid

GAP = "  "


def render(summary: Summary, columns: Sequence[str] | None = None, depth: int | None = None) -> str:
    """Every chosen column at its own width, however wide that is."""
    table = grid(summary, ASCII, columns, depth)
    lines = [header.title(summary), *header.lines(summary), "", *draw(table)]
    return "\n".join([*lines, *totals.text(summary)]) + "\n"


def draw(table: Grid) -> list[str]:
    """The lines of the table itself."""
    widths = table.widths()
    rule = GAP.join("-" * columns for columns in widths)
    units = [_line(table, table.units, widths)] if any(table.units) else []
    return [
        _line(table, table.headings, widths),
        *units,
        rule,
        *(_line(table, cells, widths) for cells in table.rows),
        rule,
        *(_line(table, cells, widths) for cells in table.sums),
    ]


def _line(table: Grid, cells: list[str], widths: list[int]) -> str:
    padded = (
        pad(cell, columns, left=column.left)
        for cell, columns, column in zip(cells, widths, table.columns, strict=True)
    )
    return GAP.join(padded).rstrip()
