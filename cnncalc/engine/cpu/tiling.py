"""How Winograd cuts an output into tiles, and the tiles into blocks for one thread."""

from collections.abc import Iterator, Sequence
from math import prod
from typing import NamedTuple

from .blocked import Halo

#: Multiply-adds in the time that a byte takes from memory.
PRODUCTS_PER_BYTE = 3
#: Tiles that are multiplied in the time that reading the weights of a block costs.
READING = 4


class Scheme(NamedTuple):
    """F(m×n, r×r): tiles of m rows and n columns of the output."""

    m: int
    n: int
    r: int

    @property
    def alpha(self) -> tuple[int, int]:
        """Rows and columns of a tile of the input."""
        return self.m + self.r - 1, self.n + self.r - 1

    @property
    def places(self) -> int:
        """Products for each tile and pair of channels."""
        return prod(self.alpha)

    def tiles(self, output: tuple[int, int]) -> tuple[int, int]:
        """Tiles down and across."""
        return -(-output[0] // self.m), -(-output[1] // self.n)

    def halo(
        self, height: int, width: int, output: tuple[int, int], before: tuple[int, int]
    ) -> Halo:
        """The halo that whole tiles read."""
        down, across = self.tiles(output)
        return Halo(
            *before,
            max(0, down * self.m + self.r - 1 - before[0] - height),
            max(0, across * self.n + self.r - 1 - before[1] - width),
        )


class Block(NamedTuple):
    """Blocks of tiles that are computed alike: the first tile row and column, tile rows and
    columns in a block, and how many blocks follow each other down and across."""

    y: int
    x: int
    rows: int
    columns: int
    down: int
    across: int


def cheapest(schemes: Sequence[Scheme], output: tuple[int, int], pairs: int, images: int) -> Scheme:
    """The scheme that takes least time for ``pairs`` of input and output channels: larger tiles
    need fewer products, and more bytes of weights. What takes longer hides most of the other."""

    def time(scheme: Scheme) -> int:
        places = scheme.places * pairs
        products = places * prod(scheme.tiles(output)) * images
        moved = 4 * places * PRODUCTS_PER_BYTE
        return 10 * max(products, moved) + 3 * min(products, moved)

    return min(schemes, key=time)


def blocks(down: int, across: int, most: int, images: int, threads: int) -> Iterator[Block]:
    """Cut a grid of tiles into blocks of about ``most``: whole tile rows, so many that the threads
    are done at about the same time, or parts of one. The last tile row and column stand in blocks
    of their own kind, since they may be cut."""
    if across > most:
        pieces = -(-across // most)
        wide = -(-across // pieces)
        whole = (across - 1) // wide
        for y, rows in ((0, down - 1), (down - 1, 1)):
            if rows:
                yield Block(y, 0, 1, wide, rows, whole)
                yield Block(y, whole * wide, 1, across - whole * wide, rows, 1)
        return

    def slowest(rows: int) -> int:
        """What the thread with most to do has to do, counted in tiles."""
        whole = (down - 1) // rows
        sizes = [rows] * whole * images + [down - whole * rows] * images
        return max(shared_out([size * across + READING for size in sizes], threads))

    rows = min(range(1, min(down, most // across) + 1), key=slowest)
    whole = (down - 1) // rows
    if whole:
        yield Block(0, 0, rows, across, whole, 1)
    yield Block(whole * rows, 0, down - whole * rows, across, 1, 1)


def shared_out(sizes: Sequence[int], threads: int) -> list[int]:
    """What each thread does if whoever is idle takes the next."""
    loads = [0] * threads
    for size in sizes:
        loads[loads.index(min(loads))] += size
    return loads


def parts(
    first: int, count: int, repeats: int, size: int, m: int
) -> Iterator[tuple[int, int, int]]:
    """Tiles of a block along one axis by how much of them is stored: (first, number, pixels)."""
    last = first + count * repeats
    whole = count - (last * m > size)
    if whole:
        yield 0, whole, m
    if whole < count:
        yield whole, 1, size - (last - 1) * m
