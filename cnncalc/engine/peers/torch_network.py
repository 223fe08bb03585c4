"""A graph of ours as a PyTorch module: the original layers, nothing fused."""

from typing import Any

from torch import Tensor, nn

from ...analysis.cost import owner
from ...analysis.liveness import results, runs
from ...graph import Graph, Input, Node, Value
from ..weights import Arrays, Weights
from .torch_layers import module_of


class TorchNetwork(nn.Module):
    """Runs layer by layer; a value is dropped after its last reader. Raises CannotBuild."""

    def __init__(self, graph: Graph, weights: Weights) -> None:
        super().__init__()
        self.results = results(graph, heads=False)
        self.calls: list[tuple[int, nn.Module | None, tuple[Value, ...], tuple[Value, ...]]] = []
        self.layers = nn.ModuleDict()
        nodes = runs(graph, heads=False)
        last = {value: node.index for node in nodes for value in node.inputs}
        for node in nodes:
            over = [v for v in set(node.inputs) if last[v] == node.index and v not in self.results]
            module: nn.Module | None = None
            if not isinstance(node.layer, Input):
                key = f"{owner(graph, node).name} {node.input_shapes}".replace(".", "/")
                if key not in self.layers:
                    self.layers[key] = self.module(node, weights.of(node))
                module = self.layers[key]
            self.calls.append((node.index, module, node.inputs, tuple(over)))

    def module(self, node: Node, arrays: Arrays) -> nn.Module:
        return module_of(node, arrays)

    def forward(self, *images: Tensor) -> tuple[Tensor, ...]:
        arriving = iter(images)
        values: dict[Value, Any] = {}
        for index, module, inputs, over in self.calls:
            if module is None:
                values[Value(index)] = next(arriving)
                continue
            output = module(*[values[value] for value in inputs])
            for value in over:
                del values[value]
            if isinstance(output, tuple):
                values.update((Value(index, port), y) for port, y in enumerate(output))
            else:
                values[Value(index)] = output
        return tuple(values[value] for value in self.results)
