"""A step with its arrays: what the rows of the CUDA table bind, and what they bind it to.

A module of rows (`native`, `cudnn`) offers ``kernels(dtype, device)``: a tuple of `plan.Kernel`,
layout "nhwc", each with ``bind(bound) -> Call``. Its ``when`` looks at shapes and options, so that
a plan can be made without a device; the cheapest row by ``cost`` is taken.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from ...layers.merge import Add
from ..plan import Step
from .arrays import Arrays, Dtype
from .device import Device

#: Launches a step on the current stream. What it launches must be fit for a CUDA graph: no
#: allocation, no synchronisation, no copy from or to the host, the same addresses every time; a
#: call that cannot promise it has ``capturable = False`` and runs between graphs. A call may have
#: ``describe``, the text that ``--explain`` shows: the plan, the engine, the launch. See `Launch`.
Call = Callable[[], object]


class CannotBind(Exception):
    """A row that cannot run a step after all, for the reason in the text; the next one will."""


def capturable(call: Call) -> bool:
    """Whether a call is fit for a graph."""
    return bool(getattr(call, "capturable", True))


class Launch:
    """A `Call` that says what it launches."""

    def __init__(
        self, launch: Callable[[], object], describe: str = "", capturable: bool = True
    ) -> None:
        self.launch = launch
        self.describe = describe
        self.capturable = capturable

    def __call__(self) -> None:
        self.launch()


class Workspace:
    """Bytes that all steps of a program share, one step after the other.

    While it binds, a row reserves what its call will need; the call asks for the pointer each time
    it launches. It stands still once everything is bound, before any graph is captured. To try a
    launch while binding, ask for the pointer after `reserve`: then it is made as large as needed.
    """

    def __init__(self, arrays: Arrays) -> None:
        self.arrays = arrays
        self.bytes = 0
        self.memory: Any = None

    def reserve(self, needed: int) -> None:
        """Make sure of so many bytes."""
        self.bytes = max(self.bytes, needed)

    @property
    def pointer(self) -> int:
        """The address of `bytes` bytes, aligned to 256; 0 if none are needed."""
        if not self.bytes:
            return 0
        if self.memory is None or self.memory.nbytes < self.bytes:
            self.memory = None  # freed before the larger one is made
            self.memory = self.arrays.bytes(self.bytes)
        return self.arrays.pointer(self.memory)


class Bound(NamedTuple):
    """A step and its arrays on the device.

    ``inputs`` and ``outputs`` are windows into the arena, [N, *shape], in the storage type of the
    dtype: float32 (also for tf32), float16, or uint16 with the bits of a bfloat16. What has three
    axes has channels last: [N, C, H, W] with the strides of [N, H, W, C], and a pixel's stride is
    that of the concat it lies in. All else lies as it comes. Shape, strides and pointer
    (``xp.pointer``) say everything; nothing is aligned to more than a value.

    ``weights`` are the folded ones. ``weight`` of a layer that has multiply-adds is in the storage
    type; if it has four axes, [O, I, kH, kW], it lies as [O, kH, kW, I]. All others (biases, batch
    norm's statistics, slopes) are float32.

    ``workspace``: what a call needs beside that. ``xp``: the array module; binding and calls run
    with its device and its stream as the current ones.
    """

    step: Step
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]
    weights: dict[str, Any]
    workspace: Workspace
    xp: Arrays
    dtype: Dtype
    batch: int
    device: Device

    @property
    def residuals(self) -> tuple[Any, ...]:
        """The inputs that the epilogue adds: the last ones."""
        added = sum(isinstance(layer, Add) for layer in self.step.epilogue)
        return self.inputs[len(self.inputs) - added :]
