"""Params, buffers, MACs and FLOPs of layers, and their sums."""

from collections.abc import Iterable

from ..graph import Graph, Node
from .facts import facts
from .summary import Costs


def cost(node: Node) -> Costs:
    """The counts of one layer, for one image. FLOPs are 2·MACs plus the other operations.

    A layer that shares another's weights has MACs but no params: they are counted once.
    """
    known = facts(node)
    flops = 2 * known.macs + known.operations
    if node.shares is not None:
        return Costs(macs=known.macs, flops=flops)
    params = known.weights + known.biases
    return Costs(
        weights=known.weights,
        biases=known.biases,
        trainable=0 if node.frozen else params,
        frozen=params if node.frozen else 0,
        buffers=known.buffers,
        macs=known.macs,
        flops=flops,
    )


def owner(graph: Graph, node: Node) -> Node:
    """The node whose weights this one uses: itself, unless it shares."""
    while node.shares is not None:
        node = graph.nodes[node.shares]
    return node


def total(graph: Graph, nodes: Iterable[Node], costs: dict[int, Costs]) -> Costs:
    """The sum over some of a graph's nodes, given the costs of all its nodes by index.

    Weights that only sharers among the nodes use are counted too, once.
    """
    counted = {node.index for node in nodes}
    borrowed = {owner(graph, graph.nodes[index]).index for index in counted} - counted
    result = sum((costs[index] for index in counted), Costs())
    for index in borrowed:
        lent = costs[index]
        result += lent + Costs(macs=-lent.macs, flops=-lent.flops)
    return result
