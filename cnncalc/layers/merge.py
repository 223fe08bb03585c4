"""Layers that join several inputs into one."""

from functools import reduce
from math import prod
from typing import Annotated, Any, ClassVar

from .errors import LayerError
from .layer import Layer, Saved, Shape, Shapes, axis_number, kind, show_shape
from .options import Integer, option
from .window import SAME_POSITION, STRETCHED, Window, shifted


class Elementwise(Layer, frozen=True):
    """Value by value. Shapes are equal, or an axis of size 1 is stretched (squeeze-and-excite)."""

    arity: ClassVar[tuple[int, int | None]] = (2, None)

    def check_inputs(self, inputs: Shapes) -> None:
        super().check_inputs(inputs)
        self.shapes(inputs)

    def merge(self, first: Shape, second: Shape) -> Shape:
        """The shape of two inputs merged. Raises LayerError if they do not fit."""
        if len(first) == len(second) and all(
            a == b or a == 1 or b == 1 for a, b in zip(first, second, strict=True)
        ):
            return tuple(b if a == 1 else a for a, b in zip(first, second, strict=True))
        raise LayerError(
            "merge-mismatch",
            f"{self.kind} wants equal shapes, but gets {show_shape(first)} and "
            f"{show_shape(second)}; an axis of size 1 may be stretched",
        )

    def shapes(self, inputs: Shapes) -> Shapes:
        return (reduce(self.merge, inputs),)

    def operations(self, inputs: Shapes, outputs: Shapes) -> int:
        total, shape = 0, inputs[0]
        for other in inputs[1:]:
            shape = self.merge(shape, other)
            total = total + prod(shape)
        return total

    def windows(self, inputs: Shapes) -> tuple[Window | None, ...] | None:
        return self.windows_between(inputs, 0, 0)

    def windows_between(
        self, inputs: Shapes, source: int, target: int
    ) -> tuple[Window | None, ...] | None:
        (output,) = self.shapes(inputs)
        return tuple(
            SAME_POSITION if size == merged else STRETCHED
            for size, merged in zip(inputs[source], output, strict=True)
        )

    def pair(self, xp: Any, first: Any, second: Any) -> Any:
        """Merge two arrays."""
        raise NotImplementedError(self.kind)

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        return (reduce(lambda first, second: self.pair(xp, first, second), inputs),)


@kind("add")
class Add(Elementwise, frozen=True):
    """The sum of its inputs: residual connections."""

    example: ClassVar[str] = "add: {residual: [...], shortcut: identity}"

    def pair(self, xp: Any, first: Any, second: Any) -> Any:
        return first + second


@kind("sub")
class Sub(Elementwise, frozen=True):
    """The first input minus the second."""

    arity: ClassVar[tuple[int, int | None]] = (2, 2)
    example: ClassVar[str] = "{sub, from: [left, right]}"

    def pair(self, xp: Any, first: Any, second: Any) -> Any:
        return first - second


@kind("mul")
class Mul(Elementwise, frozen=True):
    """The product of its inputs: gates, squeeze-and-excite."""

    example: ClassVar[str] = "mul: {features: identity, weights: [...]}"

    def saved(self, inputs: Shapes, outputs: Shapes) -> Saved:
        partial = 0  # with three inputs and more, the products on the way
        shape = inputs[0]
        for other in inputs[1:-1]:
            shape = self.merge(shape, other)
            partial = partial + prod(shape)
        return Saved(inputs=True, extra=((partial, 0),) if partial else ())

    def pair(self, xp: Any, first: Any, second: Any) -> Any:
        return first * second


@kind("max")
class Max(Elementwise, frozen=True):
    """The largest of its inputs at each position: maxout."""

    example: ClassVar[str] = "{max, from: [left, right]}"
    source: ClassVar[str] = "Goodfellow et al., Maxout networks, ICML 2013"

    def saved(self, inputs: Shapes, outputs: Shapes) -> Saved:
        partial, shape = 0, inputs[0]
        for other in inputs[1:-1]:
            shape = self.merge(shape, other)
            partial = partial + prod(shape)
        return Saved(inputs=True, extra=((partial, 0),) if partial else ())

    def pair(self, xp: Any, first: Any, second: Any) -> Any:
        return xp.maximum(first, second)


@kind("concat")
class Concat(Layer, frozen=True):
    """Its inputs one after the other along an axis, by default the channels."""

    axis: Annotated[Integer, option("the axis, without the batch: 0 is the channels")] = 0

    arity: ClassVar[tuple[int, int | None]] = (2, None)
    example: ClassVar[str] = "{concat, from: [previous, skip]}"

    def check_inputs(self, inputs: Shapes) -> None:
        super().check_inputs(inputs)
        first = inputs[0]
        axis = axis_number(self.axis, first)
        for other in inputs[1:]:
            rest = other[:axis] + other[axis + 1 :]
            if len(other) != len(first) or rest != first[:axis] + first[axis + 1 :]:
                raise LayerError(
                    "merge-mismatch",
                    f"concat along axis {axis} wants shapes that are equal on the others, "
                    f"but gets {show_shape(first)} and {show_shape(other)}",
                )

    def shapes(self, inputs: Shapes) -> Shapes:
        first, axis = inputs[0], axis_number(self.axis, inputs[0])
        return ((*first[:axis], sum(shape[axis] for shape in inputs), *first[axis + 1 :]),)

    def windows(self, inputs: Shapes) -> tuple[Window | None, ...] | None:
        return self.windows_between(inputs, 0, 0)

    def windows_between(
        self, inputs: Shapes, source: int, target: int
    ) -> tuple[Window | None, ...] | None:
        axis = axis_number(self.axis, inputs[0])
        windows = [SAME_POSITION] * len(inputs[0])
        windows[axis] = shifted(-sum(shape[axis] for shape in inputs[:source]))
        return tuple(windows)

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        return (xp.concatenate(inputs, axis=axis_number(self.axis, inputs[0].shape[1:]) + 1),)
