"""Pooling to a given size, whatever the input's: adaptive and global."""

from itertools import product
from math import gcd, prod
from typing import Annotated, Any, ClassVar

from .layer import Layer, Memory, Saved, Shape, Shapes, kind
from .options import PerAxis, option
from .window import SAME_POSITION, Window, adaptive, check_period

OutputSize = Annotated[PerAxis, option("size of the output", symbol="O", per_axis=True)]


class Bins(Layer, frozen=True):
    """Output o of m sees the bin from floor(o·n/m) to ceil((o+1)·n/m) − 1. Bins may overlap.

    An output size equal to the input's makes every bin one value: the identity.
    """

    source: ClassVar[str] = "PyTorch, ATen/native/AdaptivePooling.h, start_index and end_index"

    @property
    def output_size(self) -> int | tuple[int, ...]:
        return 1

    def size(self, axis: int) -> int:
        """The output's size on a spatial axis."""
        return self.output_size[axis] if isinstance(self.output_size, tuple) else self.output_size

    def check_inputs(self, inputs: Shapes) -> None:
        super().check_inputs(inputs)
        for axis, size in enumerate(inputs[0][1:]):
            check_period(self.size(axis) // gcd(self.size(axis), size), "output_size")

    def shapes(self, inputs: Shapes) -> Shapes:
        return ((inputs[0][0], *(self.size(axis) for axis in range(len(inputs[0]) - 1))),)

    def binned(self, inputs: Shapes) -> int:
        """The number of values in all bins: C·Π(n + m − gcd(n, m)).

        Σ ceil((o+1)·n/m) − floor(o·n/m) over o < m has this closed form, since both sums are the
        same but for the ends and the m − gcd(n, m) places where rounding up and down differ.
        """
        total = inputs[0][0]
        for axis, n in enumerate(inputs[0][1:]):
            m = self.size(axis)
            total = total * (n + m - gcd(n, m))
        return total

    def is_identity(self, shape: Shape) -> bool:
        return all(self.size(axis) == size for axis, size in enumerate(shape[1:]))

    def windows(self, inputs: Shapes) -> tuple[Window, ...]:
        bins = (adaptive(size, self.size(axis)) for axis, size in enumerate(inputs[0][1:]))
        return (SAME_POSITION, *bins)

    def memory_of(self, inputs: Shapes) -> Memory:
        return "view" if self.is_identity(inputs[0]) else "own"

    def bins(self, xp: Any, x: Any, summary: Any) -> Any:
        """``summary`` of each bin, as [N, C, *output]."""
        parts = []
        for axis, n in enumerate(x.shape[2:]):
            m = self.size(axis)
            parts.append([slice(o * n // m, -(-(o + 1) * n // m)) for o in range(m)])
        values = [summary(x[(..., *where)]) for where in product(*parts)]
        return xp.stack(values, axis=-1).reshape((*x.shape[:2], *map(len, parts)))


class AvgBins(Bins, frozen=True):
    """The mean of each bin."""

    def operations(self, inputs: Shapes, outputs: Shapes) -> int:
        return 0 if self.is_identity(inputs[0]) else self.binned(inputs)

    def saved(self, inputs: Shapes, outputs: Shapes) -> Saved:
        return Saved(inputs=prod(outputs[0][1:]) > 1)  # to 1×1 it is a plain mean: shapes only

    def label(self) -> str:
        return "AVGPOOL"

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        (x,) = inputs
        if self.is_identity(x.shape[1:]):
            return (x,)
        axes = tuple(range(2, x.ndim))
        return (self.bins(xp, x, lambda part: part.sum(axis=axes) / prod(part.shape[2:])),)


class MaxBins(Bins, frozen=True):
    """The largest value of each bin."""

    def operations(self, inputs: Shapes, outputs: Shapes) -> int:
        return self.binned(inputs) - prod(outputs[0])

    def saved(self, inputs: Shapes, outputs: Shapes) -> Saved:
        return Saved(inputs=True, extra=((prod(outputs[0]), 8),))  # int64: where each maximum was

    def label(self) -> str:
        return "MAXPOOL"

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        axes = tuple(range(2, inputs[0].ndim))
        return (self.bins(xp, inputs[0], lambda part: part.max(axis=axes)),)


@kind("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d")
class AdaptiveAvgPool(AvgBins, frozen=True):
    """The mean of equal parts of the input, as many as the output wants."""

    output_size: OutputSize = 1

    example: ClassVar[str] = "adaptive_avg_pool2d: {output_size: 7}"


@kind("adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d")
class AdaptiveMaxPool(MaxBins, frozen=True):
    """The maximum of equal parts of the input, as many as the output wants."""

    output_size: OutputSize = 1

    example: ClassVar[str] = "adaptive_max_pool2d: {output_size: 7}"


@kind("global_avg_pool1d", "global_avg_pool2d", "global_avg_pool3d")
class GlobalAvgPool(AvgBins, frozen=True):
    """The mean of each channel: Network in Network's last layer."""

    example: ClassVar[str] = "global_avg_pool2d"


@kind("global_max_pool1d", "global_max_pool2d", "global_max_pool3d")
class GlobalMaxPool(MaxBins, frozen=True):
    """The maximum of each channel."""

    example: ClassVar[str] = "global_max_pool2d"
