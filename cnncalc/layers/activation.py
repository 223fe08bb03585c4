"""Activations: a function of each value."""

from math import erf, pi, prod, sqrt
from typing import Annotated, Any, ClassVar, Literal

from .errors import LayerError
from .layer import Layer, Memory, Saved, Shape, Shapes, kind
from .options import Count, Number, option


class Activation(Layer, frozen=True):
    """A function of each value. In inference it may overwrite its input; in training only the
    ones that PyTorch's backward computes from their output may."""

    memory: ClassVar[Memory] = "in place"
    #: What `function` does to one value.
    operations_each: ClassVar[int]
    #: What the backward formula needs, by PyTorch's derivatives.yaml.
    keeps: ClassVar[Saved] = Saved(inputs=True)

    def function(self, xp: Any, x: Any) -> Any:
        """The activation on an array of any shape."""
        raise NotImplementedError(self.kind)

    def operations(self, inputs: Shapes, outputs: Shapes) -> int:
        return self.operations_each * prod(outputs[0])

    def saved(self, inputs: Shapes, outputs: Shapes) -> Saved:
        return self.keeps

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        return (self.function(xp, inputs[0]),)


@kind("relu")
class ReLU(Activation, frozen=True):
    """max(x, 0)."""

    operations_each: ClassVar[int] = 1
    keeps: ClassVar[Saved] = Saved(output=True)
    training_memory: ClassVar[Memory] = "in place"
    example: ClassVar[str] = "relu"

    def function(self, xp: Any, x: Any) -> Any:
        return xp.maximum(x, 0)


@kind("relu6")
class ReLU6(Activation, frozen=True):
    """min(max(x, 0), 6)."""

    operations_each: ClassVar[int] = 2
    example: ClassVar[str] = "relu6"

    def function(self, xp: Any, x: Any) -> Any:
        return xp.minimum(xp.maximum(x, 0), 6)


@kind("hardtanh")
class Hardtanh(Activation, frozen=True):
    """min(max(x, min_val), max_val)."""

    min_val: Annotated[Number, option("least value")] = -1.0
    max_val: Annotated[Number, option("largest value")] = 1.0

    operations_each: ClassVar[int] = 2
    example: ClassVar[str] = "hardtanh"

    def validate(self) -> None:
        if not self.min_val < self.max_val:
            raise LayerError(
                "bad-value",
                f"min_val is {self.min_val} and max_val is {self.max_val}; "
                "allowed: min_val below max_val",
                option="max_val",
            )

    def function(self, xp: Any, x: Any) -> Any:
        return xp.minimum(xp.maximum(x, self.min_val), self.max_val)


@kind("leaky_relu")
class LeakyReLU(Activation, frozen=True):
    """x where it is positive, negative_slope·x elsewhere."""

    negative_slope: Annotated[Number, option("slope below 0")] = 0.01

    operations_each: ClassVar[int] = 2
    example: ClassVar[str] = "leaky_relu: {negative_slope: 0.1}"

    def function(self, xp: Any, x: Any) -> Any:
        return xp.where(x > 0, x, self.negative_slope * x)


@kind("prelu")
class PReLU(Activation, frozen=True):
    """Leaky ReLU whose slope is learned, one for all channels or one for each."""

    num_parameters: Annotated[
        Count, option("number of slopes: 1, or the channels", symbol="C_out")
    ] = 1

    operations_each: ClassVar[int] = 2
    example: ClassVar[str] = "prelu: {num_parameters: channels}"
    source: ClassVar[str] = "He et al., Delving deep into rectifiers, ICCV 2015"

    def check_inputs(self, inputs: Shapes) -> None:
        super().check_inputs(inputs)
        if self.num_parameters not in (1, inputs[0][0]):
            raise LayerError(
                "bad-value",
                f"num_parameters is {self.num_parameters}; allowed: 1, or {inputs[0][0]}, "
                "the channels",
                option="num_parameters",
            )

    def weights(self, inputs: Shapes) -> dict[str, Shape]:
        return {"weight": (self.num_parameters,)}

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        (x,) = inputs
        slope = weights["weight"].reshape((1, -1) + (1,) * (x.ndim - 2))
        return (xp.where(x > 0, x, slope * x),)


@kind("elu")
class ELU(Activation, frozen=True):
    """x where it is positive, alpha·(eˣ − 1) elsewhere."""

    alpha: Annotated[Number, option("minus the limit on the left", symbol="α")] = 1.0

    operations_each: ClassVar[int] = 5
    example: ClassVar[str] = "elu"

    def function(self, xp: Any, x: Any) -> Any:
        return xp.where(x > 0, x, self.alpha * (xp.exp(xp.minimum(x, 0)) - 1))


@kind("silu")
class SiLU(Activation, frozen=True):
    """x·sigmoid(x) = x/(1 + e⁻ˣ), also called swish."""

    operations_each: ClassVar[int] = 4
    example: ClassVar[str] = "silu"

    def function(self, xp: Any, x: Any) -> Any:
        return x / (1 + xp.exp(-x))


@kind("gelu")
class GELU(Activation, frozen=True):
    """x·Φ(x), with Φ the normal distribution function."""

    approximate: Annotated[
        Literal["none", "tanh"], option("tanh: the approximation 0.5·x·(1 + tanh(…))")
    ] = "none"

    example: ClassVar[str] = "gelu"
    source: ClassVar[str] = "Hendrycks & Gimpel, Gaussian error linear units, 2016"

    def operations(self, inputs: Shapes, outputs: Shapes) -> int:
        return (5 if self.approximate == "none" else 9) * prod(outputs[0])

    def function(self, xp: Any, x: Any) -> Any:
        if self.approximate == "none":
            return 0.5 * x * (1 + error_function(xp, x / sqrt(2)))
        return 0.5 * x * (1 + xp.tanh(sqrt(2 / pi) * (x + 0.044715 * x * x * x)))


def error_function(xp: Any, x: Any) -> Any:
    """erf of each value; counted as one operation. NumPy has none of its own."""
    if hasattr(xp, "ElementwiseKernel"):  # CuPy
        return xp.ElementwiseKernel("T x", "T y", "y = erf(x)", "error_function")(x)
    return xp.frompyfunc(erf, 1, 1)(x).astype(x.dtype)


@kind("hardswish")
class Hardswish(Activation, frozen=True):
    """x·relu6(x + 3)/6."""

    operations_each: ClassVar[int] = 5
    example: ClassVar[str] = "hardswish"

    def function(self, xp: Any, x: Any) -> Any:
        return x * xp.minimum(xp.maximum(x + 3, 0), 6) / 6


@kind("hardsigmoid")
class Hardsigmoid(Activation, frozen=True):
    """relu6(x + 3)/6."""

    operations_each: ClassVar[int] = 4
    example: ClassVar[str] = "hardsigmoid"

    def function(self, xp: Any, x: Any) -> Any:
        return xp.minimum(xp.maximum(x + 3, 0), 6) / 6


@kind("sigmoid")
class Sigmoid(Activation, frozen=True):
    """1/(1 + e⁻ˣ)."""

    operations_each: ClassVar[int] = 4
    keeps: ClassVar[Saved] = Saved(output=True)
    example: ClassVar[str] = "sigmoid"

    def function(self, xp: Any, x: Any) -> Any:
        return 1 / (1 + xp.exp(-x))


@kind("tanh")
class Tanh(Activation, frozen=True):
    """The hyperbolic tangent."""

    operations_each: ClassVar[int] = 1
    keeps: ClassVar[Saved] = Saved(output=True)
    example: ClassVar[str] = "tanh"

    def function(self, xp: Any, x: Any) -> Any:
        return xp.tanh(x)


@kind("mish")
class Mish(Activation, frozen=True):
    """x·tanh(log(1 + eˣ))."""

    operations_each: ClassVar[int] = 4
    example: ClassVar[str] = "mish"
    source: ClassVar[str] = "Misra, Mish: a self regularized activation, 2019"

    def function(self, xp: Any, x: Any) -> Any:
        return x * xp.tanh(xp.log1p(xp.exp(x)))


@kind("softplus")
class Softplus(Activation, frozen=True):
    """log(1 + exp(beta·x))/beta, and x itself where beta·x is above the threshold."""

    beta: Annotated[Number, option("sharpness", symbol="β")] = 1.0
    threshold: Annotated[Number, option("above it the function is linear")] = 20.0

    operations_each: ClassVar[int] = 6
    example: ClassVar[str] = "softplus"

    def validate(self) -> None:
        if self.beta == 0:
            raise LayerError("bad-value", "beta is 0; allowed: any other number", option="beta")

    def function(self, xp: Any, x: Any) -> Any:
        scaled = self.beta * x
        smooth = xp.log1p(xp.exp(xp.minimum(scaled, self.threshold))) / self.beta
        return xp.where(scaled > self.threshold, x, smooth)


@kind("abs")
class Abs(Activation, frozen=True):
    """|x|: the rectification of the networks of 2009."""

    operations_each: ClassVar[int] = 1
    example: ClassVar[str] = "abs"
    source: ClassVar[str] = "Jarrett et al., What is the best multi-stage architecture?, 2009"

    def function(self, xp: Any, x: Any) -> Any:
        return xp.abs(x)
