"""A graph of ours as an ONNX model: the original layers, nothing fused, batch size fixed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx

from ...analysis.cost import owner
from ...analysis.liveness import results, runs
from ...graph import Graph, Input, Value
from ..weights import Weights
from .onnx_layers import row_of
from .onnx_writer import LARGEST, At, Writer


def model(graph: Graph, weights: Weights, batch: int) -> onnx.ModelProto:
    """The model. Its inputs and outputs stand in the graph's order. Raises CannotBuild."""
    write = Writer(batch)
    values: dict[Value, str] = {}
    for node in runs(graph, heads=False):
        if isinstance(node.layer, Input):
            values[Value(node.index)] = write.input(node.output_shapes[0])
            continue
        at = At(
            inputs=tuple(values[value] for value in node.inputs),
            input_shapes=node.input_shapes,
            output_shapes=node.output_shapes,
            arrays=weights.of(node),
            owner=owner(graph, node).name,
        )
        made = row_of(node.layer)(write, node.layer, at)
        outputs = [made] if isinstance(made, str) else made
        values |= {Value(node.index, port): name for port, name in enumerate(outputs)}
    for value in results(graph, heads=False):
        write.output(values[value], graph.shape(value))
    return write.model(graph.name)


@contextmanager
def saved(made: onnx.ModelProto) -> Iterator[str]:
    """The path of a file with the model, as long as it is needed. The arrays of a large one stand
    in a file of their own beside it."""
    with TemporaryDirectory(prefix="cnncalc") as folder:
        path = str(Path(folder) / "model.onnx")
        size = sum(len(array.raw_data) for array in made.graph.initializer)
        onnx.save(made, path, save_as_external_data=size > LARGEST)
        yield path
