"""``cnncalc explain SPEC LAYER``: every number of one layer, with its formula.

The values are those of the summary; the formulas come from running the layer's own code on
numbers that remember how they were made (`cnncalc.analysis.derivation`).
"""

from collections.abc import Iterator, Sequence

from ..analysis.derivation import Derivation, Equation, axis_names, derive, equations
from ..analysis.derivation import receptive_field as field_after
from ..analysis.summary import DTYPES, Field, LayerSummary, Summary
from ..analysis.traced import Symbol, Traced, symbol
from ..graph import Graph, Node
from ..layers import options, show_shape
from ..layers.options import show
from ..terminal import printable
from ..terminal import width as columns
from ..units import mebibytes, scaled, thousands
from .equation import Line, merge_axes, prose
from .ownership import ownership, saved
from .reference import explain_kind
from .rule_page import explain_rule

__all__ = ["entry", "explain_kind", "explain_layer", "explain_rule"]

Row = Line | str


def explain_layer(graph: Graph, node: Node, summary: Summary, *, width: int = 80) -> str:
    """The derivation of a layer's numbers as text of so many columns, ending in a newline."""
    page = _Page(graph, node, summary)
    sections = [(title, list(rows)) for title, rows in page.sections()]
    names = max(
        (columns(row.name) for _, rows in sections for row in rows if isinstance(row, Line)),
        default=0,
    )
    result = page.header(width)
    for title, rows in sections:
        if not rows:
            continue
        result += ["", title]
        for row in rows:
            result += row.lines(names, width) if isinstance(row, Line) else prose(row, width)
    return "\n".join(result) + "\n"


def entry(node: Node) -> str:
    """The layer as an entry of a spec, with the options that are not at their default."""
    given = []
    for option in options(type(node.layer)).values():
        value = getattr(node.layer, option.name)
        default = option.default
        if option.per_axis and isinstance(value, tuple) and len(set(value)) == 1:
            (value,) = set(value)
        if option.required or value != default:
            given.append(f"{option.name}: {value if isinstance(value, str) else show(value)}")
    return f"{node.layer.kind}: {{{', '.join(given)}}}" if given else node.layer.kind


class _Page:
    """The sections of one layer's page. ``known``: the named numbers that were derived above."""

    def __init__(self, graph: Graph, node: Node, summary: Summary) -> None:
        self.graph = graph
        self.node = node
        self.summary = summary
        self.row: LayerSummary = summary.layers[node.name]
        self.derivation: Derivation = derive(node.layer, node.input_shapes)
        self.known: set[str] = set()

    def header(self, width: int) -> list[str]:
        node = self.node
        place = f"{printable(node.span.path)}:{node.span.line}" if node.span else ""
        title = f"{printable(node.name)}: {self.row.label} in {printable(self.graph.name)}"
        gap = width - columns(title) - columns(place)
        if place and gap >= 2:
            first = [title + " " * gap + place]
        else:
            first = [*prose(title, width, indent=0), *([place] if place else [])]
        return [*first, *prose(entry(node), width, hang=2)]

    def sections(self) -> Iterator[tuple[str, Iterator[Row]]]:
        yield "Input", self.input()
        yield "Options", self.options()
        yield "Output", self.output()
        yield "Parameters", self.parameters()
        yield "Operations", self.operations()
        yield "Rows and columns that are never read", self.lost()
        yield "Receptive field on the image", self.receptive_field()
        yield f"Memory, one image in {self.summary.dtype}", self.memory()

    # -------------------------------------------------------------------- sections

    def input(self) -> Iterator[Row]:
        for value, sizes in zip(self.node.inputs, self.derivation.inputs, strict=True):
            name = printable(self.graph.nodes[value.node].name)
            port = f" (output {value.port + 1})" if value.port else ""
            yield f"{name}{port} {show_shape(sizes)}: {_assignments(sizes)}"

    def options(self) -> Iterator[Row]:
        if not self.node.inputs:
            return
        table = []
        for option in options(type(self.node.layer)).values():
            value = getattr(self.derivation.layer, option.name)
            parts = value if isinstance(value, tuple) else (value,)
            flat = [x for part in parts for x in (part if isinstance(part, tuple) else (part,))]
            if any(isinstance(part, Traced) for part in flat):
                table.append((_assignments(flat), f"{option.name}: {option.text}"))
            elif option.required or value != option.default:
                shown = value if isinstance(value, str) else show(value)
                table.append((f"{option.name} {shown}", option.text))
        column = max((columns(values) for values, _ in table), default=0)
        yield from (f"{values:<{column}}  {text}" for values, text in table)

    def output(self) -> Iterator[Row]:
        if self.derivation.keeps_shape:
            yield f"the shape of the input: {show_shape(self.row.output)}"
            yield from self.lines("values", self.derivation.values, self.row.values)
            return
        several = len(self.derivation.outputs) > 1
        for number, sizes in enumerate(self.derivation.outputs, 1):
            if several:
                yield f"output {number}: {show_shape(sizes)}"
            suffix = str(number) if several and len(set(self.derivation.outputs)) > 1 else ""
            found: list[tuple[str, Equation]] = []
            for axis, size in zip(axis_names(len(sizes)), sizes, strict=True):
                found += self.on_axis(axis, f"{axis}_out{suffix}", size)
            yield from map(Line, merge_axes(found))
        yield from self.lines("values", self.derivation.values, self.row.values)

    def parameters(self) -> Iterator[Row]:
        tensors = self.derivation.weights
        if self.row.shares is not None:
            yield (
                f"none of its own: it uses those of {printable(self.row.shares)}, "
                "which are counted there"
            )
        elif not tensors:
            yield "none: there is nothing to learn here"
        else:
            yield from self.counts()
        held = self.derivation.buffers
        for name, count in held.items():
            yield from self.lines(name, count)
        if len(held) > 1:
            yield from self.lines("buffers", _total(held), self.row.buffers)

    def counts(self) -> Iterator[Row]:
        tensors = self.derivation.weights
        weights = {name: count for name, count in tensors.items() if name != "bias"}
        if len(weights) > 1:
            for name, count in weights.items():
                yield from self.lines(name, count)
            yield from self.lines("weights", _total(weights), self.row.weights)
        else:
            for count in weights.values():
                yield from self.lines("weights", count, self.row.weights)
        if "bias" in tensors:
            yield from self.lines("biases", tensors["bias"], self.row.biases)
            both = symbol("weights", self.row.weights) + symbol("biases", self.row.biases)
            yield from self.lines("params", both, self.row.params)
        if self.row.frozen:
            yield "All of them are frozen: training leaves them as they are."
        else:
            yield "All of them are trainable."

    def operations(self) -> Iterator[Row]:
        macs, others = self.derivation.macs, self.derivation.operations
        if not self.row.flops:
            yield "none: values are moved at most, and that is not counted"
            return
        if macs:
            yield from self.lines("MACs", macs, self.row.macs)
        if macs:
            others = 2 * symbol("MACs", int(macs)) + others
        yield from self.lines("FLOPs", others, self.row.flops)

    def lost(self) -> Iterator[Row]:
        if not self.row.lost:
            return
        if not any(self.row.lost):
            yield "none: the windows reach the end of the padded input"
            return
        found: list[tuple[str, Equation]] = []
        names = axis_names(len(self.row.lost) + 1)[1:]
        for axis, count in zip(names, self.derivation.lost, strict=True):
            what = {"H": "rows", "W": "columns", "D": "slices"}.get(axis, "positions")
            found += self.on_axis(axis, what, count)
        yield from map(Line, merge_axes(found))

    def receptive_field(self) -> Iterator[Row]:
        fields = self.row.receptive_field
        before = [self.summary.layers[name].receptive_field for name in self.row.reads]
        if not fields:
            return
        names = axis_names(len(fields) + 1)[1:]
        if len(before) == 1 and len(before[0]) == len(fields):
            formulas = self.recurrence(before[0], names)
            if formulas:
                yield from map(Line, formulas)
                return
        if len(before) > 1:
            yield "The union of what its inputs see:"
            for name, seen in zip(self.row.reads, before, strict=True):
                yield f"{printable(name)}: {_fields(seen, names)}"
            yield f"together: {_fields(fields, names)}"
        elif before and before[0] == fields:
            yield f"as before it: {_fields(fields, names)}"
        else:
            yield _fields(fields, names)

    def recurrence(self, before: Sequence[Field], names: Sequence[str]) -> list[Equation]:
        """r, j and start by the usual recurrence; [] where it is not what happens here."""
        if self.node.layer.windows(self.node.input_shapes) is None:
            return []
        found: list[tuple[str, Equation]] = []
        for axis, (letter, seen, made) in enumerate(
            zip(names, before, self.row.receptive_field, strict=True)
        ):
            step = field_after(self.derivation, axis, seen)
            if step != (made.size, made.jump, made.start):
                return []
            for name, value in zip(("r", "j", "start"), step, strict=True):
                found += self.on_axis(letter, f"{name}_{letter.lower()}", value)
        return merge_axes(found)

    def memory(self) -> Iterator[Row]:
        size = DTYPES[self.summary.dtype]
        yield ownership(self.graph, self.node, self.row)
        if self.row.owns_memory:
            values = symbol("values", self.row.values)
            yield from self.lines("bytes", values * size, self.row.output_bytes)
        if self.summary.dtype != "int8":
            yield saved(self.graph, self.node, size)

    # -------------------------------------------------------------------- their parts

    def equations(self, name: str, value: int) -> Iterator[Equation]:
        return equations(name, value, self.known)

    def on_axis(self, axis: str, name: str, value: int) -> list[tuple[str, Equation]]:
        return [(axis, equation) for equation in self.equations(name, value)]

    def lines(self, name: str, value: int, truth: int | None = None) -> Iterator[Line]:
        """The equations of a value; the plain number where the derivation missed the truth."""
        if truth is not None and int(value) != truth:
            value = truth
        *parts, last = self.equations(name, value)
        yield from map(Line, parts)
        in_bytes = name == "bytes"
        remark = mebibytes(last.value) if in_bytes else scaled(last.value)
        yield Line(last, f"({remark})" if remark else "")


def _total(counts: dict[str, int]) -> int:
    return sum(symbol(name, int(count)) for name, count in counts.items())


def _assignments(sizes: Sequence[object]) -> str:
    """``C_in = 3, H = 224``, each name once."""
    found = {}
    for size in sizes:
        if isinstance(size, Traced) and isinstance(size.expression, Symbol):
            found[size.expression.name] = size
    return ", ".join(f"{name} = {thousands(size)}" for name, size in found.items())


def _fields(fields: Sequence[Field], names: Sequence[str]) -> str:
    """Receptive fields in words, axes that agree together."""
    groups: dict[Field, list[str]] = {}
    for field, name in zip(fields, names, strict=False):
        groups.setdefault(field, []).append(name)
    parts = []
    for field, letters in groups.items():
        jump = "no single step" if field.jump is None else f"step {field.jump}"
        parts.append(
            f"{thousands(field.size)} along {' and '.join(letters)}, {jump}, "
            f"from {thousands(field.start).replace('-', '−')}"
        )
    return "; ".join(parts) or "nothing of the image"
