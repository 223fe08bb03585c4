"""The step table: what the interpreter walks, as rows of 64-bit words.

A `Task` runs one micro-kernel over a grid: a job record and, for each dimension of the grid, how
far the job's pointers move. The first dimensions, `UNIT` of them, are divided among the threads;
the others are loops of one thread. Tasks in a `Group` share the former: a unit of the group runs
its tasks one after the other, on memory of its own where a task says so (Winograd transforms a
block of tiles, multiplies it by all weights and transforms back, all in one core's cache).

Nothing here knows a model or a layer: convolution, pooling, Winograd and the zeros around a
tensor are all such rows.
"""

import struct
from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

from .compile import Compilable
from .ir import JOB

#: Dimensions of a task that are divided among threads, and those that are loops.
UNIT, INNER = 3, 4
#: The pointers of a job that a dimension moves.
MOVED = ("a", "b", "bias", "out", "residual", "entries")
#: Words of a row before the job: kernel, first unit, units that must be done before, tasks in the
#: group, units of the group, and what `a` and `out` move from one thread to the next.
HEADER = ("kernel", "first", "after", "tasks", "units", "a_thread", "out_thread")
JOB_AT = len(HEADER)
DIMENSIONS_AT = JOB_AT + len(JOB)
DIMENSION_WORDS = 1 + len(MOVED)
ROW_WORDS = DIMENSIONS_AT + (UNIT + INNER) * DIMENSION_WORDS


class Dimension(NamedTuple):
    """One axis of a grid: its size, and the bytes that each pointer moves per position."""

    size: int
    a: int = 0
    b: int = 0
    bias: int = 0
    out: int = 0
    residual: int = 0
    entries: int = 0


class Task(NamedTuple):
    """A kernel over a grid. ``job`` holds the fields of `ir.JOB` that are not 0."""

    kernel: Compilable
    job: dict[str, int]
    units: tuple[Dimension, ...] = ()
    loops: tuple[Dimension, ...] = ()
    a_thread: int = 0
    out_thread: int = 0


class Group(NamedTuple):
    """Tasks that run one after the other in each unit. ``barrier``: all earlier groups must be
    done before."""

    tasks: tuple[Task, ...]
    barrier: bool = True

    @property
    def units(self) -> int:
        return prod(d.size for d in self.tasks[0].units)


def float_word(value: float) -> int:
    """A float32 in the low half of a word."""
    (word,) = struct.unpack("<q", struct.pack("<fi", value, 0))
    return int(word)


def table(xp: Any, groups: Sequence[Group], addresses: dict[Compilable, int]) -> tuple[Any, int]:
    """The rows as an int64 array, and the number of units in all."""
    rows, done, after = [], 0, 0
    for group in groups:
        after = done if group.barrier else after
        for task in group.tasks:
            header = {
                "kernel": addresses[task.kernel],
                "first": done,
                "after": after,
                "tasks": len(group.tasks),
                "units": group.units,
                "a_thread": task.a_thread,
                "out_thread": task.out_thread,
            }
            assert prod(d.size for d in task.units) == group.units, "tasks of a group share units"
            row = [header[name] for name in HEADER]
            row += [task.job.get(name, 0) for name in JOB]
            row += words(task.units, UNIT) + words(task.loops, INNER)
            rows.append(row)
        done += group.units
    return xp.array(rows, dtype="int64").reshape(len(rows), ROW_WORDS), done


def words(dimensions: Sequence[Dimension], places: int) -> list[int]:
    """Dimensions as words, filled up in front with dimensions of one position."""
    assert len(dimensions) <= places, f"{len(dimensions)} dimensions, room for {places}"
    filled = [Dimension(1)] * (places - len(dimensions)) + list(dimensions)
    return [word for dimension in filled for word in dimension]
