"""What a layer answers for given shapes, asked once: networks repeat the same few layers."""

from functools import lru_cache
from math import prod
from typing import NamedTuple

from ..graph import Node
from ..layers import Layer, Saved, Shape, Shapes
from ..layers.layer import Memory


class Facts(NamedTuple):
    """A layer's answers that do not depend on where in a graph it stands."""

    weight_shapes: dict[str, Shape]
    weights: int
    biases: int
    buffers: int
    macs: int
    operations: int
    values: int
    remainder: tuple[int, ...]
    saved: Saved
    memory: Memory
    training_memory: Memory


def facts(node: Node) -> Facts:
    """The facts of the layer of a node on the node's shapes."""
    return _facts(node.layer, node.input_shapes, node.output_shapes)


@lru_cache(maxsize=1024)
def _facts(layer: Layer, inputs: Shapes, outputs: Shapes) -> Facts:
    shapes = layer.weights(inputs)
    return Facts(
        weight_shapes=shapes,
        weights=sum(prod(shape) for name, shape in shapes.items() if name != "bias"),
        biases=prod(shapes["bias"]) if "bias" in shapes else 0,
        buffers=sum(map(prod, layer.buffers(inputs).values())),
        macs=layer.macs(inputs, outputs),
        operations=layer.operations(inputs, outputs),
        values=sum(map(prod, outputs)),
        remainder=layer.remainder(inputs),
        saved=layer.saved(inputs, outputs),
        memory=layer.memory_of(inputs),
        training_memory=layer.training_memory_of(inputs),
    )
