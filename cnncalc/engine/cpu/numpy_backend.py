"""The backend that is always there: NumPy arrays [N, C, H, W], BLAS for the products."""

from collections.abc import Iterable
from math import prod
from time import perf_counter_ns
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import DTypeLike, NDArray

from ...graph import Input, Node, Value
from ...layers import Layer
from ..fits import Footprint
from ..fusion import FusedGraph, fuses_pointwise
from ..layout import Tensor
from ..plan import Kernel, Plan
from ..strided import packed
from ..weights import Arrays
from .numpy_bound import Bound, Call
from .numpy_kernels import KERNELS

Floats = NDArray[Any]
#: Bytes of the BLAS's own buffers, and of what the allocator keeps.
FIXED = 12 << 20


class NumpyBackend:
    """Plain layout: a tensor takes as many values as it has, and may lie anywhere."""

    name = "numpy"
    kernels: tuple[Kernel, ...] = KERNELS
    packing = staticmethod(packed)

    def fuses(self, body: Layer, epilogue: tuple[Layer, ...], layer: Layer) -> bool:
        return fuses_pointwise(body, epilogue, layer)

    def values(self, fused: FusedGraph, value: Value) -> int:
        return prod(fused.graph.shape(value))

    def placeable(self, fused: FusedGraph, concat: Node, number: int) -> bool:
        return True

    def images_at_a_time(self, plan: Plan, batch: int) -> int:
        """How many images of a batch run at a time: all."""
        return batch

    def footprint(self, plan: Plan, batch: int, threads: int) -> Footprint:
        """What a program of the plan takes beside its arena: weights as they come."""
        weights = tuple(step.weights for step in plan.steps)
        return Footprint(batch, weights, False, plan.scratch_values(batch), FIXED)

    def prepare(
        self,
        plan: Plan,
        arrays: Iterable[Arrays],
        batch: int,
        dtype: DTypeLike = np.float32,
        threads: int = 0,
    ) -> "Program":
        """``arrays``: the folded weights of each step. Threads are the BLAS's affair."""
        return Program(plan, arrays, batch, dtype)


class Program:
    """A plan bound to arrays: one arena, one scratch, and a call for each step.

    ``inputs`` and ``outputs`` are windows into the arena, in the order of the graph's. No step
    falls back: every kernel is one of NumPy's.
    """

    def __init__(
        self, plan: Plan, arrays: Iterable[Arrays], batch: int, dtype: DTypeLike = np.float32
    ) -> None:
        self.plan = plan
        self.batch = batch
        self.fallen_back: dict[str, str] = {}
        self.arena: Floats = np.zeros(plan.arena_values * batch, dtype)
        self.scratch: Floats = np.zeros(plan.scratch_values(batch), dtype)
        graph = plan.fused.graph
        self.inputs = tuple(
            self.window(plan.tensors[Value(node.index)])
            for node in graph.nodes
            if isinstance(node.layer, Input)
        )
        self.outputs = tuple(self.window(plan.tensors[value]) for value in graph.outputs)
        self.given: tuple[Floats, ...] = ()
        self.calls: list[Call] = []
        for step, kernel, given in zip(plan.steps, plan.kernels, arrays, strict=True):
            bound = Bound(
                step,
                tuple(map(self.window, step.inputs)),
                tuple(map(self.window, step.outputs)),
                {name: array.astype(dtype, copy=False) for name, array in given.items()},
                self.scratch,
            )
            self.calls.append(kernel.bind(bound))

    def window(self, tensor: Tensor) -> Floats:
        """A tensor as an array [N, *shape] in the arena."""
        slot, lies, width = self.plan.slots[tensor.slot], tensor.lies, self.arena.itemsize
        start = self.batch * slot.offset + lies.offset
        strides = (slot.values * width, *(stride * width for stride in lies.strides))
        return as_strided(self.arena[start:], (self.batch, *lies.shape), strides)

    def load(self, *images: Floats) -> None:
        """Copy the network's inputs, [N, *shape] each, to where the first steps read them.

        Without images, those given last: later steps may have overwritten them in the arena.
        """
        self.given = images or self.given
        for place, image in zip(self.inputs, self.given, strict=True):
            np.copyto(place, image)

    def run(self, *images: Floats) -> tuple[Floats, ...]:
        """The network's outputs, valid until the next run. Without images, those given last."""
        with np.errstate(over="ignore", under="ignore"):
            self.load(*images)
            for call in self.calls:
                call()
        return self.outputs

    def close(self) -> None:
        """Nothing to end: there are no threads of our own."""

    def time_steps(self, *images: Floats) -> list[int]:
        """One run; the nanoseconds of each step."""
        times = []
        with np.errstate(over="ignore", under="ignore"):
            self.load(*images)
            for call in self.calls:
                before = perf_counter_ns()
                call()
                times.append(perf_counter_ns() - before)
        return times
