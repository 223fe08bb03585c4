"""A graph in, all its numbers out."""

from ..graph import Graph, Input, Node, Value
from .cost import cost, total
from .facts import facts
from .liveness import Storage, runs, storages
from .memory import memory, owned
from .receptive_field import Sight, fields, sights
from .summary import (
    DTYPES,
    Costs,
    Dtype,
    Field,
    LayerSummary,
    Optimizer,
    Summary,
    Totals,
)


def summarize(
    graph: Graph,
    *,
    source: str | None = None,
    batch: int = 1,
    dtype: Dtype = "float32",
    optimizer: Optimizer = "sgd",
    memory_budget: int | None = None,
    seen: dict[Value, Sight] | None = None,
) -> Summary:
    """Everything cnncalc knows of a network. ``source`` is where its figures come from.

    ``totals`` is the network without the heads that run in training only, in inference and, for
    the rows of training, trained that way; ``training_totals``, if it has such heads, is the
    network with them. ``memory_budget`` is in bytes. ``seen`` is what `sights` found, if
    that is known already. The graph must be whole: no layer failed.
    """
    costs = {node.index: cost(node) for node in graph.nodes}
    seen_fields = fields(graph, sights(graph) if seen is None else seen)
    stretches = storages(graph)

    def totals(heads: bool, stretches: list[Storage]) -> Totals:
        nodes = runs(graph, heads)
        counts = total(graph, nodes, costs)
        outputs = graph.outputs
        if heads:
            outputs = tuple(dict.fromkeys((*outputs, *graph.heads)))
        shapes = tuple(graph.shape(value) for value in outputs)
        return Totals(
            layers=sum(not isinstance(node.layer, Input) for node in nodes),
            params=counts.params,
            weights=counts.weights,
            biases=counts.biases,
            trainable=counts.trainable,
            frozen=counts.frozen,
            buffers=counts.buffers,
            macs=counts.macs,
            flops=counts.flops,
            activations=sum(storage.values for storage in stretches),
            output=shapes[0],
            outputs=shapes,
            memory=memory(
                graph,
                stretches,
                counts,
                heads=heads,
                batch=batch,
                dtype=dtype,
                optimizer=optimizer,
                budget=memory_budget,
            ),
        )

    values = owned(stretches)
    training_totals = None
    if any(node.training for node in graph.nodes):
        with_heads = storages(graph, heads=True)
        values = owned(with_heads) | values
        training_totals = totals(True, with_heads)
    width = DTYPES[dtype]
    return Summary(
        name=graph.name,
        source=source,
        inputs={
            node.name: node.output_shapes[0]
            for node in graph.nodes
            if isinstance(node.layer, Input)
        },
        batch=batch,
        dtype=dtype,
        layers={
            node.name: _row(
                graph, node, costs[node.index], seen_fields[Value(node.index)], values, width
            )
            for node in graph.nodes
        },
        totals=totals(False, stretches),
        training_totals=training_totals,
    )


def _row(
    graph: Graph,
    node: Node,
    costs: Costs,
    field: tuple[Field, ...],
    owned_values: dict[int, int],
    width: int,
) -> LayerSummary:
    known = facts(node)
    return LayerSummary(
        name=node.name,
        kind=node.layer.kind,
        label=node.layer.label(),
        inputs=node.input_shapes,
        output=node.output_shapes[0],
        outputs=node.output_shapes,
        reads=tuple(graph.nodes[value.node].name for value in node.inputs),
        weight_shapes=known.weight_shapes,
        params=costs.params,
        weights=costs.weights,
        biases=costs.biases,
        trainable=costs.trainable,
        frozen=costs.frozen,
        buffers=costs.buffers,
        macs=costs.macs,
        flops=costs.flops,
        values=known.values,
        owns_memory=node.index in owned_values,
        output_bytes=width * owned_values.get(node.index, 0),
        receptive_field=field,
        lost=known.remainder,
        shares=None if node.shares is None else graph.nodes[node.shares].name,
        training=node.training,
    )
