"""Convolutions and linear layers on our own kernels."""

from math import prod
from typing import Any, cast

from ...layers.convolution import Conv
from ...layers.linear import Linear
from ...layers.sliding import Sliding
from ...layers.transposed_convolution import ConvTranspose
from ..plan import Step
from .arguments import (
    Epilogue,
    Image,
    Long,
    Number,
    Pointer,
    Structure,
    View,
    countable,
    defines,
    epilogue,
    finishes,
    neighbours,
    per_axis,
    residual,
    view,
)
from .bound import Bound, Call
from .nvrtc import Grid, Launcher, Source

#: Rows up to which reading the weights of a linear layer takes longer than multiplying by them.
FEW_ROWS = 16
#: Rows that one warp of the linear kernel makes.
WARP_ROWS = 8
#: Columns of the output that a thread of the depthwise kernel makes, by those of the kernel. As
#: many as registers allow.
COLUMNS = {3: 4, 5: 4, 7: 2}
#: Rows, columns, and rows and columns of a thread, of the tiles of a matrix product: for many
#: output channels in a group, and for up to `NARROW`.
WIDE_TILE, NARROW_TILE, NARROW = (128, 64, 8, 4), (256, 16, 4, 4), 16
#: Input channels that a thread of it reads at a time.
FOUR = 4


class Weight(Structure):
    _fields_ = (
        ("data", Pointer),
        *((name, Number) for name in ("output", "input", "depth", "row", "column")),
    )


class Convolution(Structure):
    _fields_ = (
        ("x", Image), ("y", Image), ("residual", Image), ("weight", Weight), ("bias", Pointer),
        ("group_weight", Long),
        *((name, Number) for name in ("images", "inputs", "outputs")),
        *((name, Number * 3) for name in ("size", "output", "kernel", "stride", "before",
                                          "dilation")),
        ("column_blocks", Number), ("epilogue", Epilogue),
    )  # fmt: skip


class Depthwise(Structure):
    _fields_ = (
        ("x", Image), ("y", Image), ("residual", Number * 4), ("weight", Pointer),
        ("bias", Pointer), ("channels", Number), ("multiplier", Number),
        *((name, Number * 2) for name in ("size", "output", "kernel", "stride", "before",
                                          "dilation")),
        ("column_blocks", Number), ("epilogue", Epilogue),
    )  # fmt: skip


class Rows(Structure):
    _fields_ = (
        *((name, Pointer) for name in ("x", "weight", "y", "bias")),
        *((name, Number) for name in (
            "rows", "inputs", "outputs", "x_row", "weight_row", "y_row", "y_column",
            "residual_row", "residual_column",
        )),
        ("epilogue", Epilogue),
    )  # fmt: skip


# -------------------------------------------------------------------------------------- depthwise


def can_depthwise(step: Step) -> bool:
    """Convolutions of one or two spatial axes in which each output channel reads one channel."""
    body = step.body
    if not isinstance(body, Conv) or body.connections is not None:
        return False
    alone = body.groups == step.inputs[0].shape[0]
    return alone and (body.spatial or 3) <= 2 and finishes(step.epilogue)


def depthwise(launch: Launcher, bound: Bound) -> Call:
    body, xp = cast(Conv, bound.step.body), bound.xp
    x, y, more = view(xp, bound.inputs[0]), view(xp, bound.outputs[0]), residual(bound)
    channels, taps = y.shape[1], prod(body.kernel())
    weight = xp.module.ascontiguousarray(bound.weights["weight"].reshape(channels, taps).T)
    multiplier = channels // body.groups
    views = [x, y, view(xp, weight), *([more] if more else [])]
    vector = neighbours(views, 1) if multiplier == 1 else 1
    x, y = x.filled(4), y.filled(4)
    geometry = windows(body, bound.step.inputs[0].shape, 2)
    kernel, stride = geometry["kernel"][1], geometry["stride"][1]
    known = kernel in COLUMNS and stride <= 2 and geometry["dilation"][1] == 1
    tile = COLUMNS[kernel] if known else 1
    columns = -(-y.shape[3] // tile)
    block = shared_out(channels // vector, columns, y.shape[2])
    column_blocks = -(-columns // block[1])
    arguments = Depthwise(
        x=Image.of(x), y=Image.of(y),
        residual=(Number * 4)(*more.filled(4).strides) if more else (Number * 4)(),
        weight=xp.pointer(weight), bias=bias(bound), channels=channels, multiplier=multiplier,
        **geometry, output=per_axis(y.shape[2:], 1, 2), column_blocks=column_blocks,
        epilogue=epilogue(bound.step.epilogue, more),
    )  # fmt: skip
    source = Source(
        "depthwise",
        defines(
            bound.xp, bound.step.epilogue, VEC=vector, TILE=tile,
            KERNEL=kernel if known else 0, STRIDE=stride if known else 1,
        ),
    )  # fmt: skip
    grid = (
        -(-channels // vector // block[0]) * column_blocks, -(-y.shape[2] // block[2]), y.shape[0]
    )  # fmt: skip
    return launch(bound, source, arguments, grid, block, keeps=(weight, bound.weights))


def shared_out(first: int, second: int, third: int, threads: int = 256) -> Grid:
    """A block of up to so many threads for a grid of three axes, the first ones first."""
    x = min(32, power_of_two(first))
    y = min(threads // x, power_of_two(second))
    return x, y, min(64, threads // x // y, power_of_two(third))


def power_of_two(number: int) -> int:
    """The smallest that is not less."""
    return 1 << max(0, number - 1).bit_length()


# ----------------------------------------------------------------------- convolution and linear


def can_product(step: Step) -> bool:
    """Every convolution, transposed convolution and linear layer."""
    body, rank = step.body, len(step.inputs[0].shape)
    fits = isinstance(body, Conv | ConvTranspose) or (isinstance(body, Linear) and rank <= 4)
    return fits and finishes(step.epilogue)


def product(launch: Launcher, bound: Bound) -> Call:
    """A matrix product: by the kernel for few rows where it is one, else by the tiled one."""
    body, xp = bound.step.body, bound.xp
    x, y, more = view(xp, bound.inputs[0]), view(xp, bound.outputs[0]), residual(bound)
    views = [x, y, *([more] if more else [])]
    if isinstance(body, Linear):  # the features are its channels, the axes before its positions
        views = [one.permuted(0, len(one.shape) - 1, *range(1, len(one.shape) - 1))
                 for one in views]  # fmt: skip
    x, y, *others = views
    weight = packed(bound)
    groups = getattr(body, "groups", 1)
    alone = prod(x.shape[2:]) == prod(y.shape[2:]) == prod(weight.shape[2:]) == groups == 1
    more = others[0] if others else None
    if alone and x.shape[0] <= FEW_ROWS and (x.strides[1] == 1 or x.shape[1] == 1):
        return few_rows(launch, bound, x, y, more, weight)
    return tiled(launch, bound, x, y, more, weight)


def packed(bound: Bound) -> Any:
    """The weights as [outputs, inputs of a group, *kernel], with the inputs as neighbours."""
    body, module = bound.step.body, bound.xp.module
    weight = bound.weights["weight"]
    if isinstance(body, Conv) and body.connections is not None:
        channels = bound.step.inputs[0].shape[0]
        dense = module.zeros((body.out_channels, channels, *body.kernel()), weight.dtype)
        outputs = [output for output, reads in enumerate(body.connections) for _ in reads]
        dense[outputs, [channel for reads in body.connections for channel in reads]] = weight
        weight = dense
    if isinstance(body, ConvTranspose):  # [inputs, outputs of a group, *kernel]
        weight = weight.reshape(body.groups, -1, *weight.shape[1:]).swapaxes(1, 2)
        weight = weight.reshape(-1, *weight.shape[2:])
    if weight.shape[1] > 1 and weight.strides[1] != weight.itemsize:
        weight = module.moveaxis(module.ascontiguousarray(module.moveaxis(weight, 1, -1)), -1, 1)
    return weight


def few_rows(
    launch: Launcher, bound: Bound, x: View, y: View, more: View | None, weight: Any
) -> Call:
    xp, rows = bound.xp, x.shape[0]
    weights = view(xp, weight)
    vector = neighbours([View(one.address, one.width, one.shape[:2], one.strides[:2])
                         for one in (x, weights)], 1)  # fmt: skip
    at_once = min(WARP_ROWS, power_of_two(rows))
    arguments = Rows(
        x=x.address, weight=weights.address, y=y.address, bias=bias(bound), rows=rows,
        inputs=x.shape[1], outputs=y.shape[1], x_row=x.strides[0], weight_row=weights.strides[0],
        y_row=y.strides[0], y_column=y.strides[1],
        residual_row=more.strides[0] if more else 0,
        residual_column=more.strides[1] if more else 0,
        epilogue=epilogue(bound.step.epilogue, more),
    )  # fmt: skip
    source = Source("linear", defines(bound.xp, bound.step.epilogue, VEC=vector, ROWS=at_once))
    grid = (-(-y.shape[1] // 8), -(-rows // at_once), 1)
    return launch(bound, source, arguments, grid, (32, 8, 1), keeps=(weight, bound.weights))


def tiled(launch: Launcher, bound: Bound, x: View, y: View, more: View | None, weight: Any) -> Call:
    body, xp = bound.step.body, bound.xp
    groups = getattr(body, "groups", 1)
    inputs, outputs = x.shape[1] // groups, y.shape[1] // groups
    weights = view(xp, weight)
    aligned = inputs % FOUR == 0 and x.aligned(FOUR, 1) and weights.aligned(FOUR, 1)
    rows, columns, own_rows, own_columns = NARROW_TILE if outputs <= NARROW else WIDE_TILE
    column_blocks = -(-outputs // columns)
    arguments = Convolution(
        x=Image.of(x), y=Image.of(y), residual=Image.of(more) if more else Image(),
        weight=Weight(weights.address, *weights.filled(5).strides), bias=bias(bound),
        group_weight=outputs * weights.strides[0], images=x.shape[0], inputs=inputs,
        outputs=outputs, **windows(body, x.shape[1:], 3),
        output=per_axis(y.shape[2:], 1), column_blocks=column_blocks,
        epilogue=epilogue(bound.step.epilogue, more),
    )  # fmt: skip
    source = Source(
        "convolution",
        defines(
            bound.xp, bound.step.epilogue, VEC=FOUR if aligned else 1, TILE_ROWS=rows,
            TILE_COLUMNS=columns, OWN_ROWS=own_rows, OWN_COLUMNS=own_columns,
            TRANSPOSED=int(isinstance(body, ConvTranspose)),
        ),
    )  # fmt: skip
    positions = countable(y.shape[0] * prod(y.shape[2:]))
    grid = (-(-positions // rows), groups * column_blocks, 1)
    return launch(bound, source, arguments, grid, (256, 1, 1), keeps=(weight, bound.weights))


def windows(body: Any, shape: tuple[int, ...], axes: int) -> dict[str, Any]:
    """How kernels slide over an input, as the arguments' fields; a linear layer's do not."""
    spatial = range(len(shape) - 1)
    sliding = isinstance(body, Sliding)
    options = {"kernel": "kernel_size", "stride": "stride", "dilation": "dilation"}
    fields = {
        name: per_axis((body.axis(option, i) if sliding else 1 for i in spatial), 1, axes)
        for name, option in options.items()
    }
    if isinstance(body, ConvTranspose):
        before = [body.axis("padding", i) for i in spatial]
    else:
        before = [body.sides(i, shape[i + 1])[0] if sliding else 0 for i in spatial]
    size = per_axis(shape[1:], 1, axes)
    return fields | {"before": per_axis(before, 0, axes), "size": size}


def bias(bound: Bound) -> int | None:
    """The address of the bias, float32 for each output channel; None if there is none."""
    array = bound.weights.get("bias")
    return None if array is None else bound.xp.pointer(array)
