"""Which steps must wait: those that read what is being written, or overwrite what is in use.

Steps that stand side by side in a network, such as the branches of an Inception module, need not
wait for each other: while one thread ends the first, the other begins the next.
"""

from collections.abc import Iterable
from typing import NamedTuple


class Stretch(NamedTuple):
    """A part of the arena: a slot, from ``start`` to ``end`` in floats, and what of each image in
    it is meant, ``low`` to ``high`` in bytes."""

    start: int
    end: int
    low: int
    high: int

    def meets(self, other: "Stretch") -> bool:
        if (self.start, self.end) == (other.start, other.end):
            return self.low < other.high and other.low < self.high
        return self.start < other.end and other.start < self.end


class Hazards:
    """What has been read and written since all threads last waited for each other."""

    def __init__(self) -> None:
        self.read: list[Stretch] = []
        self.written: list[Stretch] = []

    def must_wait(self, reads: Iterable[Stretch], writes: Iterable[Stretch]) -> bool:
        """Whether a step must wait for all before it; then it is the first of a new list."""
        reads, writes = list(reads), list(writes)
        met = any(one.meets(other) for one in reads for other in self.written) or any(
            one.meets(other) for one in writes for other in (*self.written, *self.read)
        )
        if met:
            self.read, self.written = [], []
        self.read += reads
        self.written += writes
        return met
