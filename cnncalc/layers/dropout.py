"""Layers that leave something out in training and do nothing in inference."""

from math import prod
from typing import Annotated, Any, ClassVar

from .layer import Layer, Memory, Saved, Shapes, kind
from .options import Probability, option

P = Annotated[Probability, option("probability of leaving out")]


class LeavesOut(Layer, frozen=True):
    """The identity in inference. In training, x times a random mask: a tensor of its own."""

    memory: ClassVar[Memory] = "view"

    @property
    def p(self) -> float:
        raise NotImplementedError(self.kind)

    def mask(self, inputs: Shapes) -> int:
        """The number of values in the mask of one image."""
        return prod(inputs[0])

    def training_memory_of(self, inputs: Shapes) -> Memory:
        return "own" if self.p else "view"

    def saved(self, inputs: Shapes, outputs: Shapes) -> Saved:
        return Saved(extra=((self.mask(inputs), 0),)) if self.p else Saved()

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        return inputs


@kind("dropout")
class Dropout(LeavesOut, frozen=True):
    """Leaves out single values in training."""

    p: P = 0.5

    example: ClassVar[str] = "dropout: {p: 0.5}"
    source: ClassVar[str] = "Srivastava et al., Dropout, JMLR 2014"


@kind("dropout1d", "dropout2d", "dropout3d")
class ChannelDropout(LeavesOut, frozen=True):
    """Leaves out whole channels in training."""

    p: P = 0.5

    example: ClassVar[str] = "dropout2d: {p: 0.2}"
    source: ClassVar[str] = "Tompson et al., Efficient object localization, CVPR 2015"

    def mask(self, inputs: Shapes) -> int:
        return inputs[0][0]


@kind("stochastic_depth", "drop_path")
class StochasticDepth(LeavesOut, frozen=True):
    """Leaves out a whole residual branch of an image in training."""

    p: P

    example: ClassVar[str] = "stochastic_depth: {p: 0.2}"
    source: ClassVar[str] = "Huang et al., Deep networks with stochastic depth, ECCV 2016"

    def mask(self, inputs: Shapes) -> int:
        return 1
