"""Every layer kind as ONNX operators: one row for each class."""

from collections.abc import Callable
from functools import reduce
from math import pi, sqrt
from typing import Any

import numpy as np

from ...layers import (
    Layer,
    activation,
    adaptive_pooling,
    convolution,
    dropout,
    linear,
    local_response,
    locally_connected,
    merge,
    normalization,
    pooling,
    rearrange,
    resampling,
    scale,
    selection,
    shuffle,
    softmax,
    transposed_convolution,
)
from ...layers.layer import axis_number
from . import onnx_windows as windows
from .job import CannotBuild
from .onnx_writer import At, Writer

#: Writes a layer; the names of its outputs, or of its only one.
Row = Callable[[Writer, Any, At], str | list[str]]


def row_of(layer: Layer) -> Row:
    """The row of a layer's class. Raises CannotBuild."""
    for cls in type(layer).__mro__:
        if cls in ROWS:
            return ROWS[cls]
    raise CannotBuild(f"cannot build: kind {layer.kind} has no ONNX operators")


def one(kind: str, **attributes: float) -> Row:
    """A row for what ONNX has an operator for."""
    return lambda write, layer, at: write.op(kind, at.x, **attributes)


def folded(kind: str) -> Row:
    """A row for an operator of two inputs, over all inputs."""
    return lambda write, layer, at: reduce(lambda a, b: write.op(kind, a, b), at.inputs)


def nothing(write: Writer, layer: Layer, at: At) -> str:
    return at.x


# --------------------------------------------------------------------------------- activations


def clipped(bounds: Callable[[Any], tuple[float, float]]) -> Row:
    return lambda write, layer, at: write.op("Clip", at.x, *map(write.number, bounds(layer)))


def prelu(write: Writer, layer: Layer, at: At) -> str:
    slopes = at.array(write, "weight", -1, *(1,) * (len(at.shape) - 1))
    return write.op("PRelu", at.x, slopes)


def silu(write: Writer, layer: Layer, at: At) -> str:
    return write.op("Mul", at.x, write.op("Sigmoid", at.x))


def gelu(write: Writer, layer: activation.GELU, at: At) -> str:
    if layer.approximate == "none":
        inner = write.op("Erf", write.op("Div", at.x, write.number(sqrt(2))))
    else:
        cube = write.op("Pow", at.x, write.number(3))
        scaled = write.op("Mul", cube, write.number(0.044715))
        total = write.op("Add", at.x, scaled)
        inner = write.op("Tanh", write.op("Mul", total, write.number(sqrt(2 / pi))))
    product = write.op("Mul", at.x, write.op("Add", inner, write.number(1)))
    return write.op("Mul", product, write.number(0.5))


def mish(write: Writer, layer: Layer, at: At) -> str:
    return write.op("Mul", at.x, write.op("Tanh", write.op("Softplus", at.x)))


def softplus(write: Writer, layer: activation.Softplus, at: At) -> str:
    scaled = write.op("Mul", at.x, write.number(layer.beta))
    smooth = write.op("Div", write.op("Softplus", scaled), write.number(layer.beta))
    above = write.op("Greater", scaled, write.number(layer.threshold))
    return write.op("Where", above, at.x, smooth)


# ------------------------------------------------------------------------------- normalisation


def normalized(write: Writer, x: str, axes: list[int], eps: float) -> str:
    """x with mean 0 and variance 1 over axes."""
    centred = write.op("Sub", x, write.op("ReduceMean", x, axes=axes))
    variance = write.op("ReduceMean", write.op("Mul", centred, centred), axes=axes)
    deviation = write.op("Sqrt", write.op("Add", variance, write.number(eps)))
    return write.op("Div", centred, deviation)


def affine(write: Writer, y: str, at: At) -> str:
    """γ·y + β per channel, as far as there are arrays."""
    vector = (-1, *(1,) * (len(at.shape) - 1))
    for name, kind in (("weight", "Mul"), ("bias", "Add")):
        if name in at.arrays:
            y = write.op(kind, y, at.array(write, name, *vector))
    return y


def batch_norm(write: Writer, layer: Any, at: At) -> str:
    """Batch and instance norms; with kept statistics they are the same."""
    if not layer.track_running_stats:
        spatial = list(range(2, len(at.shape) + 1))
        axes = spatial if isinstance(layer, normalization.InstanceNorm) else [0, *spatial]
        return affine(write, normalized(write, at.x, axes, layer.eps), at)
    channels = at.shape[0]
    missing = {"weight": np.ones(channels, np.float32), "bias": np.zeros(channels, np.float32)}
    complete = at._replace(arrays=missing | at.arrays)
    names = ("weight", "bias", "running_mean", "running_var")
    arrays = (complete.array(write, name) for name in names)
    return write.op("BatchNormalization", at.x, *arrays, epsilon=layer.eps)


def group_norm(write: Writer, layer: normalization.GroupNorm, at: At) -> str:
    groups = write.reshape(at.x, layer.num_groups, -1)
    y = write.reshape(normalized(write, groups, [2], layer.eps), *at.shape)
    return affine(write, y, at)


def layer_norm(write: Writer, layer: normalization.LayerNorm, at: At) -> str:
    shape = at.shape[-layer.axes :]
    complete = at._replace(arrays={"weight": np.ones(shape, np.float32)} | at.arrays)
    arrays = [complete.array(write, n) for n in ("weight", "bias") if n in complete.arrays]
    return write.op("LayerNormalization", at.x, *arrays, axis=-layer.axes, epsilon=layer.eps)


def layer_norm_2d(write: Writer, layer: normalization.LayerNorm2d, at: At) -> str:
    """Over the channels: they are brought to the end and back, as PyTorch's exporter does."""
    rank = len(at.shape) + 1
    complete = at._replace(arrays={"weight": np.ones(at.shape[0], np.float32)} | at.arrays)
    arrays = [complete.array(write, n) for n in ("weight", "bias") if n in complete.arrays]
    last = write.op("Transpose", at.x, perm=[0, *range(2, rank), 1])
    y = write.op("LayerNormalization", last, *arrays, axis=-1, epsilon=layer.eps)
    return write.op("Transpose", y, perm=[0, rank - 1, *range(1, rank - 1)])


def local_response_norm(write: Writer, layer: local_response.LocalResponseNorm, at: At) -> str:
    if layer.size % 2 == 0:  # ONNX puts the odd neighbour behind, PyTorch in front
        raise CannotBuild(f"cannot build: kind {layer.kind} with an even size in ONNX")
    return write.op("LRN", at.x, size=layer.size, alpha=layer.alpha, beta=layer.beta, bias=layer.k)


def coefficients(write: Writer, layer: Any, at: At) -> str:
    behind = len(at.shape) - 1 - axis_number(layer.axis, at.shape)
    y = at.x
    for name, kind in (("weight", "Mul"), ("bias", "Add")):
        if name in at.arrays:
            y = write.op(kind, y, at.array(write, name, -1, *(1,) * behind))
    return y


# ------------------------------------------------------------------------------------ products


def fully_connected(write: Writer, layer: linear.Linear, at: At) -> str:
    if len(at.shape) == 1:
        bias = [at.array(write, "bias")] if layer.bias else []
        return write.op("Gemm", at.x, at.array(write, "weight"), *bias, transB=1)
    weight = write.array(at.arrays["weight"].T, f"{at.owner}.weight")
    y = write.op("MatMul", at.x, weight)
    return write.op("Add", y, at.array(write, "bias")) if layer.bias else y


def distances(write: Writer, layer: linear.RBF, at: At) -> str:
    x = write.op("Unsqueeze", at.x, write.integers(-2))
    difference = write.op("Sub", x, at.array(write, "codes"))
    squares = write.op("Mul", difference, difference)
    return write.op("ReduceSum", squares, write.integers(-1), keepdims=0)


# ------------------------------------------------------------------------------------- moving


def reshaped(write: Writer, layer: Layer, at: At) -> str:
    return write.reshape(at.x, *at.output)


def permute(write: Writer, layer: rearrange.Permute, at: At) -> str:
    order = [axis + 1 for axis in layer.order(at.input_shapes)]
    return write.op("Transpose", at.x, perm=[0, *order])


def take(write: Writer, layer: selection.Slice, at: At) -> str:
    axis, part = layer.part(at.input_shapes)
    return write.slice(at.x, axis + 1, part.start, part.stop, part.step)


def pieces(write: Writer, layer: Any, at: At) -> list[str]:
    axis = axis_number(layer.axis, at.shape)
    sizes = [shape[axis] for shape in at.output_shapes]
    return write.ops("Split", len(sizes), at.x, write.integers(*sizes), axis=axis + 1)


def cut(write: Writer, layer: selection.Cut, at: At) -> str:
    x = at.x
    for axis, (first, size) in enumerate(layer.cuts(at.input_shapes), start=2):
        x = write.slice(x, axis, first, first + size)
    return x


def pad(write: Writer, layer: resampling.Pad, at: At) -> str:
    return write.pad(at.x, list(layer.amounts(at.shape)))


def upsample(write: Writer, layer: resampling.Upsample, at: At) -> str:
    corners = "align_corners" if layer.align_corners else "half_pixel"
    modes: dict[str, dict[str, Any]] = {
        "nearest": {"mode": "nearest", "nearest_mode": "floor",
                    "coordinate_transformation_mode": "asymmetric"},
        "bicubic": {"mode": "cubic", "cubic_coeff_a": -0.75,
                    "coordinate_transformation_mode": corners},
    }  # fmt: skip
    linear_mode = {"mode": "linear", "coordinate_transformation_mode": corners}
    sizes = write.integers(write.batch, *at.output)
    return write.op("Resize", at.x, "", "", sizes, **modes.get(layer.mode, linear_mode))


def channel_shuffle(write: Writer, layer: shuffle.ChannelShuffle, at: At) -> str:
    channels, *spatial = at.shape
    groups = write.reshape(at.x, layer.groups, channels // layer.groups, *spatial)
    perm = [0, 2, 1, *range(3, len(at.shape) + 2)]
    return write.reshape(write.op("Transpose", groups, perm=perm), *at.output)


def to_space(mode: str) -> Row:
    return lambda write, layer, at: write.op(
        "DepthToSpace", at.x, blocksize=layer.factor, mode=mode
    )


def pixel_unshuffle(write: Writer, layer: shuffle.PixelUnshuffle, at: At) -> str:
    channels, height, width = at.shape
    r = layer.factor
    blocks = write.reshape(at.x, channels, height // r, r, width // r, r)
    return write.reshape(write.op("Transpose", blocks, perm=[0, 1, 3, 5, 2, 4]), *at.output)


def along(kind: str) -> Row:
    """A row for an operator with an axis."""
    return lambda write, layer, at: write.op(
        kind, *at.inputs, axis=axis_number(layer.axis, at.shape) + 1
    )


ROWS: dict[type[Layer], Row] = {
    convolution.Conv: windows.convolution,
    transposed_convolution.ConvTranspose: windows.transposed,
    locally_connected.LocallyConnected: windows.locally_connected,
    linear.Linear: fully_connected,
    linear.RBF: distances,
    pooling.MaxPool: windows.max_pool,
    pooling.AvgPool: windows.average_pool,
    pooling.LPPool: windows.power_pool,
    adaptive_pooling.Bins: windows.bins,
    normalization.RunningStatistics: batch_norm,
    normalization.GroupNorm: group_norm,
    normalization.LayerNorm: layer_norm,
    normalization.LayerNorm2d: layer_norm_2d,
    local_response.LocalResponseNorm: local_response_norm,
    activation.ReLU: one("Relu"),
    activation.ReLU6: clipped(lambda layer: (0, 6)),
    activation.Hardtanh: clipped(lambda layer: (layer.min_val, layer.max_val)),
    activation.LeakyReLU: lambda write, layer, at: write.op(
        "LeakyRelu", at.x, alpha=layer.negative_slope
    ),
    activation.PReLU: prelu,
    activation.ELU: lambda write, layer, at: write.op("Elu", at.x, alpha=layer.alpha),
    activation.SiLU: silu,
    activation.GELU: gelu,
    activation.Hardswish: one("HardSwish"),
    activation.Hardsigmoid: one("HardSigmoid", alpha=1 / 6, beta=0.5),
    activation.Sigmoid: one("Sigmoid"),
    activation.Tanh: one("Tanh"),
    activation.Mish: mish,
    activation.Softplus: softplus,
    activation.Abs: one("Abs"),
    softmax.Softmax: along("Softmax"),
    softmax.LogSoftmax: along("LogSoftmax"),
    dropout.LeavesOut: nothing,
    rearrange.Identity: nothing,
    rearrange.Flatten: reshaped,
    rearrange.Reshape: reshaped,
    rearrange.Permute: permute,
    selection.Slice: take,
    selection.Pieces: pieces,
    selection.Cut: cut,
    resampling.Pad: pad,
    resampling.Upsample: upsample,
    shuffle.ChannelShuffle: channel_shuffle,
    shuffle.PixelShuffle: to_space("CRD"),
    shuffle.DepthToSpace: to_space("DCR"),
    shuffle.PixelUnshuffle: pixel_unshuffle,
    shuffle.SpaceToDepth: lambda write, layer, at: write.op(
        "SpaceToDepth", at.x, blocksize=layer.factor
    ),
    merge.Add: folded("Add"),
    merge.Sub: folded("Sub"),
    merge.Mul: folded("Mul"),
    merge.Max: folded("Max"),
    merge.Concat: along("Concat"),
    scale.Coefficients: coefficients,
}
