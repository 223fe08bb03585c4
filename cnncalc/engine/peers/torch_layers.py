"""Every layer kind in PyTorch: one row for each class.

A row gets a node and its arrays and makes a module. Where PyTorch has a class, it is that class,
so that what optimises PyTorch networks recognises it.
"""

from collections.abc import Callable
from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...graph import Node
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
from ..weights import Arrays
from . import torch_windows as windows
from .job import CannotBuild

Row = Callable[[Any, Node, Arrays], nn.Module]


def module_of(node: Node, arrays: Arrays) -> nn.Module:
    """The module of a node. Raises CannotBuild."""
    for cls in type(node.layer).__mro__:
        if cls in ROWS:
            return windows.loaded(ROWS[cls](node.layer, node, arrays), arrays)
    raise CannotBuild(f"cannot build: kind {node.layer.kind} is not known in PyTorch")


class Apply(nn.Module):
    """A function of tensors as a module."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(*inputs)


def function(make: Callable[[Any, Node], Callable[..., Any]]) -> Row:
    """A row for what is a function in PyTorch."""
    return lambda layer, node, arrays: Apply(make(layer, node))


def plain(make: Callable[[Any], nn.Module]) -> Row:
    """A row for a class of torch.nn that looks at options only."""
    return lambda layer, node, arrays: make(layer)


def named(layer: Layer, name: str) -> Any:
    """torch.nn's class of that name for the layer's number of axes."""
    return getattr(nn, f"{name}{layer.spatial}d")


def axis_of(layer: Any, node: Node) -> int:
    """The layer's axis, with the batch as axis 0."""
    return axis_number(layer.axis, node.input_shapes[0]) + 1


class Scaled(nn.Module):
    """x times a vector along an axis, plus another one if there is one."""

    def __init__(self, arrays: Arrays, behind: int) -> None:
        super().__init__()
        shape = (-1, *(1,) * behind)
        self.weight = nn.Parameter(torch.from_numpy(arrays["weight"].reshape(shape)))
        bias = arrays.get("bias")
        self.bias = None if bias is None else nn.Parameter(torch.from_numpy(bias.reshape(shape)))

    def forward(self, x: Tensor) -> Tensor:
        y = x * self.weight
        return y if self.bias is None else y + self.bias


class Distances(nn.Module):
    """Squared distances to fixed codes."""

    codes: Tensor

    def __init__(self, arrays: Arrays) -> None:
        super().__init__()
        self.register_buffer("codes", torch.from_numpy(arrays["codes"]))

    def forward(self, x: Tensor) -> Tensor:
        difference = x[..., None, :] - self.codes
        return (difference * difference).sum(-1)


class LayerNorm2d(nn.LayerNorm):
    """Layer norm over the channels of an image."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


def running_norm(name: str) -> Row:
    def row(layer: Any, node: Node, arrays: Arrays) -> nn.Module:
        made: nn.Module = named(layer, name)(
            node.input_shapes[0][0],
            eps=layer.eps,
            affine=layer.affine,
            track_running_stats=layer.track_running_stats,
        )
        return made

    return row


def layer_norm(layer: normalization.LayerNorm, node: Node, arrays: Arrays) -> nn.Module:
    shape = node.input_shapes[0][-layer.axes :]
    return nn.LayerNorm(shape, layer.eps, layer.elementwise_affine, layer.bias)


def coefficients(layer: Any, node: Node, arrays: Arrays) -> nn.Module:
    return Scaled(arrays, len(node.input_shapes[0]) - axis_of(layer, node))


def pad(layer: resampling.Pad, node: Node) -> Callable[[Tensor], Tensor]:
    amounts = windows.last_first(list(layer.amounts(node.input_shapes[0])))
    return lambda x: functional.pad(x, amounts)


def cut(layer: selection.Cut, node: Node) -> Callable[..., Tensor]:
    cuts = layer.cuts(node.input_shapes)
    where = (slice(None), slice(None), *(slice(first, first + size) for first, size in cuts))
    return lambda x, *like: x[where]


def take(layer: selection.Slice, node: Node) -> Callable[[Tensor], Tensor]:
    axis, part = layer.part(node.input_shapes)
    where = (*(slice(None),) * (axis + 1), slice(part.start, part.stop, part.step))
    return lambda x: x[where]


def pieces(layer: Any, node: Node) -> Callable[[Tensor], Any]:
    axis = axis_of(layer, node)
    sizes = [shape[axis - 1] for shape in node.output_shapes]
    return lambda x: x.split(sizes, axis)


def upsample(layer: resampling.Upsample) -> nn.Module:
    corners = None if layer.mode == "nearest" else layer.align_corners
    factor = layer.scale_factor
    factors = tuple(map(float, factor)) if isinstance(factor, tuple) else factor
    return nn.Upsample(layer.size, factors, layer.mode, corners)


def blocks(layer: shuffle.Blocks, node: Node) -> Callable[[Tensor], Tensor]:
    """depth_to_space and space_to_depth, in the order of TensorFlow and ONNX."""
    r, (channels, height, width) = layer.factor, node.input_shapes[0]
    if isinstance(layer, shuffle.DepthToSpace):
        split, order = (r, r, channels // r**2, height, width), (0, 3, 4, 1, 5, 2)
    else:
        split, order = (channels, height // r, r, width // r, r), (0, 3, 5, 1, 2, 4)
    shape = node.output_shapes[0]
    return lambda x: x.reshape(-1, *split).permute(order).reshape(-1, *shape)


def folded(pair: Callable[[Tensor, Tensor], Tensor]) -> Row:
    """A row for a function of two tensors, over all inputs."""
    return lambda layer, node, arrays: Apply(lambda *xs: reduce(pair, xs))


ROWS: dict[type[Layer], Row] = {
    convolution.Conv: windows.convolution,
    transposed_convolution.ConvTranspose: windows.transposed,
    locally_connected.LocallyConnected: windows.LocallyConnected,
    linear.Linear: lambda layer, node, arrays: nn.Linear(
        node.input_shapes[0][-1], layer.out_features, layer.bias
    ),
    linear.RBF: lambda layer, node, arrays: Distances(arrays),
    pooling.MaxPool: windows.max_pool,
    pooling.AvgPool: windows.average_pool,
    pooling.LPPool: windows.PowerPool,
    adaptive_pooling.AvgBins: plain(
        lambda layer: named(layer, "AdaptiveAvgPool")(layer.output_size)
    ),
    adaptive_pooling.MaxBins: plain(
        lambda layer: named(layer, "AdaptiveMaxPool")(layer.output_size)
    ),
    normalization.BatchNorm: running_norm("BatchNorm"),
    normalization.InstanceNorm: running_norm("InstanceNorm"),
    normalization.GroupNorm: lambda layer, node, arrays: nn.GroupNorm(
        layer.num_groups, node.input_shapes[0][0], layer.eps, layer.affine
    ),
    normalization.LayerNorm: layer_norm,
    normalization.LayerNorm2d: lambda layer, node, arrays: LayerNorm2d(
        node.input_shapes[0][0], layer.eps, layer.elementwise_affine
    ),
    local_response.LocalResponseNorm: plain(
        lambda layer: nn.LocalResponseNorm(layer.size, layer.alpha, layer.beta, layer.k)
    ),
    activation.ReLU: plain(lambda layer: nn.ReLU()),
    activation.ReLU6: plain(lambda layer: nn.ReLU6()),
    activation.Hardtanh: plain(lambda layer: nn.Hardtanh(layer.min_val, layer.max_val)),
    activation.LeakyReLU: plain(lambda layer: nn.LeakyReLU(layer.negative_slope)),
    activation.PReLU: plain(lambda layer: nn.PReLU(layer.num_parameters)),
    activation.ELU: plain(lambda layer: nn.ELU(layer.alpha)),
    activation.SiLU: plain(lambda layer: nn.SiLU()),
    activation.GELU: plain(lambda layer: nn.GELU(layer.approximate)),
    activation.Hardswish: plain(lambda layer: nn.Hardswish()),
    activation.Hardsigmoid: plain(lambda layer: nn.Hardsigmoid()),
    activation.Sigmoid: plain(lambda layer: nn.Sigmoid()),
    activation.Tanh: plain(lambda layer: nn.Tanh()),
    activation.Mish: plain(lambda layer: nn.Mish()),
    activation.Softplus: plain(lambda layer: nn.Softplus(layer.beta, layer.threshold)),
    activation.Abs: function(lambda layer, node: torch.abs),
    softmax.Softmax: lambda layer, node, arrays: nn.Softmax(axis_of(layer, node)),
    softmax.LogSoftmax: lambda layer, node, arrays: nn.LogSoftmax(axis_of(layer, node)),
    dropout.LeavesOut: plain(lambda layer: nn.Identity()),
    rearrange.Identity: plain(lambda layer: nn.Identity()),
    rearrange.Flatten: lambda layer, node, arrays: nn.Flatten(
        *(axis_number(dim, node.input_shapes[0]) + 1 for dim in (layer.start_dim, layer.end_dim))
    ),
    rearrange.Reshape: function(
        lambda layer, node: lambda x: x.reshape(-1, *node.output_shapes[0])
    ),
    rearrange.Permute: function(
        lambda layer, node: (
            lambda x: x.permute(0, *(axis + 1 for axis in layer.order(node.input_shapes)))
        )
    ),
    selection.Slice: function(take),
    selection.Pieces: function(pieces),
    selection.Cut: function(cut),
    resampling.Pad: function(pad),
    resampling.Upsample: plain(upsample),
    shuffle.ChannelShuffle: plain(lambda layer: nn.ChannelShuffle(layer.groups)),
    shuffle.PixelShuffle: plain(lambda layer: nn.PixelShuffle(layer.factor)),
    shuffle.PixelUnshuffle: plain(lambda layer: nn.PixelUnshuffle(layer.factor)),
    shuffle.Blocks: function(blocks),
    merge.Add: folded(torch.add),
    merge.Sub: folded(torch.sub),
    merge.Mul: folded(torch.mul),
    merge.Max: folded(torch.maximum),
    merge.Concat: function(lambda layer, node: lambda *xs: torch.cat(xs, axis_of(layer, node))),
    scale.Coefficients: coefficients,
}
