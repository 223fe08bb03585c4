"""What a benchmark on a GPU has beside that of a CPU, as text."""

from collections.abc import Iterator, Sequence

from ..analysis.measurements import Bench, Ceilings, NumericCheck, Result, Span, StepRow
from ..terminal import printable
from ..units import GIGA, TERA, mebibytes, milliseconds, scaled
from .cells import Cells, Heading

RESULTS = (
    Heading("Batch"), Heading("Images/s"), Heading("ms/batch"), Heading("p5"), Heading("p95"),
    Heading("Windows", drop=2), Heading("Passes", drop=3), Heading("TFLOP/s"),
    Heading("of peak"), Heading("GB/s", drop=1), Heading("of copy", drop=1),
)  # fmt: skip
DETAILS = (
    Heading("Batch"), Heading("p50 ms"), Heading("p90"), Heading("p99"),
    Heading("to GPU ms", drop=4), Heading("to host", drop=4), Heading("SM MHz", drop=2),
    Heading("mem MHz", drop=3), Heading("°C", drop=3), Heading("W"), Heading("J/image"),
    Heading("Error", drop=1),
)  # fmt: skip
STEPS = (
    Heading("Step", left=True), Heading("Layers", left=True, drop=5), Heading("Kernel", left=True),
    Heading("Plan", left=True, drop=6), Heading("Output", drop=7), Heading("MACs", drop=4),
    Heading("MiB moved", drop=3), Heading("FLOP/byte", drop=8), Heading("µs"), Heading("Floor"),
    Heading("by", left=True), Heading("of floor"), Heading("Error", drop=1),
)  # fmt: skip


def ceilings(found: Ceilings) -> str:
    products = ", ".join(f"{name} {rate / TERA:,.1f}" for name, rate in found.products.items())
    return (
        f"ceilings: TFLOP/s {products}; copy {found.bytes_per_second / GIGA:,.0f} GB/s "
        f"({found.method})"
    )


def head(bench: Bench) -> Iterator[str]:
    """The GPU, the software below the engine, and how it computes; nothing for a CPU."""
    gpu, how = bench.gpu, bench.execution
    if gpu is not None:
        driver = [f"driver {gpu.driver}"] if gpu.driver else []
        software = [f"{name} {version}" for name, version in gpu.libraries.items()]
        yield (
            f"{printable(gpu.name)} (cuda:{gpu.number}, compute capability {gpu.capability}, "
            f"{gpu.multiprocessors} multiprocessors, {gpu.memory_bytes / 2**30:.1f} GiB, L2 "
            f"{mebibytes(gpu.cache_bytes)}), {', '.join([*driver, f'CUDA {gpu.cuda}', *software])}"
        )
    if how is not None:
        yield (
            f"TF32 {'on' if how.tf32 else 'off'}, sums in {how.accumulator}, layout {how.layout}, "
            f"CUDA graph {graphs(bench.results)}; timed: {how.timed}"
        )


def graphs(results: Sequence[Result]) -> str:
    """Whether passes are launches of a CUDA graph."""
    found = {result.graphs or 0 for result in results}
    return "off" if found == {0} else "on" if found == {1} else "in parts"


def tables(bench: Bench, measured: Sequence[Result]) -> list[Cells]:
    """Throughput beside the ceilings; then latency, copies, clocks, power, and the error."""
    return [
        Cells(RESULTS, [throughput(bench, result) for result in measured]),
        Cells(DETAILS, [details(result) for result in measured]),
    ]


def throughput(bench: Bench, result: Result) -> list[str]:
    timing, ceilings = result.timing, bench.ceilings
    assert timing is not None
    assert ceilings is not None
    flops, moved = result.flops_per_second or 0, result.bytes_per_second or 0
    return [
        str(result.batch), f"{result.images_per_second:,.1f}", milliseconds(timing.median * 1e3),
        milliseconds(timing.p5 * 1e3), milliseconds(timing.p95 * 1e3), str(timing.runs),
        str(timing.passes or "-"), f"{flops / TERA:,.1f}",
        f"{flops / ceilings.flops_per_second:.0%}", f"{moved / GIGA:,.0f}",
        f"{moved / ceilings.bytes_per_second:.0%}",
    ]  # fmt: skip


def details(result: Result) -> list[str]:
    latency, copies, energy = result.latency, result.host_copies, result.energy
    check = f"{result.check.outputs:.0e}" if result.check else "-"
    return [
        str(result.batch),
        *(map(shown, (latency.p50, latency.p90, latency.p99)) if latency else "---"),
        *(map(shown, (copies.to_device, copies.to_host)) if copies else "--"),
        *((span(energy.sm_mhz), span(energy.memory_mhz), span(energy.celsius),
           f"{energy.watts:.0f}", f"{energy.joules_per_image:.3g}") if energy else "-----"),
        check,
    ]  # fmt: skip


def remarks(result: Result) -> Iterator[str]:
    """What the tables have no room for: what held the clocks down, and the numeric check."""
    energy, check = result.energy, result.check
    if energy is not None:
        limit = f" of {energy.limit_watts:.0f}" if energy.limit_watts else ""
        slowed = ", ".join(energy.slowed_by) or "nothing"
        yield (
            f"batch {result.batch}: {energy.joules:,.0f} J in {energy.seconds:.1f} s and "
            f"{energy.passes:,} passes ({energy.source}), {energy.watts:.0f}{limit} W; clocks held "
            f"down by: {slowed}"
        )
    if check is not None:
        yield f"batch {result.batch}: {verdict(check)}"


def verdict(check: NumericCheck) -> str:
    """The numeric check in a line."""
    images = f"{check.images} image{'s' * (check.images > 1)}"
    return (
        f"numeric check {'passed' if check.passed else 'FAILED'} on {images}: relative L2 error "
        f"against float64 of each step at most {check.worst:.1e} ({printable(check.worst_step)}; "
        f"allowed: {check.limit:g}), of the outputs {check.outputs:.1e}"
    )


def chosen(table: Cells, result: Result) -> Cells:
    """The table of the plan, with what each kernel chose on the device, if it ran there."""
    plans = [printable(step.plan or "-") for step in result.steps]
    if set(plans) <= {"-"}:
        return table
    rows = [[*row, plan] for row, plan in zip(table.rows, plans, strict=True)]
    return Cells([*table.headings, Heading("Chosen on the device", left=True, drop=4)], rows)


def steps(result: Result) -> Cells:
    """Each step beside its floor, in microseconds."""
    return Cells(STEPS, [step_row(step) for step in result.steps])


def step_row(step: StepRow) -> list[str]:
    return [
        printable(step.name), printable(step.label), step.kernel, printable(step.plan or "-"),
        size(step), scaled(step.macs) or f"{step.macs:,}", f"{step.bytes / 2**20:.2f}",
        f"{step.intensity:.1f}", milliseconds(1e3 * (step.milliseconds or 0)),
        milliseconds(1e3 * (step.bound_milliseconds or 0)), step.bound_by or "",
        f"{step.percent_of_bound or 0:.0f}%",
        "-" if step.error is None else f"{step.error:.0e}",
    ]  # fmt: skip


def span(values: Span) -> str:
    """``1,755`` if it never changed, ``1,230–1,980`` if it did."""
    least, most = f"{values.least:,.0f}", f"{values.most:,.0f}"
    return least if least == most else f"{least}–{most}"


def shown(seconds: float) -> str:
    return milliseconds(seconds * 1e3)


def size(step: StepRow) -> str:
    return "x".join(map(str, step.output))
