"""A fragment of HTML for notebooks: no scripts, no links, nothing loaded."""

from collections.abc import Sequence
from html import escape

from ..analysis.summary import Summary
from . import header, totals
from .grid import UNICODE, Grid, grid

_STYLE = (
    "<style>.cnncalc th, .cnncalc td {text-align: right; white-space: nowrap} "
    ".cnncalc .left, .cnncalc caption {text-align: left}</style>"
)


def render(summary: Summary, columns: Sequence[str] | None = None, depth: int | None = None) -> str:
    """Heading, table and totals in one div."""
    about = "<br>".join(map(escape, header.lines(summary)))
    lines = [
        '<div class="cnncalc">',
        _STYLE,
        f"<h3>{escape(header.title(summary))}</h3>",
        f"<p>{about}</p>",
    ]
    lines += _draw(grid(summary, UNICODE, columns, depth))
    for block in totals.blocks(summary):
        lines += ["<table>", f"<caption>{escape(block.title)}</caption>"]
        for line in block.lines:
            label = "&emsp;" * line.part + escape(line.label)
            remarks = "".join(_cell("td", remark, True) for remark in line.remarks)
            value = _cell("td", line.value, False)
            lines.append(f'<tr><th class="left">{label}</th>{value}{remarks}</tr>')
        lines.append("</table>")
    return "\n".join([*lines, "</div>"]) + "\n"


def _draw(table: Grid) -> list[str]:
    def row(tag: str, cells: list[str]) -> str:
        pairs = zip(cells, table.columns, strict=True)
        return f"<tr>{''.join(_cell(tag, cell, column.left) for cell, column in pairs)}</tr>"

    headings = [
        f"{heading} ({unit})" if unit else heading
        for heading, unit in zip(table.headings, table.units, strict=True)
    ]
    return [
        "<table>",
        f"<thead>{row('th', headings)}</thead>",
        "<tbody>",
        *(row("td", cells) for cells in table.rows),
        "</tbody>",
        f"<tfoot>{''.join(row('th', cells) for cells in table.sums)}</tfoot>",
        "</table>",
    ]


def _cell(tag: str, text: str, left: bool) -> str:
    side = ' class="left"' if left else ""
    return f"<{tag}{side}>{escape(text)}</{tag}>"
