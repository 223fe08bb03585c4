"""What a benchmark will take in memory, before it takes it: predicted beside what it takes."""

import subprocess
import sys
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import Any

import pytest
from analysis_networks import Network

from cnncalc.engine import fits
from cnncalc.engine.cpu.numpy_backend import NumpyBackend
from cnncalc.engine.fits import Footprint, TooLarge, check_memory, most_weights, need
from cnncalc.engine.plan import plan
from cnncalc.graph import Graph

needs_numba = pytest.mark.skipif(
    not find_spec("numba"), reason="the native engine needs Numba: pip install 'cnncalc[numba]'"
)

#: Runs a benchmark and prints what it takes beyond what the process had when it was asked.
CHILD = """
import sys
from pathlib import Path

from cnncalc.analysis.measurements import Ceilings
from cnncalc.engine import bench, fits
from cnncalc.spec import load

name, batch, engine = sys.argv[1:]
limits = Ceilings(flops_per_second=1e12, bytes_per_second=1e12, method="given")
bench.ceilings = lambda machine: limits
predict, said = fits.need, []

def need(*given, **options):
    before = int(Path("/proc/self/statm").read_text().split()[1]) * 4096
    said.extend([before, predict(*given, **options).total])
    return predict(*given, **options)

fits.need = need
bench.bench(load(name).graph, batches=(int(batch),), seconds=0.05, engine=engine)
status = Path("/proc/self/status").read_text().splitlines()  # ru_maxrss is the parent's, too
print(*said, *(1024 * int(line.split()[1]) for line in status if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux' /proc")
@pytest.mark.parametrize(
    ("name", "batch", "engine"),
    [
        pytest.param("vgg16", 1, "native", marks=needs_numba),
        pytest.param("resnet50", 8, "native", marks=needs_numba),
        pytest.param("mobilenet_v2", 1, "native", marks=needs_numba),
        pytest.param("densenet121", 8, "native", marks=needs_numba),
        ("resnet50", 1, "numpy"),
        ("mobilenet_v2", 2, "numpy"),
    ],
)
def test_the_process_takes_what_was_predicted(name: str, batch: int, engine: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", CHILD, name, str(batch), engine],
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    before, predicted, most = map(int, ended.stdout.split())
    assert 0.95 * most < before + predicted < 1.15 * most


def convolutions(channels: int, size: int, *options: dict[str, Any]) -> Graph:
    network = Network(channels, size, size)
    for number, given in enumerate(options):
        network.add(f"conv{number}", "conv2d", **given)
    return network.graph()


def conv(out: int, kernel: int = 3, **options: Any) -> dict[str, Any]:
    return {"out_channels": out, "kernel_size": kernel, "padding": kernel // 2, **options}


def dressed() -> Graph:
    """Pooling, squeeze and excitation, a linear layer, and one that NumPy runs."""
    network = Network(24, 20, 20)
    network.add("norm", "local_response_norm", size=3)
    image = network.add("conv", "conv2d", **conv(40, stride=2))
    network.add("mean", "adaptive_avg_pool2d", output_size=1)
    network.add("gate", "conv2d", **conv(40, 1))
    gate = network.add("sigmoid", "sigmoid")
    network.add("mul", "mul", image, gate)
    network.add("pool", "max_pool2d", kernel_size=2)
    network.add("flatten", "flatten")
    network.add("fc", "linear", out_features=30)
    return network.graph()


NETWORKS = {
    "direct": lambda: convolutions(3, 30, conv(33, 7), conv(65, 1), conv(40, stride=2)),
    "depthwise": lambda: convolutions(48, 20, conv(48, groups=48), conv(48, 5, groups=48)),
    "groups": lambda: convolutions(64, 20, conv(128, groups=4), conv(96, groups=32)),
    "winograd": lambda: convolutions(32, 60, conv(70), conv(33), conv(34, 5)),
    "much winograd": lambda: convolutions(300, 26, conv(320), conv(300)),
    "small winograd": lambda: convolutions(520, 7, conv(500), conv(512)),
    "others": dressed,
}


@needs_numba
@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_native_footprint_is_what_a_program_keeps_and_touches(name: str, batch: int) -> None:
    from native_networks import native

    from cnncalc.engine.cpu.native import NativeBackend

    threads, backend = 2, NativeBackend()
    program = native(NETWORKS[name](), batch, threads, backend)
    said = backend.footprint(program.plan, batch, threads)
    floats = (array for array in program.memory.arrays if array.dtype == "float32")
    kept = sum(array.nbytes for array in floats)  # all others are step tables, and small
    kept += 4 * sum(s.weights for s in program.plan.steps if s.name in program.fallen_back)
    assert kept == pytest.approx(4 * sum(said.weights), rel=0.02, abs=8_000)
    for array in program.memory.scratch.values():
        array.fill(0)
    program.run(*program.inputs)
    program.time_steps(*(array + 1 for array in program.inputs))
    touched = 0
    for (kind, _), array in program.memory.scratch.items():
        parts = array.reshape(threads, -1) if kind == "own" else array[None]
        touched += sum(int(part.nonzero()[0].max(initial=-1)) + 1 for part in parts)
    program.close()
    by_numpy = sum(
        batch * sum(map(prod, (*step.node.input_shapes, *step.node.output_shapes)))
        for step in program.plan.steps
        if step.name in program.fallen_back
    )
    assert touched + by_numpy <= said.scratch
    assert said.scratch < 2.5 * (touched + by_numpy) + 1000


def linear(*features: int) -> Graph:
    network = Network(features[0], 1, 1)
    network.add("flatten", "flatten")
    for number, out in enumerate(features[1:]):
        network.add(f"fc{number}", "linear", out_features=out, bias=False)
    return network.graph()


def test_large_arrays_are_given_back_and_small_ones_leave_holes() -> None:
    planned = plan(linear(4000, 4000, 1000, 10), NumpyBackend())
    sizes = (16_000_000, 4_000_000, 10_000)
    assert tuple(step.weights for step in planned.steps) == sizes
    copied = Footprint(1, sizes, copied=True, scratch=0, fixed=0)
    assert most_weights(planned, copied) == 2 * 16_000_000
    assert most_weights(planned, copied._replace(copied=False)) == sum(sizes)
    more = plan(linear(4000, 4000, 2000, 2000, 2000), NumpyBackend())
    sizes = tuple(step.weights for step in more.steps)
    copied = Footprint(1, sizes, copied=True, scratch=0, fixed=0)
    assert most_weights(more, copied) == sum(sizes) + 8_000_000


def test_a_batch_a_file_and_other_engines_take_more() -> None:
    planned = plan(linear(100, 50), NumpyBackend())
    footprint = Footprint(1, (5000,), copied=False, scratch=7, fixed=3)
    one, many = (need(planned, footprint._replace(images=n), n) for n in (1, 10))
    assert one.weights == many.weights == 4 * 5000
    assert many.arena == 10 * one.arena == 40 * planned.arena_values
    assert many.scratch - one.scratch == 9 * 4 * 2 * 150
    assert need(planned, footprint, 1, from_file=True).weights == 2 * one.weights
    beside = need(planned, footprint, 1, others=2)
    assert beside.others == 2 * 4 * (3 * 5000 + 2 * planned.arena_values)
    assert beside.total - one.total == beside.others


def test_what_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = NumpyBackend()
    planned = plan(linear(1000, 1000), backend)
    for free, others in ((None, 0), (10**9, 0), (10**9, 9)):
        monkeypatch.setattr(fits, "free_memory", lambda free=free: free)
        check_memory(planned, backend, 1, 2, others=others)
    monkeypatch.setattr(fits, "free_memory", lambda: 17 * 10**6)
    check_memory(planned, backend, 1, 2)
    with pytest.raises(TooLarge, match=r"2 other engines 22\.9 MiB.*; free: 16\.2 MiB"):
        check_memory(planned, backend, 1, 2, others=2)
    with pytest.raises(TooLarge, match=r"batch 999 .*weights 3\.81 MiB, arena 7\.62 MiB, scratch"):
        check_memory(planned, backend, 999, 2)
