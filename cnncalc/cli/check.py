"""``cnncalc check``."""

import sys

import click

from ..analysis.budget import Budget, joined
from ..api import check_specs
from ..checking import Wanted
from ..diagnostics.formats import FORMATS
from ..jobs import automatic
from ..spec import spec_files
from ..terminal import printable
from .findings import report
from .options import BudgetType, GrowthType, JobsType, SpecType, set_option
from .output import exit_code, print_findings, usage_error
from .rule_options import rule_options


@click.command(name="check")
@click.argument("paths", metavar="PATH...", type=SpecType(), nargs=-1, required=True)
@click.option("--strict", is_flag=True, help="Let warnings and notes fail, too.")
@click.option("--notes", is_flag=True, help="Show notes: lost rows, shifted merges.")
@click.option("--format", "format_", type=click.Choice(list(FORMATS)),
              help="Without it auto: github in GitHub Actions, else text. With --output as the "
              "ending of FILE says.")  # fmt: skip
@click.option("-o", "--output", metavar="FILE",
              help="Write to a file that is not there yet, in the format; text, or annotations in "
              "GitHub Actions, is printed beside it.")  # fmt: skip
@click.option("--force", is_flag=True, help="Let --output overwrite a file.")
@click.option(
    "--budget",
    "budgets",
    type=BudgetType(),
    metavar="LIMIT",
    multiple=True,
    help="A limit for all specs: params<=5M, 'peak_bytes <= 12 MiB', "
    "'training_bytes(batch=32) <= 8GiB', 'layers stage4.*: macs <= 1G'. Repeatable.",
)
@click.option(
    "--baseline",
    metavar="REV",
    help="Compare with the files at a git revision: no number may grow by more than "
    "--max-growth, or what expect and the configuration say.",
)
@click.option(
    "--max-growth",
    type=GrowthType(),
    metavar="LIMIT",
    multiple=True,
    help="How much may grow against --baseline: 2%, params=2%, macs=10M. Without any, "
    "nothing. Repeatable.",
)
@click.option(
    "--jobs",
    type=JobsType(),
    metavar="N",
    default="auto",
    show_default=True,
    help="How many processes; auto: as many as there are cores, for many specs.",
)
@click.option(
    "--fix",
    "fixing",
    is_flag=True,
    help="Repair what has one safe fix, in the files; all else in them stays as it is.",
)
@click.option("--diff", is_flag=True, help="With --fix: show what would change, write nothing.")
@rule_options
@set_option
def command(
    paths: tuple[str, ...], strict: bool, notes: bool, format_: str | None, output: str | None,
    force: bool, budgets: tuple[Budget, ...], baseline: str | None,
    max_growth: tuple[Budget, ...], jobs: int | None, fixing: bool, diff: bool,
    select: tuple[str, ...], ignore: tuple[str, ...], settings: tuple[tuple[str, str], ...],
) -> None:  # fmt: skip
    """Check specs: every mistake of every file in one run, at file:line:column.

    A PATH is a file, a folder (all *.yaml and *.yml below it), - for standard input, or a
    built-in name. What a spec expects of itself (expect:) is enforced, and so are the budgets
    of the nearest cnncalc.toml or [tool.cnncalc] in pyproject.toml.

    Exit codes: 0 clean; 1 errors, with --strict also warnings and notes; 3 a file cannot be
    read.
    """
    for path in paths:
        if not spec_files([path]):
            raise usage_error(f"there is no spec (*.yaml, *.yml) in {path}")
    if max_growth and baseline is None:
        raise usage_error("--max-growth says nothing without --baseline", "--baseline main")
    specs = spec_files(paths)
    wanted = Wanted(dict(settings), joined((*budgets, *max_growth)), baseline, select, ignore)
    if diff and not fixing:
        raise usage_error("--diff shows what --fix would do", "--fix --diff")
    if fixing:
        from .fixes import fix

        wanted = fix(specs, wanted, diff=diff, alone=not (format_ or output))
    checked = check_specs(specs, wanted, jobs=jobs or automatic(len(specs)))
    if fixing and "-" in specs:
        print_findings(checked.findings, checked.sources)
        sys.exit(exit_code(checked.findings, strict=strict))
    report(
        checked,
        notes=notes or bool(select),
        strict=strict,
        format_=format_,
        output=output,
        force=force,
    )
    for spec, reason in checked.no_baseline.items():
        click.echo(printable(f"{spec} is not compared with {baseline}: {reason}"), err=True)
    sys.exit(exit_code(checked.findings, strict=strict))
