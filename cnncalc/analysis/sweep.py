"""The shapes of every value of a graph, for many inputs at once.

A graph is walked once, not once for each input: what flows along an edge is a *column*, one
shape for each of the inputs. A layer is asked once for each shape that is new to it, and layers
that are equal and read the same columns are one *step*. So a residual network of any depth costs
a few dozen steps, and each step as many questions as it sees different shapes.
"""

from collections.abc import Sequence
from typing import NamedTuple

from ..graph import Graph, Input, Node, Value
from ..layers import Layer, LayerError, Shape, Shapes

#: One shape for each input of the sweep; None where something before has failed.
Column = tuple[Shape | None, ...]


class Answer(NamedTuple):
    """What a layer says to the shapes that arrive: its outputs and what they leave unread, or
    what is wrong."""

    outputs: Shapes
    remainder: tuple[int, ...]
    error: LayerError | None = None


class Step:
    """A layer on columns: ``arriving`` holds the shapes that arrive, for each input of the
    sweep, and ``answers`` what the layer says to each."""

    __slots__ = ("answers", "arriving", "failing", "layer", "losing", "outputs", "ports")

    def __init__(self, layer: Layer, inputs: Sequence[Column], ports: int) -> None:
        self.layer = layer
        self.arriving = [whole(shapes) for shapes in zip(*inputs, strict=True)]
        distinct = dict.fromkeys(shapes for shapes in self.arriving if shapes is not None)
        self.answers = {shapes: ask(layer, shapes) for shapes in distinct}
        #: The shapes that the layer refuses, and those of which it leaves something unread.
        self.failing = {shapes for shapes, answer in self.answers.items() if answer.error}
        self.losing = {shapes for shapes, answer in self.answers.items() if any(answer.remainder)}
        #: How many outputs it makes, wherever it makes any.
        self.ports = {len(answer.outputs) for answer in self.answers.values() if answer.outputs}
        self.outputs: tuple[Column, ...] = tuple(
            tuple(self._output(number, port) for number in range(len(self.arriving)))
            for port in range(ports)
        )

    def answer(self, number: int) -> Answer | None:
        """What the layer says to an input of the sweep; None where something failed before."""
        shapes = self.arriving[number]
        return None if shapes is None else self.answers[shapes]

    def _output(self, number: int, port: int) -> Shape | None:
        answer = self.answer(number)
        return answer.outputs[port] if answer and port < len(answer.outputs) else None


def whole(shapes: tuple[Shape | None, ...]) -> Shapes | None:
    """The shapes, if all of them are known."""
    known = tuple(shape for shape in shapes if shape is not None)
    return known if len(known) == len(shapes) else None


def ask(layer: Layer, inputs: Shapes) -> Answer:
    """What a layer says to inputs of these shapes, as the builder of graphs asks it."""
    try:
        layer.check_inputs(inputs)
        outputs = layer.shapes(inputs)
    except LayerError as error:
        return Answer((), (), error)
    return Answer(outputs, layer.remainder(inputs))


class Sweep:
    """A graph on many inputs, each given as the shapes of the graph's inputs in their order."""

    def __init__(self, graph: Graph, inputs: Sequence[Shapes]) -> None:
        self.graph = graph
        self.count = len(inputs)
        #: The step of each node; None for an input.
        self.steps: list[Step | None] = []
        self.columns: dict[Value, Column] = {}
        self._steps: dict[tuple[int, ...], Step] = {}
        self._known: dict[Column, Column] = {}
        layers: dict[Layer, int] = {}
        given = iter(zip(*inputs, strict=True))
        for node in graph.nodes:
            if isinstance(node.layer, Input):
                self.steps.append(None)
                outputs: tuple[Column, ...] = (next(given),)
            else:
                number = layers.setdefault(node.layer, len(layers))
                step = self._step(node, number)
                self.steps.append(step)
                outputs = step.outputs
            for port, column in enumerate(outputs):
                self.columns[Value(node.index, port)] = self._known.setdefault(column, column)

    def _step(self, node: Node, layer: int) -> Step:
        inputs = [self.columns[value] for value in node.inputs]
        # columns are kept alive by _known, each once, so that its id is its name
        key = (layer, len(node.output_shapes), *map(id, inputs))
        step = self._steps.get(key)
        if step is None:
            step = self._steps[key] = Step(node.layer, inputs, len(node.output_shapes))
        return step

    def others(self) -> set[int]:
        """The inputs that make another graph of the same spec: other channels where the spec
        has asked for them, or a layer with more or fewer outputs."""
        found: set[int] = set()
        for value in self.graph.channels_read:
            home = self.graph.shape(value)[0]
            column = self.columns[value]
            found.update(i for i, shape in enumerate(column) if shape and shape[0] != home)
        for node, step in zip(self.graph.nodes, self.steps, strict=True):
            if step and step.ports - {len(node.output_shapes)}:
                answers = map(step.answer, range(self.count))
                found.update(
                    number
                    for number, answer in enumerate(answers)
                    if answer and len(answer.outputs) not in (0, len(node.output_shapes))
                )
        return found

    def failures(self, *, heads: bool = True) -> dict[int, tuple[Node, str]]:
        """For each input that some layer refuses, the first such layer and what it says; without
        ``heads``, those that run in training only are not asked."""
        found: dict[int, tuple[Node, str]] = {}
        failing = {
            id(step): [
                (number, answer.error.message)
                for number in range(self.count)
                if (answer := step.answer(number)) and answer.error
            ]
            for step in self._steps.values()
            if step.failing
        }
        for node, step in zip(self.graph.nodes, self.steps, strict=True):
            if node.training and not heads:
                continue
            for number, message in failing.get(id(step), ()):
                found.setdefault(number, (node, message))
            if node.shares is not None:
                for number in self._unshared(node, node.shares):
                    text = (
                        f"its weights are no longer those of {self.graph.nodes[node.shares].name}"
                    )
                    found.setdefault(number, (node, text))
        return found

    def _unshared(self, node: Node, owner: int) -> list[int]:
        """The inputs for which a layer's weights do not have the shapes of their owner's."""
        mine, theirs = self.steps[node.index], self.steps[owner]
        assert mine is not None
        assert theirs is not None
        return [
            number
            for number, (own, other) in enumerate(zip(mine.arriving, theirs.arriving, strict=True))
            if own and other and mine.layer.weights(own) != theirs.layer.weights(other)
        ]

    def at(self, number: int) -> Graph:
        """The graph on one of the inputs, which no layer refuses."""
        nodes = []
        for node in self.graph.nodes:
            inputs = whole(tuple(self.columns[value][number] for value in node.inputs))
            ports = range(len(node.output_shapes))
            outputs = whole(tuple(self.columns[Value(node.index, port)][number] for port in ports))
            assert inputs is not None
            assert outputs is not None
            nodes.append(
                Node(
                    node.index, node.name, node.layer, node.inputs, inputs, outputs,
                    node.span, node.shares, node.frozen, node.training, node.head,
                )
            )  # fmt: skip
        return self.graph._replace(nodes=tuple(nodes))
