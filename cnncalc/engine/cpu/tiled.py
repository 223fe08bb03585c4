"""Winograd convolution → tasks: transform tiles, multiply by panels of weights, transform back.

Two orders, the same three kinds of task:

* *fused*: a unit is a block of tiles. A thread transforms it with all its channels into memory
  of its own, and streams panel after panel of output channels straight into the output. The
  products never leave the core's cache, but every block reads all weights;
* *split*: where the weights are larger than the shared cache, and there are few tiles for each
  reading or they cannot be shared out evenly, all tiles are transformed first, and the panels are
  divided among the threads, so that each weight is read once.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from .blocked import Blocked
from .direct import padded
from .ir import LANES
from .kernel import PIXEL, MicroKernel
from .memory import OWN_BYTES, Memory
from .sweep import Epilogue, Machine, tiles
from .table import Dimension, Group, Task, float_word
from .tiling import Block, Scheme, blocks, parts, shared_out
from .winograd import InputTransform, OutputTransform
from .winograd_weights import Weights, pack

#: Bytes of transformed tiles and products of one block: they share a core's cache with weights.
OWN_CACHE = 640 << 10
#: Tiles that are worth a block: below, the weights are read too often.
FEWEST_TILES = 14
#: Bytes of transformed weights that stay in the shared cache.
SHARED_CACHE = 12 << 20
#: Tiles of a block, on the average, that are worth reading weights from memory.
WORTH_READING = 8
#: Tiles of which the products with a panel fit in a core's cache.
MANY_TILES = 200
ONCE = Dimension(1)


def cuts(
    places: int, channels: int, down: int, across: int, images: int, threads: int
) -> list[Block]:
    """The blocks of tiles of a convolution with so many blocks of input channels."""
    each = 4 * places * (channels + 2) * LANES
    return list(blocks(down, across, max(FEWEST_TILES, OWN_CACHE // each), images, threads))


def is_split(weights: int, cut: Sequence[Block], images: int, threads: int) -> bool:
    """Whether each weight should be read once, not for every block; ``weights``: their number."""
    if 4 * weights <= SHARED_CACHE:
        return False
    sizes = [b.rows * b.columns for b in cut for _ in range(b.down * b.across * images)]
    most = max(shared_out(sizes, threads))
    return sum(sizes) < WORTH_READING * len(sizes) or most * threads > 1.05 * sum(sizes)


class Winograd(NamedTuple):
    """One convolution: ``output`` is its size before a fused pooling, ``before`` its padding."""

    scheme: Scheme
    x: Blocked
    y: Blocked
    images: int
    output: tuple[int, int]
    before: tuple[int, int]
    epilogue: Epilogue
    pool: Literal[1, 2]
    machine: Machine

    def lower(self, memory: Memory, weight: Any, bias: Any) -> list[Group]:
        """``weight``: [C_out, C_in, r, r]."""
        panels = list(pack(memory, weight, self.scheme))
        biases = memory.floats(padded(memory.xp, bias, self.y))
        down, across = self.scheme.tiles(self.output)
        pairs = weight.size // self.scheme.r**2
        places, threads = self.scheme.places, self.machine.threads
        cut = cuts(places, self.x.blocks, down, across, self.images, threads)
        if is_split(places * pairs, cut, self.images, threads):
            return self.split(memory, panels, biases, Block(0, 0, down, across, 1, 1))
        return [self.fused(memory, panels, biases, block) for block in cut]

    def fused(self, memory: Memory, panels: list[Weights], biases: int, block: Block) -> Group:
        """One group: a unit runs input transform, products and output transform of a block."""
        count = block.rows * block.columns
        transformed, products = (memory.own(n, self.machine.threads) for n in (0, 1))
        y, rest, pool, (m, n, _) = self.y, self.epilogue.residual, self.pool, self.scheme
        units = (
            Dimension(self.images, self.x.image, out=y.image, residual=rest.image if rest else 0),
            Dimension(
                block.down,
                a=block.rows * m * self.x.row,
                out=block.rows * m // pool * y.row,
                residual=block.rows * m * rest.row if rest else 0,
            ),
            Dimension(
                block.across,
                a=block.columns * n * PIXEL,
                out=block.columns * n // pool * PIXEL,
                residual=block.columns * n * PIXEL if rest else 0,
            ),
        )
        entering = tuple(Dimension(d.size, a=d.a) for d in units)
        inside = tuple(Dimension(d.size) for d in units)
        leaving = tuple(Dimension(d.size, out=d.out, residual=d.residual) for d in units)
        own = OWN_BYTES, OWN_BYTES
        tasks = [self.enter(block, transformed, count, entering, OWN_BYTES)]
        for panel in panels:
            for at in range(panel.number):
                one = panel.only(at)
                tasks += self.multiply(one, transformed, products, count, count, inside, own)
                tasks += self.leave(block, one, products, count, biases, leaving, OWN_BYTES)
        return Group(tuple(tasks), barrier=False)

    def split(
        self, memory: Memory, panels: list[Weights], biases: int, block: Block
    ) -> list[Group]:
        """Some images at a time: all their tiles are transformed; then a unit is a panel."""
        count = block.rows * block.columns
        most = max(1, MANY_TILES // count)
        each = -(-self.images // -(-self.images // most))
        groups = []
        for first in range(0, self.images, each):
            some = self.only(first, min(each, self.images - first))
            groups += some.split_at_once(memory, panels, biases, block, count)
        return groups

    def split_at_once(
        self, memory: Memory, panels: list[Weights], biases: int, block: Block, count: int
    ) -> list[Group]:
        """`split` for so many images that their products fit in a core's cache."""
        total, line = count * self.images, block._replace(rows=1)
        m, x, y, rest = self.scheme.m, self.x, self.y, self.epilogue.residual
        transformed = memory.shared(self.scheme.places * x.blocks * total * LANES)
        products = memory.own(1, self.machine.threads)
        units = (
            Dimension(self.images, a=x.image, out=count * PIXEL),
            Dimension(x.blocks, a=x.block, out=total * PIXEL),
            Dimension(block.rows, a=m * x.row, out=block.columns * PIXEL),
        )
        enter = self.enter(line, transformed, total, units, 0, blocks=1)
        groups = [Group((enter,))]
        for panel in panels:
            reading = (Dimension(panel.number, b=panel.each),)
            writing = (
                Dimension(
                    panel.number,
                    bias=PIXEL * panel.blocks,
                    out=y.block * panel.blocks,
                    residual=rest.block * panel.blocks if rest else 0,
                ),
            )
            own = 0, OWN_BYTES
            tasks = self.multiply(panel, transformed, products, total, total, reading, own)
            image = Dimension(
                self.images,
                a=count * PIXEL,
                out=y.image,
                residual=rest.image if rest else 0,
            )
            tasks += self.leave(block, panel, products, total, biases, writing, OWN_BYTES, image)
            groups.append(Group(tuple(tasks), barrier=panel is panels[0]))
        return groups

    def only(self, first: int, images: int) -> "Winograd":
        """Some of the images."""
        rest = self.epilogue.residual
        return self._replace(
            x=self.x.image_at(first),
            y=self.y.image_at(first),
            images=images,
            epilogue=self.epilogue._replace(residual=rest and rest.image_at(first)),
        )

    def enter(
        self,
        block: Block,
        target: int,
        stride: int,
        units: tuple[Dimension, ...],
        a_thread: int,
        blocks: int | None = None,
    ) -> Task:
        """Transform tiles into [place][input block][tile][16], ``stride`` tiles apart."""
        x, (m, n, _) = self.x, self.scheme
        count = x.blocks if blocks is None else blocks
        job = {
            "a": x.at(block.y * m - self.before[0], block.x * n - self.before[1]),
            "out": target,
            "a_row": x.row,
            "out_block": x.blocks * stride * PIXEL,
            "tiles": block.columns,
            "a_tile": n * PIXEL,
            "out_tile": PIXEL,
        }
        loops = (
            Dimension(count, a=x.block, out=stride * PIXEL),
            Dimension(block.rows, a=m * x.row, out=block.columns * PIXEL),
        )
        return Task(InputTransform(self.scheme.alpha), job, units, loops, out_thread=a_thread)

    def multiply(
        self,
        panel: Weights,
        source: int,
        target: int,
        count: int,
        stride: int,
        units: tuple[Dimension, ...],
        own: tuple[int, int],
    ) -> list[Task]:
        """The products of ``count`` tiles and a panel: [place][block of the panel][tile][16]."""
        entries = panel.entries(stride * PIXEL)
        made = []
        for part, _, columns in tiles(1, count, self.machine.pixels(panel.blocks)):
            job = {
                "a": source + part.x * PIXEL,
                "b": panel.address,
                "bias": panel.zeros,
                "out": target + part.x * PIXEL,
                "entries": entries,
                "entry_count": self.x.blocks,
                "out_block": count * PIXEL,
                "tiles": part.width // columns,
                "a_tile": columns * PIXEL,
                "out_tile": columns * PIXEL,
            }
            place = Dimension(
                self.scheme.places,
                a=self.x.blocks * stride * PIXEL,
                b=panel.place,
                out=panel.blocks * count * PIXEL,
            )
            kernel = MicroKernel("multiply", 1, columns, panel.blocks, activation="none")
            made.append(Task(kernel, job, units, (place,), *own))
        return made

    def leave(
        self,
        block: Block,
        panel: Weights,
        source: int,
        count: int,
        biases: int,
        units: tuple[Dimension, ...],
        own: int,
        image: Dimension = ONCE,
    ) -> list[Task]:
        """Transform the products back; tiles at the lower and right edge are stored in part."""
        y, rest, pool, (m, n, _) = self.y, self.epilogue.residual, self.pool, self.scheme
        made = []
        for first, rows, height in parts(block.y, block.rows, block.down, self.output[0], m):
            for start, columns, width in parts(
                block.x, block.columns, block.across, self.output[1], n
            ):
                if height < pool or width < pool:
                    continue
                top, left = (block.y + first) * m, (block.x + start) * n
                job = {
                    "a": source + (first * block.columns + start) * PIXEL,
                    "bias": biases + PIXEL * panel.first,
                    "out": y.at(top // pool, left // pool, panel.first),
                    "a_row": panel.blocks * count * PIXEL,
                    "out_row": y.row,
                    "tiles": columns,
                    "a_tile": PIXEL,
                    "out_tile": n // pool * PIXEL,
                    "lo": float_word(self.epilogue.lo),
                    "hi": float_word(self.epilogue.hi),
                }
                if rest:
                    job |= {"residual": rest.at(top, left, panel.first)}
                    job |= {"residual_row": rest.row, "residual_tile": n * PIXEL}
                loops = (
                    image,
                    Dimension(
                        panel.blocks,
                        a=count * PIXEL,
                        bias=PIXEL,
                        out=y.block,
                        residual=rest.block if rest else 0,
                    ),
                    Dimension(
                        rows,
                        a=block.columns * PIXEL,
                        out=m // pool * y.row,
                        residual=m * rest.row if rest else 0,
                    ),
                )
                kernel = OutputTransform(
                    self.scheme.alpha, (m, n), height, width, self.epilogue.activation, pool
                )
                made.append(Task(kernel, job, units, loops, a_thread=own))
        return made
