"""A batch runs some images at a time: how they come in and out, and how many."""

import numpy as np
import pytest

pytest.importorskip("numba", reason="the native engine needs Numba: pip install 'cnncalc[numba]'")

from analysis_networks import Network, layered
from native_networks import assert_native, native

from cnncalc.engine.cpu.native import NativeBackend
from cnncalc.engine.plan import Plan, plan
from cnncalc.graph import Graph
from cnncalc.spec import load


class Waves(NativeBackend):
    """Runs as many images at a time as it is told."""

    def __init__(self, images: int) -> None:
        super().__init__()
        self.images = images

    def images_at_a_time(self, plan: Plan, batch: int) -> int:
        return self.images


def two_ends() -> Graph:
    """Two inputs, one of them through NumPy, and two outputs, one of them no image."""
    network = Network(3, 20, 20)
    network.conv("a", 16, kernel=3, padding=1)
    network.add("soft", "softmax", axis=0)
    network.input("second", 16, 18, 18)
    network.conv("b", 16, "second", kernel=3, padding=2)
    network.add("sum", "add", "soft", "b")
    network.add("flat", "flatten", "a")
    network.add("scores", "linear", out_features=7)
    return network.graph("sum", "scores")


@pytest.mark.parametrize("images", [1, 2, 3, 6])
def test_waves_give_what_the_batch_gives(images: int) -> None:
    program = assert_native(two_ends(), 6, backend=Waves(images))
    assert program.arena.size == images * program.plan.arena_values


@pytest.mark.parametrize("padding", [0, 1, 3])
@pytest.mark.parametrize("width", [5, 15, 16, 17, 31, 32, 40])
def test_images_come_in_whatever_their_width(width: int, padding: int) -> None:
    options = {"out_channels": 5, "kernel_size": 3, "padding": padding}
    program = assert_native(layered((3, 9, width), ("conv2d", options)))
    assert not program.fallen_back


def test_without_images_those_in_the_inputs_run() -> None:
    program = native(layered((3, 17, 17), ("conv2d", {"out_channels": 4, "kernel_size": 3})), 2)
    image = np.random.default_rng(3).standard_normal((2, 3, 17, 17), dtype=np.float32)
    given = program.run(image)[0].copy()
    program.inputs[0][...] = image
    assert np.array_equal(program.run()[0], given)
    program.inputs[0][...] = 0
    assert not np.array_equal(program.run()[0], given)
    program.close()


@pytest.mark.parametrize(
    ("name", "batch", "least", "most"),
    [("mobilenet_v2", 8, 1, 4), ("vgg16", 8, 8, 8), ("googlenet", 7, 1, 7), ("resnet50", 1, 1, 1)],
)
def test_weights_decide_how_many(name: str, batch: int, least: int, most: int) -> None:
    graph = load(name).graph
    assert graph is not None
    backend = NativeBackend()
    images = backend.images_at_a_time(plan(graph, backend), batch)
    assert batch % images == 0
    assert least <= images <= most
