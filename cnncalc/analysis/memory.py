"""Bytes: of activations, of what training keeps, and how large a batch fits.

The largest sum of activations alive at one time is `liveness.peak`.
"""

from collections.abc import Sequence

from ..graph import Graph, Value
from .facts import facts
from .liveness import Storage, peak, runs, storages, trained
from .summary import DTYPES, OPTIMIZERS, Costs, Dtype, Memory, Optimizer


def saved_bytes(graph: Graph, width: int, *, heads: bool = False) -> tuple[int, int]:
    """Bytes that autograd keeps for the backward pass beside the weights: for each image, and
    whatever the batch.

    By PyTorch's rule: each layer whose output requires a gradient keeps what its derivative
    reads (`Layer.saved`); a tensor that several layers keep is kept once, and tensors that
    share memory are one. ``width`` is the bytes of a value; masks and indices have their own.
    """
    requires = trained(graph, heads)
    stretches = storages(graph, "training", heads=heads)
    of = {value: number for number, storage in enumerate(stretches) for value in storage.holds}
    kept: set[int] = set()
    extra = fixed = 0
    for node in runs(graph, heads):
        if not requires[node.index]:
            continue
        saved = facts(node).saved
        if saved.inputs:
            kept.update(of[value] for value in node.inputs)
        if saved.output:
            kept.update(of[Value(node.index, port)] for port in range(len(node.output_shapes)))
        extra += sum(values * (size or width) for values, size in saved.extra)
        fixed += sum(values * (size or width) for values, size in saved.per_batch)
    return extra + width * sum(stretches[number].values for number in kept), fixed


def owned(stretches: Sequence[Storage]) -> dict[int, int]:
    """For each node that owns memory, the values of one image in it."""
    values: dict[int, int] = {}
    for storage in stretches:
        values[storage.node] = values.get(storage.node, 0) + storage.values
    return values


def memory(
    graph: Graph,
    stretches: Sequence[Storage],
    costs: Costs,
    *,
    heads: bool,
    batch: int,
    dtype: Dtype,
    optimizer: Optimizer,
    budget: int | None,
) -> Memory:
    """The bytes of a network for a batch, everything in one dtype.

    ``training`` = params + saved for backward + gradients + optimizer state; gradients and
    state are those of the trainable params. int8 is not trained. A batch fits for training if
    that sum fits, and the forward pass by itself too (where most layers are frozen, the forward
    pass needs more than backward keeps).
    """
    width = DTYPES[dtype]
    most, where = peak(stretches)
    params = width * (costs.params + costs.buffers)
    saved = gradients = state = training = None
    inference_batch = training_batch = None
    if budget is not None:
        inference_batch = max(0, (budget - params) // (width * most))
    if dtype != "int8":
        image, fixed = saved_bytes(graph, width, heads=heads)
        saved = batch * image + fixed
        gradients = width * costs.trainable
        state = OPTIMIZERS[optimizer] * gradients
        training = params + saved + gradients + state
        if budget is not None:
            room = budget - (training - batch * image)
            training_batch = max(0, room // max(image, width * most))
    return Memory(
        params_bytes=params,
        activations_bytes=batch * width * sum(storage.values for storage in stretches),
        peak_bytes=batch * width * most,
        peak_layer=graph.nodes[where].name,
        saved_bytes=saved,
        gradients_bytes=gradients,
        optimizer_bytes=state,
        training_bytes=training,
        optimizer=optimizer,
        budget_bytes=budget,
        largest_batch_inference=inference_batch,
        largest_batch_training=training_batch,
    )
