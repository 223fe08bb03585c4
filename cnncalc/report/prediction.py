"""A prediction as text: each step with the least time that the machine allows it."""

import csv as lines
from collections.abc import Iterator
from io import StringIO

from msgspec.structs import asdict

from ..analysis.prediction import LeastTime, Prediction
from ..terminal import printable
from ..units import GIGA, milliseconds, scaled
from .cells import Cells, Heading
from .csv import inert
from .error import ReportError
from .header import wrapped
from .json import render as render_json
from .markdown import escape

FORMATS = ("table", "plain", "markdown", "csv", "json")
HEADINGS = (
    Heading("Step", left=True), Heading("Layer", left=True, drop=5), Heading("Output", drop=4),
    Heading("MACs", drop=1), Heading("MiB moved", drop=2), Heading("FLOP/byte", drop=3),
    Heading("Least ms"), Heading("by", left=True),
)  # fmt: skip


def render(found: Prediction, format: str, width: int | None = None) -> str:  # noqa: A002
    """The prediction in one of `FORMATS`. Raises ReportError for another one."""
    match format:
        case "table" | "plain":
            return "\n".join(text(found, width)) + "\n"
        case "markdown":
            return "\n".join(markdown(found)) + "\n"
        case "csv":
            return csv(found)
        case "json":
            return render_json(found)
        case _:
            allowed = ", ".join(FORMATS)
            raise ReportError(f"a prediction has no format {format}", f"formats: {allowed}")


def head(found: Prediction) -> Iterator[str]:
    """What was assumed: the input, the machine, its ceilings, and the formula."""
    inputs = ", ".join("x".join(map(str, shape)) for shape in found.inputs.values())
    machine, limits = found.machine, found.ceilings
    fused = f"by engine {found.engine}" if found.engine else "as by any engine"
    yield f"input {inputs}, batch {found.batch:,}, {found.dtype}, fused {fused}"
    yield f"{printable(machine.cpu)}, {machine.threads} of {machine.cores} cores"
    yield (
        f"ceilings: {limits.flops_per_second / GIGA:.1f} GFLOP/s, "
        f"{limits.bytes_per_second / GIGA:.1f} GB/s ({limits.method})"
    )
    yield (
        "least time of a step: its FLOPs at the one ceiling, or its bytes at the other, with "
        "inputs, outputs and weights each moved once; nothing was run"
    )


def remarks(found: Prediction) -> Iterator[str]:
    """What follows, and what to keep in mind."""
    sums = found.totals
    yield (
        f"{sums.images_per_second:,.1f} images/s if every step takes its least time: "
        f"{milliseconds(sums.bound_milliseconds)} ms, of which "
        f"{milliseconds(sums.compute_milliseconds)} ms bound by compute and "
        f"{milliseconds(sums.memory_milliseconds)} ms by memory"
    )
    yield from (f"note: {note}" for note in found.notes)


def cells(found: Prediction) -> Cells:
    rows = [
        (
            printable(name), printable(one.label), "x".join(map(str, one.output)),
            *amounts(one.macs, one.bytes, one.intensity, one.bound_milliseconds), one.bound_by,
        )
        for name, one in found.layers.items()
    ]  # fmt: skip
    sums = found.totals
    intensity = sums.flops / sums.bytes if sums.bytes else 0.0
    row = amounts(sums.macs, sums.bytes, intensity, sums.bound_milliseconds)
    return Cells(HEADINGS, [*rows, ("total", "", "", *row, "")])


def amounts(macs: int, moved: int, intensity: float, least: float) -> tuple[str, str, str, str]:
    times = milliseconds(least)
    return scaled(macs) or f"{macs:,}", f"{moved / 2**20:.2f}", f"{intensity:.1f}", times


def text(found: Prediction, width: int | None) -> Iterator[str]:
    yield printable(found.name)
    for sentence in head(found):
        yield from wrapped(sentence, width)
    yield ""
    table, dropped = cells(found).fitting(width)
    yield from table.text()
    if dropped:
        yield f"(no room for: {', '.join(dropped)})"
    yield ""
    for sentence in remarks(found):
        yield from wrapped(sentence, width)


def markdown(found: Prediction) -> Iterator[str]:
    yield f"## {escape(printable(found.name))}"
    yield ""
    yield from (f"{escape(line)}  " for line in head(found))
    yield ""
    yield from cells(found).markdown()
    yield ""
    yield from (f"{escape(line)}  " for line in remarks(found))


def csv(found: Prediction) -> str:
    """One line for each step, no totals; times in full."""
    out = StringIO()
    writer = lines.writer(out, lineterminator="\n")
    writer.writerow(("step", *LeastTime.__struct_fields__))
    for name, one in found.layers.items():
        layers, shape = " ".join(one.layers), "x".join(map(str, one.output))
        row = asdict(one) | {"layers": layers, "output": shape}
        writer.writerow(inert(str(cell)) for cell in (name, *row.values()))
    return out.getvalue()
