"""A `Bench` as text: the result of each batch size, the plan, each step beside its bound."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from ..analysis.measurements import Bench, Ceilings, Result, StepRow
from ..terminal import printable
from ..units import GIGA, mebibytes, milliseconds, scaled
from . import compare, gpu, json
from .cells import Cells, Heading
from .gpu import size

RESULTS = (
    Heading("Batch"), Heading("Images/s"), Heading("ms/batch"), Heading("p5"), Heading("p95"),
    Heading("Spread", drop=3), Heading("Runs", drop=4), Heading("GFLOP/s", drop=1),
    Heading("of peak", drop=2),
)  # fmt: skip
STEPS = (
    Heading("Step", left=True), Heading("Layers", left=True, drop=5), Heading("Kernel", left=True),
    Heading("Output", drop=6), Heading("MACs", drop=2), Heading("MiB moved", drop=3),
    Heading("FLOP/byte", drop=4), Heading("ms"), Heading("Bound"), Heading("by", left=True),
    Heading("of bound"),
)  # fmt: skip
PLAN = (
    Heading("Step", left=True), Heading("Layers", left=True), Heading("Kernel", left=True),
    Heading("Algorithm", left=True, drop=2), Heading("Layout", left=True, drop=3),
    Heading("Output", drop=1), Heading("Arena at"), Heading("Bytes"),
)  # fmt: skip


def render_json(bench: Bench) -> str:
    return json.render(bench)


def render(
    bench: Bench, *, layers: bool = False, explain: bool = False, width: int | None = None
) -> str:
    """The benchmark for a terminal of so many columns, or a pipe.

    ``layers``: each step beside its roofline bound; ``explain``: the plan.
    """
    lines = [printable(bench.name)]
    for text in head(bench):
        lines += prose(text, width)
    measured = [result for result in bench.results if result.timing]
    if measured:
        for table in gpu.tables(bench, measured) if bench.gpu else [results(bench, measured)]:
            lines += ["", *fitted(table, width)]
    for result in bench.results:
        for text in gpu.remarks(result):
            lines += ["", *prose(text, width)]
        if result.comparison:
            lines += ["", *fitted(compare.table(result), width)]
            for text in compare.verdict(result):
                lines += prose(text, width)
        if explain:
            lines += ["", *prose(arena(result), width), ""]
            lines += fitted(gpu.chosen(planned(result), result), width)
        if layers and result.timing:
            lines += ["", *prose(roofline(bench, result), width), ""]
            lines += fitted((gpu.steps if bench.gpu else steps)(result), width)
    for note in bench.notes:
        lines += ["", *prose(f"note: {note}", width)]
    return "\n".join(lines) + "\n"


def prose(text: str, width: int | None) -> list[str]:
    if width is None:
        return [printable(text)]
    return wrap(printable(text), max(width, 40), subsequent_indent="  ", break_on_hyphens=False)


def fitted(table: Cells, width: int | None) -> list[str]:
    """The lines of a table without the columns that do not fit, and which these are."""
    kept, dropped = table.fitting(width)
    more = [f"(no room for: {', '.join(dropped)})"] if dropped else []
    return [*kept.text(), *more]


def head(bench: Bench) -> Iterator[str]:
    """What ran on what, and how it was timed."""
    machine = bench.machine
    inputs = ", ".join("x".join(map(str, shape)) for shape in bench.inputs.values())
    software = " ".join(f"{name} {version}" for name, version in machine.libraries.items())
    yield (
        f"input {inputs}, {bench.dtype}, engine {bench.engine} on {bench.device}, "
        f"algorithm {bench.algorithm}, weights {bench.weights}"
    )
    yield (
        f"{machine.cpu}, {machine.threads} of {machine.cores} cores, {machine.system}, "
        f"Python {machine.python}, {software}"
    )
    yield from gpu.head(bench)
    if bench.ceilings:
        yield (gpu.ceilings if bench.gpu else ceilings)(bench.ceilings)
        yield f"method: {bench.method}"


def ceilings(found: Ceilings) -> str:
    return (
        f"ceilings: {found.flops_per_second / GIGA:.1f} GFLOP/s, "
        f"{found.bytes_per_second / GIGA:.1f} GB/s ({found.method})"
    )


def results(bench: Bench, measured: Sequence[Result]) -> Cells:
    return Cells(RESULTS, [result_row(bench, result) for result in measured])


def planned(result: Result) -> Cells:
    return Cells(PLAN, [plan_row(step) for step in result.steps])


def steps(result: Result) -> Cells:
    return Cells(STEPS, [step_row(step) for step in result.steps])


def result_row(bench: Bench, result: Result) -> list[str]:
    timing, ceilings = result.timing, bench.ceilings
    assert timing is not None
    assert ceilings is not None
    rate = sum(step.flops for step in result.steps) / timing.median
    return [
        str(result.batch), f"{result.images_per_second:.2f}", milliseconds(timing.median * 1e3),
        milliseconds(timing.p5 * 1e3), milliseconds(timing.p95 * 1e3), f"{timing.spread:.1%}",
        str(timing.runs), f"{rate / GIGA:.1f}", f"{rate / ceilings.flops_per_second:.0%}",
    ]  # fmt: skip


def roofline(bench: Bench, result: Result) -> str:
    timing = result.timing
    assert timing is not None
    total = sum(step.milliseconds or 0 for step in result.steps)
    least = sum(step.bound_milliseconds or 0 for step in result.steps)
    return (
        f"batch {result.batch}: median {'micro' if bench.gpu else 'milli'}seconds of each step, "
        "beside the least that the ceilings allow (FLOPs, or bytes of inputs, outputs and weights, "
        f"each moved once); all: {milliseconds(total)} of {milliseconds(least)} ms"
    )


def arena(result: Result) -> str:
    """The arena beside the prediction."""
    same = result.arena_bytes == result.peak_bytes
    some = result.images_at_a_time
    waves = "" if some == result.batch else f"{some} image{'s' * (some > 1)} at a time; "
    return (
        f"batch {result.batch}: {len(result.steps)} steps; {waves}arena "
        f"{result.arena_bytes:,} bytes ({mebibytes(result.arena_bytes)}), "
        f"{'equal to' if same else 'NOT equal to'} the analysis' peak of the fused graph"
        f"{'' if same else f', {result.peak_bytes:,}'}; scratch "
        f"{mebibytes(result.scratch_bytes)}, weights {mebibytes(result.weight_bytes)}"
    )


def step_row(step: StepRow) -> list[str]:
    return [
        printable(step.name), printable(step.label), step.kernel, size(step),
        scaled(step.macs) or f"{step.macs:,}", f"{step.bytes / 2**20:.2f}",
        f"{step.intensity:.1f}", milliseconds(step.milliseconds or 0),
        milliseconds(step.bound_milliseconds or 0), step.bound_by or "",
        f"{step.percent_of_bound or 0:.0f}%",
    ]  # fmt: skip


def plan_row(step: StepRow) -> list[str]:
    where = f"{step.arena_offset:,}"
    return [
        printable(step.name), printable(" + ".join(step.layers[1:]) or "-"), step.kernel,
        step.algorithm, step.layout, size(step), f"{where} in place" if step.in_place else where,
        f"{step.arena_bytes:,}",
    ]  # fmt: skip
