"""One kernel swept over an image: which tiles, which threads, as groups of the step table."""

from collections.abc import Iterator
from typing import NamedTuple

from .activations import Activation
from .blocked import Blocked
from .ir import LANES
from .kernel import PIXEL, Kind, MicroKernel
from .table import Dimension, Group, Task, float_word

#: Multiply-adds of a unit: at most about 20 µs of one core, and not less than 2 µs.
UNIT_PRODUCTS, FEWEST_PRODUCTS = 1_000_000, 100_000
#: Units for each thread, at least, so that none waits long for the others at the end.
UNITS_EACH = 6
INFINITY = float("inf")
ONCE = Dimension(1)


class Machine(NamedTuple):
    """The registers that bound a tile: how many, and how many a vector of 16 floats takes."""

    registers: int = 32
    each: int = 1
    threads: int = 1

    def pixels(self, blocks: int) -> int:
        """The most pixels of a tile: accumulators, a vector of weights per block, one value."""
        return max(1, (self.registers - self.each * blocks - 1) // (self.each * blocks))

    def blocks(self) -> int:
        """Blocks of output channels in a tile of many pixels."""
        return 2 if self.each == 1 else 1

    def blocks_for(self, pixels: int) -> int:
        """The most blocks of a tile of few pixels: 1, 2, 4 or 8."""
        fitting = [n for n in (1, 2, 4, 8) if self.pixels(n) >= pixels]
        return max(fitting, default=1)


class Epilogue(NamedTuple):
    """What happens to an output before it is stored, after the bias."""

    activation: Activation = "none"
    lo: float = -INFINITY
    hi: float = INFINITY
    residual: Blocked | None = None


class Rectangle(NamedTuple):
    """Output pixels that are computed alike: their place, and, per axis, their number and the
    steps of the input between them."""

    y: int
    x: int
    height: int
    width: int


class Panels(NamedTuple):
    """Blocks of output channels that are computed alike, ``blocks`` at a time: packed weights,
    and taps of the first, and the bytes to those of the next. ``taps`` is their number,
    ``products`` that of multiply-adds per output. ``weights_image``: from the weights of an image
    to those of the next, where they are a tensor."""

    first: int
    number: int
    blocks: int
    weights: int
    weights_each: int
    entries: int
    entries_each: int
    taps: int
    products: int
    weights_image: int = 0


def tiles(height: int, width: int, most: int) -> Iterator[tuple[Rectangle, int, int]]:
    """Cover an image by tiles of at most ``most`` pixels: the rectangles of equal tiles, with the
    rows and columns of a tile. Rows are cut evenly; narrow images take several rows at once."""
    if width > most:
        pieces = -(-width // most)
        columns, wider = divmod(width, pieces)
        if wider:
            yield Rectangle(0, 0, height, wider * (columns + 1)), 1, columns + 1
        start = wider * (columns + 1)
        yield Rectangle(0, start, height, width - start), 1, columns
        return
    rows = min(most // width, height)
    whole = height - height % rows
    yield Rectangle(0, 0, whole, width), rows, width
    if whole < height:
        yield Rectangle(whole, 0, height - whole, width), height - whole, width


def sweep(
    kind: Kind,
    x: Blocked,
    y: Blocked,
    images: int,
    panels: Panels,
    where: Rectangle,
    origin: tuple[int, int],
    stride: tuple[int, int],
    bias: int,
    epilogue: Epilogue,
    machine: Machine,
) -> list[Group]:
    """Compute a rectangle of y. ``origin`` is the input pixel of tap distance 0 for the first
    output of the rectangle; ``bias`` the address of the bias of all channels."""
    groups = []
    rest = epilogue.residual
    for part, rows, columns in tiles(where.height, where.width, machine.pixels(panels.blocks)):
        kernel = MicroKernel(
            kind, rows, columns, panels.blocks, stride[1] * x.pixel, epilogue.activation
        )
        top, left = where.y + part.y, where.x + part.x
        across = part.width // columns
        job = {
            "a": x.at(origin[0] + part.y * stride[0], origin[1] + part.x * stride[1]),
            "b": panels.weights,
            "bias": bias + PIXEL * panels.first,
            "out": y.at(top, left, panels.first),
            "entries": panels.entries,
            "entry_count": panels.taps,
            "a_row": stride[0] * x.row,
            "out_row": y.row,
            "out_block": y.block,
            "tiles": across,
            "a_tile": columns * stride[1] * x.pixel,
            "out_tile": columns * PIXEL,
            "lo": float_word(epilogue.lo),
            "hi": float_word(epilogue.hi),
        }
        if rest:
            job |= {
                "residual": rest.at(top, left, panels.first),
                "residual_row": rest.row,
                "residual_block": rest.block,
                "residual_tile": columns * PIXEL,
            }
        apart = kind not in ("multiply", "distance")
        image = Dimension(
            images,
            a=x.image,
            b=panels.weights_image,
            out=y.image,
            residual=rest.image if rest else 0,
        )
        panel = Dimension(
            panels.number,
            a=x.block if apart else 0,
            b=panels.weights_each,
            bias=PIXEL * panels.blocks,
            out=y.block * panels.blocks,
            residual=rest.block * panels.blocks if rest else 0,
            entries=panels.entries_each,
        )
        lines = part.height // rows
        tile = rows * columns * panels.products * panels.blocks * LANES
        most = unit_products(tile * lines * across * panels.number * images, machine.threads)
        if lines > 1 or across == 1:
            step = (rows * stride[0] * x.row, rows * y.row, rows * rest.row if rest else 0)
            cuts = shares(lines, tile * across, most)
        else:
            wide = columns * PIXEL
            step = (columns * stride[1] * x.pixel, wide, wide if rest else 0)
            cuts = shares(across, tile, most)
        for first, chunks, each in cuts:
            down = Dimension(each, a=step[0], out=step[1], residual=step[2])
            chunk = Dimension(chunks, *(each * distance for distance in down[1:]))
            start = {
                "a": job["a"] + first * down.a,
                "out": job["out"] + first * down.out,
                "residual": job.get("residual", 0) + first * down.residual,
            }
            loops = (down,)
            if lines == 1 < across:
                loops, start["tiles"] = (ONCE,), each
            task = Task(kernel, job | start, units=(image, panel, chunk), loops=loops)
            groups.append(Group((task,), barrier=False))
    return groups


def unit_products(total: int, threads: int) -> int:
    """The multiply-adds of a unit of a step of ``total``."""
    return max(FEWEST_PRODUCTS, min(UNIT_PRODUCTS, total // (UNITS_EACH * threads)))


def shares(lines: int, products: int, most: int) -> Iterator[tuple[int, int, int]]:
    """Cut rows of tiles into units: (first row, number of units, rows in each)."""
    each = min(lines, max(1, most // max(1, products)))
    whole = lines // each
    yield 0, whole, each
    if lines % each:
        yield whole * each, 1, lines % each


def zero_halo(y: Blocked, images: int, zeros: int) -> list[Group]:
    """Store zeros around a tensor. Left and right: the right end of a row and the left end of
    the next stand together."""
    halo, wide = y.halo, y.row // y.pixel
    sides = halo.left + halo.right
    strips = [
        (y.at(-halo.top, -halo.left), 1, halo.top * wide + halo.left),
        (y.at(0, y.width), y.height - 1, sides),
        (y.at(y.height - 1, y.width), 1, halo.right + halo.bottom * wide),
    ]
    units = (Dimension(images, out=y.image), Dimension(y.blocks, out=y.block))
    tasks = tuple(
        Task(
            MicroKernel("fill", 1, 1),
            {"out": start, "bias": zeros, "tiles": pixels, "out_tile": PIXEL}
            | {"lo": float_word(0.0), "hi": float_word(0.0)},
            units=units,
            loops=(Dimension(count, out=y.row),),
        )
        for start, count, pixels in strips
        if count and pixels
    )
    return [Group(tasks, barrier=False)] if tasks else []
