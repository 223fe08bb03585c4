"""Random graphs, and layers that cnncalc refused to put into them."""

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

from hypothesis import strategies as st
from option_strategies import draw_values
from torch_windows import family

from cnncalc.diagnostics import Findings
from cnncalc.graph import Builder, Graph, Value
from cnncalc.layers import Layer, LayerError, Shape, Shapes, create, decode, find, kinds

#: A layer has no more values in its output, so that thousands of graphs take minutes.
MOST_VALUES = 6_000


class Refused(NamedTuple):
    """A layer that cnncalc refuses, with the inputs it was drawn for."""

    kind: str
    layer: Layer
    inputs: Shapes
    error: LayerError


class Drawn(NamedTuple):
    """A valid graph, and the layers that cnncalc refused while it was drawn."""

    graph: Graph
    refused: tuple[Refused, ...]


MERGES = ["add", "concat", "mul", "sub", "max"]
#: Kinds by their number of spatial axes, None for any; all of the first group have windows.
WINDOWS: dict[int | None, list[str]] = {1: [], 2: [], 3: []}
OTHERS: dict[int | None, list[str]] = {None: [], 1: [], 2: [], 3: []}
for _name in sorted(kinds(), key=lambda name: ("conv" not in name, "_pool" not in name)):
    _spatial = find(_name).spatial  # type: ignore[union-attr]
    if family(_name).endswith(("conv", "conv_transpose", "pool", "locally_connected")):
        WINDOWS[_spatial] += [_name] * (3 if "conv" in _name else 2 if "_pool" in _name else 1)
    elif _name not in MERGES:
        OTHERS[_spatial].append(_name)


def draw_kind(draw: st.DrawFn, axes: int) -> str:
    """A kind for an image with so many spatial axes; now and then one that wants others."""
    match draw(st.integers(0, 9)):
        case 0 | 1 | 2 | 3 if axes in WINDOWS:
            return draw(st.sampled_from(WINDOWS[axes]))
        case 4 | 5:
            return draw(st.sampled_from(MERGES))
        case 6 if axes in OTHERS:
            return draw(st.sampled_from(OTHERS[axes]))
        case 7 if draw(st.integers(0, 3)) == 3:
            return draw(st.sampled_from(kinds()))
        case _:
            return draw(st.sampled_from(OTHERS[None]))


def sides_differ(layer: Layer) -> bool:
    """Whether padding is a word or has another value on each side of an axis."""
    padding = getattr(layer, "padding", 0)
    return layer.kind != "pad" and (
        isinstance(padding, str)
        or (isinstance(padding, tuple) and any(isinstance(side, tuple) for side in padding))
    )


def refusal(kind: str, values: dict[str, Any], inputs: Shapes) -> Refused | None:
    """What cnncalc says against a layer with these options; None if it takes it."""
    cls: Any = find(kind)
    layer, errors = decode(cls, values)
    try:
        if layer is None:
            raise errors[0]
        layer.check_inputs(inputs)
        layer.shapes(inputs)
    except LayerError as error:
        return Refused(kind, cls(**values), inputs, error)
    return None


@st.composite
def graphs(
    draw: st.DrawFn,
    most_layers: int = 12,
    trained: bool = False,
    wanted: Callable[[Layer], bool] = lambda layer: True,
) -> Drawn:
    """A network with one input and up to so many layers, with branches and merges.

    ``trained``: every value but the input requires a gradient. Layers that are not ``wanted``
    are left out.
    """
    spatial = draw(st.sampled_from([1, 2, 2, 2, 3]))
    largest = {1: 24, 2: 14, 3: 7}[spatial]
    shape = (
        draw(st.sampled_from([1, 2, 3, 4, 4, 6, 8, 9])),
        *(draw(st.integers(1 if draw(st.booleans()) else 4, largest)) for _ in range(spatial)),
    )
    builder = Builder(Findings())
    values = [builder.input("input", shape)]
    if trained:
        values = [value for value in builder.add(create("scale"), values, "front") if value]
    refused = []
    for number in range(draw(st.integers(3, most_layers))):
        source = values[-1] if draw(st.integers(0, 2)) else draw(st.sampled_from(values))
        shape = builder.shape(source) or ()
        kind = draw_kind(draw, len(shape) - 1)
        sources = [source, *draw_others(draw, builder, values, kind, shape)]
        shapes = tuple(builder.shape(value) or () for value in sources)
        chosen = draw_values(draw, kind, shape, len(sources))
        against = refusal(kind, chosen, shapes)
        if against is not None:
            refused.append(against)
            continue
        layer = create(kind, **chosen)
        outputs = layer.shapes(shapes)
        if sum(map(prod, outputs)) > MOST_VALUES or max(map(len, outputs)) > 5:
            continue
        if not wanted(layer):
            continue
        made = builder.add(layer, sources, f"{kind}.{number}")
        values += [value for value in made if value is not None]
    read = {value for node in builder.nodes for value in node.inputs}
    ends = [value for value in values if value not in read]
    return Drawn(builder.finish("random", ends), tuple(refused))


def fits(other: Shape, shape: Shape, kind: str) -> bool:
    """Whether a merge of these shapes has a chance."""
    if kind == "concat":
        return other[1:] == shape[1:]
    if kind in MERGES:
        return len(other) == len(shape) and all(
            a == b or 1 in (a, b) for a, b in zip(other, shape, strict=True)
        )
    return len(other) == len(shape)


def draw_others(
    draw: st.DrawFn, builder: Builder, values: list[Value], kind: str, shape: Shape
) -> list[Value]:
    """Further inputs for a merge, mostly ones that fit."""
    cls: Any = find(kind)
    least, most = cls.arity
    if kind in ("crop", "center_crop"):
        count = draw(st.integers(0, 1))
    else:
        count = draw(st.integers(least, most or 3)) - 1
    fitting = [value for value in values if fits(builder.shape(value) or (), shape, kind)]
    return [
        draw(st.sampled_from(fitting if draw(st.integers(0, 3)) else values)) for _ in range(count)
    ]
