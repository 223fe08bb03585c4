"""How fast this processor can be at all: generated loops that only multiply and add, or only read.

The first keeps as many independent sums as there are registers, so that every fused multiply-add
finds its operands there; the second adds up memory, which is the fastest that anything can be
done with it: writing costs more, since a cache line that is written is read first.
"""

from typing import Literal, NamedTuple

import numpy as np

from ..measure import least
from .compile import KernelFailed, host, loader
from .ir import LANES, VECTOR, Writer, constant
from .table import Dimension, Group, Task, table
from .threads import Crew

#: Bytes of a vector.
BYTES = 4 * LANES
#: Rounds of the loop of multiply-adds in a unit (about half a millisecond), and units per thread.
ROUNDS, UNITS = 65_536, 4
#: Bytes that a unit reads.
PIECE = 1 << 20
#: Sums are enough to read as fast as memory gives.
READING = 4


class Ceiling(NamedTuple):
    """A loop over ``vectors`` independent sums: ``multiply`` adds the square of the one vector at
    ``a`` to each, ``read`` the vectors that follow each other from ``a`` on."""

    kind: Literal["multiply", "read"]
    vectors: int

    def ir(self) -> str:
        w = Writer()
        a = w.variable("ptr", w.pointer("a"))
        factor = w.load(w.get("ptr", a)) if self.kind == "multiply" else ""
        sums = [w.variable(VECTOR, constant(0.0)) for _ in range(self.vectors)]
        with w.repeat(w.job("tiles")):
            here = w.get("ptr", a)
            for number, place in enumerate(sums):
                before = w.get(VECTOR, place)
                if factor:
                    after = w.fma(factor, factor, before)
                else:
                    after = w.binary("fadd", before, w.load(here, BYTES * number))
                w.set(VECTOR, place, after)
            w.advance(a, w.job("a_tile"))
        total = w.get(VECTOR, sums[0])
        for place in sums[1:]:
            total = w.binary("fadd", total, w.get(VECTOR, place))
        w.store(total, w.pointer("out"))
        return w.text()


def measure(threads: int, size: int, seconds: float) -> tuple[float, float] | None:
    """Floating-point operations per second, and bytes per second read from ``size`` bytes, by so
    many threads: the best of so many seconds for each. None if kernels do not run here."""
    registers = host().registers()
    if registers is None:
        return None
    number, each = registers
    crew = Crew(np, threads)
    try:
        return speed(crew, (number - each) // each, seconds), bandwidth(crew, size, seconds)
    except KernelFailed:
        return None
    finally:
        crew.close()


def speed(crew: Crew, vectors: int, seconds: float) -> float:
    """Floating-point operations per second of all threads; two in a multiply-add."""
    factor = np.full(LANES, 1e-3, np.float32)
    units = UNITS * crew.threads
    job = {"a": factor.ctypes.data, "tiles": ROUNDS}
    took = quickest(crew, Ceiling("multiply", vectors), job, Dimension(units, out=BYTES), seconds)
    return 2 * LANES * vectors * ROUNDS * units / took


def bandwidth(crew: Crew, size: int, seconds: float) -> float:
    """Bytes per second that all threads read."""
    memory = np.ones(size // 4, np.float32)
    stride = READING * BYTES
    job = {"a": memory.ctypes.data, "tiles": PIECE // stride, "a_tile": stride}
    units = Dimension(size // PIECE, a=PIECE, out=BYTES)
    return units.size * PIECE / quickest(crew, Ceiling("read", READING), job, units, seconds)


def quickest(
    crew: Crew, kernel: Ceiling, job: dict[str, int], units: Dimension, seconds: float
) -> float:
    """The least seconds of a run of all units. The first runs find threads asleep."""
    sums = np.empty((units.size, LANES), np.float32)
    task = Task(kernel, job | {"out": sums.ctypes.data}, (units,))
    rows, total = table(np, [Group((task,))], loader(host()).load([kernel]))
    return least(lambda: crew.run(rows.ctypes.data, total), seconds)
