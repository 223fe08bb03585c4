"""The numeric check: every step of a program, on the inputs that it really has, against float64.

The program that is measured is the one that is checked, at its batch size and with its plans.
Before a step runs, its outputs are filled with NaN: what it does not write shows.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from ...analysis.measurements import NumericCheck
from ..reference import Products
from ..weights import Array
from ..weights import Arrays as Weights
from .arrays import Arrays, Dtype
from .bound import Bound

#: The relative L2 error that a step may have, by what it computes in. The sums are float32's; the
#: rest is rounding inputs, weights and outputs to so many bits.
LIMITS: dict[Dtype, float] = {"float32": 1e-5, "tf32": 1e-3, "float16": 2e-3, "bfloat16": 1e-2}
#: A bfloat16 that is not a number.
NAN_BITS = 0x7FC0


def check(
    steps: Iterable[tuple[Bound, Callable[[], object]]],
    weights: Iterable[Weights],
    outputs: Callable[[], Sequence[Array]],
    expected: Sequence[Array],
    dtype: Dtype,
) -> tuple[NumericCheck, list[float]]:
    """The check of a program, and the error of each step.

    ``steps`` run in their order, each once, on what the program was loaded with; ``weights`` are
    their folded arrays. ``outputs`` are then those of the program, [N, *shape], and ``expected``
    the right ones for the first images, as many as there are.
    """
    named = list(errors(steps, weights))
    found = [output[: len(right)] for output, right in zip(outputs(), expected, strict=True)]
    worst_step, worst = max(named, key=lambda one: one[1], default=("", 0.0))
    whole = max(map(relative, found, expected), default=0.0)
    report = NumericCheck(
        images=len(expected[0]) if expected else 0,
        outputs=whole,
        worst=worst,
        worst_step=worst_step,
        limit=LIMITS[dtype],
        passed=worst <= LIMITS[dtype] and whole < float("inf"),
    )
    return report, [one for _, one in named]


def errors(
    steps: Iterable[tuple[Bound, Callable[[], object]]], weights: Iterable[Weights]
) -> Iterator[tuple[str, float]]:
    """Run the steps; the name and the error of each, for the first and the last image."""
    for (bound, call), arrays in zip(steps, weights, strict=True):
        xp, step = bound.xp, bound.step
        ends = slice(0, None, max(1, bound.batch - 1))
        given = tuple(values(xp, view[ends]) for view in bound.inputs)
        if not step.in_place and not any(step.placed):
            for view in bound.outputs:
                poison(view)
        call()
        xp.synchronize()
        found = [values(xp, view[ends]) for view in bound.outputs]
        wide = {name: array.astype(np.float64) for name, array in arrays.items()}
        with np.errstate(all="ignore"):  # a sigmoid far from 0; what is not finite shows
            right = step.node.layer.forward(Products(), given, wide)
        yield step.name, max(map(relative, found, right))


def values(xp: Arrays, view: Array) -> Array:
    return xp.get(view).astype(np.float64)  # type: ignore[no-any-return]


def poison(view: Array) -> None:
    """Fill a window with NaN."""
    view[...] = float("nan") if view.dtype.kind == "f" else NAN_BITS


def relative(found: Array, expected: Array) -> float:
    """The L2 norm of the difference through that of what is right; infinite for NaN, and for
    another shape."""
    if found.shape != expected.shape:
        return float("inf")
    norm = float(np.linalg.norm(expected.astype(np.float64).ravel()))
    off = float(np.linalg.norm((found.astype(np.float64) - expected).ravel()))
    share = off / norm if norm else off
    return share if share == share else float("inf")
