"""Convolutions as matrix products, image by image. Each function binds one step."""

from collections.abc import Callable, Iterator
from math import prod
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ...layers import Shape
from ...layers.convolution import Conv
from ...layers.transposed_convolution import ConvTranspose
from ..plan import Cost, Step
from .numpy_bound import Bound, Call, finish, reshaped
from .numpy_windows import interior, padded_shape, padded_values, sides, windows

Floats = NDArray[Any]
#: Values of a patch matrix: what is gathered is multiplied while it is in the cache.
PANEL = 2**20


def conv(step: Step) -> Conv:
    return cast(Conv, step.body)


def is_pointwise(step: Step) -> bool:
    """1×1, stride 1: the image itself is the matrix of patches."""
    layer = step.body
    return (
        isinstance(layer, Conv)
        and layer.connections is None
        and layer.groups == 1
        and step.inputs[0].lies.is_packed
        and all(size == 1 for size in layer.kernel())
        and step.inputs[0].shape[1:] == step.outputs[0].shape[1:]
        and not padded_values(layer, step.inputs[0].shape)
    )


def pointwise_cost(step: Step) -> Cost:
    return Cost(step.macs, step.traffic + step.weights, 1)


def bind_pointwise(bound: Bound) -> Call:
    (x, *_), y = bound.inputs, bound.outputs[0]
    image = reshaped(x, (*x.shape[:2], -1))
    result = reshaped(y, (*y.shape[:2], -1))
    kernels = bound.weights["weight"].reshape(y.shape[1], -1)
    after = finish(bound)

    def call() -> None:
        np.matmul(kernels, image, out=result)
        after()

    return call


def is_conv(step: Step) -> bool:
    return isinstance(step.body, Conv)


def patches(step: Step) -> int:
    """Values of all patches of an image."""
    return step.inputs[0].shape[0] * prod(conv(step).kernel()) * prod(step.outputs[0].shape[1:])


def im2col_cost(step: Step) -> Cost:
    read = 2 * patches(step) + step.traffic + step.weights
    return Cost(step.macs, read, 2 * len(list(blocks(step))))


def blocks(step: Step) -> Iterator[tuple[int, int]]:
    """Rows of the output, so many at a time that their patches fill a panel."""
    rows = step.outputs[0].shape[1]
    each = min(rows, max(1, PANEL * rows // patches(step)))
    for first in range(0, rows, each):
        yield first, min(first + each, rows)


def im2col_scratch(step: Step, batch: int) -> int:
    (first, last), *_ = blocks(step)
    panel = patches(step) // step.outputs[0].shape[1] * (last - first)
    return panel + padded_values(conv(step), step.inputs[0].shape)


def bind_im2col(bound: Bound) -> Call:
    """Patches of a block of rows are gathered into a matrix, and multiplied."""
    layer, x, y = conv(bound.step), bound.inputs[0], bound.outputs[0]
    kernels, groups = dense(layer, bound.weights["weight"], x.shape[1])
    kernels = kernels.reshape(groups, y.shape[1] // groups, -1)
    image, fill = padded(layer, x.shape[1:], bound.scratch)
    used = image.size if image is not None else 0
    after = finish(bound)
    work: list[tuple[Floats | None, list[tuple[Floats, Floats, Floats, Floats]]]] = []
    for n in range(len(x)):
        source = x[n] if image is None else image
        seen = windows(source, layer, y.shape[2:])
        result = reshaped(y[n], (groups, y.shape[1] // groups, -1))
        row = prod(y.shape[3:])
        parts = []
        for first, last in blocks(bound.step):
            part = seen[(slice(None),) * (y.ndim - 1) + (slice(first, last),)]
            panel = bound.scratch[used : used + part.size]
            parts.append((
                panel.reshape(part.shape), part, panel.reshape(groups, kernels.shape[2], -1),
                result[:, :, first * row : last * row],
            ))  # fmt: skip
        work.append((x[n] if image is not None else None, parts))

    def call() -> None:
        for original, parts in work:
            if original is not None:
                fill(original)
            for gathered, part, matrix, result in parts:
                np.copyto(gathered, part)
                np.matmul(kernels, matrix, out=result)
        after()

    return call


def dense(layer: Conv, weight: Floats, channels: int) -> tuple[Floats, int]:
    """Kernels [C_out, C_in/groups, *K] and the groups; ``connections`` become zeros."""
    if layer.connections is None:
        return weight, layer.groups
    full = np.zeros((layer.out_channels, channels, *weight.shape[1:]), weight.dtype)
    first = 0
    for output, reads in enumerate(layer.connections):
        full[output, list(reads)] = weight[first : first + len(reads)]
        first += len(reads)
    return full, 1


def padded(
    layer: Conv, shape: Shape, scratch: Floats
) -> tuple[Floats | None, Callable[[Floats], None]]:
    """A padded image at the start of the scratch, and how to fill it; None if it needs none."""
    widths = sides(layer, shape)
    if not any(map(any, widths)):
        return None, lambda image: None
    full = padded_shape(shape, widths)
    array = scratch[: prod(full)].reshape(full)
    inside = interior(array, widths, shape)

    def fill(image: Floats) -> None:
        array.fill(0)
        np.copyto(inside, image)

    return array, fill


# ---------------------------------------------------------------------------------- transposed


def is_transposed(step: Step) -> bool:
    return isinstance(step.body, ConvTranspose) and step.inputs[0].lies.is_packed


def reach(layer: ConvTranspose, source: Shape, output: Shape) -> Shape:
    """The size that all stamps together need, on each spatial axis."""
    return tuple(
        max(
            size + layer.axis("padding", axis),
            (source[axis + 1] - 1) * layer.axis("stride", axis) + layer.extent(axis),
        )
        for axis, size in enumerate(output[1:])
    )


def transposed_scratch(step: Step, batch: int) -> int:
    layer, source, output = (
        cast(ConvTranspose, step.body),
        step.inputs[0].shape,
        step.outputs[0].shape,
    )
    stamps = output[0] * prod(layer.kernel()) * prod(source[1:])
    return stamps + output[0] * prod(reach(layer, source, output))


def transposed_cost(step: Step) -> Cost:
    taps = prod(cast(ConvTranspose, step.body).kernel())
    return Cost(step.macs, 2 * transposed_scratch(step, 1) + step.traffic, taps + 2)


def bind_transposed(bound: Bound) -> Call:
    """A product makes every stamp; they are added where they belong."""
    layer, x, y = cast(ConvTranspose, bound.step.body), bound.inputs[0], bound.outputs[0]
    groups, taps = layer.groups, prod(layer.kernel())
    kernels = bound.weights["weight"].reshape(groups, x.shape[1] // groups, -1).swapaxes(1, 2)
    images = reshaped(x, (len(x), groups, x.shape[1] // groups, -1))
    count = y.shape[1] * taps * images.shape[3]
    stamps = bound.scratch[:count].reshape(groups, -1, images.shape[3])
    single = bound.scratch[:count].reshape(y.shape[1], taps, *x.shape[2:])
    spread = reach(layer, x.shape[1:], y.shape[1:])
    board = bound.scratch[count : count + y.shape[1] * prod(spread)].reshape(y.shape[1], *spread)
    cut = tuple(
        slice(layer.axis("padding", axis), layer.axis("padding", axis) + size)
        for axis, size in enumerate(y.shape[2:])
    )
    places = []
    for where in np.ndindex(layer.kernel()):
        slices = []
        for axis, k in enumerate(where):
            first, stride = k * layer.axis("dilation", axis), layer.axis("stride", axis)
            slices.append(slice(first, first + (x.shape[axis + 2] - 1) * stride + 1, stride))
        places.append(board[(slice(None), *slices)])
    after = finish(bound)

    def call() -> None:
        for image, result in zip(images, y, strict=True):
            np.matmul(kernels, image, out=stamps)
            board.fill(0)
            for number, at in enumerate(places):
                np.add(at, single[:, number], out=at)
            np.copyto(result, board[(slice(None), *cut)])
        after()

    return call
