"""``cnncalc summarize``."""

import sys

import click

from ..analysis.notes import notes
from ..analysis.summary import DTYPES, OPTIMIZERS
from ..api import report_unusable, summary_of
from ..diagnostics import Findings
from ..report import FORMATS, ReportError, render
from ..spec import load
from .convention import ConventionType, reconciliation
from .options import BytesType, ColumnsType, Given, input_option, set_option, spec_argument
from .output import fail, is_colored, print_findings, terminal_width, usage_error, write_file
from .prediction import prediction

#: What a file's ending says of its format.
ENDINGS = {".md": "markdown", ".csv": "csv", ".json": "json", ".tex": "latex", ".html": "html"}


class SummarizeCommand(click.Command):
    """The command, with a help that lists the columns."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from ..report.columns import COLUMNS

        with formatter.section("Columns (--columns all shows every one)"):
            formatter.write_dl([(key, column.doc) for key, column in COLUMNS.items()])


@click.command(name="summarize", cls=SummarizeCommand)
@spec_argument
@input_option
@set_option
@click.option("--batch", type=click.IntRange(1, 10**6), metavar="N", default=1,
              help="Images at a time: what memory is counted for.")  # fmt: skip
@click.option("--dtype", type=click.Choice(list(DTYPES)), default="float32", show_default=True,
              help="Type of all values.")  # fmt: skip
@click.option("--optimizer", type=click.Choice(list(OPTIMIZERS)), default="sgd", show_default=True,
              help="Whose state is kept in training.")  # fmt: skip
@click.option("--memory", type=BytesType(), metavar="SIZE",
              help="Find the largest batch that fits into 24GiB or 800MB.")  # fmt: skip
@click.option("--columns", type=ColumnsType(), metavar="KEYS",
              help="The columns to show, with commas: name,output,macs.")  # fmt: skip
@click.option("--depth", type=click.IntRange(1), metavar="N",
              help="Fold blocks: one row for all names that share N parts.")  # fmt: skip
@click.option("--formulas", is_flag=True, help="The lecture's view: each row with its arithmetic.")
@click.option("--convention", type=ConventionType(), metavar="TOOL",
              help="What another tool counts, as a ledger from the exact MACs to its figure: "
              "torchinfo, fvcore, thop, ptflops, ptflops-aten, onnx-tool, calflops, torch."
              )  # fmt: skip
@click.option("--machine", is_flag=True,
              help="The least time of each layer on this machine, by its own ceilings (measured "
              "once, then kept), as cnncalc bench would fuse them: nothing is run.")  # fmt: skip
@click.option("--format", "format_", type=click.Choice(list(FORMATS)),
              help="As the ending of the --output file says, else table on a terminal and plain "
              "in a pipe.")  # fmt: skip
@click.option("--get", "path", metavar="PATH",
              help="Print one value: totals.macs, layers.conv1_1.output.")  # fmt: skip
@click.option("-o", "--output", metavar="FILE", help="Write to a file that is not there yet.")
@click.option("--force", is_flag=True, help="Let --output overwrite a file.")
def command(
    spec: str, shape: Given, settings: tuple[tuple[str, str], ...], batch: int, dtype: str,
    optimizer: str, memory: int | None, columns: list[str] | None, depth: int | None,
    formulas: bool, convention: str | None, machine: bool, format_: str | None, path: str | None,
    output: str | None, force: bool,
) -> None:  # fmt: skip
    """Print the table of a network: shapes, params, MACs, memory, receptive fields.

    SPEC is a path, - for standard input, or the name of a built-in architecture (cnncalc list).
    Counts are for one image; 1 MAC is one multiply and one add; G is 10^9, MiB is 2^20.
    """
    if path is not None and (columns is not None or depth or formulas or format_):
        hint = "leave out --columns, --depth, --formulas and --format"
        raise usage_error("--get prints one value, not a table", hint)
    loaded = load(spec, values=dict(settings), shape=shape)
    report_unusable(loaded)
    if loaded.findings.failed or loaded.graph is None:
        fail(loaded)
    notes(loaded.graph, loaded.findings)
    warnings = Findings(one for one in loaded.findings if one.severity == "warning")
    if warnings:
        print_findings(warnings, loaded.sources)
    summary = summary_of(
        loaded, batch=batch, dtype=dtype, optimizer=optimizer, memory_budget=memory  # type: ignore[arg-type]
    )  # fmt: skip
    to_file = output not in (None, "-")
    terminal = sys.stdout.isatty() and not to_file
    predicted = prediction(loaded, batch) if machine else None
    ledger = reconciliation(loaded, convention) if convention else None
    width = terminal_width() if terminal else None
    try:
        if path is not None:
            from ..report.query import get

            text = get(predicted or ledger or summary, path) + "\n"
        elif predicted:
            from ..report.prediction import render as render_prediction

            text = render_prediction(predicted, format_ or usual_format(output, terminal), width)
        elif ledger:
            from ..report.convention import render as render_ledger

            text = render_ledger(ledger, format_ or usual_format(output, terminal), width)
        else:
            text = render(
                summary, format_ or usual_format(output, terminal), columns=columns, depth=depth,
                formulas=formulas, width=width,
                color=terminal and is_colored(sys.stdout),
            )  # fmt: skip
    except ReportError as error:
        raise usage_error(error.message, error.hint) from None
    if output is not None and to_file:
        write_file(output, text, force=force)
    else:
        click.echo(text, nl=False)


def usual_format(output: str | None, terminal: bool) -> str:
    """The format where --format says none."""
    if terminal:
        return "table"
    ending = output[output.rfind(".") :].lower() if output and "." in output else ""
    return ENDINGS.get(ending, "plain")
