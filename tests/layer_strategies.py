"""Layers of every kind with inputs that they take, drawn from the kinds' own options."""

from math import prod
from types import NoneType
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from msgspec import Meta

from cnncalc.layers import Layer, LayerError, Shape, Shapes, decode, find, options
from cnncalc.layers.options import Option


class Case(NamedTuple):
    """A layer and shapes that it takes."""

    layer: Layer
    values: dict[str, Any]
    inputs: Shapes
    outputs: Shapes


@st.composite
def values_of(draw: st.DrawFn, kind: Any, length: int | None = None, *, floor: int = -3) -> Any:
    """A value of an option's type; tuples have the given length, or one to three items."""
    bounds: dict[str, Any] = {}
    while get_origin(kind) is Annotated:
        for item in kind.__metadata__:
            if isinstance(item, Meta):
                for name in ("ge", "gt", "le", "min_length", "max_length"):
                    if getattr(item, name) is not None:
                        bounds.setdefault(name, getattr(item, name))
        kind = get_args(kind)[0]
    if kind is bool:
        return draw(st.booleans())
    if kind is int:
        least = max(bounds.get("ge", floor), floor)
        return draw(st.integers(least, min(bounds.get("le", least + 5), least + 5)))
    if kind is float:
        return draw(st.sampled_from([0.0, 0.5, 1.0] if bounds.get("le") == 1 else [0.5, 1.0, 2.0]))
    if kind is NoneType:
        return None
    if get_origin(kind) is Literal:
        return draw(st.sampled_from(get_args(kind)))
    if get_origin(kind) is tuple:
        least, most = bounds.get("min_length", 1), bounds.get("max_length", 3)
        size = length or draw(st.integers(least, max(least, min(most, 3))))
        return tuple(draw(values_of(get_args(kind)[0])) for _ in range(size))
    parts = get_args(kind)
    assert parts, f"no strategy for {kind}"
    return draw(values_of(draw(st.sampled_from(parts)), length))


def _option(draw: st.DrawFn, entry: Option, spatial: int | None) -> Any:
    return draw(values_of(entry.type, (spatial or 1) if entry.per_axis else None))


def _divide(draw: st.DrawFn, size: int) -> list[int]:
    """Sizes that add to a size."""
    parts = []
    while size:
        parts.append(draw(st.integers(1, size)))
        size -= parts[-1]
    return parts


def _fit(draw: st.DrawFn, kind: str, values: dict[str, Any], shape: Shape) -> None:
    """Options that must fit the shape exactly, and never would by chance."""
    if kind == "split" and draw(st.booleans()):
        values["axis"] = draw(st.integers(-len(shape), len(shape) - 1))
        values["sizes"] = _divide(draw, shape[values["axis"]])
    elif kind == "permute":
        values["dims"] = draw(st.permutations(range(len(shape))))
    elif kind == "reshape":
        values["shape"] = draw(st.permutations([*shape[:-1], -1, 1]))
    elif kind == "prelu" and draw(st.booleans()):
        values["num_parameters"] = shape[0]
    elif kind in ("upsample", "center_crop"):
        values.pop("size", None)
        if kind == "upsample" and draw(st.booleans()):
            values["mode"] = draw(
                st.sampled_from(
                    [
                        "nearest",
                        {2: "linear", 3: "bilinear", 4: "trilinear"}.get(len(shape), "nearest"),
                    ]
                )
            )
        if draw(st.booleans()):
            values.pop("scale_factor", None)
            values["size"] = draw(st.integers(1, 9 if kind == "upsample" else min(shape)))
    elif kind == "crop":
        if draw(st.booleans()):
            values.pop("cropping", None)
            values["offset"] = [draw(st.integers(0, 1)) for _ in shape[1:]]
        else:
            values.pop("offset", None)
            values.setdefault("cropping", 0)
    elif kind.startswith("conv") and "connections" in values:
        del values["connections"]
        if draw(st.booleans()):
            channels = st.lists(st.integers(0, shape[0] - 1), min_size=1, unique=True)
            values["connections"] = [draw(channels) for _ in range(values["out_channels"])]
            values["groups"] = 1


@st.composite
def shapes_for(draw: st.DrawFn, cls: type[Layer]) -> Shapes:
    """Shapes for a kind's inputs: as many axes as it wants, and sizes that often divide."""
    rank = draw(st.integers(cls.least_rank, 4)) if cls.spatial is None else cls.spatial + 1
    largest = 9 if rank < 4 else 6
    first = (
        draw(st.sampled_from([1, 2, 3, 4, 4, 6, 8])),
        *(draw(st.integers(1, largest)) for _ in range(rank - 1)),
    )
    least, most = cls.arity
    shapes = [first]
    for _ in range(draw(st.integers(least, most or 3)) - 1):
        other = list(first)
        axis = draw(st.integers(0, rank - 1))
        other[axis] = draw(st.sampled_from([1, other[axis], draw(st.integers(1, 4))]))
        shapes.append(tuple(other))
    return tuple(shapes)


@st.composite
def cases(draw: st.DrawFn, kind: str) -> Case:
    """A layer of a kind, and shapes that it takes."""
    cls = find(kind)
    assert cls is not None
    inputs = draw(shapes_for(cls))
    values = {}
    for entry in options(cls).values():
        if entry.required or draw(st.booleans()):
            values[entry.name] = _option(draw, entry, cls.spatial)
    _fit(draw, kind, values, inputs[0])
    layer, errors = decode(cls, values)
    assert all(isinstance(error, LayerError) for error in errors)
    assume(layer is not None)
    assert layer is not None
    try:
        layer.check_inputs(inputs)
        outputs = layer.shapes(inputs)
    except LayerError:
        assume(False)
    assume(sum(map(prod, outputs)) < 5_000)
    return Case(layer, values, inputs, outputs)


def arrays(case: Case, batch: int) -> tuple[tuple[np.ndarray, ...], dict[str, np.ndarray]]:
    """Random positive inputs and weights for a layer."""
    random = np.random.default_rng(0)
    inputs = tuple(random.uniform(0.5, 1.5, (batch, *shape)) for shape in case.inputs)
    tensors = case.layer.weights(case.inputs) | case.layer.buffers(case.inputs)
    return inputs, {name: random.uniform(0.5, 1.5, shape) for name, shape in tensors.items()}
