"""Convolution, its transpose, and its unshared cousin."""

from math import prod
from typing import Annotated, Any, ClassVar

from .errors import LayerError
from .layer import Saved, Shape, Shapes, kind, show_shape
from .options import Count, Padding, PerAxis, option
from .sliding import Sliding
from .window import Window, grouped

OutChannels = Annotated[
    Count, option("number of kernels: the channels of the output", symbol="C_out")
]
KernelSize = Annotated[PerAxis, option("size of the kernel", symbol="K", per_axis=True)]
Stride = Annotated[PerAxis, option("step between windows", symbol="S", per_axis=True)]
ZeroPadding = Annotated[Padding, option("zeros around the input", symbol="P", per_axis=True)]
Dilation = Annotated[PerAxis, option("distance of kernel elements", symbol="D", per_axis=True)]
Groups = Annotated[Count, option("blocks of channels that do not see each other", symbol="G")]
Bias = Annotated[bool, option("add a learned number per output channel")]


@kind("conv1d", "conv2d", "conv3d")
class Conv(Sliding, frozen=True):
    """Cross-correlation with learned kernels: what every framework calls convolution."""

    out_channels: OutChannels
    kernel_size: KernelSize
    stride: Stride = 1
    padding: ZeroPadding = 0
    dilation: Dilation = 1
    groups: Groups = 1
    bias: Bias = True
    connections: Annotated[
        tuple[tuple[int, ...], ...] | None,
        option("for each output channel, the input channels it reads (LeNet-5's C3)"),
    ] = None

    example: ClassVar[str] = "conv2d: {out_channels: 64, kernel_size: 3, padding: 1}"
    source: ClassVar[str] = "Dumoulin & Visin, A guide to convolution arithmetic, 2016, §2"

    def check_inputs(self, inputs: Shapes) -> None:
        super().check_inputs(inputs)
        channels = inputs[0][0]
        check_groups(self.groups, "input channels", channels)
        check_groups(self.groups, "output channels", self.out_channels)
        if self.connections is None:
            return
        if self.groups != 1 or len(self.connections) != self.out_channels:
            raise LayerError(
                "bad-value",
                f"connections has {len(self.connections)} lists and groups is {self.groups}; "
                f"allowed: {self.out_channels} lists, one per output channel, and groups 1",
                option="connections",
            )
        for reads in self.connections:
            for channel in reads:
                if not 0 <= channel < channels:
                    raise LayerError(
                        "bad-value",
                        f"connections names input channel {channel}; allowed: 0 to {channels - 1}",
                        option="connections",
                    )
            if len(set(reads)) < len(reads):
                raise LayerError(
                    "bad-value",
                    f"connections has the list {show_shape(reads)}; allowed: each channel once",
                    option="connections",
                )

    def shapes(self, inputs: Shapes) -> Shapes:
        return ((self.out_channels, *self.spatial_shape(inputs)),)

    def weights(self, inputs: Shapes) -> dict[str, Shape]:
        if self.connections is None:
            kernels: Shape = (self.out_channels, inputs[0][0] // self.groups)
        else:
            kernels = (sum(len(reads) for reads in self.connections),)
        weights = {"weight": (*kernels, *self.kernel())}
        return weights | {"bias": (self.out_channels,)} if self.bias else weights

    def macs(self, inputs: Shapes, outputs: Shapes) -> int:
        window = prod(self.kernel())
        positions = prod(outputs[0][1:])
        if self.connections is not None:
            return window * sum(len(reads) for reads in self.connections) * positions
        return window * (inputs[0][0] // self.groups) * self.out_channels * positions

    def operations(self, inputs: Shapes, outputs: Shapes) -> int:
        return prod(outputs[0]) if self.bias else 0

    def windows(self, inputs: Shapes) -> tuple[Window | None, ...] | None:
        channels = grouped(inputs[0][0], self.out_channels, self.groups)
        return (channels, *self.spatial_windows(inputs))

    def saved(self, inputs: Shapes, outputs: Shapes) -> Saved:
        return Saved(inputs=True)

    def label(self) -> str:
        return f"CONV{self.size_label()}-{self.out_channels}"

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        (x,) = inputs
        taps = xp.stack(self.taps(xp, x, 0.0), axis=2)  # [N, C, T, *output]
        kernels = weights["weight"]
        if self.connections is None:
            groups = (self.groups, -1)
            patches = taps.reshape((len(x), *groups, *taps.shape[2:]))
            kernels = kernels.reshape((*groups, kernels.shape[1], taps.shape[2]))
            y = xp.einsum("ngct...,goct->ngo...", patches, kernels)
            y = y.reshape((len(x), self.out_channels, *y.shape[3:]))
        else:
            kernels = kernels.reshape((len(kernels), -1))
            maps, first = [], 0
            for reads in self.connections:
                chosen = kernels[first : first + len(reads)]
                maps.append(xp.einsum("nct...,ct->n...", taps[:, list(reads)], chosen))
                first += len(reads)
            y = xp.stack(maps, axis=1)
        return (add_bias(y, weights),)


def check_groups(groups: int, what: str, channels: int, option: str = "groups") -> None:
    """Raise LayerError unless the groups divide the channels."""
    if channels % groups:
        raise LayerError(
            "groups",
            f"{channels} {what} do not divide into {groups} groups "
            f"({channels} = {groups}·{channels // groups} + {channels % groups})",
            option=option,
        )


def add_bias(y: Any, weights: dict[str, Any]) -> Any:
    """Add a bias per channel to [N, C, *spatial], if there is one."""
    if "bias" not in weights:
        return y
    return y + weights["bias"].reshape((1, -1) + (1,) * (y.ndim - 2))
