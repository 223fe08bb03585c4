"""Random graphs, in cnncalc and in PyTorch: the same numbers, and the same refusals."""

import os
from collections import Counter
from typing import Any

import pytest
import torch
import torch_layers
from graph_strategies import Drawn, Refused, graphs, refusal
from hypothesis import HealthCheck, given, settings
from refusals import STRICTER, Stricter, stricter
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from torch_layers import ROWS
from torch_network import TorchNetwork
from torch_windows import Unsupported, family

from cnncalc.analysis.facts import facts
from cnncalc.graph import Graph, Input, Node
from cnncalc.layers import kinds

#: How many graphs. By default the same ones each time; with the variable set, that many new ones.
GRAPHS = int(os.environ.get("CNNCALC_VERIFY_GRAPHS", "4000"))
BATCH = 2

#: What PyTorch raises for options and shapes that it does not take.
REFUSALS = (
    AssertionError,
    IndexError,
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
    ZeroDivisionError,
)

random_graphs = settings(
    max_examples=GRAPHS,
    derandomize="CNNCALC_VERIFY_GRAPHS" not in os.environ,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

# about padding='same' with even kernels, empty weights, and layouts that it may read otherwise
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:torch"),
    pytest.mark.usefixtures("one_thread"),
]


def by_torch(graph: Graph) -> dict[str, dict[str, Any]]:
    """Each layer's numbers by PyTorch, by name. MACs are half of `flop_counter`'s FLOPs."""
    network = TorchNetwork(graph).eval()
    found: dict[str, dict[str, Any]] = {}
    counted = 0

    def watch(node: Node, outputs: tuple[Tensor, ...], values: object) -> None:
        nonlocal counted
        parameters: dict[str, Tensor] = {}
        buffers: dict[str, Tensor] = {}
        if not isinstance(node.layer, Input):
            parameters = dict(network.module(node).named_parameters())
            buffers = dict(network.module(node).named_buffers())
        counted, before = counter.get_total_flops(), counted
        found[node.name] = {
            "shapes": tuple(tuple(y.shape[1:]) for y in outputs),
            "weights": {
                name.removeprefix("layer."): tuple(weight.shape)  # behind padding of its own
                for name, weight in parameters.items()
            },
            "buffers": sum(
                buffer.numel()
                for name, buffer in buffers.items()
                if name != "num_batches_tracked"  # counts the steps of training
            ),
            "macs": (counted - before) / (2 * BATCH),
        }

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(network.images(BATCH), watch=watch)
    return found


def by_cnncalc(graph: Graph) -> dict[str, dict[str, Any]]:
    """Each layer's numbers by cnncalc, by name."""
    return {
        node.name: {
            "shapes": node.output_shapes,
            "weights": facts(node).weight_shapes,
            "buffers": facts(node).buffers,
            "macs": facts(node).macs,
        }
        for node in graph.nodes
    }


def refuses(refused: Refused) -> bool:
    """Whether PyTorch refuses a layer too, when it is made or when it runs."""
    try:
        layer = torch_layers.module(refused.layer, refused.inputs).eval()
        with torch.no_grad():
            layer(*(torch.rand(BATCH, *shape) for shape in refused.inputs))
    except REFUSALS:
        return True
    return False


def test_every_kind_is_compared() -> None:
    assert set(map(family, kinds())) == set(ROWS)


def test_random_graphs(counted: list[str]) -> None:
    seen: Counter[str] = Counter()
    layers: Counter[str] = Counter()

    @random_graphs
    @given(graphs())
    def compare(drawn: Drawn) -> None:
        try:
            found = by_torch(drawn.graph)
        except Unsupported:
            seen["graphs with an option that PyTorch lacks"] += 1
            return
        assert found == by_cnncalc(drawn.graph)
        seen["graphs"] += 1
        seen["macs"] += any(row["macs"] for row in found.values())
        layers.update(family(node.layer.kind) for node in drawn.graph.nodes)

    compare()
    total = sum(layers.values()) - layers.pop("input")
    counted.append(
        f"{seen['graphs']:,} random graphs with {total:,} layers of {len(layers)} families are "
        "the same in PyTorch: shapes, weights, buffers, MACs"
    )
    if GRAPHS >= 4000:
        assert seen["graphs"] >= 2000
        assert seen["macs"] >= GRAPHS / 3
        assert set(layers) == set(ROWS)


@pytest.mark.parametrize("row", STRICTER, ids=lambda row: row.name)
def test_stricter_than_torch(row: Stricter) -> None:
    refused = refusal(*row.example)
    assert refused is not None
    assert stricter(refused) == row
    assert not refuses(refused)


def test_random_refusals(counted: list[str]) -> None:
    both: Counter[str] = Counter()
    only_cnncalc: Counter[str] = Counter()

    @random_graphs
    @given(graphs())
    def compare(drawn: Drawn) -> None:
        for refused in drawn.refused:
            try:
                agreed = refuses(refused)
            except Unsupported:
                continue
            if agreed:
                both[refused.error.rule] += 1
                continue
            why = stricter(refused)
            assert why is not None, (
                f"PyTorch takes {refused.layer} on {refused.inputs}, but: {refused.error}"
            )
            only_cnncalc[why.name] += 1

    compare()
    counted.append(
        f"{sum(both.values()):,} layers were refused by both, {sum(only_cnncalc.values()):,} only "
        f"by cnncalc for {len(only_cnncalc)} documented reasons; PyTorch refused nothing else"
    )
    if GRAPHS >= 4000:
        assert set(both) >= {"bad-value", "groups", "kernel-too-large", "merge-mismatch", "shape"}
