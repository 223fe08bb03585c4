"""Activation memory: who owns it, when it is alive, and what training keeps."""

from math import prod

import pytest
from analysis_networks import Network, vgg16
from hypothesis import given, settings
from hypothesis import strategies as st

from cnncalc.analysis.liveness import Storage, peak, storages
from cnncalc.analysis.memory import saved_bytes
from cnncalc.analysis.summarize import summarize
from cnncalc.graph import Graph, Input, Node, Value


def owners(network: Network, rule: str = "inference") -> set[str]:
    graph = network.graph()
    return {graph.nodes[storage.node].name for storage in storages(graph, rule)}


def test_vgg16() -> None:
    graph = vgg16().graph()
    totals = summarize(graph).totals
    assert totals.activations == 15_237_608
    assert totals.memory.activations_bytes == 4 * 15_237_608
    assert totals.memory.saved_bytes == 73_355_264
    # conv1_2: its input and its output, 64·224·224 values each
    assert totals.memory.peak_bytes == 4 * 2 * 3_211_264
    assert totals.memory.peak_layer == "conv1_2"
    assert totals.memory.params_bytes == totals.memory.gradients_bytes == 4 * 138_357_544
    assert totals.memory.training_bytes == 8 * 138_357_544 + 73_355_264


def test_a_batch_scales_activations_and_nothing_else() -> None:
    graph = vgg16().graph()
    one = summarize(graph, dtype="float16", optimizer="adam").totals.memory
    many = summarize(graph, dtype="float16", optimizer="adam", batch=7).totals.memory
    assert (many.activations_bytes, many.peak_bytes, many.saved_bytes) == tuple(
        7 * part for part in (one.activations_bytes, one.peak_bytes, one.saved_bytes or 0)
    )
    assert many.params_bytes == one.params_bytes == 2 * 138_357_544
    assert many.optimizer_bytes == 2 * 2 * 138_357_544
    # indices stay int64: pool outputs are 64·112² + 128·56² + 256·28² + 512·(14² + 7²)
    assert one.saved_bytes == (73_355_264 - 8 * 1_530_368) // 2 + 8 * 1_530_368


def test_int8_is_not_trained() -> None:
    memory = summarize(vgg16().graph(), dtype="int8", memory_budget=10**9).totals.memory
    assert memory.params_bytes == 138_357_544
    assert memory.saved_bytes is memory.gradients_bytes is memory.optimizer_bytes is None
    assert memory.training_bytes is memory.largest_batch_training is None
    assert memory.largest_batch_inference == (10**9 - 138_357_544) // 6_422_528


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("budget", [10**6, 5 * 10**8, 2 * 10**9, 24 * 2**30])
def test_largest_batch_fits_and_the_next_does_not(dtype: str, budget: int) -> None:
    network = vgg16()
    network.add("norm", "batch_norm1d")  # keeps its statistics once for all images
    graph = network.graph()
    memory = summarize(graph, dtype=dtype, optimizer="momentum", memory_budget=budget).totals.memory
    assert memory.budget_bytes == budget
    inference, training = memory.largest_batch_inference, memory.largest_batch_training
    assert inference is not None
    assert training is not None
    for batch in {inference, inference + 1} - {0}:
        part = summarize(graph, dtype=dtype, batch=batch).totals.memory
        assert (part.params_bytes + part.peak_bytes <= budget) == (batch == inference)
    for batch in {training, training + 1} - {0}:
        part = summarize(graph, dtype=dtype, batch=batch, optimizer="momentum").totals.memory
        assert part.training_bytes is not None
        assert (part.training_bytes <= budget) == (batch == training)


@pytest.mark.parametrize("batch", [1, 2, 17])
def test_a_budget_that_is_just_enough(batch: int) -> None:
    network = Network(3, 8, 8)
    network.conv("conv", 4)
    network.add("norm", "batch_norm2d")
    network.conv("last", 4)
    graph = network.graph()
    memory = summarize(graph, batch=batch).totals.memory
    enough = memory.training_bytes
    assert enough is not None
    for budget, largest in ((enough, batch), (enough - 1, batch - 1)):
        fits = summarize(graph, memory_budget=budget).totals.memory.largest_batch_training
        assert fits == largest
    enough = memory.params_bytes + memory.peak_bytes
    for budget, largest in ((enough, batch), (enough - 1, batch - 1)):
        fits = summarize(graph, memory_budget=budget).totals.memory.largest_batch_inference
        assert fits == largest


def test_a_frozen_network_trains_no_larger_batch_than_it_runs() -> None:
    network = Network(3, 32, 32)
    network.conv("conv", 8, frozen=True)
    network.add("flatten", "flatten")
    network.add("linear", "linear", out_features=2)
    memory = summarize(network.graph(), memory_budget=2**20).totals.memory
    assert memory.saved_bytes == 4 * 8 * 32 * 32  # the linear's input, and not the convolution's
    assert memory.gradients_bytes == 4 * (2 * 8 * 32 * 32 + 2)
    assert memory.largest_batch_inference == (2**20 - 4 * (32 + 16386)) // (4 * 11 * 1024)
    assert memory.largest_batch_training == (2**20 - 4 * (32 + 2 * 16386)) // (4 * 11 * 1024)


# ------------------------------------------------------------------- who may overwrite what


def preactivation(late_shortcut: bool) -> Network:
    """bn → relu on x; x itself is read again after it, or only before."""
    network = Network(4, 8, 8)
    network.conv("x", 4)
    if not late_shortcut:
        network.conv("shortcut", 4, "x")
    network.add("relu", "relu", "x")
    network.conv("conv", 4, "relu")
    network.add("add", "add", "conv", "x" if late_shortcut else "shortcut")
    return network


@pytest.mark.parametrize(
    ("late", "rule", "in_place"),
    [
        (True, "inference", False),
        (True, "training", False),
        (False, "inference", True),  # the other reader is done
        (False, "training", False),  # but autograd keeps x for it
    ],
)
def test_preactivation(late: bool, rule: str, in_place: bool) -> None:
    assert ("relu" not in owners(preactivation(late), rule)) == in_place


def test_nothing_overwrites_the_input() -> None:
    network = Network(4, 8, 8)
    network.add("flatten", "flatten")
    network.add("relu", "relu")
    for rule in ("inference", "training"):
        assert owners(network, rule) == {"input", "relu"}


def test_nothing_overwrites_an_output_or_a_head() -> None:
    network = Network(4)
    network.add("linear", "linear", out_features=4)
    network.add("relu", "relu")
    network.head("linear")
    for rule in ("inference", "training"):
        assert owners(network, rule) == {"input", "linear", "relu"}
    last = {storage.node: storage.last for storage in storages(network.graph())}
    assert last == {0: 1, 1: 3, 2: 3}


def test_a_view_that_is_read_later_protects_its_storage() -> None:
    network = Network(4, 8, 8)
    network.conv("conv", 4)
    network.add("half:0", "split", "conv", sizes=2)
    network.add("relu", "relu", "half:0")
    network.add("again", "concat", "relu", "half:0:1")
    for rule in ("inference", "training"):
        assert owners(network, rule) == {"input", "conv", "relu", "again"}


def test_an_overwritten_chain_is_one_storage() -> None:
    network = Network(4, 8, 8)
    for name in ("conv", "relu", "flatten", "dropout"):
        if name == "conv":
            network.conv(name, 4)
        else:
            network.add(name, name)
    assert storages(network.graph()) == [
        Storage(0, 256, 0, 1, (Value(0),)),
        Storage(1, 256, 1, 5, (Value(1), Value(2), Value(3), Value(4))),
    ]


def test_a_view_is_no_foreign_reader() -> None:
    network = Network(4, 8, 8)
    network.conv("conv", 4)
    network.add("flatten", "flatten")
    network.add("relu", "relu")
    for rule in ("inference", "training"):
        assert owners(network, rule) == {"input", "conv"}


def test_autograd_keeps_what_a_sigmoid_made() -> None:
    network = Network(4)
    network.add("linear", "linear", out_features=4)
    network.add("sigmoid", "sigmoid")
    network.add("relu", "relu")
    assert owners(network, "inference") == {"input", "linear"}
    assert owners(network, "training") == {"input", "linear", "sigmoid", "relu"}
    # the linear's input, and the outputs of the sigmoid and the ReLU
    assert saved_bytes(network.graph(), 4) == (4 * 12, 0)


def test_autograd_keeps_what_a_relu_wrote_in_place() -> None:
    network = Network(4)
    network.add("linear", "linear", out_features=4)
    network.add("relu", "relu")
    network.add("again", "relu")
    assert owners(network, "training") == {"input", "linear", "again"}


def test_an_axis_of_one_is_not_overwritten_with_more() -> None:
    network = Network(4, 8, 8)
    network.conv("conv", 4)
    network.add("pool", "adaptive_avg_pool2d")
    network.add("gate", "sigmoid")
    network.add("mul", "mul", "conv", "gate")
    sizes = {storage.node: storage.values for storage in storages(network.graph())}
    assert sizes[network.values["mul"].node] == 256


def test_frozen_layers_keep_nothing() -> None:
    network = Network(3, 8, 8)
    network.conv("one", 4, frozen=True)
    network.add("sigmoid", "sigmoid")
    network.conv("two", 4)
    network.add("tanh", "tanh")
    assert saved_bytes(network.graph(), 2) == (2 * (256 + 256), 0)  # two's input, tanh's output


def test_batch_norm_keeps_its_statistics_once() -> None:
    network = Network(3, 8, 8)
    network.conv("conv", 4)
    network.add("norm", "batch_norm2d")
    assert saved_bytes(network.graph(), 4) == (4 * (3 + 4) * 64, 4 * 8)
    memory = summarize(network.graph(), batch=10).totals.memory
    assert memory.saved_bytes == 10 * 4 * 7 * 64 + 32


def test_training_heads_are_apart() -> None:
    network = Network(4)
    network.add("linear", "linear", out_features=4)
    network.add("head", "linear", out_features=2, training=True)
    network.head("head")
    network.add("relu", "relu", "linear")
    summary = summarize(network.graph())
    assert summary.training_totals is not None
    assert (summary.totals.params, summary.training_totals.params) == (20, 30)
    assert (summary.totals.layers, summary.training_totals.layers) == (2, 3)
    assert summary.totals.outputs == ((4,),)
    assert summary.training_totals.outputs == ((4,), (2,))
    assert (summary.totals.activations, summary.training_totals.activations) == (8, 10)
    assert summary.layers["head"].training
    assert summary.layers["head"].owns_memory
    # with the head, the ReLU may not overwrite what the head keeps
    assert summary.totals.memory.saved_bytes == 4 * (4 + 4)
    assert summary.training_totals.memory.saved_bytes == 4 * (4 + 4 + 4)


# ------------------------------------------------------------------------- an independent run


def simulate(graph: Graph) -> tuple[int, int]:
    """Sum and peak of a run that counts references, with arrays that remember their buffer."""
    uses: dict[Value, int] = {}
    for node in graph.nodes:
        for value in node.inputs:
            uses[value] = uses.get(value, 0) + 1
    for value in graph.outputs:
        uses[value] = uses.get(value, 0) + 1
    buffer: dict[Value, int] = {}
    size: dict[int, int] = {}
    alive: set[int] = set()
    total = most = 0

    def waiting(number: int) -> int:
        return sum(uses.get(value, 0) for value, at in buffer.items() if at == number)

    def place(node: Node) -> int | None:
        kind = node.layer.kind
        if kind in {"flatten", "split", "dropout", "slice"}:
            return buffer[node.inputs[0]]
        if kind == "relu":
            number = buffer[node.inputs[0]]
            first = min(value for value, at in buffer.items() if at == number)
            if waiting(number) == 1 and not isinstance(graph.nodes[first.node].layer, Input):
                return number
        return None

    for node in graph.nodes:
        at = place(node)
        for port, shape in enumerate(node.output_shapes):
            number = len(size) if at is None else at
            if at is None:
                size[number] = prod(shape)
                total += prod(shape)
            alive.add(number)
            buffer[Value(node.index, port)] = number
        most = max(most, sum(size[number] for number in alive))
        for value in node.inputs:
            uses[value] -= 1
        alive = {number for number in alive if waiting(number)}
    return total, most


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["linear", "relu", "relu", "split", "slice", "dropout", "concat", "layer_norm"]
            ),
            st.integers(0, 5),
            st.integers(0, 5),
        ),
        max_size=14,
    ),
    st.integers(0, 3),
)
def test_random_graphs_equal_a_simulated_run(
    steps: list[tuple[str, int, int]], output: int
) -> None:
    network = Network(6)
    names = ["input"]
    for number, (kind, first, second) in enumerate(steps):
        one, other = (names[-1 - pick % len(names)] for pick in (first, second))
        name = f"{kind}{number}"
        if kind == "linear":
            network.add(name, kind, one, out_features=2 + first)
        elif kind == "slice":
            network.add(name, kind, one, axis=0, stop=2)
        elif kind == "split":
            network.add(name, kind, one, axis=0, sizes=2)
            ports = [key for key in network.values if key.startswith(f"{name}:")]
            names += ports[1:]
        elif kind == "concat":
            network.add(name, kind, one, other)
        else:
            network.add(name, kind, one)
        names.append(name)
    graph = network.graph(names[-1 - output % len(names)])
    stretches = storages(graph)
    assert (sum(storage.values for storage in stretches), peak(stretches)[0]) == simulate(graph)
