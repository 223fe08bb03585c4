"""The NumPy engine gives what the layers' own forward gives, whatever was fused and shared."""

from typing import Any

import numpy as np
import pytest
from analysis_networks import Network
from engine_networks import assert_same, graphs, images, poisoned_run, program, reference
from hypothesis import given, settings

from cnncalc.engine.cpu.numpy_backend import NumpyBackend
from cnncalc.engine.plan import plan
from cnncalc.engine.weights import Weights
from cnncalc.graph import Graph
from cnncalc.spec import load


@settings(max_examples=400, deadline=None)
@given(graph=graphs())
def test_any_network_runs_as_its_layers_do(graph: Graph) -> None:
    assert_same(graph, batch=2)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("lenet5", None), ("lenet_mnist", None), ("cifar10_lecture", None),
        ("alexnet_2012", (3, 67, 67)),
        ("googlenet_2014", (3, 64, 64)), ("inception_v4", (3, 107, 75)), ("resnet18", (3, 65, 33)),
        ("resnet50_v1", (3, 64, 64)), ("resnext50_32x4d", (3, 64, 64)),
        ("se_resnet50", (3, 64, 64)), ("densenet121", (3, 64, 64)), ("mobilenet_v2", (3, 64, 64)),
        ("mobilenet_v3_small", (3, 64, 64)), ("efficientnet_b0", (3, 64, 64)),
        ("shufflenet_v2_x0_5", (3, 64, 64)), ("squeezenet1_1", (3, 64, 64)), ("nin_cifar", None),
        ("convnext_tiny", (3, 64, 64)), ("unet", (1, 188, 188)), ("yolov3", (3, 64, 64)),
        ("wrn_16_8", (3, 16, 16)), ("hidden_convolutional", None),
    ],
)  # fmt: skip
def test_networks_of_the_zoo_run_as_their_layers_do(name: str, shape: Any) -> None:
    graph = load(name, shape=shape).graph
    if graph is None:
        pytest.fail(f"{name} does not take {shape}")
    assert_same(graph, batch=1, tolerance=1e-8)


def test_float32_is_as_close_as_float32_can_be() -> None:
    graph = load("resnet18", shape=(3, 64, 64)).graph
    assert graph is not None
    planned, weights, (image,) = plan(graph, NumpyBackend()), Weights(graph), images(graph, 2)
    exact = reference(graph, weights, image)[0]
    narrow = image.astype(np.float32)
    (found,) = poisoned_run(program(planned, weights, 2, np.float32), narrow)
    assert found.dtype == np.float32
    assert np.abs(found - exact).max() < 1e-5 * np.abs(exact).max()


# ------------------------------------------------------------------------- the lectures' examples


def through(kind: str, image: Any, weight: Any = None, **options: Any) -> list[Any]:
    """One layer on one image of one channel, through plan and arena."""
    network = Network(1, *np.shape(image))
    network.add("layer", kind, **options)
    graph = network.graph()
    planned = plan(graph, NumpyBackend())
    arrays = [{} if weight is None else {"weight": np.array([[weight]], np.float64)}]
    bound = NumpyBackend().prepare(planned, arrays, 1, np.float64)
    (found,) = poisoned_run(bound, np.array([[image]], np.float64))
    return [[float(value) for value in row] for row in found[0, 0]]


def test_cross_correlation_of_3x3_by_2x2() -> None:
    image, kernel = [[0, 1, 2], [3, 4, 5], [6, 7, 8]], [[0, 1], [2, 3]]
    found = through("conv2d", image, kernel, out_channels=1, kernel_size=2, bias=False)
    assert found == [[19, 25], [37, 43]]


def test_a_window_over_5x5() -> None:
    image = [[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0]]
    kernel = [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
    found = through("conv2d", image, kernel, out_channels=1, kernel_size=3, bias=False)
    assert found == [[4, 3, 4], [2, 4, 3], [2, 3, 4]]


def test_convolution_is_correlation_with_a_flipped_kernel() -> None:
    random = np.random.default_rng(3)
    image, kernel = random.standard_normal((6, 7)), random.standard_normal((3, 2))
    flipped = kernel[::-1, ::-1]
    found = through("conv2d", image, flipped, out_channels=1, kernel_size=[3, 2], bias=False)
    for i in range(4):
        for j in range(6):
            pairs = ((m, n) for m in range(3) for n in range(2))
            total = sum(kernel[m, n] * image[i + 2 - m, j + 1 - n] for m, n in pairs)
            assert found[i][j] == pytest.approx(total)


def test_average_pooling() -> None:
    image = [[2, 4, 9, 5], [3, 8, 5, 2], [1, 3, 2, 1], [4, 0, 3, 2]]
    assert through("avg_pool2d", image, kernel_size=2) == [[4.25, 5.25], [2, 2]]


def test_max_pooling() -> None:
    image = [[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]]
    assert through("max_pool2d", image, kernel_size=2) == [[6, 8], [3, 4]]


# ------------------------------------------------------------------------------- kernels by shape


@pytest.mark.parametrize("kind", ["conv1d", "conv2d", "conv3d", "conv_transpose1d",
                                  "conv_transpose2d", "conv_transpose3d"])  # fmt: skip
@pytest.mark.parametrize("options", [
    {}, {"stride": 2, "padding": 1}, {"dilation": 2}, {"groups": 2, "bias": False},
    {"groups": 4, "stride": 3},
])  # fmt: skip
def test_convolutions_of_every_rank(kind: str, options: dict[str, Any]) -> None:
    network = Network(4, *(7, 6, 8)[: int(kind[-2])])
    network.add("layer", kind, out_channels=8, kernel_size=3, **options)
    network.add("norm", f"batch_norm{kind[-2:]}")
    planned = assert_same(network.graph())
    assert [kernel.name for kernel in planned.kernels] != ["reference"]
    assert len(planned.steps) == 1


def test_the_reference_is_the_last_row_and_takes_everything() -> None:
    *_, last = NumpyBackend.kernels
    assert last.name == "reference"
    assert last.when(None)  # type: ignore[arg-type]


def test_large_images_are_gathered_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    from cnncalc.engine.cpu import numpy_convolution

    monkeypatch.setattr(numpy_convolution, "PANEL", 200)
    network = Network(3, 11, 9)
    network.conv("layer", 5, kernel=3, padding=1)
    planned = assert_same(network.graph())
    assert len(list(numpy_convolution.blocks(planned.steps[0]))) == 11


def test_outputs_are_where_the_next_run_writes_them() -> None:
    graph = load("lenet_mnist").graph
    assert graph is not None
    planned, weights = plan(graph, NumpyBackend()), Weights(graph)
    bound = program(planned, weights, 1)
    first, second = np.ones((1, 1, 28, 28)), np.zeros((1, 1, 28, 28))
    (one,) = bound.run(first)
    kept = one.copy()
    (other,) = bound.run(second)
    assert other is one
    assert not np.array_equal(kept, other)
