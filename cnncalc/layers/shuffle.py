"""Layers that move values between channels, and between channels and space."""

from typing import Annotated, Any, ClassVar

from .convolution import check_groups
from .errors import LayerError
from .layer import Layer, Shapes, kind, show_shape
from .options import Count, option
from .window import MAX_PERIOD, SAME_POSITION, Window, check_period, sliding

Factor = Annotated[Count, option("rows and columns per block", symbol="r")]


@kind("channel_shuffle")
class ChannelShuffle(Layer, frozen=True):
    """Deals the channels of all groups out in turn: ShuffleNet's."""

    groups: Annotated[Count, option("number of groups that are mixed", symbol="G")]

    least_rank: ClassVar[int] = 2
    example: ClassVar[str] = "channel_shuffle: {groups: 2}"
    source: ClassVar[str] = "Zhang et al., ShuffleNet, CVPR 2018"

    def check_inputs(self, inputs: Shapes) -> None:
        super().check_inputs(inputs)
        check_groups(self.groups, "channels", inputs[0][0])
        check_period(self.groups, "groups")

    def windows(self, inputs: Shapes) -> tuple[Window | None, ...] | None:
        size = inputs[0][0] // self.groups
        dealt = tuple((group * size, group * size) for group in range(self.groups))
        return (Window(self.groups, 1, dealt), *(SAME_POSITION,) * (len(inputs[0]) - 1))

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        (x,) = inputs
        groups = x.reshape((len(x), self.groups, -1, *x.shape[2:]))
        return (groups.swapaxes(1, 2).reshape(x.shape),)


class Blocks(Layer, frozen=True):
    """Moves values between blocks of r × r positions and groups of r² channels.

    Which channel a position reads depends on where in its block it lies; `windows` gives for
    each axis by itself what is read.
    """

    spatial: ClassVar[int | None] = 2

    @property
    def factor(self) -> int:
        """r, the side of a block."""
        raise NotImplementedError(self.kind)


class ToSpace(Blocks, frozen=True):
    """[C·r², H, W] → [C, r·H, r·W]: r² channels become a block of r × r positions."""

    def check_inputs(self, inputs: Shapes) -> None:
        super().check_inputs(inputs)
        area = self.factor**2
        check_period(area, "factor")
        if inputs[0][0] % area:
            raise LayerError(
                "shape",
                f"the {inputs[0][0]} channels of {show_shape(inputs[0])} are no multiple of "
                f"{self.factor}² = {area}",
            )

    def shapes(self, inputs: Shapes) -> Shapes:
        channels, height, width = inputs[0]
        return ((channels // self.factor**2, height * self.factor, width * self.factor),)

    def channels_read(self, channels: int) -> Window:
        """How an output channel reads the input's channels."""
        raise NotImplementedError(self.kind)

    def windows(self, inputs: Shapes) -> tuple[Window | None, ...] | None:
        spatial = Window(self.factor, 1, ((0, 0),) * self.factor)
        return (self.channels_read(inputs[0][0]), spatial, spatial)


class ToDepth(Blocks, frozen=True):
    """[C, r·H, r·W] → [C·r², H, W]: a block of r × r positions becomes r² channels."""

    def check_inputs(self, inputs: Shapes) -> None:
        super().check_inputs(inputs)
        check_period(self.factor**2, "factor")
        if inputs[0][1] % self.factor or inputs[0][2] % self.factor:
            raise LayerError(
                "shape",
                f"height and width of {show_shape(inputs[0])} are no multiples of {self.factor}",
            )

    def shapes(self, inputs: Shapes) -> Shapes:
        channels, height, width = inputs[0]
        return ((channels * self.factor**2, height // self.factor, width // self.factor),)

    def channels_read(self, channels: int) -> Window | None:
        """How an output channel reads the input's channels."""
        raise NotImplementedError(self.kind)

    def windows(self, inputs: Shapes) -> tuple[Window | None, ...] | None:
        spatial = sliding(self.factor, self.factor, 1, 0)
        return (self.channels_read(inputs[0][0]), spatial, spatial)


@kind("pixel_shuffle")
class PixelShuffle(ToSpace, frozen=True):
    """[C·r², H, W] → [C, r·H, r·W]: channel c·r² + r·y + x goes to row y, column x of a block."""

    upscale_factor: Factor

    example: ClassVar[str] = "pixel_shuffle: {upscale_factor: 3}"
    source: ClassVar[str] = "Shi et al., Real-time super-resolution (ESPCN), CVPR 2016"

    @property
    def factor(self) -> int:
        return self.upscale_factor

    def channels_read(self, channels: int) -> Window:
        return sliding(self.factor**2, self.factor**2, 1, 0)

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        (x,) = inputs
        n, _, height, width = x.shape
        blocks = x.reshape((n, -1, self.factor, self.factor, height, width))
        y = blocks.transpose((0, 1, 4, 2, 5, 3))
        return (y.reshape((n, -1, height * self.factor, width * self.factor)),)


@kind("pixel_unshuffle")
class PixelUnshuffle(ToDepth, frozen=True):
    """[C, r·H, r·W] → [C·r², H, W], the inverse of pixel_shuffle."""

    downscale_factor: Factor

    example: ClassVar[str] = "pixel_unshuffle: {downscale_factor: 2}"

    @property
    def factor(self) -> int:
        return self.downscale_factor

    def channels_read(self, channels: int) -> Window | None:
        return Window(self.factor**2, 1, ((0, 0),) * self.factor**2)

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        (x,) = inputs
        n, channels, height, width = x.shape
        r = self.factor
        blocks = x.reshape((n, channels, height // r, r, width // r, r))
        return (blocks.transpose((0, 1, 3, 5, 2, 4)).reshape((n, -1, height // r, width // r)),)


@kind("depth_to_space")
class DepthToSpace(ToSpace, frozen=True):
    """As pixel_shuffle, with the channels in TensorFlow's and ONNX's order: channel
    (r·y + x)·C + c goes to row y, column x of a block."""

    block_size: Factor

    example: ClassVar[str] = "depth_to_space: {block_size: 2}"
    source: ClassVar[str] = "ONNX operators, DepthToSpace, mode DCR"

    @property
    def factor(self) -> int:
        return self.block_size

    def channels_read(self, channels: int) -> Window:
        area = self.factor**2
        return sliding(area, 1, channels // area, 0)

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        (x,) = inputs
        n, _, height, width = x.shape
        blocks = x.reshape((n, self.factor, self.factor, -1, height, width))
        y = blocks.transpose((0, 3, 4, 1, 5, 2))
        return (y.reshape((n, -1, height * self.factor, width * self.factor)),)


@kind("space_to_depth")
class SpaceToDepth(ToDepth, frozen=True):
    """As pixel_unshuffle, with the channels in TensorFlow's and ONNX's order."""

    block_size: Factor

    example: ClassVar[str] = "space_to_depth: {block_size: 2}"
    source: ClassVar[str] = "ONNX operators, SpaceToDepth"

    @property
    def factor(self) -> int:
        return self.block_size

    def channels_read(self, channels: int) -> Window | None:
        if channels > MAX_PERIOD:
            return None
        return Window(channels, 0, tuple((c, c) for c in range(channels)))

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        (x,) = inputs
        n, channels, height, width = x.shape
        r = self.factor
        blocks = x.reshape((n, channels, height // r, r, width // r, r))
        return (blocks.transpose((0, 3, 5, 1, 2, 4)).reshape((n, -1, height // r, width // r)),)
