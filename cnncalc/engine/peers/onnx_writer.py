"""What makes an ONNX graph: operators one by one, and the arrays that they read."""

from typing import Any, NamedTuple

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from ...layers import Shape, Shapes
from ..weights import Array, Arrays
from .job import CannotBuild

#: The operators' versions: what every release of the last years reads.
OPSET, IR = 17, 8
#: Protobuf refuses messages of 2 GiB.
LARGEST = 2**31 - 2**24


class Writer:
    """Appends operators. Names of values are made here, but for inputs and outputs."""

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self.nodes: list[NodeProto] = []
        self.initializers: dict[str, TensorProto] = {}
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []

    def input(self, shape: Shape) -> str:
        """The name of one more input, [N, *shape]."""
        self.inputs.append(self._value(f"input{len(self.inputs)}", shape))
        return str(self.inputs[-1].name)

    def output(self, value: str, shape: Shape) -> None:
        """Let a value be one more output."""
        self.outputs.append(self._value(f"output{len(self.outputs)}", shape))
        self.nodes.append(helper.make_node("Identity", [value], [self.outputs[-1].name]))

    def _value(self, name: str, shape: Shape) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [self.batch, *shape])

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Append an operator; the name of its only output."""
        return self.ops(kind, 1, *inputs, **attributes)[0]

    def ops(self, kind: str, count: int, *inputs: str, **attributes: Any) -> list[str]:
        """Append an operator; the names of its outputs."""
        outputs = [f"v{len(self.nodes)}_{port}" for port in range(count)]
        self.nodes.append(helper.make_node(kind, list(inputs), outputs, **attributes))
        return outputs

    def array(self, array: Array, name: str = "") -> str:
        """The name of an array that is stored in the model; under a given name only once."""
        name = name or f"c{len(self.initializers)}"
        if array.nbytes > LARGEST:
            raise CannotBuild(f"cannot build: {name} has {array.nbytes:,} bytes; ONNX takes 2 GiB")
        if name not in self.initializers:
            self.initializers[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def number(self, value: float) -> str:
        return self.array(np.array(value, np.float32))

    def integers(self, *values: int) -> str:
        return self.array(np.array(values, np.int64))

    def reshape(self, value: str, *shape: int) -> str:
        """``shape`` is without the batch."""
        return self.op("Reshape", value, self.integers(self.batch, *shape))

    def slice(self, value: str, axis: int, start: int, stop: int, step: int = 1) -> str:
        """A part of an axis; the batch is axis 0."""
        return self.op("Slice", value, *map(self.integers, (start, stop, axis, step)))

    def pad(self, value: str, amounts: list[tuple[int, int]], fill: float = 0.0) -> str:
        """(before, after) for each axis but the batch."""
        before, after = zip(*amounts, strict=True)
        return self.op("Pad", value, self.integers(0, *before, 0, *after), self.number(fill))

    def model(self, name: str) -> ModelProto:
        graph = helper.make_graph(
            self.nodes, name, self.inputs, self.outputs, list(self.initializers.values())
        )
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=IR)


class At(NamedTuple):
    """A layer at its place: the values it reads, their shapes, its arrays and their owner."""

    inputs: tuple[str, ...]
    input_shapes: Shapes
    output_shapes: Shapes
    arrays: Arrays
    owner: str

    @property
    def x(self) -> str:
        return self.inputs[0]

    @property
    def shape(self) -> Shape:
        return self.input_shapes[0]

    @property
    def output(self) -> Shape:
        return self.output_shapes[0]

    def array(self, write: Writer, name: str, *shape: int) -> str:
        """One of the layer's arrays as a stored one, reshaped if wanted."""
        array = self.arrays[name].reshape(shape) if shape else self.arrays[name]
        return write.array(array, f"{self.owner}.{name}")
