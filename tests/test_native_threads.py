"""The crew of threads: no run is lost, none hangs, whoever sleeps or comes late."""

import faulthandler
import time
from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip("numba", reason="the native engine needs Numba: pip install 'cnncalc[numba]'")

from analysis_networks import layered
from native_networks import assert_native, native

from cnncalc.engine.cpu.compile import host, loader
from cnncalc.engine.cpu.kernel import MicroKernel
from cnncalc.engine.cpu.table import Dimension, Group, Task, table
from cnncalc.engine.cpu.threads import Crew, processors

#: About 30 µs each, where there is a processor for each thread.
RUNS = 100_000 if processors() > 1 else 5_000


@pytest.fixture(autouse=True)
def _hangs_end() -> Iterator[None]:
    """A deadlock is a failure: everything ends, with the stack of every thread."""
    faulthandler.dump_traceback_later(300, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


def counting(values: np.ndarray, width: int, steps: int) -> tuple[np.ndarray, int, list[object]]:
    """A table of steps that each add 1 to every pixel of ``width`` units, by a kernel with one
    tap of weight 1: out of order, or run twice, a step would give something else."""
    kept = [np.ones(16, np.float32), np.ones(16, np.float32), np.array([0, 1], np.int64)]
    ones, bias, entries = kept
    size = values.strides[0]
    job = {"b": ones.ctypes.data, "bias": bias.ctypes.data, "entries": entries.ctypes.data}
    job |= {"entry_count": 1, "tiles": 1, "hi": 0x7F800000, "lo": 0}
    groups = []
    for step in range(steps):
        moved = {
            "a": values.ctypes.data + step * size,
            "out": values.ctypes.data + size * (step + 1),
        }
        task = Task(MicroKernel("depthwise", 1, 1), job | moved, (Dimension(width, a=64, out=64),))
        groups.append(Group((task,)))
    addresses = loader(host()).load([MicroKernel("depthwise", 1, 1)])
    rows, units = table(np, groups, addresses)
    return rows, units, [*kept, values]


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_many_tiny_runs(threads: int) -> None:
    steps, width = 6, 5
    values = np.zeros((steps + 1, width, 16), np.float32)
    rows, units, _kept = counting(values, width, steps)
    crew = Crew(np, threads)
    for number in range(RUNS if threads == 2 else RUNS // 10):
        values[0] = number % 7
        values[1:] = np.nan
        crew.run(rows.ctypes.data, units)
        assert (values[steps] == number % 7 + steps).all()
        if number % 1000 == 0:
            time.sleep(0.02)  # long enough for the others to fall asleep
    crew.close()


def test_two_crews_do_not_disturb_each_other() -> None:
    layers = [("conv2d", {"out_channels": 20, "kernel_size": 3, "padding": 1})] * 3
    programs = [native(layered((20, 12, 12), *layers), 1, threads=2) for _ in range(2)]
    (image,) = programs[0].inputs
    image[:] = np.random.default_rng(0).standard_normal(image.shape)
    for _ in range(50):
        first, second = (program.run(image)[0] for program in programs)
        assert (first == second).all()
    for program in programs:
        program.close()


@pytest.mark.parametrize("threads", [1, 3])
def test_the_result_does_not_depend_on_the_number_of_threads(threads: int) -> None:
    graph = layered((20, 40, 40), *[("conv2d", {"out_channels": 24, "kernel_size": 3})] * 2)
    one, other = native(graph, 2, threads=2), native(graph, 2, threads=threads)
    (image,) = one.inputs
    image[:] = np.random.default_rng(0).standard_normal(image.shape)
    assert (one.run(image)[0] == other.run(image)[0]).all()
    one.close()
    other.close()
    assert_native(graph)
