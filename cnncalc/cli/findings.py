"""How ``cnncalc check`` reports: to the terminal, to the log of CI, to a file."""

import os
import sys

import click

from .. import __version__
from ..api import Checked
from ..diagnostics import Findings
from ..diagnostics.checkout import Checkout
from ..diagnostics.formats import ENDINGS, choose, render
from .output import is_colored, write_file


def report(
    checked: Checked, *, notes: bool, strict: bool, format_: str | None, output: str | None,
    force: bool,
) -> None:  # fmt: skip
    """Print findings, in a format or as the place wants them; with an output, write them there in
    the format, or that of its ending, and print them as the place wants them.

    Notes are left out without ``notes`` or ``strict``, but not in JSON.
    """
    if output in (None, "-"):
        shown = choose(format_ or "auto", os.environ)
        click.echo(text(checked, shown, notes=notes, strict=strict), nl=False)
        return
    assert output is not None
    ending = os.path.splitext(output)[1].lower()
    wanted = choose(format_ or ENDINGS.get(ending, "text"), {})
    usual = choose("auto", os.environ)
    click.echo(text(checked, usual, notes=notes, strict=strict), nl=False)
    written = text(checked, wanted, notes=notes, strict=strict, color=False)
    write_file(output, written, force=force)


def text(
    checked: Checked, format_: str, *, notes: bool, strict: bool, color: bool | None = None
) -> str:
    """The report in a format; in colours where standard output has them, unless told."""
    shown = Findings(
        finding for finding in checked.findings
        if strict or notes or finding.severity != "note" or format_ == "json"
    )  # fmt: skip
    return render(
        format_, shown, checked.sources,
        color=is_colored(sys.stdout) if color is None else color,
        specs=checked.specs, hidden=len(checked.findings) - len(shown), strict=strict,
        checkout=Checkout.around(os.getcwd(), os.environ), version=__version__,
        rules_page=rules_page() if format_ == "sarif" else "",
    )  # fmt: skip


def rules_page() -> str:
    """Where the package says that its documentation is; "" where it does not."""
    from importlib.metadata import PackageNotFoundError, metadata

    try:
        addresses = metadata("cnncalc").get_all("Project-URL") or []
    except PackageNotFoundError:
        return ""
    named = dict(address.split(", ", 1) for address in addresses)
    return f"{named['Documentation']}/rules.md" if "Documentation" in named else ""
