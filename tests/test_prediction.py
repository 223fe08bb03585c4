"""``cnncalc summarize --machine``: the least time of each step, and nothing runs."""

import csv
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from command_line import complaint, run

from cnncalc.analysis.measurements import Ceilings
from cnncalc.analysis.prediction import LeastTime
from cnncalc.engine import bench, ceilings, predict

LIMITS = Ceilings(flops_per_second=1e9, bytes_per_second=1e8, method="given")
LENET = "summarize", "lenet5", "--machine"


@pytest.fixture
def _measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ceilings, "ceilings", lambda machine, again=True: LIMITS)
    monkeypatch.setattr(bench, "ceilings", lambda machine: LIMITS)


@pytest.fixture
def _any_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict, "engine", predict.AnyEngine)


def predicted(*args: str) -> dict[str, Any]:
    result = run("summarize", *args, "--machine", "--format", "json")
    assert (result.exit_code, result.stderr) == (0, "")
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.mark.usefixtures("_measured", "_any_engine")
@pytest.mark.parametrize(
    ("layer", "batch", "macs", "flops", "values", "by"),
    [
        # 25 products and a bias for each output, and a tanh; 1024 inputs, 4704 outputs, weights
        ("C1", 1, 25 * 4704, 52 * 4704, 1024 + 4704 + 156, "compute"),
        ("C1", 8, 8 * 25 * 4704, 8 * 52 * 4704, 8 * (1024 + 4704) + 156, "compute"),
        # a matrix that is read once
        ("F6", 1, 10_080, 2 * 10_080 + 2 * 84, 120 + 84 + 10_164, "memory"),
        ("F6", 100, 1_008_000, 100 * (2 * 10_080 + 2 * 84), 100 * 204 + 10_164, "compute"),
    ],
)
def test_the_least_time_by_hand(
    layer: str, batch: int, macs: int, flops: int, values: int, by: str
) -> None:
    one = predicted("lenet5", "--batch", str(batch))["layers"][layer]
    assert (one["macs"], one["flops"], one["bytes"]) == (macs, flops, 4 * values)
    assert one["intensity"] == pytest.approx(flops / (4 * values))
    least = max(flops / 1e9, 4 * values / 1e8)
    assert one["bound_milliseconds"] == pytest.approx(1e3 * least)
    assert one["bound_by"] == by


@pytest.mark.usefixtures("_measured", "_any_engine")
def test_the_totals_are_the_sums() -> None:
    found = predicted("lenet5", "--batch", "4")
    steps, totals = found["layers"].values(), found["totals"]
    for key in ("macs", "flops", "bytes", "bound_milliseconds"):
        assert totals[key] == pytest.approx(sum(step[key] for step in steps))
    for by in ("compute", "memory"):
        of_these = [step["bound_milliseconds"] for step in steps if step["bound_by"] == by]
        assert totals[f"{by}_milliseconds"] == pytest.approx(sum(of_these))
        assert of_these
    assert totals["steps"] == len(steps)
    assert totals["images_per_second"] == pytest.approx(4000 / totals["bound_milliseconds"])
    assert found["batch"] == 4
    assert found["ceilings"]["method"] == "given"


@pytest.mark.usefixtures("_measured")
@pytest.mark.parametrize("spec", ["resnet18", "alexnet"])
def test_bench_has_the_same_steps_and_bounds(spec: str) -> None:
    args = ("bench", spec, "--seconds", "0.05", "--format", "json", "--input", "3x64x64")
    (result,) = json.loads(run(*args).stdout)["results"]
    bounds = {step["name"]: step["bound_milliseconds"] for step in result["steps"]}
    layers = predicted(spec, "--input", "3x64x64")["layers"]
    assert {name: one["bound_milliseconds"] for name, one in layers.items()} == bounds


@pytest.mark.usefixtures("_measured", "_any_engine")
def test_the_text_says_what_it_takes_for_granted() -> None:
    text = run(*LENET).stdout
    assert "input 1x32x32, batch 1, float32" in text
    assert "1.0 GFLOP/s, 0.1 GB/s (given)" in text
    assert "nothing was run" in text
    assert "images/s if every step takes its least time" in text
    (row,) = (line.split() for line in text.splitlines() if line.startswith("F6"))
    assert row[-2:] == ["0.415", "memory"]


@pytest.mark.usefixtures("_measured")
@pytest.mark.skipif(not find_spec("numba"), reason="needs Numba: pip install 'cnncalc[numba]'")
def test_winograd_is_said_to_be_faster_than_its_bound() -> None:
    assert "Winograd" in run("summarize", "resnet18", "--machine").stdout
    assert "Winograd" not in run("summarize", "mobilenet_v2", "--machine").stdout


@pytest.mark.usefixtures("_measured", "_any_engine")
def test_other_formats(tmp_path: Path) -> None:
    path = tmp_path / "least.csv"
    run(*LENET, "-o", str(path))
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert list(rows[0]) == ["step", *LeastTime.__struct_fields__]
    assert {row["step"]: row["output"] for row in rows}["C1"] == "6x28x28"
    assert rows[0]["layers"] == "C1 tanh"
    assert "| F6 " in run(*LENET, "--format", "markdown").stdout
    assert run(*LENET, "--get", "layers.C1.macs").stdout == "117600\n"
    assert "a prediction has no format html" in complaint(*LENET, "--format", "html")


@pytest.mark.parametrize(
    "other",
    [["--dtype", "int8"], ["--columns", "name"], ["--depth", "1"], ["--formulas"],
     ["--convention", "thop"], ["--memory", "1GiB"]],
    ids=lambda other: other[0],
)  # fmt: skip
def test_it_goes_with_no_other_table(other: list[str]) -> None:
    assert f"without {other[0]}" in complaint(*LENET, *other)


WITHOUT_NUMPY = """
import importlib.util, sys

class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("numpy", "numba"):
            raise ModuleNotFoundError(name=name)

real = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: (
    None if name in ("numpy", "numba") else real(name, package))
sys.meta_path.insert(0, Nothing())
from cnncalc.cli import main
main(sys.argv[1:])
"""


def without_numpy(cache: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_NUMPY, *LENET, "--format", "json"],
        env={"XDG_CACHE_HOME": str(cache), "PATH": ""}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_without_numpy_ceilings_must_have_been_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = without_numpy(tmp_path)
    assert ended.returncode == 2
    assert "pip install 'cnncalc[engine]'" in ended.stderr
    assert "Traceback" not in ended.stderr
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(
        ceilings, "ways", lambda: iter([ceilings.Way("m", lambda threads, seconds: (1e9, 1e8))])
    )
    assert run(*LENET).exit_code == 0
    ended = without_numpy(tmp_path)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert found["ceilings"]["flops_per_second"] == 1e9
    assert found["engine"] is None
    assert found["layers"]["C1"]["layers"] == ["C1", "tanh"]


def test_any_engine_fuses_as_numpys_does() -> None:
    from cnncalc.engine.cpu.numpy_backend import NumpyBackend
    from cnncalc.engine.plan import plan
    from cnncalc.spec import load

    graph = load("densenet121").graph
    assert graph is not None
    one, other = (plan(graph, backend) for backend in (predict.AnyEngine(), NumpyBackend()))
    assert [(s.name, s.macs, s.traffic, s.weights) for s in one.steps] == [
        (s.name, s.macs, s.traffic, s.weights) for s in other.steps
    ]
