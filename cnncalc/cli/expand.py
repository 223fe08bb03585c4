"""``cnncalc expand``."""

import click

from ..api import report_unusable
from ..diagnostics.located import plain
from ..spec import load
from ..spec.flat import flat
from .options import Given, input_option, set_option, spec_argument
from .output import fail


@click.command(name="expand")
@spec_argument
@input_option
@set_option
def command(spec: str, shape: Given, settings: tuple[tuple[str, str], ...]) -> None:
    """Print a spec flat: every layer with its name, no blocks, repeats or other files."""
    loaded = load(spec, values=dict(settings), shape=shape)
    report_unusable(loaded)
    if loaded.findings.failed or loaded.graph is None:
        fail(loaded)
    expect = {} if shape or settings else plain(loaded.expect)
    click.echo(flat(loaded.graph, loaded.citation, expect), nl=False)
