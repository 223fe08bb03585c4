"""The same layers in PyTorch: one row for each kind.

A row gets a cnncalc layer for its options and the shapes of its inputs, and makes what PyTorch
users would write. It looks at nothing but options: every number is left to PyTorch, so that it
can disagree. Weights and buffers bear the names that cnncalc gives them.
"""

from collections.abc import Callable
from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_windows import (
    LocallyConnected,
    Row,
    average_pool_options,
    convolution,
    dim,
    family,
    flat,
    lp_pool,
    max_pool_options,
    named,
    per_channel,
    sliding,
    transposed,
    values,
)

from cnncalc.layers import Layer, Shapes


class Apply(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(*inputs)


def module(layer: Layer, inputs: Shapes) -> nn.Module:
    """The layer in PyTorch. Raises whatever PyTorch raises for options it does not take."""
    return ROWS[family(layer.kind)](layer, inputs)


class Scale(nn.Module):
    def __init__(self, layer: Any, inputs: Shapes) -> None:
        super().__init__()
        self.axis = layer.axis
        self.weight = nn.Parameter(torch.ones(inputs[0][layer.axis]))
        if layer.bias:
            self.bias = nn.Parameter(torch.ones(inputs[0][layer.axis]))

    def forward(self, x: Tensor) -> Tensor:
        y = x * per_channel(self.weight, x, self.axis)
        return y + per_channel(self.bias, x, self.axis) if hasattr(self, "bias") else y


class LayerScale(nn.Module):
    def __init__(self, layer: Any, inputs: Shapes) -> None:
        super().__init__()
        weight = torch.ones(inputs[0][layer.axis])
        image = torch.empty(1, *inputs[0], device="meta")
        self.weight = nn.Parameter(per_channel(weight, image, layer.axis))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


class Distances(nn.Module):
    """LeNet-5's squared distances to fixed codes."""

    def __init__(self, layer: Any, inputs: Shapes) -> None:
        super().__init__()
        self.register_buffer("codes", torch.ones(layer.out_features, inputs[0][-1]))

    def forward(self, x: Tensor) -> Tensor:
        difference = x[..., None, :] - self.codes
        return (difference * difference).sum(-1)


class LayerNorm2d(nn.LayerNorm):
    """Layer norm over the channels of an image."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class StochasticDepth(nn.Module):
    def __init__(self, layer: Any, inputs: Shapes) -> None:
        super().__init__()
        self.p = layer.p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.p:
            return x
        kept = x.new_empty(len(x), *(1,) * (x.dim() - 1)).bernoulli_(1 - self.p)
        return x * (kept / (1 - self.p) if self.p < 1 else kept)


def normalization(name: str) -> Row:
    def row(layer: Any, inputs: Shapes) -> nn.Module:
        return named(layer, name)(
            inputs[0][0],
            eps=layer.eps,
            affine=layer.affine,
            track_running_stats=layer.track_running_stats,
        )

    return row


def layer_norm(layer: Any, inputs: Shapes) -> nn.Module:
    shape = [inputs[0][axis] for axis in range(-layer.axes, 0)]
    return nn.LayerNorm(
        shape, eps=layer.eps, elementwise_affine=layer.elementwise_affine, bias=layer.bias
    )


def function(make: Callable[[Any, Shapes], Callable[..., Any]]) -> Row:
    """A row for what PyTorch has as a function of tensors."""
    return lambda layer, inputs: Apply(make(layer, inputs))


def pad(layer: Any, inputs: Shapes) -> Callable[[Tensor], Tensor]:
    spatial = [
        (value, value) if isinstance(value, int) else (value[0], value[1])
        for value in values(layer.padding, len(inputs[0]) - 1)
    ]
    channels = values(layer.channels, 2)
    amounts = flat([(channels[0], channels[1]), *spatial])
    return lambda x: functional.pad(x, amounts)


def crop(layer: Any, inputs: Shapes) -> Callable[..., Tensor]:
    axes = len(inputs[0]) - 1
    cuts = [values(value, 2) for value in values(layer.cropping, axes)]
    offsets = values(layer.offset, axes)

    def cut(x: Tensor, *like: Tensor) -> Tensor:
        firsts = offsets if like else [before for before, _ in cuts]
        sizes = (
            like[0].shape[2:]
            if like
            else [
                old - before - after for old, (before, after) in zip(x.shape[2:], cuts, strict=True)
            ]
        )
        for axis, (first, size) in enumerate(zip(firsts, sizes, strict=True), start=2):
            x = x.narrow(axis, first, size)
        return x

    return cut


def center_crop(layer: Any, inputs: Shapes) -> Callable[..., Tensor]:
    def cut(x: Tensor, *like: Tensor) -> Tensor:
        sizes = like[0].shape[2:] if like else values(layer.size, x.dim() - 2)
        for axis, (old, size) in enumerate(zip(x.shape[2:], sizes, strict=True), start=2):
            x = x.narrow(axis, (old - size) // 2, size)
        return x

    return cut


def slice_(layer: Any, inputs: Shapes) -> Callable[[Tensor], Tensor]:
    where = dim(layer.axis) % (len(inputs[0]) + 1)
    return lambda x: x[(*(slice(None),) * where, slice(layer.start, layer.stop, layer.step))]


def depth_to_space(layer: Any, inputs: Shapes) -> Callable[[Tensor], Tensor]:
    r = layer.block_size

    def move(x: Tensor) -> Tensor:
        n, channels, height, width = x.shape
        blocks = x.reshape(n, r, r, channels // r**2, height, width)
        return blocks.permute(0, 3, 4, 1, 5, 2).reshape(n, channels // r**2, r * height, r * width)

    return move


def space_to_depth(layer: Any, inputs: Shapes) -> Callable[[Tensor], Tensor]:
    r = layer.block_size

    def move(x: Tensor) -> Tensor:
        n, channels, height, width = x.shape
        blocks = x.reshape(n, channels, height // r, r, width // r, r)
        return blocks.permute(0, 3, 5, 1, 2, 4).reshape(n, -1, height // r, width // r)

    return move


def upsample(layer: Any, inputs: Shapes) -> nn.Module:
    corners = layer.align_corners or None if layer.mode == "nearest" else layer.align_corners
    return nn.Upsample(layer.size, layer.scale_factor, layer.mode, corners)


def linear(layer: Any, inputs: Shapes) -> nn.Module:
    return nn.Linear(inputs[0][-1], layer.out_features, bias=layer.bias)


def local_response_norm(layer: Any, inputs: Shapes) -> nn.Module:
    return nn.LocalResponseNorm(layer.size, layer.alpha, layer.beta, layer.k)


ROWS: dict[str, Row] = {
    "conv": convolution,
    "conv_transpose": transposed,
    "locally_connected": LocallyConnected,
    "linear": linear,
    "rbf": Distances,
    "max_pool": sliding("MaxPool", max_pool_options, float("-inf")),
    "avg_pool": sliding("AvgPool", average_pool_options, 0.0),
    "lp_pool": lp_pool,
    "adaptive_avg_pool": lambda layer, _: named(layer, "AdaptiveAvgPool")(layer.output_size),
    "adaptive_max_pool": lambda layer, _: named(layer, "AdaptiveMaxPool")(layer.output_size),
    "global_avg_pool": lambda layer, _: named(layer, "AdaptiveAvgPool")(1),
    "global_max_pool": lambda layer, _: named(layer, "AdaptiveMaxPool")(1),
    "batch_norm": normalization("BatchNorm"),
    "instance_norm": normalization("InstanceNorm"),
    "group_norm": lambda layer, inputs: nn.GroupNorm(
        layer.num_groups, inputs[0][0], layer.eps, layer.affine
    ),
    "layer_norm": layer_norm,
    "layer_norm2d": lambda layer, inputs: LayerNorm2d(
        inputs[0][0], layer.eps, layer.elementwise_affine
    ),
    "local_response_norm": local_response_norm,
    "relu": lambda layer, _: nn.ReLU(),
    "relu6": lambda layer, _: nn.ReLU6(),
    "hardtanh": lambda layer, _: nn.Hardtanh(layer.min_val, layer.max_val),
    "leaky_relu": lambda layer, _: nn.LeakyReLU(layer.negative_slope),
    "prelu": lambda layer, _: nn.PReLU(layer.num_parameters),
    "elu": lambda layer, _: nn.ELU(layer.alpha),
    "silu": lambda layer, _: nn.SiLU(),
    "gelu": lambda layer, _: nn.GELU(layer.approximate),
    "hardswish": lambda layer, _: nn.Hardswish(),
    "hardsigmoid": lambda layer, _: nn.Hardsigmoid(),
    "sigmoid": lambda layer, _: nn.Sigmoid(),
    "tanh": lambda layer, _: nn.Tanh(),
    "mish": lambda layer, _: nn.Mish(),
    "softplus": lambda layer, _: nn.Softplus(layer.beta, layer.threshold),
    "abs": function(lambda layer, _: torch.abs),
    "softmax": lambda layer, _: nn.Softmax(dim(layer.axis)),
    "log_softmax": lambda layer, _: nn.LogSoftmax(dim(layer.axis)),
    "dropout": lambda layer, _: (
        nn.Dropout(layer.p) if layer.spatial is None else named(layer, "Dropout")(layer.p)
    ),
    "stochastic_depth": StochasticDepth,
    "drop_path": StochasticDepth,
    "identity": lambda layer, _: nn.Identity(),
    "flatten": lambda layer, _: nn.Flatten(dim(layer.start_dim), dim(layer.end_dim)),
    "reshape": function(lambda layer, _: lambda x: x.reshape(len(x), *layer.shape)),
    "permute": function(lambda layer, _: lambda x: x.permute(0, *map(dim, layer.dims))),
    "pad": function(pad),
    "crop": function(crop),
    "center_crop": function(center_crop),
    "slice": function(slice_),
    "split": function(
        lambda layer, _: (
            lambda x: x.split(
                layer.sizes if isinstance(layer.sizes, int) else list(layer.sizes), dim(layer.axis)
            )
        )
    ),
    "chunk": function(lambda layer, _: lambda x: x.chunk(layer.chunks, dim(layer.axis))),
    "upsample": upsample,
    "pixel_shuffle": lambda layer, _: nn.PixelShuffle(layer.upscale_factor),
    "pixel_unshuffle": lambda layer, _: nn.PixelUnshuffle(layer.downscale_factor),
    "depth_to_space": function(depth_to_space),
    "space_to_depth": function(space_to_depth),
    "channel_shuffle": lambda layer, _: nn.ChannelShuffle(layer.groups),
    "add": function(lambda layer, _: lambda *xs: reduce(torch.add, xs)),
    "sub": function(lambda layer, _: torch.sub),
    "mul": function(lambda layer, _: lambda *xs: reduce(torch.mul, xs)),
    "max": function(lambda layer, _: lambda *xs: reduce(torch.maximum, xs)),
    "concat": function(lambda layer, _: lambda *xs: torch.cat(xs, dim(layer.axis))),
    "scale": Scale,
    "layer_scale": LayerScale,
}
