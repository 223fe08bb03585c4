"""A reconciliation as text: the ledger from exact MACs to the figure of another tool."""

from collections.abc import Iterator

from ..analysis.reconciliation import Code, Reconciliation
from ..terminal import pad, printable
from ..units import thousands
from .cells import Cells, Heading
from .error import ReportError
from .header import wrapped
from .json import render as render_json
from .markdown import escape

FORMATS = ("table", "plain", "markdown", "json")
#: Columns of text where there is no terminal.
WIDTH = 80


def render(found: Reconciliation, format: str, width: int | None = None) -> str:  # noqa: A002
    """The reconciliation in one of `FORMATS`. Raises ReportError for another one."""
    match format:
        case "table" | "plain":
            return "\n".join(text(found, min(width or WIDTH, 100))) + "\n"
        case "markdown":
            return "\n".join(markdown(found)) + "\n"
        case "json":
            return render_json(found)
        case _:
            allowed = ", ".join(FORMATS)
            raise ReportError(f"a ledger has no format {format}", f"formats: {allowed}")


def title(found: Reconciliation) -> str:
    shapes = ", ".join("x".join(map(str, shape)) for shape in found.inputs.values())
    name = printable(found.name)
    return f"{name} as {found.tool} {found.version} counts it, one image of {shapes}"


def rows(found: Reconciliation) -> Iterator[tuple[str, str, str]]:
    """Cause, layers, amount, down to the figure itself."""
    exact = "  exact MACs: convolution and linear layers"
    yield exact, thousands(found.layers), thousands(found.macs)
    for entry in found.ledger:
        sign = "+" if entry.amount > 0 else "-"
        yield f"{sign} {entry.cause}", thousands(entry.layers), thousands(abs(entry.amount))
    yield f"= {found.unit} of {found.tool}", "", thousands(found.totals.macs)


def text(found: Reconciliation, width: int) -> Iterator[str]:
    """The ledger in columns, and below what there is to know of it."""
    lines = list(rows(found))
    amount = max(len(number) for _, _, number in lines)
    layers = len("Layers")
    cause = max(width - amount - layers - 4, 30)
    yield from wrapped(title(found), width)
    yield ""
    yield f"{pad('', cause)}  Layers  {pad('Amount', amount, left=False)}"
    for number, (what, count, figure) in enumerate(lines):
        if number == len(lines) - 1:
            yield f"{pad('', cause)}  {pad('', layers)}  {'-' * amount}"
        first, *rest = wrapped(what.lstrip(), cause)
        first = what[: len(what) - len(what.lstrip())] + first
        count, figure = pad(count, layers, left=False), pad(figure, amount, left=False)
        yield f"{pad(first, cause)}  {count}  {figure}"
        yield from (f"  {line}" for line in rest)
    yield ""
    for remark in remarks(found):
        yield from wrapped(remark, width)


def remarks(found: Reconciliation) -> Iterator[str]:
    """What the tool leaves out, what the figure takes for granted, how to get it."""
    if found.macs:
        base, words = (2 * found.macs, "2 × ") if found.unit == "FLOPs" else (found.macs, "")
        ratio = 100 * (found.totals.macs - base) / base
        yield f"That is {ratio:+.3f} % off {words}the exact MACs."
    if found.ignored:
        kinds = ", ".join(
            f"{row.kind} ({thousands(row.layers)} layer{'s' if row.layers > 1 else ''}, "
            f"{thousands(row.flops)} FLOPs)"
            for row in found.ignored
        )
        yield f"Counted as nothing: {kinds}."
    if words := ", ".join(code(found.code)):
        yield f"As torchvision's code has it: {words}."
    if found.trained:
        yield (
            f"Trained, its biases are not zero any more and it counts {thousands(found.trained)} "
            f"more: {thousands(found.totals.macs + found.trained)}."
        )
    yield f"Get it: {found.call}"


def code(written: Code) -> Iterator[str]:
    if written.functions:
        yield f"{' and '.join(written.functions)} as calls of functions"
    if written.methods:
        yield f"{' and '.join(written.methods)} as methods of tensors"
    if written.zero_biases:
        yield "biases that start at zero"


def markdown(found: Reconciliation) -> Iterator[str]:
    headings = (Heading("Cause", left=True), Heading("Layers"), Heading("Amount"))
    yield f"## {escape(title(found))}"
    yield ""
    yield from Cells(headings, [(what.strip(), *rest) for what, *rest in rows(found)]).markdown()
    yield ""
    yield from (f"{escape(remark)}  " for remark in remarks(found))
