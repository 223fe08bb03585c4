"""Laws that every layer kind keeps. A new kind is tested the moment it exists."""

from typing import Any

import numpy as np
import pytest
from counting_array import Count, counted
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from layer_strategies import Case, arrays, cases, values_of

from cnncalc.layers import Layer, LayerError, Window, create, decode, find, kinds, options

LAW = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
every_kind = pytest.mark.parametrize("kind", kinds())


class Recording(dict[str, Any]):
    """A dictionary that remembers what was read."""

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__(values)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)


@every_kind
@LAW
@given(st.data())
def test_forward_makes_what_is_announced(kind: str, data: st.DataObject) -> None:
    """The shapes, of all the weights and buffers and of no others, in the dtype of the input."""
    case = data.draw(cases(kind))
    inputs, tensors = arrays(case, batch=2)
    single = Recording({name: tensor.astype(np.float32) for name, tensor in tensors.items()})
    outputs = case.layer.forward(np, tuple(x.astype(np.float32) for x in inputs), single)
    assert tuple(y.shape for y in outputs) == tuple((2, *shape) for shape in case.outputs)
    assert all(size >= 1 for shape in case.outputs for size in shape)
    assert {y.dtype for y in outputs} == {np.dtype(np.float32)}
    assert single.read == set(tensors)
    assert set(case.layer.weights(case.inputs)) <= {"weight", "bias"}


@every_kind
@LAW
@given(st.data())
def test_operations_are_those_that_forward_does(kind: str, data: st.DataObject) -> None:
    case = data.draw(cases(kind))
    tally = Count()
    inputs, weights = arrays(case, batch=1)
    case.layer.forward(
        np,
        tuple(counted(x, tally) for x in inputs),
        {name: counted(weight, tally) for name, weight in weights.items()},
    )
    assert tally.macs == case.layer.macs(case.inputs, case.outputs)
    assert tally.operations == case.layer.operations(case.inputs, case.outputs)


def positions_that_read(window: Window | None, position: int, outputs: int) -> np.ndarray:
    """Which positions of an output axis read one position of the input axis."""
    if window is None:
        return np.ones(outputs, bool)
    reads = []
    for output in range(outputs):
        span = window.span(output)
        inside = span is not None and span[0] <= position <= span[1]
        reads.append(inside and (position - span[0]) % window.step == 0)
    return np.array(reads)


def poisoned(case: Case, source: int, where: tuple[Any, ...]) -> tuple[np.ndarray, ...]:
    """Which values of each output become NaN with NaNs at a place of one input."""
    inputs, weights = arrays(case, batch=1)
    inputs[source][(0, *where)] = np.nan
    return tuple(np.isnan(y[0]) for y in case.layer.forward(np, inputs, weights))


def input_axis(window: Window | None, axis: int) -> int:
    return axis if window is None or window.axis == -1 else window.axis


#: Kinds that read other channels at other positions, or not all that lie in between.
NOT_A_PRODUCT = {"pixel_shuffle", "pixel_unshuffle", "space_to_depth", "depth_to_space"}


@every_kind
@LAW
@given(st.data())
def test_a_nan_reaches_exactly_what_the_windows_say(kind: str, data: st.DataObject) -> None:
    case = data.draw(cases(kind))
    source = data.draw(st.integers(0, len(case.inputs) - 1))
    where = tuple(data.draw(st.integers(0, size - 1)) for size in case.inputs[source])
    for target, reached in enumerate(poisoned(case, source, where)):
        windows = case.layer.windows_between(case.inputs, source, target)
        if windows is None:
            continue
        assert len(windows) == reached.ndim
        expected = np.ones((), bool)
        for axis, (window, size) in enumerate(zip(windows, reached.shape, strict=True)):
            position = where[input_axis(window, axis)]
            expected = expected[..., None] & positions_that_read(window, position, size)
        if kind in NOT_A_PRODUCT or getattr(case.layer, "connections", None):
            assert not (reached & ~expected).any()
        else:
            np.testing.assert_array_equal(reached, expected)


@every_kind
@LAW
@given(st.data())
def test_windows_are_exact_on_each_axis(kind: str, data: st.DataObject) -> None:
    case = data.draw(cases(kind))
    source = data.draw(st.integers(0, len(case.inputs) - 1))
    for target in range(len(case.outputs)):
        windows = case.layer.windows_between(case.inputs, source, target)
        for axis, window in enumerate(windows or ()):
            if axis == 0 and getattr(case.layer, "connections", None):
                continue
            read = input_axis(window, axis)
            position = data.draw(st.integers(0, case.inputs[source][read] - 1))
            reached = poisoned(case, source, (*(slice(None),) * read, position))[target]
            others = tuple(other for other in range(reached.ndim) if other != axis)
            expected = positions_that_read(window, position, reached.shape[axis])
            for other in others:  # where nothing is read on another axis, nothing arrives
                sizes = range(case.inputs[source][input_axis(windows[other], other)])
                size = reached.shape[other]
                expected &= any(positions_that_read(windows[other], p, size).any() for p in sizes)
            np.testing.assert_array_equal(reached.any(axis=others), expected)


@every_kind
@LAW
@given(st.data())
def test_what_passes_the_checks_never_raises(kind: str, data: st.DataObject) -> None:
    case = data.draw(cases(kind))
    layer, inputs, outputs = case.layer, case.inputs, case.outputs
    assert all(isinstance(size, int) for shape in outputs for size in shape)
    assert layer.macs(inputs, outputs) >= 0
    assert all(loss >= 0 for loss in layer.remainder(inputs))
    assert len(layer.remainder(inputs)) in (0, len(inputs[0]) - 1)
    assert layer.memory_of(inputs) in ("own", "in place", "view")
    assert layer.training_memory_of(inputs) in ("own", "in place", "view")
    saved = layer.saved(inputs, outputs)
    assert all(
        values > 0 and size in (0, 1, 4, 8) for values, size in saved.extra + saved.per_batch
    )
    assert layer.label()


@every_kind
@LAW
@given(st.data())
def test_the_remainder_is_what_nobody_reads(kind: str, data: st.DataObject) -> None:
    case = data.draw(cases(kind))
    for axis, lost in enumerate(case.layer.remainder(case.inputs)):
        window = (case.layer.windows(case.inputs) or ())[axis + 1]
        assert window is not None
        size, output = case.inputs[0][axis + 1], case.outputs[0][axis + 1]
        last = window.span(output - 1)
        assert last is not None
        assert lost >= max(0, size - 1 - last[1])


@every_kind
@LAW
@given(st.data())
def test_a_layer_is_its_option_values(kind: str, data: st.DataObject) -> None:
    case = data.draw(cases(kind))
    cls = type(case.layer)
    values = {name: getattr(case.layer, name) for name in cls.__struct_fields__}
    again, errors = decode(cls, {name: v for name, v in values.items() if v is not None})
    assert not errors
    assert again == case.layer


@every_kind
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_anything_else_is_a_layer_error(kind: str, data: st.DataObject) -> None:
    cls = find(kind)
    assert cls is not None
    huge = st.sampled_from(
        [0, -1, 2**40, 2**41, 2**70, 1.5, 1e300, "64", "half", True, [], [1, 2], [[1]]]
    )
    values = {}
    for entry in options(cls).values():
        if entry.required or data.draw(st.booleans()):
            values[entry.name] = data.draw(st.one_of(huge, values_of(entry.type)))
    layer, errors = decode(cls, values)
    assert (layer is None) == bool(errors)
    if layer is None:
        return
    size = st.sampled_from([1, 2, 3, 8, 1000, 2**40])
    shape = st.lists(size, min_size=0, max_size=5).map(tuple)
    inputs = tuple(data.draw(st.lists(shape, min_size=0, max_size=3)))
    try:
        layer.check_inputs(inputs)
        outputs = layer.shapes(inputs)
    except LayerError:
        return
    layer.macs(inputs, outputs)
    layer.operations(inputs, outputs)
    layer.weights(inputs)
    layer.buffers(inputs)
    layer.windows(inputs)
    layer.saved(inputs, outputs)
    layer.remainder(inputs)
    layer.label()


def test_every_kind_is_documented() -> None:
    for kind in kinds():
        cls = find(kind)
        assert cls is not None
        assert cls.__doc__
        assert cls.__doc__ != Layer.__doc__
        assert cls.example


def test_the_batch_is_never_mixed() -> None:
    """Two images at once give what each gives by itself."""
    layer = create("conv2d", out_channels=4, kernel_size=3, padding=1)
    shape = (2, 5, 6)
    case = Case(layer, {}, (shape,), layer.shapes((shape,)))
    (x,), weights = arrays(case, batch=2)
    (both,) = layer.forward(np, (x,), weights)
    (one,) = layer.forward(np, (x[1:],), weights)
    np.testing.assert_array_equal(both[1:], one)
