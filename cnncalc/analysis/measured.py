"""The numbers that limits are about: of a network, of its blocks, of its layers."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import NamedTuple

from ..diagnostics import Span
from ..graph import Graph, Value
from ..layers import Shape
from ..metrics import PartKind
from ..patterns import matches
from .receptive_field import Sight
from .summarize import summarize
from .summary import DTYPES, Dtype, LayerSummary, Optimizer, Summary, Totals


class Setting(NamedTuple):
    """What the bytes of a network depend on."""

    batch: int = 1
    dtype: Dtype = "float32"
    optimizer: Optimizer = "sgd"


DEFAULT = Setting()


class Part(NamedTuple):
    """What a limit is of; ``pattern`` says which blocks or layers, each by itself."""

    kind: PartKind
    pattern: str = ""
    span: Span | None = None


class Figure(NamedTuple):
    """A number of a network, with the layer or block it is of, and where that is written."""

    name: str
    numbers: tuple[int, ...]
    span: Span | None = None


class Measured:
    """A network and its numbers, for as many settings as are asked for, if any are."""

    def __init__(self, graph: Graph, seen: dict[Value, Sight] | None = None) -> None:
        """``seen`` is what `sights` found in the graph, if that is known already."""
        self.graph = graph
        self._seen = seen
        self._summaries: dict[Setting, Summary] = {}

    def at(self, setting: Setting = DEFAULT) -> Summary:
        if setting not in self._summaries:
            summary = summarize(self.graph, seen=self._seen, **setting._asdict())
            self._summaries[setting] = summary
        return self._summaries[setting]

    @property
    def summary(self) -> Summary:
        """That in the default setting."""
        return self.at()

    @cached_property
    def spans(self) -> dict[str, Span | None]:
        """Where each layer is written."""
        return {node.name: node.span for node in self.graph.nodes}

    def figures(self, metric: str, part: Part, setting: Setting) -> list[Figure]:
        """The numbers of a metric: one for the network, or one for each block or layer that the
        pattern matches. A receptive field has a number for each axis of the image."""
        summary = self.at(setting)
        if part.kind == "layers":
            return [
                Figure(row.name, layer_numbers(metric, row, summary), self.spans[row.name])
                for row in self.layers(part.pattern)
            ]
        if part.kind == "blocks":
            return [
                Figure(name, (sum(layer_numbers(metric, row, summary)[0] for row in rows),),
                       self.spans[rows[0].name])
                for name, rows in self.blocks(part.pattern)
            ]  # fmt: skip
        if metric == "receptive_field":
            last = self.graph.nodes[self.graph.outputs[0].node].name
            return [Figure("", layer_numbers(metric, summary.layers[last], summary))]
        number = total(metric, self.totals(part, summary))
        return [] if number is None else [Figure("", (number,))]

    def outputs(self, part: Part) -> list[tuple[str, tuple[Shape, ...], Span | None]]:
        """The output shapes of the network, or of each layer that the pattern matches."""
        if part.kind == "layers":
            rows = self.layers(part.pattern)
            return [(row.name, row.outputs, self.spans[row.name]) for row in rows]
        return [("", self.totals(part, self.summary).outputs, None)]

    def totals(self, part: Part, summary: Summary) -> Totals:
        with_heads = summary.training_totals if part.kind == "training" else None
        return with_heads or summary.totals

    def layers(self, pattern: str) -> list[LayerSummary]:
        rows = self.summary.layers.values()
        return [row for row in rows if matches(row.name, pattern)]

    def blocks(self, pattern: str) -> Iterator[tuple[str, list[LayerSummary]]]:
        """The blocks that a pattern matches, whose ``*`` stands for text without a dot."""
        dots = pattern.count(".")
        found: dict[str, list[LayerSummary]] = {}
        for row in self.summary.layers.values():
            parts = row.name.split(".")
            if len(parts) > dots + 1:
                found.setdefault(".".join(parts[: dots + 1]), []).append(row)
        return ((name, rows) for name, rows in found.items() if matches(name, pattern))

    def names(self, kind: PartKind) -> list[str]:
        """The names of all layers, or of all blocks."""
        layers = list(self.summary.layers)
        return layers if kind == "layers" else list(dict.fromkeys(_spaces(layers)))


def _spaces(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        parts = name.split(".")
        yield from (".".join(parts[:end]) for end in range(1, len(parts)))


def total(metric: str, totals: Totals) -> int | None:
    """A number of a whole network; None for one that int8 has not."""
    holder = totals.memory if metric.endswith("_bytes") else totals
    number: int | None = getattr(holder, metric)
    return number


def layer_numbers(metric: str, row: LayerSummary, summary: Summary) -> tuple[int, ...]:
    """A number of a layer; of a receptive field one for each axis."""
    if metric == "receptive_field":
        return tuple(field.size for field in row.receptive_field)
    if metric.startswith("activations"):
        owned = row.output_bytes // DTYPES["float32"]  # of rows in the default setting
        return (
            owned if metric == "activations" else owned * summary.batch * DTYPES[summary.dtype],
        )
    number: int = getattr(row, metric)
    return (number,)
