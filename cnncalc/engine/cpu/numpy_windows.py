"""Sliding windows over NumPy arrays without copies, and padding into a given stretch."""

from collections.abc import Sequence
from math import prod
from typing import Any

from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from ...layers import Shape
from ...layers.sliding import Sliding

Floats = NDArray[Any]
Sides = list[tuple[int, int]]


def sides(layer: Sliding, shape: Shape) -> Sides:
    """(before, after) for each spatial axis: the padding, and what a window of ceil mode reads
    beyond it."""
    widths = []
    for axis, size in enumerate(shape[1:]):
        before, after = layer.sides(axis, size)
        last = (layer.output_size(axis, size) - 1) * layer.axis("stride", axis)
        widths.append((before, max(after, last + layer.extent(axis) - size - before)))
    return widths


def padded_shape(shape: Shape, widths: Sides) -> Shape:
    """The shape of an image with its padding."""
    spatial = (
        size + before + after for size, (before, after) in zip(shape[1:], widths, strict=True)
    )
    return (shape[0], *spatial)


def padded_values(layer: Sliding, shape: Shape) -> int:
    """The values of an image with its padding; 0 if it has none."""
    widths = sides(layer, shape)
    return prod(padded_shape(shape, widths)) if any(map(any, widths)) else 0


def interior(array: Floats, widths: Sides, shape: Shape) -> Floats:
    """The image within a padded array whose last axes are the spatial ones."""
    where: list[Any] = [...]
    where += [
        slice(before, before + size) for (before, _), size in zip(widths, shape[1:], strict=True)
    ]
    inside: Floats = array[tuple(where)]
    return inside


def windows(array: Floats, layer: Sliding, output: Sequence[int]) -> Floats:
    """A padded [..., *spatial] as [..., *kernel, *output]: a view."""
    rank = len(output)
    lead, strides = array.shape[:-rank], array.strides[-rank:]
    within = (layer.axis("dilation", axis) * strides[axis] for axis in range(rank))
    between = (layer.axis("stride", axis) * strides[axis] for axis in range(rank))
    return as_strided(
        array,
        (*lead, *layer.kernel(), *output),
        (*array.strides[:-rank], *within, *between),
        writeable=False,
    )
