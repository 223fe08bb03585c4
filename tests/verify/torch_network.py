"""A cnncalc graph as a PyTorch network that runs layer by layer."""

from collections.abc import Callable, Mapping

import torch
import torch_layers
from torch import Tensor, nn

from cnncalc.analysis.liveness import Rule, results, runs, storages
from cnncalc.graph import Graph, Input, Node, Value
from cnncalc.layers.adaptive_pooling import Bins

#: Called after each layer: the node, its outputs, and all values that are still needed.
Watch = Callable[[Node, tuple[Tensor, ...], Mapping[Value, Tensor]], None]

#: How PyTorch writes what cnncalc says may overwrite its input while autograd records.
OVERWRITE: dict[str, Callable[[Tensor], Tensor]] = {"relu": torch.relu_}


class TorchNetwork(nn.Module):
    """The graph's layers by their names, run in the graph's order.

    A value is dropped after its last reader has run. ``overwrite``: the rule by which layers
    work in place where cnncalc says they do; without it none does. ``heads``: also run those of
    training.
    """

    def __init__(self, graph: Graph, overwrite: Rule | None = None, *, heads: bool = False) -> None:
        super().__init__()
        self.graph = graph
        self.nodes = runs(graph, heads)
        self.results = results(graph, heads)
        self.layers = nn.ModuleDict()
        self.last_reader: dict[Value, int] = {}
        for node in self.nodes:
            for value in node.inputs:
                self.last_reader[value] = node.index
            if not isinstance(node.layer, Input) and node.shares is None:
                layer = torch_layers.module(node.layer, node.input_shapes)
                self.layers[key(node)] = layer.requires_grad_(not node.frozen)
        self.in_place: set[int] = set()
        if overwrite is not None:
            owns = {storage.node for storage in storages(graph, overwrite, heads=heads)}
            self.in_place = {node.index for node in self.nodes if node.index not in owns}
        self.rule = overwrite

    def module(self, node: Node) -> nn.Module:
        """The module of a node: that of the owner of its weights, if it shares."""
        while node.shares is not None:
            node = self.graph.nodes[node.shares]
        return self.layers[key(node)]

    def images(self, batch: int) -> list[Tensor]:
        """Random images, one for each input."""
        nodes = (node for node in self.nodes if isinstance(node.layer, Input))
        return [torch.rand(batch, *node.output_shapes[0]) for node in nodes]

    def forward(self, images: list[Tensor], watch: Watch | None = None) -> tuple[Tensor, ...]:
        """The graph's outputs and heads. The list of images is emptied, so that they are freed."""
        values: dict[Value, Tensor] = {}
        for node in self.nodes:
            if isinstance(node.layer, Input):
                outputs: tuple[Tensor, ...] = (images.pop(0),)
            else:
                outputs = self.run(node, [values[value] for value in node.inputs])
            values.update((Value(node.index, port), y) for port, y in enumerate(outputs))
            if watch is not None:
                watch(node, outputs, values)
            for value in {*node.inputs, *(Value(node.index, port) for port in range(len(outputs)))}:
                if value not in self.results and self.last_reader.get(value, -1) <= node.index:
                    del values[value]
            del outputs
        return tuple(values[value] for value in self.results)

    def run(self, node: Node, inputs: list[Tensor]) -> tuple[Tensor, ...]:
        layer = self.module(node)
        if node.index in self.in_place:
            if self.rule == "training" and node.layer.memory == "in place":
                return (OVERWRITE[node.layer.kind](inputs[0]),)
            if self.rule == "inference" and node.layer.memory == "in place":
                return (inputs[0].copy_(layer(inputs[0])),)
            if self.rule == "inference" and isinstance(node.layer, Bins):
                return (inputs[0],)  # bins of one value: PyTorch would copy
        output = layer(*inputs)
        return tuple(output) if isinstance(output, tuple | list) else (output,)


def key(node: Node) -> str:
    """The name of a node where dots are not allowed."""
    return node.name.replace(".", "/")
