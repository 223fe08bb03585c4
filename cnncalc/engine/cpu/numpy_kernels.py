"""The table of NumPy kernels: what can run a step, at what cost. The reference is the last row."""

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any, cast

import numpy as np

from ...layers.activation import Activation, PReLU
from ...layers.adaptive_pooling import AvgBins
from ...layers.linear import Linear
from ...layers.merge import Add, Concat, Max, Mul, Sub
from ...layers.pooling import AvgPool, MaxPool, Pool
from ...layers.rearrange import View
from ..fused import is_affine
from ..plan import Cost, Kernel, Step
from ..weights import affine
from . import numpy_convolution as convolution
from .numpy_bound import Bound, Call, activated, added, epilogue, finish, sequence
from .numpy_windows import interior, padded_shape, padded_values, sides, windows

UFUNCS = {Add: np.add, Sub: np.subtract, Mul: np.multiply, Max: np.maximum}


def always(step: Step) -> bool:
    return True


def body_is(*kinds: type) -> Callable[[Step], bool]:
    """A predicate: the step's body is one of these kinds."""
    return lambda step: isinstance(step.body, kinds)


def moves(step: Step) -> Cost:
    """The cost of reading the inputs and writing the outputs once."""
    return Cost(step.macs, step.traffic + step.weights, 1)


def bind_linear(bound: Bound) -> Call:
    x, y, weight = bound.inputs[0], bound.outputs[0], bound.weights["weight"].T
    after = finish(bound)

    def call() -> None:
        np.matmul(x, weight, out=y)
        after()

    return call


# ------------------------------------------------------------------------------------- pooling


def pool_scratch(step: Step, batch: int) -> int:
    return batch * padded_values(cast(Pool, step.body), step.inputs[0].shape)


def pool_cost(step: Step) -> Cost:
    taps = prod(cast(Pool, step.body).kernel())
    return Cost(0, 2 * taps * prod(step.outputs[0].shape) + step.traffic, taps)


def bind_pool(bound: Bound) -> Call:
    """The largest, or the sum, over the elements of the window, one after the other."""
    layer, x, y = cast(Pool, bound.step.body), bound.inputs[0], bound.outputs[0]
    largest = isinstance(layer, MaxPool)
    combine = np.maximum if largest else np.add
    image, before = x, list[Call]()
    widths = sides(layer, x.shape[1:])
    if any(map(any, widths)):
        full = (len(x), *padded_shape(x.shape[1:], widths))
        image = bound.scratch[: prod(full)].reshape(full)
        inside, edge = interior(image, widths, x.shape[1:]), -np.inf if largest else 0.0
        before = [partial(image.fill, edge), partial(np.copyto, inside, x)]
    seen = windows(image, layer, y.shape[2:])
    taps = [seen[(slice(None), slice(None), *where)] for where in np.ndindex(layer.kernel())]
    after = epilogue(bound)
    if isinstance(layer, AvgPool):
        divisors = 1 / layer.divisors(np, x.shape[1:]).astype(np.float64)
        share = divisors.astype(y.dtype)
        after = [partial(np.multiply, y, share, out=y), *after]
    start, end = sequence(before), sequence(after)

    def call() -> None:
        start()
        np.copyto(y, taps[0])
        for tap in taps[1:]:
            combine(y, tap, out=y)
        end()

    return call


def is_global_mean(step: Step) -> bool:
    return isinstance(step.body, AvgBins) and prod(step.outputs[0].shape[1:]) == 1


def bind_global_mean(bound: Bound) -> Call:
    x, y, axes = bound.inputs[0], bound.outputs[0], tuple(range(2, bound.inputs[0].ndim))
    after = sequence(epilogue(bound))

    def call() -> None:
        np.mean(x, axis=axes, keepdims=True, out=y)
        after()

    return call


# ------------------------------------------------------------------------- pointwise and merges


def is_elementwise(step: Step) -> bool:
    return isinstance(step.body, tuple(UFUNCS))


def bind_elementwise(bound: Bound) -> Call:
    ufunc = UFUNCS[cast(Any, next(kind for kind in UFUNCS if isinstance(bound.step.body, kind)))]
    y = bound.outputs[0]
    first, second, *others = bound.inputs[: len(bound.inputs) - added(bound.step)]
    after = sequence(epilogue(bound))

    def call() -> None:
        ufunc(first, second, out=y)
        for other in others:
            ufunc(y, other, out=y)
        after()

    return call


def is_concat(step: Step) -> bool:
    return isinstance(step.body, Concat)


def bind_concat(bound: Bound) -> Call:
    """Copies what does not lie in the output already."""
    y, axis = bound.outputs[0], cast(Concat, bound.step.body).axis % (bound.outputs[0].ndim - 1) + 1
    copies, first = [], 0
    for x, lies in zip(bound.inputs, bound.step.placed, strict=True):
        where = (slice(None),) * axis + (slice(first, first + x.shape[axis]),)
        first += x.shape[axis]
        if not lies:
            copies.append((y[where], x))

    def call() -> None:
        for place, x in copies:
            np.copyto(place, x)

    return call


def bind_affine(bound: Bound) -> Call:
    """Batch norm that could not be folded, and scales: a·x + b per channel."""
    layer, x, y = bound.step.body, bound.inputs[0], bound.outputs[0]
    axis = getattr(layer, "axis", 0) % (x.ndim - 1)
    along = (-1, *(1,) * (x.ndim - 2 - axis))
    factor, summand = (one.astype(y.dtype).reshape(along) for one in affine(layer, bound.weights))
    after = sequence(epilogue(bound))

    def call() -> None:
        np.multiply(x, factor, out=y)
        np.add(y, summand, out=y)
        after()

    return call


def is_activation(step: Step) -> bool:
    return isinstance(step.body, Activation) and not isinstance(step.body, PReLU)


def bind_activation(bound: Bound) -> Call:
    x, y = bound.inputs[0], bound.outputs[0]
    calls: list[Call] = [] if bound.step.in_place else [partial(np.copyto, y, x)]
    return sequence([*calls, activated(bound.step.body, y), *epilogue(bound)])


def bind_reference(bound: Bound) -> Call:
    """The layer's own forward; what it returns is copied to the outputs."""
    layer = bound.step.node.layer

    def call() -> None:
        results = layer.forward(np, bound.inputs, bound.weights)
        for y, result in zip(bound.outputs, results, strict=True):
            np.copyto(y, result)

    return call


def dear(step: Step) -> Cost:
    return Cost(16 * step.macs, 8 * step.traffic, 8)


#: Tried by cost; the last row only if no other can.
KERNELS = (
    Kernel("pointwise", "direct", convolution.is_pointwise, convolution.pointwise_cost,
           convolution.bind_pointwise),
    Kernel("im2col", "direct", convolution.is_conv, convolution.im2col_cost,
           convolution.bind_im2col, convolution.im2col_scratch),
    Kernel("transposed", "direct", convolution.is_transposed, convolution.transposed_cost,
           convolution.bind_transposed, convolution.transposed_scratch),
    Kernel("linear", "direct", body_is(Linear), moves, bind_linear),
    Kernel("pool", "none", body_is(MaxPool, AvgPool), pool_cost, bind_pool, pool_scratch),
    Kernel("mean", "none", is_global_mean, moves, bind_global_mean),
    Kernel("elementwise", "none", is_elementwise, moves, bind_elementwise),
    Kernel("concat", "none", is_concat, moves, bind_concat),
    Kernel("affine", "none", lambda step: is_affine(step.body), moves, bind_affine),
    Kernel("activation", "none", is_activation, moves, bind_activation),
    Kernel("copy", "none", body_is(View), moves, bind_reference),
    Kernel("reference", "reference", always, dear, bind_reference),
)  # fmt: skip
