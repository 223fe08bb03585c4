"""``cnncalc bench``: what it measures, what it says, what it refuses."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command_line import complaint, run

import cnncalc
from cnncalc.analysis.measurements import Ceilings, bound
from cnncalc.engine import backends, fits
from cnncalc.engine import bench as engine
from cnncalc.engine.measure import measure, medians, timing

CEILINGS = Ceilings(flops_per_second=1e9, bytes_per_second=1e8, method="given")


@pytest.fixture(autouse=True)
def _measured_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "ceilings", lambda machine: CEILINGS)


def test_median_percentiles_and_spread() -> None:
    found = timing([5.0, 1.0, 2.0, 4.0, 3.0])
    assert (found.runs, found.median, found.least) == (5, 3.0, 1.0)
    assert (found.p5, found.p95) == pytest.approx((1.2, 4.8))
    assert found.spread == pytest.approx(2 / 3)
    assert medians([[1, 9], [2, 7], [3, 8]]) == [2, 8]


def test_warm_up_is_not_counted_and_runs_fit_the_seconds() -> None:
    calls: list[int] = []
    shares: list[float] = []
    found = measure(lambda: calls.append(1), 0.01, shares.append)
    assert found.runs >= 5
    assert len(calls) >= found.runs + 2
    assert shares == sorted(shares)
    assert shares[-1] == 1


@pytest.mark.parametrize(
    ("flops", "moved", "seconds", "by"),
    [(10**9, 1, 1.0, "compute"), (1, 10**8, 1.0, "memory"), (10**9, 10**8, 1.0, "compute")],
)
def test_the_roofline(flops: int, moved: int, seconds: float, by: str) -> None:
    assert bound(CEILINGS, flops, moved) == (seconds, by)


def bench(*args: str) -> dict[str, Any]:
    result = run("bench", *args, "--engine", "numpy", "--seconds", "0.05", "--format", "json")
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_json_says_what_ran_on_what() -> None:
    found = bench("lenet5", "--batch", "1,3")
    assert found["schema"] == "cnncalc.bench/1"
    assert found["machine"]["cores"] >= 1
    assert found["machine"]["libraries"]["numpy"]
    assert [result["batch"] for result in found["results"]] == [1, 3]
    for result in found["results"]:
        median = result["timing"]["median"]
        assert result["images_per_second"] == pytest.approx(result["batch"] / median)
        assert result["arena_bytes"] == result["peak_bytes"] == 5880 * 4 * result["batch"]
        assert result["timing"]["runs"] >= 5
        for step in result["steps"]:
            assert step["milliseconds"] > 0
            share = 100 * step["bound_milliseconds"] / step["milliseconds"]
            assert step["percent_of_bound"] == pytest.approx(share)
    first = found["results"][1]["steps"][0]
    assert first["macs"] == 3 * 28 * 28 * 25 * 6
    assert first["layers"] == ["C1", "tanh"]


def test_explain_prints_the_plan_and_runs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "measure", None)
    text = run("bench", "resnet18", "--engine", "numpy", "--explain").stdout
    assert "equal to the analysis' peak" in text
    assert "batch_norm2d + relu" in text
    assert "im2col" in text
    assert "Images/s" not in text


def test_layers_prints_each_step_beside_its_bound() -> None:
    text = run("bench", "lenet_mnist", "--engine", "numpy", "--layers", "--seconds", "0.05").stdout
    assert "Images/s" in text
    assert "of bound" in text
    assert "CONV5-20" in text


def test_winograd_is_said_to_be_missing() -> None:
    notes = bench("lenet5", "--algorithm", "winograd")["notes"]
    assert any("Winograd" in note for note in notes)


def test_without_numba_it_says_what_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "find_spec", lambda name: None)
    text = run("bench", "lenet5", "--explain").stdout
    assert "engine numpy" in text
    assert "pip install 'cnncalc[numba]'" in text
    assert "pip install" in complaint("bench", "lenet5", "--engine", "native")


def test_steps_that_fall_back_are_named() -> None:
    fallen_back = {"a": "no kernel", "b": "broken", "c": "no kernel"}
    named = ["NumPy runs a, c: no kernel", "NumPy runs b: broken"]
    assert engine.fallbacks(fallen_back) == named


def test_what_does_not_fit_is_refused_before_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fits, "free_memory", lambda: 10**6)
    monkeypatch.setattr(engine, "network_weights", None)
    text = complaint("bench", "vgg16", "--engine", "numpy", "--batch", "8")
    assert "batch 8 of VGG-16 needs" in text
    assert "free: 0.954 MiB" in text


def test_weights_that_do_not_fit_are_wrong_usage(tmp_path: Path) -> None:
    import numpy as np

    path = tmp_path / "few.npz"
    np.savez(path, a=np.ones(3))
    assert "C1.weight [6, 1, 5, 5] is missing" in complaint(
        "bench", "lenet5", "--weights", str(path)
    )


@pytest.mark.parametrize("batch", ["0", "x", "1,", "-1", "1.5"])
def test_a_batch_is_a_whole_number(batch: str) -> None:
    assert "no batch sizes" in complaint("bench", "lenet5", "--batch", batch)


def test_a_broken_spec_is_a_finding() -> None:
    result = run("bench", "-", typed="input: [3, 8, 8]\nlayers: [conv2d: {out_channels: 0}]\n")
    assert result.exit_code == 1
    assert "conv2d" in result.stderr


def test_without_numpy_one_line_says_how_to_get_it() -> None:
    code = (
        "import sys\n"
        "class Nothing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'numpy': raise ModuleNotFoundError(name=name)\n"
        "import importlib.util\n"
        "real = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, package=None: (\n"
        "    None if name == 'numpy' else real(name, package))\n"
        "sys.meta_path.insert(0, Nothing())\n"
        "from cnncalc.cli import main\n"
        "main(['bench', 'lenet5'])\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "pip install 'cnncalc[engine]'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_same_from_python() -> None:
    found = cnncalc.bench("lenet5", batch=[1, 2], engine="numpy", seconds=0.05)
    assert [result.batch for result in found.results] == [1, 2]
    assert found.results[0].images_per_second > 0
