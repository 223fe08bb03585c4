"""Graph → fused graph: the same network for inference, in fewer nodes.

Every rule is local and keeps the order of execution, and every result is again a `Graph`, so that
the analyses (liveness, costs) work on it as on any other.
"""

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from msgspec.structs import replace

from ..analysis.liveness import results, runs
from ..graph import Graph, Input, Node, Value
from ..layers import Layer
from ..layers.activation import Activation, PReLU
from ..layers.convolution import Conv
from ..layers.linear import Linear
from ..layers.merge import Add, Concat
from .fused import PRODUCTS, Fused, is_affine
from .strided import Packing, Strided, packed, seen

#: Whether a backend can do one more layer in the epilogue of a body that has these already.
Fuses = Callable[[Layer, tuple[Layer, ...], Layer], bool]


class FusedGraph(NamedTuple):
    """The fused graph, and for each of its nodes the nodes of the original that it stands for:
    the one with the body, those folded into its weights, those of its epilogue, in order.

    ``folded``: how many of these sources are folded into the weights.
    """

    original: Graph
    graph: Graph
    sources: tuple[tuple[Node, ...], ...]
    folded: tuple[int, ...]


def fuses_pointwise(body: Layer, epilogue: tuple[Layer, ...], layer: Layer) -> bool:
    """The rule of most backends: activations behind anything, one residual behind products."""
    if isinstance(layer, Add):
        return isinstance(body, PRODUCTS) and not any(isinstance(one, Add) for one in epilogue)
    return isinstance(layer, Activation) and not isinstance(layer, PReLU)


class _Draft:
    """A node of the fused graph in the making."""

    def __init__(self, node: Node, inputs: list[Value]) -> None:
        self.sources = [node]
        self.body = node.layer
        self.epilogue: list[Layer] = []
        self.folded = 0
        self.inputs = inputs
        self.outputs = node.output_shapes

    def layer(self) -> Layer:
        plain = not self.epilogue and not self.folded
        return self.body if plain else Fused(body=self.body, epilogue=tuple(self.epilogue))


def fuse(graph: Graph, fuses: Fuses = fuses_pointwise, packing: Packing = packed) -> FusedGraph:
    """Fuse what ``fuses`` allows, fold affine layers into the products before them, leave out
    what does nothing in inference and the heads of training.

    ``packing`` decides which views must be copied."""
    return _Fusion(graph, fuses, packing).run()


class _Fusion:
    def __init__(self, graph: Graph, fuses: Fuses, packing: Packing) -> None:
        self.graph = graph
        self.fuses = fuses
        self.packing = packing
        #: For each value of the original graph, the one that stands for it: values that
        #: identities hand on are those of what made them.
        self.same: dict[Value, Value] = {}
        self.nodes = [node for node in runs(graph, heads=False) if not self.hands_on(node)]
        kept = [self.same.get(value, value) for value in results(graph, heads=False)]
        self.reads = Counter(value for node in self.nodes for value in self.reading(node))
        self.reads.update(dict.fromkeys(kept, 2))  # never fused into what reads it
        self.kept = kept
        self.drafts: list[_Draft] = []
        #: For each value of the original graph that is still there, its value in the fused one.
        self.now: dict[Value, Value] = {}

    def reading(self, node: Node) -> list[Value]:
        return [self.same.get(value, value) for value in node.inputs]

    def hands_on(self, node: Node) -> bool:
        """Whether a node's output is its input, unchanged; then it is left out."""
        if isinstance(node.layer, Input) or node.layer.memory_of(node.input_shapes) != "view":
            return False
        source = self.packing(node.input_shapes[0], 0, 0)
        view = seen(node.layer, source, node.input_shapes, 0)
        if view != source or len(node.output_shapes) > 1:
            return False
        self.same[Value(node.index)] = self.same.get(node.inputs[0], node.inputs[0])
        return True

    def run(self) -> FusedGraph:
        for node in self.nodes:
            self.visit(node)
        return self.finish()

    def visit(self, node: Node) -> None:
        values = self.reading(node)
        inputs = [self.now[value] for value in values]
        draft = self.extended(node, values, inputs)
        if draft is None:
            self.drafts.append(_Draft(node, inputs))
            draft = len(self.drafts) - 1
        for port in range(len(node.output_shapes)):
            self.now[Value(node.index, port)] = Value(draft, port)

    def extended(self, node: Node, values: list[Value], inputs: list[Value]) -> int | None:
        """The number of the draft that takes a node in; None if none can."""
        if not inputs or len(node.output_shapes) > 1:
            return None
        latest = max(range(len(inputs)), key=lambda number: inputs[number].node)
        number, draft = inputs[latest].node, self.drafts[inputs[latest].node]
        if self.reads[values[latest]] > 1 or len(draft.outputs) > 1:
            return None
        if isinstance(draft.body, Input | Concat) or is_view(draft.sources[0]):
            return None
        if len(inputs) == 1 and not draft.epilogue and folds(node, draft.body):
            if "bias" not in draft.body.weights(draft.sources[0].input_shapes):
                draft.body = replace(draft.body, bias=True)
            draft.folded += 1
        elif self.fuses(draft.body, tuple(draft.epilogue), node.layer):
            if isinstance(node.layer, Add):
                if len(inputs) != 2 or len(set(node.input_shapes)) > 1:
                    return None
                draft.inputs.append(inputs[1 - latest])
            elif len(inputs) > 1:
                return None
            draft.epilogue.append(node.layer)
        else:
            return None
        draft.sources.append(node)
        draft.outputs = node.output_shapes
        return number

    def finish(self) -> FusedGraph:
        """Nodes of the drafts; views that cannot be views become copies.

        Whether an in-place layer behind a view really writes there is not known yet: if it does
        not, a view of its output is copied for nothing, which is slow but right.
        """
        nodes: list[Node] = []
        views: dict[Value, Strided] = {}
        for index, draft in enumerate(self.drafts):
            first, layer = draft.sources[0], draft.layer()
            shapes = tuple(nodes[value.node].output_shapes[value.port] for value in draft.inputs)
            if is_view(first):
                source = draft.inputs[0]
                lies = views.get(source) or self.packing(shapes[0], 0, 0)
                ports = [seen(layer, lies, shapes, port) for port in range(len(draft.outputs))]
                if None in ports:
                    layer = Fused(body=layer)
                else:
                    views |= {Value(index, p): at for p, at in enumerate(ports) if at is not None}
            elif layer.memory_of(shapes) == "in place" and draft.inputs[0] in views:
                views[Value(index)] = views[draft.inputs[0]]
            nodes.append(Node(index, first.name, layer, tuple(draft.inputs), shapes, draft.outputs,
                              first.span))  # fmt: skip
        graph = Graph(self.graph.name, tuple(nodes), tuple(self.now[value] for value in self.kept))
        return FusedGraph(
            self.graph,
            graph,
            tuple(tuple(draft.sources) for draft in self.drafts),
            tuple(draft.folded for draft in self.drafts),
        )


def is_view(node: Node) -> bool:
    return not isinstance(node.layer, Input) and node.layer.memory_of(node.input_shapes) == "view"


def folds(node: Node, body: Layer) -> bool:
    """Whether an affine layer can go into the weights of the body right before it.

    It must scale the axis that the body's bias is along; and a convolution whose ``connections``
    are a list has no weights to scale per output channel.
    """
    if not isinstance(body, PRODUCTS) or not is_affine(node.layer):
        return False
    if isinstance(body, Conv) and body.connections is not None:
        return False
    rank = len(node.input_shapes[0])
    axis: int = getattr(node.layer, "axis", 0) % rank
    return axis == (rank - 1 if isinstance(body, Linear) else 0)
