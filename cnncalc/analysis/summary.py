"""The numbers of one network, as data: what every report renders and what scripts read.

Counts (params, MACs, FLOPs, values) are exact whole numbers for one image, whatever the batch.
Bytes of a layer are for one image; bytes in `Memory` are for the whole batch. Definitions:
docs/definitions.md.
"""

from typing import Literal

import msgspec

Dtype = Literal["float32", "float16", "bfloat16", "int8"]
Optimizer = Literal["sgd", "momentum", "adam"]

#: Bytes of one value.
DTYPES: dict[str, int] = {"float32": 4, "float16": 2, "bfloat16": 2, "int8": 1}
#: Values of optimizer state per trainable parameter.
OPTIMIZERS: dict[str, int] = {"sgd": 0, "momentum": 1, "adam": 2}


class Costs(msgspec.Struct, frozen=True):
    """Counts that add up: of a layer, a block or a network."""

    weights: int = 0
    biases: int = 0
    trainable: int = 0
    frozen: int = 0
    buffers: int = 0
    macs: int = 0
    flops: int = 0

    @property
    def params(self) -> int:
        return self.weights + self.biases

    def __add__(self, other: "Costs") -> "Costs":
        return Costs(
            self.weights + other.weights,
            self.biases + other.biases,
            self.trainable + other.trainable,
            self.frozen + other.frozen,
            self.buffers + other.buffers,
            self.macs + other.macs,
            self.flops + other.flops,
        )


class Field(msgspec.Struct, frozen=True):
    """The receptive field along one axis of the image.

    ``size``: rows (columns) of the image, padding included, that one unit can see; the largest
    over the positions, where they differ. ``jump``: image rows from one unit to the next; None
    where units see the whole axis or paths step at different rates; a fraction, after
    upsampling, is a float. ``start``: the first image row that unit 0 sees, negative in the
    padding.
    """

    size: int
    jump: int | float | None
    start: int


class LayerSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One layer. ``output`` is its (first) output shape; ``outputs`` all of them."""

    name: str
    kind: str
    label: str
    inputs: tuple[tuple[int, ...], ...]
    output: tuple[int, ...]
    outputs: tuple[tuple[int, ...], ...]
    #: Names of the layers read.
    reads: tuple[str, ...]
    weight_shapes: dict[str, tuple[int, ...]]
    params: int
    weights: int
    biases: int
    trainable: int
    frozen: int
    buffers: int
    macs: int
    flops: int
    #: Values in the outputs of one image.
    values: int
    #: Whether the outputs have memory of their own: False for in-place layers and views.
    owns_memory: bool
    #: Bytes of the outputs of one image: 0 if they have no memory of their own.
    output_bytes: int
    #: Per image axis that is seen, also where the output has no such axis (after flatten).
    receptive_field: tuple[Field, ...]
    #: Rows and columns of the padded input that nobody reads, per spatial axis.
    lost: tuple[int, ...]
    #: The layer whose weights are used, with ``share``.
    shares: str | None = None
    #: In training only (an auxiliary head).
    training: bool = False


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes, for the whole batch."""

    #: Weights, biases and buffers.
    params_bytes: int
    #: All layer outputs together, and the largest sum of those alive at one time.
    activations_bytes: int
    peak_bytes: int
    #: The layer at which the peak occurs.
    peak_layer: str
    #: None where training has no meaning (int8).
    saved_bytes: int | None
    gradients_bytes: int | None
    optimizer_bytes: int | None
    training_bytes: int | None
    optimizer: Optimizer
    #: With --memory: the largest batch that fits (0: none does).
    budget_bytes: int | None = None
    largest_batch_inference: int | None = None
    largest_batch_training: int | None = None


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over the layers that run in inference."""

    layers: int
    params: int
    weights: int
    biases: int
    trainable: int
    frozen: int
    buffers: int
    macs: int
    flops: int
    #: Values of all layer outputs of one image that own memory, the input included.
    activations: int
    output: tuple[int, ...]
    outputs: tuple[tuple[int, ...], ...]
    memory: Memory


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Everything cnncalc knows of one network."""

    schema: str = "cnncalc.summary/1"
    name: str
    source: str | None
    inputs: dict[str, tuple[int, ...]]
    batch: int
    dtype: Dtype
    #: In execution order, by name; the inputs are rows too.
    layers: dict[str, LayerSummary]
    totals: Totals
    #: With the heads that run in training only, if there are any.
    training_totals: Totals | None = None
