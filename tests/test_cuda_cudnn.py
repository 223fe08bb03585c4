"""cuDNN's row of the CUDA table, without a GPU: which steps it takes, the graphs that it makes of
them, what the graphs compute, how a plan is chosen, and what is remembered.

A fake frontend records and runs the graphs (`fake_cudnn`). The last tests ask the real one, where
it is installed, for plans for a GPU that is described to it.
"""

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from analysis_networks import Network, layered
from engine_networks import graphs, images
from fake_cudnn import Clock, Frontend, Planned
from hypothesis import HealthCheck, given, settings

from cnncalc.engine.cuda import cudnn, cudnn_plans
from cnncalc.engine.cuda import cudnn_graph as patterns
from cnncalc.engine.cuda.arrays import Arrays, Dtype
from cnncalc.engine.cuda.backend import REFERENCE, CudaBackend
from cnncalc.engine.cuda.bound import CannotBind
from cnncalc.engine.cuda.check import LIMITS, errors, poison
from cnncalc.engine.cuda.cudnn_graph import Lies, Pattern
from cnncalc.engine.cuda.device import H200
from cnncalc.engine.cuda.program import Program
from cnncalc.engine.plan import Step, plan
from cnncalc.engine.weights import Weights, folded
from cnncalc.graph import Graph

ROOT = Path(__file__).parent.parent
DTYPES: tuple[Dtype, ...] = ("float32", "tf32", "float16", "bfloat16")
CONV = {"out_channels": 8, "kernel_size": 3, "padding": 1}
#: A graph for everything is refused, so the convolution and the rest are two.
UNFUSED = {"refuses": lambda graph: len(graph.operations) > 1 and "convolution" in graph.operations}


class Backend(CudaBackend):
    """The backend on NumPy's arrays, with cuDNN's row and the reference."""

    def __init__(self, frontend: Frontend, folder: Path, dtype: Dtype = "float32") -> None:
        super().__init__(H200, Arrays(dtype), dtype, "cudnn")
        self.clock = Clock(frontend)
        rows = cudnn.kernels(dtype, H200, self.clock, lambda: frontend, lambda: folder)
        self.kernels = (*rows, REFERENCE)


def prepared(
    graph: Graph, frontend: Frontend, folder: Path, dtype: Dtype = "float32", batch: int = 2
) -> Program:
    backend, weights = Backend(frontend, folder, dtype), Weights(graph)
    planned = plan(graph, backend)
    return backend.prepare(planned, [folded(step, weights) for step in planned.steps], batch)


def steps(graph: Graph) -> list[Step]:
    return list(plan(graph, CudaBackend(H200, None, "float16", "cudnn")).steps)


def residual(kind: str = "relu", channels: int = 8) -> Graph:
    network = Network(channels, 6, 6)
    network.conv("conv", channels, kernel=3, padding=1)
    network.add("sum", "add", "conv", "input")
    network.add("end", kind)
    return network.graph()


def assert_right(
    graph: Graph, frontend: Frontend, folder: Path, dtype: Dtype = "float32"
) -> Program:
    """Assert that each step is right on the inputs that it has, in an arena full of NaN."""
    program = prepared(graph, frontend, folder, dtype)
    weights = Weights(graph)
    arrays = [folded(step, weights) for step in program.plan.steps]
    program.load(*images(graph, 2, np.float32))
    poison(program.arena)
    for name, error in errors(program.steps, arrays):
        assert error <= LIMITS[dtype], f"{name}: {error}"
    return program


# ---------------------------------------------------------------------------- steps → patterns


@pytest.mark.parametrize(
    ("shape", "layers", "takes"),
    [
        ((8, 6, 6), [("conv2d", CONV)], True),
        ((8, 6, 6), [("conv2d", CONV), ("batch_norm2d", {}), ("relu", {})], True),
        ((8, 6, 6), [("conv2d", CONV), ("relu6", {})], True),
        ((8, 6, 6), [("conv2d", CONV), ("hardtanh", {"min_val": 0, "max_val": 2})], True),
        ((8, 6, 6), [("conv2d", CONV | {"groups": 4}), ("relu", {})], True),
        ((8, 6, 6), [("conv2d", CONV | {"groups": 8}), ("hardswish", {})], False),
        ((2, 6, 6), [("conv2d", CONV | {"connections": [[0]] * 8})], False),
        ((8, 6), [("conv1d", CONV)], False),
        ((8, 6, 6, 6), [("conv3d", CONV)], False),
        ((8,), [("linear", {"out_features": 4}), ("relu", {})], True),
        ((5, 8), [("linear", {"out_features": 4})], True),
        ((3, 5, 8), [("linear", {"out_features": 4})], False),
        ((8, 6, 6), [("max_pool2d", {"kernel_size": 2})], False),
    ],
    ids=str,
)
def test_which_steps_it_takes(shape: Any, layers: Any, takes: bool) -> None:
    assert patterns.can_run(steps(layered(shape, *layers))[0]) == takes


@pytest.mark.parametrize(
    ("kind", "left"), [("relu", 1), ("relu6", 1), ("silu", 2), ("hardtanh", 2)]
)
def test_an_epilogue_that_its_graphs_cannot_have_is_a_step_of_its_own(kind: str, left: int) -> None:
    first, *rest = steps(residual(kind))
    assert patterns.can_run(first)
    assert len(rest) == left - 1


def test_a_residual_that_is_stretched_is_not_for_it() -> None:
    network = Network(8, 6, 6)
    network.add("mean", "adaptive_avg_pool2d", output_size=1)
    network.conv("conv", 8, "input", kernel=3, padding=1)
    network.add("sum", "add", "conv", "mean")
    (step,) = (one for one in steps(network.graph()) if one.body.kind == "conv2d")
    assert not patterns.can_run(step) or not step.epilogue


def described(step: Step, *windows: Lies) -> Pattern:
    *inputs, output = windows
    return patterns.pattern(step, "float16", tuple(inputs), output)


def test_a_convolution_is_described_with_the_strides_of_its_windows() -> None:
    """An output in a concat of 20 channels, and TensorFlow's padding, which has two sides."""
    options = {"out_channels": 8, "kernel_size": [3, 5], "stride": 2, "padding": "same"}
    (step,) = steps(layered((4, 7, 8), ("conv2d", options | {"groups": 2}), ("relu6", {})))
    x, y = Lies((2, 4, 7, 8), (224, 1, 32, 4)), Lies((2, 8, 4, 4), (320, 1, 80, 20))
    assert described(step, x, y) == Pattern(
        "float16", x, y, Lies((8, 2, 3, 5), (30, 1, 10, 2)), None, bias=True, clamp=6.0,
        before=(1, 1), after=(1, 2), stride=(2, 2), dilation=(1, 1),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("shape", "x", "image"),
    [
        ((8,), Lies((2, 8), (40, 1)), Lies((2, 8, 1, 1), (40, 1, 8, 8))),
        ((5, 8), Lies((2, 5, 8), (60, 12, 1)), Lies((2, 8, 5, 1), (60, 1, 12, 8))),
    ],
)
def test_a_linear_layer_is_a_convolution_of_images_of_width_1(
    shape: tuple[int, ...], x: Lies, image: Lies
) -> None:
    (step,) = steps(layered(shape, ("linear", {"out_features": 4, "bias": False})))
    y = Lies(
        (*x.shape[:-1], 4), (4 * (x.shape[1] if len(shape) == 2 else 1), 4, 1)[-len(x.shape) :]
    )
    pattern = described(step, x, y)
    assert (pattern.x, pattern.y.shape) == (image, (2, 4, *image.shape[2:]))
    assert pattern.weight == Lies((4, 8, 1, 1), (8, 1, 8, 8))
    assert (pattern.bias, pattern.clamp, pattern.fused) == (False, None, False)


def test_channels_must_be_side_by_side() -> None:
    (step,) = steps(layered((4, 7, 8), ("conv2d", CONV)))
    x, y = Lies((2, 4, 7, 8), (224, 56, 8, 1)), Lies((2, 8, 7, 8), (448, 1, 64, 8))
    with pytest.raises(CannotBind, match="side by side"):
        described(step, x, y)


# ---------------------------------------------------------------------------- patterns → graphs


def test_the_order_in_which_cudnn_has_precompiled_engines(tmp_path: Path) -> None:
    frontend = Frontend()
    prepared(residual("relu6"), frontend, tmp_path, "float16")
    fused = frontend.graphs[0]
    assert fused.operations == ["convolution", "add", "bias", "identity", "relu"]
    assert fused.output.options == {"lower_clip": 0.0, "upper_clip": 6.0}
    types = [tensor.data_type for one in fused.chain for tensor in one.reads if tensor.uid > 0]
    assert {*types, fused.output.data_type} == {"HALF"}
    assert fused.options["intermediate_data_type"] == "FLOAT"


@pytest.mark.parametrize(
    ("dtype", "forbidden", "allowed"),
    [
        ("float32", {"TENSOR_CORE", "DOWN_CONVERT_INPUTS"}, {"WINOGRAD"}),
        ("tf32", set(), {"TENSOR_CORE", "DOWN_CONVERT_INPUTS"}),
        ("float16", {"REDUCED_PRECISION_REDUCTION"}, {"TENSOR_CORE"}),
        ("bfloat16", {"REDUCED_PRECISION_REDUCTION"}, {"TENSOR_CORE"}),
    ],
)
def test_what_plans_must_not_do(
    dtype: Dtype, forbidden: set[str], allowed: set[str], tmp_path: Path
) -> None:
    names = sorted(forbidden | allowed)
    frontend = Frontend(*(Planned(f"eng_{name}", notes=(name,)) for name in names), Planned("eng"))
    prepared(layered((8, 6, 6), ("conv2d", CONV | {"bias": False})), frontend, tmp_path, dtype)
    assert {f"eng_{name}" for name in allowed} <= set(frontend.built)
    assert not {f"eng_{name}" for name in forbidden} & set(frontend.built)


# --------------------------------------------------------------------------- what graphs compute


@pytest.mark.parametrize("refusing", [{}, UNFUSED], ids=["fused", "unfused"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "graph",
    [
        residual(),
        residual("relu6"),
        layered((8, 7, 9), ("conv2d", CONV | {"padding": "same", "stride": 2}), ("relu", {})),
        layered((8, 9, 9), ("conv2d", CONV | {"dilation": 2, "groups": 2}), ("batch_norm2d", {})),
        layered((8, 9, 9), ("conv2d", CONV | {"groups": 8}), ("relu6", {})),
        layered((16,), ("linear", {"out_features": 8}), ("relu", {})),
        layered((4, 16), ("linear", {"out_features": 8})),
    ],
    ids=["relu", "relu6", "same", "dilated", "depthwise", "linear", "rows"],
)
def test_each_step_is_right(
    graph: Graph, dtype: Dtype, refusing: dict[str, Any], tmp_path: Path
) -> None:
    program = assert_right(
        graph, Frontend(Planned("eng0", workspace=300), **refusing), tmp_path, dtype
    )
    assert [kernel.name for kernel in program.kernels] == ["cudnn"]
    assert program.workspace.bytes >= 300


def test_parts_of_a_concat_are_written_where_they_belong(tmp_path: Path) -> None:
    network = Network(8, 6, 6)
    parts = [network.conv(f"part{n}", 8 * n, "input", kernel=3, padding=1) for n in (1, 2)]
    network.add("all", "concat", *parts)
    frontend = Frontend()
    assert_right(network.graph(), frontend, tmp_path)
    assert {graph.output.stride[3] for graph in frontend.graphs if len(graph.operations) > 1} == {
        24
    }


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(graph=graphs())
def test_networks_by_chance(graph: Graph, tmp_path: Path) -> None:
    assert_right(graph, Frontend(), tmp_path)


# ------------------------------------------------------------------------------ the choice


ONE = layered((8, 6, 6), ("conv2d", CONV), ("relu", {}))


def chosen(frontend: Frontend, folder: Path) -> str:
    """What `--explain` says of the one step."""
    ((_, call),) = prepared(ONE, frontend, folder).steps
    return str(call.describe)


def test_the_fastest_plan_is_chosen_and_shown(tmp_path: Path) -> None:
    frontend = Frontend(Planned("eng1_k2=5", 9000), Planned("eng2", 4000, workspace=128))
    assert chosen(frontend, tmp_path) == (
        "cuDNN fused eng2: 4.0 µs, the fastest of 4, unfused 13.0 µs; workspace 128 B"
    )


def test_the_unfused_way_is_chosen_where_it_is_faster(tmp_path: Path) -> None:
    """The fused graph has one slow plan only; cuDNN's fast ones are for a convolution alone."""
    frontend = Frontend(Planned("eng1", 9000), Planned("eng2", 1000, workspace=100))
    build = frontend.pygraph

    def pygraph(**options: Any) -> Any:
        graph = build(**options)
        create = graph.create_execution_plans

        def plans(modes: list[str]) -> None:
            create(modes)
            if graph.operations == ["convolution", "bias", "relu"]:
                graph.plans = [Planned("eng1", 90_000)]

        graph.create_execution_plans = plans
        return graph

    frontend.pygraph = pygraph  # type: ignore[method-assign]
    image = 2 * 8 * 6 * 6 * 4  # 2,304 bytes are 9 times 256
    assert chosen(frontend, tmp_path) == (
        "cuDNN unfused eng2 + eng1: 10.0 µs, the fastest of 3, fused 90.0 µs; "
        f"workspace {image + 100:,} B"
    )


@pytest.mark.parametrize(
    "bad",
    [
        Planned("eng9", 1, builds=False),
        Planned("eng9", 1, fails=RuntimeError),
        Planned("eng9", 1, fails=MemoryError),
        Planned("eng9", 1, workspace=cudnn.MOST_WORKSPACE + 1),
        Planned("eng9", 1, notes=("TENSOR_CORE",)),
        Planned("frost_conv", 1),
    ],
    ids=[
        "cannot be built",
        "fails",
        "has no memory",
        "wants too much",
        "is no float32",
        "is Python's",
    ],
)
def test_a_plan_that_cannot_be_used_is_not_chosen(bad: Planned, tmp_path: Path) -> None:
    assert "fused eng1:" in chosen(Frontend(bad, Planned("eng1")), tmp_path)


def test_few_plans_are_compiled(tmp_path: Path) -> None:
    """At half a second each. Those that need no compiler are all tried, the last ones too."""
    barred = [Planned(f"eng6_{n}", compiled=True, notes=("TENSOR_CORE",)) for n in range(9)]
    late = [Planned(f"eng7_k24={n}", 5000 - n, compiled=True) for n in range(9)]
    frontend = Frontend(*barred, *late, Planned("eng1"))
    assert "fused eng1:" in chosen(frontend, tmp_path)
    assert {name for name in frontend.built if name.startswith("eng7")} == {
        one.name for one in late[: cudnn_plans.MOST_COMPILED]
    }


def test_a_plan_far_behind_is_launched_once(tmp_path: Path) -> None:
    frontend = Frontend(Planned("eng1", 10_000), Planned("eng2", 50e6), Planned("eng3", 90_000))
    backend = Backend(frontend, tmp_path)
    planned, weights = plan(ONE, backend), Weights(ONE)
    backend.prepare(planned, [folded(step, weights) for step in planned.steps], 1)
    assert backend.clock.well_timed == 4  # two of three plans, fused and unfused


def test_without_any_plan_the_next_row_runs_and_the_reason_is_kept(tmp_path: Path) -> None:
    program = assert_right(ONE, Frontend(refuses=lambda graph: True), tmp_path)
    assert [kernel.name for kernel in program.kernels] == ["reference"]
    assert program.fallen_back == {"n0": "cudnn: cuDNN has no plan: no engine for this graph"}


def test_an_address_that_is_not_aligned_is_refused(tmp_path: Path) -> None:
    network = Network(3, 5, 5)  # 75 values of 4 bytes: what comes behind them begins anywhere
    first = network.conv("first", 3, kernel=3, padding=1)
    second = network.conv("second", 3, kernel=3, padding=1)
    network.add("both", "concat", first, second)
    program = assert_right(network.graph(), Frontend(), tmp_path)
    assert any("multiples of 16" in reason for reason in program.fallen_back.values())


# ------------------------------------------------------------------------------ what is kept


PLANS = (Planned("eng1", 9000), Planned("eng2", 4000), Planned("eng3", 5000))


def test_a_choice_is_kept_and_nothing_else_is_built_again(tmp_path: Path) -> None:
    said = chosen(Frontend(*PLANS), tmp_path)
    again = Frontend(*PLANS)
    assert chosen(again, tmp_path) == said
    assert again.built == ["eng2"]


def test_equal_layers_of_a_network_are_tuned_once(tmp_path: Path) -> None:
    layers = [("conv2d", CONV), ("relu", {})]
    frontend = Frontend(*PLANS)
    prepared(layered((8, 6, 6), *layers, *layers), frontend, tmp_path)
    assert frontend.built.count("eng3") == 2  # fused and unfused
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda frontend: setattr(frontend, "backend_version", lambda: 99999),
        lambda frontend: setattr(frontend, "__version__", "9"),
    ],
    ids=["cuDNN", "frontend"],
)
def test_another_cudnn_chooses_anew(change: Any, tmp_path: Path) -> None:
    chosen(Frontend(*PLANS), tmp_path)
    other = Frontend(*PLANS)
    change(other)
    chosen(other, tmp_path)
    assert "eng3" in other.built


@pytest.mark.parametrize(
    "device",
    [H200._replace(name="NVIDIA H100"), H200._replace(driver=12080)],
    ids=["GPU", "driver"],
)
def test_another_device_chooses_anew(device: Any) -> None:
    frontend = Frontend()
    assert cudnn.identity(frontend, device) != cudnn.identity(frontend, H200)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"key": 1}', b"\xff\xfe", b'{"key": "another", "choice": {}}']
)
def test_a_file_that_cannot_be_read_is_made_anew(content: bytes, tmp_path: Path) -> None:
    said = chosen(Frontend(*PLANS), tmp_path)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(content)
    again = Frontend(*PLANS)
    assert chosen(again, tmp_path) == said
    assert "eng3" in again.built
    assert file.read_bytes() == whole


def test_a_file_of_another_layer_is_not_believed(tmp_path: Path) -> None:
    """Should two keys ever have one name."""
    chosen(Frontend(*PLANS), tmp_path)
    (file,) = tmp_path.iterdir()
    stored = json.loads(file.read_bytes())
    file.write_text(json.dumps(stored | {"key": stored["key"] + " "}), encoding="utf-8")
    again = Frontend(*PLANS)
    chosen(again, tmp_path)
    assert "eng3" in again.built


def test_a_folder_that_cannot_be_written_costs_time_only(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    for _ in range(2):
        frontend = Frontend(*PLANS)
        assert "fused eng2:" in chosen(frontend, blocked / "folder")
        assert "eng3" in frontend.built


def test_a_plan_that_is_not_proposed_any_more_is_chosen_anew(tmp_path: Path) -> None:
    chosen(Frontend(*PLANS), tmp_path)
    assert "fused eng3:" in chosen(Frontend(PLANS[0], PLANS[2]), tmp_path)


def test_a_plan_that_cannot_be_built_any_more_is_chosen_anew(tmp_path: Path) -> None:
    chosen(Frontend(*PLANS), tmp_path)
    broken = PLANS[1]._replace(builds=False)
    assert "fused eng3:" in chosen(Frontend(PLANS[0], broken, PLANS[2]), tmp_path)


def test_what_is_tried_takes_no_workspace_of_the_program(tmp_path: Path) -> None:
    frontend = Frontend(Planned("eng1", 9000, workspace=1 << 20), Planned("eng2", workspace=512))
    program = prepared(ONE, frontend, tmp_path)
    assert program.workspace.bytes == 512


# --------------------------------------------------------------------------- the real frontend


def test_without_the_frontend_the_row_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cudnn", None)
    cudnn_plans.frontend.cache_clear()
    with pytest.raises(CannotBind, match="cuDNN cannot be used"):
        cudnn_plans.frontend()
    cudnn_plans.frontend.cache_clear()


def test_the_real_cudnn_has_plans_for_our_graphs(tmp_path: Path) -> None:
    """In a process of its own, which may load an empty driver."""
    missing = [name for name in ("cudnn", "cuda.pathfinder", "nvidia") if not installed(name)]
    missing += [] if shutil.which("cc") else ["a C compiler"]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (see benchmarks/cudnn_plans.py)")
    report = tmp_path / "plans.json"
    command = [sys.executable, str(ROOT / "benchmarks" / "cudnn_plans.py"), "--batches", "64"]
    command += ["--networks", "resnet18", "--dtypes", "float16,float32", "--out", str(report)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    cells = json.loads(report.read_bytes())["cells"].values()
    ways = {graph["way"] for cell in cells for graph in cell["graphs"]}
    assert ways == {"fused, precompiled"}


def installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False
