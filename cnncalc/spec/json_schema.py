"""JSON Schema (2020-12) of specs, for editors and validators: ``cnncalc schema``.

It is made of the layer classes and of the words of the language, so a kind that is added is in it.
It is a promise that the schema never rejects what `check` accepts; docs/schema.md says what that
costs. Beside the standard's keywords it has some of the YAML language server: ``errorMessage``,
``patternErrorMessage``, ``deprecationMessage``, ``markdownDescription``, ``defaultSnippets``.
"""

from collections.abc import Sequence

from ..metrics import GROWABLE, GROWTH, METRICS, PartKind, allowed_keys
from .entry_schema import PARAMETERS, entry_definitions
from .name_schema import LEVELS, choose, name_definitions, wrong
from .option_schema import ITEM, VALUE, Schema
from .schema_texts import EXPECT, ROOT
from .words import LIBRARY_KEYS, SPEC_KEYS

TEXT: Schema = {"type": ["string", "number", "boolean"], "minLength": 1}
TEXTS: Schema = {"type": ["string", "number", "boolean", "array"], "minLength": 1, "minItems": 1,
                 "items": TEXT}  # fmt: skip


def schema(version: str) -> Schema:
    """The schema of a spec, of a member of a family and of a library, as this version has it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": f"printed by cnncalc {version}: cnncalc schema",
        "title": "cnncalc spec",
        "description": "A convolutional network, or blocks for others to include.",
        **file_schema(),
        "$defs": {"value": VALUE, "item": ITEM, **name_definitions(), **entry_definitions()},
    }


def file_schema() -> Schema:
    """The keys of a file, and what its layers and blocks are made of."""
    properties: Schema = {
        "extends": TEXT,
        "name": TEXT,
        "source": TEXT,
        "input": INPUT,
        "inputs": {"type": "object", "propertyNames": {"anyOf": [{"const": "input"},
                   {"$ref": "#/$defs/name"}]}, "additionalProperties": INPUT,
                   "minProperties": 1},
        "include": TEXTS,
        "parameters": PARAMETERS,
        "blocks": {"type": "object"},
        "layers": {"type": "array"},
        "freeze": TEXTS,
        "expect": expect(),
    }  # fmt: skip
    whole = ("layers", "input", "inputs", "extends")

    def at(level: int) -> Schema:
        name = LEVELS[level]
        return {
            "properties": {
                "layers": {"$ref": f"#/$defs/layers_{name}"},
                "blocks": {"additionalProperties": {"$ref": f"#/$defs/block_{name}"}},
            }
        }

    return {
        "type": "object",
        "properties": {key: {**properties[key], **ROOT[key]} for key in SPEC_KEYS},
        "additionalProperties": False,
        "allOf": [
            {
                "if": {"required": ["input"]},
                "then": {"properties": {"inputs": wrong("a spec has input or inputs, not both")}},
            },
            {
                "if": {"required": ["extends"]},
                "then": {"properties": {"layers": wrong("a spec that extends another has no "
                                                        "layers of its own")}},
                "else": {
                    "if": {"required": ["blocks"], "not": any_of(whole)},
                    "then": {"properties": {
                        key: wrong(f"a library for include has no {key}")
                        for key in SPEC_KEYS if key not in LIBRARY_KEYS}},
                    "else": {"required": ["name", "layers"],
                             "if": {"not": {"required": ["inputs"]}},
                             "then": {"required": ["input"]}},
                },
            },
            choose(0, ["blocks", "parameters"], at, any_of(("include", "extends"))),
        ],
    }  # fmt: skip


def any_of(keys: Sequence[str]) -> Schema:
    return {"anyOf": [{"required": [key]} for key in keys]}


INPUT: Schema = {
    "type": ["array", "string"],
    "items": {"type": ["integer", "string"], "minimum": 1},
    "minItems": 1,
    "maxItems": 4,
}


def expect() -> Schema:
    """Limits: of the network, with its training heads, of blocks, of layers, of their growth."""

    def limits(keys: Sequence[str]) -> Schema:
        properties = {key: limit(key) for key in keys if key in METRICS}
        return {"type": "object", "properties": properties, "additionalProperties": False}

    def part(kind: PartKind) -> Schema:
        found = limits(allowed_keys(kind))
        if "output" in allowed_keys(kind):
            found["properties"]["output"] = {
                "$ref": "#/$defs/item",
                "description": EXPECT["output"],
            }
        return found

    whole = part("network")
    growth = limits(GROWABLE)
    several = {
        "training": part("training"),
        "blocks": {"type": "object", "additionalProperties": part("blocks")},
        "layers": {"type": "object", "additionalProperties": part("layers")},
        GROWTH: {**growth, "type": [*VALUE["type"][:-1], "object"]},
    }
    whole["properties"] |= {
        key: {**value, "description": EXPECT[key]} for key, value in several.items()
    }
    return whole


def limit(metric: str) -> Schema:
    """A number, or a text such as ``"<= 5M"``; or a mapping of what it depends on, and a limit."""
    settings = ("batch", "dtype", "optimizer", "limit")
    return {
        "description": f'{metric.replace("_", " ")}: exact, or "<= 5M", or {{limit: …}} with '
        f"{', '.join(METRICS[metric].settings) or 'no setting'}",
        "type": [*ITEM["type"], "object"],
        "properties": {key: {"$ref": "#/$defs/item"} for key in settings},
        "additionalProperties": False,
        "examples": ["<= 12 MiB" if METRICS[metric].unit == "bytes" else "<= 5M"],
    }
