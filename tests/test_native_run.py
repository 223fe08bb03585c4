"""The native engine gives in float32 what the layers' own forward gives in float64."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba", reason="the native engine needs Numba: pip install 'cnncalc[numba]'")

from analysis_networks import Network, layered
from engine_networks import graphs
from hypothesis import given, settings
from native_networks import assert_native

from cnncalc.engine.cpu.geometry import scheme_of
from cnncalc.engine.cpu.native import NativeBackend
from cnncalc.engine.cpu.program import NativeProgram
from cnncalc.engine.plan import Algorithm, plan
from cnncalc.graph import Graph
from cnncalc.spec import load

random = np.random.default_rng(11)


def kernels(program: NativeProgram) -> set[str]:
    return {kernel.name for kernel in program.plan.kernels}


def convolutions(count: int) -> list[tuple[tuple[int, int, int], dict[str, Any]]]:
    """Convolutions by chance: 1–17 pixels, 1–40 channels, all strides, paddings, groups."""
    rows: list[tuple[tuple[int, int, int], dict[str, Any]]] = []
    while len(rows) < count:
        groups = int(random.choice([1, 1, 2, 3, 4]))
        inputs, outputs = (groups * int(random.integers(1, 40 // groups + 1)) for _ in range(2))
        if random.random() < 0.2:
            groups = outputs = inputs
        kernel, stride, dilation = ([int(v) for v in random.integers(1, n, 2)] for n in (6, 4, 3))
        padding = [int(random.integers(0, k + 1)) for k in kernel]
        size = [int(v) for v in random.integers(1, 18, 2)]
        spans = [d * (k - 1) + 1 - 2 * p for d, k, p in zip(dilation, kernel, padding, strict=True)]
        if all(n >= span for n, span in zip(size, spans, strict=True)):
            options = {"out_channels": outputs, "kernel_size": kernel, "stride": stride}
            options |= {"dilation": dilation, "padding": padding, "groups": groups}
            rows.append(((inputs, size[0], size[1]), options))
    return rows


@pytest.mark.parametrize(("shape", "options"), convolutions(40), ids=str)
def test_any_convolution(shape: tuple[int, int, int], options: dict[str, Any]) -> None:
    program = assert_native(layered(shape, ("conv2d", options), ("relu", {})))
    assert not program.fallen_back


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("channels", [(16, 16), (17, 33), (40, 20), (48, 70)], ids=str)
@pytest.mark.parametrize("size", [(9, 9), (7, 8), (12, 17), (30, 5), (16, 64)], ids=str)
@pytest.mark.parametrize("kernel", [3, 5])
def test_winograd(
    kernel: int, size: tuple[int, int], channels: tuple[int, int], pooled: bool
) -> None:
    options = {"out_channels": channels[1], "kernel_size": kernel, "padding": kernel // 2}
    layers: list[tuple[str, dict[str, Any]]] = [("conv2d", options), ("relu", {})]
    layers += [("max_pool2d", {"kernel_size": 2})] * pooled
    program = assert_native(layered((channels[0], *size), *layers))
    assert "winograd" in kernels(program)
    assert ("pool" in kernels(program)) == (pooled and kernel == 5)
    direct = assert_native(layered((channels[0], *size), *layers), algorithm="direct")
    assert "winograd" not in kernels(direct)


@pytest.mark.parametrize(
    ("size", "kernel", "pooled", "batch", "scheme"),
    [
        ((28, 28), 3, True, 1, (4, 6, 3)), ((28, 28), 3, False, 3, (4, 4, 3)),
        ((14, 14), 3, False, 1, (4, 5, 3)), ((13, 13), 3, False, 3, (4, 5, 3)),
        ((14, 14), 3, True, 1, (4, 4, 3)), ((40, 40), 3, False, 1, (4, 4, 3)),
        ((27, 27), 5, False, 2, (3, 4, 5)), ((9, 9), 5, False, 1, (3, 3, 5)),
        ((8, 8), 5, False, 4, (3, 4, 5)), ((40, 40), 5, False, 1, (2, 2, 5)),
    ],
    ids=str,
)  # fmt: skip
def test_winograd_tiles(
    size: tuple[int, int], kernel: int, pooled: bool, batch: int, scheme: tuple[int, int, int]
) -> None:
    """Each way to cut an output into tiles is chosen for some, and right."""
    options = {"out_channels": 40, "kernel_size": kernel, "padding": kernel // 2}
    layers: list[tuple[str, dict[str, Any]]] = [("conv2d", options), ("relu", {})]
    layers += [("max_pool2d", {"kernel_size": 2})] * pooled
    program = assert_native(layered((40, *size), *layers), batch)
    assert scheme_of(program.plan.steps[0].node, batch) == scheme


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("cache", [0, 1 << 40])
def test_winograd_in_both_orders(cache: int, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnncalc.engine.cpu.tiled.SHARED_CACHE", cache)
    monkeypatch.setattr("cnncalc.engine.cpu.tiled.OWN_CACHE", 0)
    monkeypatch.setattr("cnncalc.engine.cpu.tiled.MANY_TILES", 600)
    conv = ("conv2d", {"out_channels": 40, "kernel_size": 3, "padding": 1})
    assert_native(layered((20, 70, 61), conv, ("relu6", {}), conv), batch)


@pytest.mark.parametrize("kind", ["max_pool2d", "avg_pool2d"])
@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 2},
        {"kernel_size": 3, "stride": 2, "padding": 1},
        {"kernel_size": 3, "stride": 2, "ceil_mode": True},
        {"kernel_size": [3, 2], "stride": [1, 3], "padding": [1, 0], "ceil_mode": True},
        {"kernel_size": 5, "stride": 1, "padding": 2},
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", [(1, 5, 5), (19, 14, 9), (16, 17, 40)], ids=str)
def test_pooling(kind: str, options: dict[str, Any], shape: tuple[int, int, int]) -> None:
    program = assert_native(layered(shape, (kind, options)))
    assert kernels(program) == {"pool"}


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("avg_pool2d", {"kernel_size": 3, "padding": 1, "count_include_pad": False}),
        ("avg_pool2d", {"kernel_size": 3, "divisor_override": 7}),
        ("max_pool2d", {"kernel_size": 2, "dilation": 2, "stride": 1}),
        ("global_avg_pool2d", {}),
        ("global_max_pool2d", {}),
        ("adaptive_avg_pool2d", {"output_size": [3, 4]}),
        ("adaptive_max_pool2d", {"output_size": 5}),
    ],
    ids=str,
)
def test_other_pooling(kind: str, options: dict[str, Any]) -> None:
    assert kernels(assert_native(layered((21, 11, 13), (kind, options)))) == {"pool"}


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("relu", {}), ("relu6", {}), ("hardtanh", {"min_val": -0.5}), ("silu", {}),
        ("leaky_relu", {"negative_slope": 0.2}), ("sigmoid", {}), ("hardsigmoid", {}),
        ("hardswish", {}), ("tanh", {}), ("elu", {"alpha": 0.7}), ("gelu", {}),
        ("gelu", {"approximate": "tanh"}), ("mish", {}), ("abs", {}),
        ("softplus", {"beta": 1.5, "threshold": 3}), ("softplus", {"beta": -0.5}),
    ],
    ids=str,
)  # fmt: skip
def test_activations_alone_and_fused(kind: str, options: dict[str, Any]) -> None:
    alone = assert_native(layered((21, 5, 7), (kind, options)))
    assert kernels(alone) == {"pointwise"}
    conv = ("conv2d", {"out_channels": 18, "kernel_size": 1})
    assert kernels(assert_native(layered((21, 5, 7), conv, (kind, options)))) == {"direct"}


@pytest.mark.parametrize("batch", [1, 2, 8, 17])
@pytest.mark.parametrize("shape", [(5,), (300,), (19, 3, 5)], ids=str)
def test_linear(shape: tuple[int, ...], batch: int) -> None:
    layers = [("flatten", {}), ("linear", {"out_features": 37}), ("relu", {})]
    layers += [("linear", {"out_features": 200, "bias": False})]
    program = assert_native(layered(shape, *layers), batch)
    assert kernels(program) == {"linear"}


@pytest.mark.parametrize("shape", [(10,), (1000,), (16,), (21, 5, 7)], ids=str)
@pytest.mark.parametrize("beta", [1.0, 0.005])
def test_softmax(shape: tuple[int, ...], beta: float) -> None:
    """Of values near 0 and near 139, whose powers float32 does not hold."""
    graph = layered(shape, ("softplus", {"beta": beta}), ("softmax", {}))
    program = assert_native(graph, tolerance=1e-5 if beta == 1 else 1e-4)
    assert kernels(program) == {"pointwise", "softmax"}


def test_softmax_of_a_flat_view() -> None:
    """Of an image of one pixel it is one of channels, of a larger one it is not."""
    layers: list[tuple[str, dict[str, Any]]] = [("relu", {}), ("flatten", {}), ("softmax", {})]
    pooled = layered((21, 5, 7), ("global_avg_pool2d", {}), *layers)
    assert not assert_native(pooled).fallen_back
    assert assert_native(layered((21, 5, 7), *layers)).fallen_back


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("channels", [4, 20])
def test_connections(channels: int, kernel: int) -> None:
    reads = [sorted({n % channels, (3 * n + 1) % channels}) for n in range(18)]
    options = {"out_channels": 18, "kernel_size": kernel, "connections": reads}
    conv = ("conv2d", options | {"padding": kernel // 2})
    program = assert_native(layered((channels, 9, 11), conv, ("tanh", {})))
    assert kernels(program) == {"winograd" if (channels, kernel) == (20, 3) else "direct"}


@pytest.mark.parametrize("batch", [1, 5])
def test_distances_to_codes(batch: int) -> None:
    program = assert_native(layered((37,), ("tanh", {}), ("rbf", {"out_features": 21})), batch)
    assert kernels(program) == {"pointwise", "linear"}


def test_a_difference_with_its_epilogue() -> None:
    network = Network(21, 5, 7)
    first = network.add("a", "conv2d", "input", out_channels=18, kernel_size=1)
    second = network.add("b", "conv2d", "input", out_channels=18, kernel_size=3, padding=1)
    network.add("c", "sub", first, second)
    network.add("d", "abs")
    assert kernels(assert_native(network.graph())) == {"direct", "pointwise", "winograd"}


@settings(max_examples=60, deadline=None)
@given(graph=graphs())
def test_any_network_runs_as_its_layers_do(graph: Graph) -> None:
    assert_native(graph, tolerance=3e-5)  # a norm of few values may raise the error of its input


@pytest.mark.parametrize("algorithm", ["auto", "direct"])
@pytest.mark.parametrize(
    ("name", "shape", "native"),
    [
        ("vgg11", (3, 64, 64), True), ("resnet18", (3, 65, 33), True),
        ("resnet50_v1", (3, 64, 64), True), ("resnext50_32x4d", (3, 64, 64), True),
        ("alexnet_2012", (3, 67, 67), False), ("googlenet", (3, 64, 64), True),
        ("mobilenet_v2", (3, 64, 64), True), ("mobilenet_v3_small", (3, 64, 64), True),
        ("efficientnet_b0", (3, 64, 64), True), ("densenet121", (3, 64, 64), True),
        ("squeezenet1_1", (3, 64, 64), True), ("shufflenet_v2_x0_5", (3, 64, 64), False),
        ("unet", (1, 188, 188), False), ("lenet5", None, True),
    ],
)  # fmt: skip
def test_networks_of_the_zoo(name: str, shape: Any, native: bool, algorithm: Algorithm) -> None:
    graph = load(name, shape=shape).graph
    if graph is None:
        pytest.fail(f"{name} does not take {shape}")
    program = assert_native(graph, batch=2, algorithm=algorithm)
    assert (not program.fallen_back) == native, program.fallen_back


def test_the_arena_is_as_large_as_its_peak() -> None:
    graph = load("resnet18").graph
    assert graph is not None
    assert plan(graph, NativeBackend()).slack == 0
