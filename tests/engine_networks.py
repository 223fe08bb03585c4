"""What the tests of the engine share: the reference, a poisoned run, and networks by chance."""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import DTypeLike

from cnncalc.diagnostics import Findings
from cnncalc.engine.cpu.numpy_backend import NumpyBackend, Program
from cnncalc.engine.plan import Plan, plan
from cnncalc.engine.weights import Weights, folded
from cnncalc.graph import Builder, Graph, Input, Value
from cnncalc.layers import create

Array = np.ndarray[Any, Any]


def images(graph: Graph, batch: int, dtype: DTypeLike = np.float64) -> list[Array]:
    """Random inputs of a network."""
    random = np.random.default_rng(7)
    inputs = [node for node in graph.nodes if isinstance(node.layer, Input)]
    return [random.standard_normal((batch, *n.output_shapes[0])).astype(dtype) for n in inputs]


def reference(graph: Graph, weights: Weights, *given: Array) -> list[Array]:
    """The outputs, layer by layer: each layer's own forward, nothing fused, nothing shared."""
    values: dict[Value, Array] = {}
    rest = iter(given)
    for node in graph.nodes:
        if isinstance(node.layer, Input):
            values[Value(node.index)] = next(rest)
        elif not node.training:
            arrays = {name: a.astype(given[0].dtype) for name, a in weights.of(node).items()}
            with np.errstate(over="ignore"):  # a sigmoid far from 0
                results = node.layer.forward(np, tuple(values[v] for v in node.inputs), arrays)
            values |= {Value(node.index, port): y for port, y in enumerate(results)}
    heads = [value for value in graph.heads if not graph.nodes[value.node].training]
    return [values[value] for value in dict.fromkeys((*graph.outputs, *heads))]


def program(planned: Plan, weights: Weights, batch: int, dtype: DTypeLike = np.float64) -> Program:
    arrays = [folded(step, weights, dtype) for step in planned.steps]
    return NumpyBackend().prepare(planned, arrays, batch, dtype)


def poisoned_run(bound: Program, *given: Array) -> list[Array]:
    """A run in an arena full of NaN: whatever is read before it is written shows."""
    bound.arena.fill(np.nan)
    bound.scratch.fill(np.nan)
    return [output.copy() for output in bound.run(*given)]


def assert_same(graph: Graph, batch: int = 2, tolerance: float = 1e-9) -> Plan:
    """Assert that the engine gives what the reference gives, twice; the plan."""
    planned, weights, given = plan(graph, NumpyBackend()), Weights(graph), images(graph, batch)
    bound = program(planned, weights, batch)
    expected = reference(graph, weights, *given)
    for _ in range(2):
        found = poisoned_run(bound, *given)
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert one.shape == other.shape
            scale = max(1e-30, float(np.abs(other).max()))
            np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * scale)
    # The peak is a lower bound that not every set of lifetimes can be packed into (dynamic storage
    # allocation is NP-hard); for the networks of the zoo equality is asserted.
    assert planned.peak_values <= planned.arena_values <= 1.15 * planned.peak_values
    return planned


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """A network of layers and of patterns in any order, with branches, merges, views and several
    outputs. What cannot stand where it was drawn is left out."""
    builder = Builder(Findings())
    shape = (draw(st.sampled_from([1, 2, 4, 6])), draw(st.integers(3, 7)), draw(st.integers(3, 7)))
    values = [builder.input("input", shape)]
    for _ in range(draw(st.integers(1, 9))):
        start = draw(st.sampled_from(values[-2:] if draw(st.booleans()) else values))
        last = start
        entries = draw(st.sampled_from(PATTERNS)) if draw(st.integers(0, 2)) == 0 else [
            (*draw(st.sampled_from(LAYERS)), draw(st.sampled_from(["", "start", "any"])))
        ]  # fmt: skip
        for kind, options, further in entries:
            width = builder.shape(start)[0]  # type: ignore[index]
            given = {name: width if value == "width" else value for name, value in options.items()}
            reads = [last]
            if kind in ("add", "mul", "max", "concat"):
                other = draw(st.sampled_from(values)) if further == "any" else start
                reads = [other, last] if draw(st.booleans()) else [last, other]
            made = builder.add(create(kind, **given), reads, f"n{len(builder.nodes)}")
            values += [value for value in made if value is not None]
            last = made[0] or last
    others = draw(st.lists(st.sampled_from(values[1:] or values), max_size=2))
    return builder.finish("random", list(dict.fromkeys([*others, values[-1]])))


CONV: dict[str, Any] = {"out_channels": "width", "kernel_size": 3, "padding": 1}
#: Layers one after the other, as (kind, options, second input); "width" is that of the start.
PATTERNS: list[list[tuple[str, dict[str, Any], str]]] = [
    [("conv2d", CONV, ""), ("batch_norm2d", {}, ""), ("relu", {}, "")],
    [("conv2d", CONV, ""), ("batch_norm2d", {}, ""), ("add", {}, "start"), ("relu", {}, "")],
    [("conv2d", CONV | {"bias": False}, ""), ("batch_norm2d", {}, ""), ("relu6", {}, ""),
     ("conv2d", CONV, ""), ("batch_norm2d", {}, ""), ("dropout", {}, ""), ("add", {}, "start")],
    [("conv2d", CONV, ""), ("silu", {}, ""), ("add", {}, "start"), ("batch_norm2d", {}, "")],
    [("conv2d", CONV, ""), ("add", {}, "any"), ("tanh", {}, ""), ("add", {}, "any")],
    [("batch_norm2d", {}, ""), ("relu", {}, ""), ("conv2d", CONV, ""), ("concat", {}, "start")],
    [("conv2d", CONV, ""), ("relu", {}, ""), ("concat", {}, "any"), ("relu", {}, "")],
    [("conv_transpose2d", {"out_channels": 4, "kernel_size": 2, "groups": 1}, ""),
     ("scale", {"bias": True}, ""), ("relu", {}, "")],
    [("conv2d", CONV | {"groups": "width"}, ""), ("layer_scale", {}, ""), ("add", {}, "start")],
    [("adaptive_avg_pool2d", {"output_size": 1}, ""), ("conv2d", CONV, ""), ("sigmoid", {}, ""),
     ("mul", {}, "start")],
    [("flatten", {}, ""), ("linear", {"out_features": 6, "bias": False}, ""),
     ("batch_norm1d", {}, ""), ("relu", {}, "")],
    [("permute", {"dims": [1, 2, 0]}, ""), ("layer_norm", {}, ""),
     ("linear", {"out_features": "width"}, ""), ("layer_scale", {"axis": -1}, ""),
     ("permute", {"dims": [2, 0, 1]}, ""), ("add", {}, "start")],
    [("channel_shuffle", {"groups": 2}, ""), ("chunk", {"chunks": 2}, ""), ("relu", {}, "")],
]  # fmt: skip
LAYERS: list[tuple[str, dict[str, Any]]] = [
    ("conv2d", {"out_channels": 4, "kernel_size": 3, "padding": 1}),
    ("conv2d", {"out_channels": 4, "kernel_size": 3, "padding": 1, "bias": False}),
    ("conv2d", {"out_channels": 6, "kernel_size": 1, "bias": False}),
    ("conv2d", {"out_channels": 4, "kernel_size": [2, 3], "stride": [2, 1], "padding": "same"}),
    ("conv2d", {"out_channels": 4, "kernel_size": 3, "padding": 1, "groups": 2}),
    ("conv2d", {"out_channels": 4, "kernel_size": 3, "padding": 2, "dilation": 2, "groups": 4}),
    ("conv_transpose2d", {"out_channels": 4, "kernel_size": 3, "stride": 2, "groups": 2}),
    ("linear", {"out_features": 5}),
    ("linear", {"out_features": 4, "bias": False}),
    ("batch_norm2d", {}), ("batch_norm2d", {}), ("batch_norm1d", {}),
    ("scale", {"bias": True}), ("layer_scale", {"axis": -1}),
    ("relu", {}), ("relu", {}), ("relu6", {}), ("silu", {}), ("prelu", {}), ("gelu", {}),
    ("hardtanh", {"max_val": 0.5}),
    ("add", {}), ("add", {}), ("add", {}), ("mul", {}), ("max", {}),
    ("concat", {}), ("concat", {}), ("concat", {}), ("concat", {"axis": -1}),
    ("max_pool2d", {"kernel_size": 2, "ceil_mode": True}),
    ("max_pool2d", {"kernel_size": 3, "stride": 1, "padding": 1}),
    ("avg_pool2d", {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False}),
    ("adaptive_avg_pool2d", {"output_size": 1}), ("adaptive_avg_pool2d", {"output_size": 2}),
    ("dropout", {}), ("identity", {}), ("flatten", {}), ("flatten", {"start_dim": 1}),
    ("permute", {"dims": [1, 2, 0]}), ("reshape", {"shape": [2, -1]}),
    ("slice", {"stop": 2}), ("slice", {"axis": -1, "step": 2}), ("chunk", {"chunks": 2}),
    ("split", {"sizes": 1, "axis": 1}), ("crop", {"cropping": [[1, 0], [0, 1]]}),
    ("channel_shuffle", {"groups": 2}), ("softmax", {}), ("upsample", {"scale_factor": 2}),
    ("local_response_norm", {"size": 3}),
]  # fmt: skip
