"""What each unit sees of the image: exact intervals, folded over every path of the graph.

After Araujo, Norris & Sim, Computing Receptive Fields of Convolutional Neural Networks, Distill
2019: padding counts, so fields reach beyond the image, and where paths merge a unit sees the
union. Where they merge misaligned or at different rates the union is still exact; `notes` says so.
Several inputs of a network are one coordinate system: laid over each other at their first row
and column. Along an axis the field is an interval: what a dilated kernel skips is inside.
"""

from functools import lru_cache
from itertools import zip_longest

from ..graph import Graph, Input, Node, Value
from ..layers import Layer, Shape, Shapes, Window
from ..layers.adaptive_pooling import Bins
from ..layers.layer import axis_number
from ..layers.merge import Concat
from ..layers.window import SAME_POSITION, STRETCHED
from .family import Family, beside_others, constant, through, union, widest
from .summary import Field

#: For each axis of the image, what the units of a tensor see of it: the union of the families.
Sight = tuple[tuple[Family, ...], ...]

#: By layer (the same object serves many nodes), input shapes, input and output: the windows, and
#: whether every position sees what the same position of the input does.
Ways = dict[tuple[int, Shapes, int, int], tuple[tuple[Window | None, ...] | None, bool]]

#: More families than this on one axis of the image are not told apart any more.
MOST_FAMILIES = 16


def receptive_fields(graph: Graph) -> dict[Value, tuple[Field, ...]]:
    """The receptive field of every value: one `Field` for each axis of the image it sees."""
    return fields(graph, sights(graph))


def fields(graph: Graph, seen: dict[Value, Sight]) -> dict[Value, tuple[Field, ...]]:
    """The receptive fields, from what `sights` has found."""
    result: dict[Value, tuple[Field, ...]] = {}
    for value, sight in seen.items():
        inputs = graph.nodes[value.node].inputs
        if inputs and seen[inputs[0]] is sight:  # a pointwise layer
            result[value] = result[inputs[0]]
        else:
            shape = graph.shape(value)
            result[value] = tuple(_field(families, shape) for families in sight if families)
    return result


def sights(graph: Graph) -> dict[Value, Sight]:
    """What every value of the graph sees, as families of intervals."""
    seen: dict[Value, Sight] = {}
    ways: Ways = {}
    for node in graph.nodes:
        for port, shape in enumerate(node.output_shapes):
            if isinstance(node.layer, Input):
                axes = range(1, len(shape))
                sight: Sight = tuple((Family(axis, ((0, 0),), 1),) for axis in axes)
            else:
                sight, *others = arriving(node, port, seen, ways)
                for other in others:
                    pairs = zip_longest(sight, other, fillvalue=())
                    sight = tuple(_united((*one, *two), shape) for one, two in pairs)
            seen[Value(node.index, port)] = sight
    return seen


def arriving(
    node: Node, port: int, seen: dict[Value, Sight], ways: Ways | None = None
) -> list[Sight]:
    """What an output of a layer sees through each of its inputs. ``ways`` keeps the windows of
    the layers of a graph."""
    output = node.output_shapes[port]
    ways = {} if ways is None else ways
    result = []
    for number, (value, shape) in enumerate(zip(node.inputs, node.input_shapes, strict=True)):
        key = id(node.layer), node.input_shapes, number, port
        if key not in ways:
            windows = windows_between(node.layer, node.input_shapes, number, port)
            same = windows is not None and shape == output
            ways[key] = windows, same and all(window is SAME_POSITION for window in windows or ())
        windows, same = ways[key]
        if same:
            result.append(seen[value])
        elif windows is None:
            result.append(tuple(_blurred(families, shape) for families in seen[value]))
        else:
            result.append(_through_windows(seen[value], windows, shape, output))
    return result


@lru_cache(maxsize=1024)
def windows_between(
    layer: Layer, inputs: Shapes, source: int, target: int
) -> tuple[Window | None, ...] | None:
    """How a layer's output reads one of its inputs, as far as positions are concerned."""
    windows = layer.windows_between(inputs, source, target)
    if isinstance(layer, Bins) and windows is not None:
        # a bin for one position sees everything, at no rate
        sizes = layer.shapes(inputs)[target]
        pairs = zip(windows, sizes, strict=True)
        windows = tuple(None if size == 1 else window for window, size in pairs)
    if isinstance(layer, Concat) and windows is not None:
        axis = axis_number(layer.axis, inputs[0])
        first = sum(shape[axis] for shape in inputs[:source])
        beside = beside_others(first, inputs[source][axis], layer.shapes(inputs)[target][axis])
        windows = (*windows[:axis], beside, *windows[axis + 1 :])
    return windows


def _blurred(families: tuple[Family, ...], shape: Shape) -> tuple[Family, ...]:
    """What all units of a tensor see together."""
    return union(constant(family, shape) for family in families)


def _through_windows(
    sight: Sight, windows: tuple[Window | None, ...], shape: Shape, output: Shape
) -> Sight:
    if any(window is not None and not any(window.spans) for window in windows):
        return ()  # not read at all
    readers: dict[int, list[tuple[int, Window]]] = {}
    for axis, window in enumerate(windows):
        if window is not None and window != STRETCHED:
            source = axis if window.axis < 0 else window.axis
            readers.setdefault(source, []).append((axis, window))
    result = []
    for families in sight:
        arrived: list[Family] = []
        for family in families:
            if family.axis in readers:
                arrived += [
                    through(family, window, axis, output[axis])
                    for axis, window in readers[family.axis]
                ]
            else:
                arrived.append(constant(family, shape))
        result.append(tuple(arrived) if len(arrived) == 1 else union(arrived))
    return tuple(result)


def _united(families: tuple[Family, ...], shape: Shape) -> tuple[Family, ...]:
    result = union(families)
    if len(result) <= MOST_FAMILIES:
        return result
    blurred = _blurred(result[MOST_FAMILIES - 1 :], shape)
    return union((*result[: MOST_FAMILIES - 1], *blurred))


def _field(families: tuple[Family, ...], shape: Shape) -> Field:
    size = widest(families, shape)
    moving = [family for family in families if family.axis >= 0]
    jump: int | float | None = None
    if len(moving) == 1 and moving[0].advance:
        rows, steps = moving[0].rate
        jump = rows if steps == 1 else rows / steps
    return Field(size, jump, _start(families, shape))


def _start(families: tuple[Family, ...], shape: Shape) -> int:
    """The first row seen by the first unit that sees anything (unit 0, but for the gaps that a
    transposed convolution leaves if its stride exceeds its kernel)."""
    longest = max(len(family.spans) for family in families)
    for position in range(longest):
        spans = [family.span(position) for family in families]
        known = [span[0] for span in spans if span is not None]
        if known:
            return min(known)
    return 0
