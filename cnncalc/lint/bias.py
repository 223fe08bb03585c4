"""CNN501 bias-before-norm."""

from collections.abc import Iterator

from ..layers.convolution import Conv
from ..layers.linear import Linear
from ..layers.normalization import BatchNorm, InstanceNorm
from ..layers.transposed_convolution import ConvTranspose
from .network import Found, Network


def bias_before_norm(network: Network) -> Iterator[Found]:
    """A bias per channel, of which every reader subtracts the mean of each channel.

    The bias of linear is one per unit of the last axis: that is the channels only where there is
    no other axis. With shared weights, the bias counts elsewhere; a frozen one was learned so.
    """
    for node in network.layers(Conv, ConvTranspose, Linear):
        layer = node.layer
        assert isinstance(layer, Conv | ConvTranspose | Linear)
        if not layer.bias or node.frozen:
            continue
        if node.index in network.shared or node.index in network.ends:
            continue
        if isinstance(layer, Linear) and len(node.output_shapes[0]) > 1:
            continue
        readers = network.readers[node.index]
        if not readers or not all(isinstance(r.layer, BatchNorm | InstanceNorm) for r in readers):
            continue
        norm, size = readers[0], node.layer.weights(node.input_shapes)["bias"][0]
        yield Found(
            node,
            f"{norm.name} subtracts the mean of each channel, and so takes the {size:,} biases "
            "away again",
            "write bias: false",
        )
