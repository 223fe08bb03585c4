"""Weights: drawn, read from files, and what is said when they do not fit."""

import json
from pathlib import Path

import numpy as np
import pytest
from analysis_networks import Network
from engine_networks import assert_same, images, poisoned_run, program, reference

from cnncalc.engine import weights as drawing
from cnncalc.engine.cpu.numpy_backend import NumpyBackend
from cnncalc.engine.plan import plan
from cnncalc.engine.weight_files import read
from cnncalc.engine.weights import (
    PIECE,
    Folded,
    GivenWeights,
    Weights,
    WeightsError,
    folded,
    uniform,
)
from cnncalc.graph import Graph


def network() -> Graph:
    made = Network(3, 6, 6)
    made.conv("conv1", 4, kernel=3)
    made.add("bn1", "batch_norm2d")
    made.add("relu", "relu")
    made.add("flatten", "flatten")
    made.add("fc", "linear", out_features=5)
    return made.graph()


def arrays(graph: Graph) -> dict[str, np.ndarray]:
    """All arrays of a network, by their full names."""
    weights = Weights(graph, seed=5)
    return {
        f"{node.name}.{name}": array
        for node in graph.nodes
        for name, array in weights.of(node).items()
    }


def safetensors(path: Path, given: dict[str, np.ndarray], dtype: str) -> None:
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, array in given.items():
        raw = (
            array.tobytes()
            if dtype == "F32"
            else (array.view(np.uint32) >> 16).astype("<u2").tobytes()
        )
        span = [len(data), len(data) + len(raw)]
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": span}
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_a_file_gives_the_outputs_of_its_weights(tmp_path: Path, ending: str) -> None:
    graph, path = network(), tmp_path / f"weights.{ending}"
    given = arrays(graph)
    if ending == "npz":
        np.savez(path, **given, extra=np.ones(3), **{"bn1.num_batches_tracked": np.array(7)})
    else:
        safetensors(path, given, "F32")
    planned = plan(graph, NumpyBackend())
    weights = GivenWeights(graph, read(str(path)), graph.nodes)
    (image,) = images(graph, 2)
    found = poisoned_run(program(planned, weights, 2), image)
    expected = reference(graph, Weights(graph, seed=5), image)
    np.testing.assert_allclose(found[0], expected[0], rtol=0, atol=1e-12)
    other = reference(graph, Weights(graph, seed=6), image)
    assert not np.allclose(found[0], other[0])


def test_bfloat16_is_widened(tmp_path: Path) -> None:
    path = tmp_path / "half.safetensors"
    safetensors(path, {"a": np.array([1.5, -2.0, 3.140625], np.float32)}, "BF16")
    assert read(str(path))["a"].tolist() == [1.5, -2.0, 3.140625]


def test_all_that_does_not_fit_is_said() -> None:
    graph = network()
    given = arrays(graph)
    given["conv1.wieght"] = given.pop("conv1.weight")
    given["fc.weight"] = given["fc.weight"].T
    with pytest.raises(WeightsError) as raised:
        GivenWeights(graph, given, graph.nodes)
    text = str(raised.value)
    assert "conv1.weight [4, 3, 3, 3] is missing" in text
    assert "conv1.wieght" in text
    assert "fc.weight is [64, 5]; allowed: [5, 64]" in text


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("none.npz", None, "cannot be read"), ("bad.npz", b"nonsense", "no file of weights"),
        ("bad.safetensors", b"\xff" * 20, "no file of weights"),
        ("bad.safetensors", (2).to_bytes(8, "little") + b"{]", "no file of weights"),
        ("short.safetensors", b"", "no file of weights"),
        ("weights.pt", b"", "allowed: .npz or .safetensors"),
    ],
)  # fmt: skip
def test_a_file_that_is_none_is_said(
    tmp_path: Path, name: str, content: bytes | None, says: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match=says):
        read(str(tmp_path / name))


def test_a_tensor_does_not_depend_on_the_others() -> None:
    graph = network()
    one, other = Weights(graph, 1), Weights(graph, 1)
    last = one.of(graph.nodes[5])["weight"]
    other.of(graph.nodes[1])
    assert np.array_equal(last, other.of(graph.nodes[5])["weight"])
    assert not np.array_equal(last, Weights(graph, 2).of(graph.nodes[5])["weight"])


def test_he_initialisation_keeps_the_scale() -> None:
    made = Network(64, 9, 9)
    made.conv("conv", 256, kernel=3)
    graph = made.graph()
    weight = Weights(graph).of(graph.nodes[1])["weight"]
    assert weight.std() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.01)
    assert_same(graph)


@pytest.mark.parametrize("size", [1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 7])
def test_random_numbers_do_not_depend_on_the_threads(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    for threads in (1, 2, 5):
        monkeypatch.setattr(drawing, "cores", lambda threads=threads: threads)
        drawn.append(uniform([3, 4], -1, 1, (size,)))
    assert all(np.array_equal(one, drawn[0]) for one in drawn[1:])
    assert drawn[0].dtype == np.float32


def test_random_numbers_fill_their_range_and_do_not_repeat() -> None:
    drawn = uniform([0], -2, 6, (4, PIECE))
    assert -2 <= drawn.min() < -1.999
    assert 5.999 < drawn.max() <= 6
    assert drawn.mean() == pytest.approx(2, abs=0.02)
    assert drawn.std() == pytest.approx(8 / 12**0.5, rel=0.01)
    correlations = np.corrcoef(np.concatenate([drawn, drawn[:1, ::-1]]))
    assert np.abs(correlations - np.eye(5)).max() < 0.02
    assert not np.array_equal(drawn, uniform([1], -2, 6, (4, PIECE)))


def test_folded_arrays_are_made_anew_every_time() -> None:
    graph = network()
    planned, weights = plan(graph, NumpyBackend()), Weights(graph)
    once = Folded(planned.steps, weights)
    for step, one, other in zip(planned.steps, once, once, strict=True):
        expected = folded(step, weights)
        assert one.keys() == other.keys() == expected.keys()
        for name, array in expected.items():
            assert np.array_equal(one[name], other[name])
            assert np.array_equal(one[name], array)
            assert one[name] is not other[name]


def test_folding_leaves_given_arrays_as_they_are_and_rounds_once() -> None:
    graph = network()
    given = {name: array.astype(np.float32) for name, array in arrays(graph).items()}
    before = {name: array.copy() for name, array in given.items()}
    planned = plan(graph, NumpyBackend())
    (conv, *_) = Folded(planned.steps, GivenWeights(graph, given, graph.nodes))
    wide = {name: array.astype(np.float64) for name, array in before.items()}
    factor = wide["bn1.weight"] / np.sqrt(wide["bn1.running_var"] + 1e-5)
    exact = wide["conv1.weight"] * factor[:, None, None, None]
    assert np.array_equal(conv["weight"], exact.astype(np.float32))
    shifted = (wide["conv1.bias"] - wide["bn1.running_mean"]) * factor + wide["bn1.bias"]
    np.testing.assert_allclose(conv["bias"], shifted, rtol=1e-6)
    assert all(np.array_equal(given[name], before[name]) for name in given)
