"""How time is taken: warm-up, repetitions by calibration, medians and percentiles."""

from collections.abc import Callable, Sequence
from time import perf_counter

from ..analysis.measurements import Timing

#: Seconds of runs that are thrown away, and the least and the most runs that count.
WARM_UP = 0.3
LEAST, MOST = 5, 10_000

METHOD = (
    f"wall time of whole forward passes; warm-up of {WARM_UP:g} s and 2 runs or more; then as many "
    f"runs as fit in the seconds asked for, at least {LEAST}; images/s from the median; input and "
    "output stay in the engine's memory; random input, never zeros"
)
#: Called with the share that is done, from 0 to 1.
Progress = Callable[[float], None]


def measure(run: Callable[[], object], seconds: float, progress: Progress | None = None) -> Timing:
    """Time a call, again and again, for about so many seconds."""
    spent, warm = 0.0, 0
    while spent < min(WARM_UP, seconds) or warm < 2:
        spent += timed(run)
        warm += 1
    count = min(MOST, max(LEAST, round(seconds * warm / spent)))
    times = []
    for number in range(count):
        times.append(timed(run))
        if progress is not None:
            progress((number + 1) / count)
    return timing(times)


def timed(run: Callable[[], object]) -> float:
    before = perf_counter()
    run()
    return perf_counter() - before


def least(call: Callable[[], object], seconds: float, tries: int = 5) -> float:
    """The least seconds of a call, tried for so many seconds, and so many times at least."""
    times: list[float] = []
    end = perf_counter() + seconds
    while len(times) < tries or perf_counter() < end:
        times.append(timed(call))
    return min(times)


def timing(times: Sequence[float]) -> Timing:
    """Median and percentiles, interpolated between neighbours."""
    ordered = sorted(times)
    median = percentile(ordered, 0.5)
    return Timing(
        runs=len(ordered),
        median=median,
        least=ordered[0],
        p5=percentile(ordered, 0.05),
        p95=percentile(ordered, 0.95),
        spread=(percentile(ordered, 0.75) - percentile(ordered, 0.25)) / median,
    )


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value below which a share of the ordered values lies."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def medians(rows: Sequence[Sequence[float]]) -> list[float]:
    """The median of each column: of each step, over several runs."""
    return [percentile(sorted(column), 0.5) for column in zip(*rows, strict=True)]
