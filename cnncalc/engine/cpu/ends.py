"""How images come into the layout of the first steps, and results out of that of the last."""

from typing import Any

from .blocked import Blocked, Halo, view
from .ir import LANES
from .kernel import PIXEL, MicroKernel
from .memory import Memory
from .sweep import Epilogue, Machine, Panels, Rectangle, sweep
from .table import Dimension, Group, Task


def enters_as_vectors(tensor: Blocked) -> bool:
    """Whether images can be copied by vectors along their rows: into planes, not into blocks."""
    return tensor.lanes == 1 and tensor.width >= LANES


def enter(
    memory: Memory, machine: Machine, source: int, tensor: Blocked, images: int
) -> list[Group]:
    """Copy images [N, C, H, W], which stand at the address ``source``, into planes with zeros
    around. A row is so many vectors, and one more that ends where the row ends."""
    row = 4 * tensor.width
    given = tensor._replace(
        address=source, row=row, block=row * tensor.height,
        image=row * tensor.height * tensor.channels, halo=Halo(),
    )  # fmt: skip
    ones = Panels(
        first=0,
        number=tensor.channels,
        blocks=1,
        weights=memory.floats(memory.xp.ones(LANES)),
        weights_each=0,
        entries=memory.words([(0, 1)]),
        entries_each=0,
        taps=1,
        products=1,
    )
    biases = memory.floats(memory.xp.zeros(LANES * tensor.channels))
    groups = zero_planes(memory, tensor, images)
    parts = [(0, tensor.width // LANES)] + [(tensor.width - LANES, 1)] * bool(tensor.width % LANES)
    for first, width in parts:
        x, y = (as_vectors(one, first, width) for one in (given, tensor))
        where = Rectangle(0, 0, tensor.height, width)
        groups += sweep(
            "depthwise", x, y, images, ones, where, (0, 0), (1, 1), biases, Epilogue(), machine
        )
    first_copy = len(groups) - sum(not group.barrier for group in groups)
    groups[first_copy] = groups[first_copy]._replace(barrier=True)
    return groups


def as_vectors(planes: Blocked, first: int, width: int) -> Blocked:
    """Planes from a column on, 16 columns taken for the channels of one pixel."""
    return planes._replace(
        address=planes.at(0, first), channels=LANES * planes.channels, width=width, lanes=LANES
    )


def zero_planes(memory: Memory, tensor: Blocked, images: int) -> list[Group]:
    """Store zeros in planes whose halo must be zero."""
    if tensor.halo == Halo():
        return []
    start = tensor.at(-tensor.halo.top, -tensor.halo.left)
    zeros = memory.floats(memory.xp.zeros(LANES))
    units = (Dimension(images, out=tensor.image), Dimension(tensor.channels, out=tensor.block))
    whole = tensor.block // PIXEL
    pieces = [(start, whole)] + [(start + tensor.block - PIXEL, 1)] * bool(tensor.block % PIXEL)
    tasks = tuple(
        Task(
            MicroKernel("fill", 1, 1, activation="none"),
            {"out": place, "bias": zeros, "tiles": tiles, "out_tile": PIXEL},
            units=units,
        )
        for place, tiles in pieces
    )
    return [Group(tasks)]


def leave(xp: Any, arena: Any, tensor: Blocked, images: int, result: Any) -> list[tuple[Any, Any]]:
    """Windows on ``result``, [N, *shape], and those on the tensor in the arena that belong there:
    whole blocks of channels, and what the last block holds."""
    blocks = view(xp, arena, tensor, images).transpose(0, 1, 4, 2, 3)
    image = result.reshape(images, tensor.channels, tensor.height, tensor.width)
    whole, left = divmod(tensor.channels, tensor.lanes)
    split = image[:, : whole * tensor.lanes].reshape(images, whole, *blocks.shape[2:])
    windows = [(split, blocks[:, :whole])]
    if left:
        windows.append((image[:, -left:], blocks[:, whole, :left]))
    return windows
