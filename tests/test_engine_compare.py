"""Engines side by side: rounds, processes, outputs checked, what fails and how it is said."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import complaint, run
from engine_networks import images, reference
from hypothesis import given, settings
from hypothesis import strategies as st

import cnncalc
from cnncalc.engine import compare as comparison
from cnncalc.engine.peers import registry
from cnncalc.engine.peers.child import Child, ChildFailed
from cnncalc.engine.peers.job import Job, pickled
from cnncalc.engine.peers.registry import PEERS, Peer, chosen
from cnncalc.engine.reference import Products, error
from cnncalc.engine.reference import reference as expected
from cnncalc.engine.rounds import Rounds, rounds
from cnncalc.engine.weights import Weights
from cnncalc.graph import Graph
from cnncalc.spec import load

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def network(name: str) -> Graph:
    graph = load(name).graph
    assert graph is not None
    return graph


def fake(setting: str, name: str = "fake", **options: Any) -> Peer:
    return Peer(name, "fake_peers", ("numpy",), (setting,), **options)


def job(name: str = "lenet5", batch: int = 1, setting: str = "") -> Job:
    return Job("fake_peers", setting, network(name), batch, 1, engine="numpy")


# -------------------------------------------------------------------------------------- rounds


def played(calibrations: list[float], wanted: int = 3, most: int = 6) -> tuple[Rounds, list[str]]:
    """Three rounds or more with these calibrations; and who ran, in order."""
    turns: list[str] = []
    given = iter(calibrations)

    def turn(name: str) -> list[float]:
        turns.append(name)
        return [float(len(turns))]

    return rounds(lambda: "abc", turn, lambda: next(given), wanted, most), turns


def test_each_round_starts_with_another_engine() -> None:
    found, turns = played([1.0] * 4)
    assert "".join(turns) == "abcbcacab"
    assert (len(found.all), len(found.kept), found.quiet) == (3, 3, True)


@pytest.mark.parametrize(
    ("calibrations", "kept"),
    [
        ([1.0, 1.04, 1.0, 1.0], [0, 1, 2]),
        ([1.0, 1.06, 1.0, 1.01, 1.02, 1.03], [2, 3, 4]),  # the noise is on both sides
        ([1.0, 1.0, 1.01, 0.9, 0.91, 0.92, 0.93], [3, 4, 5]),  # a better best unmakes rounds
    ],
)
def test_a_round_between_calibrations_that_are_off_does_not_count(
    calibrations: list[float], kept: list[int]
) -> None:
    found, _ = played(calibrations)
    assert [number for number, one in enumerate(found.all) if one in found.kept] == kept
    assert len(found.all) == len(calibrations) - 1


def test_a_machine_that_is_never_quiet_ends_too() -> None:
    found, _ = played([1.0, 2.0, 3.0, 1.5, 4.0, 1.2, 1.1])
    assert not found.quiet
    assert len(found.all) == 6
    assert [one.calibration for one in found.kept] == [2.0, 3.0, 1.2]


# ----------------------------------------------------------------------------------- reference


@pytest.mark.parametrize(
    ("subscripts", "left", "right"),
    [
        ("ngct...,goct->ngo...", (2, 3, 4, 5, 6, 7), (3, 8, 4, 5)),
        ("ngct...,goct->ngo...", (2, 1, 4, 5, 6), (1, 8, 4, 5)),
        ("nct...,ct->n...", (2, 4, 5, 6, 7), (4, 5)),
        ("...i,oi->...o", (2, 3, 4), (5, 4)),
        ("...i,oi->...o", (2, 4), (5, 4)),
        ("ncpt,opct->nop", (2, 3, 4, 5), (6, 4, 3, 5)),
        ("ngc...,gcot->ngot...", (2, 3, 4, 6, 7), (3, 4, 5, 2)),
    ],
)
def test_products_are_those_of_einsum(
    subscripts: str, left: tuple[int, ...], right: tuple[int, ...]
) -> None:
    random = np.random.default_rng(0)
    first, second = random.standard_normal(left), random.standard_normal(right)
    wanted = np.einsum(subscripts, first, second)
    np.testing.assert_allclose(Products().einsum(subscripts, first, second), wanted, atol=1e-12)


@pytest.mark.parametrize("name", ["lenet5", "lenet_mnist", "resnet20", "nin_cifar", "siamese"])
def test_the_reference_is_each_layers_own_forward(name: str) -> None:
    graph = network(name)
    weights, given = Weights(graph), images(graph, 1, np.float32)
    wide = [image.astype(np.float64) for image in given]
    assert error(expected(graph, weights, given), reference(graph, weights, *wide)) < 1e-12


@pytest.mark.parametrize(
    ("found", "wanted", "share"),
    [
        ([[1.0, 2.0]], [[1.0, 4.0]], 0.5),
        ([[0.0], [3.0]], [[0.0], [2.0]], 0.5),
        ([[float("nan")]], [[1.0]], float("inf")),
        ([[1.0, 1.0]], [[1.0]], float("inf")),
    ],
)
def test_the_error_is_relative_to_the_largest_output(
    found: list[list[float]], wanted: list[list[float]], share: float
) -> None:
    assert error([*map(np.array, found)], [*map(np.array, wanted)]) == share


# ----------------------------------------------------------------------------------- processes


@pytest.mark.parametrize("name", ["lenet5", "resnet20", "shufflenet_v2_x0_5", "unet"])
def test_a_graph_travels_to_another_process(name: str) -> None:
    sent = job(name)
    arrived = pickle.loads(pickled(sent))
    for node, other in zip(sent.graph.nodes, arrived.graph.nodes, strict=True):
        assert node.layer == other.layer
        assert (node.name, node.inputs, node.shares) == (other.name, other.inputs, other.shares)


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 9))
def test_the_first_image_is_the_same_in_every_batch(batch: int) -> None:
    one, several = job("siamese").images(), job("siamese", batch).images()
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(one, several, strict=True))
    assert not np.array_equal(one[0], one[1])


@pytest.fixture
def child(request: pytest.FixtureRequest) -> Iterator[Child]:
    made = Child(job(setting=request.param))
    yield made
    made.close()
    assert made.process.poll() is not None


@pytest.mark.parametrize("child", ["plain"], indirect=True)
def test_a_process_answers(child: Child) -> None:
    child.ready(60)
    times = child.ask("measure", 0.01, limit=60)
    assert len(times) >= 3
    assert all(time > 0 for time in times)
    assert child.ask("outputs", limit=60)[0].shape == (1, 10)


@pytest.mark.parametrize(
    ("child", "words"),
    [("cannot", "cannot build: kind of magic"), ("raises", "ValueError: not like this")],
    indirect=["child"],
)
def test_what_cannot_be_built_says_why(child: Child, words: str) -> None:
    with pytest.raises(ChildFailed) as failed:
        child.ready(60)
    assert str(failed.value) == words


@pytest.mark.parametrize("child", ["dies"], indirect=True)
def test_a_process_that_dies_is_quoted(child: Child) -> None:
    child.ready(60)
    with pytest.raises(ChildFailed, match=r"ended by SIGABRT.*|.*") as failed:
        child.ask("measure", 0.01, limit=60)
    assert "SIGABRT" in str(failed.value)
    assert "that was too much" in str(failed.value)


@pytest.mark.parametrize("child", ["hangs"], indirect=True)
def test_a_process_that_hangs_is_given_up(child: Child) -> None:
    child.ready(60)
    with pytest.raises(ChildFailed, match="no answer within 1 s"):
        child.ask("measure", 0.01, limit=1)


def cpu_ticks(pid: int) -> int:
    """User and system time, proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@LINUX
@pytest.mark.parametrize("child", ["spins"], indirect=True)
def test_an_idle_process_takes_no_time(child: Child) -> None:
    child.ready(60)
    time.sleep(0.2)
    before = cpu_ticks(child.process.pid)
    time.sleep(0.3)
    assert cpu_ticks(child.process.pid) == before
    child.ask("measure", 0.1, limit=60)
    assert cpu_ticks(child.process.pid) > before


# ---------------------------------------------------------------------------------- comparison


def compared(monkeypatch: pytest.MonkeyPatch, *peers: Peer, **options: Any) -> dict[str, Any]:
    monkeypatch.setattr(registry, "PEERS", {peer.name: peer for peer in peers})
    text = run_json("lenet5", "--compare", "all", **options)
    found: dict[str, Any] = text["results"][0]
    return found


def run_json(name: str, *args: str) -> dict[str, Any]:
    options = ["--engine", "numpy", "--seconds", "0.05", "--threads", "1", "--format", "json"]
    result = run("bench", name, *args, *options)
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_right_engines_get_a_ratio_and_others_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "HUNG", 5.0)
    found = compared(
        monkeypatch,
        fake("plain", "right"),
        fake("slow", "late"),
        fake("wrong", "wrong"),
        fake("cannot", "foreign"),
        fake("dies", "frail"),
        Peer("two", "fake_peers", ("numpy",), ("slow", "plain")),
        Peer("absent", "fake_peers", ("no-such-package",), ("",)),
    )
    right, late, wrong, foreign, frail, two, absent = found["peers"]
    ours = found["images_per_second"]
    assert ours == pytest.approx(1 / found["timing"]["median"])
    assert found["comparison"]["error"] < 1e-5
    for peer in (right, late, two):
        assert peer["ratio"] == pytest.approx(ours / peer["images_per_second"])
        assert peer["error"] < 1e-5
        assert peer["failure"] is None
    assert late["ratio"] > 5
    assert two["setting"] == "plain"
    assert two["settings"]["plain"] > 5 * two["settings"]["slow"]
    assert found["ratio_to_best"] == min(right["ratio"], two["ratio"])
    assert wrong["ratio"] is None
    assert wrong["error"] == pytest.approx(0.01, rel=0.01)
    assert "kind of magic" in foreign["failure"]
    assert "that was too much" in frail["failure"]
    assert absent["failure"] == "no-such-package is not installed"
    assert absent["hint"] == "pip install 'cnncalc[compare]'"
    assert all(step["milliseconds"] > 0 for step in found["steps"])


def test_the_report_names_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    peers = (fake("plain", "right"), fake("wrong", "bad"), Peer("gone", "x", ("nothing",), ("",)))
    monkeypatch.setattr(registry, "PEERS", {peer.name: peer for peer in peers})
    text = run("bench", "lenet5", "--engine", "numpy", "--seconds", "0.05", "--threads", "1",
               "--compare", "right,bad,gone", "--batch", "1,2").stdout  # fmt: skip
    for batch in (1, 2):
        assert f"batch {batch}: " in text
    assert "times the best peer, right (plain)" in text
    assert "numpy, direct" in text
    assert "gone: nothing is not installed: pip install 'cnncalc[compare]'" in text
    assert "bad: no ratio" in text


def test_peers_are_chosen_by_name() -> None:
    assert [peer.name for peer in chosen(["openvino", "torch"])] == ["openvino", "torch"]
    assert chosen(["all"]) == tuple(PEERS.values())
    message = "there is no engine 'onnx'; allowed: torch, torch-compile, onnxruntime, openvino"
    assert message in complaint("bench", "lenet5", "--compare", "torch,onnx")
    with pytest.raises(ValueError, match="there is no engine"):
        cnncalc.bench("lenet5", compare=["keras"])


def test_a_failure_of_our_own_engine_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "OURS", fake("dies", "cnncalc"))
    result = run("bench", "lenet5", "--engine", "numpy", "--compare", "all", "--seconds", "0.05")
    assert result.exit_code == 1
    assert "that was too much" in result.stderr


def processes_of(session: int) -> list[int]:
    """The processes of a session that have not ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] not in "ZX":
            found.append(int(path.parent.name))
    return found


@LINUX
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_ctrl_c_ends_everybody(number: signal.Signals) -> None:
    code = (
        "import sys\nfrom cnncalc.cli import main\nfrom cnncalc.engine.peers import registry\n"
        "from cnncalc.engine.peers.registry import Peer\n"
        "peers = [Peer(name, 'fake_peers', ('numpy',), (name,)) for name in ('spins', 'slow')]\n"
        "registry.PEERS = {peer.name: peer for peer in peers}\n"
        "main(['bench', 'lenet5', '--engine', 'numpy', '--compare', 'all', '--seconds', '60'])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], start_new_session=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
    )  # fmt: skip
    end = time.monotonic() + 60
    while len(processes_of(process.pid)) < 4 and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.3)
    assert len(processes_of(process.pid)) >= 4
    os.kill(process.pid, number)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (-number, b"", b"")
    end = time.monotonic() + 10
    while processes_of(process.pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert processes_of(process.pid) == []
