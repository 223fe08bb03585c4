"""Where every number of one layer comes from: the layer's own code, run on traced numbers.

Nothing is stated twice: `derive` makes a copy of the layer whose options are `Traced`, and asks
it for its shapes, weights and costs. What comes back are the same numbers, with formulas.
"""

from collections.abc import Callable, Iterator
from math import prod
from typing import Any, NamedTuple, TypeVar

from ..layers import Layer, LayerError, Shapes, options
from ..layers.layer import AXES
from ..layers.options import Option
from .summary import Field
from .traced import (
    Expression,
    Symbol,
    Traced,
    expression_of,
    grouped,
    substitute,
    symbol,
    symbols,
    write,
)

T = TypeVar("T")

#: What padding of an axis is called, before and after.
SIDES = {"D": ("front", "back"), "H": ("top", "bottom"), "W": ("left", "right")}


class Equation(NamedTuple):
    """``name = symbols = numbers = value``. The texts are empty where they would repeat."""

    name: str
    expression: Expression

    @property
    def value(self) -> int:
        return self.expression.value

    @property
    def symbols(self) -> str:
        text = write(self.expression, numbers=False)
        return "" if text in (self.name, write(self.expression, numbers=True)) else text

    @property
    def numbers(self) -> str:
        text = write(self.expression, numbers=True)
        return "" if text == write(expression_of(self.value), numbers=True) else text


class Derivation(NamedTuple):
    """The numbers of one layer. Every int is `Traced`, as far as the layer's code allows it."""

    layer: Layer
    inputs: Shapes
    outputs: Shapes
    #: Number of values of each tensor, by its name.
    weights: dict[str, int]
    buffers: dict[str, int]
    macs: int
    operations: int
    #: Values in all outputs of one image.
    values: int
    lost: tuple[int, ...]

    @property
    def keeps_shape(self) -> bool:
        """Whether the output has the shape of the input by the layer's very code."""
        return len(self.outputs) == 1 and [*map(expression_of, self.outputs[0])] == [
            *map(expression_of, self.inputs[0] if self.inputs else ())
        ]


def derive(layer: Layer, input_shapes: Shapes) -> Derivation:
    """Derive the numbers of a layer from its input shapes.

    Raises LayerError where the layer cannot take these shapes.
    """
    plain_outputs = layer.shapes(input_shapes)
    inputs = _name_inputs(input_shapes)
    traced = _trace(layer, input_shapes)

    def follow(calculate: Callable[[Layer, Shapes, Shapes], T]) -> T:
        """What the code gives with formulas; without, where it is beyond tracing."""
        plain = calculate(layer, input_shapes, plain_outputs)
        try:
            found = calculate(traced, inputs, outputs)
        except (LayerError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError):
            return plain
        return found if found == plain else plain

    outputs = plain_outputs
    outputs = _name_outputs(follow(lambda self, given, made: self.shapes(given)))
    return Derivation(
        traced,
        inputs,
        outputs,
        {
            name: weight_count(shape)
            for name, shape in follow(lambda self, given, made: self.weights(given)).items()
        },
        {
            name: prod(shape)
            for name, shape in follow(lambda self, given, made: self.buffers(given)).items()
        },
        follow(lambda self, given, made: self.macs(given, made)),
        follow(lambda self, given, made: self.operations(given, made)),
        sum(prod(shape) for shape in outputs),
        follow(lambda self, given, made: self.remainder(given)),
    )


def weight_count(shape: tuple[int, ...]) -> int:
    """The values of a weight tensor, as the lectures write it: (K·K·C_in)·C_out."""
    if len(shape) < 2:
        return prod(shape)
    first, second, *rest = shape
    leading = expression_of(second)
    if isinstance(leading, Symbol) and leading.definition:  # H_out: locally connected
        kernel: int = prod((second, *rest))
    else:
        kernel = prod((*rest, second))
    count: int = (grouped(kernel) if isinstance(kernel, Traced) else kernel) * first
    return count


def equations(name: str, value: int, known: set[str]) -> Iterator[Equation]:
    """The equation of a value, after those of the named numbers in it that are not known yet."""
    expression = expression_of(value)
    if isinstance(expression, Symbol) and expression.name == name and expression.definition:
        expression = expression.definition
    for inner in symbols(expression):
        if inner.definition is not None and inner.name not in known:
            yield from equations(inner.name, Traced(inner), known)
    known.add(name)
    yield Equation(name, expression)


def receptive_field(
    derivation: Derivation, axis: int, before: Field
) -> tuple[int, int, int] | None:
    """Size, jump and start of a sliding layer on a spatial axis, from those of its input.

    r_out = r_in + (K_eff − 1)·j_in, j_out = j_in·S, start_out = start_in − P·j_in
    (Araujo, Norris & Sim, Computing receptive fields of CNNs, Distill 2019). None for layers
    that do not slide, and after steps that are no whole number.
    """
    layer: Any = derivation.layer
    if not isinstance(before.jump, int) or not hasattr(layer, "extent"):
        return None
    try:
        extent, step = layer.extent(axis), layer.axis("stride", axis)
        pad, _ = layer.sides(axis, derivation.inputs[0][axis + 1])
    except (LayerError, TypeError, ValueError, LookupError, AttributeError):
        return None
    jump, start = symbol("j_in", before.jump), symbol("start_in", before.start)
    return symbol("r_in", before.size) + (extent - 1) * jump, jump * step, start - pad * jump


# ---------------------------------------------------------------------------- naming


def axis_names(rank: int) -> tuple[str, ...]:
    """The names of the axes of a shape: C, H and W of an image, C of a vector."""
    return ("C", *AXES.get(rank - 1, tuple(f"N{axis}" for axis in range(1, rank))))[:rank]


def _name_inputs(shapes: Shapes) -> Shapes:
    """C_in, H, W; where several inputs differ on an axis: C_1, C_2."""
    named = []
    for number, shape in enumerate(shapes, 1):
        axes = []
        for axis, (name, size) in enumerate(zip(axis_names(len(shape)), shape, strict=True)):
            if any(len(other) <= axis or other[axis] != size for other in shapes):
                axes.append(symbol(f"{name}_{number}", size))
            else:
                axes.append(symbol(f"{name}_in" if name == "C" else name, size))
        named.append(tuple(axes))
    return tuple(named)


def _name_outputs(shapes: Shapes) -> Shapes:
    """C_out, H_out, W_out, unless the number has a name already."""
    named = []
    for number, shape in enumerate(shapes, 1):
        suffix = str(number) if len(set(shapes)) > 1 else ""
        named.append(
            tuple(
                size
                if isinstance(expression_of(size), Symbol)
                else Traced(Symbol(f"{name}_out{suffix}", int(size), expression_of(size)))
                for name, size in zip(axis_names(len(shape)), shape, strict=True)
            )
        )
    return tuple(named)


def _trace(layer: Layer, input_shapes: Shapes) -> Layer:
    """A copy of the layer whose whole numbers are traced, under the symbols of its options."""
    kind = type(layer)
    axes = AXES.get(layer.spatial or len(input_shapes[0]) - 1 if input_shapes else 0, ())
    fields = {
        name: _name_option(option, getattr(layer, name), axes)
        for name, option in options(kind).items()
    }
    if hasattr(layer, "extent"):
        kind = _naming_its_parts(layer, input_shapes, axes)
    return kind(**fields)


def _name_option(option: Option, value: Any, axes: tuple[str, ...]) -> Any:
    letter = option.symbol
    if not letter:
        return value
    if isinstance(value, tuple):
        if not option.per_axis or len(value) != len(axes):
            return tuple(_named(f"{letter}_{i}", item) for i, item in enumerate(value, 1))
        return tuple(
            tuple(map(_named, _side_names(letter, axis), item))
            if isinstance(item, tuple) and item[0] != item[-1]
            else _named(_on_axis(letter, axis, value), item[0] if isinstance(item, tuple) else item)
            for axis, item in zip(axes, value, strict=True)
        )
    if not option.per_axis and value == option.default:
        return value  # groups of 1 would only clutter the formula
    return _named(letter, value)


def _named(name: str, value: Any) -> Any:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return symbol(name, value) if whole else value


def _on_axis(letter: str, axis: str, values: tuple[Any, ...]) -> str:
    """K, or K_h where the axes differ."""
    return letter if len(set(values)) == 1 else f"{letter}_{axis.lower()}"


def _side_names(letter: str, axis: str) -> tuple[str, str]:
    before, after = SIDES.get(axis, SIDES["W"])
    return f"{letter}_{before}", f"{letter}_{after}"


def _naming_its_parts(layer: Any, inputs: Shapes, axes: tuple[str, ...]) -> type[Layer]:
    """The class of a sliding layer, changed so that K_eff, computed padding and the output
    sizes get names: a formula reads better in steps."""
    kind: Any = type(layer)
    count = range(len(axes))
    extents = tuple(
        (layer.axis("kernel_size", axis), layer.axis("dilation", axis)) for axis in count
    )
    padding = tuple(layer.sides(axis, inputs[0][axis + 1]) for axis in count)

    strides = tuple(layer.axis("stride", axis) for axis in count)

    def axis_value(self: Any, option: str, axis: int) -> int:
        value: int = kind.axis(self, option, axis)
        if option == "stride" and self.stride is None:  # then it is the kernel size
            return symbol(_on_axis("S", axes[axis], strides), value)
        return value

    def extent(self: Any, axis: int) -> int:
        return _computed(_on_axis("K_eff", axes[axis], extents), kind.extent(self, axis))

    def sides(self: Any, axis: int, size: int) -> tuple[int, int]:
        before, after = kind.sides(self, axis, size)
        if before == after:
            named = _computed(_on_axis("P", axes[axis], padding), before)
            return named, named
        first, last = _side_names("P", axes[axis])
        named = _computed(first, before)
        if isinstance(named, Traced) and isinstance(after, Traced):
            part = expression_of(before)
            after = Traced(substitute(after.expression, part, Symbol(first, int(before), part)))
        return named, _computed(last, after)

    def output_size(self: Any, axis: int, size: int) -> int:
        return _computed(f"{axes[axis]}_out", kind.output_size(self, axis, size))

    body = {"axis": axis_value, "extent": extent, "sides": sides, "__module__": kind.__module__}
    if hasattr(kind, "output_size"):
        body["output_size"] = output_size
    named: type[Layer] = type(kind)(kind.__name__, (kind,), body, frozen=True)
    return named


def _computed(name: str, value: int) -> int:
    """Give a name to what was calculated; what is a symbol or a number stays."""
    if isinstance(value, Traced) and not isinstance(value.expression, Symbol):
        return symbol(name, value)
    return value
