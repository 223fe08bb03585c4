"""The fastest of several ways to run a step, found by running them, and remembered on disk.

Nothing here knows cuDNN: a `Candidate` has a name and makes a call. Heuristics can be wrong by an
order of magnitude, so all candidates are tried; those far behind after one launch are dropped.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from .arrays import Arrays
from .bound import Call, CannotBind, Workspace
from .choice import nanoseconds

#: One launch may take so many times the best one, and so many nanoseconds more, which is what the
#: host takes for it, before a candidate is dropped.
FAR_BEHIND, HOST = 3, 200_000


class Candidate(NamedTuple):
    """``make`` may raise CannotBind; then there is one candidate less. ``way`` is what several
    have in common: fused, unfused."""

    way: str
    name: str
    make: Callable[[Workspace], Call]


class Choice(msgspec.Struct, frozen=True):
    """The candidate that won, the nanoseconds that it took, how many ran, and for each way the
    nanoseconds of its best one."""

    way: str
    name: str
    nanoseconds: float
    tried: int
    ways: dict[str, float]

    def __str__(self) -> str:
        others = sorted((time, way) for way, time in self.ways.items() if way != self.way)
        beside = "".join(f", {way} {time / 1e3:.1f} µs" for time, way in others)
        return (
            f"{self.way} {self.name}: {self.nanoseconds / 1e3:.1f} µs, the fastest of "
            f"{self.tried}{beside}"
        )


class Clock(Protocol):
    """How long calls take on a device, in nanoseconds."""

    def once(self, call: Call) -> float:
        """One launch, roughly, after one that is not counted. Raises what the launch does."""

    def well(self, call: Call) -> float:
        """A launch among several in a graph."""


class DeviceClock:
    """Events on a device's stream."""

    def __init__(self, xp: Arrays) -> None:
        self.xp = xp

    def once(self, call: Call) -> float:
        call()
        before = self.xp.mark()
        call()
        return self.xp.nanoseconds(before, self.xp.mark())

    def well(self, call: Call) -> float:
        return nanoseconds(self.xp, call)


def tuned(
    candidates: Callable[[], Iterable[Candidate]],
    clock: Clock,
    key: str,
    folder: Path,
    workspace: Workspace,
) -> tuple[Call, Choice]:
    """The call of the fastest candidate: of the one in the folder, if it can still be made.

    ``key``: all that the choice depends on. ``workspace``: what the call may reserve; those that
    are only tried have one of their own. Raises CannotBind, with the first reason, if none can
    run. A folder that cannot be read or written costs time, never the result.
    """
    file = folder / f"{hashlib.sha256(key.encode()).hexdigest()[:40]}.json"
    choice = load(file, key)
    call = again(candidates(), choice, workspace) if choice is not None else None
    if call is None or choice is None:
        choice = fastest(candidates(), clock, Workspace(workspace.arrays))
        store(file, key, choice)
        call = again(candidates(), choice, workspace)  # what the others took is given back
    if call is None:
        raise CannotBind(f"{choice.name} could be made only once")
    return call, choice


def again(candidates: Iterable[Candidate], choice: Choice, workspace: Workspace) -> Call | None:
    """The call of a candidate that was chosen; None if it cannot be made any more."""
    for one in candidates:
        if (one.way, one.name) == (choice.way, choice.name):
            with suppress(CannotBind):
                return one.make(workspace)
    return None


def fastest(candidates: Iterable[Candidate], clock: Clock, workspace: Workspace) -> Choice:
    """The candidate with the least time. Raises CannotBind if none can run."""
    refused: list[str] = []
    times: list[tuple[float, Candidate]] = []
    ways: dict[str, float] = {}
    roughly = float("inf")
    for candidate, call in made(candidates, workspace, refused):
        try:
            once = clock.once(call)
            roughly = min(roughly, once)
            time = once if once > FAR_BEHIND * roughly + HOST else clock.well(call)
        except RuntimeError as error:  # what CUDA and cuDNN raise
            refused.append(f"{candidate.name}: {error}")
            continue
        times.append((time, candidate))
        ways[candidate.way] = min(time, ways.get(candidate.way, time))
    if not times:
        raise CannotBind(refused[0] if refused else "there is no candidate")
    least, best = min(times, key=lambda one: one[0])
    return Choice(best.way, best.name, least, len(times), ways)


def made(
    candidates: Iterable[Candidate], workspace: Workspace, refused: list[str]
) -> Iterator[tuple[Candidate, Call]]:
    """The calls of those that can be made; why others cannot is noted."""
    for candidate in candidates:
        try:
            yield candidate, candidate.make(workspace)
        except CannotBind as error:
            refused.append(str(error))


# --------------------------------------------------------------------------------------- on disk


class _Stored(msgspec.Struct, frozen=True):
    key: str
    choice: Choice


def load(file: Path, key: str) -> Choice | None:
    """The choice in a file; None if there is none that can be read, or it is another's."""
    try:
        stored = msgspec.json.decode(file.read_bytes(), type=_Stored)
    except (OSError, msgspec.DecodeError):
        return None
    return stored.choice if stored.key == key else None


def store(file: Path, key: str, choice: Choice) -> None:
    """Write a choice, so that nobody ever sees half a file; without a word if it cannot be."""
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as new:
            new.write(msgspec.json.encode(_Stored(key, choice)))
        os.replace(new.name, file)
