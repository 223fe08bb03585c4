"""A step with its arrays, and what every NumPy kernel does at the end: bias and epilogue."""

from collections.abc import Callable
from functools import partial
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...layers import Layer, Shape
from ...layers.activation import GELU, Hardtanh, ReLU, ReLU6
from ...layers.linear import Linear
from ...layers.merge import Add
from ..fused import PRODUCTS
from ..plan import Step

Floats = NDArray[Any]
Call = Callable[[], object]


class Bound(NamedTuple):
    """A step and its arrays: [N, *shape] windows into the arena, the folded weights, and the
    scratch that all steps share."""

    step: Step
    inputs: tuple[Floats, ...]
    outputs: tuple[Floats, ...]
    weights: dict[str, Floats]
    scratch: Floats


def reshaped(array: Floats, shape: Shape) -> Floats:
    """The same values in another shape: a view, never a copy."""
    view = array.reshape(shape)
    assert np.may_share_memory(view, array), "the kernel was bound to a copy"
    return view


def finish(bound: Bound) -> Call:
    """What comes after a body of products: its bias, then the epilogue."""
    y, layer, calls = bound.outputs[0], bound.step.body, list[Call]()
    if isinstance(layer, PRODUCTS) and "bias" in bound.weights:
        along = () if isinstance(layer, Linear) else (1,) * (y.ndim - 2)
        bias = bound.weights["bias"].reshape(-1, *along)
        calls.append(partial(np.add, y, bias, out=y))
    return sequence([*calls, *epilogue(bound)])


def epilogue(bound: Bound) -> list[Call]:
    """A call for each layer of the epilogue, on the output in place."""
    y, calls = bound.outputs[0], list[Call]()
    residuals = iter(bound.inputs[len(bound.inputs) - added(bound.step) :])
    for layer in bound.step.epilogue:
        if isinstance(layer, Add):
            calls.append(partial(np.add, y, next(residuals), out=y))
        else:
            calls.append(activated(layer, y))
    return calls


def added(step: Step) -> int:
    """How many of the inputs, the last ones, the epilogue adds."""
    return sum(isinstance(layer, Add) for layer in step.epilogue)


def sequence(calls: list[Call]) -> Call:
    def call() -> None:
        for one in calls:
            one()

    return call


def activated(layer: Layer, y: Floats) -> Call:
    """An activation, in place."""
    if isinstance(layer, ReLU):
        return partial(np.maximum, y, 0, out=y)
    if isinstance(layer, ReLU6):
        return partial(np.clip, y, 0, 6, out=y)
    if isinstance(layer, Hardtanh):
        return partial(np.clip, y, layer.min_val, layer.max_val, out=y)
    if isinstance(layer, GELU) and layer.approximate == "none" and y.dtype == np.float32:
        return lambda: np.copyto(y, 0.5 * y * (1 + error_function(y / np.float32(sqrt(2)))))
    return lambda: np.copyto(y, layer.forward(np, (y,), {})[0])


def error_function(x: Floats) -> Floats:
    """erf to 1.5e-7, which is float32's precision (Abramowitz & Stegun 1964, 7.1.26). NumPy has
    no erf, and Python's, value by value, takes 100 times as long."""
    t = 1 / (1 + 0.3275911 * np.abs(x))
    terms = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)
    total = np.zeros_like(t)
    for term in reversed(terms):
        total = (total + term) * t
    result: Floats = np.copysign(1 - total * np.exp(-x * x), x)
    return result
