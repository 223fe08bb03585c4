"""The block below every table: sums of the network, and what they cost in memory."""

from typing import NamedTuple

from ..analysis.summary import DTYPES, Summary, Totals
from ..terminal import pad, printable, width
from ..units import mebibytes, scaled, thousands
from .header import wrapped


class Line(NamedTuple):
    """One total: ``  weights   138,344,128   138.34 M``. ``part``: it is part of one above."""

    label: str
    value: str
    remarks: tuple[str, ...] = ()
    part: bool = False


class Block(NamedTuple):
    title: str
    lines: list[Line]


def blocks(summary: Summary) -> list[Block]:
    """All totals. None of a thing (no frozen params) still is said: 0 is an answer."""
    totals = summary.totals
    memory = totals.memory
    batch = f"batch {summary.batch:,}, {summary.dtype}"
    peak = f"at {printable(memory.peak_layer)}"
    result = [
        Block("Totals for one image", _counts(totals, summary.dtype)),
        Block(
            f"Memory in inference ({batch})",
            [
                _bytes("params and buffers", memory.params_bytes),
                _bytes("activations, all", memory.activations_bytes),
                _bytes("activations, peak", memory.peak_bytes, peak),
            ],
        ),
    ]
    if memory.training_bytes is not None:
        result.append(Block(f"Memory in training ({batch}, {memory.optimizer})", _training(totals)))
    if memory.budget_bytes is not None:
        result.append(
            Block(
                f"Largest batch in {thousands(memory.budget_bytes)} bytes "
                f"({mebibytes(memory.budget_bytes)})",
                [
                    _batch(label, number)
                    for label, number in (
                        ("inference", memory.largest_batch_inference),
                        ("training", memory.largest_batch_training),
                    )
                    if number is not None
                ],
            )
        )
    if summary.training_totals is not None:
        both = summary.training_totals
        heads = "with training heads"
        result.append(Block(f"Totals for one image, {heads}", _counts(both, summary.dtype)))
        if both.memory.training_bytes is not None:
            title = f"Memory in training, {heads} ({batch}, {memory.optimizer})"
            result.append(Block(title, _training(both)))
    return result


def _counts(totals: Totals, dtype: str) -> list[Line]:
    size = totals.activations * DTYPES[dtype]
    return [
        _count("params", totals.params),
        _count("weights", totals.weights, part=True),
        _count("biases", totals.biases, part=True),
        _count("trainable", totals.trainable, part=True),
        _count("frozen", totals.frozen, part=True),
        _count("buffers (no params)", totals.buffers),
        _count("MACs", totals.macs),
        _count("FLOPs", totals.flops),
        _count("activations", totals.activations, "values"),
        _bytes("their memory", size, part=True),
        Line("layers", thousands(totals.layers)),
        Line("output", " + ".join("x".join(map(str, shape)) for shape in totals.outputs)),
    ]


def _training(totals: Totals) -> list[Line]:
    memory = totals.memory
    parts = [
        ("params and buffers", memory.params_bytes),
        ("saved for backward", memory.saved_bytes),
        ("gradients", memory.gradients_bytes),
        ("optimizer state", memory.optimizer_bytes),
        ("sum", memory.training_bytes),
    ]
    return [_bytes(label, number) for label, number in parts if number is not None]


def _count(label: str, number: int, unit: str = "", *, part: bool = False) -> Line:
    remarks = (unit, scaled(number))
    return Line(label, thousands(number), tuple(filter(None, remarks)), part)


def _bytes(label: str, number: int, remark: str = "", *, part: bool = False) -> Line:
    remarks = ("bytes", mebibytes(number), remark)
    return Line(label, thousands(number), tuple(filter(None, remarks)), part)


def _batch(label: str, number: int) -> Line:
    return Line(label, thousands(number), () if number else ("not even one image fits",))


def text(summary: Summary, room: int | None = None) -> list[str]:
    """The blocks as aligned lines; what a narrow room has no place for goes below."""
    sections = blocks(summary)
    every = [line for block in sections for line in block.lines]
    labels = max(width(line.label) + 2 * line.part for line in every) + 2
    values = max(width(line.value) for line in every)
    result = []
    for block in sections:
        result += ["", *wrapped(block.title, room)]
        for line in block.lines:
            label = pad("  " * line.part + line.label, labels)
            result.append(f"  {label}{pad(line.value, values, left=False)}")
            for remark in line.remarks:
                if room is None or width(result[-1]) + 2 + width(remark) <= room:
                    result[-1] += f"  {remark}"
                else:
                    result.append(f"      {remark}")
    return result
