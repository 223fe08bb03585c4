"""Whose memory a layer's output is, and what training keeps because of it, in sentences."""

from math import prod

from ..analysis.liveness import Storage, storages, trained
from ..analysis.summary import LayerSummary
from ..graph import Graph, Node, Value
from ..terminal import printable
from ..units import mebibytes, thousands
from .equation import TIED


def ownership(graph: Graph, node: Node, row: LayerSummary) -> str:
    """Whose memory the output is, in inference, and why."""
    if row.owns_memory:
        if node.layer.memory_of(node.input_shapes) != "in place":
            return "The output has memory of its own."
        return f"The output has memory of its own: {_obstacle(graph, node)}."
    made = _storage(graph, node, Value(node.index)).node
    whose = printable(graph.nodes[made].name)
    if node.layer.memory_of(node.input_shapes) == "view":
        return f"No memory of its own: a view of the bytes that {whose} made."
    return f"No memory of its own: it overwrites what {whose} made, which nobody reads later."


def _obstacle(graph: Graph, node: Node) -> str:
    """Why a layer that could work in place does not."""
    kept = _storage(graph, node, node.inputs[0])
    if not graph.nodes[kept.node].inputs:
        return "it could work in place, but the network's input is the caller's"
    readers = [
        printable(later.name)
        for later in graph.nodes[node.index + 1 :]
        if any(value in kept.holds for value in later.inputs)
    ]
    if readers:
        return f"it could work in place, but {readers[0]} reads its input later"
    return "it could work in place, but its input is needed unchanged"


def _storage(graph: Graph, node: Node, value: Value) -> Storage:
    """Where a value lives in a run in which the node takes part."""
    return next(s for s in storages(graph, heads=node.training) if value in s.holds)


def saved(graph: Graph, node: Node, size: int) -> str:
    """What autograd keeps because of this layer."""
    if not trained(graph, heads=node.training)[node.index]:
        return "Autograd saves nothing: no gradient flows through here."
    kept = node.layer.saved(node.input_shapes, node.output_shapes)
    parts = []
    if kept.inputs:
        values = sum(prod(shape) for shape in node.input_shapes)
        parts.append(_bytes("its input", values, size))
    if kept.output:
        parts.append(_bytes("its output", sum(map(prod, node.output_shapes)), size))
    extra = (*kept.extra, *kept.per_batch)
    parts += [_bytes("an extra tensor", values, each or size) for values, each in extra]
    if not parts:
        return "Autograd saves nothing for the backward pass."
    rule = "" if len(parts) == len(extra) else "; a tensor that several layers save is kept once"
    return f"For the backward pass autograd saves {' and '.join(parts)}{rule}."


def _bytes(what: str, values: int, each: int) -> str:
    total = values * each
    sizes = f"{thousands(total)} bytes", mebibytes(total)
    exact, rounded = (size.replace(" ", TIED) for size in sizes)
    return f"{what} ({thousands(values)}·{each} = {exact}, {rounded})"
