"""The columns of every table, in one table."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..analysis.summary import DTYPES, LayerSummary, Summary, Totals
from ..diagnostics import did_you_mean
from .error import ReportError
from .fold import Row


class Axes(tuple[int | float | None, ...]):
    """One number per axis; one is shown if all are equal: ``212``, but ``7×5``."""


class Shapes(tuple[tuple[int, ...], ...]):
    """The shapes of all inputs or outputs: ``64×56×56``, ``2 * 64×56×56``, ``3 + 5``."""


class InPlace:
    """The memory of an output that has none of its own."""


Cell = int | str | Axes | Shapes | InPlace | None


class Column(NamedTuple):
    """A column. ``total`` is its sum, if it has one; of those with ``drop`` > 0, a narrow
    terminal goes without the highest first. ``usual``: shown unless --columns says otherwise;
    None stands for where there is something to show."""

    key: str
    heading: str
    unit: str
    doc: str
    value: Callable[[Row], Cell]
    total: Callable[[Totals, int], int] | None = None
    left: bool = False
    drop: int = 9
    usual: bool | None = False


def _count(key: str, heading: str, doc: str, drop: int = 9, usual: bool | None = False) -> Column:
    """A column of a count that layers and totals have under the same name."""
    return Column(
        key,
        heading,
        "",
        doc,
        lambda row: getattr(row.layer, key),
        lambda totals, size: getattr(totals, key),
        drop=drop,
        usual=usual,
    )


def _field(layer: LayerSummary, name: str) -> Axes:
    return Axes(getattr(field, name) for field in layer.receptive_field)


def _lost(row: Row) -> Cell:
    if row.layers > 1:
        return f"in {row.lossy} layer{'s' * (row.lossy > 1)}" if row.lossy else None
    return Axes(row.layer.lost) if row.lossy else None


# fmt: off
_TABLE = (
    Column("name", "Layer", "", "name of the layer",
           lambda row: row.layer.name, left=True, drop=0, usual=True),
    Column("kind", "Kind", "", "kind of the layer",
           lambda row: row.layer.kind, left=True, drop=5, usual=True),
    Column("label", "Label", "", "the layer as the lectures write it",
           lambda row: row.layer.label if row.layers == 1 else None, left=True),
    Column("reads", "Reads", "", "the layers that it reads",
           lambda row: " ".join(row.layer.reads), left=True),
    Column("input", "Input", "C×H×W", "shapes of the inputs",
           lambda row: Shapes(row.layer.inputs), left=True),
    Column("output", "Output", "C×H×W", "shapes of the outputs",
           lambda row: Shapes(row.layer.outputs), left=True, drop=0, usual=True),
    _count("weights", "Weights", "learned numbers that are no biases"),
    _count("biases", "Biases", "learned biases"),
    _count("params", "Params", "weights and biases", 0, True),
    _count("trainable", "Trainable", "params that training changes"),
    _count("frozen", "Frozen", "params that training leaves alone", 6, None),
    _count("buffers", "Buffers", "kept but not learned, and no params"),
    _count("macs", "MACs", "multiply-accumulates for one image", 0, True),
    _count("flops", "FLOPs", "all floating-point operations for one image", 4, True),
    Column("values", "Values", "", "numbers that the outputs hold, for one image",
           lambda row: row.layer.values if row.layer.owns_memory else InPlace(),
           lambda totals, size: totals.activations),
    Column("memory", "Memory", "bytes", "bytes of the outputs, for one image",
           lambda row: row.layer.output_bytes if row.layer.owns_memory else InPlace(),
           lambda totals, size: totals.activations * size, drop=2, usual=True),
    Column("rf", "RF", "px", "receptive field: what one unit sees of the image",
           lambda row: _field(row.layer, "size"), drop=1, usual=True),
    Column("jump", "Jump", "px", "from one unit to the next, in the image",
           lambda row: _field(row.layer, "jump"), drop=3, usual=True),
    Column("start", "Start", "px", "first image row that the first unit sees",
           lambda row: _field(row.layer, "start")),
    Column("lost", "Lost", "H×W", "rows and columns unread because the stride does not divide",
           _lost, drop=2, usual=None),
    Column("shares", "Shares", "", "the layer whose weights it uses",
           lambda row: row.layer.shares, left=True, drop=8, usual=None),
    Column("training", "Runs in", "", "whether the layer runs in training only",
           lambda row: "training" if row.layer.training else None,
           left=True, drop=4, usual=None),
)
# fmt: on

#: The columns by key.
COLUMNS = {column.key: column for column in _TABLE}


def select(keys: Sequence[str] | None, rows: Sequence[Row]) -> list[Column]:
    """The columns of these keys, or the usual ones for these rows; ``all`` is every column.

    Raises ReportError for a key that no column has.
    """
    if keys is None:
        return [
            column
            for column in COLUMNS.values()
            if column.usual or (column.usual is None and any(map(column.value, rows)))
        ]
    if list(keys) == ["all"]:
        return list(COLUMNS.values())
    for key in keys:
        if key not in COLUMNS:
            hint = did_you_mean(key, COLUMNS)
            known = "allowed: " + ", ".join(COLUMNS)
            raise ReportError(f"there is no column {key}", f"{hint} {known}".strip())
    if not keys:
        raise ReportError("no columns are chosen", "allowed: " + ", ".join(COLUMNS))
    return [COLUMNS[key] for key in dict.fromkeys(keys)]


def totals(column: Column, summary: Summary) -> list[int | None]:
    """A column's sums: of the network, and, if there are any, with its training heads."""
    both = [summary.totals, summary.training_totals]
    size = DTYPES[summary.dtype]
    return [column.total(part, size) if column.total else None for part in both if part]
