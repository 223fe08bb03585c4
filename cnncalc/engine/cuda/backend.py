"""The CUDA backend: images with channels last, and the table of what runs a step on a device."""

from collections.abc import Iterable
from math import prod
from typing import Literal

import numpy as np

from ...graph import Node, Value
from ...layers import Layer
from ...layers.convolution import Conv
from ...layers.linear import Linear
from ..fits import Footprint
from ..fusion import FusedGraph, fuses_pointwise
from ..plan import Cost, Kernel, Plan, Step
from ..refusal import NoBackend
from ..strided import channels_last
from ..weights import Arrays as Weights
from . import cudnn, native
from .arrays import STORAGE, Arrays, Dtype
from .bound import Bound, Launch
from .cudnn_graph import can_fuse
from .device import Device, pip
from .nvrtc import CompilerMissing
from .program import Program

#: Which rows are in the table: all, those without cuDNN, or cuDNN's before all others.
CudaEngine = Literal["auto", "native", "cudnn"]
#: Bytes of cuDNN's and the driver's own, beside arrays.
FIXED = 256 << 20


class CudaBackend:
    """Every image [C, H, W] lies as [H, W, C]; a concat along the channels is a distance between
    pixels. For one device, or for a kind of device of which there is none here (``xp`` None): then
    it only plans."""

    packing = staticmethod(channels_last)

    def __init__(
        self, device: Device, xp: Arrays | None, dtype: Dtype, engine: CudaEngine = "auto"
    ) -> None:
        self.device = device
        self.xp = xp
        self.dtype = dtype
        self.engine = engine
        self.name = "native" if engine == "native" else "cudnn"
        self.width = np.dtype(STORAGE[dtype]).itemsize
        self.kernels = table(dtype, device, engine)

    def fuses(self, body: Layer, epilogue: tuple[Layer, ...], layer: Layer) -> bool:
        """Whatever our own kernels can do; but behind products of cuDNN's, what its graphs can."""
        if self.engine != "native" and is_dense(body):
            return can_fuse((*epilogue, layer))
        return fuses_pointwise(body, epilogue, layer) and native.fuses(body, epilogue, layer)

    def values(self, fused: FusedGraph, value: Value) -> int:
        return prod(fused.graph.shape(value))

    def placeable(self, fused: FusedGraph, concat: Node, number: int) -> bool:
        return True

    def images_at_a_time(self, plan: Plan, batch: int) -> int:
        """How many images of a batch run at a time: all."""
        return batch

    def footprint(self, plan: Plan, batch: int, threads: int) -> Footprint:
        """What a program of the plan takes beside its arena: weights, each packed from those that
        came, and the inputs, which are counted with the network's ends."""
        weights = tuple(step.weights for step in plan.steps)
        workspace = 0 if self.engine == "native" else cudnn.MOST_WORKSPACE
        return Footprint(batch, weights, True, plan.scratch_values(batch), FIXED + workspace)

    def prepare(
        self, plan: Plan, arrays: Iterable[Weights], batch: int, threads: int = 0
    ) -> Program:
        """``arrays``: the folded weights of each step. ``threads`` are a CPU's affair."""
        assert self.xp is not None, "there is no device to run on"
        contest = self.engine == "auto"
        try:
            return Program(plan, arrays, batch, self.xp, self.device, self.able, contest=contest)
        except CompilerMissing as missing:
            raise NoBackend(str(missing), pip(self.device.driver)) from None

    def able(self, step: Step) -> list[Kernel]:
        """The rows that can run a step, the one of the plan first, the reference last."""
        *rows, last = self.kernels
        able = [kernel for kernel in rows if kernel.when(step)]
        return [*sorted(able, key=lambda kernel: kernel.cost(step).weight), last]


def is_dense(body: Layer) -> bool:
    """Whether a layer is one of the products that cuDNN does well: not a depthwise convolution,
    whose output channels each have a group of their own."""
    if not isinstance(body, Conv):
        return isinstance(body, Linear)
    depthwise = body.groups == body.out_channels and body.groups > 1
    return body.spatial == 2 and body.connections is None and not depthwise


def table(dtype: Dtype, device: Device, engine: CudaEngine) -> tuple[Kernel, ...]:
    """The rows of an engine; the last one takes every step."""
    ours = (*native.kernels(dtype, device), REFERENCE)
    if engine == "native":
        return ours
    theirs = cudnn.kernels(dtype, device)
    if engine == "cudnn":  # wherever it can
        theirs = tuple(kernel._replace(cost=lambda step: Cost()) for kernel in theirs)
    return (*theirs, *ours)


def bind_reference(bound: Bound) -> Launch:
    """The layer's own ``forward`` in float32; what it returns is copied to the outputs. It makes
    arrays of its own, which no graph may do."""
    layer, xp = bound.step.node.layer, bound.xp

    def call() -> None:
        inputs = tuple(map(xp.widen, bound.inputs))
        weights = {name: xp.widen(array) for name, array in bound.weights.items()}
        results = layer.forward(xp.module, inputs, weights)
        for y, result in zip(bound.outputs, results, strict=True):
            y[...] = xp.narrow(result)

    return Launch(call, "the layer's own forward, in float32", capturable=False)


def dear(step: Step) -> Cost:
    return Cost(16 * step.macs, 8 * step.traffic, 50)


REFERENCE = Kernel("reference", "reference", lambda step: True, dear, bind_reference, layout="nhwc")
