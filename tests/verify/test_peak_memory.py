"""The largest sum of activations alive at one time, by watching PyTorch's storages live and die."""

from collections.abc import Mapping

import pytest
import torch
from graph_strategies import Drawn, graphs
from hypothesis import HealthCheck, given, settings
from test_saved_for_backward import ZOO, is_plain
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch_network import TorchNetwork
from torch_windows import Unsupported

from cnncalc.analysis.liveness import peak, storages
from cnncalc.api import load
from cnncalc.graph import Graph, Node, Value

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:torch"),
    pytest.mark.usefixtures("one_thread"),
]


def peak_in_torch(graph: Graph, batch: int) -> tuple[int, str]:
    """The most bytes of storages that exist after a layer has run, and that layer, in inference.

    The graph is run in its order, each value is let go when its last reader has run, and what
    cnncalc says is overwritten is. Storages are watched through weak references: nobody counts
    them but PyTorch.
    """
    network = TorchNetwork(graph, "inference").eval()
    alive: dict[int, tuple[StorageWeakRef, int]] = {}
    most, where = 0, ""

    def watch(node: Node, outputs: tuple[Tensor, ...], values: Mapping[Value, Tensor]) -> None:
        nonlocal most, where
        for output in outputs:
            storage = output.untyped_storage()
            alive[storage._cdata] = StorageWeakRef(storage), storage.nbytes()
            del storage
        for key, (reference, _) in list(alive.items()):
            if reference.expired():
                del alive[key]
        now = sum(size for _, size in alive.values())
        if now > most:
            most, where = now, node.name

    with torch.no_grad():
        network(network.images(batch), watch=watch)
    return most, where


@pytest.mark.parametrize("name", ZOO)
def test_zoo(name: str) -> None:
    graph = load(name).graph
    assert graph is not None
    values, where = peak(storages(graph))
    assert peak_in_torch(graph, 1) == (4 * values, graph.nodes[where].name)


def test_random_graphs(counted: list[str]) -> None:
    seen = 0

    @settings(
        max_examples=1000,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(graphs(wanted=is_plain))
    def compare(drawn: Drawn) -> None:
        nonlocal seen
        values, where = peak(storages(drawn.graph))
        try:
            found = peak_in_torch(drawn.graph, 2)
        except Unsupported:
            return
        assert found == (2 * 4 * values, drawn.graph.nodes[where].name)
        seen += 1

    compare()
    counted.append(f"{seen:,} random graphs: the same peak of storages alive, at the same layer")
    assert seen >= 900
