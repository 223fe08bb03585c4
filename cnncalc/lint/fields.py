"""CNN504 saturated-field, CNN505 field-exceeds-input."""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from ..analysis.receptive_field import windows_between
from ..graph import Graph, Input, Node, Value
from ..layers import Shapes
from ..layers.convolution import Conv
from ..layers.locally_connected import LocallyConnected
from ..layers.window import SAME_POSITION, Window
from .network import Found, Network

#: Larger numbers are of no image; without end they would fill the memory.
LARGEST = 2**62


class Line(NamedTuple):
    """Unit i of an axis sees the rows start + jump·i to start + jump·i + size − 1."""

    start: int
    jump: int
    size: int

    def through(self, window: Window) -> "Line":
        """What is seen through a window that slides (of period 1)."""
        (span,) = window.spans
        assert span is not None
        first, last = span
        return Line(
            self.start + self.jump * first,
            self.jump * window.advance,
            self.size + self.jump * (last - first),
        )


#: For each axis of the image the line of a tensor; () if every unit sees all; None if they are
#: no lines (after upsampling, where kernels have another task), or lie along other axes.
Lines = tuple[Line, ...] | None
#: How an output reads an input: through these windows, at the same positions, all of it; None if
#: along other axes, or not by sliding.
Way = tuple[Window, ...] | Literal["same", "all"] | None
#: Whether so many units along an axis with this line see an image of this size.
Test = Callable[[Line, int, int], bool]


def saturated_field(network: Network) -> Iterator[Found]:
    """The first kernel above 1 at whose input every unit sees all of the image."""
    for node, image, kernel in first_past(network, every_unit_sees):
        yield Found(
            node,
            f"every unit of its input sees all of the {image} image already, so its {kernel} "
            "kernel shows it nothing new",
            "the layers from here on could be fewer, or the input larger",
        )


def field_exceeds_input(network: Network) -> Iterator[Found]:
    """The first kernel above 1 at whose input the fields are as large as the image."""
    for node, image, kernel in first_past(network, spans_image):
        yield Found(
            node,
            f"the receptive fields of its input are as large as the {image} image, so units in "
            f"the middle gain nothing from its {kernel} kernel",
            "the layers from here on could be fewer, or the input larger",
        )


def every_unit_sees(line: Line, units: int, size: int) -> bool:
    return line.start + line.jump * (units - 1) <= 0 and line.start + line.size >= size


def spans_image(line: Line, units: int, size: int) -> bool:
    return line.size >= size


def first_past(network: Network, test: Test) -> Iterator[tuple[Node, str, str]]:
    """The first convolution whose kernel is above 1 only on axes that pass the test."""
    image = network.image()
    if not image:
        return
    seen = network.derived(least_lines)
    for node in network.layers(Conv, LocallyConnected):
        assert isinstance(node.layer, Conv | LocallyConnected)
        kernel, shape = node.layer.kernel(), node.input_shapes[0]
        wide = [axis for axis, size in enumerate(kernel) if size > 1 and shape[1 + axis] > 1]
        lines = seen[node.inputs[0]] if wide else None
        if lines and len(lines) == len(kernel) and all(
            test(lines[axis], shape[1 + axis], image[axis]) for axis in wide
        ):  # fmt: skip
            yield node, "×".join(map(str, image)), "×".join(map(str, kernel))
            return


def least_lines(graph: Graph) -> dict[Value, Lines]:
    """What units see at least: where paths merge, along the path that sees the least."""
    seen: dict[Value, Lines] = {}
    ways: dict[tuple[int, Shapes, int, int], Way] = {}  # equal layers are mostly the same object
    for node in graph.nodes:
        if isinstance(node.layer, Input):
            seen[Value(node.index)] = (Line(0, 1, 1),) * (len(node.output_shapes[0]) - 1)
            continue
        for port in range(len(node.output_shapes)):
            paths = []
            for number, value in enumerate(node.inputs):
                key = id(node.layer), node.input_shapes, number, port
                if key not in ways:
                    ways[key] = way(node, number, port)
                paths.append(arriving(ways[key], seen[value]))
            seen[Value(node.index, port)] = least(paths) if len(paths) > 1 else paths[0]
    return seen


def way(node: Node, number: int, port: int) -> Way:
    """How an output reads an input along the axes of the image."""
    windows = windows_between(node.layer, node.input_shapes, number, port)
    if windows is None or not all(windows[1:]):
        return "all"
    spatial = tuple(window for window in windows[1:] if window)
    if any(window.spans == (None,) for window in spatial):  # its values are not read
        return "all"
    if all(window is SAME_POSITION for window in spatial):
        return "same"
    if any(w.period > 1 or w.axis not in (-1, axis) for axis, w in enumerate(spatial, 1)):
        return None
    return spatial


def arriving(way: Way, lines: Lines) -> Lines:
    """What is seen along a way by units that see these lines."""
    if not lines or way == "same":
        return lines
    if way == "all":
        return ()
    if way is None or len(way) != len(lines):
        return None
    seen = tuple(line.through(window) for line, window in zip(lines, way, strict=True))
    return None if any(max(line.jump, line.size) > LARGEST for line in seen) else seen


def least(paths: list[Lines]) -> Lines:
    """Of several paths the one that sees the least; None if one of them is not known."""
    if None in paths:
        return None
    known = [path for path in paths if path]
    return min(known, key=lambda path: sum(line.size for line in path)) if known else ()
