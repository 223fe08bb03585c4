"""What the commands share when they answer: exit codes, colours, findings, files, usage errors."""

import os
import sys
from typing import IO, NoReturn

import click

from ..diagnostics import Findings
from ..spec import Loaded
from ..terminal import printable

CLEAN, FINDINGS, USAGE, UNREADABLE = 0, 1, 2, 3


def terminal_width() -> int:
    """Columns of the terminal; 80 where there is none."""
    from shutil import get_terminal_size

    return get_terminal_size().columns


def is_colored(stream: IO[str]) -> bool:
    """Whether to write colours: to a terminal, unless NO_COLOR (no-color.org) says not to."""
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return wanted and stream.isatty()


def usage_error(message: str, hint: str = "", ctx: click.Context | None = None) -> click.UsageError:
    """Something was asked for that cannot be: exit code 2, with a hint on lines of its own."""
    from textwrap import wrap

    lines = wrap(
        printable(hint), max(terminal_width() - 1, 40), initial_indent="  hint: ",
        subsequent_indent=" " * 8, break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    return click.UsageError("\n".join([printable(message), *lines]), ctx)


def fail(loaded: Loaded) -> NoReturn:
    """Print what is wrong with a spec, and exit."""
    print_findings(loaded.findings, loaded.sources)
    sys.exit(exit_code(loaded.findings))


def print_findings(findings: Findings, sources: dict[str, str]) -> None:
    """Findings, to standard error."""
    from ..diagnostics.text import render

    click.echo(render(findings, sources, color=is_colored(sys.stderr)), nl=False, err=True)


def exit_code(findings: Findings, *, strict: bool = False) -> int:
    """3 if a file could not be read, 1 if there are errors (strict: anything), else 0."""
    if any(finding.rule.name == "cannot-read" for finding in findings):
        return UNREADABLE
    return FINDINGS if findings.failed or (strict and findings) else CLEAN


def write_file(path: str, text: str, *, force: bool) -> None:
    """Write a file; one that is there already only with force. Raises click.UsageError."""
    try:
        with open(path, "w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        hint = "choose another name" if os.path.isdir(path) else "overwrite it with --force"
        raise usage_error(f"{path} exists already", hint) from None
    except OSError as error:
        raise usage_error(f"{path} cannot be written: {error.strerror}") from None
