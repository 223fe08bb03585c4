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
    """What the machine, or its GPU, can do at best, as measured."""

    #: Floating-point operations per second in the type that ran; a multiply-accumulate is two.
    flops_per_second: float
    #: Bytes per second read from memory, of far more than the caches hold; on a GPU, read and
    #: written by a copy.
    bytes_per_second: float
    method: str
    #: On a GPU: floating-point operations per second of matrix products, by type.
    products: dict[str, float] = {}


class Gpu(msgspec.Struct, frozen=True, kw_only=True):
    """A GPU, and the software between it and the engine."""

    name: str
    #: As CUDA counts.
    number: int
    #: The compute capability: "9.0".
    capability: str
    multiprocessors: int
    memory_bytes: int
    #: Of the L2 cache.
    cache_bytes: int
    #: The driver's version, and that of CUDA up to which it goes.
    driver: str | None
    cuda: str
    libraries: dict[str, str]


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """How a GPU computes, and what of it is timed."""

    #: Whether products of float32 are rounded to TF32's 10 bits.
    tf32: bool
    #: The type of sums of products.
    accumulator: str
    layout: str
    timed: str


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds of single runs: how many, their median and percentiles."""

    runs: int
    median: float
    least: float
    p5: float
    p95: float
    #: The distance between the quartiles, as a share of the median.
    spread: float
    #: On a GPU a run is a window: so many passes, one after the other; times are those of one.
    #: None for single runs, and in a comparison, whose rounds differ in it.
    passes: int | None = None


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds of passes that are waited for one by one, from launch to end."""

    runs: int
    p50: float
    p90: float
    p99: float


class HostCopies(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds to bring a batch to the GPU, and its outputs back. No timing contains them."""

    to_device: float
    to_host: float


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """What a quantity was at the least, in the middle and at the most."""

    least: float
    median: float
    most: float


class Energy(msgspec.Struct, frozen=True, kw_only=True):
    """What a GPU took while passes ran without a gap, and its clocks, which nobody set."""

    seconds: float
    passes: int
    joules: float
    joules_per_image: float
    watts: float
    #: The power at which the GPU slows down.
    limit_watts: float | None
    sm_mhz: Span
    memory_mhz: Span
    celsius: Span
    #: What kept the clocks down, if anything did.
    slowed_by: tuple[str, ...]
    #: Where the joules are from.
    source: str


class NumericCheck(msgspec.Struct, frozen=True, kw_only=True):
    """How far results are from float64: the L2 norm of the difference, relative to that of what
    is right."""

    #: Of the batch, how many images were compared.
    images: int
    #: Of the network's outputs.
    outputs: float
    #: The largest of a single step, given the inputs that it had; which step; what is allowed.
    worst: float
    worst_step: str
    limit: float
    passed: bool


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
    #: On a GPU: what the kernel chose (plan, engine, launch), and its relative error (L2).
    plan: str | None = None
    error: float | None = None


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
    #: Floating-point operations, and bytes of least traffic, of all steps through the median time.
    flops_per_second: float | None = None
    bytes_per_second: float | None = None
    #: On a GPU.
    latency: Latency | None = None
    host_copies: HostCopies | None = None
    energy: Energy | None = None
    check: NumericCheck | None = None
    #: CUDA graphs that a pass is; 0 if its steps are launched one by one.
    graphs: int | None = None


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
    #: On a GPU.
    gpu: Gpu | None = None
    execution: Execution | None = None


def bound(ceilings: Ceilings, flops: int, moved: int) -> tuple[float, Literal["compute", "memory"]]:
    """The roofline: no less than FLOPs at the one ceiling, nor bytes at the other; in seconds.

    Williams, Waterman & Patterson, Roofline, CACM 2009.
    """
    compute = flops / ceilings.flops_per_second
    memory = moved / ceilings.bytes_per_second
    return (compute, "compute") if compute >= memory else (memory, "memory")
