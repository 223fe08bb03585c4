"""Comma-separated values (RFC 4180): one line per layer, no totals, whole numbers as they are."""

import csv
from collections.abc import Sequence
from io import StringIO

from ..analysis.summary import Summary
from .columns import COLUMNS
from .grid import DATA, grid


def render(summary: Summary, columns: Sequence[str] | None = None, depth: int | None = None) -> str:
    """Every column there is, unless some are chosen; the first line holds their keys."""
    table = grid(summary, DATA, tuple(COLUMNS) if columns is None else columns, depth)
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(column.key for column in table.columns)
    writer.writerows(map(inert, cells) for cells in table.rows)
    return out.getvalue()


def inert(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula; the names come from files."""
    if cell[:1] in ("=", "+", "@") or (cell[:1] == "-" and not cell[1:2].isdigit()):
        return f"'{cell}"
    return cell
