"""Convolution, linear layers, pooling and pointwise layers → sweeps of one kernel each."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

from .blocked import Blocked, Halo
from .ir import LANES
from .kernel import Kind
from .memory import Memory
from .sweep import Epilogue, Machine, Panels, Rectangle, sweep
from .table import Group


class Sliding(NamedTuple):
    """How a kernel slides over rows and columns; ``before`` is the padding above and left."""

    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    before: tuple[int, int] = (0, 0)

    def halo(self, shape: Sequence[int], output: Sequence[int]) -> Halo:
        """The halo that an input [C, H, W] needs so that all taps are inside."""
        (top, left), after = self.before, []
        for axis in (0, 1):
            reach = (output[axis + 1] - 1) * self.stride[axis]
            reach += (self.kernel[axis] - 1) * self.dilation[axis] + 1
            after.append(max(0, reach - self.before[axis] - shape[axis + 1]))
        return Halo(top, left, after[0], after[1])

    def is_pointwise(self) -> bool:
        return self == Sliding()

    def taps(self, x: Blocked) -> list[int]:
        """The distance of each tap from the first, in bytes."""
        rows, columns = (
            [k * dilation for k in range(size)]
            for size, dilation in zip(self.kernel, self.dilation, strict=True)
        )
        return [r * x.row + c * x.pixel for r, c in product(rows, columns)]


def convolution(
    memory: Memory,
    machine: Machine,
    x: Blocked,
    y: Blocked,
    images: int,
    sliding: Sliding,
    weight: Any,
    bias: Any,
    groups: int,
    epilogue: Epilogue,
) -> list[Group]:
    """Any convolution. ``weight``: [C_out, C_in/groups, KH, KW]; ``bias``: [C_out] or None."""
    residual = epilogue.residual
    if sliding.is_pointwise() and all(t.halo == Halo() for t in (x, y, residual) if t):
        x, y = x.flat(), y.flat()
        epilogue = epilogue._replace(residual=residual and residual.flat())
    biases = memory.floats(padded(memory.xp, bias, y))
    kind: Kind
    if groups == x.channels == y.channels and x.lanes == LANES:
        kind, parts = "depthwise", depthwise_panels(memory, x, y, sliding, weight)
    else:
        few = y.width if y.height == 1 else machine.pixels(machine.blocks())
        most = max(machine.blocks(), machine.blocks_for(few))
        kind, parts = "multiply", list(dense_panels(memory, x, sliding, weight, groups, most))
    where = Rectangle(0, 0, y.height, y.width)
    origin = (-sliding.before[0], -sliding.before[1])
    made = []
    for panels in parts:
        made += sweep(
            kind, x, y, images, panels, where, origin, sliding.stride, biases, epilogue, machine
        )
    return made


def padded(xp: Any, vector: Any, y: Blocked) -> Any:
    """A vector over channels, with zeros up to whole blocks."""
    values = xp.zeros(y.blocks * LANES, dtype="float32")
    if vector is not None:
        values[: y.channels] = vector
    return values


def depthwise_panels(
    memory: Memory, x: Blocked, y: Blocked, sliding: Sliding, weight: Any
) -> list[Panels]:
    """One block of channels at a time: [block][tap][16]."""
    taps = sliding.taps(x)
    values = memory.xp.zeros((y.blocks * LANES, len(taps)), dtype="float32")
    values[: y.channels] = weight.reshape(y.channels, -1)
    packed = values.reshape(y.blocks, LANES, len(taps)).transpose(0, 2, 1)
    entries = memory.words([(tap, 1) for tap in taps])
    size = 4 * LANES * len(taps)
    return [Panels(0, y.blocks, 1, memory.floats(packed), size, entries, 0, len(taps), len(taps))]


def dense_panels(
    memory: Memory,
    x: Blocked,
    sliding: Sliding,
    weight: Any,
    groups: int,
    most: int,
) -> Iterator[Panels]:
    """Panels of at most ``most`` blocks: [panel][input block][tap][input][output channel].

    With groups, a panel reads the input blocks in which its channels' groups lie; where groups
    are no whole blocks, the products between groups are there with weight 0.
    """
    xp, outputs, taps = memory.xp, len(weight), sliding.taps(x)
    kernels = weight.reshape(outputs, -1, len(taps))
    for first, count, blocks in cut(-(-outputs // LANES), most):
        wide = blocks * LANES
        low = first * LANES
        reads = [
            spans(start, wide, x, outputs, groups) for start in range(low, low + count * wide, wide)
        ]
        span = max(high - lo for lo, high in reads)
        starts = [min(lo, x.blocks * x.lanes - span) if groups > 1 else 0 for lo, _ in reads]
        weights, packed = memory.room(count, span * len(taps), wide)
        mine = kernels[low : low + count * wide]
        if groups == 1:
            if len(mine) < count * wide:
                mine = xp.concatenate(
                    [mine, xp.zeros((count * wide - len(mine), *mine.shape[1:]), mine.dtype)]
                )
            dense = mine.reshape(count, wide, span, len(taps)).transpose(0, 2, 3, 1)
        else:
            dense = xp.zeros((count, span, len(taps), wide), dtype="float32")
            each, inputs = outputs // groups, kernels.shape[1]
            for o in range(low, low + len(mine)):
                panel, column = divmod(o - low, wide)
                at = o // each * inputs - starts[panel]
                dense[panel, at : at + inputs, :, column] = kernels[o]
        for one, target in zip(dense, packed, strict=True):
            by_blocks(one, x.lanes, target)
        entries = [
            ((start // x.lanes + block) * x.block + tap, min(x.lanes, span - block * x.lanes))
            for start in (starts if groups > 1 else starts[:1])
            for block in range(-(-span // x.lanes))
            for tap in taps
        ]
        steps = len(taps) * -(-span // x.lanes)
        yield Panels(
            first=first,
            number=count,
            blocks=blocks,
            weights=weights,
            weights_each=4 * span * len(taps) * wide,
            entries=memory.words(entries),
            entries_each=16 * steps if groups > 1 else 0,
            taps=steps,
            products=span * len(taps),
        )


def spans(start: int, wide: int, x: Blocked, outputs: int, groups: int) -> tuple[int, int]:
    """The input channels that output channels start … start + wide − 1 read: whole blocks, but
    all channels where there are no groups."""
    if groups == 1:
        return 0, x.channels
    each, inputs = outputs // groups, x.channels // groups
    last = min(start + wide, outputs) - 1
    low, high = start // each * inputs, (last // each + 1) * inputs
    return low // x.lanes * x.lanes, -(-high // x.lanes) * x.lanes


def by_blocks(dense: Any, lanes: int, packed: Any) -> None:
    """[input, tap, output] → [(input block, tap, input in the block), output]."""
    span, taps, outputs = dense.shape
    whole = span - span % lanes
    for low, high, width in ((0, whole, lanes), (whole, span, span % lanes)):
        if low < high:
            part = dense[low:high].reshape(-1, width, taps, outputs)
            target = packed[low * taps : high * taps].reshape(-1, taps, width, outputs)
            target[...] = part.transpose(0, 2, 1, 3)


def cut(blocks: int, most: int) -> Iterator[tuple[int, int, int]]:
    """Cut output blocks into panels: (first block, number of panels, blocks in each)."""
    first = 0
    while first < blocks:
        if whole := (blocks - first) // most:
            yield first, whole, most
            first += whole * most
        most //= 2


def linear(
    memory: Memory,
    machine: Machine,
    x: Blocked,
    y: Blocked,
    images: int,
    weight: Any,
    bias: Any,
    epilogue: Epilogue,
    kind: Kind = "multiply",
) -> list[Group]:
    """A fully connected layer on all values of each image: a convolution as large as the image,
    over the images as rows. ``weight``: [out, C·H·W] in the order of [C, H, W]; y has one pixel.
    With the kind ``distance``, squared distances to the rows of ``weight``.
    """
    residual = epilogue.residual
    epilogue = epilogue._replace(residual=residual and residual.listed(images))
    kernels = weight.reshape(len(weight), x.channels, x.height, x.width)
    most = machine.blocks_for(min(images, machine.pixels(machine.blocks())))
    panels = dense_panels(memory, x, Sliding((x.height, x.width)), kernels, 1, most)
    rows, y = x.listed(images), y.listed(images)
    biases = memory.floats(padded(memory.xp, bias, y))
    where = Rectangle(0, 0, images, 1)
    made = []
    for one in panels:
        made += sweep(kind, rows, y, 1, one, where, (0, 0), (1, 1), biases, epilogue, machine)
    return made


class Bin(NamedTuple):
    """Outputs of one axis that see equally many inputs: the first output, how many, the first
    input of the first, its distance to that of the next, the number seen, and the divisor."""

    first: int
    outputs: int
    start: int
    stride: int
    taps: int
    divisor: int


def pooling(
    memory: Memory,
    machine: Machine,
    x: Blocked,
    y: Blocked,
    images: int,
    bins: tuple[Sequence[Bin], Sequence[Bin]],
    dilation: tuple[int, int],
    mean: bool,
    epilogue: Epilogue,
) -> list[Group]:
    """Pooling by its bins on both axes. Padding is not read: bins are cut at the edges."""
    xp, made = memory.xp, []
    biases = memory.floats(xp.full(y.blocks * LANES, 0.0 if mean else float("-inf")))
    for down, across in product(*bins):
        sliding = Sliding((down.taps, across.taps), dilation=dilation)
        taps = sliding.taps(x)
        weight = xp.full((len(taps), LANES), 1 / (down.divisor * across.divisor))
        panels = Panels(
            first=0,
            number=y.blocks,
            blocks=1,
            weights=memory.floats(weight),
            weights_each=0,
            entries=memory.words([(tap, 1) for tap in taps]),
            entries_each=0,
            taps=len(taps),
            products=len(taps),
        )
        where = Rectangle(down.first, across.first, down.outputs, across.outputs)
        origin, stride = (down.start, across.start), (down.stride, across.stride)
        kind: Kind = "depthwise" if mean else "max"
        made += sweep(kind, x, y, images, panels, where, origin, stride, biases, epilogue, machine)
    return made


def scaling(
    memory: Memory,
    machine: Machine,
    x: Blocked,
    y: Blocked,
    images: int,
    scale: Any,
    bias: Any,
    epilogue: Epilogue,
) -> list[Group]:
    """scale·x + bias per channel, with an epilogue: what acts on single values."""
    weight = memory.xp.ones(x.channels) if scale is None else scale
    weight = weight.reshape(-1, 1, 1, 1)
    return convolution(memory, machine, x, y, images, Sliding(), weight, bias, x.channels, epilogue)


def gating(
    memory: Memory,
    machine: Machine,
    x: Blocked,
    gate: Blocked,
    y: Blocked,
    images: int,
    epilogue: Epilogue,
) -> list[Group]:
    """x times one value per channel that the network computed: the weights are a tensor."""
    panels = Panels(
        first=0,
        number=y.blocks,
        blocks=1,
        weights=gate.address,
        weights_each=gate.block,
        entries=memory.words([(0, 1)]),
        entries_each=0,
        taps=1,
        products=1,
        weights_image=gate.image,
    )
    biases = memory.floats(padded(memory.xp, None, y))
    where = Rectangle(0, 0, y.height, y.width)
    return sweep(
        "depthwise", x, y, images, panels, where, (0, 0), (1, 1), biases, epilogue, machine
    )
