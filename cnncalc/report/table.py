"""The table on a terminal, drawn by Rich. Nothing in it is ever cut or wrapped."""

from collections.abc import Sequence
from io import StringIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..analysis.summary import Summary
from . import header, totals
from .columns import Column
from .grid import UNICODE, Grid, fit, grid
from .plain import draw

#: Columns of text between two columns: Rich's divider and the padding before it.
GAP = 2
#: Rich takes more than half a millisecond for each row; more rows than this it does not get.
LONG = 2_000


def render(
    summary: Summary,
    columns: Sequence[str] | None = None,
    depth: int | None = None,
    width: int | None = None,
    color: bool = False,
) -> str:
    """A terminal of ``width`` columns gets the columns that fit and is told which do not;
    columns that were chosen are all shown."""
    table = grid(summary, UNICODE, columns, depth)
    dropped: list[Column] = []
    whole = sum(table.widths()) + GAP * (len(table.columns) - 1)
    if width is not None and columns is None:
        table, dropped = fit(table, width, GAP)
    room = sum(table.widths()) + GAP * (len(table.columns) - 1)
    out = StringIO()
    console = Console(
        file=out,
        width=2 * room,  # the table takes what it needs; Rich must never find it too wide
        force_terminal=color,
        color_system="standard" if color else None,
        legacy_windows=False,
    )

    def say(text: str, style: str = "") -> None:
        for line in header.wrapped(text, width):
            console.print(Text(line, style), soft_wrap=True)

    say(header.title(summary), "bold")
    for line in header.lines(summary):
        say(line, "dim" if line in header.DEFINITIONS else "")
    console.print()
    if len(table.rows) > LONG:
        out.write("\n".join(draw(table)) + "\n")
    else:
        console.print(_draw(table))
    if dropped:
        names = [column.key for column in dropped]
        say(
            f"Not shown for want of room: {', '.join(names)}. A terminal {whole} columns wide "
            f"shows all, --columns {','.join(['name', *names])} these.",
            "yellow",
        )
    for line in totals.text(summary, width):
        console.print(Text(line, "" if line.startswith(" ") else "bold"), soft_wrap=True)
    return "\n".join(line.rstrip() for line in out.getvalue().split("\n"))


def _draw(table: Grid) -> Table:
    drawn = Table(
        box=box.SIMPLE,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        show_footer=True,
        header_style="bold",
        footer_style="bold",
    )
    units = any(table.units)
    for number, column in enumerate(table.columns):
        heading = Text(table.headings[number])
        if units:
            heading.append(f"\n{table.units[number]}", "not bold dim")
        drawn.add_column(
            heading,
            Text("\n".join(cells[number] for cells in table.sums)),
            justify="left" if column.left else "right",
            style="cyan" if column.key == "name" else "yellow" if column.key == "lost" else "",
        )
    quiet = {"0", UNICODE.nothing, UNICODE.in_place}
    for cells in table.rows:
        drawn.add_row(*(Text(cell, "dim" if cell in quiet else "") for cell in cells))
    return drawn
