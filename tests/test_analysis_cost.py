"""Counts of layers and networks, and their sums."""

import tracemalloc
from time import process_time

import pytest
from analysis_networks import Network, vgg16

from cnncalc.analysis.cost import cost
from cnncalc.analysis.notes import notes
from cnncalc.analysis.summarize import summarize
from cnncalc.analysis.summary import Costs
from cnncalc.diagnostics import Findings
from cnncalc.graph import Builder
from cnncalc.layers import create


def test_vgg16() -> None:
    totals = summarize(vgg16().graph()).totals
    assert (totals.weights, totals.biases, totals.params) == (138_344_128, 13_416, 138_357_544)
    assert totals.macs == 15_470_264_320
    # 2 per MAC; a bias for 13,544,448 + 9,192 outputs, as many ReLUs but for fc8's 1000, and
    # 3 comparisons for each of the 1,530,368 pooled values
    biases = 13_547_520 + 9_192
    assert totals.flops == 2 * totals.macs + biases + (biases - 1000) + 3 * 1_530_368
    assert totals.trainable == totals.params
    assert totals.frozen == totals.buffers == 0
    assert totals.output == (1000,)


def test_a_row_of_vgg16() -> None:
    row = summarize(vgg16().graph()).layers["conv1_2"]
    assert row.weight_shapes == {"weight": (64, 64, 3, 3), "bias": (64,)}
    assert (row.weights, row.biases, row.macs) == (36_864, 64, 1_849_688_064)
    assert (row.kind, row.label, row.reads) == ("conv2d", "CONV3-64", ("relu1_1",))
    assert (row.values, row.output_bytes, row.owns_memory) == (3_211_264, 4 * 3_211_264, True)
    assert (row.inputs, row.output) == (((64, 224, 224),), (64, 224, 224))
    relu = summarize(vgg16().graph()).layers["relu1_2"]
    assert (relu.values, relu.output_bytes, relu.owns_memory) == (3_211_264, 0, False)


def test_shared_weights_count_once() -> None:
    network = Network(4, 8, 8)
    network.conv("first", 4)
    network.conv("second", 4, shares="first")
    network.conv("third", 4, shares="second")
    graph = network.graph()
    assert cost(graph.nodes[3]) == Costs(macs=1024, flops=2 * 1024 + 256)
    summary = summarize(graph)
    assert (summary.totals.params, summary.totals.macs) == (20, 3 * 1024)
    assert summary.layers["second"].shares == "first"
    assert summary.layers["second"].params == 0


def test_weights_of_a_training_head_that_inference_shares() -> None:
    network = Network(4, 8, 8)
    network.conv("head", 4, "input", training=True)
    network.head("head")
    network.conv("main", 4, "input", shares="head")
    summary = summarize(network.graph())
    assert summary.training_totals is not None
    assert (summary.totals.params, summary.totals.macs) == (20, 1024)
    assert (summary.training_totals.params, summary.training_totals.macs) == (20, 2048)


def test_frozen_and_buffers() -> None:
    network = Network(3, 8, 8)
    network.conv("conv", 4, frozen=True)
    network.add("norm", "batch_norm2d")
    totals = summarize(network.graph()).totals
    assert (totals.params, totals.frozen, totals.trainable, totals.buffers) == (24, 16, 8, 8)
    assert totals.memory.params_bytes == 4 * 32
    assert totals.memory.gradients_bytes == 4 * 8


def test_inputs_are_rows() -> None:
    network = Network(3, 8, 8)
    network.input("mask", 1, 8, 8)
    network.add("concat", "concat", "input", "mask")
    summary = summarize(network.graph(), source="nowhere")
    assert summary.inputs == {"input": (3, 8, 8), "mask": (1, 8, 8)}
    assert list(summary.layers) == ["input", "mask", "concat"]
    assert summary.totals.layers == 1
    assert summary.totals.activations == 2 * 4 * 64
    assert summary.source == "nowhere"


@pytest.mark.parametrize("padding", [0, 1])
def test_time_and_memory_grow_linearly(padding: int) -> None:
    """Ten times the layers in about ten times the time: 60 times would be quadratic growth."""

    def measure(layers: int) -> float:
        findings = Findings()
        builder = Builder(findings)
        value = builder.input("input", (4, 16, 16))
        conv = create("conv2d", out_channels=4, kernel_size=1 + 2 * padding, padding=padding)
        for number in range(layers):
            (value,) = builder.add(conv, [value], f"conv{number}")  # type: ignore[assignment]
        graph = builder.finish("chain", [value])
        begin = process_time()
        summarize(graph)
        notes(graph, findings)
        return process_time() - begin

    few = min(measure(500) for _ in range(5))
    tracemalloc.start()
    measure(500)
    _, bytes_of_500 = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert min(measure(5_000) for _ in range(2)) < 60 * few
    assert bytes_of_500 < 500 * 5_000  # 100,000 layers in half a GiB
