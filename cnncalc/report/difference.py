"""A `Difference` between two networks as text, for a terminal, a pipe or a pull request."""

from collections.abc import Iterator
from typing import NamedTuple

from ..analysis.difference import Change, Difference, Figures, Network, Sort
from ..layers import Shape
from ..terminal import printable
from ..units import scaled, thousands
from . import json
from .cells import Cells, Heading
from .header import wrapped
from .markdown import escape

#: The formats, and what each is for.
FORMATS = {
    "table": "for a terminal",
    "plain": "aligned text, for pipes and logs",
    "markdown": "for a comment on a pull request",
    "json": "every change, for programs",
}
#: How a row begins, and its colour on a terminal.
SIGNS: dict[Sort, str] = {
    "added": "+", "removed": "-", "changed": "~", "rewired": "~", "field": "", "renamed": "",
}  # fmt: skip
COLORS = {"+": "32", "-": "31", "~": "33"}
LAYERS = (
    Heading("", left=True), Heading("Layer", left=True), Heading("What", left=True, drop=1),
    Heading("Output", left=True), Heading("Params"), Heading("MACs"), Heading("Memory", drop=3),
    Heading("RF", drop=2),
)  # fmt: skip
TOTALS = (Heading("Total", left=True), Heading("Before"), Heading("After"), Heading("Difference"),
          Heading("%"))  # fmt: skip


class Signs(NamedTuple):
    """How numbers are written: what stands for minus, between sizes, and for what became what."""

    minus: str
    times: str
    arrow: str


UNICODE, ASCII = Signs("−", "×", "→"), Signs("-", "x", "->")


def render(
    difference: Difference,
    format: str,  # noqa: A002 - the word of the command line
    *,
    every: bool = False,
    width: int | None = None,
    color: bool = False,
) -> str:
    """The difference in one of `FORMATS`.

    ``every``: with the layers of which only the receptive field or the name differs. ``width``
    and ``color`` are for a terminal: columns that do not fit are left out, and named.
    """
    if format == "json":
        return json.render(difference)
    if format == "markdown":
        return "\n".join(markdown(difference, every)) + "\n"
    signs = UNICODE if format == "table" else ASCII
    return "\n".join(text(difference, signs, every, width, color)) + "\n"


def text(
    difference: Difference, signs: Signs, every: bool, width: int | None, color: bool
) -> Iterator[str]:
    """The lines for a terminal or a pipe."""
    yield from wrapped(title(difference, signs), width)
    yield from wrapped(headline(difference, signs), width)
    rows = layer_rows(difference, signs, every)
    if rows:
        table, dropped = Cells(LAYERS, rows).fitting(width)
        head, rule, *lines = table.text()
        yield from ("", head, rule)
        for row, line in zip(rows, lines, strict=True):
            code = COLORS.get(row[0]) if color else None
            yield f"\x1b[{code}m{line}\x1b[0m" if code else line
            if "What" in dropped and ":" in row[2]:
                yield f"     {row[2]}"
        if dropped:
            yield from wrapped(f"Not shown for want of room: {', '.join(dropped)}.", width)
    for note in notes(difference, every):
        yield from wrapped(note, width)
    yield ""
    yield from Cells(TOTALS, total_rows(difference, signs)).text()


def markdown(difference: Difference, every: bool) -> Iterator[str]:
    """A heading, the sums, the layers: what matters most comes first."""
    yield f"### {escape(title(difference, UNICODE))}"
    yield from ("", f"**{escape(headline(difference, UNICODE))}**", "")
    yield from Cells(TOTALS, total_rows(difference, UNICODE)).markdown()
    rows = layer_rows(difference, UNICODE, every)
    if rows:
        yield ""
        yield from Cells(LAYERS, rows).markdown()
    said = list(notes(difference, every))
    if said:
        yield from ("", *map(escape, said))


def title(difference: Difference, signs: Signs) -> str:
    """``AlexNet → AlexNet without layer 7``; what the user typed, if the names are one."""
    before, after = difference.before, difference.after
    names = (before.name, after.name)
    if before.name == after.name:
        names = (f"{before.name}, {before.spec}", after.spec)
    return printable(f" {signs.arrow} ".join(names))


def headline(difference: Difference, signs: Signs) -> str:
    """The differences that everybody asks for first, in one line."""
    if not difference.differs:
        return "no difference"
    before, after = difference.before.totals, difference.after.totals
    pairs = (("params", before.params, after.params), ("MACs", before.macs, after.macs))
    parts = []
    for name, old, new in pairs:
        remarks = ", ".join(
            filter(None, (scaled_delta(new - old, signs), percent(old, new, signs)))
        )
        parts.append(f"{signed(new - old, signs)} {name}" + (f" ({remarks})" if remarks else ""))
    return ", ".join(parts)


def notes(difference: Difference, every: bool) -> Iterator[str]:
    """What the rows do not show."""
    counts = dict.fromkeys(SIGNS, 0)
    for change in difference.changes:
        counts[change.sort] += 1
    hidden = [] if every else [
        (counts["field"], "only in the receptive field"), (counts["renamed"], "only in the name"),
    ]  # fmt: skip
    for count, how in hidden:
        if count:
            yield f"{layers(count)} more {'differs' if count == 1 else 'differ'} {how} (--all)."
    yield f"{layers(difference.same)} {'is' if difference.same == 1 else 'are'} the same."


def layers(count: int) -> str:
    return f"{count:,} layer{'s' * (count != 1)}"


# ------------------------------------------------------------------------------------------- rows


def layer_rows(difference: Difference, signs: Signs, every: bool) -> list[list[str]]:
    return [row(change, signs) for change in difference.changes if every or SIGNS[change.sort]]


def row(change: Change, signs: Signs) -> list[str]:
    """A layer: with the numbers it had or has, signed; for one that stayed, with what changed."""
    name = printable(change.name)
    if change.old_name and change.sort != "changed" and change.sort != "rewired":
        name = f"{printable(change.old_name)} {signs.arrow} {name}"
    return [
        SIGNS[change.sort], name, what(change, signs), outputs(change, signs),
        *(signed(change.delta(field), signs) for field in ("params", "macs", "memory_bytes")),
        fields(change.before, change.after, signs),
    ]  # fmt: skip


def what(change: Change, signs: Signs) -> str:
    """The kind, and what happened to it beside numbers."""
    parts = [f"{name} {old} {signs.arrow} {new}" for name, (old, new) in change.options.items()]
    if change.sort == "rewired":
        parts.append("reads another layer")
    return printable(change.kind + (f": {', '.join(parts)}" if parts else ""))


def outputs(change: Change, signs: Signs) -> str:
    """The shape, and the one before where it was another."""
    written = [
        " + ".join(shape(sizes, signs) for sizes in side.outputs)
        for side in (change.before, change.after)
        if side
    ]
    return f" {signs.arrow} ".join(dict.fromkeys(written))


def shape(sizes: Shape, signs: Signs) -> str:
    return signs.times.join(map(str, sizes))


def fields(before: Figures | None, after: Figures | None, signs: Signs) -> str:
    """How much further a unit sees, along each axis if they differ; for a layer that came or
    went, how far."""
    if before is None or after is None:
        side = before or after
        return sizes(side.receptive_field, signs) if side else ""
    return field_delta(before.receptive_field, after.receptive_field, signs)


def field_delta(old: Shape, new: Shape, signs: Signs) -> str:
    if len(old) != len(new):
        return f"{sizes(old, signs)} {signs.arrow} {sizes(new, signs)}"
    deltas = [signed(b - a, signs) for a, b in zip(old, new, strict=True)]
    return deltas[0] if len(set(deltas)) == 1 else ", ".join(deltas)


def sizes(field: Shape, signs: Signs) -> str:
    if not field:
        return "none"
    return str(field[0]) if len(set(field)) == 1 else shape(field, signs)


# ----------------------------------------------------------------------------------------- totals


def total_rows(difference: Difference, signs: Signs) -> list[list[str]]:
    """The sums of both sides, and what they differ in."""
    before, after = difference.before, difference.after
    heads = bool(before.training_totals or after.training_totals)
    rows = [
        [name, thousands(old), thousands(new), signed(new - old, signs), percent(old, new, signs)]
        for (name, old), (_, new) in zip(sums(before, heads), sums(after, heads), strict=True)
        if old is not None and new is not None
    ]
    old_field, new_field = before.receptive_field, after.receptive_field
    rows.append(
        ["receptive field", sizes(old_field, signs), sizes(new_field, signs),
         field_delta(old_field, new_field, signs), ""]
    )  # fmt: skip
    for name, old, new in (
        ("input", tuple(before.inputs.values()), tuple(after.inputs.values())),
        ("output", before.totals.outputs, after.totals.outputs),
    ):
        one, other = (" + ".join(shape(item, signs) for item in side) for side in (old, new))
        rows.append([name, one, other, "" if one == other else "another", ""])
    return rows


def sums(network: Network, heads: bool) -> list[tuple[str, int | None]]:
    """The sums by name; ``heads``: with those of the network that is trained, its heads and all."""
    totals, memory = network.totals, network.totals.memory
    rows = [
        ("layers", totals.layers),
        ("params", totals.params),
        ("  trainable", totals.trainable),
        ("buffers", totals.buffers),
        ("MACs", totals.macs),
        ("FLOPs", totals.flops),
        ("activations, bytes", memory.activations_bytes),
        ("peak, bytes", memory.peak_bytes),
        ("training, bytes", memory.training_bytes),
    ]
    if heads:
        training = network.training_totals or totals
        rows += [("params with heads", training.params), ("MACs with heads", training.macs)]
    return rows


def signed(number: int, signs: Signs) -> str:
    """``+1,024``; 0 is bare."""
    if not number:
        return "0"
    return f"{'+' if number > 0 else signs.minus}{abs(number):,}"


def scaled_delta(number: int, signs: Signs) -> str:
    text = scaled(abs(number))
    return f"{'+' if number > 0 else signs.minus}{text}" if text else ""


def percent(old: int, new: int, signs: Signs) -> str:
    """The difference in parts of what there was, with one decimal, in whole-number arithmetic."""
    if not old or old == new:
        return ""
    tenths = (2 * 1000 * abs(new - old) + old) // (2 * old)
    return f"{'+' if new > old else signs.minus}{tenths // 10:,}.{tenths % 10} %"
