"""Layers whose windows slide, in PyTorch: convolution and pooling, and their padding."""

from itertools import product
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...graph import Node
from ...layers import Shape
from ...layers.convolution import Conv
from ...layers.locally_connected import LocallyConnected as Layer
from ...layers.pooling import AvgPool, LPPool, MaxPool
from ...layers.sliding import Sliding
from ...layers.transposed_convolution import ConvTranspose
from ..weights import Arrays
from .windows import Pairs, added, asked, beyond, dense


def last_first(pairs: Pairs) -> list[int]:
    """(before, after) of each axis, as `torch.nn.functional.pad` wants it: the last axis first."""
    return [side for pair in reversed(pairs) for side in pair]


def loaded(module: nn.Module, arrays: Arrays) -> nn.Module:
    """The module with arrays for its own parameters and buffers of these names."""
    inner: Any = module.inner if isinstance(module, Padded) else module
    for name, tensor in inner.named_parameters(recurse=False):
        if name in arrays and tensor.shape == arrays[name].shape:
            tensor.data = torch.from_numpy(arrays[name])
    for name, tensor in inner.named_buffers(recurse=False):
        if name in arrays:
            tensor.copy_(torch.from_numpy(arrays[name]))
    return module


class Padded(nn.Module):
    """A module behind explicit padding."""

    def __init__(self, inner: nn.Module, pairs: Pairs, fill: float) -> None:
        super().__init__()
        self.inner, self.amounts, self.fill = inner, last_first(pairs), fill

    def forward(self, x: Tensor) -> Any:
        return self.inner(functional.pad(x, self.amounts, value=self.fill))


def shared(layer: Sliding, shape: Shape) -> tuple[list[int], Pairs]:
    """The padding that is the same on both sides, which PyTorch's layers take, and the rest."""
    pairs = asked(layer, shape)
    both = [min(pair) for pair in pairs]
    rest = [(before - b, after - b) for (before, after), b in zip(pairs, both, strict=True)]
    return both, rest


def option(layer: Sliding, name: str) -> tuple[int, ...]:
    return tuple(layer.axis(name, axis) for axis in range(layer.spatial or 0))


def class_of(layer: Sliding, name: str) -> Any:
    return getattr(nn, f"{name}{layer.spatial}d")


def convolution(layer: Conv, node: Node, arrays: Arrays) -> nn.Module:
    channels = node.input_shapes[0][0]
    both, rest = shared(layer, node.input_shapes[0])
    made: nn.Module = class_of(layer, "Conv")(
        channels, layer.out_channels, option(layer, "kernel_size"), option(layer, "stride"), both,
        option(layer, "dilation"), layer.groups, layer.bias,
    )  # fmt: skip
    if layer.connections is not None:
        arrays["weight"] = dense(layer, arrays["weight"], channels)
    return Padded(made, rest, 0.0) if any(map(any, rest)) else made


def transposed(layer: ConvTranspose, node: Node, arrays: Arrays) -> nn.Module:
    made: nn.Module = class_of(layer, "ConvTranspose")(
        node.input_shapes[0][0], layer.out_channels, option(layer, "kernel_size"),
        option(layer, "stride"), option(layer, "padding"), option(layer, "output_padding"),
        layer.groups, layer.bias, option(layer, "dilation"),
    )  # fmt: skip
    return made


def whole(layer: Sliding, node: Node) -> Pairs:
    """All that windows read outside the input."""
    shape = node.input_shapes[0]
    return added(asked(layer, shape), beyond(layer, shape, node.output_shapes[0]))


def is_even(layer: Sliding, shape: Shape) -> bool:
    """Whether PyTorch's pooling can pad as the layer does: as much on both sides, and no more
    than half a window."""
    both, rest = shared(layer, shape)
    kernel = option(layer, "kernel_size")
    return not any(map(any, rest)) and all(p <= k // 2 for p, k in zip(both, kernel, strict=True))


def max_pool(layer: MaxPool, node: Node, arrays: Arrays) -> nn.Module:
    windows = [option(layer, "kernel_size"), option(layer, "stride")]
    dilation = option(layer, "dilation")
    make = class_of(layer, "MaxPool")
    if is_even(layer, node.input_shapes[0]):
        both, _ = shared(layer, node.input_shapes[0])
        plain: nn.Module = make(*windows, both, dilation, ceil_mode=layer.ceil_mode)
        return plain
    return Padded(make(*windows, 0, dilation), whole(layer, node), float("-inf"))


def average_pool(layer: AvgPool, node: Node, arrays: Arrays) -> nn.Module:
    windows = [option(layer, "kernel_size"), option(layer, "stride")]
    shape, make = node.input_shapes[0], class_of(layer, "AvgPool")
    if is_even(layer, shape) and layer.divisor_override is None:
        both, _ = shared(layer, shape)
        plain: nn.Module = make(
            *windows, both, ceil_mode=layer.ceil_mode, count_include_pad=layer.count_include_pad
        )
        return plain
    factors = prod(layer.kernel()) / layer.divisors(np, shape)
    return Weighted(Padded(make(*windows), whole(layer, node), 0.0), factors)


class Weighted(nn.Module):
    """A module whose outputs are then multiplied by fixed numbers."""

    factors: Tensor

    def __init__(self, inner: nn.Module, factors: Any) -> None:
        super().__init__()
        self.inner = inner
        self.register_buffer("factors", torch.from_numpy(np.asarray(factors, np.float32)))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.inner(x)
        return y * self.factors


class PowerPool(nn.Module):
    """(Σ x^p)^(1/p): a window that stands partly outside has fewer terms."""

    def __init__(self, layer: LPPool, node: Node, arrays: Arrays) -> None:
        super().__init__()
        self.power = layer.norm_type
        make = class_of(layer, "AvgPool")
        pool = make(option(layer, "kernel_size"), option(layer, "stride"))
        total = np.float32(prod(layer.kernel()))
        self.sums = Weighted(Padded(pool, whole(layer, node), 0.0), total)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.sums(x**self.power)
        return y ** (1 / self.power)


class LocallyConnected(nn.Module):
    """PyTorch has no such layer: windows, and one product at each position."""

    kernels: Tensor

    def __init__(self, layer: Layer, node: Node, arrays: Arrays) -> None:
        super().__init__()
        self.output = node.output_shapes[0]
        self.amounts = last_first(whole(layer, node))
        self.where = [
            tuple(
                slice(k * dilation, k * dilation + (size - 1) * step + 1, step)
                for k, dilation, step, size in zip(
                    place, option(layer, "dilation"), option(layer, "stride"), self.output[1:],
                    strict=True,
                )
            )
            for place in product(*map(range, layer.kernel()))
        ]  # fmt: skip
        places = prod(self.output[1:])
        kernels = arrays["weight"].reshape(layer.out_channels, places, -1).transpose(1, 2, 0)
        self.register_buffer("kernels", torch.from_numpy(np.ascontiguousarray(kernels)))
        self.bias = nn.Parameter(torch.from_numpy(arrays["bias"])) if layer.bias else None

    def forward(self, x: Tensor) -> Tensor:
        x = functional.pad(x, self.amounts)
        taps = [x[(slice(None), slice(None), *where)].flatten(2) for where in self.where]
        windows = torch.stack(taps, 2).flatten(1, 2)  # [N, C·T, P]
        y = torch.bmm(windows.permute(2, 0, 1), self.kernels).permute(1, 2, 0)
        y = y.reshape(-1, *self.output)
        return y if self.bias is None else y + self.bias
