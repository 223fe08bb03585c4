"""Local response normalisation: the one that AlexNet made known."""

from math import prod
from typing import Annotated, Any, ClassVar

from .layer import Layer, Saved, Shapes, kind
from .options import Count, Number, option
from .window import SAME_POSITION, Window


@kind("local_response_norm")
class LocalResponseNorm(Layer, frozen=True):
    """x/(k + α/size·Σ x²)^β, the sum over neighbouring channels: AlexNet's normalisation."""

    size: Annotated[Count, option("number of neighbouring channels", symbol="n")] = 5
    alpha: Annotated[Number, option("weight of the sum", symbol="α")] = 1e-4
    beta: Annotated[Number, option("exponent", symbol="β")] = 0.75
    k: Annotated[Number, option("summand")] = 1.0

    least_rank: ClassVar[int] = 2
    example: ClassVar[str] = "local_response_norm: {size: 5}"
    source: ClassVar[str] = "Krizhevsky et al., ImageNet classification, NIPS 2012, §3.3"

    def operations(self, inputs: Shapes, outputs: Shapes) -> int:
        return prod(inputs[0]) * (self.size + 5)

    def windows(self, inputs: Shapes) -> tuple[Window | None, ...] | None:
        channels = Window(1, 1, ((-(self.size // 2), (self.size - 1) // 2),))
        return (channels, *(SAME_POSITION,) * (len(inputs[0]) - 1))

    def saved(self, inputs: Shapes, outputs: Shapes) -> Saved:
        # a chain in PyTorch: the padded squares, the base of the power, and the power
        padded = prod(inputs[0][1:]) * (inputs[0][0] + self.size - 1)
        return Saved(inputs=True, extra=((padded + 2 * prod(inputs[0]), 0),))

    def label(self) -> str:
        return "NORM"

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        (x,) = inputs
        channels = x.shape[1]
        widths = [(0, 0), (self.size // 2, (self.size - 1) // 2), *((0, 0),) * (x.ndim - 2)]
        squares = xp.pad(x * x, widths)
        total = squares[:, :channels]
        for first in range(1, self.size):
            total = total + squares[:, first : first + channels]
        return (x / (self.k + self.alpha * (total / self.size)) ** self.beta,)
