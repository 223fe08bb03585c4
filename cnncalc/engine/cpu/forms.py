"""How each value of a network lies in the native layout: blocked with which halo, or plainly.

A value of three axes is `blocked.Blocked`, one of a single axis is an image of one pixel; others
lie plainly, as NumPy has them, and only NumPy's kernels use them. The halo of a value is as wide
as the widest that its readers want. Values that share memory have the same halo: what works in
place, the inputs and the output of a concatenation, a split and its pieces.
"""

from math import prod
from typing import NamedTuple

from ...analysis.facts import facts
from ...graph import Graph, Input, Node, Value
from ...layers import Shape
from ...layers.convolution import Conv
from ...layers.layer import axis_number
from ...layers.merge import Concat
from ...layers.selection import Pieces
from ..fused import body_of
from .blocked import Halo, size
from .geometry import is_depthwise, schemes_of, sliding_of
from .ir import LANES


class Place(NamedTuple):
    """A value that lies in the memory of another one, from a block of channels on."""

    value: Value
    block: int = 0


class Forms:
    """The forms of all values of a fused graph."""

    def __init__(self, graph: Graph, winograd: bool) -> None:
        self.graph = graph
        self.winograd = winograd
        self._same: dict[Value, Value] = {}
        self._halos: dict[Value, Halo] = {}
        self._places: dict[Value, Place | None] = {}
        for node in graph.nodes:
            self._join(node)
        for node in graph.nodes:
            self._widen(node)
        self._planes = {
            Value(node.index)
            for node in graph.nodes
            if isinstance(node.layer, Input) and self._wants_planes(Value(node.index))
        }

    def place(self, value: Value) -> Place | None:
        """Where a value lies; None if only a computation gives it (most views)."""
        return self._places[value]

    def image(self, value: Value) -> tuple[int, int, int] | None:
        """The shape of a value as an image; None if it lies plainly."""
        return as_image(self.graph.shape(value))

    def halo(self, value: Value) -> Halo:
        return self._halos.get(self._find(value), Halo())

    def lanes(self, value: Value) -> int:
        return 1 if value in self._planes else LANES

    def floats(self, value: Value) -> int:
        """What one image of a value takes, in whole cache lines."""
        image = self.image(value)
        if image is None:
            floats = prod(self.graph.shape(value))
        else:
            floats = size(*image, self.halo(value), self.lanes(value))
        return -(-floats // LANES) * LANES

    def _find(self, value: Value) -> Value:
        while value in self._same:
            value = self._same[value]
        return value

    def _union(self, a: Value, b: Value) -> None:
        a, b = self._find(a), self._find(b)
        if a != b:
            self._same[a] = b

    def _join(self, node: Node) -> None:
        """Note which values share memory with those that this node makes."""
        outputs = [Value(node.index, port) for port in range(len(node.output_shapes))]
        layer = body_of(node.layer)
        memory = "own" if isinstance(node.layer, Input) else facts(node).memory
        for number, output in enumerate(outputs):
            self._places[output] = Place(output) if memory != "view" else None
            source = self._places[node.inputs[0]] if node.inputs else None
            if memory == "in place":
                direct = source is not None and source.block == 0
                self._places[output] = Place(output) if direct else None
                if direct:
                    self._union(output, node.inputs[0])
            if memory == "view" and source is not None and isinstance(layer, Pieces):
                block = first_block(node, layer, number)
                if block is not None:
                    self._places[output] = Place(source.value, source.block + block)
                    self._union(output, source.value)
        if isinstance(layer, Concat) and joins_blocks(node):
            for value in node.inputs:
                self._union(outputs[0], value)

    def _widen(self, node: Node) -> None:
        """Give the values that a node reads the halo that it wants."""
        sliding = sliding_of(node)
        if sliding is None:
            return
        shape, output = node.input_shapes[0], body_of(node.layer).shapes(node.input_shapes[:1])[0]
        halo = sliding.halo(shape, output)
        for scheme in schemes_of(node) if self.winograd else ():
            halo = halo.around(
                scheme.halo(shape[1], shape[2], (output[1], output[2]), sliding.before)
            )
        source = self._find(node.inputs[0])
        self._halos[source] = self._halos.get(source, Halo()).around(halo)

    def _wants_planes(self, value: Value) -> bool:
        """Whether an input is read by dense convolutions only, and has few channels."""
        readers = [node for node in self.graph.nodes if value in node.inputs]
        return (
            len(self.graph.shape(value)) == 3
            and self.graph.shape(value)[0] < LANES
            and all(
                isinstance(body_of(node.layer), Conv)
                and node.inputs == (value,)
                and sliding_of(node) is not None
                and not is_depthwise(node)
                and not (self.winograd and schemes_of(node))
                for node in readers
            )
        )


def as_image(shape: Shape) -> tuple[int, int, int] | None:
    """A shape as [C, H, W], if it has three axes or one."""
    if len(shape) == 1:
        return shape[0], 1, 1
    return (shape[0], shape[1], shape[2]) if len(shape) == 3 else None


def joins_blocks(node: Node) -> bool:
    """Whether a concatenation is one along the channels, by whole blocks of them."""
    layer, shapes = body_of(node.layer), node.input_shapes
    return (
        isinstance(layer, Concat)
        and as_image(shapes[0]) is not None
        and axis_number(layer.axis, shapes[0]) == 0
        and all(shape[0] % LANES == 0 for shape in shapes[:-1])
    )


def first_block(node: Node, layer: Pieces, port: int) -> int | None:
    """The block at which a piece of the channels begins, if it begins with one."""
    shape = node.input_shapes[0]
    if as_image(shape) is None or axis_number(layer.axis, shape):
        return None
    channels = [piece[0] for piece in node.output_shapes]
    whole = all(count % LANES == 0 for count in channels[:-1])
    return sum(channels[:port]) // LANES if whole else None
