"""Which row of the table runs a step: the cheapest that can, or the fastest of all that can."""

from collections.abc import Iterable, Iterator, Sequence
from math import inf
from typing import NamedTuple

from ..plan import Kernel
from .arrays import Arrays
from .bound import Bound, Call, CannotBind, capturable
from .nvrtc import CompilerFailed

#: Launches that are timed at a time, and how many times; the least counts.
LAUNCHES, TIMES = 10, 5
#: A row whose first launch takes so many times the best so far is not timed again.
HOPELESS = 4


class Choice(NamedTuple):
    """A row, what it made of a step, and why rows before it did not."""

    kernel: Kernel
    call: Call
    refused: tuple[str, ...]


def choose(bound: Bound, rows: Sequence[Kernel], *, contest: bool) -> Choice:
    """Bind a step by one of the rows, which are in the order of preference, the reference last.

    ``contest``: if several rows besides the reference can, the fastest on the device.
    """
    refused: list[str] = []
    able = bindings(bound, rows, refused)
    first = next(able)
    if not contest:
        return Choice(*first, tuple(refused))
    rivals = [first, *(one for one in able if one[0].algorithm != "reference")]
    best: float = inf
    for kernel, call in rivals if len(rivals) > 1 else []:
        taken = nanoseconds(bound.xp, call, HOPELESS * best)
        if taken < best:
            best, first = taken, (kernel, call)
    return Choice(*first, tuple(refused))


def bindings(
    bound: Bound, rows: Iterable[Kernel], refused: list[str]
) -> Iterator[tuple[Kernel, Call]]:
    """What each row makes of a step; those that refuse are noted."""
    for kernel in rows:
        try:
            yield kernel, kernel.bind(bound)
        except (CannotBind, CompilerFailed) as error:
            refused.append(f"{kernel.name}: {error}")


def nanoseconds(xp: Arrays, call: Call, most: float = inf) -> float:
    """The time of a launch among others; of a single one, if that takes more than ``most``."""

    def timed(launch: Call) -> int:
        before = xp.mark()
        launch()
        return xp.nanoseconds(before, xp.mark())

    call()
    if (once := timed(call)) > most:
        return once
    launches = [call] * LAUNCHES
    many = xp.capture(launches) if capturable(call) else in_turn(launches)
    return min(timed(many) for _ in range(TIMES)) / LAUNCHES


def in_turn(calls: Sequence[Call]) -> Call:
    def launch() -> None:
        for call in calls:
            call()

    return launch
