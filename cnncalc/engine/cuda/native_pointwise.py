"""Merges, activations, factors and copies on our own kernels: what makes each value of a few."""

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple, cast

from ...layers import Layer
from ...layers.activation import Activation, PReLU
from ...layers.merge import Add, Elementwise, Max, Mul, Sub
from ..fused import is_affine
from ..plan import Step
from ..weights import affine
from .arguments import (
    VALUE,
    Epilogue,
    Number,
    Pointer,
    Structure,
    View,
    defines,
    epilogue,
    finishes,
    neighbours,
    view,
)
from .arrays import Arrays
from .bound import Bound, Call, Launch
from .device import Device
from .native_windows import ends, line
from .nvrtc import Launcher, Place, Source

#: Room in the arguments of pointwise.cu.
AXES, INPUTS = 6, 4
#: In the order of pointwise.cu.
COMBINED = {Add: 1, Sub: 2, Mul: 3, Max: 4}
AFFINE, SLOPE = 1, 2
#: Matrices with sides of so much are transposed through shared memory, squares of 32 at a time.
LONG, SIDE = 16, 32


class Operand(Structure):
    _fields_ = (("data", Pointer), ("image", Number), ("strides", Number * AXES))

    @classmethod
    def of(cls, one: View) -> "Operand":
        steps = one.strides[1:]
        return cls(one.address, one.strides[0], (Number * AXES)(*steps))


class Pointwise(Structure):
    _fields_ = (
        ("y", Operand), ("inputs", Operand * INPUTS), ("factor", Operand), ("summand", Operand),
        ("axes", Number), ("sizes", Number * AXES), ("vectors", Number),
        *((name, Number) for name in ("count", "combine", "parameters")),
        ("epilogue", Epilogue),
    )  # fmt: skip


class Transposing(Structure):
    _fields_ = (
        ("x", Pointer), ("y", Pointer),
        *((name, Number) for name in ("x_image", "y_image", "rows", "columns", "x_row",
                                      "y_column")),
    )  # fmt: skip


class Work(NamedTuple):
    """What each value is made of: see pointwise.cu. ``stored``: the type of the inputs, if it is
    not that of the output."""

    inputs: tuple[View, ...] = ()
    layers: tuple[Layer, ...] = ()
    combine: int = 0
    parameters: int = 0
    factor: View | None = None
    summand: View | None = None
    stored: str = ""
    keeps: object = None


def pointwise(launch: Launcher, place: Place, y: View, work: Work) -> Call:
    """Write every value of ``y``."""
    others = [one.stretched(y.shape) for one in (*work.inputs, work.factor, work.summand) if one]
    y, *others = joined([y, *others])
    inputs, parameters = others[: len(work.inputs)], others[len(work.inputs) :]
    stored = work.stored or VALUE[place.xp.dtype]
    if len(others) == 1 and not work.layers and is_transposed(y, others[0]):
        return transpose(launch, place, y, others[0], stored)
    last = len(y.shape) - 1
    vector = neighbours([y, *(one for one in others if one.strides[last])], last)
    vectors = prod(y.shape[1:]) // vector
    arguments = Pointwise(
        y=Operand.of(y), inputs=(Operand * INPUTS)(*map(Operand.of, inputs)),
        axes=last, sizes=(Number * AXES)(*y.shape[1:]), vectors=vectors, count=len(inputs),
        combine=work.combine, parameters=work.parameters, epilogue=epilogue(work.layers),
    )  # fmt: skip
    for name, one in zip(("factor", "summand"), parameters, strict=False):
        setattr(arguments, name, Operand.of(one))
    source = Source("pointwise", defines(place.xp, work.layers, FROM=stored, VEC=vector))
    return launch(place, source, arguments, *line(vectors, y.shape[0]), keeps=work.keeps)


def joined(views: Sequence[View]) -> list[View]:
    """The views with the axes of an image in the order in which they lie in the first one, the
    fastest last; without axes of size 1, and with neighbouring axes as one where all views can."""
    first = views[0]
    order = sorted(
        (axis for axis in range(1, len(first.shape)) if first.shape[axis] > 1),
        key=lambda axis: -first.strides[axis],
    )
    ends: list[int] = []
    sizes: list[int] = []
    for axis in order:
        size = first.shape[axis]
        if ends and all(one.strides[ends[-1]] == size * one.strides[axis] for one in views):
            ends[-1], sizes[-1] = axis, size * sizes[-1]
        else:
            ends.append(axis)
            sizes.append(size)
    return [
        one._replace(
            shape=(one.shape[0], *(sizes or (1,))),
            strides=(one.strides[0], *([one.strides[axis] for axis in ends] or (1,))),
        )
        for one in views
    ]


def is_transposed(y: View, x: View) -> bool:
    """Whether the values of an image are a matrix whose neighbours are others in y than in x."""
    long = len(y.shape) == 3 and min(y.shape[1:]) >= LONG
    return long and x.strides[1] == y.strides[2] == 1


def transpose(launch: Launcher, place: Place, y: View, x: View, stored: str) -> Call:
    images, columns, rows = y.shape
    arguments = Transposing(
        x=x.address, y=y.address, x_image=x.strides[0], y_image=y.strides[0], rows=rows,
        columns=columns, x_row=x.strides[2], y_column=y.strides[1],
    )  # fmt: skip
    grid = (-(-columns // SIDE), -(-rows // SIDE), images)
    source = Source("transpose", (("VALUE", VALUE[place.xp.dtype]), ("FROM", stored)))
    return launch(place, source, arguments, grid, (SIDE, 8, 1))


def in_order(calls: Sequence[Call]) -> Call:
    """One call of several."""
    if len(calls) == 1:
        return calls[0]

    def launch() -> None:
        for call in calls:
            call()

    return Launch(launch, "; ".join(getattr(call, "describe", "") for call in calls))


def converted(launch: Launcher, xp: Arrays, device: Device, x: Any, y: Any) -> Call:
    """Copy float32 values [N, *shape] to where they lie otherwise, in the storage type."""

    class Here(NamedTuple):
        xp: Arrays
        device: Device

    work = Work((view(xp, x),), stored=VALUE["float32"])
    return pointwise(launch, Here(xp, device), view(xp, y), work)


# ------------------------------------------------------------------------------- merges and others


def fits(step: Step) -> bool:
    """Whether the arguments have room for a step's axes, and for its epilogue."""
    return len(step.outputs[0].shape) <= AXES and finishes(step.epilogue)


def can_merge(step: Step) -> bool:
    return isinstance(step.body, tuple(COMBINED)) and fits(step)


def merge(launch: Launcher, bound: Bound) -> Call:
    """As many inputs at a time as there is room for; then the result with the next ones."""
    body, step = cast(Elementwise, bound.step.body), bound.step
    combine = next(code for kind, code in COMBINED.items() if isinstance(body, kind))
    y, rest = view(bound.xp, bound.outputs[0]), [view(bound.xp, one) for one in bound.inputs]
    calls = list[Call]()
    while rest:
        some, rest = (rest[:INPUTS], rest[INPUTS:])
        layers = () if rest else step.epilogue
        calls.append(pointwise(launch, bound, y, Work(tuple(some), layers, combine)))
        rest = [y, *rest] if rest else []
    return in_order(calls)


def can_activate(step: Step) -> bool:
    return (
        isinstance(step.body, Activation) and finishes((step.body, *step.epilogue)) and fits(step)
    )


def activate(launch: Launcher, bound: Bound) -> Call:
    x, y = ends(bound)
    return pointwise(launch, bound, y, Work((x,), (bound.step.body, *bound.step.epilogue)))


def can_scale(step: Step) -> bool:
    return (is_affine(step.body) or isinstance(step.body, PReLU)) and fits(step)


def scale(launch: Launcher, bound: Bound) -> Call:
    """Batch norm that could not be folded, scales, PReLU: parameters along an axis."""
    body, xp = bound.step.body, bound.xp
    x, y = ends(bound)
    axis = getattr(body, "axis", 0) % (len(x.shape) - 1) + 1
    if isinstance(body, PReLU):
        arrays = [bound.weights["weight"]]
    else:
        host = {name: xp.get(array) for name, array in bound.weights.items()}
        arrays = [xp.put(one, storage=False) for one in affine(body, host)]
    factor, summand = [along(view(xp, one), axis, len(x.shape)) for one in arrays][:2] + (
        [None] if len(arrays) == 1 else []
    )
    mode = SLOPE if isinstance(body, PReLU) else AFFINE
    work = Work((x,), bound.step.epilogue, 0, mode, factor, summand, keeps=arrays)
    return pointwise(launch, bound, y, work)


def along(vector: View, axis: int, rank: int) -> View:
    """A vector as an array of so many axes that has its values along one of them."""
    steps, shape = [0] * rank, [1] * rank
    (steps[axis],), (shape[axis],) = vector.strides, vector.shape
    return vector._replace(shape=tuple(shape), strides=tuple(steps))
