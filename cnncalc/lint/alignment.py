"""CNN506 unaligned-channels."""

from collections.abc import Iterator

from ..analysis.facts import facts
from ..layers.convolution import Conv
from ..layers.linear import Linear
from .network import WEIGHTED, Found, Network

RULE = "unaligned-channels"


def unaligned_channels(network: Network) -> Iterator[Found]:
    """Output channels that do not fill blocks of 8, in a layer of enough multiply-accumulates.

    The channels of the last layers are given by the task, those of grouped convolutions by the
    layer before.
    """
    multiple, least = (network.settings.option(RULE, name) for name in ("multiple", "macs"))
    before_weights = set[int]()
    for node in reversed(network.graph.nodes):
        if node.index in before_weights or isinstance(node.layer, WEIGHTED):
            before_weights |= {value.node for value in node.inputs}
    for node in network.layers(Conv, Linear):
        layer = node.layer
        channels = layer.out_channels if isinstance(layer, Conv) else node.output_shapes[0][-1]
        if channels % multiple == 0 or (isinstance(layer, Conv) and layer.groups > 1):
            continue
        if node.index in before_weights and facts(node).macs >= least:
            rounded = -(-channels // multiple) * multiple
            yield Found(
                node,
                f"{channels} channels are no multiple of {multiple} and take the time of {rounded} "
                f"on tensor cores ({facts(node).macs:,} MACs)",
                f"{rounded} channels"
                + (f", or {rounded - multiple}" if rounded > multiple else ""),
            )
