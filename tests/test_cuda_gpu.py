"""What only a GPU can show: kernels, graphs and errors on a device. Skipped where there is none.

python -m pytest -m gpu
"""

import json
import warnings
from typing import Any

import numpy as np
import pytest
from command_line import complaint, run
from test_engine_peers import ROWS, alone

from cnncalc.engine.cuda.arrays import DeviceArrays
from cnncalc.engine.cuda.backend import CudaBackend
from cnncalc.engine.cuda.check import LIMITS, check, relative
from cnncalc.engine.cuda.device import open_device
from cnncalc.engine.cuda.observe import ceilings, meter_of
from cnncalc.engine.cuda.power import NoMeter, energy
from cnncalc.engine.cuda.program import Program
from cnncalc.engine.cuda.timing import latency, throughput
from cnncalc.engine.peers.job import Job
from cnncalc.engine.plan import plan
from cnncalc.engine.reference import reference
from cnncalc.engine.refusal import NoBackend
from cnncalc.engine.weights import Folded
from cnncalc.graph import Graph
from cnncalc.spec import load


def missing() -> str:
    """Why there is no device; empty if there is one."""
    with warnings.catch_warnings(action="ignore"):  # CuPy's own, of the environment it finds
        try:
            open_device(0)
        except NoBackend as reason:
            return str(reason)
    return ""


REASON = missing()
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.filterwarnings("default"),
    pytest.mark.skipif(bool(REASON), reason=f"needs an NVIDIA GPU and CuPy: {REASON}"),
]
DTYPES: Any = ("float32", "tf32", "float16", "bfloat16")
ENGINES: Any = ("native", "cudnn")


def backend(dtype: Any, engine: Any) -> CudaBackend:
    if engine == "cudnn":
        pytest.importorskip("cudnn", reason="cuDNN's frontend is not installed")
    cupy, device = open_device(0)
    return CudaBackend(device, DeviceArrays(dtype, cupy, 0), dtype, engine)


def loaded(graph: Graph, place: CudaBackend, batch: int) -> tuple[Program, Folded]:
    """A program with random images in it, and the folded weights of its steps."""
    planned, job = plan(graph, place), Job("", "", graph, batch, 1)
    weights = Folded(planned.steps, job.weights())
    program = place.prepare(planned, weights, batch)
    program.load(*job.images())
    return program, weights


def right(graph: Graph) -> list[Any]:
    job = Job("", "", graph, 1, 1)
    return reference(graph, job.weights(), job.images())


def checked(graph: Graph, place: CudaBackend, batch: int) -> Any:
    program, weights = loaded(graph, place, batch)
    with program.xp.current():
        found, _ = check(program.steps, weights, program.results, right(graph), program.xp.dtype)
    return found


def network(name: str) -> Graph:
    graph = load(name).graph
    assert graph is not None
    return graph


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("kind", "options", "shapes"), ROWS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_kernel_row_is_right(
    kind: str, options: dict[str, Any], shapes: list[tuple[int, ...]], engine: Any
) -> None:
    """A layer by each row of the table that takes it, outputs poisoned, against float64."""
    graph = alone(kind, options, shapes)
    wrong = {}
    for dtype in DTYPES:
        place = backend(dtype, engine)
        *rows, last = place.kernels
        steps = plan(graph, place).steps
        for kernel in (*(row for row in rows if any(map(row.when, steps))), last):
            place.kernels = (last,) if kernel is last else (kernel, last)
            found = checked(graph, place, 3)
            if found.worst > LIMITS[dtype]:
                wrong[dtype, kernel.name] = found.worst
    assert wrong == {}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["lenet5", "vgg11", "resnet18", "mobilenet_v2", "googlenet_2014",
                                  "densenet121", "efficientnet_b0", "unet"])  # fmt: skip
def test_a_whole_network_is_right(name: str, engine: Any, dtype: Any) -> None:
    found = checked(network(name), backend(dtype, engine), 4)
    assert found.passed, found
    assert found.outputs < 30 * LIMITS[dtype]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_pass_is_one_graph_that_reads_what_is_loaded(engine: Any) -> None:
    program, _ = loaded(network("resnet18"), backend("float16", engine), 4)
    assert (program.graphs, program.eager) == (1, {})
    first = program.run()
    again = program.run()
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    other = [-image for image in Job("", "", network("resnet18"), 4, 1).images()]
    changed = program.run(*other)
    assert not np.array_equal(first[0], changed[0])
    program.time_steps()  # the same steps without the graph
    assert max(map(relative, program.results(), changed)) < 1e-3


def test_two_programs_do_not_disturb_each_other() -> None:
    place = backend("float16", "native")
    one, _ = loaded(network("lenet5"), place, 4)
    before = one.run()
    other, _ = loaded(network("resnet20"), place, 4)
    other.run()
    assert np.array_equal(one.run()[0], before[0])
    other.close()
    assert np.array_equal(one.run()[0], before[0])


def test_time_is_plausible() -> None:
    program, _ = loaded(network("resnet18"), backend("float16", "native"), 8)
    with program.xp.current():
        timing = throughput(program.launch, program.xp, 0.5)
        waited = latency(program.launch, program.xp, 0.2)
    assert timing.runs >= 30
    assert 0.5 < waited.p50 / timing.median < 20
    assert sum(program.time_steps()) / 1e9 > 0.3 * timing.median


def test_ceilings_and_power() -> None:
    xp: Any = backend("float16", "native").xp
    found = ceilings(xp, ("float32",))
    assert found.products["float16"] > found.products["float32"] > 1e12
    assert found.bytes_per_second > 1e11
    meter = meter_of(xp)
    if isinstance(meter, NoMeter):
        pytest.skip(str(meter))
    program, _ = loaded(network("resnet18"), backend("float16", "native"), 8)
    with program.xp.current():
        taken = energy(program.launch, program.xp, meter, 8, 1e-3, seconds=1.0)
    assert 20 < taken.watts < 2000
    assert taken.sm_mhz.least > 100


def test_the_command_reports_everything() -> None:
    done = run("bench", "lenet5", "--device", "cuda", "--dtype", "float16", "--seconds", "0.1",
               "--format", "json")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["gpu"]["name"]
    (result,) = found["results"]
    assert result["check"]["passed"]
    assert result["latency"]["p99"] >= result["latency"]["p50"]
    assert result["energy"] or any("pip install" in note for note in found["notes"])


# -------------------------------------------------------------------------------------- errors


def test_a_device_that_is_not_there_is_named() -> None:
    assert "there is no device cuda:99; there is: cuda:0" in complaint(
        "bench", "lenet5", "--device", "cuda:99"
    )


def test_what_does_not_fit_is_refused_before_it_is_made() -> None:
    text = complaint("bench", "vgg16", "--device", "cuda", "--batch", "65536", "--seconds", "0.1")
    assert "needs" in text
    assert "free" in text


def test_a_call_that_cannot_be_captured_leaves_the_device_usable() -> None:
    xp: Any = backend("float32", "native").xp
    with xp.current(), pytest.raises(RuntimeError):
        xp.capture([xp.synchronize])  # waiting is not allowed in a capture
    program, _ = loaded(network("lenet5"), backend("float32", "native"), 2)
    assert np.isfinite(program.run()[0]).all()


def test_a_kernel_that_writes_nothing_is_found() -> None:
    graph = network("lenet5")
    program, weights = loaded(graph, backend("bfloat16", "native"), 2)
    at, _ = program.steps[1]
    program.steps[1] = (at, lambda: None)
    with program.xp.current():
        found, _ = check(program.steps, weights, program.results, right(graph), "bfloat16")
    assert not found.passed
    assert found.worst_step == at.step.name
