"""The layer graph and the builder that makes it.

One builder makes graphs: `cnncalc.spec` calls it while it walks a document, importers of other
formats will call the same one. It appends a node, infers its shape and goes on. A node that
fails makes one finding and poisons what depends on it, and nothing else.
"""

from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import ClassVar, NamedTuple

from .diagnostics import Findings, Related, Span, did_you_mean
from .layers import Layer, LayerError, Shape, Shapes, show_shape


class Value(NamedTuple):
    """One output of one node: what flows along an edge of the graph."""

    node: int
    port: int = 0


class Input(Layer, frozen=True):
    """The image (or another input) as the first row of every table. Not a kind of the language."""

    kind: ClassVar[str] = "input"
    arity: ClassVar[tuple[int, int | None]] = (0, 0)
    shape: Shape

    def shapes(self, inputs: Shapes) -> Shapes:
        return (self.shape,)

    def label(self) -> str:
        return "INPUT"


class Node:
    """A layer at its place in a graph. Nodes stand in the order in which they run.

    ``shares`` is the index of the earlier node whose weights this one uses. ``training``: the
    node runs in training only (an auxiliary head). ``head`` numbers the side output it belongs
    to; None on the main path. Dotted ``name``: ``layer1.0.shortcut.conv2d``.
    """

    __slots__ = (
        "frozen",
        "head",
        "index",
        "input_shapes",
        "inputs",
        "layer",
        "name",
        "output_shapes",
        "shares",
        "span",
        "training",
    )

    def __init__(
        self,
        index: int,
        name: str,
        layer: Layer,
        inputs: tuple[Value, ...],
        input_shapes: Shapes,
        output_shapes: Shapes,
        span: Span | None = None,
        shares: int | None = None,
        frozen: bool = False,
        training: bool = False,
        head: int | None = None,
    ) -> None:
        self.index = index
        self.name = name
        self.layer = layer
        self.inputs = inputs
        self.input_shapes = input_shapes
        self.output_shapes = output_shapes
        self.span = span
        self.shares = shares
        self.frozen = frozen
        self.training = training
        self.head = head

    def __repr__(self) -> str:
        return f"<{self.name}: {self.layer!r} → {' '.join(map(show_shape, self.output_shapes))}>"


class Graph(NamedTuple):
    """A network: nodes in execution order (inputs are nodes too) and what comes out.

    ``outputs`` are the network's outputs in inference: the last layer, unless only heads read
    it, then the heads. ``heads`` are the side outputs, those of training included.

    ``channels_read``: the values whose channels decided how the graph is made. With another
    input it is this very graph as long as all of them keep their channels.
    """

    name: str
    nodes: tuple[Node, ...]
    outputs: tuple[Value, ...]
    heads: tuple[Value, ...] = ()
    channels_read: frozenset[Value] = frozenset()

    def shape(self, value: Value) -> Shape:
        return self.nodes[value.node].output_shapes[value.port]


#: More layers than this are a mistake in a spec, not a network.
MAX_LAYERS = 200_000
#: No machine addresses a tensor of more values, and sizes may not grow without end.
MAX_VALUES = 2**62


class TooManyLayers(Exception):
    """The graph grew over `MAX_LAYERS`."""


class Builder:
    """Makes a graph, node by node. A value of None is poison: what was to make it failed."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.nodes: list[Node] = []
        #: What layers made of shapes before: networks repeat the same few.
        self._made: dict[tuple[int, Shapes], Shapes] = {}

    def shape(self, value: Value | None) -> Shape | None:
        """The shape of a value; None for poison."""
        return None if value is None else self.nodes[value.node].output_shapes[value.port]

    def input(self, name: str, shape: Shape, span: Span | None = None) -> Value:
        """Add an input of the network."""
        node = Node(len(self.nodes), name, Input(shape=shape), (), (), (shape,), span)
        self.nodes.append(node)
        return Value(node.index)

    def add(
        self,
        layer: Layer,
        inputs: Sequence[Value | None],
        name: str,
        *,
        span: Span | None = None,
        where: Callable[[str], Span | None] = lambda option: None,
        shares: int | None = None,
        frozen: bool = False,
        training: bool = False,
        head: int | None = None,
    ) -> tuple[Value | None, ...]:
        """Append a layer; the values it makes, or poison with a finding (none for poison in).

        ``span`` is the place of the layer in its file, ``where`` gives that of one of its options.
        Raises TooManyLayers.
        """
        if len(self.nodes) >= MAX_LAYERS:
            raise TooManyLayers
        if any(value is None for value in inputs):
            return (None,)
        known = tuple(value for value in inputs if value is not None)
        shapes = tuple(self.nodes[v.node].output_shapes[v.port] for v in known)
        outputs = self._made.get((id(layer), shapes))
        if outputs is None:
            try:
                layer.check_inputs(shapes)
                outputs = layer.shapes(shapes)
                check_sizes(layer, outputs)
            except LayerError as error:
                at = where(error.option) if error.option else None
                self.report(error, at or span, known if len(known) > 1 else ())
                return (None,)
            self._made[id(layer), shapes] = outputs  # the node keeps the layer, and so its id
        node = Node(
            len(self.nodes),
            name,
            layer,
            known,
            shapes,
            outputs,
            span,
            shares,
            frozen,
            training,
            head,
        )
        self.nodes.append(node)
        return tuple(Value(node.index, port) for port in range(len(outputs)))

    def report(self, error: LayerError, span: Span | None, inputs: Sequence[Value] = ()) -> None:
        """Make a finding of a LayerError; with several inputs, say where each comes from."""
        related = []
        for value in inputs:
            node = self.nodes[value.node]
            if node.span is not None:
                shape = show_shape(node.output_shapes[value.port])
                related.append(Related(node.span, f"{node.name} makes {shape}"))
        hint = error.hint
        if not hint and error.choices and error.option:
            hint = did_you_mean(error.option, error.choices)
        self.findings.report(error.rule, error.message, span, hint=hint, related=related)

    def finish(
        self,
        name: str,
        outputs: Sequence[Value],
        heads: Sequence[Value] = (),
        channels_read: Iterable[Value] = (),
    ) -> Graph:
        """The graph of all nodes added so far."""
        return Graph(
            name, tuple(self.nodes), tuple(outputs), tuple(heads), frozenset(channels_read)
        )


def check_sizes(layer: Layer, shapes: Shapes) -> None:
    """Raise LayerError for a tensor that is too large for any machine."""
    for shape in shapes:
        if prod(shape) > MAX_VALUES:
            message = f"{layer.kind} makes {show_shape(shape)}; allowed: at most 2**62 values"
            raise LayerError("limit", message)
