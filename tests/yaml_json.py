"""YAML as editors and validators read it: 1.2, with the types of its core schema, as JSON."""

import re
from typing import Any

import yaml


class _Core(yaml.SafeLoader):
    """PyYAML with the resolvers of YAML 1.2's core schema in the place of those of 1.1."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


def _number(loader: _Core, node: yaml.ScalarNode) -> int | float:
    text = node.value.lower().replace(".inf", "inf").replace(".nan", "nan")
    if text.lstrip("+-").isdecimal():
        return int(text)
    return int(text, 0) if text[:2] in ("0x", "0o") else float(text)


def _mapping(loader: _Core, node: yaml.MappingNode) -> dict[str, Any]:
    """Keys are text in JSON, whatever they are in YAML."""
    return {
        loader.construct_scalar(key): loader.construct_object(value, deep=True)
        for key, value in node.value
    }


for tag, pattern in {
    "null": r"~|null|Null|NULL|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "number": r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"
    r"|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
}.items():
    _Core.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), None)
_Core.add_constructor("tag:yaml.org,2002:number", _number)
_Core.add_constructor("tag:yaml.org,2002:map", _mapping)


def read(text: str) -> Any:
    """The JSON of a YAML text. Raises yaml.YAMLError."""
    return yaml.load(text, Loader=_Core)
