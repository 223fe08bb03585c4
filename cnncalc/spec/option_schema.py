"""JSON Schema of what stands behind a layer kind: its options, from the fields of its class.

A scalar of a spec may always be an expression, which YAML reads as text, or the name itself, which
it reads as nothing. So the types of an option are those of its field, text and null, in one flat
schema: a keyword of JSON Schema binds only values of its own type.
"""

from inspect import cleandoc
from typing import Any

from msgspec import inspect

from ..layers import Layer, options
from ..layers.options import Option, show

Schema = dict[str, Any]

#: Text that is no number: YAML reads a plain number as one, so such a text is a quoted number.
NO_QUOTED_NUMBER: Schema = {
    "pattern": r"^(?![-+]?[0-9]+(\.[0-9]+)?$)",
    "patternErrorMessage": "a quoted number is a text: write it without the quotes",
}

#: What a column, a parameter or an argument of a block may be: anything but a mapping.
VALUE: Schema = {
    "type": ["number", "boolean", "string", "array", "null"],
    "items": {"$ref": "#/$defs/item"},
}
#: An item of a list. It has no name that it could stand for.
ITEM: Schema = {**VALUE, "type": ["number", "boolean", "string", "array"]}


def kind_schema(kind: type[Layer]) -> Schema:
    """The options of a kind as a mapping; nothing at all, if none is required."""
    known = options(kind)
    required = [option.name for option in known.values() if option.required]
    schema: Schema = {
        "title": f"options of {kind.kind}",
        "description": description(kind),
        "markdownDescription": description(kind, markdown=True),
        "type": "object" if required else ["object", "null"],
        "properties": {name: option_schema(option, kind.spatial) for name, option in known.items()},
        "additionalProperties": False,
    }
    return schema | ({"required": required} if required else {})


def description(kind: type[Layer], *, markdown: bool = False) -> str:
    """The first paragraph of a kind's documentation; in Markdown also an example."""
    first = " ".join(cleandoc(kind.__doc__ or "").partition("\n\n")[0].split())
    if not markdown:
        return first.replace("``", "")
    text = first.replace("``", "`")
    is_own = kind.example.lstrip("{- ").startswith(kind.kind)
    return f"{text}\n\n```yaml\n- {kind.example}\n```" if kind.example and is_own else text


def option_schema(option: Option, spatial: int | None) -> Schema:
    """One option: its type or an expression, what it is, its default."""
    schema = value_schema(option.type)
    types = schema.pop("type")
    if option.per_axis and "array" in types:
        schema |= {"minItems": spatial or 1, "maxItems": spatial or 1}
    words = schema.pop("enum", [])
    what = option.text + (f" ({option.symbol})" if option.symbol else "")
    allowed = f"{option.allowed}; or an expression"
    schema = {
        "description": ". ".join(filter(None, [what, allowed[0].upper() + allowed[1:]])),
        "type": [*types, "string", "null"],
        **schema,
        **NO_QUOTED_NUMBER,
    }
    if option.default is not None:
        schema["default"] = option.default
    if words:
        schema["examples"] = words
    if option.per_axis:  # an editor would offer a list
        shown = show(option.default) if isinstance(option.default, int) else ""
        schema["defaultSnippets"] = [{"label": shown or "one value", "body": f"${{1:{shown}}}"}]
    return schema


def value_schema(kind: Any) -> Schema:
    """The literal values of a field's type, flat: ``type`` is a list."""
    return flat(inspect.type_info(kind))


def flat(info: inspect.Type) -> Schema:
    match info:
        case inspect.Metadata():
            return flat(info.type)
        case inspect.UnionType():
            merged: Schema = {"type": []}
            for part in info.types:
                schema = flat(part)
                merged["type"] += schema.pop("type")
                assert not merged.keys() & schema.keys() - {"type"}, "two types with one keyword"
                merged |= schema
            return merged
        case inspect.IntType() | inspect.FloatType():
            bounds = {"minimum": info.ge, "exclusiveMinimum": info.gt,
                      "maximum": info.le, "exclusiveMaximum": info.lt}  # fmt: skip
            name = "integer" if isinstance(info, inspect.IntType) else "number"
            return {"type": [name], **{k: v for k, v in bounds.items() if v is not None}}
        case inspect.BoolType():
            return {"type": ["boolean"]}
        case inspect.LiteralType():
            return {"type": [], "enum": list(info.values)}
        case inspect.NoneType():
            return {"type": []}
        case inspect.VarTupleType():
            item = flat(info.item_type)
            item = {**item, "type": [*item["type"], "string"], **NO_QUOTED_NUMBER}
            lengths = {"minItems": info.min_length, "maxItems": info.max_length}
            return {"type": ["array"], "items": item,
                    **{k: v for k, v in lengths.items() if v is not None}}  # fmt: skip
    raise TypeError(f"options of the type {info} have no schema yet")


def alone(kind: type[Layer]) -> bool:
    """Whether a kind can stand without options."""
    return not any(option.required for option in options(kind).values())
