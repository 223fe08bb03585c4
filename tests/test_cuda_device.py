"""`bench --device cuda` where there is no device, no driver, no CuPy, too little of anything; and
the whole command on a module that stands for CuPy."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from time import perf_counter
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from command_line import complaint, run

import cnncalc
from cnncalc.analysis.measurements import Ceilings
from cnncalc.engine.backends import NoBackend, choose_backend
from cnncalc.engine.cuda import backend, device, observe
from cnncalc.engine.cuda.arrays import DeviceArrays
from cnncalc.engine.cuda.device import open_device, pip
from cnncalc.engine.fits import TooLarge

PROPERTIES = {
    "name": b"NVIDIA H200", "major": 9, "minor": 0, "multiProcessorCount": 132,
    "totalGlobalMem": 150 << 30, "l2CacheSize": 60 << 20, "sharedMemPerBlockOptin": 227 << 10,
}  # fmt: skip


class Stream:
    """A stream of CuPy's whose launches are done when they return."""

    ptr = 4711

    def __init__(self, non_blocking: bool) -> None:
        assert non_blocking
        self.log: list[str] = []
        self.broken = False

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def synchronize(self) -> None:
        pass

    def begin_capture(self) -> None:
        self.log.append("begin")

    def end_capture(self) -> Any:
        self.log.append("end")
        if self.broken:
            raise RuntimeError("the capture was invalidated")
        return SimpleNamespace(
            upload=lambda stream: self.log.append("upload"),
            launch=lambda stream: self.log.append("launch"),
        )


class Event:
    done = True
    time = 0.0

    def record(self, stream: Stream) -> None:
        self.time = perf_counter()

    def synchronize(self) -> None:
        pass


def fake_cupy(
    count: int = 1, built: int = 13000, free: int = 100 << 30, properties: Any = PROPERTIES
) -> Any:
    """A module with as much of CuPy as we call, on NumPy's arrays."""

    @contextmanager
    def on(number: int) -> Iterator[Any]:
        yield SimpleNamespace(mem_info=(free, 150 << 30))

    cupy: Any = ModuleType("cupy")
    cupy.__spec__ = ModuleSpec("cupy", None)
    cupy.__getattr__ = lambda name: getattr(np, name)
    cupy.asnumpy = np.array
    cupy.get_default_memory_pool = lambda: SimpleNamespace(free_all_blocks=lambda: None)
    cupy.cuda = SimpleNamespace(
        Device=on, Stream=Stream, Event=Event,
        get_elapsed_time=lambda first, second: 1e3 * (second.time - first.time),
        runtime=SimpleNamespace(
            runtimeGetVersion=lambda: built,
            getDeviceCount=lambda: count,
            setDevice=lambda number: None,
            getDeviceProperties=lambda number: properties,
            deviceGetPCIBusId=lambda number: "0000:1b:00.0",
        ),
    )  # fmt: skip
    return cupy


def installed(monkeypatch: pytest.MonkeyPatch, driver: int | None, cupy: Any = None) -> None:
    """Pretend that a driver is there, and CuPy."""
    monkeypatch.setattr(device, "driver_version", lambda: driver)
    monkeypatch.setattr(device, "find_spec", lambda name: cupy and cupy.__spec__)
    monkeypatch.setitem(sys.modules, "cupy", cupy)


# ------------------------------------------------------------------------------- what is missing


@pytest.mark.parametrize(
    ("driver", "cupy", "reason", "hint"),
    [
        (None, None, "no NVIDIA driver", "pip install 'cnncalc[cuda13]'"),
        (11080, None, "too old: it can do CUDA 11.8, needed is 12.0", "a newer driver"),
        (12080, None, "CuPy is not installed", "pip install 'cnncalc[cuda12]'"),
        (13000, None, "CuPy is not installed", "pip install 'cnncalc[cuda13]'"),
        (12080, {"built": 13010}, "CuPy is for CUDA 13.1, and the NVIDIA driver can do 12.8",
         "pip install 'cnncalc[cuda12]'"),
        (13000, {"count": 0}, "no device cuda:1; there is: none", ""),
        (13000, {"count": 1}, "no device cuda:1; there is: cuda:0", ""),
        (13000, {"count": 2, "properties": PROPERTIES | {"major": 7, "minor": 5}},
         "compute capability 7.5, needed is 8.0", "--device cpu"),
    ],
)  # fmt: skip
def test_what_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, driver: int | None, cupy: Any, reason: str, hint: str
) -> None:
    installed(monkeypatch, driver, None if cupy is None else fake_cupy(**cupy))
    with pytest.raises(NoBackend, match=reason) as error:
        open_device(1)
    assert hint in error.value.hint
    text = " ".join(complaint("bench", "vgg16", "--device", "cuda:1").split())
    assert reason in text
    assert hint in text


def test_a_cupy_that_does_not_work_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> int:
        raise RuntimeError("cudaErrorSystemDriverMismatch: no match\nand more")

    cupy = fake_cupy()
    cupy.cuda.runtime.getDeviceCount = fails
    installed(monkeypatch, 13000, cupy)
    text = complaint("bench", "vgg16", "--device", "cuda")
    assert "CuPy does not work: cudaErrorSystemDriverMismatch: no match" in text
    assert "and more" not in text


def test_a_device_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, 13000, fake_cupy(count=2))
    found = open_device(1)[1]
    assert found[:5] == (1, "NVIDIA H200", (9, 0), 132, 150 << 30)
    assert (found.sm, found.driver) == (90, 13000)


@pytest.mark.parametrize(("driver", "extra"), [(12000, 12), (12090, 12), (13000, 13), (14000, 13)])
def test_the_driver_decides_what_to_install(driver: int, extra: int) -> None:
    assert pip(driver) == f"pip install 'cnncalc[cuda{extra}]'"


@pytest.mark.parametrize("wrong", ["gpu", "cuda:", "cuda:x", "cuda:-1", "cpu:0", "auto:1", ""])
def test_the_name_of_a_device(wrong: str) -> None:
    text = complaint("bench", "vgg16", "--device", wrong)
    assert "allowed: cpu, cuda, cuda:N, auto" in text


# ---------------------------------------------------------------------------- what goes together


@pytest.mark.parametrize(
    ("arguments", "reason", "hint"),
    [
        (["--dtype", "float16"], "the CPU computes in float32, not in float16", "--device cuda"),
        (["--engine", "cudnn"], "cuDNN runs on CUDA devices", "--device cuda"),
        (["--device", "cuda", "--engine", "numpy"], "NumPy's kernels run on the CPU", "native"),
        (["--device", "auto", "--dtype", "tf32"], "no NVIDIA driver", "cuda13"),
        (["--device", "auto", "--engine", "cudnn"], "no NVIDIA driver", "cuda13"),
    ],
)
def test_what_does_not_go_together(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], reason: str, hint: str
) -> None:
    installed(monkeypatch, None)
    text = complaint("bench", "lenet5", *arguments)
    assert reason in text
    assert hint in text


def test_auto_is_the_cpu_where_there_is_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, None)
    text = run("bench", "lenet5", "--device", "auto", "--explain", "--engine", "numpy").stdout
    assert "engine numpy on cpu" in text
    _, said = choose_backend("auto", "auto", "auto")
    assert "on the CPU: there is no NVIDIA driver" in said[0]


def test_auto_is_cuda_where_there_is_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, 13000, fake_cupy())
    found, _ = choose_backend("native", "auto", "auto", "float16")
    assert (found.name, found.device.number, found.dtype) == ("native", 0, "float16")


def test_without_cudnn_it_says_what_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, 12080, fake_cupy(built=12080))
    monkeypatch.setattr("cnncalc.engine.backends.find_spec", lambda name: None)
    found, said = choose_backend("auto", "auto", "cuda")
    assert found.name == "native"
    assert "pip install 'cnncalc[cuda12]'" in said[0]
    with pytest.raises(NoBackend, match="cuDNN's frontend is not installed"):
        choose_backend("cudnn", "auto", "cuda")


# ------------------------------------------------------------------------------------ only a plan


@pytest.mark.parametrize("engine", ["auto", "native", "cudnn"])
def test_a_plan_needs_no_device(monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    installed(monkeypatch, None)
    result = run("bench", "resnet18", "--device", "cuda", "--explain", "--engine", engine,
                 "--dtype", "bfloat16")  # fmt: skip
    assert result.exit_code == 0, result.stderr
    text = " ".join(result.stdout.split())
    assert f"bfloat16, engine {'native' if engine == 'native' else 'cudnn'} on cuda" in text
    assert "equal to the analysis' peak" in text
    assert "nhwc" in text
    assert "planned for NVIDIA H200, which is not here, and nothing can run" in text
    assert "Images/s" not in text


def test_a_plan_counts_the_bytes_of_its_dtype() -> None:
    half, single = (
        cnncalc_plan("--device", "cuda", "--dtype", dtype) for dtype in ("float16", "float32")
    )
    for key in ("arena_bytes", "peak_bytes", "weight_bytes"):
        assert 2 * half[key] == single[key]
    for one, other in zip(half["steps"], single["steps"], strict=True):
        assert 2 * one["bytes"] == other["bytes"]
        assert 2 * one["arena_offset"] == other["arena_offset"]


def cnncalc_plan(*arguments: str) -> Any:
    result = run("bench", "resnet18", "--explain", "--format", "json", *arguments)
    return json.loads(result.stdout)["results"][0]


def test_a_cpu_benchmark_imports_nothing_for_gpus() -> None:
    code = (
        "import sys\nfrom cnncalc.cli import main\n"
        "try:\n    main(['bench', 'lenet5', '--engine', 'numpy', '--seconds', '0.05'])\n"
        "finally:\n    print(*sorted(n for n in sys.modules if 'cuda' in n or 'cupy' in n), "
        "file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stderr.strip() == ""


# ----------------------------------------------------------------------------- on what is like CuPy


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A device on which the layers' own forward runs everything, and whose ceilings are known."""
    cupy = fake_cupy()
    installed(monkeypatch, 13000, cupy)
    monkeypatch.setattr(backend, "table", lambda *given: (backend.REFERENCE,))
    known = Ceilings(flops_per_second=1e12, bytes_per_second=1e11, method="invented")
    monkeypatch.setattr(observe, "ceilings", lambda xp: known)
    return cupy


def test_the_whole_command(gpu: Any) -> None:
    result = run("bench", "lenet5", "--device", "cuda", "--dtype", "float16", "--batch", "3",
                 "--engine", "native", "--seconds", "0.05", "--format", "json")  # fmt: skip
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert (found["device"], found["dtype"], found["engine"]) == ("cuda:0", "float16", "native")
    assert found["gpu"]["name"] == "NVIDIA H200"
    assert found["execution"]["layout"] == "NHWC"
    (measured,) = found["results"]
    assert measured["arena_bytes"] == measured["peak_bytes"] == 2 * 3 * 5880
    assert measured["timing"]["runs"] >= 30
    assert measured["latency"]["runs"] >= 100
    assert measured["check"]["passed"]
    for step in measured["steps"]:
        assert step["milliseconds"] > 0
        assert step["kernel"] == "reference"
        assert step["error"] < 2e-3
    assert any("outside the CUDA graph: C1" in note for note in found["notes"])


def test_the_same_from_python(gpu: Any) -> None:
    with pytest.raises(ValueError, match="the CPU computes in float32"):
        cnncalc.bench("lenet5", dtype="float16")
    with pytest.raises(ValueError, match="no device cuda:7"):
        cnncalc.bench("lenet5", device="cuda:7")


def test_too_little_memory_says_how_much(gpu: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, 13000, fake_cupy(free=1 << 30))
    text = complaint("bench", "vgg16", "--device", "cuda", "--batch", "64", "--engine", "native")
    assert "batch 64 of VGG-16 needs" in text
    assert "free on cuda:0: 1,024.0 MiB" in text
    assert "a smaller --batch" in text


def test_other_engines_are_those_for_gpus(gpu: Any) -> None:
    text = complaint("bench", "lenet5", "--device", "cuda", "--compare", "openvino")
    assert "no engine 'openvino' on a CUDA device; allowed: torch" in text


def test_memory_that_runs_out_is_no_traceback(gpu: Any) -> None:
    arrays = DeviceArrays("float16", gpu, 0)
    reason = r"cuda:0 has no more memory: wanted 1 byte; free: 102,400\.0 MiB"
    with pytest.raises(TooLarge, match=reason), arrays.current():
        raise MemoryError("wanted 1 byte")


def test_a_graph_is_captured_on_the_stream(gpu: Any) -> None:
    arrays, done = DeviceArrays("float32", gpu, 0), list[str]()
    launch = arrays.capture([lambda: done.append("a"), lambda: done.append("b")])
    log = arrays._stream.log
    assert log == ["begin", "end", "upload"]
    assert done == ["a", "b"]
    launch()
    assert log[3:] == ["launch"]
    assert arrays.stream == 4711


def test_a_broken_capture_ends_with_the_first_error(gpu: Any) -> None:
    def fails() -> None:
        raise RuntimeError("not permitted")

    arrays = DeviceArrays("float32", gpu, 0)
    arrays._stream.broken = True
    with pytest.raises(RuntimeError, match="not permitted"):
        arrays.capture([fails])
    assert arrays._stream.log == ["begin", "end"]


def test_values_go_to_the_device_and_back(gpu: Any) -> None:
    arrays = DeviceArrays("bfloat16", gpu, 0)
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    stored = arrays.put(values)
    assert stored.dtype == np.uint16
    np.testing.assert_array_equal(arrays.get(stored.T), values.T)
    first = arrays.mark()
    assert arrays.nanoseconds(first, arrays.mark()) >= 0
    assert arrays.happened(first)
