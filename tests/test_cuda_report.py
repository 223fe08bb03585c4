"""Measuring on a GPU, and what is said of it: the statistics and the report, without a GPU.

A simulated device has a clock of its own: launches take time on it, and nobody waits for them
until somebody does.
"""

import json
from collections.abc import Callable
from typing import Any

import fake_cuda
import msgspec
import numpy as np
import pytest
from test_engine_peers import alone

from cnncalc.analysis import measurements as data
from cnncalc.engine import compare as comparison
from cnncalc.engine import results
from cnncalc.engine.beside import beside
from cnncalc.engine.cuda import ceilings as peak
from cnncalc.engine.cuda.arrays import Arrays
from cnncalc.engine.cuda.backend import REFERENCE, CudaBackend
from cnncalc.engine.cuda.check import check, relative
from cnncalc.engine.cuda.device import H200
from cnncalc.engine.cuda.observe import execution, gpu, observe
from cnncalc.engine.cuda.power import NoMeter, Nvml, Reading, energy
from cnncalc.engine.cuda.program import Program
from cnncalc.engine.cuda.timing import host_copies, latency, series, throughput, turn, warm
from cnncalc.engine.machine import describe
from cnncalc.engine.peers.job import Job
from cnncalc.engine.peers.registry import Peer
from cnncalc.engine.plan import plan
from cnncalc.engine.reference import error, reference
from cnncalc.engine.weights import Folded
from cnncalc.graph import Graph
from cnncalc.report.bench import render, render_json
from cnncalc.spec import load


def network(name: str) -> Graph:
    graph = load(name).graph
    assert graph is not None
    return graph


class Simulated:
    """A device whose queue is one number: when everything launched so far will be done."""

    def __init__(self, *takes: float, late: float = 0.0) -> None:
        self.takes = takes or (1e-3,)
        self.late = late
        self.now = self.done = 0.0
        self.launches = 0

    def launch(self) -> None:
        self.now += 1e-6  # queueing is not free
        self.done = max(self.done, self.now + self.late)
        self.done += self.takes[min(self.launches, len(self.takes) - 1)]
        self.launches += 1

    def mark(self) -> float:
        self.done = max(self.done, self.now)
        return self.done

    def nanoseconds(self, first: float, second: float) -> int:
        self.now = max(self.now, second)
        return round(1e9 * (second - first))

    def synchronize(self) -> None:
        self.now = max(self.now, self.done)

    def clock(self) -> float:
        return self.now


# -------------------------------------------------------------------------------------- timing


@pytest.mark.parametrize("takes", [1e-5, 1e-3, 0.3])
def test_a_window_is_long_enough_and_there_are_thirty(takes: float) -> None:
    device = Simulated(takes)
    found = throughput(device.launch, device, seconds=2.0)
    assert found.median == pytest.approx(takes, rel=0.01)
    assert found.runs >= 30
    assert found.passes == pytest.approx(max(1, 0.02 / takes), rel=0.01)
    assert found.runs * found.passes * takes >= 1.9
    assert (found.p5, found.p95) == pytest.approx((takes, takes), rel=0.01)


def test_the_seconds_asked_for_are_measured() -> None:
    device = Simulated(1e-3)
    times, passes = turn(device.launch, device, seconds=5.0)
    assert sum(times) * passes == pytest.approx(5.0, rel=0.05)


@pytest.mark.parametrize("takes", [1e-5, 1e-3, 0.3])
def test_warm_up_takes_a_second_and_does_not_count(takes: float) -> None:
    device = Simulated(0.5, takes)  # the first launch compiles something
    assert warm(device.launch, device, 1.0) == pytest.approx(takes, rel=0.01)
    assert 1.0 <= device.done - 0.5 <= 1.3 + takes
    assert series(device.launch, device, 2, 3) == pytest.approx([takes] * 3, rel=0.1)


def test_windows_have_no_gaps_and_percentiles_are_those_of_windows() -> None:
    device = Simulated(*(0.01 * (1 + number) for number in range(21)))
    times = series(device.launch, device, 1, 21)
    assert times == pytest.approx([0.01 * (1 + number) for number in range(21)], rel=1e-3)
    assert device.done == pytest.approx(sum(times), abs=1e-4)


def test_progress_is_what_is_done() -> None:
    shares: list[float] = []
    device = Simulated()
    series(device.launch, device, 3, 4, shares.append)
    assert shares == [0.25, 0.5, 0.75, 1.0]


def test_latency_waits_for_each_pass() -> None:
    device = Simulated(*[1e-3] * 90, *[2e-3] * 8, *[5e-3] * 2, 1e-3, late=5e-6)
    found = latency(device.launch, device, 0.0, device.clock)
    assert found.runs == 100
    assert found.p50 == pytest.approx(1e-3 + 6e-6, rel=1e-3)
    assert found.p90 == pytest.approx(1.1e-3, rel=0.1)
    assert found.p99 == pytest.approx(5e-3, rel=0.01)


def test_latency_runs_for_the_seconds_asked_for() -> None:
    device = Simulated(1e-3)
    assert latency(device.launch, device, 0.5, device.clock).runs == pytest.approx(500, rel=0.02)


def test_copies_are_timed_apart() -> None:
    device = Simulated()
    device.takes = (3.0,)
    device.launch()  # still in the queue: not the copy's fault

    def copy(seconds: float) -> Callable[[], None]:
        def run() -> None:
            device.now += seconds

        return run

    found = host_copies(copy(0.2), copy(0.1), device, device.clock)
    assert (found.to_device, found.to_host) == pytest.approx((0.2, 0.1))


# ------------------------------------------------------------------------------------ ceilings


class Worker:
    """Products at a rate for each size and type, copies at another."""

    def __init__(self) -> None:
        self.device = Simulated()
        self.rates = {("float16", 4096): 6e14, ("float16", 8192): 8e14, ("tf32", 8192): 4e14}

    def at(self, seconds: float) -> Callable[[], None]:
        def launch() -> None:
            self.device.takes = (seconds,)
            self.device.launch()

        return launch

    def product(self, size: int, dtype: str) -> Callable[[], None]:
        return self.at(2 * size**3 / self.rates.get((dtype, size), 1e14))

    def copy(self, number: int) -> Callable[[], None]:
        return self.at(2 * number / 4e12)


def test_ceilings_are_the_best_product_and_bytes_read_and_written() -> None:
    work: Any = Worker()
    found = peak.ceilings(work, work.device, "float16", others=("tf32", "float16"))
    assert found.flops_per_second == pytest.approx(8e14, rel=0.01)
    assert found.bytes_per_second == pytest.approx(4e12, rel=0.01)
    assert found.products == pytest.approx({"float16": 8e14, "tf32": 4e14}, rel=0.01)
    assert "8192×8192" in found.method


def test_ceilings_take_no_more_than_a_part_of_what_is_free() -> None:
    asked: list[int] = []

    class Counting(Worker):
        def product(self, size: int, dtype: str) -> Callable[[], None]:
            asked.append(3 * 4 * size**2)
            return super().product(size, dtype)

        def copy(self, number: int) -> Callable[[], None]:
            asked.append(2 * number)
            return super().copy(number)

    work: Any = Counting()
    peak.ceilings(work, work.device, "float32", free=1 << 30)
    assert asked
    assert max(asked) <= 1 << 29


# --------------------------------------------------------------------------------------- power


class Meter:
    """A device that takes 100 W, and 500 W while it computes."""

    driver = "1.2.3"
    limit_watts = 700.0

    def __init__(self, device: Simulated, *, counts: bool) -> None:
        self.device, self.counts = device, counts
        self.read_at: list[float] = []

    def read(self) -> Reading:
        self.read_at.append(self.device.now)
        joules = 1e6 + 500 * self.device.now if self.counts else None
        busy = self.device.done > 0
        clock = 1980 - 10 * min(len(self.read_at), 20)
        return Reading(clock, 2619, 500.0 if busy else 100.0, 60, 0x4 if busy else 0x1, joules)


@pytest.mark.parametrize("counts", [True, False])
def test_energy_over_ten_seconds(counts: bool) -> None:
    device = Simulated(2e-3, late=0.05)  # launches into an empty queue lose time
    meter = Meter(device, counts=counts)
    found = energy(device.launch, device, meter, images=64, each=2e-3, clock=device.clock)
    assert 10.0 <= found.seconds < 10.5
    assert found.passes * 2e-3 == pytest.approx(found.seconds, rel=0.01)  # never idle
    assert found.watts == pytest.approx(500, rel=0.02)
    assert found.joules == pytest.approx(found.watts * found.seconds)
    assert found.joules_per_image == pytest.approx(500 * 2e-3 / 64, rel=0.02)
    assert ("counter" in found.source) == counts
    assert found.slowed_by == ("power cap",)
    assert (found.sm_mhz.least, found.sm_mhz.most, found.memory_mhz.median) == (1780, 1960, 2619)
    assert found.limit_watts == 700.0
    gaps = np.diff(meter.read_at)
    assert gaps.max() < 0.25


def test_without_nvml_it_says_what_is_missing() -> None:
    with pytest.raises(NoMeter, match=r"pip install nvidia-ml-py|NVML does not tell"):
        Nvml("0000:ff:1f.7")


# ---------------------------------------------------------------------------------- PyTorch


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize(
    "name", ["resnet20", "mobilenet_v3_small", "shufflenet_v2_x0_5", "nin_cifar"]
)
def test_a_folded_network_is_the_network(
    monkeypatch: pytest.MonkeyPatch, name: str, fused: bool
) -> None:
    torch = pytest.importorskip("torch")
    from cnncalc.engine.peers import torch_folded

    called: list[str] = []

    class Aten:
        """cuDNN's fused operators by others, with the schemas that PyTorch gives them."""

        @staticmethod
        def cudnn_convolution_relu(x: Any, w: Any, b: Any, *how: Any) -> Any:
            called.append("relu")
            return torch.relu(torch.nn.functional.conv2d(x, w, b, *how))

        @staticmethod
        def cudnn_convolution_add_relu(
            x: Any, w: Any, z: Any, alpha: float, b: Any, *how: Any
        ) -> Any:
            called.append("add")
            return torch.relu(torch.nn.functional.conv2d(x, w, b, *how) + alpha * z)

    stand_in = type("Torch", (), {"ops": type("Ops", (), {"aten": Aten})})
    monkeypatch.setattr(torch_folded, "torch", stand_in)
    graph = network(name)
    job = Job("", "", graph, 2, 1)
    module = torch_folded.FoldedNetwork(graph, job.weights(), fused=fused).eval()
    assert not [one for one in module.modules() if isinstance(one, torch.nn.BatchNorm2d)]
    with torch.inference_mode():
        found = [y.numpy() for y in module(*map(torch.from_numpy, job.images()))]
    assert error(found, reference(graph, job.weights(), job.images())) < 1e-5
    if name == "resnet20":
        assert (called.count("relu"), called.count("add")) == ((10, 7) if fused else (0, 0))


def test_on_cuda_the_peers_are_others() -> None:
    from cnncalc.engine.peers.registry import TORCH_MODES, chosen

    (torch,) = chosen(["all"], "cuda:0")
    assert torch.settings == TORCH_MODES
    assert len(TORCH_MODES) == 4
    with pytest.raises(ValueError, match="no engine 'openvino' on a CUDA device; allowed: torch"):
        chosen(["openvino"], "cuda")


def test_engines_are_compared_on_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each in its own process, by windows of its own; ours says all that it says alone."""
    for name in ("CUDA_OURS", "CUDA_CALIBRATION"):
        monkeypatch.setattr(comparison, name, Peer("cnncalc", "fake_cuda", ("numpy",), ("ours",)))
    graph = network("lenet5")
    backend, _ = fake_cuda.choose("native", "auto", "cuda:0", "float16")
    planned = plan(graph, backend)
    job = Job("", "", graph, 1, 1, device="cuda:0", dtype="float16")
    peers = (
        Peer("torch", "fake_cuda", ("numpy",), ("slow", "fast", "cannot")),
        Peer("gone", "fake_cuda", ("no-such-package",), ("",), pip="pip install gone"),
    )
    limits = data.Ceilings(flops_per_second=1e12, bytes_per_second=1e11, method="invented")
    known = [results.result(planned, 2, 2, 2)]
    ((found, _, said),) = beside(
        planned, peers, job, job.weights(), known, limits, 0.1, lambda what, share: None
    )
    torch, gone = found.peers
    assert (torch.setting, set(torch.settings)) == ("fast", {"slow", "fast"})
    assert torch.ratio == found.ratio_to_best == pytest.approx(1, rel=0.9)
    assert gone.hint == "pip install gone"
    assert found.comparison is not None
    assert "between CUDA events" in found.comparison.method
    assert found.check is not None
    assert found.check.passed
    assert found.latency is not None
    assert "nobody tells the power" in said


@pytest.mark.parametrize(("dtype", "allowed"), [("float32", 1e-3), ("bfloat16", 1e-1)])
def test_what_is_wrong_depends_on_the_type(dtype: str, allowed: float) -> None:
    assert comparison.WRONG[dtype] == allowed


# --------------------------------------------------------------------------------------- check


@pytest.mark.parametrize(
    ("found", "expected", "share"),
    [
        ([3.0, 4.0], [3.0, 4.0], 0.0),
        ([3.0, 5.0], [3.0, 4.0], 0.2),
        ([1.0], [0.0], 1.0),
        ([float("nan")], [1.0], float("inf")),
        ([1.0, 1.0], [1.0], float("inf")),
    ],
)
def test_relative_l2(found: list[float], expected: list[float], share: float) -> None:
    assert relative(np.array(found), np.array(expected)) == pytest.approx(share)


def bound(graph: Graph, batch: int, dtype: Any = "float16") -> tuple[Program, Folded, list[Any]]:
    """A program whose arrays are NumPy's and whose kernels are the layers' own forward, loaded;
    the folded weights, and the images."""
    backend = CudaBackend(H200, Arrays(dtype), dtype, "native")
    backend.kernels = (REFERENCE,)
    planned = plan(graph, backend)
    job = Job("", "", graph, batch, 1)
    weights = Folded(planned.steps, job.weights())
    program = backend.prepare(planned, weights, batch)
    program.run(*job.images())  # what is right lies where a step may fail to write it
    return program, weights, job.images()


def right(graph: Graph) -> list[Any]:
    job = Job("", "", graph, 1, 1)
    return reference(graph, job.weights(), job.images())


def checked(program: Program, weights: Folded, graph: Graph) -> tuple[data.NumericCheck, Any]:
    return check(program.steps, weights, program.results, right(graph), program.xp.dtype)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("name", ["lenet5", "resnet20", "shufflenet_v2_x0_5"])
def test_a_right_program_passes_the_check(name: str, dtype: str) -> None:
    graph = network(name)
    program, weights, _ = bound(graph, 3, dtype)
    found, errors = checked(program, weights, graph)
    assert found.passed
    assert len(errors) == len(program.steps)
    assert found.worst == max(errors) <= found.limit
    assert found.outputs < 10 * found.limit
    assert found.images == 1


@pytest.mark.parametrize("wrong", ["last image", "one value"])
def test_a_wrong_step_is_found_and_named(wrong: str) -> None:
    graph = network("lenet5")
    program, weights, _ = bound(graph, 3, "bfloat16")
    at, call = program.steps[2]

    def broken() -> None:
        call()
        if wrong == "last image":
            at.outputs[0][2] = at.outputs[0][1]
        else:
            at.outputs[0][0].flat[7] = 0x7FC0

    program.steps[2] = (at, broken)
    found, errors = checked(program, weights, graph)
    assert not found.passed
    assert found.worst_step == at.step.name
    assert errors[2] > 0.01
    assert errors[1] < found.limit


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_what_was_right_before_does_not_count(dtype: str) -> None:
    """A step that writes nothing, where the right values of the run before still lie."""
    graph = alone("conv2d", {"out_channels": 4, "kernel_size": 3}, [(3, 8, 8)])
    program, weights, _ = bound(graph, 2, dtype)
    program.steps[0] = (program.steps[0][0], lambda: None)
    found, _ = checked(program, weights, graph)
    assert found.worst == float("inf")
    assert not found.passed


# -------------------------------------------------------------------------------------- report


@pytest.fixture
def measured() -> data.Bench:
    """A benchmark with invented times, of a program that really ran."""
    graph = network("lenet5")
    program, weights, images = bound(graph, 2)
    device = Simulated(2e-3)
    seen = observe(program, weights, images, right(graph), 2e-3, NoMeter("no power here"))
    power = energy(device.launch, device, Meter(device, counts=True), 2, 2e-3, clock=device.clock)
    limits = data.Ceilings(flops_per_second=8e14, bytes_per_second=4.3e12, method="invented",
                           products={"float16": 8e14, "tf32": 4e14})  # fmt: skip
    timing = throughput(device.launch, device, 1.0)
    times = [1000.0] * len(program.steps)
    result = seen.added(
        results.measured(results.result(program.plan, 2, 2, 2), timing, times, limits)
    )
    return data.Bench(
        name="LeNet-5", source=None, inputs={"input": (1, 32, 32)}, device="cuda:0",
        engine="cudnn", algorithm="auto", dtype="float16", weights="random (He), seed 0",
        machine=describe(1), ceilings=limits, method="windows", notes=tuple(seen.said),
        results=(msgspec.structs.replace(result, energy=power),),
        gpu=gpu(H200._replace(number=0, driver=13000), Meter(device, counts=True)),
        execution=execution("float16"),
    )  # fmt: skip


@pytest.mark.parametrize("width", [80, 200, None])
def test_the_report_says_everything(measured: data.Bench, width: int | None) -> None:
    text = render(measured, layers=True, width=width)
    if width:
        assert max(map(len, text.splitlines())) <= width
    flat = " ".join(text.split())
    for words in (
        "NVIDIA H200 (cuda:0, compute capability 9.0, 132 multiprocessors", "L2 60.0 MiB",
        "driver 1.2.3, CUDA 13.0", "TF32 off, sums in float32, layout NHWC",
        "timed: whole passes, input and logits on the device",
        "TFLOP/s float16 800.0, tf32 400.0; copy 4,300 GB/s", "method: windows",
        "Images/s", "1,000.0", "p50 ms", "500 of 700 W", "the device's energy counter",
        "clocks held down by: power cap", "numeric check passed on 1 image", "allowed: 0.002",
        "note: no power here", "outside the CUDA graph", "of floor", "reference",
    ):  # fmt: skip
        assert words in flat, words
    wide = ("to GPU ms", "SM MHz", "Passes", "the layer's own forward", "of copy")
    assert all(words in flat for words in wide) == (width != 80)


def test_the_json_has_it_all(measured: data.Bench) -> None:
    found = json.loads(render_json(measured))
    assert found["schema"] == "cnncalc.bench/1"
    assert found["gpu"]["libraries"] == measured.gpu.libraries  # type: ignore[union-attr]
    (result,) = found["results"]
    assert result["timing"]["passes"] == 10
    assert result["latency"]["runs"] >= 100
    assert result["latency"]["p50"] <= result["latency"]["p90"] <= result["latency"]["p99"]
    assert result["host_copies"]["to_device"] > 0
    assert result["energy"]["sm_mhz"]["least"] == 1780
    assert result["check"]["passed"]
    assert result["flops_per_second"] == sum(s["flops"] for s in result["steps"]) / 2e-3
    assert all(step["plan"] and step["error"] < 2e-3 for step in result["steps"])
    assert msgspec.json.decode(render_json(measured), type=data.Bench) == measured


def test_the_plan_says_what_was_chosen(measured: data.Bench) -> None:
    text = render(measured, explain=True)
    assert "Chosen on the device" in text
    assert "Arena at" in text
    (result,) = measured.results
    bare = tuple(msgspec.structs.replace(step, plan=None) for step in result.steps)
    changed = msgspec.structs.replace(result, steps=bare)
    other = render(msgspec.structs.replace(measured, results=(changed,)), explain=True)
    assert "Chosen" not in other


def test_a_failed_check_is_no_secret(measured: data.Bench) -> None:
    (result,) = measured.results
    assert result.check is not None
    failed = msgspec.structs.replace(result.check, passed=False, worst=0.5)
    changed = msgspec.structs.replace(result, check=failed, energy=None, latency=None)
    text = render(msgspec.structs.replace(measured, results=(changed,)))
    assert "numeric check FAILED" in text
    assert "5.0e-01" in text
