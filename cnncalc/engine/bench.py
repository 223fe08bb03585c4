"""A benchmark: plan a network for each batch size, run it, and say everything about how."""

from collections.abc import Callable, Sequence
from math import prod

import numpy as np
from msgspec.structs import replace

from ..analysis.cost import cost
from ..analysis.measurements import Bench, Ceilings, Result, StepRow, bound
from ..graph import Graph, Input, Node
from ..units import mebibytes
from .backends import Engine, choose_backend
from .machine import ceilings, cores, describe, free_memory
from .measure import METHOD, measure, medians
from .plan import Algorithm, Kernel, Plan, Program, Step, plan
from .weight_files import read
from .weights import Arrays, GivenWeights, Weights, folded

#: Bytes of a value: float32 for now.
WIDTH = 4
#: Runs of which each step's median is taken.
STEP_RUNS = 15


class TooLarge(ValueError):
    """A network that does not fit in memory; nothing was allocated."""


#: Called with what is being done, and the share of it that is done.
Progress = Callable[[str, float], None]


def bench(
    graph: Graph,
    *,
    source: str | None = None,
    batches: Sequence[int] = (1,),
    threads: int | None = None,
    algorithm: Algorithm = "auto",
    engine: Engine = "auto",
    weights_file: str | None = None,
    seed: int = 0,
    seconds: float = 2.0,
    run: bool = True,
    notes: Sequence[str] = (),
    progress: Progress = lambda what, share: None,
) -> Bench:
    """Measure a network. With ``run`` False, only plan it.

    Raises TooLarge before anything large is allocated, WeightsError for a file that does not fit
    the network, and NoBackend if the engine asked for cannot run here.
    """
    backend, said = choose_backend(engine, algorithm)
    said = [*notes, *said]
    machine = describe(threads or cores())
    planned = plan(graph, backend, algorithm)
    for batch in batches:
        check_memory(planned, batch, weights_file is not None)
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
            f"the arena is {planned.slack * WIDTH:,} bytes per image larger than the peak: "
            "no order of placing that was tried reaches it"
        )
    limits: Ceilings | None = None
    arrays: list[Arrays] = []
    results: list[Result] = []
    if run:
        progress("measuring the machine", 0)
        limits = ceilings(machine)
        progress("making weights", 0)
        weights = network_weights(graph, planned, weights_file, seed)
        arrays = [folded(step, weights) for step in planned.steps]
    for batch in batches:
        if not run or limits is None:
            results.append(result(planned, batch))
            continue
        program = backend.prepare(planned, arrays, batch, threads=machine.threads)
        results.append(run_batch(program, limits, seconds, progress))
        if not all(np.isfinite(output).all() for output in program.outputs):
            said.append(f"batch {batch}: some outputs are not finite with these weights")
        said += fallbacks(program)
        program.close()
        del program
    return Bench(
        name=graph.name,
        source=source,
        inputs={n.name: n.output_shapes[0] for n in graph.nodes if isinstance(n.layer, Input)},
        device="cpu",
        engine=backend.name,
        algorithm=algorithm,
        dtype="float32",
        weights=weights_file or f"random (He), seed {seed}",
        machine=machine,
        ceilings=limits,
        method=METHOD,
        notes=tuple(dict.fromkeys(said)),
        results=tuple(results),
    )


def fallbacks(program: Program) -> list[str]:
    """Which steps the backend's own kernels do not run, by reason."""
    reasons: dict[str, list[str]] = {}
    for step, reason in program.fallen_back.items():
        reasons.setdefault(reason, []).append(step)
    return [f"NumPy runs {', '.join(steps)}: {reason}" for reason, steps in reasons.items()]


def check_memory(planned: Plan, batch: int, from_file: bool) -> None:
    """Raise TooLarge unless weights, arena and scratch fit in what is free."""
    weights = planned.weight_values * (2 if from_file else 1)
    values = weights + batch * planned.arena_values + planned.scratch_values(batch)
    free = free_memory()
    if free is not None and values * WIDTH > free:
        raise TooLarge(
            f"batch {batch} of {planned.fused.graph.name} needs {mebibytes(values * WIDTH)} "
            f"(weights {mebibytes(weights * WIDTH)}, arena "
            f"{mebibytes(batch * planned.arena_values * WIDTH)}, scratch "
            f"{mebibytes(planned.scratch_values(batch) * WIDTH)}); free: {mebibytes(free)}"
        )


def network_weights(graph: Graph, planned: Plan, file: str | None, seed: int) -> Weights:
    if file is None:
        return Weights(graph, seed)
    used: list[Node] = [node for step in planned.steps for node in step.sources]
    return GivenWeights(graph, read(file), used)


def run_batch(program: Program, limits: Ceilings, seconds: float, progress: Progress) -> Result:
    """Measure whole runs, then single steps."""
    random = np.random.default_rng(1)
    images = tuple(
        random.standard_normal(place.shape, dtype=np.float32) for place in program.inputs
    )
    what = f"batch {program.batch}"
    timing = measure(lambda: program.run(*images), seconds, lambda share: progress(what, share))
    runs = max(3, min(STEP_RUNS, round(seconds / timing.median)))
    times = medians([program.time_steps(*images) for _ in range(runs)])
    found = result(program.plan, program.batch)
    steps = (timed(step, time, limits) for step, time in zip(found.steps, times, strict=True))
    return replace(
        found,
        images_per_second=program.batch / timing.median,
        timing=timing,
        steps=tuple(steps),
    )


def result(planned: Plan, batch: int) -> Result:
    """What is known of a batch size before anything runs."""
    return Result(
        batch=batch,
        images_per_second=None,
        timing=None,
        arena_bytes=planned.arena_values * batch * WIDTH,
        peak_bytes=planned.peak_values * batch * WIDTH,
        scratch_bytes=planned.scratch_values(batch) * WIDTH,
        weight_bytes=planned.weight_values * WIDTH,
        steps=tuple(
            row(planned, step, kernel, batch)
            for step, kernel in zip(planned.steps, planned.kernels, strict=True)
        ),
    )


def row(planned: Plan, step: Step, kernel: Kernel, batch: int) -> StepRow:
    """A step of the plan as a row of the report."""
    flops = batch * cost(step.node).flops
    moved = WIDTH * (batch * step.traffic + step.weights)
    output = step.outputs[0]
    return StepRow(
        name=step.name,
        label=step.node.layer.label(),
        layers=tuple(node.name for node in step.sources),
        kernel=kernel.name,
        algorithm=kernel.algorithm,
        layout=kernel.layout,
        output=output.shape,
        in_place=step.in_place,
        arena_offset=WIDTH * (batch * planned.slots[output.slot].offset + output.lies.offset),
        arena_bytes=WIDTH * batch * prod(output.shape),
        macs=batch * step.macs,
        flops=flops,
        bytes=moved,
        intensity=flops / moved if moved else 0.0,
    )


def timed(step: StepRow, nanoseconds: float, limits: Ceilings) -> StepRow:
    """A row with its time, and the roofline beside it."""
    least, by = bound(limits, step.flops, step.bytes)
    return replace(
        step,
        milliseconds=nanoseconds / 1e6,
        bound_milliseconds=least * 1e3,
        bound_by=by,
        percent_of_bound=100 * least * 1e9 / max(nanoseconds, 1),
    )
