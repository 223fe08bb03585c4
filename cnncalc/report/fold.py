"""Rows of a report: layers, or whole blocks folded into one row."""

from itertools import groupby
from typing import NamedTuple

import msgspec

from ..analysis.summary import LayerSummary, Summary
from .error import ReportError

_SUMMED = ("params", "weights", "biases", "trainable", "frozen", "buffers", "macs", "flops")


class Row(NamedTuple):
    """One line of a table: a layer, or the sum of so many ``layers`` of one block.

    ``lossy``: how many of them leave rows or columns of their input unread.
    """

    layer: LayerSummary
    layers: int
    lossy: int


def rows(summary: Summary, depth: int | None = None) -> list[Row]:
    """The rows of a report; with a depth, layers whose names share so many segments are one.

    Only neighbours are folded, so the order of execution stays. Raises ReportError for a depth
    below 1.
    """
    layers = summary.layers.values()
    if depth is None:
        return [Row(layer, 1, int(any(layer.lost))) for layer in layers]
    if depth < 1:
        raise ReportError(f"depth is {depth}; allowed: 1 or more")

    def block(layer: LayerSummary) -> tuple[str, bool]:
        return ".".join(layer.name.split(".", depth)[:depth]), layer.training

    return [_fold(name, list(members)) for (name, _), members in groupby(layers, block)]


def _fold(name: str, members: list[LayerSummary]) -> Row:
    first, last = members[0], members[-1]
    lossy = sum(any(layer.lost) for layer in members)
    if len(members) == 1:
        return Row(first, 1, lossy)
    owners = [layer for layer in members if layer.owns_memory]
    sums = {field: sum(getattr(layer, field) for layer in members) for field in _SUMMED}
    folded = msgspec.structs.replace(
        last,
        name=name,
        kind=f"{len(members)} layers",
        inputs=first.inputs,
        reads=first.reads,
        weight_shapes={},
        values=sum(layer.values for layer in owners),
        owns_memory=bool(owners),
        output_bytes=sum(layer.output_bytes for layer in owners),
        shares=None,
        **sums,
    )
    return Row(folded, len(members), lossy)
