"""Which values share memory, and from when to when each stretch of memory is needed.

The analysis sums these storages; an engine may lay the very same ones out in an arena, so that
what is predicted is what runs. Steps are the indices of nodes, which stand in execution order.
"""

from collections.abc import Sequence
from math import prod
from typing import Literal, NamedTuple

from ..graph import Graph, Input, Node, Value
from .cost import owner
from .facts import facts

Rule = Literal["inference", "training"]


class Storage(NamedTuple):
    """A stretch of memory: made by a node, seen under one or more names, needed for a while.

    ``values`` is its size in values of one image. It is needed from step ``first``, where
    ``node`` makes it, to step ``last``, where it is read for the last time; ``last`` is the
    number of the graph's nodes for what the network returns. ``holds`` are the values of the
    graph that live in it, in the order in which they come to be; the first is the node's own.
    The network's inputs are needed from step 0.
    """

    node: int
    values: int
    first: int
    last: int
    holds: tuple[Value, ...]


def runs(graph: Graph, heads: bool) -> list[Node]:
    """The nodes that run, in order: without the heads of training unless ``heads``."""
    return [node for node in graph.nodes if heads or not node.training]


def results(graph: Graph, heads: bool) -> tuple[Value, ...]:
    """What must outlive the run: the outputs and the heads that run."""
    kept = (value for value in graph.heads if heads or not graph.nodes[value.node].training)
    return tuple(dict.fromkeys((*graph.outputs, *kept)))


def trained(graph: Graph, heads: bool = False) -> list[bool]:
    """For each node, whether its output requires a gradient.

    That starts at trainable weights; the network's input needs none. So the frozen layers in
    front of a network that is fine-tuned take no part in the backward pass.
    """
    requires = [False] * len(graph.nodes)
    for node in runs(graph, heads):
        requires[node.index] = any(requires[value.node] for value in node.inputs) or (
            bool(facts(node).weight_shapes) and not owner(graph, node).frozen
        )
    return requires


def storages(graph: Graph, rule: Rule = "inference", *, heads: bool = False) -> list[Storage]:
    """The storages of a run, in the order in which they are made.

    ``heads``: whether the heads of training run too. A view shares the storage of its first
    input, always. A layer that can work in place overwrites its input where that is legal:

    * in inference, if it is the last to read that storage under any name;
    * in training, by PyTorch's rule for autograd, if nobody else reads it at all and the layer
      that made it does not keep its output for the backward pass.

    The network's inputs are the caller's and are never overwritten.
    """
    return _Walk(graph, rule, heads).storages()


class _Walk:
    """One pass over the nodes; per storage, lists of what is known of it so far."""

    def __init__(self, graph: Graph, rule: Rule, heads: bool) -> None:
        self.graph = graph
        self.rule = rule
        self.nodes = runs(graph, heads)
        #: For each value, the step that reads it last, and how many reads there are.
        self.last_read: dict[Value, int] = {}
        self.reads: dict[Value, int] = {}
        for node in self.nodes:
            for value in node.inputs:
                self.last_read[value] = node.index
                self.reads[value] = self.reads.get(value, 0) + 1
        for value in results(graph, heads):
            self.last_read[value] = len(graph.nodes)
            self.reads[value] = self.reads.get(value, 0) + 1
        self.requires = trained(graph, heads) if rule == "training" else []
        self.of: dict[Value, int] = {}
        self.holds: list[list[Value]] = []
        self.last: list[int] = []
        #: Reads that are not those of a view or of an overwriting layer: somebody else's.
        self.foreign: list[int] = []
        #: Whether autograd keeps what was written last.
        self.kept: list[bool] = []

    def storages(self) -> list[Storage]:
        for node in self.nodes:
            self.visit(node)
        return [
            Storage(holds[0].node, self.size(holds[0]), self.first(holds[0]), last, tuple(holds))
            for holds, last in zip(self.holds, self.last, strict=True)
        ]

    def first(self, value: Value) -> int:
        """The step from which a value is there: its own, but inputs are there from the start."""
        return 0 if isinstance(self.graph.nodes[value.node].layer, Input) else value.node

    def visit(self, node: Node) -> None:
        known = facts(node)
        memory = known.memory if self.rule == "inference" else known.training_memory
        shares = memory == "view" or (memory == "in place" and self.may_overwrite(node))
        keeps = self.rule == "training" and self.requires[node.index] and known.saved.output
        if shares:
            storage = self.of[node.inputs[0]]
            self.foreign[storage] -= sum(self.of[value] == storage for value in node.inputs)
            self.kept[storage] |= keeps
        for port in range(len(node.output_shapes)):
            value = Value(node.index, port)
            if not shares:
                storage = len(self.holds)
                self.holds.append([])
                self.last.append(node.index)
                self.foreign.append(0)
                self.kept.append(keeps)
            self.of[value] = storage
            self.holds[storage].append(value)
            self.last[storage] = max(self.last[storage], self.last_read.get(value, 0))
            self.foreign[storage] += self.reads.get(value, 0)

    def may_overwrite(self, node: Node) -> bool:
        """Whether a layer with one input may write its output over it."""
        storage = self.of[node.inputs[0]]
        made_by = self.graph.nodes[self.holds[storage][0].node]
        if isinstance(made_by.layer, Input):
            return False
        if self.rule == "inference":
            return self.last[storage] == node.index
        return self.foreign[storage] == 1 and not self.kept[storage]

    def size(self, value: Value) -> int:
        return prod(self.graph.shape(value))


def peak(stretches: Sequence[Storage]) -> tuple[int, int]:
    """The largest sum of values alive at one time, and the first step at which it is reached.

    While a layer runs, its inputs and its outputs are both alive.
    """
    change: dict[int, int] = {}
    for storage in stretches:
        change[storage.first] = change.get(storage.first, 0) + storage.values
        change[storage.last + 1] = change.get(storage.last + 1, 0) - storage.values
    alive = most = where = 0
    for step in sorted(change):
        alive += change[step]
        if alive > most:
            most, where = alive, step
    return most, where
