"""The CUDA backend without a device: its plans for the whole zoo, and programs on NumPy's arrays.

The arrays, windows, copies and calls are those that a device gets; what runs the steps is each
layer's own ``forward``, the last row of the table. `test_cuda_kernels` has the rows before it.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
import pytest
from analysis_networks import Network
from engine_networks import graphs, images
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from layer_strategies import cases

from cnncalc.diagnostics import Findings
from cnncalc.engine.cuda.arrays import Arrays, Dtype
from cnncalc.engine.cuda.backend import REFERENCE, CudaBackend
from cnncalc.engine.cuda.bound import Bound, CannotBind, Launch, Workspace
from cnncalc.engine.cuda.device import H200
from cnncalc.engine.cuda.program import MOST_AHEAD, Program
from cnncalc.engine.plan import Cost, Kernel, Plan, plan
from cnncalc.engine.reference import error, reference
from cnncalc.engine.strided import channels_last, seen
from cnncalc.engine.weights import Weights, folded
from cnncalc.graph import Builder, Graph, Input, Value
from cnncalc.layers import kinds
from cnncalc.spec import builtin_names, load

every_kind = pytest.mark.parametrize("kind", kinds())
DTYPES: tuple[Dtype, ...] = ("float32", "tf32", "float16", "bfloat16")
#: The largest error of a network, relative to the largest output: rounding to so many bits, in
#: every layer.
CLOSE = {"float32": 2e-5, "tf32": 2e-5, "float16": 1e-2, "bfloat16": 8e-2}


class Exact(Arrays):
    """Values in float64: what is wrong is not rounding."""

    def __init__(self) -> None:
        super().__init__("float32")
        self.storage = np.dtype(np.float64)

    def put(self, host: Any, *, storage: bool = True) -> Any:
        return np.array(host, np.float64, order="C")

    def get(self, array: Any) -> Any:
        return np.array(array, order="C")

    def widen(self, array: Any) -> Any:
        return array

    narrow = widen


class Backend(CudaBackend):
    """The backend on NumPy's arrays, with the last row of the table only."""

    def __init__(self, xp: Arrays | None = None, engine: Any = "native") -> None:
        arrays = xp or Exact()
        super().__init__(H200, arrays, arrays.dtype, engine)
        self.kernels = (REFERENCE,)


def zoo() -> list[tuple[str, Graph]]:
    loaded = ((name, load(name).graph) for name in builtin_names())
    return [(name, graph) for name, graph in loaded if graph is not None]


ZOO = zoo()


def prepared(graph: Graph, backend: CudaBackend, batch: int = 1) -> Program:
    planned, weights = plan(graph, backend), Weights(graph)
    assert backend.xp is not None
    wide = np.float64 if isinstance(backend.xp, Exact) else np.float32
    arrays = (folded(step, weights, wide) for step in planned.steps)
    return backend.prepare(planned, arrays, batch)


def poison(row: Any) -> None:
    """NaN everywhere, also as bfloat16 in uint16."""
    row.fill(np.nan if row.dtype.kind == "f" else 0x7FC0)


def assert_right(graph: Graph, batch: int = 1) -> Program:
    """Assert that a program gives what the layers give in float64, twice, whatever is in the
    arena before."""
    program = prepared(graph, Backend(), batch)
    given = images(graph, batch)
    expected = reference(graph, Weights(graph), given)
    for arguments in (given, []):
        poison(program.arena)
        for one, other in zip(program.run(*arguments), expected, strict=True):
            scale = np.abs(other, where=np.isfinite(other), out=np.ones_like(other)).max()
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-8 * scale)
    return program


# --------------------------------------------------------------------------------------- plans


@pytest.mark.parametrize(
    ("engine", "dtype"),
    [("auto", "float16"), ("auto", "float32"), ("native", "bfloat16"), ("cudnn", "tf32")],
)
def test_every_spec_of_the_zoo_has_a_plan(engine: Any, dtype: Dtype) -> None:
    backend, falls = CudaBackend(H200, None, dtype, engine), dict[str, str]()
    for name, graph in ZOO:
        planned = plan(graph, backend)
        for step, kernel in zip(planned.steps, planned.kernels, strict=True):
            assert kernel.when(step), f"{name}, {step.name}: {kernel.name}"
            assert kernel.layout == "nhwc"
            if kernel.algorithm == "reference":
                falls[step.name] = step.body.kind
        assert planned.arena_values == planned.peak_values, name
    assert set(falls.values()) == {"rbf", "locally_connected2d"}


@pytest.mark.parametrize(("name", "graph"), ZOO, ids=[name for name, _ in ZOO])
def test_layouts_join_up(name: str, graph: Graph) -> None:
    """What a step reads lies as the step that made it wrote it, or is a view of that; images have
    their channels last; and everything is inside its slot."""
    planned = plan(graph, CudaBackend(H200, None, "float16"))
    fused, made = planned.fused.graph, dict[Value, Any]()
    for node in fused.nodes:
        if isinstance(node.layer, Input):
            made[Value(node.index)] = planned.tensors[Value(node.index)]
    steps = {step.node.index: step for step in planned.steps}
    for node in fused.nodes:
        step = steps.get(node.index)
        if step is None and not isinstance(node.layer, Input):
            source = made[node.inputs[0]]
            for port in range(len(node.output_shapes)):
                lies = seen(node.layer, source.lies, node.input_shapes, port)
                made[Value(node.index, port)] = source._replace(lies=lies)
        if step is not None:
            assert step.inputs == tuple(made[value] for value in node.inputs)
            made |= {Value(node.index, port): one for port, one in enumerate(step.outputs)}
            assert all(is_laid_out(planned, one) for one in step.outputs)
    assert [made[value] for value in fused.outputs] == [
        planned.tensors[value] for value in fused.outputs
    ]


def is_laid_out(planned: Plan, tensor: Any) -> bool:
    """Whether a tensor that a step writes is inside its slot, with the channels last."""
    lies, slot = tensor.lies, planned.slots[tensor.slot]
    last = lies.offset + sum(
        (size - 1) * stride for size, stride in zip(lies.shape, lies.strides, strict=True)
    )
    if len(lies.shape) == 3 and prod(lies.shape[1:]) > 1:
        pixel = lies.strides[2] if lies.shape[2] > 1 else lies.strides[1]
        assert lies.same(channels_last(lies.shape, 0, pixel)._replace(offset=lies.offset))
    return 0 <= lies.offset <= last < slot.values


def test_a_concat_of_images_is_a_distance_between_pixels() -> None:
    network = Network(3, 5, 4)
    network.conv("a", 2, kernel=1)
    network.conv("b", 6, "input", kernel=1)
    network.add("concat", "concat", "a", "b")
    network.conv("c", 4, kernel=1)
    planned = plan(network.graph(), Backend())
    a, b, concat, _ = planned.steps
    assert concat.placed == (True, True)
    assert [step.outputs[0].lies for step in (a, b, concat)] == [
        ((2, 5, 4), 0, (1, 32, 8)), ((6, 5, 4), 2, (1, 32, 8)), ((8, 5, 4), 0, (1, 32, 8)),
    ]  # fmt: skip
    assert_right(network.graph(), batch=2)


@pytest.mark.parametrize(
    ("views", "steps"),
    [
        ([("flatten", {})], ["flatten"]),
        ([("permute", {"dims": [1, 2, 0]})], []),
        ([("permute", {"dims": [1, 2, 0]}), ("flatten", {})], []),
        ([("adaptive_avg_pool2d", {"output_size": 1}), ("flatten", {})], ["adaptive_avg_pool2d"]),
        ([("crop", {"cropping": 1}), ("slice", {"axis": 1, "step": 2})], []),
        ([("reshape", {"shape": [2, -1]})], ["reshape"]),
    ],
)
def test_a_view_is_a_step_where_values_must_move(views: list[Any], steps: list[str]) -> None:
    network = Network(6, 5, 4)
    network.conv("a", 6, kernel=1)
    for number, (kind, options) in enumerate(views):
        network.add(f"{kind}{number}", kind, **options)
    network.add("last", "tanh")
    planned = plan(network.graph(), Backend())
    kinds = [step.sources[0].layer.kind for step in planned.steps]
    assert kinds == ["conv2d", *steps, "tanh"]
    assert_right(network.graph(), batch=2)


def test_a_concat_input_that_is_seen_flat_stays_where_it_is() -> None:
    """With one channel it is flat by itself, but not between the channels of others."""
    network = Network(3, 5, 4)
    network.conv("large", 100)  # the peak is here
    start = network.conv("start", 3)
    one = network.conv("one", 1, start)
    two = network.conv("two", 2, start)
    network.add("concat", "concat", one, two)
    network.add("flat", "flatten", one)
    network.add("linear", "linear", out_features=3)
    planned = assert_right(network.graph("concat", "linear"), batch=2).plan
    assert next(s for s in planned.steps if s.name == "concat").placed == (False, True)


# ------------------------------------------------------------------------------------ programs


@settings(max_examples=150, deadline=None)
@given(graph=graphs())
def test_any_network_runs_as_its_layers_do(graph: Graph) -> None:
    assert_right(graph, batch=2)


@every_kind
@settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
@given(st.data())
def test_every_kind_of_layer_runs(kind: str, data: st.DataObject) -> None:
    case = data.draw(cases(kind))
    builder = Builder(Findings())
    reads = [builder.input(f"x{number}", shape) for number, shape in enumerate(case.inputs)]
    made = [value for value in builder.add(case.layer, reads, "layer") if value is not None]
    assert_right(builder.finish(kind, made), batch=2)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("lenet5", None), ("alexnet_2012", (3, 67, 67)), ("lenet_mnist", None),
        ("googlenet_2014", (3, 64, 64)), ("inception_v4", (3, 107, 75)), ("resnet18", (3, 65, 33)),
        ("resnext50_32x4d", (3, 64, 64)), ("se_resnet50", (3, 64, 64)), ("resnet20", None),
        ("densenet121", (3, 64, 64)), ("mobilenet_v2", (3, 64, 64)), ("xception", (3, 75, 75)),
        ("mobilenet_v3_small", (3, 64, 64)), ("efficientnet_b0", (3, 64, 64)),
        ("shufflenet_v2_x0_5", (3, 64, 64)), ("squeezenet1_1", (3, 64, 64)), ("nin_cifar", None),
        ("convnext_tiny", (3, 32, 32)), ("unet", (1, 188, 188)), ("yolov3", (3, 32, 32)),
        ("wrn_16_8", (3, 16, 16)), ("hidden_locally_connected", None),
    ],
)  # fmt: skip
def test_networks_of_the_zoo_run_as_their_layers_do(name: str, shape: Any) -> None:
    graph = load(name, shape=shape).graph
    assert graph is not None
    assert_right(graph)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["lenet5", "resnet20", "shufflenet_v2_x0_5"])
def test_errors_are_those_of_the_dtype(name: str, dtype: Dtype) -> None:
    graph = load(name).graph
    assert graph is not None
    program = prepared(graph, Backend(Arrays(dtype)), batch=2)
    assert program.arena.dtype == {"float16": "f2", "bfloat16": "u2"}.get(dtype, "f4")
    given = images(graph, 2, np.float32)
    expected = reference(graph, Weights(graph), given)
    poison(program.arena)
    found = program.run(*given)
    assert [one.dtype for one in found] == [np.float32]
    assert error(found, expected) < CLOSE[dtype]


def test_bfloat16_is_the_nearest_ties_to_even() -> None:
    arrays = Arrays("bfloat16")
    values = [1.0, 1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-20, -1e-40, np.inf, np.nan, 3.4e38]
    stored = arrays.put(np.array(values))
    assert stored.dtype == np.uint16
    nearest = [1.0, 1.0, 1 + 2**-6, 1 + 2**-7, -1e-40, np.inf, np.nan, np.inf]
    np.testing.assert_allclose(arrays.get(stored), nearest, rtol=1e-2 * 2**-8, atol=1e-41)
    largest = np.array([0x7FFFFFFF, 0xFFFFFFFF], np.uint32).view(np.float32)
    assert np.isnan(arrays.get(arrays.put(largest))).all()


def test_a_pass_can_begin_again_without_a_copy() -> None:
    """The first layer works in place, and the last one has room for nothing else."""
    network = Network(4, 6, 6)
    network.add("relu", "relu")
    network.conv("a", 4, kernel=3, padding=1)
    network.add("add", "add", "a", "relu")
    graph = network.graph()
    program = prepared(graph, Backend(), batch=2)
    (image,) = images(graph, 2)
    (first,) = program.run(image)
    poison(program.arena)
    program.launch()
    np.testing.assert_array_equal(program.results()[0], first)
    program.load(2 * image)
    assert np.abs(program.run()[0] - first).max() > 0.1


# ------------------------------------------------------------------------------- what rows get


def seen_by_rows(graph: Graph, dtype: Dtype) -> dict[str, Bound]:
    """What the rows of the steps are given to bind."""
    found: dict[str, Bound] = {}

    def bind(bound: Bound) -> Any:
        found[bound.step.name] = bound
        return REFERENCE.bind(bound)

    backend = Backend(Arrays(dtype))
    backend.kernels = (REFERENCE._replace(bind=bind),)
    prepared(graph, backend, batch=3)
    return found


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_arrays_lie_as_bound_says(dtype: Dtype) -> None:
    network = Network(3, 5, 4)
    network.conv("conv", 2, kernel=3)
    network.add("act", "prelu", num_parameters=2)
    network.add("norm", "batch_norm2d")
    network.add("flat", "flatten")
    network.add("linear", "linear", out_features=7)
    bounds = seen_by_rows(network.graph(), dtype)
    conv, linear, width = bounds["conv"], bounds["linear"], Arrays(dtype).storage.itemsize
    assert conv.inputs[0].shape == (3, 3, 5, 4)
    assert conv.inputs[0].strides == tuple(width * step for step in (60, 1, 12, 3))
    assert conv.weights["weight"].shape == (2, 3, 3, 3)
    assert conv.weights["weight"].strides == tuple(width * step for step in (27, 1, 9, 3))
    assert linear.weights["weight"].shape == (7, 12)
    assert linear.weights["weight"].strides == (12 * width, width)
    for bound in (conv, linear):
        assert bound.weights["weight"].dtype == Arrays(dtype).storage
        assert bound.weights["bias"].dtype == np.float32
        assert bound.inputs[0].dtype == bound.outputs[0].dtype == Arrays(dtype).storage
    others = [*bounds["act"].weights.values(), *bounds["norm"].weights.values()]
    assert len(others) == 5
    assert {array.dtype for array in others} == {np.dtype(np.float32)}


def test_a_residual_is_the_last_input() -> None:
    network = Network(2, 4, 4)
    network.conv("a", 2)
    network.conv("b", 2)
    network.add("add", "add", "a", "b")
    bounds = seen_by_rows(network.graph(), "float32")
    assert bounds["a"].residuals == ()
    assert len(bounds["b"].inputs) == 2
    assert bounds["b"].residuals == bounds["b"].inputs[1:]


def test_all_steps_share_one_workspace() -> None:
    arrays = Arrays("float16")
    workspace = Workspace(arrays)
    assert workspace.pointer == 0
    workspace.reserve(100)
    assert workspace.pointer % 256 == 0
    workspace.reserve(1000)
    workspace.reserve(10)
    last = workspace.pointer
    assert workspace.memory.nbytes == 1000
    assert workspace.pointer == last != 0


# --------------------------------------------------------------------------------- which row runs


def row(name: str, cost: int, bind: Callable[[Bound], Any] = REFERENCE.bind) -> Kernel:
    return Kernel(
        name, "direct", lambda step: step.body.kind == "conv2d", lambda step: Cost(cost), bind,
        layout="nhwc",
    )  # fmt: skip


def refuses(reason: str) -> Callable[[Bound], Any]:
    def bind(bound: Bound) -> Any:
        raise CannotBind(reason)

    return bind


def lasting(nanoseconds: int) -> Callable[[Bound], Any]:
    """A call that takes so long by the clock of `Timed`."""

    def bind(bound: Bound) -> Any:
        call = REFERENCE.bind(bound)

        def launch() -> None:
            call()
            bound.xp.now += nanoseconds

        return Launch(launch)

    return bind


class Timed(Arrays):
    """NumPy's arrays, and a clock that stands still between launches."""

    def __init__(self) -> None:
        super().__init__("float32")
        self.now = 0
        #: How many more times the device will have been waiting for the host.
        self.waits = 0

    def mark(self) -> int:
        return self.now

    def happened(self, event: Any) -> bool:
        self.waits -= 1
        return self.waits >= 0


def two_convs() -> Graph:
    network = Network(2, 4, 4)
    network.conv("a", 3)
    network.add("mid", "softmax")
    network.conv("b", 3)
    return network.graph()


def with_rows(*rows: Kernel, engine: Any = "native", xp: Arrays | None = None) -> Program:
    backend = Backend(xp or Arrays("float32"), engine)
    backend.kernels = (*rows, REFERENCE)
    return prepared(two_convs(), backend)


def test_the_cheapest_row_that_can_runs_a_step() -> None:
    program = with_rows(row("dear", 9), row("cheap", 1, refuses("no plan")), row("fair", 5))
    assert [kernel.name for kernel in program.kernels] == ["fair", "reference", "fair"]
    assert program.fallen_back == {"a": "cheap: no plan", "b": "cheap: no plan"}
    assert program.plan.kernels[0].name == "cheap"


def test_the_reference_is_there_when_all_others_refuse() -> None:
    program = with_rows(row("one", 1, refuses("no")), row("two", 2, refuses("nor this")))
    assert [kernel.name for kernel in program.kernels] == ["reference"] * 3
    assert program.fallen_back["a"] == "one: no; two: nor this"
    (image,) = images(two_convs(), 1, np.float32)
    expected = reference(two_convs(), Weights(two_convs()), [image])
    assert error(program.run(image), expected) < 1e-5


@pytest.mark.parametrize(("engine", "runs"), [("auto", "quick"), ("native", "slow")])
def test_auto_tries_all_rows_and_keeps_the_quickest(engine: Any, runs: str) -> None:
    rows = row("slow", 1, lasting(90)), row("quick", 5, lasting(10)), row("fair", 9, lasting(50))
    program = with_rows(*rows, engine=engine, xp=Timed())
    assert [kernel.name for kernel in program.kernels] == [runs, "reference", runs]


# ------------------------------------------------------------------------------ graphs and times


class Capturing(Timed):
    """Notes what is captured and launched, as names of steps."""

    def __init__(self, broken: str = "") -> None:
        super().__init__()
        self.broken = broken
        self.happenings: list[str] = []
        self.capturing = False

    def capture(self, calls: Sequence[Callable[[], object]]) -> Callable[[], object]:
        self.capturing = True
        before = len(self.happenings)
        for call in calls:
            call()
        self.capturing = False
        names = self.happenings[before:]
        del self.happenings[before:]
        if self.broken in names:
            raise RuntimeError("an operation that is not permitted")
        return lambda: self.happenings.append(f"graph of {' '.join(names)}")


def noted(capturable: bool = True) -> Callable[[Bound], Any]:
    def bind(bound: Bound) -> Any:
        def launch() -> None:
            assert capturable or not bound.xp.capturing
            bound.xp.happenings.append(bound.step.name)
            bound.xp.now += 10 * len(bound.step.name)

        return Launch(launch, capturable=capturable)

    return bind


def captured(broken: str = "", fit: bool = False) -> tuple[Program, Capturing]:
    """A program of a, mid and b, the second one fit for graphs or not."""
    xp = Capturing(broken)
    backend = Backend(xp)
    last = REFERENCE._replace(bind=noted(fit))
    backend.kernels = (row("conv", 1, noted()), last)
    program = prepared(two_convs(), backend)
    assert xp.happenings == ["a", "mid", "b"]  # once, before anything is captured
    xp.happenings.clear()
    return program, xp


def test_a_pass_is_one_graph() -> None:
    program, xp = captured(fit=True)
    program.launch()
    program.launch()
    assert xp.happenings == ["graph of a mid b"] * 2
    assert (program.graphs, program.eager) == (1, {})


def test_what_is_not_fit_for_a_graph_runs_between_graphs() -> None:
    program, xp = captured()
    program.launch()
    assert xp.happenings == ["graph of a", "mid", "graph of b"]
    assert program.graphs == 2
    assert program.eager == {"mid": "its call is not fit for a graph"}


def test_what_cannot_be_captured_runs_all_the_same() -> None:
    program, xp = captured("b")
    program.launch()
    assert xp.happenings == ["graph of a", "mid", "b"]
    assert program.eager["b"] == "cannot be captured: an operation that is not permitted"


def test_steps_are_timed_one_by_one_behind_whole_passes() -> None:
    program, xp = captured(fit=True)
    assert program.time_steps() == [10, 30, 10]
    assert xp.happenings == ["graph of a mid b", "a", "mid", "b"]


def test_no_step_is_timed_while_the_device_waits_for_the_host() -> None:
    program, xp = captured(fit=True)
    xp.waits = 2
    assert program.time_steps() == [10, 30, 10]
    assert xp.happenings.count("graph of a mid b") == 1 + 4 + 16
    xp.happenings.clear()
    xp.waits = 10**6
    program.time_steps()
    assert xp.happenings[-4 - MOST_AHEAD :].count("graph of a mid b") == MOST_AHEAD


def test_close_lets_everything_go() -> None:
    program = prepared(two_convs(), Backend())
    program.close()
    assert program.arena is None
    assert (program.steps, program.launches, program.apart) == ([], [], {})
