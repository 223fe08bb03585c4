"""Options and arguments that several commands share."""

import re
import sys
from collections.abc import Callable
from typing import Any, ClassVar, NoReturn, TypeVar

import click
from click.shell_completion import CompletionItem

from ..diagnostics import Findings
from ..spec import Loaded, builtin_names

F = TypeVar("F", bound=Callable[..., Any])

CLEAN, FINDINGS, USAGE, UNREADABLE = 0, 1, 2, 3


class SpecType(click.ParamType["str"]):
    """A path to a spec, ``-``, or the name of a built-in architecture."""

    name = "spec"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        names = [CompletionItem(name) for name in builtin_names() if name.startswith(incomplete)]
        return [*names, CompletionItem(incomplete, type="file")]


class ShapeType(click.ParamType["tuple[int, ...]"]):
    """A shape such as 3x224x224."""

    name = "CxHxW"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        sizes = re.split(r"[x×,]", value.strip("[]").replace(" ", ""))
        if not 1 <= len(sizes) <= 4 or not all(re.fullmatch(r"[1-9]\d{0,8}", s) for s in sizes):
            self.fail(f"{value!r} is no shape; write channels, height, width: 3x224x224", param)
        return tuple(map(int, sizes))


class BytesType(click.ParamType["int"]):
    """An amount of memory such as 24GiB."""

    name = "bytes"
    units: ClassVar[dict[str, int]] = {
        "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
        "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
    }  # fmt: skip

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d{1,12})(?:\.(\d{1,6}))?\s*([a-z]+)", value.strip().lower())
        if not found or found[3] not in self.units:
            self.fail(f"{value!r} is no amount of memory; write for example 24GiB or 800MB", param)
        fraction = found[2] or ""
        scaled: int = int(found[1] + fraction) * self.units[found[3]]
        return scaled // int("1" + "0" * len(fraction))


class SettingType(click.ParamType["tuple[str, str]"]):
    """A parameter's value: name=value."""

    name = "name=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, equals, text = value.partition("=")
        if not equals or not name.strip() or not text.strip():
            self.fail(f"{value!r} sets nothing; write name=value: classes=10", param)
        return name.strip(), text


def spec_argument(function: F) -> F:
    return click.argument("spec", type=SpecType())(function)


def set_option(function: F) -> F:
    return click.option(
        "--set", "settings", type=SettingType(), multiple=True,
        help="Set a parameter of the spec, as the spec would write it: --set classes=10.",
    )(function)  # fmt: skip


def input_option(function: F) -> F:
    return click.option(
        "--input", "shape", type=ShapeType(), help="Another input: 3x256x320 is 256 high, 320 wide."
    )(function)


def terminal_width() -> int:
    """Columns of the terminal; 80 where there is none."""
    from shutil import get_terminal_size

    return get_terminal_size().columns


def fail(loaded: Loaded) -> NoReturn:
    """Print what is wrong with a spec, and exit."""
    print_findings(loaded.findings, loaded.sources)
    sys.exit(exit_code(loaded.findings))


def print_findings(findings: Findings, sources: dict[str, str]) -> None:
    """Findings, to standard error."""
    from ..diagnostics.text import render

    color = sys.stderr.isatty()
    click.echo(render(findings, sources, color=color), nl=False, err=True)


def exit_code(findings: Findings, *, strict: bool = False) -> int:
    """3 if a file could not be read, 1 if there are errors (strict: anything), else 0."""
    if any(finding.rule.name == "cannot-read" for finding in findings):
        return UNREADABLE
    return FINDINGS if findings.failed or (strict and findings) else CLEAN
