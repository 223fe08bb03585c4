"""Normalisation by means and variances: of the batch, of an image, of groups of its values."""

from math import prod
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from .convolution import check_groups
from .errors import LayerError
from .layer import Layer, Saved, Shape, Shapes, kind, show_shape
from .options import Count, option
from .window import SAME_POSITION, Window, grouped

Epsilon = Annotated[
    Annotated[float, Meta(ge=0, description="a number, 0 or more")],
    option("added to the variance", symbol="ε"),
]
Affine = Annotated[bool, option("learn a factor and a summand (γ, β)")]
Track = Annotated[
    bool, option("keep running statistics (μ, σ²) and use them in inference, as buffers")
]


class Normalization(Layer, frozen=True):
    """(x − μ)/√(σ² + ε)·γ + β; the subclasses say over which values μ and σ² are taken."""

    @property
    def eps(self) -> float:
        raise NotImplementedError(self.kind)

    def affine_shape(self, inputs: Shapes) -> Shape | None:
        """The shape of γ and of β; None if there are none."""
        raise NotImplementedError(self.kind)

    def has_bias(self) -> bool:
        return True

    def weights(self, inputs: Shapes) -> dict[str, Shape]:
        shape = self.affine_shape(inputs)
        if shape is None:
            return {}
        return {"weight": shape, "bias": shape} if self.has_bias() else {"weight": shape}

    def operations_by(self, inputs: Shapes, statistics: int, known: bool = False) -> int:
        """Operations with so many means and variances; known ones need not be computed.

        Per value: −, ÷, and × and + if affine; per statistic + ε and √. To compute them from
        n values each: n − 1 additions and a division for μ, n squares, n − 1 additions and a
        division for σ².
        """
        values = prod(inputs[0])
        applied = values * (2 + len(self.weights(inputs))) + 2 * statistics
        return applied if known else applied + 3 * values

    def normalize(self, xp: Any, x: Any, axes: tuple[int, ...]) -> Any:
        """x with mean 0 and variance 1 over the axes."""
        count = prod(x.shape[axis] for axis in axes)
        centred = x - x.sum(axis=axes, keepdims=True) / count
        variance = (centred * centred).sum(axis=axes, keepdims=True) / count
        return centred / xp.sqrt(variance + self.eps)


def along(weights: Any, axis: int, rank: int) -> Any:
    """A vector of weights so that it broadcasts along one axis of an array."""
    return weights.reshape((-1,) + (1,) * (rank - 1 - axis))


def affine(y: Any, weights: dict[str, Any], axis: int) -> Any:
    """γ·y + β along an axis, as far as there are weights."""
    if "weight" in weights:
        y = y * along(weights["weight"], axis, y.ndim)
    return y + along(weights["bias"], axis, y.ndim) if "bias" in weights else y


class RunningStatistics(Normalization, frozen=True):
    """Statistics per channel, kept from training if ``track_running_stats``."""

    @property
    def affine(self) -> bool:
        raise NotImplementedError(self.kind)

    @property
    def track_running_stats(self) -> bool:
        raise NotImplementedError(self.kind)

    def affine_shape(self, inputs: Shapes) -> Shape | None:
        return (inputs[0][0],) if self.affine else None

    def buffers(self, inputs: Shapes) -> dict[str, Shape]:
        if not self.track_running_stats:
            return {}
        return {"running_mean": (inputs[0][0],), "running_var": (inputs[0][0],)}

    def operations(self, inputs: Shapes, outputs: Shapes) -> int:
        return self.operations_by(inputs, inputs[0][0], known=self.track_running_stats)

    def windows(self, inputs: Shapes) -> tuple[Window | None, ...] | None:
        spatial = SAME_POSITION if self.track_running_stats else None
        return (SAME_POSITION, *(spatial,) * (len(inputs[0]) - 1))

    def normalized(self, xp: Any, x: Any, weights: dict[str, Any], axes: tuple[int, ...]) -> Any:
        """The affine output; ``axes`` are those of the statistics if none are kept."""
        if not self.track_running_stats:
            return affine(self.normalize(xp, x, axes), weights, 1)
        mean = along(weights["running_mean"], 1, x.ndim)
        deviation = along(xp.sqrt(weights["running_var"] + self.eps), 1, x.ndim)
        return affine((x - mean) / deviation, weights, 1)


@kind("batch_norm1d", "batch_norm2d", "batch_norm3d")
class BatchNorm(RunningStatistics, frozen=True):
    """Normalises each channel by its mean and variance over the batch; in inference by those
    kept from training."""

    eps: Epsilon = 1e-5
    affine: Affine = True
    track_running_stats: Track = True

    example: ClassVar[str] = "batch_norm2d"
    source: ClassVar[str] = "Ioffe & Szegedy, Batch normalization, ICML 2015"

    def check_rank(self, shape: Shape) -> None:
        if self.spatial != 1 or len(shape) != 1:  # batch_norm1d takes plain features too
            super().check_rank(shape)

    def saved(self, inputs: Shapes, outputs: Shapes) -> Saved:
        return Saved(inputs=True, per_batch=((2 * inputs[0][0], 0),))  # the batch's μ and 1/σ

    def label(self) -> str:
        return "BN"

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        axes = (0, *range(2, inputs[0].ndim))
        return (self.normalized(xp, inputs[0], weights, axes),)


@kind("instance_norm1d", "instance_norm2d", "instance_norm3d")
class InstanceNorm(RunningStatistics, frozen=True):
    """Normalises each channel of each image by itself."""

    eps: Epsilon = 1e-5
    affine: Affine = False
    track_running_stats: Track = False

    example: ClassVar[str] = "instance_norm2d"
    source: ClassVar[str] = "Ulyanov et al., Instance normalization, 2016"

    def check_inputs(self, inputs: Shapes) -> None:
        super().check_inputs(inputs)
        if prod(inputs[0][1:]) == 1 and not self.track_running_stats:
            raise LayerError(
                "shape",
                f"{self.kind} of {show_shape(inputs[0])}: a channel of one value has no "
                "variance; allowed: two spatial positions or more",
            )

    def saved(self, inputs: Shapes, outputs: Shapes) -> Saved:
        # PyTorch does one batch norm over batch·channels channels: 1/σ and μ, and γ and the
        # running statistics repeated for each image
        vectors = 2 + (1 if self.affine else 0) + (2 if self.track_running_stats else 0)
        return Saved(inputs=True, extra=((vectors * inputs[0][0], 0),))

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        axes = tuple(range(2, inputs[0].ndim))
        return (self.normalized(xp, inputs[0], weights, axes),)


@kind("group_norm")
class GroupNorm(Normalization, frozen=True):
    """Normalises groups of channels of each image."""

    num_groups: Annotated[Count, option("number of groups of channels", symbol="G")]
    eps: Epsilon = 1e-5
    affine: Affine = True

    example: ClassVar[str] = "group_norm: {num_groups: 32}"
    source: ClassVar[str] = "Wu & He, Group normalization, ECCV 2018"

    def check_inputs(self, inputs: Shapes) -> None:
        super().check_inputs(inputs)
        check_groups(self.num_groups, "channels", inputs[0][0], "num_groups")

    def affine_shape(self, inputs: Shapes) -> Shape | None:
        return (inputs[0][0],) if self.affine else None

    def operations(self, inputs: Shapes, outputs: Shapes) -> int:
        return self.operations_by(inputs, self.num_groups)

    def windows(self, inputs: Shapes) -> tuple[Window | None, ...] | None:
        channels = grouped(inputs[0][0], inputs[0][0], self.num_groups)
        return (channels, *(None,) * (len(inputs[0]) - 1))

    def saved(self, inputs: Shapes, outputs: Shapes) -> Saved:
        return Saved(inputs=True, extra=((2 * self.num_groups, 0),))

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        (x,) = inputs
        groups = self.normalize(xp, x.reshape((len(x), self.num_groups, -1)), (2,))
        return (affine(groups.reshape(x.shape), weights, 1),)


@kind("layer_norm")
class LayerNorm(Normalization, frozen=True):
    """Normalises over the last axes of each image, by default the last one, as in
    transformers and after a permute."""

    axes: Annotated[Count, option("how many axes at the end are normalised together")] = 1
    eps: Epsilon = 1e-5
    elementwise_affine: Affine = True
    bias: Annotated[bool, option("learn the summand β too")] = True

    example: ClassVar[str] = "layer_norm"
    source: ClassVar[str] = "Ba, Kiros & Hinton, Layer normalization, 2016"

    def check_inputs(self, inputs: Shapes) -> None:
        super().check_inputs(inputs)
        if self.axes > len(inputs[0]):
            raise LayerError(
                "shape",
                f"axes is {self.axes}, but {show_shape(inputs[0])} has {len(inputs[0])} axes",
                option="axes",
            )

    def affine_shape(self, inputs: Shapes) -> Shape | None:
        return inputs[0][-self.axes :] if self.elementwise_affine else None

    def has_bias(self) -> bool:
        return self.bias

    def statistics(self, inputs: Shapes) -> int:
        """The number of means: one for each position of the axes in front."""
        return prod(inputs[0][: -self.axes])

    def operations(self, inputs: Shapes, outputs: Shapes) -> int:
        return self.operations_by(inputs, self.statistics(inputs))

    def windows(self, inputs: Shapes) -> tuple[Window | None, ...] | None:
        return (*(SAME_POSITION,) * (len(inputs[0]) - self.axes), *(None,) * self.axes)

    def saved(self, inputs: Shapes, outputs: Shapes) -> Saved:
        return Saved(inputs=True, extra=((2 * self.statistics(inputs), 0),))

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        (x,) = inputs
        y = self.normalize(xp, x, tuple(range(x.ndim - self.axes, x.ndim)))
        if "weight" in weights:
            y = y * weights["weight"]
        return (y + weights["bias"] if "bias" in weights else y,)


@kind("layer_norm2d")
class LayerNorm2d(Normalization, frozen=True):
    """Layer norm over the channels at each position of an image: ConvNeXt's, torchvision's."""

    eps: Epsilon = 1e-6
    elementwise_affine: Affine = True

    example: ClassVar[str] = "layer_norm2d"
    source: ClassVar[str] = "Liu et al., A ConvNet for the 2020s, CVPR 2022"

    def affine_shape(self, inputs: Shapes) -> Shape | None:
        return (inputs[0][0],) if self.elementwise_affine else None

    def operations(self, inputs: Shapes, outputs: Shapes) -> int:
        return self.operations_by(inputs, prod(inputs[0][1:]))

    def windows(self, inputs: Shapes) -> tuple[Window | None, ...] | None:
        return (None, *(SAME_POSITION,) * (len(inputs[0]) - 1))

    def saved(self, inputs: Shapes, outputs: Shapes) -> Saved:
        return Saved(inputs=True, extra=((2 * prod(inputs[0][1:]), 0),))

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        return (affine(self.normalize(xp, inputs[0], (1,)), weights, 1),)
