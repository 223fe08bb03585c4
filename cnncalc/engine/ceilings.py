"""The machine's ceilings: how fast it can multiply and add, and read memory, whatever it runs."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import msgspec

from ..analysis.measurements import Ceilings, Machine, Result
from .backends import missing
from .machine import cache_folder, installed, largest_cache
from .measure import least

#: Seconds of tries for each ceiling: where none is known, and where one may have to grow; and how
#: many times it may. Reading memory takes as long again to get it.
FIRST, AGAIN, TIMES = 0.3, 0.05, 10
#: Bytes that are read: so many times the largest cache, in whole pieces, within bounds.
CACHES, PIECE, LEAST, MOST = 4, 1 << 20, 64 << 20, 256 << 20
#: Rows and columns of the matrices that the BLAS multiplies: all three fit in the caches.
SIZE = 1024

#: Floating-point operations and bytes per second; None if this way does not work here.
Found = tuple[float, float] | None


class Way(NamedTuple):
    """A way to measure: as reports call it, and a function of threads and seconds for each
    ceiling."""

    method: str
    measure: Callable[[int, float], Found]


class Known(msgspec.Struct, frozen=True):
    """What the cache keeps: the best, of so many times."""

    best: Ceilings
    times: int


class NotMeasured(ValueError):
    """Ceilings that are not known and cannot be measured."""


def ceilings(machine: Machine, *, again: bool = True) -> Ceilings:
    """The machine's ceilings: the highest ever measured here, in the best way there is.

    The user's cache keeps them; one that cannot be written is no cache. ``again``: measure for a
    moment even if they are known, at most `TIMES` times in all, since a machine that was busy
    then must not set the ceiling for ever. Without NumPy those that are known serve, whatever
    their way; raises NotMeasured if there are none.
    """
    known = remembered()
    here = f"{machine.cpu}, {machine.threads} of {machine.cores} threads, "
    if find_spec("numpy") is None:
        kept = [found.best for key, found in known.items() if key.startswith(here)]
        if not kept:
            raise NotMeasured("the machine's ceilings are to be measured first: that needs NumPy")
        return max(kept, key=lambda found: found.flops_per_second)
    for way in ways():
        before = known.get(here + way.method)
        if before and (before.times >= TIMES or not again):
            return before.best
        found = way.measure(machine.threads, AGAIN if before else FIRST)
        if found is not None:
            now = better(found, way.method, before)
            remember(remembered() | {here + way.method: now})
            return now.best
    raise AssertionError("NumPy measures wherever it is installed")


def better(found: tuple[float, float], method: str, before: Known | None) -> Known:
    """What was found, but for what was better before."""
    flops, moved = found
    if before:
        flops = max(flops, before.best.flops_per_second)
        moved = max(moved, before.best.bytes_per_second)
    best = Ceilings(flops_per_second=flops, bytes_per_second=moved, method=method)
    return Known(best, before.times + 1 if before else 1)


def ways() -> Iterator[Way]:
    """The ways to measure, the best one first."""
    read = f"{read_size() >> 20} MiB"
    if not missing():
        yield Way(f"FMAs of float32 in registers; {read} read", natively)
    blas = f"float32 product of {SIZE}×{SIZE} matrices by the BLAS of NumPy {installed('numpy')}"
    yield Way(f"{blas}; sums of squares of {read}", by_blas)


def natively(threads: int, seconds: float) -> Found:
    """By generated loops (`cpu.peak`)."""
    from .cpu.peak import measure

    return measure(threads, read_size(), seconds)


def by_blas(threads: int, seconds: float) -> Found:
    """By NumPy's BLAS: a product of matrices, and scalar products of stretches with themselves.
    Both are below what the machine can do: kernels of the BLAS have other things to do, too."""
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    left, right, product = (np.ones((SIZE, SIZE), np.float32) for _ in range(3))
    flops = 2 * SIZE**3 / least(lambda: np.matmul(left, right, out=product), seconds)
    parts = np.ones((threads, read_size() // 4 // threads), np.float32)
    with ThreadPoolExecutor(threads) as pool:
        took = least(lambda: list(pool.map(np.dot, parts, parts)), seconds)
    return flops, parts.nbytes / took


def read_size() -> int:
    """Bytes to read: far more than fits in the caches, in whole pieces."""
    return max(LEAST, min(MOST, CACHES * largest_cache()) // PIECE * PIECE)


def faster_than_bound(results: Sequence[Result]) -> list[str]:
    """What there is to say of steps that took less than the least time of the roofline."""
    steps = [step for result in results for step in result.steps if step.algorithm != "winograd"]
    names = dict.fromkeys(step.name for step in steps if (step.percent_of_bound or 0) > 100)
    if not names:
        return []
    return [
        f"faster than their bound: {', '.join(names)}; the bound takes every byte from memory, at "
        "the highest rate that was measured here, but what a cache still holds need not come "
        "from there"
    ]


# --------------------------------------------------------------------------------------- cache


def cache_file() -> Path:
    return cache_folder() / "ceilings.json"


def remembered() -> dict[str, Known]:
    """What the cache holds; nothing if it cannot be read."""
    with suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode(cache_file().read_bytes(), type=dict[str, Known])
    return {}


def remember(known: dict[str, Known]) -> None:
    """Write the cache, so that nobody ever reads half of it."""
    path = cache_file()
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = path.with_suffix(f".{os.getpid()}")
        whole.write_bytes(msgspec.json.format(msgspec.json.encode(known)))
        whole.replace(path)
