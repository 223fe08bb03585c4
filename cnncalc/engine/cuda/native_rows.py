"""Softmax and normalisation by means and variances on our own kernels: functions of whole rows."""

from math import prod
from typing import Any, NamedTuple

from ...layers.layer import axis_number
from ...layers.normalization import BatchNorm, GroupNorm, InstanceNorm, LayerNorm, LayerNorm2d
from ...layers.softmax import AlongAxis, LogSoftmax
from ..plan import Step
from .arguments import (
    Epilogue,
    Float,
    Number,
    Pointer,
    Structure,
    View,
    countable,
    defines,
    epilogue,
    finishes,
    view,
)
from .bound import Bound, Call
from .native_windows import ends
from .nvrtc import Launcher, Source

#: Room in the arguments of rows.cu.
AXES = 4
#: Of rows.cu.
SOFTMAX, LOG_SOFTMAX, NORMALIZE = range(3)
#: Rows of so many values get a block of 256 threads each, shorter ones a warp.
LONG = 1024


class Axes(Structure):
    _fields_ = (("count", Number), *((n, Number * AXES) for n in ("sizes", "x", "y", "weight")))


class Rows(Structure):
    _fields_ = (
        *((name, Pointer) for name in ("x", "y", "factor", "summand")),
        *((name, Number) for name in ("kind", "number", "values")),
        ("outer", Axes), ("inner", Axes), ("eps", Float), ("epilogue", Epilogue),
    )  # fmt: skip


class Lines(NamedTuple):
    """Input, output and weights with the same axes, and which of these the values of a row are
    along; None: all have rank axes, the rest are those along which rows stand."""

    x: View
    y: View
    weight: View
    inner: tuple[int, ...]


def lines(bound: Bound) -> Lines:
    body, xp = bound.step.body, bound.xp
    x, y = ends(bound)
    rank = len(x.shape)
    array = bound.weights.get("weight")
    weight = view(xp, array) if array is not None else View(0, 4, (), ())

    def lying(axes: tuple[int, ...], count: int) -> View:
        """The weights' axes among so many."""
        own = dict(zip(axes, zip(weight.shape, weight.strides, strict=True), strict=False))
        sizes = [own.get(axis, (1, 0)) for axis in range(count)]
        return weight._replace(shape=tuple(n for n, _ in sizes), strides=tuple(s for _, s in sizes))

    match body:
        case AlongAxis():
            axis = axis_number(body.axis, bound.step.inputs[0].shape) + 1
            return Lines(x, y, lying((), rank), (axis,))
        case LayerNorm():
            inner = tuple(range(rank - body.axes, rank))
            return Lines(x, y, lying(inner, rank), inner)
        case LayerNorm2d():
            return Lines(x, y, lying((1,), rank), (1,))
        case GroupNorm():
            x, y = (one.split(1, body.num_groups, -1) for one in (x, y))
            along = lying((1,), rank)
            along = (
                along.split(1, body.num_groups, -1) if along.shape[1] > 1 else lying((), rank + 1)
            )
            return Lines(x, y, along, tuple(range(2, rank + 1)))
        case BatchNorm():
            return Lines(x, y, lying((1,), rank), (0, *range(2, rank)))
    return Lines(x, y, lying((1,), rank), tuple(range(2, rank)))


def can_rows(step: Step) -> bool:
    """Softmax and the normalisations that have no statistics of their own."""
    body, shape = step.body, step.inputs[0].shape
    kinds = AlongAxis | GroupNorm | LayerNorm | LayerNorm2d
    fits = isinstance(body, kinds) or (
        isinstance(body, BatchNorm | InstanceNorm) and not body.track_running_stats
    )
    return fits and len(shape) <= AXES and finishes(step.epilogue)


def rows(launch: Launcher, bound: Bound) -> Call:
    body, (x, y, weight, inner) = bound.step.body, lines(bound)
    outer = tuple(axis for axis in range(len(x.shape)) if axis not in inner)
    number, values = (prod(x.shape[axis] for axis in axes) for axes in (outer, inner))
    kind = NORMALIZE
    if isinstance(body, AlongAxis):
        kind = LOG_SOFTMAX if isinstance(body, LogSoftmax) else SOFTMAX
    pointers = {
        name: bound.xp.pointer(bound.weights[key])
        for name, key in (("factor", "weight"), ("summand", "bias"))
        if key in bound.weights
    }
    arguments = Rows(
        x=x.address, y=y.address, kind=kind, number=countable(number), values=countable(values),
        outer=axes_of(x, y, weight, outer), inner=axes_of(x, y, weight, inner),
        eps=getattr(body, "eps", 0), epilogue=epilogue(bound.step.epilogue), **pointers,
    )  # fmt: skip
    source = Source("rows", defines(bound.xp, bound.step.epilogue))
    block = (256, 1, 1) if values >= LONG else (32, 8, 1)
    grid = (-(-number // block[1]), 1, 1)
    return launch(bound, source, arguments, grid, block, keeps=bound.weights)


def axes_of(x: View, y: View, weight: View, axes: tuple[int, ...]) -> Axes:
    """Some axes; those that lie as one in all three are joined."""
    own: list[tuple[int, int, int, int]] = []
    for axis in axes:
        size, *steps = x.shape[axis], x.strides[axis], y.strides[axis], weight.strides[axis]
        if size == 1:
            continue
        if own and all(a == size * b for a, b in zip(own[-1][1:], steps, strict=True)):
            size *= own.pop()[0]
        own.append((size, steps[0], steps[1], steps[2]))
    columns: Any = zip(*own, strict=True) if own else ((),) * 4
    return Axes(len(own), *((Number * AXES)(*column) for column in columns))
