"""What all sliding windows share: padding, output size, what is read and what is left over.

Convolution, pooling and locally connected layers differ in what they do with a window, not in
where their windows stand.
"""

from typing import Any

from .errors import LayerError
from .layer import AXES, Layer, Shape, Shapes, show_shape
from .window import SAME_POSITION, Window, sliding

Sides = tuple[int, int]


class Sliding(Layer, frozen=True):
    """A layer whose options ``kernel_size``, ``stride``, ``padding`` and ``dilation`` are tuples
    with one value per spatial axis (padding also a word). Subclasses declare the ones they have
    as fields, which hide the values here."""

    @property
    def kernel_size(self) -> Any:
        return 1

    @property
    def stride(self) -> Any:
        return 1

    @property
    def padding(self) -> Any:
        return 0

    @property
    def dilation(self) -> Any:
        return 1

    @property
    def ceil_mode(self) -> bool:
        return False

    def axis(self, option: str, axis: int) -> int:
        """An option's value on one spatial axis; stride without a value is the kernel size."""
        value: int | tuple[int, ...] | None = getattr(self, option)
        if value is None:
            return self.axis("kernel_size", axis)
        return value[axis] if isinstance(value, tuple) else value

    def kernel(self) -> Shape:
        """The size of the kernel on each spatial axis."""
        return tuple(self.axis("kernel_size", axis) for axis in range(self.spatial or 0))

    def size_label(self) -> str:
        """``3``, or ``1x7`` where the axes differ: the number in CONV3-64 and POOL2."""
        kernel = self.kernel()
        return "x".join(map(str, kernel if len(set(kernel)) > 1 else kernel[:1]))

    def extent(self, axis: int) -> int:
        """K_eff = D·(K − 1) + 1: what the kernel spans, holes of the dilation included."""
        kernel, dilation = self.axis("kernel_size", axis), self.axis("dilation", axis)
        return kernel if dilation == 1 else dilation * (kernel - 1) + 1

    def sides(self, axis: int, size: int) -> Sides:
        """The padding (before, after) on one axis of an input of this size."""
        padding = self.padding
        if padding == "valid":
            return 0, 0
        if padding == "half":
            half = (self.extent(axis) - 1) // 2
            return half, half
        if padding == "same":  # TensorFlow's rule; PyTorch's where stride is 1
            stride = self.axis("stride", axis)
            total = (-(-size // stride) - 1) * stride + self.extent(axis) - size
            before = max(total, 0) // 2
            return before, max(total, 0) - before
        value = padding[axis] if isinstance(padding, tuple) else padding
        return tuple(value) if isinstance(value, tuple) else (value, value)

    def validate(self) -> None:
        if self.padding == "half":
            for axis in range(self.spatial or 0):
                if self.extent(axis) % 2 == 0:
                    raise LayerError(
                        "bad-value",
                        f"padding is half, but the kernel spans {self.extent(axis)}; "
                        "allowed: half only for kernels of odd extent",
                        hint="write padding: same, or [before, after] for each axis",
                        option="padding",
                    )

    def output_size(self, axis: int, size: int) -> int:
        """floor((W − K_eff + P_before + P_after)/S) + 1; ceil with ``ceil_mode``.

        With ``ceil_mode`` the last window must start inside the input or its left padding, as in
        Caffe and PyTorch; one that would start in the right padding is dropped.
        """
        extent, stride = self.extent(axis), self.axis("stride", axis)
        before, after = self.sides(axis, size)
        room = size - extent + (2 * before if before == after else before + after)
        if not self.ceil_mode:
            return room // stride + 1
        output = (room + stride - 1) // stride + 1
        return output - 1 if (output - 1) * stride >= size + before else output

    def spatial_shape(self, inputs: Shapes) -> Shape:
        """The output's spatial axes. Raises LayerError where a window does not fit at all."""
        names = AXES[self.spatial or 2]
        output = tuple(self.output_size(axis, size) for axis, size in enumerate(inputs[0][1:]))
        for axis, size in enumerate(inputs[0][1:]):
            if output[axis] < 1:
                extent = self.extent(axis)
                before, after = self.sides(axis, size)
                missing = extent - size
                raise LayerError(
                    "kernel-too-large",
                    f"the kernel spans {extent} along {names[axis]}, but the padded input "
                    f"{show_shape(inputs[0])} has {size} + {before} + {after} = "
                    f"{size + before + after} there",
                    hint=f"a kernel of {size + before + after} or less, or padding: "
                    f"{-(-missing // 2)} would fit",
                    option="kernel_size",
                )
        return output

    def remainder(self, inputs: Shapes) -> tuple[int, ...]:
        lost = []
        for axis, size in enumerate(inputs[0][1:]):
            before, after = self.sides(axis, size)
            windows = self.output_size(axis, size)
            reach = (windows - 1) * self.axis("stride", axis) + self.extent(axis)
            lost.append(max(0, size + before + after - reach))
        return tuple(lost)

    def windows(self, inputs: Shapes) -> tuple[Window | None, ...] | None:
        """Spatial axes slide; channels are kept apart, as in pooling (convolution overrides)."""
        return (SAME_POSITION, *self.spatial_windows(inputs))

    def spatial_windows(self, inputs: Shapes) -> tuple[Window, ...]:
        """One window for each spatial axis."""
        return tuple(
            sliding(
                self.axis("kernel_size", axis),
                self.axis("stride", axis),
                self.axis("dilation", axis),
                self.sides(axis, size)[0],
            )
            for axis, size in enumerate(inputs[0][1:])
        )

    def taps(self, xp: Any, x: Any, fill: float) -> list[Any]:
        """The padded input under each kernel element: prod(K) arrays [N, C, *output]."""
        shape = x.shape[1:]
        output = self.spatial_shape((shape,))
        widths = [(0, 0), (0, 0)]
        for axis, size in enumerate(shape[1:]):
            before, after = self.sides(axis, size)
            reach = (output[axis] - 1) * self.axis("stride", axis) + self.extent(axis)
            widths.append((before, max(after, reach - size - before)))  # ceil mode reads beyond
        padded = xp.pad(x, widths, constant_values=fill)
        slices: list[tuple[slice, ...]] = [()]
        for axis in range(len(output)):
            step, dilation = self.axis("stride", axis), self.axis("dilation", axis)
            slices = [
                (*done, slice(k * dilation, k * dilation + (output[axis] - 1) * step + 1, step))
                for done in slices
                for k in range(self.axis("kernel_size", axis))
            ]
        return [padded[(slice(None), slice(None), *where)] for where in slices]
