"""The zoo at home and away: every layer's shape as PyTorch has it, params and MACs as published.

``reference/zoo_shapes.json`` holds what PyTorch's operators made of the same networks, at the
network's own input, at odd and non-square ones and at the smallest legal one.
"""

import hashlib
import json
from math import prod
from typing import Any

import pytest
from published import REFERENCE, TORCHVISION

from cnncalc.analysis.cost import cost
from cnncalc.graph import Graph, Node
from cnncalc.spec import builtin_names, load

RECORDED: dict[str, Any] = json.loads((REFERENCE / "zoo_shapes.json").read_text())["networks"]
HEADS_NEED_PIXELS = {"googlenet_2014", "inception_v3"}
AWAY = ["225x321", "300x211", "97x97"]

#: PyTorch's operator for a kind; kinds that only move values are none.
OPERATORS = {
    "conv2d": "convolution",
    "conv_transpose2d": "convolution",
    "linear": "linear",
    "max_pool2d": "pool",
    "avg_pool2d": "pool",
    "adaptive_avg_pool2d": "pool",
    "batch_norm2d": "norm",
    "layer_norm": "norm",
    "layer_norm2d": "norm",
    "local_response_norm": "norm",
    "relu": "activation",
    "relu6": "activation",
    "leaky_relu": "activation",
    "silu": "activation",
    "gelu": "activation",
    "sigmoid": "activation",
    "hardsigmoid": "activation",
    "hardswish": "activation",
    "upsample": "upsample",
    "concat": "concat",
    "add": "add",
    "mul": "mul",
    "layer_scale": "mul",
}
MOVES = {
    *("input", "flatten", "permute", "slice", "pad", "crop", "center_crop", "channel_shuffle"),
    *("dropout", "stochastic_depth", "softmax"),
}


def operator(node: Node) -> str | None:
    """A line of the record: ``convolution 64x112x112``; None for a layer that moves values."""
    kind, shape = node.layer.kind, node.output_shapes[0]
    if kind in MOVES:
        return None
    if kind == "layer_norm2d":  # PyTorch has the channels last in it
        shape = (*shape[1:], shape[0])
    if kind == "linear":  # and flattens all but the last axis
        shape = (prod(shape[:-1]), shape[-1]) if prod(shape[:-1]) > 1 else shape[-1:]
    return f"{OPERATORS[kind]} {'x'.join(map(str, shape))}"


def record(graph: Graph, training: bool = False) -> dict[str, Any]:
    """What zoo_shapes.json says of a network at an input, as cnncalc has it."""
    nodes = [node for node in graph.nodes if training or not node.training]
    lines = [line for node in nodes if (line := operator(node))]
    return {
        "macs": sum(cost(node).macs for node in nodes),
        "operators": len(lines),
        "sha256": hashlib.sha256("\n".join(lines).encode()).hexdigest(),
    }


def at(name: str, size: str, home: bool = False) -> Graph | None:
    """A network at an input ``HxW``; away from home without heads that need more pixels."""
    shape = (RECORDED[name]["channels"], *map(int, size.split("x")))
    values = {"heads": "false"} if name in HEADS_NEED_PIXELS and not home else {}
    return load(name, values=values, shape=shape).graph


def test_all_of_torchvision_is_there() -> None:
    assert len(TORCHVISION) == 68
    assert TORCHVISION.keys() <= RECORDED.keys() & set(builtin_names())


@pytest.mark.parametrize("name", RECORDED)
def test_at_home(name: str) -> None:
    recorded = RECORDED[name]
    graph = load(name).graph
    assert graph is not None
    assert record(graph) == recorded["inputs"][recorded["home"]]
    assert sum(cost(node).params for node in graph.nodes) == recorded["params"]
    if name in TORCHVISION:
        row = TORCHVISION[name]
        assert recorded["home"] == "x".join(map(str, row["input"][1:]))
        assert recorded["inputs"][recorded["home"]]["macs"] == row["macs"]
        assert recorded["params"] == row.get("params_with_aux", row["params"])


@pytest.mark.parametrize("size", AWAY)
@pytest.mark.parametrize("name", RECORDED)
def test_away_from_home(name: str, size: str) -> None:
    """PyTorch's shapes, or a finding where PyTorch refuses."""
    graph = at(name, size)
    assert (graph and record(graph)) == RECORDED[name]["inputs"][size]


@pytest.mark.parametrize("name", RECORDED)
def test_at_the_smallest_legal_input(name: str) -> None:
    smallest = RECORDED[name]["smallest"]
    graph = at(name, f"{smallest}x{smallest}")
    assert graph is not None
    assert record(graph) == RECORDED[name]["inputs"][f"{smallest}x{smallest}"]
    if smallest > 1:
        assert at(name, f"{smallest - 1}x{smallest - 1}") is None


@pytest.mark.parametrize("name", [name for name in RECORDED if "training" in RECORDED[name]])
def test_heads_of_training(name: str) -> None:
    graph = at(name, RECORDED[name]["home"], home=True)
    assert graph is not None
    assert record(graph, training=True) == RECORDED[name]["training"]


def test_the_head_of_inception_v3_needs_299_pixels() -> None:
    """PyTorch refuses smaller images in training only."""
    assert load("inception_v3", shape=(3, 299, 299)).graph is not None
    assert load("inception_v3", shape=(3, 298, 299)).graph is None
