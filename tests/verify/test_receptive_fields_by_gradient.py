"""What units see, by gradients in PyTorch, for every built-in network, on both axes.

In the network made linear and positive (see `linear_network`), the support of the gradient of one
unit, all of its channels together, is compared with cnncalc's interval for that very unit, cut to
the rows of the image that its layer sees at all (with a stride, the last ones may be lost): first
and last row. That is done for units at the edges and in the middle, in layers from the first to the
last. Where all units of one period in the middle see no padding, their rows also give the field's
size, jump and start, which are compared with the ones that cnncalc prints.
"""

from collections import Counter
from collections.abc import Iterator
from math import lcm
from typing import Any, NamedTuple

import pytest
import torch
from linear_network import LinearNetwork

from cnncalc.analysis.family import hull
from cnncalc.analysis.receptive_field import receptive_fields, sights
from cnncalc.analysis.summary import Field
from cnncalc.api import SpecError, load
from cnncalc.diagnostics import Findings
from cnncalc.graph import Builder, Graph, Input, Value
from cnncalc.layers import create
from cnncalc.spec import builtin_names
from cnncalc.spec import load as load_spec

pytestmark = pytest.mark.usefixtures("one_thread")

#: A network is run on a long and narrow image, so that whole fields fit at little cost.
LONGEST = 2_500
NARROW = (1, 16, 32, 48, 64, 96, 128, 192)
#: Longer patterns are not looked at whole.
LONGEST_PERIOD = 16
#: So many layers of each network are looked into.
LAYERS = 6


#: What no built-in network has: transposed convolutions with padding, or that leave gaps, steps
#: that do not divide, and values between others.
CHAINS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "decoder": [
        ("conv2d", {"out_channels": 4, "kernel_size": 3, "stride": 2, "padding": 1}),
        ("conv2d", {"out_channels": 4, "kernel_size": (5, 3), "stride": (3, 2), "groups": 2}),
        ("conv_transpose2d", {"out_channels": 4, "kernel_size": 4, "stride": 2, "padding": 1}),
        (
            "conv_transpose2d",
            {
                "out_channels": 2,
                "kernel_size": 3,
                "stride": (3, 2),
                "padding": 1,
                "output_padding": 1,
            },
        ),
        ("conv2d", {"out_channels": 1, "kernel_size": 3}),
    ],
    "dilated": [
        ("conv2d", {"out_channels": 2, "kernel_size": 3, "dilation": 2, "padding": [1, [0, 3]]}),
        ("avg_pool2d", {"kernel_size": 3, "stride": 2, "ceil_mode": True}),
        ("conv2d", {"out_channels": 2, "kernel_size": 3, "dilation": (1, 4), "padding": "same"}),
        ("conv_transpose2d", {"out_channels": 1, "kernel_size": 3, "dilation": 2, "stride": 3}),
    ],
    "between": [
        ("conv2d", {"out_channels": 2, "kernel_size": 2, "stride": 2}),
        ("upsample", {"scale_factor": 3, "mode": "bilinear"}),
        ("max_pool2d", {"kernel_size": 2}),
        ("upsample", {"scale_factor": 2}),
        ("conv2d", {"out_channels": 2, "kernel_size": 3, "padding": 1}),
    ],
    "blocks": [
        ("pixel_unshuffle", {"downscale_factor": 2}),
        ("adaptive_avg_pool2d", {"output_size": (18, 24)}),
        ("conv2d", {"out_channels": 8, "kernel_size": 3}),
        ("pixel_shuffle", {"upscale_factor": 2}),
        ("crop", {"cropping": [[1, 0], [0, 2]]}),
    ],
}
#: The first and the last row; None for none.
Rows = tuple[int, int] | None


class Unit(NamedTuple):
    """One unit by its place, and what it sees of the image's axes: by cnncalc, padding included,
    and by PyTorch."""

    place: tuple[int, ...]
    expected: tuple[Rows, ...]
    found: tuple[Rows, ...]

    def agrees(self, reached: tuple[Rows, ...]) -> bool:
        """Whether PyTorch finds what cnncalc expects, of the rows and columns that are reached.
        A unit that looks past the image on one axis sees nothing."""
        cut = tuple(map(common, self.expected, reached))
        return self.found == (cut if None not in cut else (None,) * len(cut))


def common(one: Rows, other: Rows) -> Rows:
    """The rows that are in both."""
    if one is None or other is None:
        return None
    first, last = max(one[0], other[0]), min(one[1], other[1])
    return (first, last) if first <= last else None


def intervals(support: torch.Tensor) -> tuple[Rows, ...]:
    """For each axis, the first and the last place of a support with two axes."""
    found = []
    for other in (1, 0):
        at = support.any(other).nonzero().flatten().tolist()
        found.append((at[0], at[-1]) if at else None)
    return tuple(found)


@pytest.fixture(scope="module")
def tally(counted: list[str]) -> Iterator[Counter[str]]:
    """How much was compared."""
    total: Counter[str] = Counter()
    yield total
    counted.append(
        f"{total['units']:,} units of {total['networks'] // 2} networks see what their gradients "
        f"reach; {total['fields']:,} printed fields agree: size, jump and start"
    )


def networks() -> list[str]:
    """The built-in specs that are networks, not templates or libraries."""
    loaded = {name: load_spec(name) for name in builtin_names()}
    return [name for name, spec in loaded.items() if spec.graph and not spec.missing]


def image(graph: Graph) -> tuple[int, ...]:
    """The shape of the (first) input."""
    return next(node.output_shapes[0] for node in graph.nodes if isinstance(node.layer, Input))


def long_and_narrow(name: str, axis: int) -> Graph:
    """The network on an image that is long along one spatial axis, so that a whole field of its
    last local layer fits with room for more units; narrow along the other, as far as it goes."""
    graph = load(name).graph
    assert graph is not None
    channels, *own = image(graph)
    local = [
        field[axis]
        for value, field in receptive_fields(graph).items()
        if len(graph.shape(value)) == 3 and field[axis].jump
    ]
    wanted = max(int(field.size + 4 * (field.jump or 0)) for field in local)
    for length in {max(own[axis], min(wanted, LONGEST)), own[axis]}:
        for narrow in sorted({min(width, own[1 - axis]) for width in (*NARROW, own[1 - axis])}):
            size = (length, narrow) if axis == 0 else (narrow, length)
            try:
                made = load(name, shape=(channels, *size)).graph
            except SpecError:
                continue
            assert made is not None
            return made
    return graph


def layers(graph: Graph, axis: int) -> list[Value]:
    """Some values with units along an axis, from the first to the last, image axes in order."""
    many = [
        value
        for value, sight in sights(graph).items()
        if len(graph.shape(value)) == 3
        and graph.shape(value)[1 + axis] > 1
        and all({family.axis for family in sight[at]} <= {-1, 1 + at} for at in (0, 1))
        and value.node
    ]
    return (
        [many[len(many) * number // LAYERS] for number in range(LAYERS)] + many[-1:] if many else []
    )


def places(length: int, period: int, edges: bool) -> list[int]:
    """Positions to look at: a whole period with a neighbour in the middle, and at the edges."""
    middle = length // 2 // period * period
    found = {*range(middle, middle + period + 1), *((0, length - 1) if edges else ())}
    return sorted(at for at in found if at < length)


@pytest.mark.parametrize("axis", [0, 1], ids=["height", "width"])
@pytest.mark.parametrize("name", networks())
def test_network(name: str, axis: int, tally: Counter[str]) -> None:
    graph = long_and_narrow(name, axis)
    compared = compare(graph, layers(graph, axis), axis, tally)
    tally["networks"] += 1
    assert compared or not layers(graph, axis)


@pytest.mark.parametrize("axis", [0, 1], ids=["height", "width"])
@pytest.mark.parametrize("name", CHAINS)
def test_chain(name: str, axis: int, tally: Counter[str]) -> None:
    builder = Builder(Findings())
    value: Value | None = builder.input("input", (2, 96, 120))
    for number, (kind, options) in enumerate(CHAINS[name]):
        value = builder.add(create(kind, **options), [value], f"{kind}.{number}")[0]
    assert value is not None
    graph = builder.finish(name, [value])
    values = [Value(node.index) for node in graph.nodes[1:]]
    # at their edges, dilated kernels miss the image and `upsample` repeats its last row
    assert compare(graph, values, axis, tally, edges=False) == len(values)


def compare(
    graph: Graph, values: list[Value], axis: int, tally: Counter[str], edges: bool = True
) -> int:
    """Compare units of some values with PyTorch's, and their fields as printed, along an axis.
    Returns how many fields were compared."""
    expected = sights(graph)
    printed = receptive_fields(graph)
    network = LinearNetwork(graph)
    compared = 0
    for value in values:
        families = expected[value]
        shape = graph.shape(value)[1:]
        period = lcm(*(len(family.spans) for family in families[axis]))
        units = []
        for at in places(shape[axis], period if period <= LONGEST_PERIOD else 1, edges):
            edge = at in (0, shape[axis] - 1)
            beside = at % shape[1 - axis] if edge else shape[1 - axis] // 2
            units.append((at, beside) if axis == 0 else (beside, at))
        reached, *found = map(intervals, network.support(value, [(), *units]))
        seen = [
            Unit(
                place,
                tuple(
                    hull(family.span(at) for family in families[i]) for i, at in enumerate(place)
                ),
                rows,
            )
            for place, rows in zip(units, found, strict=True)
        ]
        for unit in seen:
            assert unit.agrees(reached), f"{graph.nodes[value.node].name}, {unit}, {reached}"
        tally["units"] += len(seen)
        if len(families[axis]) == 1 and period <= LONGEST_PERIOD:
            inside = {
                unit.place[axis]: rows
                for unit in seen
                if (rows := unit.found[axis]) and is_inside(rows, reached[axis])
            }
            compared += compare_printed(inside, period, printed[value][axis])
    tally["fields"] += compared
    return compared


def is_inside(rows: tuple[int, int], reached: Rows) -> bool:
    """Whether a unit's rows end before those that its layer sees at all: it sees no padding."""
    return reached is not None and reached[0] < rows[0] and rows[1] < reached[1]


def compare_printed(inside: dict[int, tuple[int, int]], period: int, field: Field) -> int:
    """Compare size, jump and start as printed with what PyTorch's units see by their positions,
    if a whole period of them sees no padding. Returns how often."""
    for first in inside:
        if first % period == 0 and all(first + more in inside for more in range(period + 1)):
            spans = [inside[first + more] for more in range(period)]
            assert max(span[1] - span[0] + 1 for span in spans) == field.size
            assert inside[first + period][0] - spans[0][0] == field.jump * period
            assert spans[0][0] - first * field.jump == field.start
            return 1
    return 0
