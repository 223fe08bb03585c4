"""Layers whose windows slide, and pooling to a size, as ONNX operators."""

from itertools import product
from math import prod
from typing import Any

import numpy as np

from ...layers.adaptive_pooling import AvgBins, Bins
from ...layers.convolution import Conv
from ...layers.locally_connected import LocallyConnected
from ...layers.pooling import AvgPool, LPPool, MaxPool
from ...layers.sliding import Sliding
from ...layers.transposed_convolution import ConvTranspose
from . import windows as geometry
from .onnx_writer import At, Writer
from .windows import Pairs, added, dense


def options(layer: Any, *names: str) -> dict[str, list[int]]:
    """Options as ONNX spells them, one value for each axis."""
    spelled = {"kernel_size": "kernel_shape", "stride": "strides", "dilation": "dilations",
               "output_padding": "output_padding"}  # fmt: skip
    axes = range(layer.spatial)
    return {spelled[name]: [layer.axis(name, axis) for axis in axes] for name in names}


def asked(layer: Sliding, at: At) -> Pairs:
    return geometry.asked(layer, at.shape)


def whole(layer: Sliding, at: At) -> Pairs:
    """All that windows read outside the input."""
    return added(asked(layer, at), geometry.beyond(layer, at.shape, at.output))


def flat(pairs: Pairs) -> list[int]:
    """All that comes before, then all that comes after."""
    return [before for before, _ in pairs] + [after for _, after in pairs]


# --------------------------------------------------------------------------------- convolution


def convolution(write: Writer, layer: Conv, at: At) -> str:
    if layer.connections is None:
        weight = at.array(write, "weight")
    else:
        kernels = dense(layer, at.arrays["weight"], at.shape[0])
        weight = write.array(kernels, f"{at.owner}.weight")
    bias = [at.array(write, "bias")] if layer.bias else []
    return write.op(
        "Conv", at.x, weight, *bias, group=layer.groups, pads=flat(asked(layer, at)),
        **options(layer, "kernel_size", "stride", "dilation"),
    )  # fmt: skip


def transposed(write: Writer, layer: ConvTranspose, at: At) -> str:
    bias = [at.array(write, "bias")] if layer.bias else []
    cut = [layer.axis("padding", axis) for axis in range(len(at.shape) - 1)]
    return write.op(
        "ConvTranspose", at.x, at.array(write, "weight"), *bias, group=layer.groups,
        pads=cut + cut, **options(layer, "kernel_size", "stride", "dilation", "output_padding"),
    )  # fmt: skip


def locally_connected(write: Writer, layer: LocallyConnected, at: At) -> str:
    """A product at each position: [P, N, C·T] by [P, C·T, C_out]."""
    channels, places = at.shape[0], prod(at.output[1:])
    x = write.pad(at.x, [(0, 0), *asked(layer, at)])
    taps = []
    for places_in_kernel in product(*map(range, layer.kernel())):
        tap = x
        for axis, k in enumerate(places_in_kernel):
            first, step = k * layer.axis("dilation", axis), layer.axis("stride", axis)
            stop = first + (at.output[axis + 1] - 1) * step + 1
            tap = write.slice(tap, axis + 2, first, stop, step)
        taps.append(write.reshape(tap, channels, 1, places))
    windows = write.op("Concat", *taps, axis=2)  # [N, C, T, P]
    rows = write.reshape(windows, channels * len(taps), places)
    rows = write.op("Transpose", rows, perm=[2, 0, 1])
    kernels = at.arrays["weight"].reshape(layer.out_channels, places, -1).transpose(1, 2, 0)
    y = write.op("MatMul", rows, write.array(kernels, f"{at.owner}.weight"))
    y = write.reshape(write.op("Transpose", y, perm=[1, 2, 0]), *at.output)
    return write.op("Add", y, at.array(write, "bias", 1, *at.output)) if layer.bias else y


# ------------------------------------------------------------------------------------- pooling


def fits(layer: Sliding, pairs: Pairs) -> bool:
    """Whether a pooling may pad so much by itself: less than its window."""
    kernel = layer.kernel()
    return all(max(pair) < size for pair, size in zip(pairs, kernel, strict=True))


def max_pool(write: Writer, layer: MaxPool, at: At) -> str:
    pairs, x = whole(layer, at), at.x
    if not fits(layer, pairs):
        x, pairs = write.pad(x, [(0, 0), *pairs], -np.inf), [(0, 0)] * len(pairs)
    return write.op("MaxPool", x, pads=flat(pairs),
                    **options(layer, "kernel_size", "stride", "dilation"))  # fmt: skip


def sums(write: Writer, layer: Sliding, x: str, pairs: Pairs) -> str:
    """The mean of each window with padding as zeros: the sum over the window's size."""
    if not fits(layer, pairs):
        x, pairs = write.pad(x, [(0, 0), *pairs]), [(0, 0)] * len(pairs)
    return write.op("AveragePool", x, pads=flat(pairs), count_include_pad=1,
                    **options(layer, "kernel_size", "stride"))  # fmt: skip


def average_pool(write: Writer, layer: AvgPool, at: At) -> str:
    if layer.divisor_override is not None:
        y = sums(write, layer, at.x, whole(layer, at))
        factor = prod(layer.kernel()) / layer.divisor_override
        return write.op("Mul", y, write.number(factor))
    padding, outside = asked(layer, at), geometry.beyond(layer, at.shape, at.output)
    padded = any(map(any, padding))
    if not any(map(any, outside)) and (layer.count_include_pad or not padded):
        return sums(write, layer, at.x, padding)
    # What lies beyond never counts: the operator's own padding, which is left out of the mean.
    counted = layer.count_include_pad and padded
    uncounted = outside if counted else added(padding, outside)
    if fits(layer, uncounted):
        x = write.pad(at.x, [(0, 0), *padding]) if counted else at.x
        return write.op("AveragePool", x, pads=flat(uncounted), count_include_pad=0,
                        **options(layer, "kernel_size", "stride"))  # fmt: skip
    y = sums(write, layer, at.x, whole(layer, at))
    factors = prod(layer.kernel()) / layer.divisors(np, at.shape)
    return write.op("Mul", y, write.array(factors.astype(np.float32)))


def power_pool(write: Writer, layer: LPPool, at: At) -> str:
    """(Σ x^p)^(1/p); the operator LpPool takes whole p only, and of |x|."""
    powers = write.op("Pow", at.x, write.number(layer.norm_type))
    y = sums(write, layer, powers, whole(layer, at))
    total = write.op("Mul", y, write.number(prod(layer.kernel())))
    return write.op("Pow", total, write.number(1 / layer.norm_type))


def bins(write: Writer, layer: Bins, at: At) -> str:
    """Global, or windows of one size if the output's size divides the input's; else bin by bin,
    one axis after the other."""
    average = isinstance(layer, AvgBins)
    sizes = list(zip(at.shape[1:], at.output[1:], strict=True))
    if all(new == 1 for _, new in sizes):
        return write.op("GlobalAveragePool" if average else "GlobalMaxPool", at.x)
    if layer.is_identity(at.shape):
        return at.x
    if all(old % new == 0 for old, new in sizes):
        step = [old // new for old, new in sizes]
        kind = "AveragePool" if average else "MaxPool"
        return write.op(kind, at.x, kernel_shape=step, strides=step)
    x = at.x
    for axis, (n, m) in enumerate(sizes, start=2):
        parts = (write.slice(x, axis, o * n // m, -(-(o + 1) * n // m)) for o in range(m))
        kind = "ReduceMean" if average else "ReduceMax"
        x = write.op("Concat", *(write.op(kind, part, axes=[axis]) for part in parts), axis=axis)
    return x
