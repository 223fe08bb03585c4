"""Transposed convolution: each input value stamps its kernel into the output."""

from itertools import product
from math import gcd, prod
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from .convolution import Bias, Dilation, Groups, KernelSize, OutChannels, add_bias, check_groups
from .errors import LayerError
from .layer import AXES, Saved, Shape, Shapes, kind, show_shape
from .options import PerAxis, Size, option
from .sliding import Sliding
from .window import Span, Window, check_period, grouped

SizePerAxis = Annotated[
    Size | tuple[Size, ...],
    Meta(description="a whole number, 0 or more, or one for each spatial axis"),
]


@kind("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
class ConvTranspose(Sliding, frozen=True):
    """The gradient of a convolution as a layer: a stride of 2 doubles the size.

    Its multiply-accumulates are those of the *input* positions: each meets the whole kernel,
    also where ``padding`` cuts the result off.
    """

    out_channels: OutChannels
    kernel_size: KernelSize
    stride: Annotated[PerAxis, option("step between stamps", symbol="S", per_axis=True)] = 1
    padding: Annotated[
        SizePerAxis, option("rows and columns cut off the output", symbol="P", per_axis=True)
    ] = 0
    output_padding: Annotated[
        SizePerAxis, option("rows and columns added at the end", symbol="A", per_axis=True)
    ] = 0
    dilation: Dilation = 1
    groups: Groups = 1
    bias: Bias = True

    example: ClassVar[str] = "conv_transpose2d: {out_channels: 64, kernel_size: 2, stride: 2}"
    source: ClassVar[str] = "Dumoulin & Visin, A guide to convolution arithmetic, 2016, §4"

    def validate(self) -> None:
        for axis in range(self.spatial or 0):
            added = self.axis("output_padding", axis)
            limit = max(self.axis("stride", axis), self.axis("dilation", axis))
            if added >= limit:
                raise LayerError(
                    "bad-value",
                    f"output_padding is {added}; allowed: less than {limit}, the larger of "
                    "stride and dilation",
                    option="output_padding",
                )

    def check_inputs(self, inputs: Shapes) -> None:
        super().check_inputs(inputs)
        check_groups(self.groups, "input channels", inputs[0][0])
        check_groups(self.groups, "output channels", self.out_channels)
        for axis in range(len(inputs[0]) - 1):
            check_period(self.axis("stride", axis), "stride")

    def output_size(self, axis: int, size: int) -> int:
        """(W − 1)·S − 2P + K_eff + A."""
        reach = (size - 1) * self.axis("stride", axis) + self.extent(axis)
        return reach - 2 * self.axis("padding", axis) + self.axis("output_padding", axis)

    def shapes(self, inputs: Shapes) -> Shapes:
        spatial = []
        for axis, size in enumerate(inputs[0][1:]):
            output = self.output_size(axis, size)
            if output < 1:
                raise LayerError(
                    "shape",
                    f"padding {self.axis('padding', axis)} leaves {output} values along "
                    f"{AXES[len(inputs[0]) - 1][axis]} of {show_shape(inputs[0])}; "
                    "allowed: an output of 1 or more",
                    option="padding",
                )
            spatial.append(output)
        return ((self.out_channels, *spatial),)

    def weights(self, inputs: Shapes) -> dict[str, Shape]:
        channels = (inputs[0][0], self.out_channels // self.groups)
        weights = {"weight": (*channels, *self.kernel())}
        return weights | {"bias": (self.out_channels,)} if self.bias else weights

    def macs(self, inputs: Shapes, outputs: Shapes) -> int:
        return prod(self.kernel()) * (self.out_channels // self.groups) * prod(inputs[0])

    def operations(self, inputs: Shapes, outputs: Shapes) -> int:
        return prod(outputs[0]) if self.bias else 0

    def remainder(self, inputs: Shapes) -> tuple[int, ...]:
        return ()

    def windows(self, inputs: Shapes) -> tuple[Window | None, ...] | None:
        channels = grouped(inputs[0][0], self.out_channels, self.groups)
        return (channels, *(self._window(axis) for axis in range(len(inputs[0]) - 1)))

    def _window(self, axis: int) -> Window:
        """Input i stamps onto o = S·i + D·k − P, so o reads the i = (o + P − D·k)/S that are
        whole: one for every S/gcd(S, D)-th k."""
        kernel, stride, dilation, padding = (
            self.axis(name, axis) for name in ("kernel_size", "stride", "dilation", "padding")
        )
        spans: list[Span] = []
        every = stride // gcd(stride, dilation)
        for phase in range(stride):
            reads = (
                k
                for k in range(min(every, kernel))
                if (phase + padding - dilation * k) % stride == 0
            )
            first = next(reads, None)
            if first is None:
                spans.append(None)
                continue
            last = first + (kernel - 1 - first) // every * every
            position = phase + padding
            spans.append(
                ((position - dilation * last) // stride, (position - dilation * first) // stride)
            )
        return Window(stride, 1, tuple(spans), dilation // gcd(stride, dilation))

    def saved(self, inputs: Shapes, outputs: Shapes) -> Saved:
        return Saved(inputs=True)

    def label(self) -> str:
        return f"CONVT{self.size_label()}-{self.out_channels}"

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        (x,) = inputs
        shape = self.shapes((x.shape[1:],))[0]
        sizes = x.shape[2:]
        x = x.reshape((len(x), self.groups, -1, *sizes))
        kernels = weights["weight"].reshape((self.groups, x.shape[2], -1, prod(self.kernel())))
        stamps = xp.einsum("ngc...,gcot->ngot...", x, kernels)
        stamps = stamps.reshape((len(x), self.out_channels, -1, *sizes))
        padding, steps, reach = [], [], []
        for axis, size in enumerate(shape[1:]):
            padding.append(self.axis("padding", axis))
            steps.append(self.axis("stride", axis))
            reach.append(
                max(size + padding[axis], (sizes[axis] - 1) * steps[axis] + self.extent(axis))
            )
        y = xp.zeros((len(x), self.out_channels, *reach), dtype=x.dtype)
        for number, taps in enumerate(product(*map(range, self.kernel()))):
            first = [k * self.axis("dilation", axis) for axis, k in enumerate(taps)]
            where = [
                slice(start, start + (size - 1) * step + 1, step)
                for start, size, step in zip(first, sizes, steps, strict=True)
            ]
            y[(..., *where)] += stamps[:, :, number]  # the second half of a multiply-accumulate
        cut = [slice(start, start + size) for start, size in zip(padding, shape[1:], strict=True)]
        return (add_bias(y[(..., *cut)], weights),)
