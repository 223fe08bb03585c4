"""Learned coefficients, one for each channel."""

from math import prod
from typing import Annotated, Any, ClassVar

from .layer import Layer, Saved, Shape, Shapes, axis_number, kind
from .options import Integer, option

Axis = Annotated[Integer, option("the axis of the channels, without the batch")]


class Coefficients(Layer, frozen=True):
    """x times a learned number for each position along an axis."""

    @property
    def axis(self) -> int:
        raise NotImplementedError(self.kind)

    def check_inputs(self, inputs: Shapes) -> None:
        super().check_inputs(inputs)
        axis_number(self.axis, inputs[0])

    def saved(self, inputs: Shapes, outputs: Shapes) -> Saved:
        return Saved(inputs=True)


@kind("scale")
class Scale(Coefficients, frozen=True):
    """A coefficient for each channel, and a bias if wanted: LeNet-5's trainable pooling."""

    axis: Axis = 0
    bias: Annotated[bool, option("add a learned number per channel too")] = False

    example: ClassVar[str] = "scale: {bias: true}"
    source: ClassVar[str] = "LeCun et al., Gradient-based learning, 1998, §II.B, layer S2"

    def weights(self, inputs: Shapes) -> dict[str, Shape]:
        channels = inputs[0][axis_number(self.axis, inputs[0])]
        weights: dict[str, Shape] = {"weight": (channels,)}
        return weights | {"bias": (channels,)} if self.bias else weights

    def operations(self, inputs: Shapes, outputs: Shapes) -> int:
        return 2 * prod(outputs[0]) if self.bias else prod(outputs[0])

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        (x,) = inputs
        shape = (-1,) + (1,) * (x.ndim - 2 - axis_number(self.axis, x.shape[1:]))
        y = x * weights["weight"].reshape(shape)
        return (y + weights["bias"].reshape(shape) if self.bias else y,)


@kind("layer_scale")
class LayerScale(Coefficients, frozen=True):
    """A coefficient for each channel at the end of a residual branch: ConvNeXt's, CaiT's."""

    axis: Axis = 0

    example: ClassVar[str] = "layer_scale"
    source: ClassVar[str] = "Touvron et al., Going deeper with image transformers, ICCV 2021"

    def weights(self, inputs: Shapes) -> dict[str, Shape]:
        axis = axis_number(self.axis, inputs[0])
        return {"weight": (inputs[0][axis], *(1,) * (len(inputs[0]) - 1 - axis))}

    def operations(self, inputs: Shapes, outputs: Shapes) -> int:
        return prod(outputs[0])

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        return (inputs[0] * weights["weight"],)
