"""Whole networks: what the engines compute is what PyTorch computes with the same weights.

The measure is PyTorch in float64; PyTorch's own float32 stands beside it. Errors are relative to
the largest logit. Of float32 sums as long as these (25,088 products in VGG-16), 1e-5 is what one
can ask: PyTorch's are up to 4e-6 off, Winograd's transforms add as much again.
"""

from functools import cache
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch_network import TorchNetwork

from cnncalc.api import load
from cnncalc.engine.backends import choose_backend
from cnncalc.engine.plan import Algorithm, plan
from cnncalc.engine.weights import Folded, Weights
from cnncalc.graph import Graph, Input

BOUND = 1e-5
NETWORKS = ["vgg16", "resnet50", "googlenet", "mobilenet_v2", "densenet121", "efficientnet_b0"]
IMAGES = 2

needs_numba = pytest.mark.skipif(
    not find_spec("numba"), reason="the native engine needs Numba: pip install 'cnncalc[numba]'"
)


class Case(NamedTuple):
    """A network, its weights and images, and PyTorch's logits [N, classes] for them."""

    graph: Graph
    weights: Weights
    images: np.ndarray
    exact: np.ndarray
    single: np.ndarray


@cache
def case(name: str) -> Case:
    graph = load(name).graph
    assert graph is not None
    weights = Weights(graph)
    (entry,) = (node for node in graph.nodes if isinstance(node.layer, Input))
    shape = (IMAGES, *entry.output_shapes[0])
    images = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    network = TorchNetwork(graph).eval()
    for node in network.nodes:
        if not isinstance(node.layer, Input) and node.shares is None:
            given = {name: torch.from_numpy(array) for name, array in weights.of(node).items()}
            missing, unexpected = network.module(node).load_state_dict(given, strict=False)
            assert set(missing) <= {"num_batches_tracked"}
            assert not unexpected
    with torch.no_grad():
        (single,) = network([torch.from_numpy(images)])
        (exact,) = network.double()([torch.from_numpy(images).double()])
    return Case(graph, weights, images, exact.numpy(), single.numpy())


def error(found: Any, exact: np.ndarray) -> float:
    """The largest difference, relative to the largest logit of its image."""
    return float((np.abs(found - exact).max(1) / np.abs(exact).max(1)).max())


@pytest.mark.parametrize(
    ("engine", "algorithm"),
    [
        pytest.param("native", "auto", marks=needs_numba),
        pytest.param("native", "direct", marks=needs_numba),
        ("numpy", "auto"),
    ],
)
@pytest.mark.parametrize("name", NETWORKS)
def test_logits_and_top_1(name: str, engine: Any, algorithm: Algorithm, counted: list[str]) -> None:
    graph, weights, images, exact, single = case(name)
    backend, _ = choose_backend(engine, algorithm)
    planned = plan(graph, backend, algorithm)
    program = backend.prepare(planned, Folded(planned.steps, weights), IMAGES, threads=2)
    for _ in range(2):
        program.arena.fill(np.nan)
        (logits,) = program.run(images)
        ours, theirs = error(logits, exact), error(single, exact)
        assert ours < BOUND
        assert (logits.argmax(1) == exact.argmax(1)).all()
    assert program.fallen_back == {}
    program.close()
    counted.append(f"{name}, {engine} {algorithm}: error {ours:.1e}, PyTorch's {theirs:.1e}")
    assert theirs < BOUND


@pytest.mark.parametrize("name", NETWORKS)
def test_top_1_is_clear(name: str) -> None:
    """Logits that differ from image to image, and a first one far from the second: the same
    top-1 says something."""
    exact = case(name).exact
    first, second = np.sort(exact, 1)[:, :-3:-1].T
    assert (first - second > 1000 * BOUND * np.abs(exact).max(1)).all()
    assert error(exact[::-1], exact) > 0.01
