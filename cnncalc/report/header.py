"""What stands above every table: which network, which input, and what the words mean."""

from textwrap import wrap

from ..analysis.summary import DTYPES, Summary
from ..terminal import printable

DEFINITIONS = (
    "Counts are exact and for one image, whatever the batch.",
    "1 MAC = one multiply and one add; FLOPs count every floating-point operation.",
    "M = 10^6, G = 10^9, MiB = 2^20 bytes.",
)


def title(summary: Summary) -> str:
    """The network's name."""
    return printable(summary.name)


def setting(summary: Summary) -> str:
    """Input, batch and dtype: ``input 3x224x224, batch 1, float32 (4 bytes)``."""
    shapes = ["x".join(map(str, shape)) for shape in summary.inputs.values()]
    if len(shapes) == 1:
        inputs = f"input {shapes[0]}"
    else:
        names = map(printable, summary.inputs)
        pairs = (f"{name} {shape}" for name, shape in zip(names, shapes, strict=True))
        inputs = f"inputs {', '.join(pairs)}"
    size = DTYPES[summary.dtype]
    unit = "byte" if size == 1 else "bytes"
    return f"{inputs}, batch {summary.batch:,}, {summary.dtype} ({size} {unit})"


def lines(summary: Summary) -> list[str]:
    """All that is said above the table, below the title."""
    source = [printable(summary.source)] if summary.source else []
    return [*source, setting(summary), *DEFINITIONS]


def wrapped(text: str, width: int | None) -> list[str]:
    """Prose in lines of so many columns; no word or number is broken."""
    if width is None:
        return [text]
    return wrap(text, max(width, 20), break_long_words=False, break_on_hyphens=False)
