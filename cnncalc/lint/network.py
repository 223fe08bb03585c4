"""A graph as rules ask it: who reads whom, and what comes out."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from ..diagnostics import Findings
from ..graph import Graph, Input, Node
from ..layers import Layer
from ..layers.convolution import Conv
from ..layers.linear import Linear
from ..layers.locally_connected import LocallyConnected
from ..layers.transposed_convolution import ConvTranspose
from .settings import Settings

T = TypeVar("T")

#: Kinds with a matrix of learned weights.
WEIGHTED = (Conv, ConvTranspose, LocallyConnected, Linear)


class Found(NamedTuple):
    """What a rule has to say of a layer. The message goes on after the layer's name."""

    node: Node
    message: str
    hint: str = ""


class Network:
    """A graph and the settings of rules, with answers that several rules need."""

    def __init__(self, graph: Graph, settings: Settings) -> None:
        self.graph = graph
        self.settings = settings
        self._derived: dict[Any, Any] = {}
        #: For each node the nodes that read its output, in order.
        self.readers: dict[int, list[Node]] = {node.index: [] for node in graph.nodes}
        for node in graph.nodes:
            for index in {value.node for value in node.inputs}:
                self.readers[index].append(node)
        #: Nodes of which an output is one of the network or of a head.
        self.ends = {value.node for value in (*graph.outputs, *graph.heads)}
        #: Nodes whose weights stand for several layers.
        self.shared = {
            index for node in graph.nodes if node.shares is not None
            for index in (node.index, node.shares)
        }  # fmt: skip

    def derived(self, derive: Callable[[Graph], T]) -> T:
        """Something that several rules find out about the graph, found out once."""
        if derive not in self._derived:
            self._derived[derive] = derive(self.graph)
        found: T = self._derived[derive]
        return found

    def layers(self, *classes: type[Layer]) -> Iterator[Node]:
        """The nodes with a layer of these classes."""
        return (node for node in self.graph.nodes if isinstance(node.layer, classes))

    def image(self) -> tuple[int, ...] | None:
        """The axes of the image after the channels; None for inputs of different sizes."""
        sizes = {n.output_shapes[0][1:] for n in self.graph.nodes if isinstance(n.layer, Input)}
        return sizes.pop() if len(sizes) == 1 else None


def report(rule: str, found: Iterator[Found], findings: Findings) -> None:
    """Make findings, one for each place in a file: an entry makes many layers in a repeat."""
    by_place: dict[object, list[Found]] = {}
    for one in found:
        by_place.setdefault(one.node.span or one.node, []).append(one)
    for first, *others in by_place.values():
        more = " (and others made here)" if others else ""
        message = f"{first.node.name}{more}: {first.message}"
        findings.report(rule, message, first.node.span, hint=first.hint)
