"""Where every tensor of a fused graph lies: slots of one arena, and windows into them."""

from collections.abc import Callable, Sequence
from math import prod
from typing import NamedTuple

from ..analysis.facts import facts
from ..analysis.liveness import Storage, peak, storages
from ..graph import Graph, Input, Node, Value
from ..layers import Shape
from ..layers.layer import axis_number
from ..layers.merge import Concat
from .arena import Wish, join, place
from .fusion import FusedGraph
from .strided import Packing, Strided, packed, seen

#: The values of one image that a value of the fused graph takes in a backend's layout.
Size = Callable[[Value], int]
#: Whether an input of a concat, by its number, could be written where it belongs in the output.
Placeable = Callable[[FusedGraph, Node, int], bool]


class Slot(NamedTuple):
    """A stretch of the arena, in values of one image, alive from node ``first`` to node ``last``
    of the fused graph (their number, if it is returned).

    With a batch of N it begins at ``N·offset``, and image n in it at ``N·offset + n·values``.
    """

    offset: int
    values: int
    first: int
    last: int


class Tensor(NamedTuple):
    """Where a value lies within a slot, for one image."""

    slot: int
    lies: Strided

    @property
    def shape(self) -> Shape:
        return self.lies.shape


class Layout(NamedTuple):
    """All tensors and slots. ``placed`` are the concat inputs, as (node, number of the input),
    that are written where the concat wants them; ``peak`` is the least possible arena, from the
    liveness of the analysis: values of one image."""

    tensors: dict[Value, Tensor]
    slots: tuple[Slot, ...]
    placed: frozenset[tuple[int, int]]
    peak: int


def lay_out(
    fused: FusedGraph, size: Size, placeable: Placeable, packing: Packing = packed
) -> Layout:
    """Place every value of a fused graph. A slot that lies in another has 0 values."""
    graph = fused.graph
    stretches = [one._replace(values=size(one.holds[0])) for one in storages(graph, "inference")]
    alone = windows(graph, stretches, {}, packing)
    wanted = [
        wish
        for wish in wishes(graph, stretches, alone, size, packing)
        if placeable(fused, graph.nodes[wish.step], wish.number)
    ]
    groups, joins = join(stretches, writes(graph, stretches), wanted)
    return Layout(
        tensors=windows(graph, stretches, joins, packing),
        slots=tuple(
            Slot(offset, one.values, one.first, one.last)
            for offset, one in zip(place(groups), groups, strict=True)
        ),
        placed=frozenset((one.step, one.number) for one in joins.values()),
        peak=peak(groups)[0],
    )


def windows(
    graph: Graph, stretches: Sequence[Storage], joins: dict[int, Wish], packing: Packing
) -> dict[Value, Tensor]:
    """Every value as a window into its slot, given which storages lie in which others."""
    tensors: dict[Value, Tensor] = {}
    for number, one in enumerate(stretches):
        offset = 0
        while number in joins:
            offset += joins[number].offset
            number = joins[number].whole
        first, whole = one.holds[0], stretches[number].holds[0]
        lies = packing(graph.shape(first), offset, graph.shape(whole)[0])
        held = seen_through(graph, one, lies)
        assert held is not None, f"{graph.nodes[first.node].name} cannot lie as {lies}"
        tensors |= {value: Tensor(number, at) for value, at in held.items()}
    return tensors


def seen_through(graph: Graph, storage: Storage, lies: Strided) -> dict[Value, Strided] | None:
    """How the values of a storage lie if the first lies so; None if a view cannot be one then."""
    found = {storage.holds[0]: lies}
    for value in storage.holds[1:]:
        node = graph.nodes[value.node]
        source = found[node.inputs[0]]
        at: Strided | None = source
        if facts(node).memory == "view":
            at = seen(node.layer, source, node.input_shapes, value.port)
        if at is None:
            return None
        found[value] = at
    return found


def writes(graph: Graph, stretches: Sequence[Storage]) -> list[list[int]]:
    """For each storage, the nodes that write it: its maker, and those that work in place."""
    return [
        [value.node for value in one.holds if facts(graph.nodes[value.node]).memory != "view"]
        for one in stretches
    ]


def wishes(
    graph: Graph,
    stretches: Sequence[Storage],
    alone: dict[Value, Tensor],
    size: Size,
    packing: Packing,
) -> list[Wish]:
    """Every input of a concat along the channels that could be written into the output.

    It must fill a storage of its own, and all that it holds must be there in the output too;
    what the caller passes in stays where it is.
    """
    found = []
    for node in graph.nodes:
        if not isinstance(node.layer, Concat) or axis_number(node.layer.axis, node.input_shapes[0]):
            continue
        whole, offset = alone[Value(node.index)].slot, 0
        sizes = [size(value) for value in node.inputs]
        if sum(sizes) != stretches[whole].values:
            continue
        for number, value in enumerate(node.inputs):
            part, shape = alone[value].slot, graph.shape(value)
            first = graph.shape(stretches[part].holds[0])
            fills = alone[value].lies.same(packing(shape, 0, 0)) and prod(shape) == prod(first)
            # The output may become a part itself: then there are more channels than its own.
            channels = node.output_shapes[0][0] + 1
            moved = seen_through(graph, stretches[part], packing(first, offset, channels))
            lies = moved is not None and moved[value].same(packing(shape, offset, channels))
            if fills and lies and not isinstance(graph.nodes[stretches[part].node].layer, Input):
                found.append(Wish(node.index, number, part, whole, offset))
            offset += sizes[number]
    return found
