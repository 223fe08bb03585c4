"""Fully connected layers, learned and fixed."""

from math import prod
from typing import Annotated, Any, ClassVar

from .layer import Layer, Saved, Shape, Shapes, kind
from .options import Count, option
from .window import SAME_POSITION, Window


class LastAxis(Layer, frozen=True):
    """A layer whose outputs each see the whole last axis, and nothing else of the others."""

    @property
    def out_features(self) -> int:
        raise NotImplementedError(self.kind)

    def shapes(self, inputs: Shapes) -> Shapes:
        return ((*inputs[0][:-1], self.out_features),)

    def windows(self, inputs: Shapes) -> tuple[Window | None, ...] | None:
        return (*(SAME_POSITION,) * (len(inputs[0]) - 1), None)


@kind("linear")
class Linear(LastAxis, frozen=True):
    """A fully connected layer, on the last axis as in PyTorch. Flatten an image before it."""

    out_features: Annotated[Count, option("number of units", symbol="C_out")]
    bias: Annotated[bool, option("add a learned number to each unit")] = True

    example: ClassVar[str] = "linear: {out_features: 4096}"

    def weights(self, inputs: Shapes) -> dict[str, Shape]:
        weights: dict[str, Shape] = {"weight": (self.out_features, inputs[0][-1])}
        return weights | {"bias": (self.out_features,)} if self.bias else weights

    def macs(self, inputs: Shapes, outputs: Shapes) -> int:
        return prod(inputs[0]) * self.out_features

    def operations(self, inputs: Shapes, outputs: Shapes) -> int:
        return prod(outputs[0]) if self.bias else 0

    def saved(self, inputs: Shapes, outputs: Shapes) -> Saved:
        return Saved(inputs=True)

    def label(self) -> str:
        return "FC"

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        y = xp.einsum("...i,oi->...o", inputs[0], weights["weight"])
        return (y + weights["bias"] if self.bias else y,)


@kind("rbf")
class RBF(LastAxis, frozen=True):
    """Squared Euclidean distances to fixed codes: the output layer of LeNet-5.

    The codes are not learned, so they are buffers; the distances have no multiply-accumulates
    of a learned layer, so they are counted as operations: subtract, square, add.
    """

    out_features: Annotated[Count, option("number of codes", symbol="C_out")]

    example: ClassVar[str] = "rbf: {out_features: 10}"
    source: ClassVar[str] = "LeCun et al., Gradient-based learning, 1998, §II.B, eq. 7"

    def buffers(self, inputs: Shapes) -> dict[str, Shape]:
        return {"codes": (self.out_features, inputs[0][-1])}

    def operations(self, inputs: Shapes, outputs: Shapes) -> int:
        return prod(outputs[0]) * (3 * inputs[0][-1] - 1)

    def saved(self, inputs: Shapes, outputs: Shapes) -> Saved:
        return Saved(extra=((prod(outputs[0]) * inputs[0][-1], 0),))  # the differences

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        difference = inputs[0][..., None, :] - weights["codes"]
        return ((difference * difference).sum(axis=-1),)
