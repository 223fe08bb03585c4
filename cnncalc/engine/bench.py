"""A benchmark: plan a network for each batch size, run it, and say everything about how."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..analysis.measurements import Bench, Ceilings, Execution, Gpu, Machine, Result
from ..graph import Graph, Input, Node
from .backends import Engine, NoBackend, choose_backend
from .beside import Measured, beside
from .ceilings import ceilings, faster_than_bound
from .compare import METHOD as METHOD_BESIDE
from .compare import Progress
from .fits import WIDTH, check_memory
from .machine import cores, describe
from .measure import METHOD, measure, medians
from .peers.job import Job
from .peers.registry import OURS, chosen
from .plan import Algorithm, Plan, Program, plan
from .results import measured, result
from .weight_files import read
from .weights import Folded, GivenWeights, Weights

#: Runs of which each step's median is taken.
STEP_RUNS = 15


def bench(
    graph: Graph,
    *,
    source: str | None = None,
    batches: Sequence[int] = (1,),
    threads: int | None = None,
    algorithm: Algorithm = "auto",
    engine: Engine = "auto",
    device: str = "cpu",
    dtype: str = "float32",
    weights_file: str | None = None,
    seed: int = 0,
    seconds: float = 2.0,
    run: bool = True,
    compare: Sequence[str] = (),
    notes: Sequence[str] = (),
    progress: Progress = lambda what, share: None,
) -> Bench:
    """Measure a network. With ``run`` False, only plan it.

    ``device``, ``engine`` and ``dtype``: see `choose_backend`. ``compare``: names of other engines
    to run beside it (`peers.registry`). Raises TooLarge before anything large is allocated,
    WeightsError for a file that does not fit the network, NoBackend if what was asked for cannot
    run here, and EngineFailed if it ends on its own.
    """
    backend, said = choose_backend(engine, algorithm, device, dtype, run=run)
    said = [*notes, *said]
    machine = describe(threads or cores())
    place = place_of(backend, machine)
    try:
        peers = chosen(compare, place.device)
    except ValueError as error:
        raise NoBackend(str(error), "cnncalc bench --help") from None
    planned = plan(graph, backend, algorithm)
    for batch in batches:
        others = sum(len(peer.settings) for peer in peers if not peer.missing())
        place.check_memory(planned, batch, weights_file is not None, others)
    winograd = any(kernel.algorithm == "winograd" for kernel in planned.kernels)
    if winograd:
        said.append(
            "GFLOP/s are those of direct convolution; Winograd does the same with fewer, so it "
            "can be above the peak (--algorithm direct does without)"
        )
    elif algorithm == "winograd":
        said.append("no kernel of this engine does Winograd: all convolutions are direct")
    if planned.slack:
        said.append(
            f"the arena is {planned.slack * place.width:,} bytes per image larger than the peak: "
            "no order of placing that was tried reaches it"
        )
    limits: Ceilings | None = None
    results = [
        result(planned, batch, backend.images_at_a_time(planned, batch), place.width)
        for batch in batches
    ]
    if run:
        progress("measuring the machine", 0)
        limits = place.ceilings()
        progress("making weights", 0)
        weights = network_weights(graph, planned, weights_file, seed)
        job = Job(OURS.module, "", graph, 1, machine.threads, weights_file, seed, algorithm,
                  engine, place.device, place.dtype)  # fmt: skip
        if peers:
            each = beside(planned, peers, job, weights, results, limits, seconds, progress)
        else:
            each = place.alone(job, planned, weights, results, limits, seconds, progress)
        results = []
        for one, fallen_back, more in each:
            results.append(one)
            said += [*fallbacks(fallen_back), *more]
    said += faster_than_bound(results)
    return Bench(
        name=graph.name,
        source=source,
        inputs={n.name: n.output_shapes[0] for n in graph.nodes if isinstance(n.layer, Input)},
        device=place.device,
        engine=backend.name,
        algorithm=algorithm,
        dtype=place.dtype,
        weights=weights_file or f"random (He), seed {seed}",
        machine=machine,
        ceilings=limits,
        method=place.method(bool(peers)),
        notes=tuple(dict.fromkeys(said)),
        results=tuple(results),
        gpu=place.gpu,
        execution=place.execution,
    )


class Place(Protocol):
    """Where a benchmark runs: a CPU, or a device (`cuda.bench.OnCuda`)."""

    @property
    def device(self) -> str:
        """cpu, cuda, or cuda:1."""

    @property
    def dtype(self) -> str:
        """What it computes in."""

    @property
    def width(self) -> int:
        """Bytes of a value."""

    @property
    def gpu(self) -> Gpu | None:
        """The device, once its ceilings are known."""

    @property
    def execution(self) -> Execution | None:
        """How the device computes, once something has run."""

    def method(self, beside: bool) -> str:
        """How time is taken, alone or beside other engines."""

    def check_memory(self, planned: Plan, batch: int, from_file: bool, others: int) -> None:
        """Raise TooLarge unless a batch fits, with so many other engines."""

    def ceilings(self) -> Ceilings:
        """What the place can do at best."""

    def alone(
        self, job: Job, planned: Plan, weights: Weights, known: Sequence[Result],
        limits: Ceilings, seconds: float, progress: Progress,
    ) -> Iterator[Measured]:  # fmt: skip
        """The result of each batch size, in this process. ``known`` are those without times."""


def place_of(backend: Any, machine: Machine) -> Place:
    """Where a backend runs."""
    if hasattr(backend, "device"):
        from .cuda.bench import OnCuda

        return OnCuda(backend)
    return OnCpu(backend, machine)


class OnCpu(NamedTuple):
    """This machine's CPU."""

    backend: Any
    machine: Machine
    device: str = "cpu"
    dtype: str = "float32"
    width: int = WIDTH
    gpu: Gpu | None = None
    execution: Execution | None = None

    def method(self, beside: bool) -> str:
        return METHOD_BESIDE if beside else METHOD

    def check_memory(self, planned: Plan, batch: int, from_file: bool, others: int) -> None:
        threads = self.machine.threads
        check_memory(planned, self.backend, batch, threads, from_file=from_file, others=others)

    def ceilings(self) -> Ceilings:
        return ceilings(self.machine)

    def alone(
        self, job: Job, planned: Plan, weights: Weights, known: Sequence[Result],
        limits: Ceilings, seconds: float, progress: Progress,
    ) -> Iterator[Measured]:  # fmt: skip
        return alone(self.backend, planned, weights, known, job.threads, limits, seconds, progress)


def alone(
    backend: Any,
    planned: Plan,
    weights: Weights,
    known: Sequence[Result],
    threads: int,
    limits: Ceilings,
    seconds: float,
    progress: Progress,
) -> Iterator[Measured]:
    """The result of each batch size, in this process. ``known`` are those without times."""
    arrays = Folded(planned.steps, weights)
    for before in known:
        batch = before.batch
        program = backend.prepare(planned, arrays, batch, threads=threads)
        found = run_batch(program, before, limits, seconds, progress)
        finite = all(np.isfinite(output).all() for output in program.outputs)
        said = [] if finite else [f"batch {batch}: some outputs are not finite with these weights"]
        yield found, program.fallen_back, said
        program.close()
        del program


def fallbacks(fallen_back: Mapping[str, str]) -> list[str]:
    """Which steps the backend's own kernels do not run, by reason."""
    reasons: dict[str, list[str]] = {}
    for step, reason in fallen_back.items():
        reasons.setdefault(reason, []).append(step)
    return [f"NumPy runs {', '.join(steps)}: {reason}" for reason, steps in reasons.items()]


def network_weights(graph: Graph, planned: Plan, file: str | None, seed: int) -> Weights:
    if file is None:
        return Weights(graph, seed)
    used: list[Node] = [node for step in planned.steps for node in step.sources]
    return GivenWeights(graph, read(file), used)


def run_batch(
    program: Program, before: Result, limits: Ceilings, seconds: float, progress: Progress
) -> Result:
    """Measure whole runs, then single steps. ``before`` is the result without times."""
    random = np.random.default_rng(1)
    images = (random.standard_normal(place.shape, dtype=np.float32) for place in program.inputs)
    program.run(*images)
    what = f"batch {program.batch}"
    timing = measure(program.run, seconds, lambda share: progress(what, share))
    runs = max(3, min(STEP_RUNS, round(seconds / timing.median)))
    times = medians([program.time_steps() for _ in range(runs)])
    return measured(before, timing, times, limits)
