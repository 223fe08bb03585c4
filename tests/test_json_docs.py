"""docs/json.md says every key of every document, in order, and no other."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from cnncalc.analysis.measurements import Bench
from cnncalc.analysis.prediction import Prediction

PAGE = (Path(__file__).parent.parent / "docs" / "json.md").read_text(encoding="utf-8")
DOCUMENTS: list[type[msgspec.Struct]] = [Bench, Prediction]


def structs(kind: Any) -> Iterator[type[msgspec.Struct]]:
    """The structs that a type is made of."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
        for inner in get_type_hints(kind).values():
            yield from structs(inner)
    for inner in get_args(kind):
        yield from structs(inner)


STRUCTS = list(dict.fromkeys(one for document in DOCUMENTS for one in structs(document)))


def section(name: str) -> str:
    found = re.search(rf"^## {name}: .*?(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"docs/json.md has no section {name}"
    return found[0]


def rows(name: str) -> dict[str, tuple[str, str]]:
    """Each key with its type and what it is."""
    found = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+) \|$", section(name), re.MULTILINE)
    return {key: (kind, what) for key, kind, what in found}


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)
def test_every_key_is_documented_and_no_other(struct: type[msgspec.Struct]) -> None:
    assert list(rows(struct.__name__)) == list(struct.__struct_fields__)


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)
def test_what_may_be_null_says_so(struct: type[msgspec.Struct]) -> None:
    said = {key for key, (kind, _) in rows(struct.__name__).items() if kind.endswith("or null")}
    hints = get_type_hints(struct)
    assert said == {key for key, hint in hints.items() if type(None) in get_args(hint)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.__name__)
def test_the_schema_is_named(document: type[msgspec.Struct]) -> None:
    (schema,) = (f.default for f in msgspec.structs.fields(document) if f.name == "schema")
    assert rows(document.__name__)["schema"][1] == f"`{schema}`"
