"""The fastest of several ways to run a step, found by running them, and remembered on disk.

Nothing here knows cuDNN: a `Candidate` has a name and makes a call. Heuristics can be wrong by an
order of magnitude, so all candidates are tried; those far behind after one launch are dropped.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import NamedTuple

import msgspec

from .bound import Call, CannotBind, Workspace

#: A candidate is dropped if its first launch takes so many times the best so far, and so many
#: nanoseconds more, which a launch may take the host.
FAR_BEHIND, HOST = 3, 200_000
#: Nanoseconds of a launch among others; of the first, if that takes more than the number. It
#: raises what the launch does.
Clock = Callable[[Call, float], float]


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
    best = inf
    for candidate, call in made(candidates, workspace, refused):
        try:
            taken = clock(call, FAR_BEHIND * best + HOST)
        except (RuntimeError, MemoryError) as error:  # what CUDA, cuDNN and CuPy raise
            refused.append(f"{candidate.name}: {error}")
            continue
        times.append((taken, candidate))
        best = min(best, taken)
        ways[candidate.way] = min(taken, ways.get(candidate.way, inf))
    if not times:
        raise CannotBind(refused[0] if refused else "there is no candidate")
    least, won = min(times, key=lambda one: one[0])
    return Choice(won.way, won.name, least, len(times), ways)


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
        descriptor, name = tempfile.mkstemp(dir=file.parent)
        try:
            with os.fdopen(descriptor, "wb") as new:
                new.write(msgspec.json.encode(_Stored(key, choice)))
            os.replace(name, file)
        finally:
            Path(name).unlink(missing_ok=True)
