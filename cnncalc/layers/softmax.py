"""Softmax, which looks along an axis."""

from math import prod
from typing import Annotated, Any, ClassVar

from .layer import Layer, Saved, Shapes, axis_number, kind
from .options import Integer, option
from .window import SAME_POSITION, Window


class AlongAxis(Layer, frozen=True):
    """A function of all values along one axis."""

    axis: Annotated[Integer, option("the axis, without the batch: 0 is the channels")] = 0

    def check_inputs(self, inputs: Shapes) -> None:
        super().check_inputs(inputs)
        axis_number(self.axis, inputs[0])

    def windows(self, inputs: Shapes) -> tuple[Window | None, ...] | None:
        axis = axis_number(self.axis, inputs[0])
        return tuple(None if i == axis else SAME_POSITION for i in range(len(inputs[0])))

    def vectors(self, inputs: Shapes) -> int:
        """How many vectors stand along the axis."""
        axis = axis_number(self.axis, inputs[0])
        return prod(size for i, size in enumerate(inputs[0]) if i != axis)

    def saved(self, inputs: Shapes, outputs: Shapes) -> Saved:
        return Saved(output=True)

    def shifted(self, x: Any) -> tuple[Any, int]:
        """x minus its maximum along the axis, so that no exponential overflows; and the axis."""
        axis = axis_number(self.axis, x.shape[1:]) + 1
        return x - x.max(axis=axis, keepdims=True), axis


@kind("softmax")
class Softmax(AlongAxis, frozen=True):
    """eˣ over the sum of eˣ along an axis: numbers from 0 to 1 whose sum is 1."""

    example: ClassVar[str] = "softmax"

    def operations(self, inputs: Shapes, outputs: Shapes) -> int:
        return 5 * prod(inputs[0]) - 2 * self.vectors(inputs)

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        shifted, axis = self.shifted(inputs[0])
        powers = xp.exp(shifted)
        return (powers / powers.sum(axis=axis, keepdims=True),)


@kind("log_softmax")
class LogSoftmax(AlongAxis, frozen=True):
    """The logarithm of softmax."""

    example: ClassVar[str] = "log_softmax"

    def operations(self, inputs: Shapes, outputs: Shapes) -> int:
        return 5 * prod(inputs[0]) - self.vectors(inputs)

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        shifted, axis = self.shifted(inputs[0])
        return (shifted - xp.log(xp.exp(shifted).sum(axis=axis, keepdims=True)),)
