"""The least time that a network takes on a machine, as data: what its ceilings allow, unmeasured.

Counts, bytes and times are for the whole batch.
"""

from typing import Literal

import msgspec

from .measurements import Ceilings, Machine


class LeastTime(msgspec.Struct, frozen=True, kw_only=True):
    """One step: a layer with what is fused to it."""

    label: str
    #: The layers of the network that the step stands for.
    layers: tuple[str, ...]
    output: tuple[int, ...]
    #: Multiply-accumulates, floating-point operations and least traffic to memory.
    macs: int
    flops: int
    bytes: int
    #: FLOPs for each byte.
    intensity: float
    #: The least time that the ceilings allow, and which of them decides it.
    bound_milliseconds: float
    bound_by: Literal["compute", "memory"]


class Least(msgspec.Struct, frozen=True, kw_only=True):
    """The sums over the steps. ``compute`` and ``memory``: the milliseconds of steps that are
    bound by them."""

    steps: int
    macs: int
    flops: int
    bytes: int
    bound_milliseconds: float
    compute_milliseconds: float
    memory_milliseconds: float
    #: The throughput if every step takes its least time.
    images_per_second: float


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """A network on a machine. ``engine``: whose fusions the steps have; null where no engine can
    run and those are taken that any engine can do."""

    schema: str = "cnncalc.prediction/1"
    name: str
    source: str | None
    inputs: dict[str, tuple[int, ...]]
    batch: int
    dtype: str
    engine: str | None
    machine: Machine
    ceilings: Ceilings
    notes: tuple[str, ...]
    layers: dict[str, LeastTime]
    totals: Least
