"""What kernels are told: the structures of ``kernels/*.cu``, field by field, and how they are made.

Strides count values. What is made here says where arrays lie; nothing is copied.
"""

import ctypes
from collections.abc import Iterable, Sequence
from math import inf, prod
from typing import Any, NamedTuple

from ...layers import Layer, Shape
from ...layers import activation as act
from ...layers.merge import Add
from .arrays import Arrays
from .bound import Bound, CannotBind

Number, Float, Pointer, Long = ctypes.c_int, ctypes.c_float, ctypes.c_void_p, ctypes.c_longlong
#: Operations that an epilogue has room for (epilogue.cuh).
MOST_OPERATIONS = 4
#: In the order of epilogue.cuh.
RESIDUAL, CLAMP, LEAKY, ELU, SILU, GELU, GELU_TANH, HARDSWISH, HARDSIGMOID, SIGMOID, TANH, MISH, \
    SOFTPLUS, ABS = range(14)  # fmt: skip
#: The types of storage.cuh, and the bytes of a value.
VALUE = {"float32": "Float32", "tf32": "Float32", "float16": "Float16", "bfloat16": "BFloat16"}
#: Bytes that a thread reads or writes at a time, at most.
WIDEST = 16


class View(NamedTuple):
    """Where an array [N, *shape] lies: address, bytes of a value, and strides in values."""

    address: int
    width: int
    shape: Shape
    strides: tuple[int, ...]

    def split(self, axis: int, *sizes: int) -> "View":
        """With an axis seen as several, the last one fastest. One size may be -1."""
        known = prod(size for size in sizes if size != -1)
        sizes = tuple(self.shape[axis] // known if size == -1 else size for size in sizes)
        steps = [self.strides[axis] * prod(sizes[i + 1 :]) for i in range(len(sizes))]
        return self._replace(
            shape=(*self.shape[:axis], *sizes, *self.shape[axis + 1 :]),
            strides=(*self.strides[:axis], *steps, *self.strides[axis + 1 :]),
        )

    def permuted(self, *axes: int) -> "View":
        """With its axes in another order."""
        return self._replace(
            shape=tuple(self.shape[axis] for axis in axes),
            strides=tuple(self.strides[axis] for axis in axes),
        )

    def stretched(self, shape: Shape) -> "View":
        """As an array of this shape: axes of size 1 are repeated."""
        steps = tuple(
            0 if own == 1 else step for own, step in zip(self.shape, self.strides, strict=True)
        )
        return self._replace(shape=shape, strides=steps)

    def filled(self, rank: int) -> "View":
        """With axes of size 1 after the first two, up to ``rank``: [N, C, 1, H, W]."""
        missing = rank - len(self.shape)
        return self._replace(
            shape=(*self.shape[:2], *(1,) * missing, *self.shape[2:]),
            strides=(*self.strides[:2], *(0,) * missing, *self.strides[2:]),
        )

    def aligned(self, values: int, axis: int) -> bool:
        """Whether packs of so many neighbours along an axis can be read at once, everywhere."""
        others = (
            step
            for i, (size, step) in enumerate(zip(self.shape, self.strides, strict=True))
            if i != axis and size > 1
        )
        return (
            (self.strides[axis] == 1 or self.shape[axis] == 1)
            and self.shape[axis] % values == 0
            and self.address % (values * self.width) == 0
            and all(step % values == 0 for step in others)
        )


def view(xp: Arrays, array: Any) -> View:
    """Where an array lies. Raises CannotBind where 32 bits do not suffice to count in it."""
    width = array.itemsize
    steps = tuple(stride // width for stride in array.strides)
    countable(max((*steps, prod(array.shape[1:]))))
    return View(xp.pointer(array), width, tuple(array.shape), steps)


def countable(number: int) -> int:
    """The number. Raises CannotBind if 32 bits are too few for it."""
    if number >= 2**31:
        raise CannotBind(f"our kernels count to 2^31, not to {number:,}")
    return number


def neighbours(views: Sequence[View], axis: int) -> int:
    """How many values along an axis a thread can read at a time in all of the views: as many as 16
    bytes have, two, or one."""
    most = WIDEST // max(one.width for one in views)
    return next((n for n in (most, 2) if all(one.aligned(n, axis) for one in views)), 1)


# ---------------------------------------------------------------------------------- structures


class Structure(ctypes.Structure):
    """A structure that is passed by value."""


class Image(Structure):
    _fields_ = (
        ("data", Pointer),
        *((name, Number) for name in ("image", "channel", "depth", "row", "column")),
    )

    @classmethod
    def of(cls, one: View) -> "Image":
        """Of a view [N, C, *spatial] with up to three spatial axes."""
        return cls(one.address, *one.filled(5).strides)


class Operation(Structure):
    _fields_ = (("code", Number), ("a", Float), ("b", Float))


class Epilogue(Structure):
    _fields_ = (
        ("residual", Pointer),
        ("count", Number),
        ("operations", Operation * MOST_OPERATIONS),
    )


def per_axis(values: Iterable[int], fill: int, axes: int = 3) -> Any:
    """A number for each spatial axis, as an array of C's; ``fill`` where there is no such axis."""
    given = list(values)
    return (Number * axes)(*[fill] * (axes - len(given)), *given)


# ----------------------------------------------------------------------------------- epilogues


def operation(layer: Layer) -> tuple[int, float, float] | None:
    """A layer of an epilogue as an operation; None if there is none for it."""
    match layer:
        case Add():
            return RESIDUAL, 0, 0
        case act.ReLU():
            return CLAMP, 0, inf
        case act.ReLU6():
            return CLAMP, 0, 6
        case act.Hardtanh():
            return CLAMP, layer.min_val, layer.max_val
        case act.LeakyReLU():
            return LEAKY, layer.negative_slope, 0
        case act.ELU():
            return ELU, layer.alpha, 0
        case act.GELU():
            return GELU if layer.approximate == "none" else GELU_TANH, 0, 0
        case act.Softplus():
            return SOFTPLUS, layer.beta, layer.threshold
    plain = {
        act.SiLU: SILU, act.Hardswish: HARDSWISH, act.Hardsigmoid: HARDSIGMOID, act.Abs: ABS,
        act.Sigmoid: SIGMOID, act.Tanh: TANH, act.Mish: MISH,
    }  # fmt: skip
    return next(((code, 0, 0) for kind, code in plain.items() if isinstance(layer, kind)), None)


def finishes(layers: Sequence[Layer]) -> bool:
    """Whether an epilogue of these layers can be done by a kernel."""
    added = sum(isinstance(layer, Add) for layer in layers)
    known = all(operation(layer) for layer in layers)
    return known and added <= 1 and len(layers) <= MOST_OPERATIONS


def epilogue(layers: Sequence[Layer], residual: View | None = None) -> Epilogue:
    """The epilogue of these layers."""
    done = [one for layer in layers if (one := operation(layer))]
    assert len(done) == len(layers), f"an epilogue of {layers}"
    made = Epilogue(residual.address if residual else None, len(done))
    for number, (code, a, b) in enumerate(done):
        made.operations[number] = Operation(code, a, b)
    return made


def residual(bound: Bound) -> View | None:
    """Where what the epilogue adds lies."""
    return view(bound.xp, bound.residuals[0]) if bound.residuals else None


def defines(xp: Arrays, layers: Sequence[Layer], **others: Any) -> tuple[tuple[str, str], ...]:
    """The macros of a kernel: its type, the operations that it may meet, and others."""
    codes = {one[0] for layer in layers if (one := operation(layer))}
    named = {"VALUE": VALUE[xp.dtype], "OPERATIONS": sum(1 << code for code in codes), **others}
    return tuple((name, str(value)) for name, value in named.items())
