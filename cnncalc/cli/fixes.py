"""``cnncalc check --fix``: repair specs, show the difference, write the files."""

import os
import sys
from collections.abc import Sequence
from difflib import unified_diff

import click

from ..checking import Wanted
from ..diagnostics import Diagnostic, Edit, Findings
from ..diagnostics.text import position
from ..fixing import Repairs, repair
from ..spec.edits import apply
from ..spec.text_file import MAX_BYTES, decode
from ..terminal import printable
from .output import print_findings, usage_error

BOM = b"\xef\xbb\xbf"


class NotWritten(Exception):
    """A file that stays as it is, and why."""


def fix(specs: Sequence[str], wanted: Wanted, *, diff: bool, alone: bool) -> Wanted:
    """Repair what can be repaired, in the files or, with diff, on paper; say what was done on
    standard error. What comes back is to be checked then.

    The text of standard input goes to standard output; ``alone`` is whether nothing else does.
    """
    piped = b""
    if "-" in specs:
        if len(specs) > 1 or not alone:
            message = "with --fix, the text of - goes to standard output, and nothing else can"
            raise usage_error(message, "leave out --format and --output, and name no other spec")
        piped = sys.stdin.buffer.read(MAX_BYTES + 1)
        findings = Findings()
        text = decode("-", piped, findings)
        if text is None:
            print_findings(findings, {})
            sys.exit(3)
        wanted = wanted._replace(texts={"-": text})
    repairs = repair(specs, wanted)
    say(repairs, diff=diff)
    if diff:
        click.echo("".join(difference(repairs)), nl=False)
        return wanted
    for path, steps in repairs.edits.items():
        if path == "-":
            continue
        try:
            write(path, repairs.before[path], steps)
        except (NotWritten, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            click.echo(printable(f"{path} is not written: {reason}"), err=True)
    if "-" in specs:
        sys.stdout.buffer.write(edited(piped, repairs.edits.get("-", [])))
        return wanted._replace(texts={**wanted.texts, **repairs.texts})
    return wanted


def say(repairs: Repairs, *, diff: bool) -> None:
    """What was fixed, and what was not and why, on standard error."""
    for finding in sorted(repairs.fixed, key=position):
        assert finding.fix is not None
        done = "would fix" if diff else "fixed"
        note(finding, f"{done}: {finding.message}; {finding.fix.text}")
    for finding, found in repairs.refused:
        assert finding.fix is not None
        new = f"{found.rule.code} {found.message}"
        note(finding, f"left: {finding.message}; with the fix ({finding.fix.text}) there is {new}")
    count, files = len(repairs.fixed), len(repairs.edits)
    what = f"{count:,} finding{'s' * (count != 1)} in {files:,} file{'s' * (files != 1)}"
    click.echo(f"{'would fix' if diff else 'fixed'} {what if count else 'nothing'}", err=True)


def note(finding: Diagnostic, text: str) -> None:
    span = finding.span
    place = f"{span.path}:{span.line}:{span.column}: " if span else ""
    click.echo(printable(f"{place}{finding.rule.code} {text}"), err=True)


def difference(repairs: Repairs) -> list[str]:
    """The changes as a unified diff."""
    lines: list[str] = []
    for path, after in repairs.texts.items():
        before = repairs.before[path]
        for line in unified_diff(
            before.splitlines(keepends=True), after.splitlines(keepends=True), path, path
        ):
            lines += [line] if line.endswith("\n") else [line, "\n\\ No newline at end of file\n"]
    return lines


def write(path: str, before: str, steps: Sequence[Sequence[Edit]]) -> None:
    """Write the edited file in one step, with the permissions it had. Raises NotWritten for a
    file that may not be written, is elsewhere, or is not what was checked; and OSError."""
    from tempfile import NamedTemporaryFile

    real, folder = os.path.realpath(path), os.path.realpath(os.path.dirname(path) or ".")
    if os.path.commonpath([real, folder]) != folder:
        raise NotWritten(f"it is a link to {real}, outside its folder")
    if not os.access(real, os.W_OK):
        raise NotWritten("permission denied")
    with open(real, "rb") as file:
        data = file.read()
    if decode(path, data, Findings()) != before:
        raise NotWritten("it changed while it was checked")
    with NamedTemporaryFile(dir=os.path.dirname(real), prefix=".cnncalc-", delete=False) as new:
        try:
            new.write(edited(data, steps))
            new.flush()
            os.fsync(new.fileno())
            status = os.stat(real)
            os.chmod(new.name, status.st_mode & 0o7777)
            os.replace(new.name, real)
        except BaseException:
            os.unlink(new.name)
            raise


def edited(data: bytes, steps: Sequence[Sequence[Edit]]) -> bytes:
    """The bytes of a file with its edits, step by step; all else stays, byte for byte."""
    text = data.decode("utf-8-sig")
    for edits in steps:
        text = apply(text, edits)
    return (BOM if data.startswith(BOM) else b"") + text.encode()
