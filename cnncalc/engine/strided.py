"""Views by arithmetic: how a layer that moves no values lies in what it looks at."""

from collections.abc import Callable
from math import prod
from typing import NamedTuple

from ..layers import Layer, Shape, Shapes
from ..layers.adaptive_pooling import Bins
from ..layers.dropout import LeavesOut
from ..layers.layer import axis_number
from ..layers.rearrange import Flatten, Identity, Permute, Reshape
from ..layers.selection import Cut, Pieces, Slice


class Strided(NamedTuple):
    """A window into a stretch of values: the first value, and the distance of neighbours along
    each axis, both counted in values of one image."""

    shape: Shape
    offset: int
    strides: tuple[int, ...]

    @property
    def is_packed(self) -> bool:
        """Whether the values stand without gaps, the last axis fastest."""
        step = 1
        for size, stride in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if size > 1 and stride != step:
                return False
            step *= size
        return True

    def same(self, other: "Strided") -> bool:
        """Whether it is the same window; the stride of an axis with one position is nothing."""
        strides = zip(self.shape, self.strides, other.strides, strict=False)
        same = all(size == 1 or one == two for size, one, two in strides)
        return self.shape == other.shape and self.offset == other.offset and same

    def part(self, axis: int, first: int, size: int, step: int = 1) -> "Strided":
        """The positions first, first + step, … of an axis, so many of them."""
        shape = (*self.shape[:axis], size, *self.shape[axis + 1 :])
        strides = list(self.strides)
        strides[axis] *= step
        return Strided(shape, self.offset + first * self.strides[axis], tuple(strides))


#: How a backend lays out a tensor, given its shape; or a part of one, along the channels: also the
#: values of the parts before it, and the channels of the whole.
Packing = Callable[[Shape, int, int], Strided]


def packed(shape: Shape, offset: int = 0, channels: int = 0) -> Strided:
    """A tensor without gaps that begins at an offset."""
    return Strided(shape, offset, tuple(prod(shape[axis + 1 :]) for axis in range(len(shape))))


def channels_last(shape: Shape, offset: int = 0, channels: int = 0) -> Strided:
    """Images [C, H, W] with the channels of a pixel side by side; other ranks are `packed`."""
    if len(shape) != 3:
        return packed(shape, offset)
    channels, (height, width) = channels or shape[0], shape[1:]
    return Strided(shape, offset // (height * width), (1, width * channels, channels))


def seen(layer: Layer, source: Strided, inputs: Shapes, port: int) -> Strided | None:
    """Output ``port`` of a view, given how its first input lies; None if it must be copied."""
    if isinstance(layer, Identity | LeavesOut | Bins):
        return source
    if isinstance(layer, Flatten | Reshape):
        shape = layer.shapes(inputs)[0]
        if shape == source.shape:
            return source
        return packed(shape, source.offset) if source.is_packed else None
    if isinstance(layer, Permute):
        order = layer.order(inputs)
        return Strided(
            tuple(source.shape[axis] for axis in order),
            source.offset,
            tuple(source.strides[axis] for axis in order),
        )
    if isinstance(layer, Slice):
        axis, positions = layer.part(inputs)
        return source.part(axis, positions.start, len(positions), positions.step)
    if isinstance(layer, Pieces):
        axis = axis_number(layer.axis, source.shape)
        pieces = layer.pieces(inputs, source.shape[axis])
        return source.part(axis, sum(pieces[:port]), pieces[port])
    if isinstance(layer, Cut):
        for axis, (first, size) in enumerate(layer.cuts(inputs), 1):
            source = source.part(axis, first, size)
        return source
    return None
