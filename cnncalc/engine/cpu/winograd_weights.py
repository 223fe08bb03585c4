"""The weights of Winograd's products, transformed and packed."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from .direct import cut
from .ir import LANES
from .memory import Memory
from .tiling import Scheme
from .winograd import transformed_weights


class Weights(NamedTuple):
    """Transformed weights [panel][place][input channel][output channel of the panel]: the first
    output block, number of panels, blocks in each, bytes from a panel and from a place to the
    next."""

    memory: Memory
    first: int
    number: int
    blocks: int
    address: int
    each: int
    place: int
    channels: int
    zeros: int

    def only(self, number: int) -> "Weights":
        """One of the panels."""
        return self._replace(
            first=self.first + number * self.blocks,
            number=1,
            address=self.address + number * self.each,
        )

    def entries(self, block: int) -> int:
        """The taps: one per input block, ``block`` bytes apart."""
        whole, left = divmod(self.channels, LANES)
        counts = [LANES] * whole + [left] * (left > 0)
        return self.memory.words([(n * block, count) for n, count in enumerate(counts)])


def pack(memory: Memory, weight: Any, scheme: Scheme) -> Iterator[Weights]:
    """The transformed weights of a convolution, in panels of two blocks and perhaps one of one."""
    xp, (outputs, channels) = memory.xp, weight.shape[:2]
    places = scheme.places
    zeros = memory.floats(xp.zeros(2 * LANES))
    for first, count, blocks_each in cut(-(-outputs // LANES), 2):
        wide = blocks_each * LANES
        address, packed = memory.room(count, places, channels, wide)
        for number, panel in enumerate(packed):
            start = first * LANES + number * wide
            mine = weight[start : start + wide]
            panel[..., len(mine) :] = 0
            panel[..., : len(mine)] = transformed_weights(xp, mine, scheme.alpha)
        yield Weights(
            memory,
            first,
            count,
            blocks_each,
            address,
            4 * places * channels * wide,
            4 * channels * wide,
            channels,
            zeros,
        )
