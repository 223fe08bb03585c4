"""An array that counts what is done to it: multiply-accumulates and other operations."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

#: Functions that move values and compute nothing.
MOVES = {
    np.broadcast_to,
    np.concatenate,
    np.pad,
    np.reshape,
    np.stack,
    np.take,
    np.transpose,
    np.where,
}


class Count:
    """A tally."""

    def __init__(self) -> None:
        self.macs = 0
        self.operations = 0


class CountingArray(np.ndarray):
    """Every result of counting arrays is one again, so nothing escapes the tally.

    einsum counts as multiply-accumulates, a ufunc as one operation per value it makes, a
    reduction as one less than the values it joins. An in-place addition counts as nothing: it is
    the accumulation of products that einsum has counted. An unknown function is refused.
    """

    tally: Count

    def __array_finalize__(self, source: Any) -> None:
        self.tally = getattr(source, "tally", None) or Count()

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **options: Any
    ) -> Any:
        plain = [np.asarray(value) for value in inputs]
        into = {} if out is None else {"out": tuple(np.asarray(value) for value in out)}
        result = getattr(ufunc, method)(*plain, **into, **options)
        if method == "reduce":
            self.tally.operations += plain[0].size - np.size(result)
        elif method == "__call__" and not (ufunc is np.add and out is not None):
            self.tally.operations += np.size(result)
        else:
            assert method == "__call__", f"how many operations is {ufunc.__name__}.{method}?"
        return counted(result, self.tally)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function is np.einsum:
            sizes = axis_sizes(args[0], args[1:])
            self.tally.macs += prod(sizes.values())
        else:
            assert function in MOVES, f"how many operations is {function.__name__}?"
        return counted(function(*plain(args), **plain(kwargs)), self.tally)


def axis_sizes(subscripts: str, operands: tuple[Any, ...]) -> dict[str, int]:
    """The size of each letter of an einsum; the axes of an ellipsis are numbered from the end."""
    sizes: dict[str, int] = {}
    for term, operand in zip(subscripts.split("->")[0].split(","), operands, strict=True):
        front, dots, back = term.partition("...")
        hidden = operand.ndim - len(front) - len(back)
        assert dots or not hidden
        letters = [*front, *(f"...{-i}" for i in range(hidden, 0, -1)), *back]
        sizes |= dict(zip(letters, operand.shape, strict=True))
    return sizes


def plain(value: Any) -> Any:
    """The same with ordinary arrays."""
    if isinstance(value, CountingArray):
        return np.asarray(value)
    if isinstance(value, list | tuple):
        return type(value)(plain(item) for item in value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def counted(array: Any, tally: Count) -> Any:
    """An array as a counting one with this tally."""
    view = np.asarray(array).view(CountingArray)
    view.tally = tally
    return view
