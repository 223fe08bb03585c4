"""What a network's outputs should be: each layer's own ``forward``, in float64, nothing fused."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ..analysis.liveness import results, runs
from ..graph import Graph, Input, Value
from .weights import Array, Weights


class Products:
    """NumPy, but for ``einsum`` of two arrays: one product of matrices by the BLAS, many times
    faster than NumPy's loops and as exact."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def einsum(self, subscripts: str, left: Array, right: Array) -> Array:
        left_axes, right_axes, out = spelled(subscripts, left.ndim, right.ndim)
        both = [axis for axis in left_axes if axis in right_axes and axis in out]
        summed = [axis for axis in left_axes if axis in right_axes and axis not in out]
        rows = [axis for axis in left_axes if axis not in right_axes]
        columns = [axis for axis in right_axes if axis not in left_axes]
        sizes = dict(zip(left_axes + right_axes, left.shape + right.shape, strict=True))

        def matrices(array: Array, axes: str, *order: list[str]) -> Array:
            turned = array.transpose([axes.index(axis) for group in order for axis in group])
            return turned.reshape([prod(sizes[axis] for axis in group) for group in order])

        product = np.matmul(
            matrices(left, left_axes, both, rows, summed),
            matrices(right, right_axes, both, summed, columns),
        )
        axes = [*both, *rows, *columns]
        whole: Array = product.reshape([sizes[axis] for axis in axes])
        return whole.transpose([axes.index(axis) for axis in out])


def spelled(subscripts: str, left: int, right: int) -> tuple[str, str, str]:
    """The three parts of an einsum's subscripts, capital letters for the dots."""
    inputs, out = subscripts.split("->")
    first, second = inputs.split(",")
    ranks = {first: left, second: right}
    dots = [rank + 3 - len(part) for part, rank in ranks.items() if "..." in part]
    letters = "ABCDEFGH"[: max(dots, default=0)]
    return (
        first.replace("...", letters),
        second.replace("...", letters),
        out.replace("...", letters),
    )


def reference(graph: Graph, weights: Weights, images: Sequence[Array]) -> list[Array]:
    """The outputs for images [N, *shape], one array for each of the graph's inputs.

    A value is dropped after its last reader has run.
    """
    kept, arriving, xp = results(graph, heads=False), iter(images), Products()
    nodes = runs(graph, heads=False)
    last = {value: node.index for node in nodes for value in node.inputs}
    values: dict[Value, Array] = {}
    with np.errstate(all="ignore"):  # a sigmoid far from 0; what is not finite shows at the end
        for node in nodes:
            if isinstance(node.layer, Input):
                values[Value(node.index)] = next(arriving).astype(np.float64)
                continue
            arrays = {n: array.astype(np.float64) for n, array in weights.of(node).items()}
            made = node.layer.forward(xp, tuple(values[value] for value in node.inputs), arrays)
            values |= {Value(node.index, port): y for port, y in enumerate(made)}
            for value in set(node.inputs):
                if last[value] == node.index and value not in kept:
                    del values[value]
    return [values[value] for value in kept]


def error(found: Sequence[Array], expected: Sequence[Array]) -> float:
    """The largest difference, relative to the largest value of its output; infinite for NaN, or
    for other shapes."""
    worst = 0.0
    for one, other in zip(found, expected, strict=True):
        if one.shape != other.shape:
            return float("inf")
        difference = float(np.max(np.abs(one - other), initial=0.0))
        largest = float(np.max(np.abs(other), initial=0.0))
        share = difference / largest if largest else difference
        worst = max(worst, share) if share == share else float("inf")
    return worst


def amplification(
    graph: Graph, weights: Weights, images: Sequence[Array], expected: Sequence[Array]
) -> float:
    """The error of the outputs when each value of the images is off by one part in 2^24, half of
    what a float32 keeps of it."""
    random = np.random.default_rng(0)
    off = [1 + 2.0**-24 * random.choice([-1.0, 1.0], image.shape) for image in images]
    moved = [image * factor for image, factor in zip(images, off, strict=True)]
    return error(reference(graph, weights, moved), expected)
