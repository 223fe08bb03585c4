"""What was measured of a network on a machine, as data: what reports render and scripts read.

The engine fills it. Times are seconds unless their name says milliseconds; bytes are for the
whole batch.
"""

from typing import Literal

import msgspec


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """The machine and the software that ran."""

    cpu: str
    #: CPUs that this process may use, and the threads that it was to use.
    cores: int
    threads: int
    memory_bytes: int | None
    system: str
    python: str
    libraries: dict[str, str]


class Ceilings(msgspec.Struct, frozen=True, kw_only=True):
    """What the machine can do at best, as measured with the same number of threads."""

    #: Floating-point operations per second, float32; a multiply-accumulate is two.
    flops_per_second: float
    #: Bytes per second read from memory, of far more than the caches hold.
    bytes_per_second: float
    method: str


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds of single runs: how many, their median and percentiles."""

    runs: int
    median: float
    least: float
    p5: float
    p95: float
    #: The distance between the quartiles, as a share of the median.
    spread: float


class StepRow(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the plan, and its time if it was measured."""

    name: str
    label: str
    #: The layers of the network that the step stands for.
    layers: tuple[str, ...]
    kernel: str
    algorithm: str
    layout: str
    output: tuple[int, ...]
    in_place: bool
    #: Of the slot that the output lies in: first byte in the arena, and size.
    arena_offset: int
    arena_bytes: int
    #: Multiply-accumulates, floating-point operations and least traffic to memory, for the batch.
    macs: int
    flops: int
    bytes: int
    #: FLOPs for each byte.
    intensity: float
    milliseconds: float | None = None
    #: The least time that the ceilings allow, what decides it, and its share of the time taken.
    bound_milliseconds: float | None = None
    bound_by: Literal["compute", "memory"] | None = None
    percent_of_bound: float | None = None


class PeerResult(msgspec.Struct, frozen=True, kw_only=True):
    """Another engine on the same network, in the setting in which it was fastest.

    ``failure`` says why there are no numbers, and ``hint`` what to do about it.
    """

    name: str
    version: str | None = None
    setting: str | None = None
    images_per_second: float | None = None
    timing: Timing | None = None
    #: The median seconds for a batch in each round that counts.
    rounds: tuple[float, ...] = ()
    #: The largest error of the outputs for one image, relative to the largest output.
    error: float | None = None
    #: Our images per second through its own; None if its outputs are wrong.
    ratio: float | None = None
    #: Images per second of every setting that was tried.
    settings: dict[str, float] = {}
    failure: str | None = None
    hint: str | None = None


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """How engines were compared, and what stands beside our own speed."""

    method: str
    #: Of our own engine: what it ran, its medians as above, and the error of its outputs.
    version: str
    setting: str
    rounds: tuple[float, ...]
    error: float
    #: Rounds whose calibrations were too far from the best one, and whether enough were not.
    thrown_away: int
    quiet: bool
    #: Seconds of the calibration of each round, the slower one of those around it.
    calibrations: tuple[float, ...]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One batch size. The times are None if only the plan was asked for.

    With a comparison, they are those of the rounds in which the peers ran too.
    """

    batch: int
    #: How many of the batch go through the network together; the arena is for so many.
    images_at_a_time: int
    images_per_second: float | None
    timing: Timing | None
    #: The arena, and the analysis' peak for the same fused graph, which it is to equal.
    arena_bytes: int
    peak_bytes: int
    scratch_bytes: int
    weight_bytes: int
    steps: tuple[StepRow, ...]
    #: The engines that this one was compared with, in the order asked for.
    peers: tuple[PeerResult, ...] = ()
    #: Our images per second through those of the fastest peer whose outputs are right.
    ratio_to_best: float | None = None
    comparison: Comparison | None = None


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """A network on an engine, with everything that one must know to repeat it."""

    schema: str = "cnncalc.bench/1"
    name: str
    source: str | None
    inputs: dict[str, tuple[int, ...]]
    device: str
    engine: str
    algorithm: str
    dtype: str
    weights: str
    machine: Machine
    ceilings: Ceilings | None
    method: str
    notes: tuple[str, ...]
    results: tuple[Result, ...]


def bound(ceilings: Ceilings, flops: int, moved: int) -> tuple[float, Literal["compute", "memory"]]:
    """The roofline: no less than FLOPs at the one ceiling, nor bytes at the other; in seconds.

    Williams, Waterman & Patterson, Roofline, CACM 2009.
    """
    compute = flops / ceilings.flops_per_second
    memory = moved / ceilings.bytes_per_second
    return (compute, "compute") if compute >= memory else (memory, "memory")
