"""A cnncalc graph as the PyTorch code that people write: what counting tools are run on.

Layers are modules, but branches meet in `+`, and layers for which the code is known to call a
function do so: tools see such differences, where numbers of the layers themselves do not.
"""

import operator
from collections.abc import Callable
from functools import reduce
from typing import Any

import torch
import torch_layers
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from cnncalc.analysis.counting import FUNCTION, MODULE
from cnncalc.analysis.liveness import results, runs
from cnncalc.analysis.reconciliation import Code, written
from cnncalc.graph import Graph, Input, Node, Value

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
}

FUNCTIONS: dict[str, Callable[[Any], Callable[[Tensor], Tensor]]] = {
    "relu": lambda layer: lambda x: nn.functional.relu(x),
    "avg_pool": lambda layer: (
        lambda x: nn.functional.avg_pool2d(x, layer.kernel_size, layer.stride, layer.padding)
    ),
    "adaptive_avg_pool": lambda layer: (
        lambda x: nn.functional.adaptive_avg_pool2d(x, layer.output_size)
    ),
}

METHODS: dict[str, Callable[[Any], Callable[[Tensor], Tensor]]] = {
    "adaptive_avg_pool": lambda layer: lambda x: x.mean([2, 3], keepdim=True),
}


class TorchCode(nn.Module):
    """The graph's layers in inference, those that ``code`` names as functions and methods."""

    def __init__(self, graph: Graph, code: Code) -> None:
        super().__init__()
        self.nodes = runs(graph, heads=False)
        self.results = results(graph, heads=False)
        self.layers = nn.ModuleDict()
        self.calls: dict[int, Callable[..., Any]] = {}
        for node in self.nodes:
            kind = torch_layers.family(node.layer.kind)
            if kind in OPERATORS:
                self.calls[node.index] = lambda *xs, kind=kind: reduce(OPERATORS[kind], xs)
            elif (way := written(node.name, code)) != MODULE:
                rows = FUNCTIONS if way == FUNCTION else METHODS
                self.calls[node.index] = rows[kind](node.layer)
            elif not isinstance(node.layer, Input) and node.shares is None:
                module = torch_layers.module(node.layer, node.input_shapes)
                self.layers[key(node)] = module
        for node in self.nodes:
            if node.shares is not None:
                self.layers[key(node)] = self.layers[key(graph.nodes[node.shares])]
        if code.zero_biases:
            for module in self.modules():
                if isinstance(module, _ConvNd | nn.Linear) and module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, *images: Tensor) -> Any:
        arriving = iter(images)
        values: dict[Value, Tensor] = {}
        for node in self.nodes:
            if isinstance(node.layer, Input):
                output: Any = next(arriving)
            else:
                call = self.calls.get(node.index) or self.layers[key(node)]
                output = call(*(values[value] for value in node.inputs))
            several = output if isinstance(output, tuple | list) else (output,)
            values.update((Value(node.index, port), y) for port, y in enumerate(several))
        outputs = tuple(values[value] for value in self.results)
        return outputs[0] if len(outputs) == 1 else outputs


def key(node: Node) -> str:
    """A name without the dots and slashes that PyTorch and its tracer split names at."""
    return node.name.replace(".", "_")


def image(graph: Graph, batch: int = 1) -> Tensor:
    """Random numbers of the input's shape."""
    (shape,) = (n.output_shapes[0] for n in graph.nodes if isinstance(n.layer, Input))
    return torch.rand(batch, *shape)
