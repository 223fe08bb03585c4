"""``--get``: one value of a summary by its dotted path in the JSON."""

import json
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from ..diagnostics import closest
from .error import ReportError


def get(summary: msgspec.Struct, path: str) -> str:
    """The value at a path such as ``totals.macs`` or ``layers.conv1_1.output``, without newline.

    Numbers and texts are bare, all else is JSON on one line. Items of a list go by their number
    from 0. Names of layers may have dots, and any unique ending of one will do. Raises
    ReportError for a path that leads nowhere, with the keys that are there.
    """
    value: Any = msgspec.to_builtins(summary)
    keys = path.split(".")
    done = 0
    while done < len(keys):
        if done == 1 and keys[0] == "layers":
            name, used = _layer(value, keys[1:])
            value = value[name]
        else:
            value, used = _step(value, keys[done], ".".join(keys[:done])), 1
        done += used
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def find_layer(names: Collection[str], wanted: str) -> str:
    """The name of a layer from the whole of it or from any unique ending: ``conv1_1`` for
    ``features.conv1_1``. Raises ReportError."""
    if wanted in names:
        return wanted
    matches = [name for name in names if name.endswith(f".{wanted}")]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise ReportError(
            f"{len(matches)} layers end in {wanted}", f"choose one of: {_some(matches)}"
        )
    raise ReportError(f"there is no layer {wanted}", _nearest(wanted, names))


def _layer(layers: Mapping[str, Any], keys: list[str]) -> tuple[str, int]:
    """The layer that the first keys name, as many as possible, and how many they are."""
    starts = [".".join(keys[:used]) for used in range(len(keys), 0, -1)]
    for start in starts:
        if start in layers:
            return start, start.count(".") + 1
    for start in starts:
        if any(name.endswith(f".{start}") for name in layers):
            return find_layer(layers, start), start.count(".") + 1
    raise ReportError(f"there is no layer {keys[0]}", _nearest(keys[0], layers))


def _step(value: Any, key: str, path: str) -> Any:
    """What the key leads to from here."""
    where = path or "the summary"
    if isinstance(value, dict):
        if key in value:
            return value[key]
        raise ReportError(f"{where} has no {key}", _nearest(key, value))
    if isinstance(value, tuple):
        if key.isdecimal() and int(key) < len(value):
            return value[int(key)]
        allowed = f"0 to {len(value) - 1}" if value else "nothing, it is empty"
        raise ReportError(f"{where} is a list and has no {key}", f"allowed: {allowed}")
    raise ReportError(f"{where} is {json.dumps(value)} and has nothing inside", f"--get {path}")


def _nearest(word: str, choices: Collection[str]) -> str:
    close = closest(word, choices)
    hint = f"did you mean {close}? " if close else ""
    return f"{hint}there is: {_some(choices)}"


def _some(names: Collection[str], most: int = 30) -> str:
    """The names, or, where they are many, the first of them and how many more there are."""
    shown = ", ".join(list(names)[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
