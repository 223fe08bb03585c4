"""``cnncalc check``."""

import sys

import click

from ..api import Checked, check_specs
from ..diagnostics import Findings
from ..spec import spec_files
from .options import SpecType, set_option
from .output import exit_code, is_colored, usage_error


@click.command(name="check")
@click.argument("paths", metavar="PATH...", type=SpecType(), nargs=-1, required=True)
@click.option("--strict", is_flag=True, help="Let warnings and notes fail, too.")
@click.option("--notes", is_flag=True, help="Show notes: lost rows, shifted merges.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text",
              show_default=True, help="json: a list of all findings, for programs.")  # fmt: skip
@set_option
def command(
    paths: tuple[str, ...], strict: bool, notes: bool, format_: str,
    settings: tuple[tuple[str, str], ...],
) -> None:  # fmt: skip
    """Check specs: every mistake of every file in one run, at file:line:column.

    A PATH is a file, a folder (all *.yaml and *.yml below it), - for standard input, or a
    built-in name. What a spec expects of itself (expect:) is enforced.

    Exit codes: 0 clean; 1 errors, with --strict also warnings and notes; 3 a file cannot be
    read.
    """
    for path in paths:
        if not spec_files([path]):
            raise usage_error(f"there is no spec (*.yaml, *.yml) in {path}")
    checked = check_specs(spec_files(paths), dict(settings))
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

    text = render(shown, checked.sources, color=is_colored(sys.stdout)).rstrip("\n")
    count = len(checked.specs)
    hidden = len(checked.findings) - len(shown)
    text += f" ({count:,} spec{'s' * (count != 1)} checked"
    text += f"; {hidden:,} note{'s' * (hidden != 1)} with --notes)" if hidden else ")"
    click.echo(text)
