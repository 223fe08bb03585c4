"""What the native backend keeps of a plan beside its arena, in floats, without making it.

The formulas follow `direct`, `tiled` and `program`; a test holds them to what these allocate.
"""

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import NamedTuple

from ...layers.convolution import Conv
from ..fits import Footprint
from ..plan import Plan, Step, choose
from .blocked import Blocked, blocked
from .direct import cut, spans
from .forms import Forms
from .geometry import bins_of, fused_pool, is_depthwise, scheme_of
from .ir import LANES
from .numpy_kernels import KERNELS as NUMPY_KERNELS
from .sweep import Machine
from .tiled import MANY_TILES, cuts, is_split

#: Bytes of Numba's compiler, once it is there, of machine code, step tables and threads.
FIXED = 54 << 20
#: Blocks of output channels in a panel of Winograd's products.
PANEL = 2


class Tiles(NamedTuple):
    """Tiles of a convolution by Winograd that are transformed at a time: floats of each place of
    a tile in all input channels, places, tiles, and whether all threads share them."""

    channels: int
    places: int
    number: int
    shared: bool


def footprint(plan: Plan, forms: Forms, machine: Machine, images: int) -> Footprint:
    """What each step keeps, and what the threads touch beside it, for ``images`` at a time."""
    packed, shared, own, other = [], set[int](), [0, 0], 0
    for step, kernel in zip(plan.steps, plan.kernels, strict=True):
        if kernel.name == "winograd":
            packed.append(winograd_weights(step, images))
            for tiles in transformed(step, images, machine.threads):
                size = tiles.places * tiles.channels * tiles.number
                products = tiles.places * PANEL * LANES * tiles.number
                own = [max(own[0], 0 if tiles.shared else size), max(own[1], products)]
                shared |= {size} if tiles.shared else set()
        elif kernel.name == "direct":
            packed.append(direct_weights(step, forms, machine))
        elif kernel.name == "linear":
            packed.append(prod(shape_read(step)) * whole(step.outputs[0].shape[0]))
        elif kernel.name == "numpy":
            packed.append(step.weights)
            other += by_numpy(step, images)
        elif kernel.name == "pool":
            packed.append(pooling_weights(step))
        elif kernel.name == "softmax":
            packed.append(whole(shape_read(step)[0]))
        else:
            packed.append(step.weights)
    scratch = sum(shared) + machine.threads * sum(own) + other
    return Footprint(images, tuple(packed), True, scratch, FIXED)


def whole(channels: int) -> int:
    """Channels filled up to whole blocks."""
    return -(-channels // LANES) * LANES


def shape_read(step: Step) -> tuple[int, ...]:
    return step.node.input_shapes[0]


def winograd_weights(step: Step, images: int) -> int:
    """All places of a tile for each pair of channels."""
    pairs = shape_read(step)[0] * whole(step.outputs[0].shape[0])
    return scheme_of(step.node, images).places * pairs


def transformed(step: Step, images: int, threads: int) -> Iterator[Tiles]:
    """The largest tiles that a convolution by Winograd transforms at a time."""
    scheme, body = scheme_of(step.node, images), step.body
    places, shape = scheme.places, shape_read(step)
    channels, output = whole(shape[0]), body.shapes(step.node.input_shapes[:1])[0]
    down, across = scheme.tiles((output[1], output[2]))
    cut = cuts(places, channels // LANES, down, across, images, threads)
    if is_split(places * shape[0] * output[0], cut, images, threads):
        count = down * across
        most = max(1, MANY_TILES // count)
        each = -(-images // -(-images // most))
        for number in {min(each, images), images % each} - {0}:
            yield Tiles(channels, places, count * number, True)
        return
    yield Tiles(channels, places, max(block.rows * block.columns for block in cut), False)


def direct_weights(step: Step, forms: Forms, machine: Machine) -> int:
    """Every tap for each pair of channels; where there are groups, of a panel and what it reads."""
    body, outputs = step.body, step.outputs[0].shape[0]
    assert isinstance(body, Conv)
    taps, shape = prod(body.kernel()), shape_read(step)
    lanes = forms.lanes(step.node.inputs[0])
    if is_depthwise(step.node) and lanes == LANES:
        return taps * whole(outputs)
    if body.groups == 1:
        return taps * shape[0] * whole(outputs)
    x = blocked(0, (shape[0], shape[1], shape[2]), forms.halo(step.node.inputs[0]), lanes=lanes)
    return sum(
        count * wide * taps * widest(first, count, wide, x, outputs, body.groups)
        for first, count, wide in panels(step, machine)
    )


def pooling_weights(step: Step) -> int:
    """For each window of its own: a vector for each tap, and the tap itself, two words."""
    bins = bins_of(step.body, step.node)
    assert bins is not None
    return sum(down.taps * across.taps * (LANES + 4) for down, across in product(*bins))


def panels(step: Step, machine: Machine) -> Iterator[tuple[int, int, int]]:
    """The panels of output channels: the first channel, how many panels, channels in each."""
    output = step.outputs[0].shape
    few = output[2] if output[1] == 1 else machine.pixels(machine.blocks())
    most = max(machine.blocks(), machine.blocks_for(few))
    for first, count, wide in cut(-(-output[0] // LANES), most):
        yield first * LANES, count, wide * LANES


def widest(first: int, count: int, wide: int, x: Blocked, outputs: int, groups: int) -> int:
    """The most input channels that one of several panels reads."""
    reads = (spans(at, wide, x, outputs, groups) for at in range(first, first + count * wide, wide))
    return max(high - low for low, high in reads)


def by_numpy(step: Step, batch: int) -> int:
    """The arrays of a step that NumPy runs, beside the arena, and its scratch."""
    node = step.node
    alone = step._replace(in_place=False, placed=(False,) * len(node.inputs))
    able = NUMPY_KERNELS[-1:] if fused_pool(node) else NUMPY_KERNELS
    images = sum(map(prod, (*node.input_shapes, *node.output_shapes)))
    return batch * images + choose(alone, able, "auto").scratch(alone, batch)
