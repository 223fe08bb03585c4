"""Arguments and options that several commands share, and how their values are read."""

import re
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import click
from click.shell_completion import CompletionItem

from ..spec import builtin_names

F = TypeVar("F", bound=Callable[..., Any])
Shape = tuple[int, ...]
#: What --input asks for: nothing, the shape of the only input, or shapes by name.
Given = Shape | dict[str, Shape] | None

# click.ParamType has a type parameter since 8.2 only, so the classes below give it none.


class SpecType(click.ParamType):  # type: ignore[type-arg]
    """A path to a spec, ``-``, or the name of a built-in architecture."""

    name = "spec"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        # Files come first: shells forget what was offered before them.
        names = [CompletionItem(name) for name in builtin_names() if name.startswith(incomplete)]
        return [CompletionItem(incomplete, type="file"), *names]


class ShapeType(click.ParamType):  # type: ignore[type-arg]
    """A shape such as 3x224x224, or that of one of several inputs: left=1x105x105."""

    name = "shape"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Shape]:
        if isinstance(value, tuple):
            return value
        name, _, text = value.rpartition("=")
        sizes = re.split(r"[x×,]", text.strip("[] ").replace(" ", ""))
        if not 1 <= len(sizes) <= 4 or not all(re.fullmatch(r"0*[1-9]\d{0,8}", s) for s in sizes):
            self.fail(f"{value!r} is no shape; write channels, height, width: 3x224x224", param)
        return name.strip(), tuple(map(int, sizes))


class BytesType(click.ParamType):  # type: ignore[type-arg]
    """An amount of memory such as 24GiB."""

    name = "size"
    units: ClassVar[dict[str, int]] = {
        "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
        "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
    }  # fmt: skip

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d{1,6})(?:\.(\d{1,6}))?\s*([a-z]+)", value.strip().lower())
        if not found or found[3] not in self.units:
            self.fail(f"{value!r} is no amount of memory; write for example 24GiB or 800MB", param)
        fraction = found[2] or ""
        scaled: int = int(found[1] + fraction) * self.units[found[3]]
        return scaled // int("1" + "0" * len(fraction))


class SettingType(click.ParamType):  # type: ignore[type-arg]
    """A parameter's value: name=value."""

    name = "setting"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, equals, text = value.partition("=")
        if not equals or not name.strip() or not text.strip():
            self.fail(f"{value!r} sets nothing; write name=value: classes=10", param)
        return name.strip(), text


class BudgetType(click.ParamType):  # type: ignore[type-arg]
    """A limit such as params<=5M."""

    name = "limit"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from ..analysis.budget_option import parse_growth_option, parse_option
        from ..analysis.limit import LimitError

        if not isinstance(value, str):
            return value
        try:
            return (parse_growth_option if self.growth else parse_option)(value)
        except LimitError as error:
            self.fail(f"{error.message}; {error.hint}" if error.hint else error.message, param)

    growth = False


class GrowthType(BudgetType):
    """A limit of growth such as 2% or params=2%."""

    growth = True


class JobsType(click.ParamType):  # type: ignore[type-arg]
    """A number of processes; None is auto."""

    name = "jobs"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | None:
        if value == "auto" or isinstance(value, int):
            return None if value == "auto" else value
        if not re.fullmatch(r"0*[1-9]\d{0,2}", value):
            self.fail(f"{value!r} is no number of processes; allowed: auto, or 1 to 999", param)
        return int(value)


class ColumnsType(click.ParamType):  # type: ignore[type-arg]
    """Keys of columns, with commas between them."""

    name = "keys"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> list[str]:
        if isinstance(value, list):
            return value
        return [key.strip() for key in value.split(",") if key.strip()]

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from ..report.columns import COLUMNS

        *chosen, last = incomplete.split(",")
        return [
            CompletionItem(",".join([*chosen, key]), help=column.doc)
            for key, column in COLUMNS.items()
            if key.startswith(last) and key not in chosen
        ]


def given_shapes(
    ctx: click.Context, param: click.Parameter, value: tuple[tuple[str, Shape], ...]
) -> Given:
    """What all --input together say."""
    named = dict(value)
    if not named:
        return None
    if len(named) < len(value) or ("" in named and len(named) > 1):
        raise click.BadParameter(
            "several shapes are given; name the input of each: left=1x105x105", ctx, param
        )
    return named.get("", named)


def spec_argument(function: F) -> F:
    return click.argument("spec", type=SpecType())(function)


def set_option(function: F) -> F:
    return click.option(
        "--set", "settings", type=SettingType(), metavar="NAME=VALUE", multiple=True,
        help="Set a parameter of the spec, as the spec would write it: classes=10. Repeatable.",
    )(function)  # fmt: skip


def input_option(function: F) -> F:
    return click.option(
        "--input", "shape", type=ShapeType(), metavar="[NAME=]CxHxW", multiple=True,
        callback=given_shapes,
        help="Another input: 3x256x320 is 256 high, 320 wide. "
        "Of several inputs, one by its name: left=1x80x80. Repeatable.",
    )(function)  # fmt: skip
