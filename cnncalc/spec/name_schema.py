"""JSON Schema of names: which a spec may give, how kinds are misspelt, what else may be a kind.

A schema cannot know which names a spec defines: a block of the file, or of another one, is a kind
as well. So everything that holds entries exists at several levels of ignorance (`LEVELS`), and
conditions on the names that are defined around a place choose the lowest that is safe.
"""

import re
from collections.abc import Callable, Sequence

from ..layers import Layer, find, kinds
from .option_schema import Schema
from .schema_texts import GROUPS, MODIFIERS
from .spelling import misspellings
from .words import MERGES, RESERVED

#: What is known of the names at a place, from all to nothing. ``known``: every kind is a layer
#: kind. ``own``: names of the file may be kinds, and none of them looks like a layer kind.
#: ``foreign``: names of other files may be kinds, too, or one looks like a layer kind. ``words``:
#: a name hides a kind such as ``dropout``. ``numbered``: one hides a kind such as ``conv2d``.
LEVELS = ("known", "own", "foreign", "words", "numbered")

#: Names as Python has them, beyond ASCII too, but not the words of the language.
NAME = (
    rf"^(?!(?:{'|'.join(sorted(RESERVED))})$)"
    r"[^\s0-9!-/:-@\[-^`{-~][^\s!-/:-@\[-^`{-~]*$"
)

_NUMBERED = re.compile(r"[123]d$")


def layer_kinds() -> dict[str, type[Layer]]:
    """The kinds with their classes."""
    return {name: layer for name in kinds() if (layer := find(name)) is not None}


def hidable(level: str) -> list[str]:
    """The kinds that a name can hide which leads to a level: ``words`` or ``numbered``. Merges are
    words of the language, which no name can hide."""
    numbered = [kind for kind in kinds() if _NUMBERED.search(kind)]
    if level == "numbered":
        return numbered
    return [kind for kind in kinds() if kind not in numbered and kind not in MERGES]


def name_definitions() -> Schema:
    """The definitions about names that others refer to."""
    known = {*kinds(), *GROUPS, *MODIFIERS}
    families = sorted({_NUMBERED.sub("[123]d", word) for word in known})
    patterns = {family: misspellings(family, known) for family in families}
    found: Schema = {
        "name": {"type": "string", "pattern": NAME, "patternErrorMessage": "a name has letters, "
                 "digits and _, and is no word of the language"},
        "names": {"type": "array", "items": {"$ref": "#/$defs/name"}, "minItems": 1},
        "misspelt": {"pattern": "|".join(patterns.values())},
        "no_misspelt_key": {"patternProperties": {
            pattern: wrong(f"did you mean {shown(family)}?")
            for family, pattern in patterns.items()}},
        "warn_of_misspelt_key": {"patternProperties": {
            pattern: {"deprecationMessage": f"did you mean {shown(family)}? Right if another "
                                            "file has a block of this name"}
            for family, pattern in patterns.items()}},
    }  # fmt: skip
    return found | conditions()


def shown(family: str) -> str:
    return family.replace("[123]", "2")


def wrong(message: str) -> Schema:
    """What fits nothing: a validator says that it expects the message, an editor shows it."""
    return {"const": message, "errorMessage": message}


def conditions() -> Schema:
    """What the names that are defined somewhere (keys of a mapping, or a list) can mean.

    A name that holds numbers is no kind.
    """
    plain = {"type": ["number", "boolean"]}
    not_a_kind = {"anyOf": [plain, {"type": "array", "items": plain}]}

    def some(pattern: str) -> Schema:
        return {
            "anyOf": [
                {"type": "array", "contains": {"type": "string", "pattern": pattern}},
                {"type": "object", "not": {"patternProperties": {pattern: not_a_kind}}},
            ]
        }

    near = {"$ref": "#/$defs/misspelt"}
    return {
        "defines_own": some(""),
        "defines_foreign": {
            "anyOf": [
                {"type": "array", "contains": {"type": "string", **near}},
                {"type": "object", "not": {"propertyNames": {"not": near}}},
            ]
        },
        "defines_words": some(f"^(?:{'|'.join(hidable('words'))})$"),
        "defines_numbered": some(f"^(?:{'|'.join(hidable('numbered'))})$"),
    }


def choose(
    lowest: int, keys: Sequence[str], then: Callable[[int], Schema], foreign: Schema | None = None
) -> Schema:
    """What holds at the lowest level that is safe, by the names that stand under some keys;
    ``foreign`` is a condition under which there are names of other files."""
    result = then(lowest)
    for level in range(lowest + 1, len(LEVELS)):
        defines = {"$ref": f"#/$defs/defines_{LEVELS[level]}"}
        ways: list[Schema] = [{"required": [key], "properties": {key: defines}} for key in keys]
        if foreign and LEVELS[level] == "foreign":
            ways.append(foreign)
        condition = ways[0] if len(ways) == 1 else {"anyOf": ways}
        result = {"if": condition, "then": then(level), "else": result}
    return result
