"""``cnncalc explain KIND``; and docs/kinds.md, from the same.

``python -m cnncalc.report.reference > docs/kinds.md`` writes the page. The formulas are not
written anywhere: they are what a layer of the kind does to an input, with symbols.
"""

import re
import sys
from collections.abc import Iterator
from itertools import product
from typing import Any

from ..analysis.derivation import Derivation, Equation, axis_names, derive, equations
from ..analysis.traced import Symbol, symbol, write
from ..diagnostics import did_you_mean
from ..layers import Layer, LayerError, Shapes, decode, find, kinds, options, show_shape
from ..layers.options import Option, show
from .equation import break_formula, merge_axes, prose
from .error import ReportError

#: The sizes of inputs that formulas are found with. Every kind's example must take one of them.
_CHANNELS, _SIZE = (64, 36, 256, 4), 56


def explain_kind(name: str, *, width: int = 80) -> str:
    """What a layer kind does, takes and costs. Raises ReportError for an unknown one."""
    kind = find(name)
    if kind is None:
        raise ReportError(f"there is no layer kind {name}", did_you_mean(name, kinds()))
    others = [other for other in family(kind) if other != name]
    lines = [f"{name} (also {', '.join(others)})" if others else name]
    for paragraph in _description(kind):
        lines += ["", *prose(paragraph, width, indent=0)]
    if kind.example:
        lines += ["", "Example", *(f"  {line}" for line in example(kind).splitlines())]
    if options(kind):
        lines += ["", "Options", *_option_lines(kind, width)]
    formulas = kind_formulas(kind)
    if formulas:
        lines += ["", "Formulas, for one image"]
        lines += [f"  {line}" for line in _formula_lines(formulas, width - 2)]
    if kind.source:
        lines += ["", *prose(f"Source: {kind.source}", width, indent=0, hang=2)]
    return "\n".join(lines) + "\n"


def family(kind: type[Layer]) -> tuple[str, ...]:
    """The names of the kinds that one class makes: conv1d, conv2d, conv3d."""
    return tuple(
        name for name in kinds() if (other := find(name)) and other.__bases__ == kind.__bases__
    )


def example(kind: type[Layer]) -> str:
    """The example of the class, written for this kind."""
    return kind.example.replace(_example_kind(kind), kind.kind, 1)


def _example_kind(kind: type[Layer]) -> str:
    named = [name for name in family(kind) if kind.example.lstrip("{- ").startswith(name)]
    return max(named, key=len, default=kind.kind)


# ---------------------------------------------------------------------------- formulas


def kind_formulas(kind: type[Layer]) -> list[tuple[str, str]]:
    """Names and formulas of a kind, of a layer as general as it can be made; [] if none can be.

    A formula whose plain numbers change with the size of the input says for which it holds.
    """
    sample = sample_layer(kind)
    if sample is None:
        return []
    layer, inputs = sample
    found = derive(layer, inputs)
    result = _formulas(found)
    other = tuple((2 * shape[0], *(size + 4 for size in shape[1:])) for shape in inputs)
    try:
        layer.check_inputs(other)
        elsewhere = _formulas(derive(layer, other))
    except LayerError:
        elsewhere = result
    shown = " and ".join(map(show_shape, dict.fromkeys(inputs)))
    texts = [
        (name, text if (name, text) in elsewhere else f"{text}  (for {shown})")
        for name, text in result
    ]
    return [("output shape", "input shape"), *texts] if found.keeps_shape else texts


def _formulas(found: Derivation) -> list[tuple[str, str]]:
    known: set[str] = set()
    result: list[tuple[str, Equation]] = []
    for number, shape in enumerate(() if found.keeps_shape else found.outputs, 1):
        suffix = str(number) if len(set(found.outputs)) > 1 else ""
        for axis, size in zip(axis_names(len(shape)), shape, strict=True):
            if f"{axis}_out{suffix}" not in known:
                made = equations(f"{axis}_out{suffix}", size, known)
                result += [(axis, equation) for equation in made]
    counts = {"weights" if name == "weight" else name: n for name, n in found.weights.items()}
    if "bias" in counts:
        counts["biases"] = counts.pop("bias")
    counts |= found.buffers
    flops = found.operations
    if found.macs:
        counts["MACs"] = found.macs
        flops = 2 * symbol("MACs", found.macs) + flops
    if flops:
        counts["FLOPs"] = flops
    for name, count in counts.items():
        result += [("", equation) for equation in equations(name, count, known)]
    return [
        (equation.name, write(equation.expression, numbers=False))
        for equation in merge_axes(result)
        if not isinstance(equation.expression, Symbol) or equation.expression.name != equation.name
    ]


def sample_layer(kind: type[Layer]) -> tuple[Layer, Shapes] | None:
    """A layer of the kind with an input that it takes: its example, made more general.

    Each option that has a symbol and still is at its default gets a value that shows in the
    formulas, if the layer can be so (groups of 2, not 1).
    """
    values = _example_values(kind)
    sample = _accepted(kind, values)
    if sample is None:
        return None
    for option in options(kind).values():
        if option.symbol and option.name not in values and option.default in (None, 1):
            more = values | {option.name: 2}
            general = _accepted(kind, more)
            if general is not None:
                values, sample = more, general
    return sample


def _accepted(kind: type[Layer], values: dict[str, Any]) -> tuple[Layer, Shapes] | None:
    layer, _ = decode(kind, values)
    if layer is None:
        return None
    for inputs in _probes(kind):
        try:
            layer.check_inputs(inputs)
            layer.shapes(inputs)
        except LayerError:
            continue
        return layer, inputs
    return None


def _probes(kind: type[Layer]) -> Iterator[Shapes]:
    """Inputs to try. Several inputs differ as much as the layer allows."""
    ranks = [2, 0, 1, 3] if kind.spatial is None else [kind.spatial]
    if "out_features" in options(kind):
        ranks = [0]
    least, most = kind.arity
    for count in dict.fromkeys((max(1, least), min(2, most or 2))):
        for axes, channels in product(ranks, _CHANNELS):
            for more, fewer in ((64, 8), (64, 0), (0, 0)) if count > 1 else ((0, 0),):
                yield tuple(
                    (channels + more * number, *(_SIZE - fewer * number,) * axes)
                    for number in range(count)
                )


def _example_values(kind: type[Layer]) -> dict[str, Any]:
    """The options in the example entry; those of a group's branches are none of the layer's."""
    import yaml

    entry = yaml.safe_load(kind.example or "")
    if isinstance(entry, list):
        entry = entry[0]
    given = entry.get(_example_kind(kind)) if isinstance(entry, dict) else None
    known = options(kind)
    if not isinstance(given, dict):
        return {}
    return {
        name: _CHANNELS[0] // int(part[1] or 1)
        if isinstance(value, str) and (part := re.fullmatch(r"channels(?: // (\d+))?", value))
        else value
        for name, value in given.items()
        if name in known
    }


def _formula_lines(formulas: list[tuple[str, str]], width: int) -> list[str]:
    column = max((len(name) for name, _ in formulas), default=0)
    lines = []
    for name, text in formulas:
        first, *more = break_formula(text, width - column - 5)
        lines.append(f"{name:<{column}} = {first}")
        lines += [f"{'':{column + 5}}{line}" for line in more]
    return lines


# ---------------------------------------------------------------------------- options


def _description(kind: type[Layer]) -> list[str]:
    paragraphs = (kind.__doc__ or "").strip().split("\n\n")
    return [" ".join(paragraph.split()).replace("``", "") for paragraph in paragraphs]


def _default(option: Option) -> str:
    if option.required:
        return "required"
    if option.default is None:
        return "none"
    value = option.default
    return value if isinstance(value, str) else show(value)


def _option_lines(kind: type[Layer], width: int) -> list[str]:
    table = list(options(kind).values())
    names = max(len(option.name) for option in table)
    letters = max(len(option.symbol) for option in table)
    lines = []
    for option in table:
        start = f"  {option.name:<{names}}  " + (f"{option.symbol:<{letters}}  " if letters else "")
        need = "required" if option.required else f"default {_default(option)}"
        text = f"{option.text} ({need})" if option.text else need
        for row in (text, option.allowed):
            for line in prose(row, max(width - len(start), 30), indent=0):
                lines.append((start if not line or row is text else " " * len(start)) + line)
                start = " " * len(start)
    return lines


# ---------------------------------------------------------------------------- docs/kinds.md


def page() -> str:
    """docs/kinds.md: all kinds, by the module they are written in."""
    classes: dict[str, dict[type, type[Layer]]] = {}
    for name in kinds():
        kind = find(name)
        assert kind is not None
        base = kind.__bases__[0]
        shown = classes.setdefault(base.__module__, {}).get(base)
        if shown is None or kind.spatial == 2:
            classes[base.__module__][base] = kind
    lines = [
        "# Layer kinds",
        "",
        "Generated by `python -m cnncalc.report.reference`; `cnncalc explain KIND` prints it too.",
        "Shapes and costs are of one image. FLOPs are 2·MACs plus the other operations.",
        "Formulas are shown for the 2-D kind where there are several.",
    ]
    for module in sorted(classes):
        title = (sys.modules[module].__doc__ or module).strip().splitlines()[0]
        lines += ["", f"## {title.rstrip('.')}"]
        for kind in sorted(classes[module].values(), key=lambda kind: kind.kind):
            lines += _kind_section(kind)
    return "\n".join(lines) + "\n"


def _kind_section(kind: type[Layer]) -> list[str]:
    lines = ["", f"### {', '.join(family(kind))}"]
    for paragraph in _description(kind):
        lines += ["", *prose(paragraph, 100, indent=0)]
    if kind.example:
        lines += ["", "```yaml", example(kind), "```"]
    if options(kind):
        lines += [
            "",
            "| option | symbol | default | what it is | allowed |",
            "|---|---|---|---|---|",
        ]
        lines += [
            f"| `{option.name}` | {option.symbol} | {_default(option)} | "
            f"{option.text} | {option.allowed} |".replace("|  |", "| |")
            for option in options(kind).values()
        ]
    formulas = kind_formulas(kind)
    if formulas:
        lines += ["", "```text", *_formula_lines(formulas, 100), "```"]
    if kind.source:
        lines += ["", *prose(f"Source: {kind.source}", 100, indent=0)]
    return lines


if __name__ == "__main__":
    sys.stdout.write(page())
