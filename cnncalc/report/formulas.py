"""The lecture's own view: each row with the arithmetic of its memory and its weights.

The notation is that of the notes of Stanford's CS231n on VGGNet, with an exact count beside
each abbreviated one: ``CONV3-64: [224x224x64]  memory: 224*224*64=3.2M  weights: (3*3*3)*64 =
1,728``. Biases are left out of a row's weights, as there, and added in the last line.
"""

from math import prod

from ..analysis.summary import DTYPES, LayerSummary, Summary
from ..terminal import pad, printable, width
from ..units import mebibytes, thousands
from . import header

Shape = tuple[int, ...]


def render(summary: Summary) -> str:
    """A row for each layer that has memory of its own or weights, and the two sums."""
    spatial = max((len(shape) - 1 for shape in summary.inputs.values()), default=0)
    rows = [
        _row(layer, summary.layers, spatial)
        for layer in summary.layers.values()
        if layer.owns_memory or layer.weights
    ]
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    lines = [header.title(summary), *header.lines(summary), ""]
    for row in rows:
        *cells, values, name = row
        padded = [pad(cell, columns) for cell, columns in zip(cells, widths, strict=False)]
        exact = pad(values, widths[-2], left=False)
        lines.append(f"{'  '.join(padded)}  | {exact}  {name}".rstrip())
    return "\n".join([*lines, "", *_totals(summary)]) + "\n"


def _totals(summary: Summary) -> list[str]:
    totals, size = summary.totals, DTYPES[summary.dtype]
    total = totals.activations * size
    lines = [
        f"TOTAL memory: {thousands(totals.activations)} values * {size} "
        f"byte{'s' * (size > 1)} = {thousands(total)} bytes ({mebibytes(total)}) / image",
        f"TOTAL params: {_params(totals.weights, totals.biases)}",
    ]
    if summary.training_totals is not None:
        both = summary.training_totals
        lines.append(f"  with training heads: {_params(both.weights, both.biases)}")
    return lines


def _params(weights: int, biases: int) -> str:
    return (
        f"{thousands(weights + biases)} = {thousands(weights)} weights + {thousands(biases)} biases"
    )


def _row(layer: LayerSummary, layers: dict[str, LayerSummary], spatial: int) -> tuple[str, ...]:
    """Label, shape, memory, weights, exact values and name."""
    shape = (1,) * spatial + layer.output if len(layer.output) == 1 else _last(layer.output)
    memory = _memory(layer) if layer.owns_memory else "in place"
    name = printable(layer.name) + (" (training only)" if layer.training else "")
    return (
        f"{printable(layer.label)}:",
        f"[{'x'.join(map(str, shape))}]",
        f"memory: {memory}",
        f"weights: {_weights(layer, layers)}",
        f"{thousands(layer.values if layer.owns_memory else 0)} values",
        name,
    )


def _last(shape: Shape) -> Shape:
    """A shape as the notes write it, channels last."""
    return (*shape[1:], *shape[:1])


def _product(shape: Shape) -> str:
    return "*".join(map(str, shape))


def _memory(layer: LayerSummary) -> str:
    """``224*224*64=3.2M``; a row of units, ``4096``, is its own product."""
    if all(len(shape) == 1 for shape in layer.outputs):
        return " + ".join(str(shape[0]) for shape in layer.outputs)
    products = " + ".join(_product(_last(shape)) for shape in layer.outputs)
    return f"{products}={abbreviated(layer.values)}"


def abbreviated(number: int) -> str:
    """Two significant digits of a thousand or more, as the notes print them: 802,816 is 800K."""
    if number < 1000:
        return str(number)
    digits = len(str(number))
    step = 10 ** (digits - 2)
    rounded = (number + step // 2) // step * step
    for unit, symbol in ((10**9, "G"), (10**6, "M"), (10**3, "K")):
        if rounded >= unit:
            whole, rest = divmod(rounded, unit)
            tenths = rest * 10 // unit
            return f"{whole}.{tenths}{symbol}" if tenths else f"{whole}{symbol}"
    return str(rounded)


def _weights(layer: LayerSummary, layers: dict[str, LayerSummary]) -> str:
    """``(3*3*3)*64 = 1,728``: the products of all weights, biases aside."""
    if layer.shares is not None:
        return f"0 (those of {printable(layer.shares)})"
    shapes = {name: shape for name, shape in layer.weight_shapes.items() if name != "bias"}
    if not layer.weights or sum(map(prod, shapes.values())) != layer.weights:
        return thousands(layer.weights)
    products = " + ".join(
        _factors(layer, layers, shape) if name == "weight" else _product(shape)
        for name, shape in shapes.items()
    )
    total = thousands(layer.weights)
    return total if products == str(layer.weights) else f"{products} = {total}"


def _factors(layer: LayerSummary, layers: dict[str, LayerSummary], weight: Shape) -> str:
    """The weight tensor as the notes multiply it: one kernel in parentheses, times kernels."""
    if layer.kind == "linear":
        units, features = weight
        return _product((*_image(layer, layers, features), units))
    if layer.kind.startswith("locally_connected"):  # [*output, C_in, *kernel]
        axes = len(layer.output)
        return f"({_product(_last(weight[axes:]))})*({_product(_last(weight[:axes]))})"
    if len(weight) < 3 or not layer.kind.startswith("conv"):
        return _product(weight)
    kernels, channels, *kernel = weight
    if layer.kind.startswith("conv_transpose"):  # [C_in, C_out/groups, *kernel]
        kernels, channels = channels, kernels
    return f"({_product((*kernel, channels))})*{kernels}"


def _image(layer: LayerSummary, layers: dict[str, LayerSummary], features: int) -> Shape:
    """The image behind the features that a linear layer reads, channels last: what was flattened.

    Follows in-place layers and views back to it; (features,) if there is none.
    """
    while len(layer.inputs) == 1:
        (shape,) = layer.inputs
        if len(shape) > 1:
            return _last(shape) if prod(shape) == features else (features,)
        source = layers.get(layer.reads[0]) if layer.reads else None
        if source is None or source.owns_memory:
            break
        layer = source
    return (features,)
