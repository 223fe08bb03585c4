"""``cnncalc sizes``."""

import sys

import click

from ..analysis.portability import ports
from ..analysis.sizes import AXIS_WORDS, axes_of, survey
from ..api import report_unusable
from ..diagnostics import Findings
from ..graph import Graph
from ..spec import load
from .options import Given, input_option, set_option, spec_argument
from .output import fail, print_findings, terminal_width, usage_error

MOST = 16_384


@click.command(name="sizes")
@spec_argument
@input_option
@set_option
@click.option("--from", "first", type=click.IntRange(1, MOST), metavar="N", default=1,
              help="The first size to report on, 1 or more.")  # fmt: skip
@click.option("--to", "last", type=click.IntRange(1, MOST), metavar="N",
              help=f"The last one, up to {MOST:,}. Without it 1,024.")  # fmt: skip
@click.option("--axis", type=click.Choice(list(AXIS_WORDS.values())),
              help="Vary this axis only; the others are as in the input.")  # fmt: skip
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text",
              show_default=True, help="json: all there is, size by size.")  # fmt: skip
def command(
    spec: str, shape: Given, settings: tuple[tuple[str, str], ...], first: int, last: int | None,
    axis: str | None, format_: str,
) -> None:  # fmt: skip
    """Find the inputs that a network can take, and those that fit it.

    SPEC is a path, - for standard input, or the name of a built-in architecture. Square inputs
    of every size are tried, or, with --axis, the input with every height or width: which are
    legal, which lose no rows or columns in any layer and leave merges aligned, and for the
    others which layer loses what. Then, for the input itself, where Caffe, TensorFlow and ONNX
    would place windows otherwise.
    """
    loaded = load(spec, values=dict(settings), shape=shape)
    report_unusable(loaded)
    graph = loaded.graph
    if loaded.findings.failed or graph is None:
        fail(loaded)
    if loaded.findings:
        print_findings(loaded.findings, loaded.sources)
    words = axes_of(graph)
    if not words or (axis and axis not in words):
        hint = f"allowed: {', '.join(sorted(words))}" if words else ""
        raise usage_error(f"the input has no {axis or 'height or width'} to vary", hint)
    text = loaded.sources.get("-")

    def rebuild(inputs: dict[str, tuple[int, ...]]) -> Graph | Findings:
        again = load(spec, values=dict(settings), shape=inputs, stdin=text)
        return again.graph or again.findings

    last = last or 1024
    if first > last:
        raise usage_error(f"--from {first:,} is more than --to {last:,}")
    found = survey(graph, rebuild, first=first, last=last, axis=axis, source=loaded.citation)
    if format_ == "json":
        from ..report.sizes import render_json

        click.echo(render_json(found, ports(graph)), nl=False)
    else:
        from ..report.sizes import render

        width = terminal_width() if sys.stdout.isatty() else None
        click.echo(render(found, ports(graph), width), nl=False)
