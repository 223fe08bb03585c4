"""A graph as a linear network with positive weights, whose gradients say what a unit sees.

Kernels are all ones, a maximum becomes a mean, a product a sum, and what looks at each value by
itself becomes the identity. So no two paths can cancel, and the support of the gradient of one
unit with respect to the image is all that the unit sees. Since only the support is of interest,
every gradient on the way is made 0 or 1: nothing vanishes, however deep the network.
"""

from collections.abc import Callable
from functools import reduce
from typing import Any

import torch
import torch_layers
import torch_windows
from torch import Tensor, nn
from torch.nn import functional
from torch_layers import Apply, function
from torch_windows import Row, Unsupported, dim, family, flat, named, split_padding, values

from cnncalc.graph import Graph, Input, Value
from cnncalc.layers import Layer, Shapes


def ones(x: Tensor, layer: Any, groups: int) -> Tensor:
    """A kernel of ones for each group."""
    return x.new_ones(groups, 1, *values(layer.kernel_size, x.dim() - 2))


def summed(x: Tensor, groups: int) -> Tensor:
    """The sum of each group of channels: what all kernels of ones begin with."""
    return x.reshape(len(x), groups, -1, *x.shape[2:]).sum(2)


def convolution(layer: Any, inputs: Shapes) -> Callable[[Tensor], Tensor]:
    if layer.connections is not None:
        return torch_windows.Connected(layer, inputs)
    both, more = split_padding(layer, inputs[0])
    convolve = getattr(functional, f"conv{layer.spatial}d")

    def run(x: Tensor) -> Tensor:
        x = summed(functional.pad(x, flat(more)) if more else x, layer.groups)
        y = convolve(
            x, ones(x, layer, layer.groups), None, layer.stride, both, layer.dilation, layer.groups
        )
        return y.repeat_interleave(layer.out_channels // layer.groups, 1)

    return run


def transposed(layer: Any, inputs: Shapes) -> Callable[[Tensor], Tensor]:
    convolve = getattr(functional, f"conv_transpose{layer.spatial}d")

    def run(x: Tensor) -> Tensor:
        x = summed(x, layer.groups)
        y = convolve(
            x,
            ones(x, layer, layer.groups),
            None,
            layer.stride,
            layer.padding,
            layer.output_padding,
            layer.groups,
            layer.dilation,
        )
        return y.repeat_interleave(layer.out_channels // layer.groups, 1)

    return run


def pool(layer: Any, inputs: Shapes) -> nn.Module:
    if set(values(getattr(layer, "dilation", 1), 1)) != {1}:
        raise Unsupported("average pooling with dilation")
    both, more = split_padding(layer, inputs[0])
    pool = named(layer, "AvgPool")(layer.kernel_size, layer.stride, both, layer.ceil_mode)
    return torch_windows.Padded(pool, more, 0.0) if more else pool


def with_mean(axes: Callable[[Any, int], tuple[int, ...]]) -> Row:
    """A normalisation: each value, and the mean of all that it is compared with."""
    return lambda layer, inputs: Apply(
        lambda x: x + x.mean(axes(layer, x.dim()), keepdim=True).expand_as(x)
    )


def group_mean(layer: Any, inputs: Shapes) -> Callable[[Tensor], Tensor]:
    def run(x: Tensor) -> Tensor:
        groups = x.reshape(len(x), layer.num_groups, -1)
        return x + groups.mean(2, keepdim=True).expand_as(groups).reshape(x.shape)

    return run


def everything_else(layer: Layer, inputs: Shapes) -> nn.Module:
    """Rearrangements are linear as they are; functions of single values become the identity."""
    if getattr(layer, "mode", "") == "bicubic":
        raise Unsupported("weights below zero")
    if layer.shapes(inputs) == inputs[:1] and layer.memory == "in place":
        return nn.Identity()
    return torch_layers.module(layer, inputs)


SUM = function(lambda layer, _: lambda *xs: reduce(torch.add, xs))
LINEAR: dict[str, Row] = {
    "conv": function(convolution),
    "conv_transpose": function(transposed),
    "linear": function(
        lambda layer, _: lambda x: x.sum(-1, keepdim=True).expand(*x.shape[:-1], layer.out_features)
    ),
    "max_pool": pool,
    "avg_pool": pool,
    "adaptive_max_pool": lambda layer, _: named(layer, "AdaptiveAvgPool")(layer.output_size),
    "global_max_pool": lambda layer, _: named(layer, "AdaptiveAvgPool")(1),
    "batch_norm": lambda layer, _: nn.Identity(),
    "local_response_norm": lambda layer, _: nn.Identity(),
    "layer_norm2d": with_mean(lambda layer, rank: (1,)),
    "layer_norm": with_mean(lambda layer, rank: tuple(range(rank - layer.axes, rank))),
    "instance_norm": with_mean(lambda layer, rank: tuple(range(2, rank))),
    "group_norm": function(group_mean),
    "softmax": with_mean(lambda layer, rank: (dim(layer.axis),)),
    "log_softmax": with_mean(lambda layer, rank: (dim(layer.axis),)),
    "scale": lambda layer, _: nn.Identity(),
    "layer_scale": lambda layer, _: nn.Identity(),
    "dropout": lambda layer, _: nn.Identity(),
    "stochastic_depth": lambda layer, _: nn.Identity(),
    "rbf": function(
        lambda layer, _: lambda x: x.sum(-1, keepdim=True).expand(*x.shape[:-1], layer.out_features)
    ),
    "add": SUM,
    "sub": SUM,
    "mul": SUM,
    "max": SUM,
}


class LinearNetwork:
    """A graph that has run once; `support` then looks back from its units."""

    #: So many units are looked at in one pass.
    together = 5

    def __init__(self, graph: Graph) -> None:
        self.values: dict[Value, Tensor] = {}
        self.images: list[Tensor] = []
        for node in graph.nodes:
            if isinstance(node.layer, Input):
                image = torch.zeros(self.together, *node.output_shapes[0], requires_grad=True)
                self.images.append(image)
                outputs: tuple[Tensor, ...] = (image,)
            else:
                row = LINEAR.get(family(node.layer.kind), everything_else)
                made = row(node.layer, node.input_shapes)(*(self.values[v] for v in node.inputs))
                outputs = tuple(made) if isinstance(made, tuple | list) else (made,)
            for port, output in enumerate(outputs):
                assert output.shape[1:] == node.output_shapes[port], node
                if all(output is not self.values[value] for value in node.inputs):
                    output.register_hook(torch.sign)
                self.values[Value(node.index, port)] = output

    def support(self, value: Value, units: list[tuple[int, ...]]) -> list[Tensor]:
        """For each unit, by its place on the spatial axes, where the image moves any channel
        of it: a tensor of booleans [*spatial]. () stands for all units of the value together.
        Of several inputs, what is seen in any."""
        output = self.values[value]
        found: list[Tensor] = []
        while len(found) < len(units):
            chosen = units[len(found) : len(found) + self.together]
            start = torch.zeros_like(output)
            for number, place in enumerate(chosen):
                start[(number, slice(None), *place)] = 1
            gradients = torch.autograd.grad(
                output, self.images, start, retain_graph=True, allow_unused=True
            )
            seen = [gradient.ne(0).any(1) for gradient in gradients if gradient is not None]
            found += list(reduce(torch.logical_or, seen))[: len(chosen)]
        return found
