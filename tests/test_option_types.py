"""The types of options keep clear of a bug of msgspec 0.22 (docs/architecture.md): converting
to a union of a *bounded* int and a fixed-length tuple ends the interpreter."""

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pytest

from cnncalc.layers import find, kinds, options


def fixed_tuples_in_unions(kind: Any, in_union: bool = False) -> Iterator[Any]:
    """The tuples of fixed length that are members of a union, at any depth of a type."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        yield from fixed_tuples_in_unions(parts[0], in_union)
        return
    if origin is tuple and in_union and Ellipsis not in parts:
        yield kind
    for part in parts:
        yield from fixed_tuples_in_unions(part, origin in (Union, UnionType))


@pytest.mark.parametrize("name", kinds())
def test_no_option_has_a_tuple_of_fixed_length_in_a_union(name: str) -> None:
    cls = find(name)
    assert cls is not None
    found = {o.name: list(fixed_tuples_in_unions(o.type)) for o in options(cls).values()}
    assert not {option: types for option, types in found.items() if types}


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        (int | tuple[int, int], 1),
        (tuple[Annotated[int, "bound"] | tuple[int, int], ...], 1),
        (Annotated[int | Annotated[tuple[int, int], "pair"] | None, "option"], 1),
        (int | tuple[int | tuple[int, int, int], ...], 1),
        (tuple[int, int], 0),
        (int | tuple[int, ...], 0),
    ],
)
def test_the_search_finds_them_where_they_hide(kind: Any, count: int) -> None:
    assert len(list(fixed_tuples_in_unions(kind))) == count
