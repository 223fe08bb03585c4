"""GitHub's tables."""

import re
from collections.abc import Sequence

from ..analysis.summary import Summary
from ..terminal import pad
from . import header, totals
from .grid import UNICODE, Grid, grid

#: What Markdown would read as markup; an underscore inside a word is none.
_MARKUP = re.compile(r"[\\`*<>|\[\]&#~]|(?<![^\W_])_|_(?![^\W_])")


def render(summary: Summary, columns: Sequence[str] | None = None, depth: int | None = None) -> str:
    """A heading, the table, and the totals as lists."""
    lines = [f"## {escape(header.title(summary))}", ""]
    lines += [f"{escape(line)}  " for line in header.lines(summary)]
    lines += ["", *_draw(grid(summary, UNICODE, columns, depth))]
    for block in totals.blocks(summary):
        lines += ["", f"**{escape(block.title)}**", ""]
        for line in block.lines:
            text = f"{line.label}: {line.value} {', '.join(line.remarks)}".rstrip()
            lines.append(f"{'  ' * line.part}- {escape(text)}")
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """The text with every sign that Markdown would take for markup escaped."""
    return _MARKUP.sub(lambda sign: f"\\{sign[0]}", text)


def _draw(table: Grid) -> list[str]:
    headings = [
        f"{heading} ({unit})" if unit else heading
        for heading, unit in zip(table.headings, table.units, strict=True)
    ]
    sums = [[f"**{cell}**" if cell else "" for cell in map(escape, line)] for line in table.sums]
    lines = [headings, *(list(map(escape, cells)) for cells in table.rows), *sums]
    widths = [max(3, *map(len, cells)) for cells in zip(*lines, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = (
            pad(cell, columns, left=column.left)
            for cell, columns, column in zip(cells, widths, table.columns, strict=True)
        )
        return f"| {' | '.join(padded)} |"

    rule = line(
        [
            "-" * columns if column.left else "-" * (columns - 1) + ":"
            for columns, column in zip(widths, table.columns, strict=True)
        ]
    )
    return [line(headings), rule, *map(line, lines[1:])]
