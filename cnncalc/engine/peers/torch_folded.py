"""A graph of ours as a PyTorch module, as one would prepare it for a GPU by hand: batch norm is in
the weights, and where it is asked for, convolutions are fused with what follows them."""

from typing import Any

import torch
from torch import Tensor, nn

from ...graph import Graph, Node
from ...layers import Layer
from ...layers.activation import ReLU
from ...layers.convolution import Conv
from ...layers.merge import Add
from ..fused import body_of, epilogue_of
from ..fusion import FusedGraph, fuse
from ..plan import Step
from ..weights import Arrays, Weights, folded
from .torch_layers import module_of
from .torch_network import TorchNetwork


class FoldedNetwork(TorchNetwork):
    """``fused``: convolution + ReLU, and convolution + residual + ReLU, as one call of cuDNN each.
    Raises CannotBuild."""

    def __init__(self, graph: Graph, weights: Weights, *, fused: bool) -> None:
        made = fuse(graph, cudnn_fuses if fused else nothing)
        super().__init__(made.graph, FoldedWeights(made, weights))

    def module(self, node: Node, arrays: Arrays) -> nn.Module:
        reads = len(node.inputs) - sum(isinstance(one, Add) for one in epilogue_of(node.layer))
        body, shapes = body_of(node.layer), node.input_shapes[:reads]
        plain = Node(node.index, node.name, body, node.inputs[:reads], shapes, body.shapes(shapes))
        module = super().module(plain, arrays)
        *_, behind = (None, *epilogue_of(node.layer))
        if isinstance(behind, ReLU) and type(module) is nn.Conv2d and module.groups == 1:
            return ConvolutionRelu(module)
        others = [module_of(one_of(node, one), {}) for one in epilogue_of(node.layer)]
        return Sequence(module, others) if others else module


def nothing(body: Layer, epilogue: tuple[Layer, ...], layer: Layer) -> bool:
    return False


def cudnn_fuses(body: Layer, epilogue: tuple[Layer, ...], layer: Layer) -> bool:
    """ReLU behind a convolution, or behind a sum behind a convolution.

    A sum that no ReLU follows goes in, too; `FoldedNetwork` then runs it on its own.
    """
    if not isinstance(body, Conv):
        return False
    if isinstance(layer, Add):
        return not epilogue
    return isinstance(layer, ReLU) and not any(isinstance(one, ReLU) for one in epilogue)


def one_of(node: Node, layer: Layer) -> Node:
    """A layer of a node's epilogue as a node of its own."""
    inputs = 2 if isinstance(layer, Add) else 1
    shapes = node.output_shapes * inputs
    return Node(node.index, node.name, layer, node.inputs[:inputs], shapes, node.output_shapes)


class FoldedWeights(Weights):
    """The arrays of a fused graph's nodes."""

    def __init__(self, made: FusedGraph, weights: Weights) -> None:
        super().__init__(made.graph)
        self.made = made
        self.weights = weights

    def of(self, node: Node) -> Arrays:
        sources, count = self.made.sources[node.index], self.made.folded[node.index]
        return folded(Step(node, sources, count, (), (), (), False), self.weights)


class Sequence(nn.Module):
    """A module and what follows it; sums take the further inputs, in order."""

    def __init__(self, first: nn.Module, others: list[nn.Module]) -> None:
        super().__init__()
        self.first, self.others = first, nn.ModuleList(others)

    def forward(self, x: Tensor, *further: Tensor) -> Any:
        y, rest = self.first(x), iter(further)
        for module in self.others:
            y = module(y) if isinstance(module, nn.ReLU) else module(y, next(rest))
        return y


class ConvolutionRelu(nn.Module):
    """A convolution, a residual if one is given, and ReLU: one kernel of cuDNN."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.convolution = convolution

    def forward(self, x: Tensor, *residual: Tensor) -> Tensor:
        conv = self.convolution
        how = (conv.bias, conv.stride, conv.padding, conv.dilation, conv.groups)
        if residual:
            aten = torch.ops.aten.cudnn_convolution_add_relu
            added: Tensor = aten(x, conv.weight, residual[0], 1.0, *how)
            return added
        plain: Tensor = torch.ops.aten.cudnn_convolution_relu(x, conv.weight, *how)
        return plain
