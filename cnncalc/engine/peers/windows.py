"""What sliding windows are to frameworks: zeros in kernels, padding on each side."""

import numpy as np

from ...layers import Shape
from ...layers.convolution import Conv
from ...layers.sliding import Sliding
from ..weights import Array

#: (before, after) for each spatial axis.
Pairs = list[tuple[int, int]]


def asked(layer: Sliding, shape: Shape) -> Pairs:
    """The padding that the layer was given."""
    return [layer.sides(axis, size) for axis, size in enumerate(shape[1:])]


def beyond(layer: Sliding, shape: Shape, output: Shape) -> Pairs:
    """How much is read beyond the padding, where ``ceil_mode`` lets a last window stand partly
    outside."""
    pairs = []
    for axis, (size, (before, after)) in enumerate(
        zip(shape[1:], asked(layer, shape), strict=True)
    ):
        reach = (output[axis + 1] - 1) * layer.axis("stride", axis) + layer.extent(axis)
        pairs.append((0, max(0, reach - size - before - after)))
    return pairs


def added(first: Pairs, second: Pairs) -> Pairs:
    return [(a + c, b + d) for (a, b), (c, d) in zip(first, second, strict=True)]


def dense(layer: Conv, kernels: Array, channels: int) -> Array:
    """The kernels [C_out, C, *K] of a convolution with ``connections``, zeros where there is
    none."""
    assert layer.connections is not None
    whole = np.zeros((layer.out_channels, channels, *kernels.shape[1:]), kernels.dtype)
    first = 0
    for output, reads in enumerate(layer.connections):
        whole[output, list(reads)] = kernels[first : first + len(reads)]
        first += len(reads)
    return whole
