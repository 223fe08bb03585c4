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
    #: Bytes per second from and to memory, copying stretches far larger than the caches.
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


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One batch size. The times are None if only the plan was asked for."""

    batch: int
    images_per_second: float | None
    timing: Timing | None
    #: The arena, and the analysis' peak for the same fused graph, which it is to equal.
    arena_bytes: int
    peak_bytes: int
    scratch_bytes: int
    weight_bytes: int
    steps: tuple[StepRow, ...]


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
