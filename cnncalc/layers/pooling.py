"""Pooling: a window slides, and what it sees becomes one number."""

from functools import reduce
from math import prod
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from .errors import LayerError
from .layer import AXES, Saved, Shapes, kind, show_shape
from .options import Count, Padding, PerAxis, option
from .sliding import Sliding

KernelSize = Annotated[PerAxis, option("size of the window", symbol="K", per_axis=True)]
Stride = Annotated[
    PerAxis | None,
    option("step between windows; without it, the size of the window", symbol="S", per_axis=True),
]
PoolPadding = Annotated[
    Padding,
    option("rows and columns around the input, at most half a window", symbol="P", per_axis=True),
]
CeilMode = Annotated[
    bool, option("round the output size up: a last window may stand partly outside")
]


class Pool(Sliding, frozen=True):
    """What the poolings share: channels stay apart, and padding is at most half a window."""

    def check_inputs(self, inputs: Shapes) -> None:
        super().check_inputs(inputs)
        if isinstance(self.padding, str):
            return
        for axis, kernel in enumerate(self.kernel()):
            padding = max(self.sides(axis, inputs[0][axis + 1]))
            if padding > kernel // 2:
                raise LayerError(
                    "bad-value",
                    f"padding is {padding} along {AXES[len(inputs[0]) - 1][axis]} for a window "
                    f"of {kernel}; allowed: at most {kernel // 2}, half of it",
                    option="padding",
                )

    def shapes(self, inputs: Shapes) -> Shapes:
        return ((inputs[0][0], *self.spatial_shape(inputs)),)


@kind("max_pool1d", "max_pool2d", "max_pool3d")
class MaxPool(Pool, frozen=True):
    """The largest value under each window; padding never wins."""

    kernel_size: KernelSize
    stride: Stride = None
    padding: PoolPadding = 0
    dilation: Annotated[
        PerAxis, option("distance of the values under a window", symbol="D", per_axis=True)
    ] = 1
    ceil_mode: CeilMode = False

    example: ClassVar[str] = "max_pool2d: {kernel_size: 2}"

    def operations(self, inputs: Shapes, outputs: Shapes) -> int:
        return prod(outputs[0]) * (prod(self.kernel()) - 1)

    def saved(self, inputs: Shapes, outputs: Shapes) -> Saved:
        return Saved(inputs=True, extra=((prod(outputs[0]), 8),))  # int64: where each maximum was

    def label(self) -> str:
        return f"POOL{self.size_label()}"

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        return (reduce(xp.maximum, self.taps(xp, inputs[0], -xp.inf)),)


class SumPool(Pool, frozen=True):
    """What the poolings that add share."""

    def check_inputs(self, inputs: Shapes) -> None:
        super().check_inputs(inputs)
        if self.spatial != 3:
            return
        for kernel, size, name in zip(self.kernel(), inputs[0][1:], AXES[3], strict=True):
            if size < kernel:  # PyTorch's avg_pool3d, unlike the others, does not count padding
                raise LayerError(
                    "kernel-too-large",
                    f"the kernel spans {kernel} along {name}, but the input "
                    f"{show_shape(inputs[0])} has {size} there, padding not counted",
                    option="kernel_size",
                )


@kind("avg_pool1d", "avg_pool2d", "avg_pool3d")
class AvgPool(SumPool, frozen=True):
    """The mean of the values under each window."""

    kernel_size: KernelSize
    stride: Stride = None
    padding: PoolPadding = 0
    ceil_mode: CeilMode = False
    count_include_pad: Annotated[bool, option("padding counts as zeros in the mean")] = True
    divisor_override: Annotated[
        Count | None, option("divide the sum by this, whatever the window's size")
    ] = None

    example: ClassVar[str] = "avg_pool2d: {kernel_size: 3, stride: 2, padding: 1}"

    def operations(self, inputs: Shapes, outputs: Shapes) -> int:
        return prod(outputs[0]) * prod(self.kernel())

    def saved(self, inputs: Shapes, outputs: Shapes) -> Saved:
        return Saved(inputs=True)

    def label(self) -> str:
        return f"AVGPOOL{self.size_label()}"

    def divisors(self, xp: Any, shape: tuple[int, ...]) -> Any:
        """How many values each output is the mean of: an array that broadcasts over outputs.

        Beyond the padding, where ``ceil_mode`` lets a window reach, nothing is counted.
        """
        if self.divisor_override is not None:
            return xp.asarray(self.divisor_override)
        counts = xp.ones((1, 1))
        for axis, size in enumerate(shape[1:]):
            before, after = self.sides(axis, size) if self.count_include_pad else (0, 0)
            left = self.sides(axis, size)[0]
            kernel, stride = self.axis("kernel_size", axis), self.axis("stride", axis)
            inside = []
            for o in range(self.output_size(axis, size)):
                first = o * stride - left
                inside.append(min(first + kernel, size + after) - max(first, -before))
            counts = counts[..., None] * xp.asarray(inside)
        return counts

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        total = reduce(xp.add, self.taps(xp, inputs[0], 0.0))
        return (total / self.divisors(xp, inputs[0].shape[1:]).astype(total.dtype),)


@kind("lp_pool1d", "lp_pool2d", "lp_pool3d")
class LPPool(SumPool, frozen=True):
    """The power mean without the mean: (Σ x^p)^(1/p) under each window.

    Where ``ceil_mode`` lets a window reach outside, the sum has fewer terms (PyTorch scales it up
    to a full window).
    """

    norm_type: Annotated[
        Annotated[float, Meta(gt=0, description="a number above 0")],
        option("the power; 1 is sum pooling", symbol="p"),
    ]
    kernel_size: KernelSize
    stride: Stride = None
    ceil_mode: CeilMode = False

    example: ClassVar[str] = "lp_pool2d: {norm_type: 2, kernel_size: 2}"

    def operations(self, inputs: Shapes, outputs: Shapes) -> int:
        return prod(inputs[0]) + prod(outputs[0]) * prod(self.kernel())

    def saved(self, inputs: Shapes, outputs: Shapes) -> Saved:
        # torch.nn.functional.lp_pool is a chain: power, average, sign, |·|, ReLU, product, root
        return Saved(inputs=True, extra=((prod(inputs[0]), 0), (4 * prod(outputs[0]), 0)))

    def label(self) -> str:
        return f"LPPOOL{self.size_label()}"

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        total = reduce(xp.add, self.taps(xp, inputs[0] ** self.norm_type, 0.0))
        return (total ** (1 / self.norm_type),)
