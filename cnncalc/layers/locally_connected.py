"""Locally connected layers: convolution whose weights are not shared."""

from math import prod
from typing import Annotated, Any, ClassVar

from .convolution import Dilation, KernelSize, OutChannels, Stride, ZeroPadding
from .layer import Saved, Shape, Shapes, kind
from .options import option
from .sliding import Sliding
from .window import Window


@kind("locally_connected1d", "locally_connected2d", "locally_connected3d")
class LocallyConnected(Sliding, frozen=True):
    """Every output position has kernels of its own, and every output value its own bias."""

    out_channels: OutChannels
    kernel_size: KernelSize
    stride: Stride = 1
    padding: ZeroPadding = 0
    dilation: Dilation = 1
    bias: Annotated[bool, option("add a learned number per output value")] = True

    example: ClassVar[str] = "locally_connected2d: {out_channels: 16, kernel_size: 3}"
    source: ClassVar[str] = "Taigman et al., DeepFace, CVPR 2014"

    def shapes(self, inputs: Shapes) -> Shapes:
        return ((self.out_channels, *self.spatial_shape(inputs)),)

    def weights(self, inputs: Shapes) -> dict[str, Shape]:
        (output,) = self.shapes(inputs)
        weights = {"weight": (*output, inputs[0][0], *self.kernel())}
        return weights | {"bias": output} if self.bias else weights

    def macs(self, inputs: Shapes, outputs: Shapes) -> int:
        return prod(self.kernel()) * inputs[0][0] * prod(outputs[0])

    def operations(self, inputs: Shapes, outputs: Shapes) -> int:
        return prod(outputs[0]) if self.bias else 0

    def windows(self, inputs: Shapes) -> tuple[Window | None, ...] | None:
        return (None, *self.spatial_windows(inputs))

    def saved(self, inputs: Shapes, outputs: Shapes) -> Saved:
        return Saved(inputs=True)

    def label(self) -> str:
        return f"LOCAL{self.size_label()}-{self.out_channels}"

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        taps = xp.stack(self.taps(xp, inputs[0], 0.0), axis=-1)  # [N, C, *output, T]
        taps = taps.reshape((*taps.shape[:2], -1, taps.shape[-1]))
        kernels = weights["weight"].reshape(
            (self.out_channels, -1, *taps.shape[1:2], taps.shape[-1])
        )
        y = xp.einsum("ncpt,opct->nop", taps, kernels)
        y = y.reshape((len(y), *weights["weight"].shape[: len(self.kernel()) + 1]))
        return (y + weights["bias"] if self.bias else y,)
