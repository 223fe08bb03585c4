"""The plan: what is fused into what, which kernel runs it, and where every tensor lies."""

from itertools import pairwise
from math import prod
from typing import Any

import pytest
from analysis_networks import Network
from engine_networks import assert_same
from hypothesis import given, settings
from hypothesis import strategies as st

from cnncalc.analysis.liveness import Storage, peak
from cnncalc.engine.arena import Wish, join, place
from cnncalc.engine.cpu.numpy_backend import NumpyBackend
from cnncalc.engine.fusion import fuse
from cnncalc.engine.plan import Cost, Kernel, Plan, Step, choose, plan
from cnncalc.layers import Layer
from cnncalc.spec import builtin_names, load


def written(planned: Plan) -> list[str]:
    """Each step as the kinds of its layers: body, folded, epilogue."""
    return ["+".join(node.layer.kind for node in step.sources) for step in planned.steps]


def conv_bn(network: Network, name: str, *reads: str, **options: Any) -> str:
    network.conv(name, 4, *reads, kernel=3, padding=1, bias=False, **options)
    return network.add(f"{name}.bn", "batch_norm2d")


# -------------------------------------------------------------------------------------- fusion


def test_norm_and_activation_go_into_the_convolution() -> None:
    network = Network(3, 6, 6)
    conv_bn(network, "a")
    network.add("relu", "relu")
    network.add("drop", "dropout")
    network.add("pool", "max_pool2d", kernel_size=2)
    assert written(assert_same(network.graph())) == ["conv2d+batch_norm2d+relu", "max_pool2d"]


def test_a_residual_goes_into_the_branch_that_ends_last() -> None:
    network = Network(4, 6, 6)
    start = conv_bn(network, "a")
    main = conv_bn(network, "b", start)
    shortcut = conv_bn(network, "c", start)
    network.add("add", "add", main, shortcut)
    network.add("relu", "relu")
    planned = assert_same(network.graph())
    assert written(planned) == [
        "conv2d+batch_norm2d", "conv2d+batch_norm2d", "conv2d+batch_norm2d+add+relu",
    ]  # fmt: skip
    assert planned.steps[2].name == planned.steps[2].sources[0].name == "c"


@pytest.mark.parametrize("reason", ["read twice", "returned", "broadcast", "three", "activated"])
def test_what_must_not_be_fused_is_not(reason: str) -> None:
    network = Network(4, 6, 6)
    first = network.conv("first", 4)
    second = network.conv("second", 4, first)
    outputs = ["last"]
    if reason == "read twice":
        network.add("bn", "batch_norm2d", second)
        network.add("last", "mul", "bn", second)
        expected = ["conv2d", "conv2d", "batch_norm2d", "mul"]
    elif reason == "returned":
        network.add("last", "relu", second)
        outputs.append("second")
        expected = ["conv2d", "conv2d", "relu"]
    elif reason == "broadcast":
        network.add("mean", "adaptive_avg_pool2d", first)
        network.conv("gate", 4)
        network.add("last", "add", second, "gate")
        expected = ["conv2d", "conv2d", "adaptive_avg_pool2d", "conv2d", "add"]
    elif reason == "three":
        third = network.conv("third", 4, first)
        network.add("last", "add", second, third, first)
        expected = ["conv2d", "conv2d", "conv2d", "add"]
    else:
        network.add("relu", "relu", second)
        network.add("last", "batch_norm2d")
        expected = ["conv2d", "conv2d+relu", "batch_norm2d"]
    assert written(assert_same(network.graph(*outputs))) == expected


def test_heads_of_training_do_not_run() -> None:
    network = Network(2, 4, 4)
    network.conv("a", 2)
    network.conv("head", 5, "a", training=True)
    network.head("head")
    network.conv("b", 3, "a")
    planned = assert_same(network.graph())
    assert [step.name for step in planned.steps] == ["a", "b"]


def test_shared_weights_are_folded_with_each_norm() -> None:
    network = Network(4, 6, 6)
    conv_bn(network, "a")
    network.conv("b", 4, kernel=3, padding=1, bias=False, shares="a")
    network.add("b.bn", "batch_norm2d")
    planned = assert_same(network.graph())
    assert written(planned) == ["conv2d+batch_norm2d"] * 2


def test_a_backend_decides_what_its_epilogue_takes() -> None:
    network = Network(3, 6, 6)
    network.conv("a", 4)
    network.add("relu", "relu")
    network.add("pool", "max_pool2d", kernel_size=2)

    def everything(body: Layer, epilogue: tuple[Layer, ...], layer: Layer) -> bool:
        return True

    def nothing(body: Layer, epilogue: tuple[Layer, ...], layer: Layer) -> bool:
        return False

    graph = network.graph()
    assert [len(sources) for sources in fuse(graph, everything).sources] == [1, 3]
    assert fuse(graph, everything).graph.shape(fuse(graph, everything).graph.outputs[0]) == (
        4,
        3,
        3,
    )
    assert [len(sources) for sources in fuse(graph, nothing).sources] == [1, 1, 1, 1]


# --------------------------------------------------------------------------------------- views


@pytest.mark.parametrize(
    ("views", "steps"),
    [
        ([("flatten", {})], []),
        ([("permute", {"dims": [1, 2, 0]})], []),
        ([("permute", {"dims": [1, 2, 0]}), ("flatten", {})], ["flatten"]),
        ([("crop", {"cropping": 1}), ("reshape", {"shape": [-1]})], ["reshape"]),
        ([("slice", {"start": 1, "stop": 3}), ("flatten", {})], []),
        ([("slice", {"axis": 1, "step": 2}), ("slice", {"axis": 2, "start": -2})], []),
        ([("chunk", {"chunks": 2}), ("split", {"sizes": 1, "axis": 1}), ("tanh", {})], ["tanh"]),
    ],
)  # fmt: skip
def test_views_move_nothing_unless_they_must(views: Any, steps: list[str]) -> None:
    network = Network(2, 6, 6)
    network.conv("conv", 4)
    for number, (kind, options) in enumerate(views):
        network.add(f"view{number}", kind, **options)
    assert written(assert_same(network.graph())) == ["conv2d", *steps]


# -------------------------------------------------------------------------------------- concat


def test_branches_are_written_where_the_concat_wants_them() -> None:
    network = Network(3, 6, 6)
    for name, width in (("a", 2), ("b", 5), ("c", 1)):
        network.conv(name, width, "input")
        network.add(f"{name}.relu", "relu")
    network.add("concat", "concat", "a.relu", "b.relu", "c.relu")
    planned = assert_same(network.graph())
    *branches, concat = planned.steps
    assert concat.placed == (True, True, True)
    assert [step.outputs[0].lies.offset for step in branches] == [0, 2 * 36, 7 * 36]
    assert planned.arena_values == (3 + 8) * 36


def test_a_chain_of_concats_is_one_stretch() -> None:
    network = Network(2, 4, 4)
    last = network.conv("start", 2)
    for number in range(5):
        grown = network.conv(f"grow{number}", 2, last)
        last = network.add(f"concat{number}", "concat", last, grown)
    planned = assert_same(network.graph())
    assert planned.peak_values == (2 + 12) * 16  # the input is there while the first is written
    assert {tensor.slot for step in planned.steps for tensor in step.outputs} == {
        planned.steps[-1].outputs[0].slot
    }


@pytest.mark.parametrize(
    ("case", "placed"),
    [
        ("twice", (True, False)), ("the input", (False, True)), ("another axis", (False, False)),
        ("overwritten after", (False, True)), ("whole overwritten", (False, True)),
        ("in two", (True, True)),
    ],
)  # fmt: skip
def test_a_concat_copies_where_it_must(case: str, placed: tuple[bool, ...]) -> None:
    network = Network(2, 4, 4)
    a = network.conv("a", 2)
    b = network.conv("b", 2, a)
    outputs = ["concat"]
    if case == "twice":
        network.add("concat", "concat", b, b)
    elif case == "the input":
        network.add("concat", "concat", "input", b)
    elif case == "another axis":
        network.add("concat", "concat", a, b, axis=1)
    elif case == "overwritten after":
        network.add("concat", "concat", a, b)
        outputs.append(network.add("prelu", "prelu", a))
    elif case == "whole overwritten":
        network.add("concat", "concat", a, b)
        network.add("prelu", "prelu", "concat")
        outputs = [network.add("last", "mul", "prelu", network.add("both", "concat", a, a))]
    else:
        network.add("concat", "concat", a, b)
        outputs.append(network.add("again", "concat", b, a))
    planned = assert_same(network.graph(*outputs))
    step = next(step for step in planned.steps if step.name == "concat")
    assert step.placed == placed


def test_joining_never_raises_the_peak() -> None:
    early = Storage(1, 10, 1, 9, ())
    large = Storage(3, 100, 3, 5, ())
    whole = Storage(9, 60, 9, 10, ())
    assert join([early, large, whole], [[1], [3], [9]], [Wish(9, 0, 0, 2, 0)])[1] == {}
    small = large._replace(values=1)
    groups, granted = join([early, small, whole], [[1], [3], [9]], [Wish(9, 0, 0, 2, 0)])
    assert list(granted) == [0]
    assert [(one.first, one.last, one.values) for one in groups] == [
        (1, 9, 0),
        (3, 5, 1),
        (1, 10, 60),
    ]


# --------------------------------------------------------------------------------------- arena

LIVES = st.lists(
    st.tuples(st.integers(1, 40), st.integers(0, 12), st.integers(0, 6)), min_size=1, max_size=14
)


@settings(max_examples=300, deadline=None)
@given(lives=LIVES)
def test_stretches_alive_at_one_time_never_overlap(lives: list[tuple[int, int, int]]) -> None:
    stretches = [Storage(n, size, first, first + more, ()) for n, (size, first, more) in
                 enumerate(lives)]  # fmt: skip
    offsets = place(stretches)
    for step in range(20):
        placed = zip(offsets, stretches, strict=True)
        alive = sorted((o, o + one.values) for o, one in placed if one.first <= step <= one.last)
        assert all(one[1] <= other[0] for one, other in pairwise(alive))
    top = max(offset + one.values for offset, one in zip(offsets, stretches, strict=True))
    assert peak(stretches)[0] <= top <= sum(one.values for one in stretches)


def test_repair_finds_a_packing_that_first_fit_misses() -> None:
    lives = [(4, 0, 2), (2, 1, 4), (6, 3, 4), (2, 5, 7), (4, 5, 6), (5, 7, 9), (3, 8, 9), (2, 2, 3)]
    stretches = [Storage(n, size, first, last, ()) for n, (size, first, last) in enumerate(lives)]
    top = max(o + s.values for o, s in zip(place(stretches), stretches, strict=True))
    assert top == peak(stretches)[0]


# ----------------------------------------------------------------------------------------- zoo


@pytest.mark.parametrize("name", builtin_names())
def test_every_network_of_the_zoo_has_a_plan_in_its_peak(name: str) -> None:
    loaded = load(name)
    graph = loaded.graph
    if graph is None:
        assert loaded.missing or loaded.library
        return
    planned = plan(graph, NumpyBackend())
    assert planned.arena_values == planned.peak_values
    assert planned.slack == 0
    assert len(planned.kernels) == len(planned.steps)
    alive = [slot for slot in planned.slots if slot.values]
    for number, slot in enumerate(alive):
        for other in alive[number + 1 :]:
            apart = slot.last < other.first or other.last < slot.first
            below = slot.offset + slot.values <= other.offset
            assert apart or below or other.offset + other.values <= slot.offset
    sources = [node.index for step in planned.steps for node in step.sources]
    assert len(sources) == len(set(sources))
    macs = sum(step.macs for step in planned.steps)
    assert macs == sum(
        node.layer.macs(node.input_shapes, node.output_shapes)
        for node in graph.nodes
        if not node.training
    )


@pytest.mark.parametrize(
    ("name", "steps", "peak_values"),
    [
        ("vgg16", 21, 2 * 64 * 224 * 224),
        ("resnet50", 56, 9 * 64 * 56 * 56),
        ("mobilenet_v2", 54, None),
    ],
)
def test_the_networks_of_the_goals_are_as_few_steps_as_can_be(
    name: str, steps: int, peak_values: int | None
) -> None:
    """VGG-16: 13 convolutions, 5 pools, 3 linear. ResNet-50: 53 convolutions, 2 pools, 1 linear."""
    graph = load(name).graph
    assert graph is not None
    planned = plan(graph, NumpyBackend())
    assert len(planned.steps) == steps
    assert peak_values in (None, planned.peak_values)


# -------------------------------------------------------------------------------------- kernels


def kernel(name: str, algorithm: Any, products: int, able: bool = True) -> Kernel:
    return Kernel(name, algorithm, lambda step: able, lambda step: Cost(products), None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("algorithm", "able", "chosen"),
    [
        ("auto", True, "fast"), ("direct", True, "plain"), ("winograd", True, "fast"),
        ("auto", False, "plain"), ("winograd", False, "plain"),
    ],
)  # fmt: skip
def test_the_cheapest_kernel_of_the_algorithm_runs(algorithm: Any, able: bool, chosen: str) -> None:
    rows = [kernel("plain", "direct", 9), kernel("fast", "winograd", 4, able),
            kernel("reference", "reference", 1)]  # fmt: skip
    step: Step = None  # type: ignore[assignment]
    assert choose(step, rows, algorithm).name == chosen
    assert choose(step, rows[2:], algorithm).name == "reference"


def test_a_step_knows_its_traffic() -> None:
    network = Network(3, 6, 6)
    network.conv("a", 4, kernel=3, padding=1)
    (step,) = plan(network.graph(), NumpyBackend()).steps
    assert step.traffic == (3 + 4) * 36
    assert step.weights == 4 * 3 * 9 + 4
    assert step.macs == 4 * 27 * 36
    assert prod(step.outputs[0].shape) == 144
