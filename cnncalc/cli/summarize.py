"""``cnncalc summarize``."""

import sys
from pathlib import Path

import click

from ..analysis.summary import DTYPES, OPTIMIZERS
from ..api import report_unusable, summary_of
from ..report import FORMATS, ReportError, render
from ..spec import load
from .options import (
    BytesType,
    fail,
    input_option,
    print_findings,
    set_option,
    spec_argument,
    terminal_width,
)

#: What a file's ending says of its format.
ENDINGS = {".md": "markdown", ".csv": "csv", ".json": "json", ".tex": "latex", ".html": "html"}


@click.command(name="summarize")
@spec_argument
@input_option
@click.option("--batch", type=click.IntRange(1, 2**31), default=1, help="Images at a time.")
@click.option("--dtype", type=click.Choice(list(DTYPES)), default="float32", help="Type of values.")
@click.option(
    "--optimizer",
    type=click.Choice(list(OPTIMIZERS)),
    default="sgd",
    help="State kept in training.",
)
@click.option("--memory", type=BytesType(), help="Find the largest batch that fits: 24GiB.")
@click.option("--columns", help="Columns to show, with commas: output,params,macs.")
@click.option("--depth", type=click.IntRange(1), help="Fold blocks deeper than this into one row.")
@click.option("--formulas", is_flag=True, help="The lecture's view: each row with its arithmetic.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(list(FORMATS)),
    help="Default: table, or plain in a pipe.",
)
@click.option("--get", "path", help="Print one value: totals.macs, layers.conv1_1.output.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write to a file.")
@click.option("--force", is_flag=True, help="Let --output overwrite a file.")
@set_option
def command(
    spec: str, shape: tuple[int, ...] | None, batch: int, dtype: str, optimizer: str,
    memory: int | None, columns: str | None, depth: int | None, formulas: bool,
    format_: str | None, path: str | None, output: Path | None, force: bool,
    settings: tuple[tuple[str, str], ...],
) -> None:  # fmt: skip
    """Print the table of a network: shapes, params, MACs, memory, receptive fields.

    SPEC is a path, - for standard input, or the name of a built-in architecture (cnncalc list).
    Counts are for one image; 1 MAC is one multiply and one add; G is 10⁹, MiB is 2²⁰.
    """
    loaded = load(spec, values=dict(settings), shape=shape)
    report_unusable(loaded)
    if loaded.findings.failed or loaded.graph is None:
        fail(loaded)
    if loaded.findings:
        print_findings(loaded.findings, loaded.sources)
    summary = summary_of(
        loaded, batch=batch, dtype=dtype, optimizer=optimizer, memory_budget=memory  # type: ignore[arg-type]
    )  # fmt: skip
    terminal = sys.stdout.isatty() and output is None
    if format_ is None:
        format_ = (
            ENDINGS.get(output.suffix, "plain") if output else "table" if terminal else "plain"
        )
    try:
        if path is not None:
            from ..report.query import get

            text = get(summary, path) + "\n"
        else:
            text = render(
                summary, format_, width=terminal_width() if terminal else None, columns=words(columns),
                depth=depth, formulas=formulas, color=terminal,
            )  # fmt: skip
    except ReportError as error:
        raise click.UsageError(str(error)) from None
    if output is None:
        click.echo(text, nl=False)
    else:
        write(output, text, force=force)


def words(columns: str | None) -> list[str] | None:
    return (
        None if columns is None else [word.strip() for word in columns.split(",") if word.strip()]
    )


def write(output: Path, text: str, *, force: bool) -> None:
    """Write a file; one that is there already only with --force."""
    try:
        with output.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise click.UsageError(f"{output} exists; overwrite it with --force") from None
    except OSError as error:
        raise click.UsageError(f"{output} cannot be written: {error.strerror}") from None
