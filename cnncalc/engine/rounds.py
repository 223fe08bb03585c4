"""Rounds in which contestants run one after the other, and which of them count."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

#: Rounds that count, and how many there are at most.
ROUNDS, MOST = 5, 12
#: A round counts if the calibrations before and after it are within this of the best one.
QUIET = 1.05
#: A setting this much slower than the best of its peer runs no more.
HOPELESS = 1.1


class Round(NamedTuple):
    """The seconds for one batch that each contestant took, run by run; and the slower one of the
    calibrations around it."""

    times: dict[str, list[float]]
    calibration: float


class Rounds(NamedTuple):
    """All rounds, and those of them that count. ``quiet``: as many as wanted were quiet."""

    all: list[Round]
    kept: list[Round]
    quiet: bool


def rounds(
    contestants: Callable[[], Sequence[str]],
    turn: Callable[[str], list[float] | None],
    calibrate: Callable[[], float],
    wanted: int = ROUNDS,
    most: int = MOST,
    after: Callable[[Sequence[Round]], None] = lambda kept: None,
) -> Rounds:
    """Run rounds until so many are quiet; if too few are, the quietest count.

    ``contestants`` names who still runs; each round starts with another one. ``turn`` runs one of
    them, None if it failed. ``after`` each round gets those that count so far.
    """
    done: list[Round] = []
    before = calibrate()
    quietest = before
    while True:
        names = list(contestants())
        start = len(done) % max(1, len(names))
        times = {}
        for name in (*names[start:], *names[:start]):
            if (found := turn(name)) is not None:
                times[name] = found
        behind = calibrate()
        quietest = min(quietest, behind)
        done.append(Round(times, max(before, behind)))
        before = behind
        kept = [one for one in done if one.calibration <= QUIET * quietest]
        after(kept)
        if len(kept) >= wanted:
            return Rounds(done, kept, True)
        if len(done) >= most:
            quiet = sorted(done, key=lambda one: one.calibration)[:wanted]
            return Rounds(done, [one for one in done if one in quiet], False)


def median(values: Iterable[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
