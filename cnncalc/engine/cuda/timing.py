"""How time is taken on a device: windows of many launches between events, and single passes that
are waited for.

Launches return at once, so a clock on the host sees how fast they are queued. Events stand in the
queue themselves. A window has so many passes that the events at its ends cost nothing beside them,
windows follow each other without a gap, and nobody waits before the last one.
"""

from collections.abc import Callable
from itertools import pairwise
from time import perf_counter
from typing import Any, Protocol

from msgspec.structs import replace

from ...analysis.measurements import HostCopies, Latency, Timing
from ..measure import percentile, timing
from ..rounds import HOPELESS, QUIET, ROUNDS

#: Seconds of passes that are thrown away, and the windows that count: at least so many, each of
#: at least so many seconds.
WARM_UP = 1.0
WINDOWS, WINDOW = 30, 0.02
#: Passes of a window at most: more would fill the queue of launches many times over.
MOST_PASSES = 20_000
#: Passes that are waited for one by one: at least and at most; 100 make a 99th percentile.
LEAST_RUNS, MOST_RUNS = 100, 2000
#: Copies between host and device of which the median is taken.
COPIES = 7

METHOD = (
    f"warm-up of {WARM_UP:g} s or more; then {WINDOWS} windows or more, one after the other, each "
    f"of as many passes as take {WINDOW * 1e3:.0f} ms, between CUDA events; median, 5th and 95th "
    "percentile of the windows; input and logits stay on the device; latency: single passes, "
    "each waited for, by the host's clock; random normal input, never zeros"
)

#: The same beside other engines.
METHOD_BESIDE = (
    f"each engine in its own process, stopped while others run; {ROUNDS} rounds, in each of which "
    f"every engine warms up for {WARM_UP:g} s or more and then runs {WINDOWS} windows or more of "
    f"{WINDOW * 1e3:.0f} ms between CUDA events; the median of the rounds' medians; a round counts "
    f"if a fixed product on the GPU before and after it takes at most {QUIET - 1:.0%} more than "
    f"its best; of several settings the fastest (one that is {HOPELESS - 1:.0%} slower after a "
    "round runs no more); input and logits stay on the GPU; error: the largest of the outputs for "
    "one image against float64, relative to the largest output"
)

#: Launches a pass on the current stream, and does not wait for it.
Launch = Callable[[], object]
#: Called with the share that is done, from 0 to 1.
Progress = Callable[[float], None]


class Events(Protocol):
    """Time on a device: `arrays.Arrays`, and what stands for it elsewhere."""

    def mark(self) -> Any:
        """An event, recorded now: it happens when everything launched before is done."""

    def nanoseconds(self, first: Any, second: Any) -> int:
        """The time from one event to another; waits for the second."""

    def synchronize(self) -> None:
        """Wait for everything that was launched."""


def throughput(
    launch: Launch,
    events: Events,
    seconds: float,
    *,
    warm_up: float = WARM_UP,
    windows: int = WINDOWS,
    progress: Progress = lambda share: None,
) -> Timing:
    """Seconds of a pass among many: a window's time through its passes."""
    times, passes = turn(launch, events, seconds, warm_up, windows, progress)
    return replace(timing(times), passes=passes)


def turn(
    launch: Launch,
    events: Events,
    seconds: float,
    warm_up: float = WARM_UP,
    windows: int = WINDOWS,
    progress: Progress = lambda share: None,
) -> tuple[list[float], int]:
    """Seconds of a pass in each window, and the passes of a window. As many windows as fit in
    the seconds, and ``windows`` at least."""
    each = warm(launch, events, warm_up)
    passes = max(1, min(MOST_PASSES, round(WINDOW / each)))
    count = max(windows, round(seconds / (passes * each)))
    return series(launch, events, passes, count, progress), passes


def warm(launch: Launch, events: Events, seconds: float) -> float:
    """Launch for so long; the seconds of a pass, by the last stretch of launches."""
    passes, done, each = 1, 0.0, 0.0
    launch()  # what is made at the first launch is not even warm-up
    events.synchronize()
    while done < seconds or not each:
        (each,) = series(launch, events, passes, 1)
        done += passes * each
        fitting = round(seconds / 4 / max(each, 1e-9))
        passes = max(passes, min(MOST_PASSES, 2 * passes, fitting))
    return each


def series(
    launch: Launch,
    events: Events,
    passes: int,
    windows: int,
    progress: Progress = lambda share: None,
) -> list[float]:
    """The seconds of a pass in each of so many windows, which follow each other without a gap."""
    marks = [events.mark()]
    for number in range(windows):
        for _ in range(passes):
            launch()
        marks.append(events.mark())
        if number:  # one window may wait in the queue, so that progress is what has been done
            events.nanoseconds(marks[number - 1], marks[number])
        progress((number + 1) / windows)
    each = (events.nanoseconds(first, second) for first, second in pairwise(marks))
    return [nanoseconds / 1e9 / passes for nanoseconds in each]


def latency(
    launch: Launch,
    events: Events,
    seconds: float,
    clock: Callable[[], float] = perf_counter,
) -> Latency:
    """Seconds from a launch to its end, by the host's clock, nothing else in the queue.

    What was launched before is waited for first. Stops after so many seconds, but never before
    `LEAST_RUNS` passes.
    """
    events.synchronize()
    times: list[float] = []
    end = clock() + seconds
    while len(times) < LEAST_RUNS or (len(times) < MOST_RUNS and clock() < end):
        before = clock()
        launch()
        events.synchronize()
        times.append(clock() - before)
    ordered = sorted(times)
    p50, p90, p99 = (percentile(ordered, share) for share in (0.5, 0.9, 0.99))
    return Latency(runs=len(ordered), p50=p50, p90=p90, p99=p99)


def host_copies(
    load: Launch, fetch: Launch, events: Events, clock: Callable[[], float] = perf_counter
) -> HostCopies:
    """Seconds to bring the input to the device and the logits back: medians of a few copies."""

    def median(copy: Launch) -> float:
        times = []
        for _ in range(COPIES):
            events.synchronize()
            before = clock()
            copy()
            events.synchronize()
            times.append(clock() - before)
        return percentile(sorted(times), 0.5)

    return HostCopies(to_device=median(load), to_host=median(fetch))
