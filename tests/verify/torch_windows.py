"""Layers whose windows slide, in PyTorch: convolution and pooling, and their padding."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from cnncalc.layers import Layer, Shape, Shapes

Row = Callable[[Any, Shapes], nn.Module]


class Unsupported(Exception):
    """PyTorch has no such thing: the kind or the option is not to be compared."""


def family(kind: str) -> str:
    """The kind without its number of axes: conv for conv2d."""
    return kind[:-2] if kind.endswith(("1d", "2d", "3d")) and kind != "layer_norm2d" else kind


def named(layer: Layer, name: str) -> Any:
    """torch.nn's class of that name for the layer's number of axes."""
    return getattr(nn, f"{name}{layer.spatial}d")


def values(option: Any, axes: int) -> tuple[Any, ...]:
    return tuple(option) if isinstance(option, tuple | list) else (option,) * axes


def dim(axis: int) -> int:
    """An axis of an image as PyTorch counts it, behind the batch."""
    return axis + 1 if axis >= 0 else axis


# ---------------------------------------------------------------------------------- padding


def flat(amounts: Sequence[tuple[int, int]]) -> list[int]:
    """(before, after) for each axis, as `torch.nn.functional.pad` wants it: the last axis first."""
    return [side for pair in reversed(amounts) for side in pair]


def split_padding(layer: Any, shape: Shape) -> tuple[Any, list[tuple[int, int]]]:
    """The padding PyTorch's layers take, the same on both sides, and what `pad` must add first.

    ``same`` with a stride is TensorFlow's, padding so that ceil(n/S) windows fit; ``half`` is
    (K_eff − 1)/2. PyTorch has a word for neither.
    """
    axes = len(shape) - 1
    kernel = values(layer.kernel_size, axes)
    stride = values(kernel if layer.stride is None else layer.stride, axes)
    dilation = values(getattr(layer, "dilation", 1), axes)
    extents = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    if layer.padding == "valid":
        return 0, []
    pairs = []
    if layer.padding == "half":
        pairs = [((extent - 1) // 2,) * 2 for extent in extents]
    elif layer.padding == "same":
        for size, step, extent in zip(shape[1:], stride, extents, strict=True):
            windows = (size + step - 1) // step
            total = max(0, (windows - 1) * step + extent - size)
            pairs.append((total // 2, total - total // 2))
    else:
        pairs = [values(value, 2) for value in values(layer.padding, axes)]
    both = tuple(min(pair) for pair in pairs)
    if isinstance(layer.padding, str) and "pool" in layer.kind:
        both = tuple(map(min, both, (k // 2 for k in kernel)))  # PyTorch pools take no more
    more = [(b - least, a - least) for (b, a), least in zip(pairs, both, strict=True)]
    if getattr(layer, "ceil_mode", False) and any(after for _, after in more):
        raise Unsupported("ceil_mode with more padding behind than in front")
    return both, more if any(map(any, more)) else []


class Padded(nn.Module):
    """A layer behind `pad`, with the layer's own weights."""

    def __init__(self, layer: nn.Module, more: list[tuple[int, int]], fill: float) -> None:
        super().__init__()
        self.layer = layer
        self.more = flat(more)
        self.fill = fill

    def forward(self, x: Tensor) -> Any:
        return self.layer(functional.pad(x, self.more, value=self.fill))


def sliding(
    name: str, options: Callable[[Any, Shapes], tuple[tuple[Any, ...], dict[str, Any]]], fill: float
) -> Row:
    """A row for a kind whose windows slide; options are torch.nn's, the padding apart."""

    def row(layer: Any, inputs: Shapes) -> nn.Module:
        positional, keywords = options(layer, inputs)
        if name == "Conv" and layer.padding == "same" and set(values(layer.stride, 1)) == {1}:
            return named(layer, name)(*positional, padding="same", **keywords)
        both, more = split_padding(layer, inputs[0])
        made = named(layer, name)(*positional, padding=both, **keywords)
        return Padded(made, more, fill) if more else made

    return row


def conv_options(layer: Any, inputs: Shapes) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (inputs[0][0], layer.out_channels, layer.kernel_size), {
        "stride": layer.stride,
        "dilation": layer.dilation,
        "groups": layer.groups,
        "bias": layer.bias,
    }


class Connected(nn.Module):
    """A convolution for each output channel, on the input channels it is connected to."""

    def __init__(self, layer: Any, inputs: Shapes) -> None:
        super().__init__()
        self.reads = layer.connections
        kernel = values(layer.kernel_size, len(inputs[0]) - 1)
        self.weight = nn.Parameter(torch.ones(sum(map(len, self.reads)), *kernel))
        if layer.bias:
            self.bias = nn.Parameter(torch.ones(layer.out_channels))
        self.both, self.more = split_padding(layer, inputs[0])
        self.convolve = getattr(functional, f"conv{layer.spatial}d")
        self.options = {"stride": layer.stride, "dilation": layer.dilation}

    def forward(self, x: Tensor) -> Tensor:
        x = functional.pad(x, flat(self.more)) if self.more else x
        kernels = self.weight.split([len(reads) for reads in self.reads])
        maps = [
            self.convolve(x[:, list(reads)], kernel[None], padding=self.both, **self.options)
            for reads, kernel in zip(self.reads, kernels, strict=True)
        ]
        y = torch.cat(maps, 1)
        return y + per_channel(self.bias, y) if hasattr(self, "bias") else y


def convolution(layer: Any, inputs: Shapes) -> nn.Module:
    if layer.connections is not None:
        return Connected(layer, inputs)
    return sliding("Conv", conv_options, 0.0)(layer, inputs)


def transposed(layer: Any, inputs: Shapes) -> nn.Module:
    return named(layer, "ConvTranspose")(
        inputs[0][0],
        layer.out_channels,
        layer.kernel_size,
        stride=layer.stride,
        padding=layer.padding,
        output_padding=layer.output_padding,
        dilation=layer.dilation,
        groups=layer.groups,
        bias=layer.bias,
    )


class LocallyConnected(nn.Module):
    """PyTorch has no such layer: the windows as it would cut them, one product at each."""

    def __init__(self, layer: Any, inputs: Shapes) -> None:
        super().__init__()
        axes = len(inputs[0]) - 1
        kernel, self.stride, self.dilation = (
            values(option, axes) for option in (layer.kernel_size, layer.stride, layer.dilation)
        )
        self.extents = [d * (k - 1) + 1 for k, d in zip(kernel, self.dilation, strict=True)]
        both, more = split_padding(layer, inputs[0])
        once = [(side, side) for side in values(both, axes)]
        self.padding = [flat(once)] + ([flat(more)] if more else [])
        spatial = self.windows(torch.empty(1, *inputs[0], device="meta")).shape[2 : 2 + axes]
        output = (layer.out_channels, *spatial)
        self.weight = nn.Parameter(torch.ones(*output, inputs[0][0], *kernel))
        if layer.bias:
            self.bias = nn.Parameter(torch.ones(output))

    def windows(self, x: Tensor) -> Tensor:
        """[N, C, *output, *kernel]."""
        for amounts in self.padding:
            x = functional.pad(x, amounts)
        for axis, (extent, step) in enumerate(zip(self.extents, self.stride, strict=True)):
            x = x.unfold(2 + axis, extent, step)
        return x[(..., *(slice(None, None, step) for step in self.dilation))]

    def forward(self, x: Tensor) -> Tensor:
        windows = self.windows(x)
        channels, *output = self.weight.shape[: self.weight.dim() // 2]
        places = prod(output)
        patches = windows.reshape(*windows.shape[:2], places, -1).permute(2, 0, 1, 3)
        kernels = self.weight.reshape(channels, places, -1).permute(1, 2, 0)
        y = torch.bmm(patches.reshape(places, len(x), -1), kernels)
        y = y.permute(1, 2, 0).reshape(len(x), channels, *output)
        return y + self.bias if hasattr(self, "bias") else y


def average_pool_options(layer: Any, inputs: Shapes) -> tuple[tuple[Any, ...], dict[str, Any]]:
    options = {"ceil_mode": layer.ceil_mode, "count_include_pad": layer.count_include_pad}
    if layer.divisor_override is not None:
        if layer.spatial == 1:
            raise Unsupported("divisor_override on one axis")
        options["divisor_override"] = layer.divisor_override
    return (layer.kernel_size, layer.stride), options


def max_pool_options(layer: Any, inputs: Shapes) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (layer.kernel_size, layer.stride), {
        "dilation": layer.dilation,
        "ceil_mode": layer.ceil_mode,
    }


def lp_pool(layer: Any, inputs: Shapes) -> nn.Module:
    axes = len(inputs[0]) - 1 if layer.spatial != 1 else 1
    kernel = values(layer.kernel_size, axes)
    stride = kernel if layer.stride is None else values(layer.stride, axes)
    if layer.spatial == 1:  # takes no tuples
        kernel, stride = kernel[0], stride[0]
    return named(layer, "LPPool")(layer.norm_type, kernel, stride, layer.ceil_mode)


def per_channel(weight: Tensor, x: Tensor, axis: int = 0) -> Tensor:
    """A vector along an axis of an image."""
    behind = x.dim() - 1 - dim(axis) if axis >= 0 else -axis - 1
    return weight.reshape(-1, *(1,) * behind)
