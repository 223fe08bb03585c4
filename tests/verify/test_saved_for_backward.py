"""What autograd keeps for the backward pass, counted by its own hooks: to the byte."""

import pytest
import torch
from graph_strategies import Drawn, graphs, sides_differ
from hypothesis import HealthCheck, given, settings
from torch import Tensor
from torch_network import TorchNetwork
from torch_windows import Unsupported, family

from cnncalc.analysis.memory import saved_bytes
from cnncalc.api import load
from cnncalc.graph import Graph
from cnncalc.layers import Layer

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:torch"),
    pytest.mark.usefixtures("one_thread"),
]

#: Batch 1, float32, in training, with the heads that run in training.
ZOO = (
    "alexnet",
    "vgg16",
    "vgg16_bn",
    "vgg16_transfer",
    "resnet18",
    "resnet50",
    "resnext50_32x4d",
    "densenet121",
    "googlenet",
    "googlenet_2014",
    "squeezenet1_1",
    "mobilenet_v1",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "lenet_mnist",
    "unet",
)

GRAPHS = 1000


def is_plain(layer: Layer) -> bool:
    """Whether PyTorch does the layer in the one way that cnncalc counts."""
    return not (
        # it has no such layer, or pads into a tensor of its own first
        family(layer.kind) == "locally_connected"
        or getattr(layer, "connections", None)
        or sides_differ(layer)
        # views of which some kernels make a copy, because they do not lie in one piece
        or family(layer.kind) in ("slice", "split", "chunk", "crop", "center_crop", "permute")
        # nothing to do, or nothing left: a view, or a zero in place of a mask
        or 1 in (getattr(layer, "block_size", 0), getattr(layer, "p", 0))
        # its output lies in a storage larger than itself
        or layer.kind == "conv_transpose3d"
    )


def saved_by_torch(graph: Graph, batch: int) -> int:
    """Bytes of the distinct storages that autograd saves, weights and buffers apart.

    ReLU works in place where cnncalc says so. What has been saved must not be written to after
    that: PyTorch's backward pass would refuse it, by the same version numbers.
    """
    network = TorchNetwork(graph, "training", heads=True).train()
    own = {
        tensor.untyped_storage().data_ptr()
        for tensor in (*network.parameters(), *network.buffers())
    }
    saved: list[tuple[Tensor, int]] = []  # holding them keeps addresses from being used again

    def pack(tensor: Tensor) -> Tensor:
        if tensor.untyped_storage().data_ptr() not in own:
            saved.append((tensor, tensor._version))
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        outputs = network(network.images(batch))
    assert any(output.requires_grad for output in outputs)
    assert all(tensor._version == version for tensor, version in saved)
    storages = [tensor.untyped_storage() for tensor, _ in saved]
    return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())


@pytest.mark.parametrize("name", ZOO)
def test_zoo(name: str) -> None:
    graph = load(name).graph
    assert graph is not None
    image, fixed = saved_bytes(graph, 4, heads=True)
    assert saved_by_torch(graph, batch=1) == image + fixed


def test_random_graphs(counted: list[str]) -> None:
    seen = 0

    @settings(
        max_examples=GRAPHS,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(graphs(trained=True, wanted=is_plain))
    def compare(drawn: Drawn) -> None:
        nonlocal seen
        image, fixed = saved_bytes(drawn.graph, 4)
        for batch in (1, 3):
            try:
                found = saved_by_torch(drawn.graph, batch)
            except Unsupported:
                return
            except ValueError as error:  # a norm over a single value
                if not str(error).startswith("Expected more than 1"):
                    raise
                return
            assert found == batch * image + fixed
        seen += 1

    compare()
    counted.append(f"{seen:,} random graphs: autograd saves the same bytes, at batch 1 and 3")
    assert seen >= GRAPHS * 0.9
