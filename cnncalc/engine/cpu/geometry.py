"""What the native kernels want to know of a layer: how it slides, its bins, its epilogue."""

from math import prod
from typing import NamedTuple

from ...graph import Node
from ...layers import Layer
from ...layers.activation import (
    ELU,
    GELU,
    Abs,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LeakyReLU,
    Mish,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
)
from ...layers.adaptive_pooling import AvgBins, Bins
from ...layers.convolution import Conv
from ...layers.pooling import AvgPool, MaxPool, Pool
from ..fused import body_of, epilogue_of
from .activations import Activation
from .direct import Bin, Sliding
from .ir import LANES
from .tiling import Scheme, cheapest

INFINITY = float("inf")
#: By kernel size, the usual one first. Larger tiles need fewer products for each output, but lie
#: outside more where a size does not divide, and have more weights. The error grows with either
#: side: F(6×6, 3×3) is above 1e-5.
SCHEMES: dict[int, tuple[Scheme, ...]] = {
    3: (Scheme(4, 4, 3), Scheme(4, 5, 3), Scheme(4, 6, 3)),
    5: (Scheme(2, 2, 5), Scheme(3, 3, 5), Scheme(3, 4, 5)),
}
#: Tiles for one image alone. Of several, blocks are whole rows of tiles, and at 28×28 two rows of
#: five tiles do not fill a stride of 14, as two rows of seven do.
ALONE = Scheme(4, 6, 3)
#: Outputs of this many rows and columns, or fewer, may be cut into tiles of 2×2: they have 1.8
#: times the weights, not 4 times.
SMALL = 8
#: Outputs of this many columns, or fewer, may be cut into other tiles than the usual ones. Of wider
#: ones too few fit in a core's cache for products in full strides.
NARROW = 32


class Active(NamedTuple):
    """An activation as kernels have it, with its constants (`activations.activate`)."""

    activation: Activation = "clamp"
    lo: float = -INFINITY
    hi: float = INFINITY


def active(layer: Layer) -> Active | None:
    """The activation of a layer; None if kernels do not have it."""
    match layer:
        case ReLU():
            return Active(lo=0.0)
        case ReLU6():
            return Active(lo=0.0, hi=6.0)
        case Hardtanh():
            return Active(lo=layer.min_val, hi=layer.max_val)
        case LeakyReLU() if 0 <= layer.negative_slope <= 1:
            return Active("leaky", lo=layer.negative_slope)
        case Sigmoid():
            return Active("sigmoid")
        case SiLU():
            return Active("silu")
        case Hardsigmoid():
            return Active("hardsigmoid")
        case Hardswish():
            return Active("hardswish")
        case Tanh():
            return Active("tanh")
        case ELU():
            return Active("elu", lo=layer.alpha)
        case GELU():
            return Active("gelu" if layer.approximate == "none" else "gelu_tanh")
        case Mish():
            return Active("mish")
        case Softplus():
            return Active("softplus", lo=layer.beta, hi=layer.threshold)
        case Abs():
            return Active("abs")
    return None


def sliding_of(node: Node) -> Sliding | None:
    """How the convolution of a node slides; None for anything else. Pooling cuts its windows at
    the edges instead, and wants no halo."""
    layer = body_of(node.layer)
    if not isinstance(layer, Conv) or layer.spatial != 2:
        return None
    pairs = [
        (layer.axis(option, 0), layer.axis(option, 1))
        for option in ("kernel_size", "stride", "dilation")
    ]
    top, left = (layer.sides(axis, node.input_shapes[0][axis + 1])[0] for axis in (0, 1))
    return Sliding(pairs[0], pairs[1], pairs[2], (top, left))


def is_depthwise(node: Node) -> bool:
    layer = body_of(node.layer)
    channels = node.input_shapes[0][0]
    return isinstance(layer, Conv) and layer.groups == channels == layer.out_channels


def schemes_of(node: Node) -> tuple[Scheme, ...]:
    """Winograd's schemes for a convolution; none where it cannot or should not be used.

    With few channels the transforms outweigh the products that are saved. Of small outputs, large
    tiles waste much at the edges, and their weights are read for few tiles. A pooling wants tiles
    of even sides.
    """
    sliding, layer = sliding_of(node), body_of(node.layer)
    if sliding is None or not isinstance(layer, Conv) or layer.groups > 1:
        return ()
    size = sliding.kernel[0]
    if sliding._replace(before=(0, 0)) != Sliding((size, size)) or size not in (3, 5):
        return ()
    pooled = fused_pool(node) is not None
    if min(node.input_shapes[0][0], layer.out_channels) < LANES and not pooled:
        return ()
    usual, *others = SCHEMES[size]
    output = convolved(node)
    able = [one for one in others if not pooled or one.m % 2 == one.n % 2 == 0]
    able = able if output[1] <= NARROW else []
    fewest = min((usual, *able), key=lambda one: one.places * prod(one.tiles(output)))
    others = [fewest] if fewest != usual else []
    small = size == 3 and max(output) <= SMALL and not pooled
    return (Scheme(2, 2, 3), usual, *others) if small else (usual, *others)


def scheme_of(node: Node, images: int) -> Scheme:
    """The scheme by which Winograd computes so many images at a time."""
    layer = body_of(node.layer)
    assert isinstance(layer, Conv)
    pairs = node.input_shapes[0][0] * layer.out_channels
    able = [one for one in schemes_of(node) if images == 1 or one != ALONE]
    return cheapest(able, convolved(node), pairs, images)


def convolved(node: Node) -> tuple[int, int]:
    """Rows and columns that the convolution of a node makes, before a pooling."""
    output = body_of(node.layer).shapes(node.input_shapes[:1])[0]
    return output[1], output[2]


def fused_pool(node: Node) -> MaxPool | None:
    """The pooling in the epilogue of a node."""
    return next((one for one in epilogue_of(node.layer) if isinstance(one, MaxPool)), None)


def is_plain_pool(layer: Layer) -> bool:
    """Whether a layer is the 2×2 max-pooling that a Winograd epilogue can do."""
    if not isinstance(layer, MaxPool) or layer.spatial != 2 or layer.ceil_mode:
        return False
    wanted = {"kernel_size": 2, "stride": 2, "dilation": 1, "padding": 0}
    return all(
        layer.axis(option, axis) == value for option, value in wanted.items() for axis in (0, 1)
    )


def bins_of(layer: Layer, node: Node) -> tuple[list[Bin], list[Bin]] | None:
    """The bins of a pooling on both axes; None if a bin is empty."""
    shape, output = node.input_shapes[0], layer.shapes(node.input_shapes[:1])[0]
    axes = []
    for axis in (0, 1):
        size, count = shape[axis + 1], output[axis + 1]
        if isinstance(layer, Bins):
            ends = [(o * size // count, -(-(o + 1) * size // count)) for o in range(count)]
            windows = [(start, end - start, end - start) for start, end in ends]
        elif isinstance(layer, Pool):
            windows = [window(layer, axis, size, o) for o in range(count)]
        else:
            return None
        if any(taps < 1 for _, taps, _ in windows):
            return None
        axes.append(merged(windows))
    if isinstance(layer, AvgPool) and layer.divisor_override is not None:
        share = layer.divisor_override
        axes = [
            [one._replace(divisor=share if axis == 0 else 1) for one in bins]
            for axis, bins in enumerate(axes)
        ]
    return axes[0], axes[1]


def window(layer: Pool, axis: int, size: int, position: int) -> tuple[int, int, int]:
    """What an output sees on one axis, cut at the edges: (first, number, divisor)."""
    kernel, dilation = layer.axis("kernel_size", axis), layer.axis("dilation", axis)
    before, after = layer.sides(axis, size)
    first = position * layer.axis("stride", axis) - before
    inside = [at for at in range(first, first + kernel * dilation, dilation) if 0 <= at < size]
    divisor = len(inside)
    if isinstance(layer, AvgPool) and layer.count_include_pad:
        divisor = min(first + kernel, size + after) - max(first, -before)
    return (inside[0] if inside else 0), len(inside), divisor


def merged(windows: list[tuple[int, int, int]]) -> list[Bin]:
    """Neighbouring windows of equal size and distance as one bin."""
    bins: list[Bin] = []
    for position, (start, taps, divisor) in enumerate(windows):
        if bins:
            last = bins[-1]
            step = start - (last.start + (last.outputs - 1) * last.stride)
            alike = (taps, divisor) == (last.taps, last.divisor)
            if alike and step > 0 and (last.outputs == 1 or step == last.stride):
                bins[-1] = last._replace(outputs=last.outputs + 1, stride=step)
                continue
        bins.append(Bin(position, 1, start, 1, taps, divisor))
    return bins


def is_mean(layer: Layer) -> bool:
    return isinstance(layer, AvgPool | AvgBins)
