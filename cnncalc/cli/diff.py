"""``cnncalc diff``."""

import sys

import click

from ..analysis.difference import Side, difference
from ..analysis.summary import DTYPES
from ..api import report_unusable, summary_of
from ..report.difference import FORMATS, render
from ..spec import load
from .options import Given, SpecType, input_option, set_option
from .output import CLEAN, FINDINGS, fail, is_colored, print_findings, terminal_width


@click.command(name="diff")
@click.argument("before", metavar="A", type=SpecType())
@click.argument("after", metavar="B", type=SpecType())
@input_option
@set_option
@click.option("--batch", type=click.IntRange(1, 10**6), metavar="N", default=1,
              help="Images at a time, 1 to 1,000,000: for the memory.")  # fmt: skip
@click.option("--dtype", type=click.Choice(list(DTYPES)), default="float32", show_default=True,
              help="Type of all values.")  # fmt: skip
@click.option("--all", "every", is_flag=True,
              help="Show layers that differ only in receptive field or name, too.")  # fmt: skip
@click.option("--format", "format_", type=click.Choice(list(FORMATS)),
              help="Without it table on a terminal and plain in a pipe.")  # fmt: skip
@click.option("--exit-code", is_flag=True, help="Exit with 1 if the networks differ.")
def command(
    before: str, after: str, shape: Given, settings: tuple[tuple[str, str], ...], batch: int,
    dtype: str, every: bool, format_: str | None, exit_code: bool,
) -> None:  # fmt: skip
    """Compare two networks, layer by layer: what came, what went, what it costs.

    A and B are paths, names of built-in architectures, or paths at a git revision:
    vgg16.yaml@main, with all files that it extends and includes as they were. --input and --set
    hold for both. Numbers of layers are differences: what B has more than A.

    Exit codes: 0, also where they differ, unless --exit-code says 1; 1 findings; 3 a file cannot
    be read.
    """
    sides = []
    text = None
    for spec in (before, after):
        loaded = load(spec, values=dict(settings), shape=shape, stdin=text)
        text = loaded.sources.get("-", text)
        report_unusable(loaded)
        if loaded.findings.failed or loaded.graph is None:
            fail(loaded)
        if loaded.findings:
            print_findings(loaded.findings, loaded.sources)
        summary = summary_of(loaded, batch=batch, dtype=dtype)  # type: ignore[arg-type]
        sides.append(Side(spec, loaded.graph, summary))
    found = difference(*sides)
    terminal = sys.stdout.isatty()
    output = render(
        found, format_ or ("table" if terminal else "plain"), every=every,
        width=terminal_width() if terminal else None,
        color=terminal and is_colored(sys.stdout),
    )  # fmt: skip
    click.echo(output, nl=False)
    sys.exit(FINDINGS if exit_code and found.differs else CLEAN)
