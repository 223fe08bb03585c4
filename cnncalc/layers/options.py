"""The types that layer options are made of, and how text from a spec becomes them.

A field of a layer class *is* the documentation, the check and the schema of an option:
its type says what is allowed, ``msgspec`` enforces it (strictly: ``"64"`` and ``2.7`` are
no whole numbers), and the ``symbol`` is the letter the papers use for it in formulas.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta

from .errors import LayerError

if TYPE_CHECKING:
    from .layer import Layer

# No fixed-length tuple may stand in a union with a bounded int here: msgspec 0.22 corrupts memory
# on `Annotated[int, Meta(ge=0)] | tuple[int, int]`. A bounded `tuple[int, ...]` says the same and
# is safe; a test keeps it so.
Count = Annotated[int, Meta(ge=1, le=2**40, description="a whole number, 1 or more")]
Size = Annotated[int, Meta(ge=0, le=2**40, description="a whole number, 0 or more")]
Integer = Annotated[int, Meta(ge=-(2**40), le=2**40, description="a whole number")]
Number = Annotated[float, Meta(description="a number")]
Probability = Annotated[float, Meta(ge=0, le=1, description="a number from 0 to 1")]
Sides = Annotated[tuple[Size, ...], Meta(min_length=2, max_length=2, description="[before, after]")]
PerAxis = Annotated[
    Count | tuple[Count, ...],
    Meta(description="a whole number, 1 or more, or one for each spatial axis"),
]
Padding = Annotated[
    Size | Literal["half", "same", "valid"] | tuple[Size | Sides, ...],
    Meta(
        description="a whole number, 0 or more; or one, or [before, after], for each spatial "
        "axis; or half, same or valid"
    ),
]


def option(text: str, *, symbol: str = "", per_axis: bool = False) -> Meta:
    """Describe one option: a line of documentation and the symbol it has in formulas.

    ``per_axis`` options take one value for all spatial axes or a list with one for each;
    after `decode` they are always a tuple with one value per axis.
    """
    return Meta(title=text, extra={"symbol": symbol, "per_axis": per_axis})


class Option(msgspec.Struct, frozen=True):
    """What is known of one option of a layer kind."""

    name: str
    type: Any
    text: str
    symbol: str
    per_axis: bool
    required: bool
    default: Any
    allowed: str


_OPTIONS: dict[type, dict[str, Option]] = {}


def options(kind: type["Layer"]) -> dict[str, Option]:
    """The options of a layer class, in the order of its fields."""
    if kind not in _OPTIONS:
        _OPTIONS[kind] = {field.name: _option(field) for field in msgspec.structs.fields(kind)}
    return _OPTIONS[kind]


def _option(field: msgspec.structs.FieldInfo) -> Option:
    meta = {"symbol": "", "per_axis": False}
    text = ""
    kind = field.type
    if get_origin(kind) is Annotated:
        for item in kind.__metadata__:
            if isinstance(item, Meta) and item.title:
                text = item.title
                meta |= item.extra or {}
    return Option(
        name=field.name,
        type=kind,
        text=text,
        symbol=str(meta["symbol"]),
        per_axis=bool(meta["per_axis"]),
        required=field.required,
        default=None if field.required else field.default,
        allowed=describe(kind),
    )


def describe(kind: Any) -> str:
    """What values a type allows, in words."""
    if get_origin(kind) is Annotated:
        for item in reversed(kind.__metadata__):
            if isinstance(item, Meta) and item.description:
                return item.description
        return describe(get_args(kind)[0])
    if get_origin(kind) is Literal:
        return " or ".join(get_args(kind))
    if kind is bool:
        return "true or false"
    if kind is type(None):
        return ""
    if get_origin(kind) is tuple:
        return f"a list, each item {describe(get_args(kind)[0])}"
    if kind is str:
        return "a text"
    parts = [describe(part) for part in get_args(kind)] or [getattr(kind, "__name__", str(kind))]
    return ", or ".join(part for part in parts if part)


def decode(
    kind: type["Layer"], values: Mapping[str, Any]
) -> tuple["Layer | None", list[LayerError]]:
    """Make a layer of a kind from option values: the layer, or every error there is.

    Each option is converted by itself, because ``msgspec`` stops at an object's first error.
    """
    known = options(kind)
    errors = []
    fields: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            errors.append(
                LayerError(
                    "unknown-option",
                    f"{kind.kind} has no option {name}",
                    option=name,
                    choices=tuple(known),
                )
            )
            continue
        try:
            fields[name] = convert(known[name], value, kind.spatial)
        except LayerError as error:
            errors.append(error)
    for entry in known.values():
        if entry.required and entry.name not in values:
            errors.append(LayerError("missing-option", f"{kind.kind} needs {entry.name}"))
        elif entry.per_axis and entry.name not in values and isinstance(entry.default, int):
            fields[entry.name] = (entry.default,) * (kind.spatial or 1)
    if errors:
        return None, errors
    layer = kind(**fields)
    try:
        layer.validate()
    except LayerError as error:
        return None, [error]
    return layer, []


def convert(entry: Option, value: Any, spatial: int | None) -> Any:
    """The value of one option as its layer has it. Raises LayerError if it is not allowed."""
    try:
        converted = msgspec.convert(_whole(value), entry.type)
    except (msgspec.ValidationError, OverflowError):
        message = f"{entry.name} is {show(value)}; allowed: {entry.allowed}"
        raise LayerError("bad-value", message, hint=_hint(value), option=entry.name) from None
    if not entry.per_axis or converted is None or isinstance(converted, str):
        return converted
    axes = spatial or 1
    if not isinstance(converted, tuple):
        return (converted,) * axes
    if len(converted) != axes:
        raise LayerError(
            "bad-value",
            f"{entry.name} has {len(converted)} values, {show(value)}; "
            f"allowed: one value, or {axes}, one for each spatial axis",
            option=entry.name,
        )
    return converted


def _whole(value: Any) -> Any:
    """A whole float counts as whole: ``32 * 1.0`` channels are 32 channels."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list | tuple):
        return [_whole(item) for item in value]
    return value


def _hint(value: Any) -> str:
    if isinstance(value, str) and value.replace(".", "", 1).isdecimal():
        return f"quoted is text; write {value} without the quotes"
    return "no size is larger than 2 ** 40" if isinstance(value, int) and value > 2**40 else ""


def show(value: Any) -> str:
    """A value as it would be written in a spec; a long one as what it is."""
    if isinstance(value, list | tuple) and len(value) > 20:
        return f"a list of {len(value):,} values"
    if isinstance(value, str) and len(value) > 100:
        return f"a text of {len(value):,} characters"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'the text "{value}"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(show(item) for item in value) + "]"
    if isinstance(value, int) and value.bit_length() > 200:
        return f"a number of {value.bit_length()} bits"
    return str(value)
