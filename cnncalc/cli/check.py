"""``cnncalc check``."""

import sys

import click

from ..api import Checked, check_specs
from ..diagnostics import Findings
from ..spec import spec_files
from .options import SpecType, exit_code, set_option


@click.command(name="check")
@click.argument("paths", type=SpecType(), nargs=-1, required=True)
@click.option("--strict", is_flag=True, help="Let warnings and notes fail, too.")
@click.option("--notes", is_flag=True, help="Show notes: lost rows, shifted merges.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text")
@set_option
def command(
    paths: tuple[str, ...], strict: bool, notes: bool, format_: str,
    settings: tuple[tuple[str, str], ...],
) -> None:  # fmt: skip
    """Check specs: every mistake of every file in one run, at file:line:column.

    PATHS are files, folders (all *.yaml below), - for standard input, or built-in names. What a
    spec expects of itself (expect:) is enforced. Exit code 0: clean; 1: errors, with --strict
    also warnings and notes; 3: a file cannot be read.
    """
    specs = spec_files(paths)
    if not specs:
        raise click.UsageError("there are no specs (*.yaml) in " + ", ".join(paths))
    checked = check_specs(specs, dict(settings))
    shown = Findings(
        finding for finding in checked.findings
        if strict or notes or finding.severity != "note" or format_ == "json"
    )  # fmt: skip
    if format_ == "json":
        from ..diagnostics.json import render as render_json

        click.echo(render_json(shown), nl=False)
    else:
        print_report(checked, shown)
    sys.exit(exit_code(checked.findings, strict=strict))


def print_report(checked: Checked, shown: Findings) -> None:
    """The findings, and how many specs were checked."""
    from ..diagnostics.text import render

    color = sys.stdout.isatty()
    text = render(shown, checked.sources, color=color).rstrip("\n")
    count = len(checked.specs)
    hidden = len(checked.findings) - len(shown)
    text += f" ({count:,} spec{'s' * (count != 1)} checked"
    text += f"; {hidden:,} note{'s' * (hidden != 1)} with --notes)" if hidden else ")"
    click.echo(text)
