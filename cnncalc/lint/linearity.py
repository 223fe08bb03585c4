"""CNN502 stacked-linear."""

from collections.abc import Iterator

from ..graph import Node
from ..layers.adaptive_pooling import AdaptiveAvgPool, GlobalAvgPool
from ..layers.convolution import Conv
from ..layers.dropout import LeavesOut
from ..layers.linear import Linear
from ..layers.normalization import BatchNorm
from ..layers.pooling import AvgPool
from ..layers.rearrange import View
from ..layers.scale import Coefficients
from .network import Found, Network

#: Linear functions of one input, apart from the layers that are asked about.
BETWEEN = (BatchNorm, LeavesOut, AvgPool, AdaptiveAvgPool, GlobalAvgPool, View, Coefficients)


def stacked_linear(network: Network) -> Iterator[Found]:
    """A dense layer and the dense layer that alone reads it, with nothing nonlinear between."""
    for first in network.layers(Conv, Linear):
        if not is_dense(first) or first.index in network.shared:
            continue
        second = next_dense(network, first)
        if second is None or is_factorised(first, second):
            continue
        yield Found(
            first,
            f"nothing nonlinear comes before {second.name}, so the two are one linear layer, and "
            "one could do",
            f"an activation after {first.name}, or one layer instead of two",
        )


def is_dense(node: Node) -> bool:
    """Whether a layer joins all channels: a convolution without groups, or linear."""
    layer = node.layer
    return not isinstance(layer, Conv) or (layer.groups == 1 and layer.connections is None)


def next_dense(network: Network, node: Node) -> Node | None:
    """The dense layer to which all of a layer's output goes, through linear layers alone."""
    while node.index not in network.ends:
        readers = network.readers[node.index]
        if len(readers) != 1 or len(readers[0].inputs) != 1:
            return None
        node = readers[0]
        if isinstance(node.layer, Conv | Linear):
            return node if is_dense(node) and node.index not in network.shared else None
        if not isinstance(node.layer, BETWEEN) or len(node.output_shapes) != 1:
            return None
    return None


def is_factorised(first: Node, second: Node) -> bool:
    """Whether two layers are a deliberate factorisation of one: of low rank, or by axes."""
    channels = first.input_shapes[0], first.output_shapes[0], second.output_shapes[0]
    before, middle, after = (
        shape[0 if isinstance(node.layer, Conv) else -1]
        for node, shape in zip((first, first, second), channels, strict=True)
    )
    if middle < min(before, after):
        return True
    if not (isinstance(first.layer, Conv) and isinstance(second.layer, Conv)):
        return False
    one, other = (
        {axis for axis, size in enumerate(layer.kernel()) if size > 1}
        for layer in (first.layer, second.layer)
    )
    return bool(one and other) and not one & other
