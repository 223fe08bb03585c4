"""Layers that make an image larger: by zeros around it, or by values between its own."""

from math import gcd, prod
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta

from .errors import LayerError
from .layer import Layer, Shape, Shapes, kind, show_shape
from .options import Count, Sides, Size, option
from .selection import sides
from .window import SAME_POSITION, Window, check_period, shifted

Amounts = Annotated[
    Size | tuple[Size | Sides, ...],
    Meta(
        description="a whole number, 0 or more; or one, or [before, after], for each spatial axis"
    ),
]


@kind("pad")
class Pad(Layer, frozen=True):
    """Zeros around an image, and around its channels (the shortcuts of CIFAR ResNets)."""

    padding: Annotated[Amounts, option("rows and columns of zeros added to each side")] = 0
    channels: Annotated[
        Size | Sides,
        Meta(description="a whole number, 0 or more, or [before, after]"),
        option("channels of zeros added before and after"),
    ] = 0

    example: ClassVar[str] = "pad: {padding: [[0, 1], [0, 1]]}"

    def amounts(self, shape: Shape) -> tuple[tuple[int, int], ...]:
        """(before, after) for each axis."""
        channels = self.channels
        before, after = channels if isinstance(channels, tuple) else (channels, channels)
        return ((before, after), *sides(self.padding, shape, "padding"))

    def shapes(self, inputs: Shapes) -> Shapes:
        amounts = self.amounts(inputs[0])
        return (tuple(size + b + a for size, (b, a) in zip(inputs[0], amounts, strict=True)),)

    def windows(self, inputs: Shapes) -> tuple[Window | None, ...] | None:
        return tuple(shifted(-before) for before, _ in self.amounts(inputs[0]))

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        return (xp.pad(inputs[0], [(0, 0), *self.amounts(inputs[0].shape[1:])]),)


#: The number of spatial axes that a mode is for; nearest is for all.
MODES = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}


@kind("upsample")
class Upsample(Layer, frozen=True):
    """Makes an image larger (or smaller) by the nearest value, or by a mean of the nearest.

    One axis after the other: each pass costs 3 operations per value between two neighbours, 7
    between the four of ``bicubic``, and none for ``nearest``. Beyond the edges the edge value
    goes on.
    """

    scale_factor: Annotated[
        Count | tuple[Count, ...] | None,
        Meta(description="a whole number, 1 or more, or one for each spatial axis"),
        option("how many times larger", symbol="S"),
    ] = None
    size: Annotated[
        Count | tuple[Count, ...] | None,
        Meta(description="a whole number, 1 or more, or one for each spatial axis"),
        option("spatial size of the output, instead of a factor"),
    ] = None
    mode: Annotated[
        Literal["nearest", "linear", "bilinear", "bicubic", "trilinear"],
        option("where the values between come from"),
    ] = "nearest"
    align_corners: Annotated[
        bool, option("the corner values of input and output lie on each other, not the corners")
    ] = False

    least_rank: ClassVar[int] = 2
    example: ClassVar[str] = "upsample: {scale_factor: 2, mode: bilinear}"
    source: ClassVar[str] = "PyTorch, ATen/native/UpSample.h; Keys, Cubic convolution, 1981"

    def validate(self) -> None:
        if (self.scale_factor is None) == (self.size is None):
            raise LayerError(
                "bad-value",
                "upsample has "
                + ("neither scale_factor nor size" if self.size is None else "both")
                + "; allowed: one of scale_factor and size",
                option=None if self.size is None else "size",
            )
        if self.align_corners and self.mode == "nearest":
            raise LayerError(
                "bad-value",
                "align_corners is true and mode is nearest; allowed: false, or another mode",
                option="align_corners",
            )

    def check_inputs(self, inputs: Shapes) -> None:
        super().check_inputs(inputs)
        axes = len(inputs[0]) - 1
        if axes > 3 or MODES.get(self.mode, axes) != axes:
            fitting = ["nearest", *(mode for mode, rank in MODES.items() if rank == axes)]
            raise LayerError(
                "bad-value" if axes <= 3 else "rank",
                f"mode is {self.mode} for the {axes} spatial axes of {show_shape(inputs[0])}; "
                + (f"allowed: {' or '.join(fitting)}" if axes <= 3 else "allowed: 1 to 3 axes"),
                option="mode",
            )
        for size, new in zip(inputs[0][1:], self.shapes(inputs)[0][1:], strict=True):
            check_period(
                self._pattern(size, new)[0], "scale_factor" if self.scale_factor else "size"
            )

    def shapes(self, inputs: Shapes) -> Shapes:
        channels, *sizes = inputs[0]
        option = "size" if self.scale_factor is None else "scale_factor"
        values = self.size if self.scale_factor is None else self.scale_factor
        wanted = [first for first, _ in sides(values, inputs[0], option)]
        if self.scale_factor is None:
            return ((channels, *wanted),)
        return ((channels, *(size * times for size, times in zip(sizes, wanted, strict=True))),)

    def operations(self, inputs: Shapes, outputs: Shapes) -> int:
        each = {"nearest": 0, "bicubic": 7}.get(self.mode, 3)
        total, shape = 0, inputs[0]
        for axis in range(1, len(shape)):
            shape = (*shape[:axis], outputs[0][axis], *shape[axis + 1 :])
            total = total + each * prod(shape)
        return total

    def _pattern(self, size: int, new: int) -> tuple[int, int]:
        """After how many output positions the pattern repeats, and how far the input has moved."""
        if self.align_corners:
            size, new = size - 1, new - 1
        if new == 0 or size == 0:  # only one position to read, or to write
            return 1, 0
        return new // gcd(size, new), size // gcd(size, new)

    def _source(self, o: int, size: int, new: int) -> tuple[int, int]:
        """The place in the input that output position o stands for, as (numerator, denominator)."""
        if self.mode == "nearest":
            return o * size // new, 1
        if self.align_corners:
            return (o * (size - 1), new - 1) if new > 1 else (0, 1)
        return (2 * o + 1) * size - new, 2 * new  # (o + 1/2)·size/new − 1/2

    def _span(self, o: int, size: int, new: int) -> tuple[int, int]:
        """The first and last position that output position o is a mean of."""
        numerator, denominator = self._source(o, size, new)
        below, above = numerator // denominator, -(-numerator // denominator)
        if self.mode == "bicubic" and above > below:
            return below - 1, above + 1
        return below, above

    def windows(self, inputs: Shapes) -> tuple[Window | None, ...] | None:
        windows = [SAME_POSITION]
        for size, new in zip(inputs[0][1:], self.shapes(inputs)[0][1:], strict=True):
            period, advance = self._pattern(size, new)
            spans = tuple(self._span(o, size, new) for o in range(period))
            windows.append(Window(period, advance, spans))
        return tuple(windows)

    def taps(self, o: int, size: int, new: int) -> list[tuple[int, float]]:
        """The input positions that make output position o, each with its weight."""
        numerator, denominator = self._source(o, size, new)
        below, part = numerator // denominator, numerator % denominator / denominator
        if self.mode == "nearest":
            places = [(below, 1.0)]
        elif self.mode == "bicubic":
            nearby = (below - 1, below, below + 1, below + 2) if part else (below,) * 4
            distances = (1 + part, part, 1 - part, 2 - part)
            places = [(i, keys_kernel(d)) for i, d in zip(nearby, distances, strict=True)]
        else:
            places = [(below, 1 - part), (below + 1 if part else below, part)]
        return [(min(max(i, 0), size - 1), weight) for i, weight in places]

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        (x,) = inputs
        for axis, new in enumerate(self.shapes((x.shape[1:],))[0][1:], start=2):
            table = [self.taps(o, x.shape[axis], new) for o in range(new)]
            y: Any = None
            for taps in zip(*table, strict=True):
                part = x.take(xp.asarray([position for position, _ in taps]), axis=axis)
                if self.mode != "nearest":
                    factors = xp.asarray([weight for _, weight in taps], dtype=x.dtype)
                    part = part * factors.reshape((-1,) + (1,) * (x.ndim - 1 - axis))
                y = part if y is None else y + part
            x = y
        return (x,)


def keys_kernel(distance: float, a: float = -0.75) -> float:
    """The cubic convolution kernel; a is -0.75 in PyTorch and OpenCV."""
    d = abs(distance)
    if d <= 1:
        return ((a + 2) * d - (a + 3)) * d * d + 1
    return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
