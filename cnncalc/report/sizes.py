"""A `Survey` of input sizes as text: what is legal, what fits, and which layer loses what."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from textwrap import wrap

import msgspec
from msgspec.structs import replace

from ..analysis.portability import Placing, Port
from ..analysis.sizes import AXIS_WORDS, Loss, Size, Survey, resized
from ..layers import Shape
from ..layers.layer import AXES
from ..terminal import printable
from . import json
from .cells import Cells, Heading
from .ranges import listed, said

#: Columns of text for the words in front of each fact.
LABEL = 16


def render(survey: Survey, ports: Sequence[Port], width: int | None = None) -> str:
    """The survey, and where other frameworks would place the windows for its home input.

    A terminal of ``width`` columns gets prose in lines that fit; no table is cut.
    """
    lines = [printable(survey.name)]
    lines += prose(printable(survey.source), width) if survey.source else []
    pattern = shapes(resized(survey.home.inputs, 0, survey.axis).values()).replace("x0", "xN")
    lines += [f"inputs {pattern}, N from {survey.first:,} to {survey.last:,}", ""]
    for label, text in facts(survey):
        lines += prose(f"{label:{LABEL}}{text}", width, " " * LABEL)
    for title, table in tables(survey, ports):
        lines += ["", *prose(title, width), *(["", *table.text()] if table else [])]
    return "\n".join(lines) + "\n"


def prose(text: str, width: int | None, indent: str = "") -> list[str]:
    """Lines that fit, all but the first indented."""
    if width is None:
        return [text]
    return wrap(
        text, max(width, 40), subsequent_indent=indent, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip


def shapes(several: Iterable[Shape]) -> str:
    return ", ".join("x".join(map(str, sizes)) for sizes in several)


# ------------------------------------------------------------------------------------------ facts


def facts(survey: Survey) -> Iterator[tuple[str, str]]:
    """What there is to say of the whole range: a label and a text for each line."""
    yield "smallest legal", smallest(survey)
    inference = survey.smallest_in_inference
    if inference and (survey.smallest is None or inference < survey.smallest.size):
        text = shapes(resized(survey.home.inputs, inference, survey.axis).values())
        yield "in inference", f"{text}, without the heads that run in training only"
    legal = [size for size in survey.sizes if size.legal]
    if not legal:
        return
    sizes = [size.size for size in legal]
    yield "legal", counted(sizes, [size.size for size in survey.sizes])
    kept = [size for size in legal if not size.losses]
    yield "lose nothing", counted([size.size for size in kept], sizes)
    if survey.axis:
        kept = [size for size in legal if not any(loses(loss, survey.axis) for loss in size.losses)]
        yield f"along {survey.axis}", counted([size.size for size in kept], sizes)
    best = kept
    if survey.merging:
        aligned = [size.size for size in legal if not size.merges]
        yield "merges aligned", counted(aligned, sizes)
        if len(aligned) < len(legal):
            best = [size for size in kept if not size.merges]
            yield "both", counted([size.size for size in best], sizes)
    home = home_size(survey)
    if home is not None:
        near = nearest(home, [size.size for size in best])
        if near:
            yield f"nearest to {home:,}", near
    yield "params", weights(survey, legal)
    yield "this input", this_input(survey)


def loses(loss: Loss, axis: str) -> bool:
    """Whether a layer loses something along an axis, given by its word."""
    letters = AXES[len(loss.lost)]
    return any(
        rows and AXIS_WORDS[letter] == axis for letter, rows in zip(letters, loss.lost, strict=True)
    )


def this_input(survey: Survey, most: int = 4) -> str:
    """What is lost of the home input: how much of it in which layers."""
    lost = [f"{axes(loss.lost)} in {printable(loss.layer)}" for loss in survey.home.losses]
    if len(lost) > most + 1:
        lost[most:] = [f"and in {len(lost) - most} more layers"]
    name = shapes(survey.home.inputs.values())
    return f"{name} loses {', '.join(lost)}" if lost else f"{name} loses nothing"


def weights(survey: Survey, legal: Sequence[Size]) -> str:
    """Whether the learned tensors have the same shapes for all sizes, and which have not."""
    if not survey.resized:
        return "the same for all"
    names = ", ".join(map(printable, survey.resized[:3]))
    more = f" and {len(survey.resized) - 3} more" if len(survey.resized) > 3 else ""
    same = [size.size for size in legal if size.same_weights]
    return (
        f"change with the input (weights of {names}{more}); as for "
        f"{shapes(survey.home.inputs.values())}: {counted(same, [size.size for size in legal])}"
    )


def smallest(survey: Survey) -> str:
    if survey.smallest is None:
        return f"none up to {survey.last:,}: {refusal(survey.sizes[-1])}"
    text = shapes(survey.smallest.inputs.values())
    if survey.below is None:
        return text
    return f"{text} ({survey.below.size:,}: {refusal(survey.below)})"


def refusal(size: Size) -> str:
    assert size.refusal is not None
    layer = f"{size.refusal.layer}: " if size.refusal.layer else ""
    return printable(f"{layer}{size.refusal.message}")


def counted(members: Sequence[int], among: Sequence[int]) -> str:
    """``31 of 993: N mod 32 = 1 (33, 65, 97, …, 993)``."""
    text = said(members, among)
    if text in ("none", "all"):
        return f"{text} ({len(among):,})" if text == "all" else text
    examples = f" ({listed(members)})" if "mod" in text else ""
    return f"{len(members):,} of {len(among):,}: {text}{examples}"


def home_size(survey: Survey) -> int | None:
    """The home input's place in the range; None if its axes differ, or it lies outside."""
    home = survey.home.inputs
    return next((size.size for size in survey.sizes if size.inputs == home), None)


def nearest(home: int, sizes: Sequence[int]) -> str:
    """The sizes next to the home input's, below and above; itself, if it is one of them."""
    if home in sizes:
        return f"{home:,} itself"
    below = [size for size in sizes if size < home][-1:]
    above = [size for size in sizes if size > home][:1]
    return " and ".join(f"{size:,}" for size in below + above)


# ----------------------------------------------------------------------------------------- tables


def tables(survey: Survey, ports: Sequence[Port]) -> Iterator[tuple[str, Cells | None]]:
    """What is lost, which merges are not aligned, where frameworks differ: as far as there is."""
    legal = [size for size in survey.sizes if size.legal]
    losing = list(dict.fromkeys(loss for size in legal for loss in size.losses))
    if losing:
        order = {name: number for number, name in enumerate(survey.layers)}
        losing.sort(key=lambda loss: order.get(loss.layer, len(order)))
        yield (
            "Rows and columns that the others lose: of the padded input of the layer, read by no "
            "output because its stride does not divide",
            Cells(LOSSES, [loss_row(loss, legal) for loss in losing]),
        )
    shifted = merge_rows(legal)
    if shifted:
        yield "Merges of paths that are not aligned there", Cells(MERGES, shifted)
    home = shapes(survey.home.inputs.values())
    rows = port_rows(ports)
    if rows:
        yield (
            f"Windows that other frameworks would place otherwise for {home}: how many, and the "
            "padding before and after; - where they agree",
            Cells(PORTS, rows),
        )
    else:
        yield (
            f"Caffe, TensorFlow (SAME) and ONNX place all windows as here for {home}.",
            None,
        )


LOSSES = (
    Heading("Layer", left=True), Heading("Lost"), Heading("Padding"), Heading("Sizes"),
    Heading("N", left=True),
)  # fmt: skip
MERGES = (
    Heading("Layer", left=True), Heading("Sizes"), Heading("N", left=True),
    Heading("Why, for the first of them", left=True),
)  # fmt: skip
PORTS = (
    Heading("Layer", left=True), Heading("Axis", left=True), Heading("Input"), Heading("Here"),
    Heading("Caffe"), Heading("TF SAME"), Heading("ONNX"),
)  # fmt: skip


def loss_row(loss: Loss, legal: Sequence[Size]) -> list[str]:
    """How much a layer loses, how much of it is padding, and of which sizes."""
    at = [size.size for size in legal if loss in size.losses]
    which = said(at, [size.size for size in legal])
    return [printable(loss.layer), axes(loss.lost), axes(loss.padding), f"{len(at):,}", which]


def merge_rows(legal: Sequence[Size]) -> list[list[str]]:
    """Merges that are not aligned: of which sizes, and for the first of them, why."""
    found: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for size in legal:
        for merge in size.merges:
            found.setdefault((merge.layer, merge.rule), []).append((size.size, merge.message))
    rows = []
    for (layer, _), pairs in found.items():
        at = list(dict.fromkeys(size for size, _ in pairs))
        which = said(at, [size.size for size in legal])
        rows.append([printable(layer), f"{len(at):,}", which, printable(pairs[0][1])])
    return rows


def axes(numbers: Shape) -> str:
    """One number if all axes have the same: ``1``, but ``1x0``."""
    return str(numbers[0]) if len(set(numbers)) == 1 else "x".join(map(str, numbers))


def port_rows(ports: Sequence[Port]) -> list[list[str]]:
    """A row for each layer, or for each axis where axes differ."""
    rows = []
    for _, group in groupby(ports, lambda port: replace(port, axis="")):
        same = list(group)
        first = same[0]
        others = (first.caffe, first.tensorflow, first.onnx)
        rows.append(
            [
                printable(first.layer), ", ".join(port.axis for port in same), str(first.size),
                placed(first.here), *("-" if other is None else placed(other) for other in others),
            ]
        )  # fmt: skip
    return rows


def placed(placing: Placing) -> str:
    """``112, 3+3``."""
    return f"{placing.windows}, {placing.before}+{placing.after}"


def render_json(survey: Survey, ports: Sequence[Port]) -> str:
    """All there is, size by size."""
    return json.render(msgspec.structs.asdict(survey) | {"ports": ports})
