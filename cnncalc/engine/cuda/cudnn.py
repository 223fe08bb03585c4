"""The row of the CUDA table that is cuDNN's: every convolution of images and every linear layer.

Binding a step asks cuDNN for all plans of its graph, times them on the device (`autotune`), and
keeps the fastest. There are two ways: *fused*, one graph for everything; and *unfused*, a graph for
the convolution alone and one for what comes behind it, with an image between them in the workspace.
"""

from collections.abc import Callable, Iterator
from functools import partial
from math import prod
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from ..machine import cache_folder
from ..plan import Cost, Kernel, Step
from .arrays import STORAGE, Arrays, Dtype
from .autotune import Candidate, Clock, tuned
from .bound import Bound, Call, CannotBind, Launch, Workspace
from .choice import nanoseconds
from .cudnn_graph import ALIGNMENT, BIAS, RESIDUAL, WEIGHT, Lies, Pattern, X, Y, can_run, pattern
from .cudnn_plans import Plan, Proposals, refusals
from .cudnn_plans import frontend as load_frontend
from .device import Device, first_line

#: Bytes of workspace that a plan may use. The first proposal for VGG-16 can ask for 6.6 GB.
MOST_WORKSPACE = 256 << 20
#: Part of the key of what is stored: another number forgets all choices.
GENERATION = 1

#: The handle of each program's stream.
_HANDLES: WeakKeyDictionary[Arrays, Any] = WeakKeyDictionary()


def cost(step: Step) -> Cost:
    """Less than a product on our own kernels, more than a depthwise convolution on them."""
    return Cost(step.macs, step.traffic + step.weights, 1)


def kernels(
    dtype: Dtype,
    device: Device,
    clock: Callable[[Arrays, Call, float], float] = nanoseconds,
    frontend: Callable[[], Any] = load_frontend,
    folder: Callable[[], Path] = lambda: cache_folder() / "cuda",
) -> tuple[Kernel, ...]:
    """The rows of the table. ``clock`` says how long calls take, ``frontend`` gives the module of
    cuDNN's frontend, ``folder`` is where choices are kept."""

    def bind(bound: Bound) -> Call:
        return bind_to(bound, frontend(), partial(clock, bound.xp), folder())

    return (Kernel("cudnn", "direct", can_run, cost, bind, layout="nhwc"),)


def bind_to(bound: Bound, cudnn: Any, clock: Clock, folder: Path) -> Launch:
    """The fastest plan for a step. Raises CannotBind if there is none."""
    wanted = pattern(
        bound.step, bound.dtype, tuple(map(lies, bound.inputs)), lies(bound.outputs[0])
    )
    arrays = operands(bound, wanted)
    addresses = {number: bound.xp.pointer(array) for number, array in arrays.items()}
    if any(address % ALIGNMENT for address in addresses.values()):
        raise CannotBind(f"cuDNN wants addresses that are multiples of {ALIGNMENT}")
    ways = Ways(cudnn, handle(cudnn, bound.xp), wanted, addresses)
    key = str((GENERATION, identity(cudnn, bound.device), MOST_WORKSPACE, wanted))
    call, choice = tuned(ways.candidates, clock, key, folder, bound.workspace)

    def launch(keeps: object = arrays) -> None:
        call()

    return Launch(launch, f"cuDNN {choice}; {getattr(call, 'describe', '')}")


def lies(array: Any) -> Lies:
    return Lies(array.shape, tuple(stride // array.itemsize for stride in array.strides))


def operands(bound: Bound, wanted: Pattern) -> dict[int, Any]:
    """The arrays that a graph runs on. The bias is brought to the type of the images."""
    arrays = {
        X: lambda: bound.inputs[0],
        WEIGHT: lambda: bound.weights["weight"],
        RESIDUAL: lambda: bound.inputs[1],
        BIAS: lambda: bound.xp.narrow(bound.weights["bias"]),
        Y: lambda: bound.outputs[0],
    }
    return {number: arrays[number]() for number in wanted.operands}


def handle(cudnn: Any, xp: Arrays) -> Any:
    """cuDNN's handle for the stream of a program; there is one for each."""
    if xp not in _HANDLES:
        try:
            _HANDLES[xp] = cudnn.create_handle()
            cudnn.set_stream(_HANDLES[xp], xp.stream)
        except refusals(cudnn) as error:
            raise CannotBind(f"cuDNN does not start: {first_line(error)}") from None
    return _HANDLES[xp]


def identity(cudnn: Any, device: Device) -> tuple[object, ...]:
    """What else a choice depends on: the GPU, its driver, cuDNN."""
    versions = cudnn.backend_version(), cudnn.__version__
    return device.name, device.capability, device.multiprocessors, device.driver, *versions


class Ways(NamedTuple):
    """The plans that can run a pattern on the operands at ``addresses``."""

    cudnn: Any
    handle: Any
    pattern: Pattern
    addresses: dict[int, int]

    def candidates(self) -> Iterator[Candidate]:
        ways = {"fused": self.fused, "unfused": self.unfused}
        for way, plans in ways.items():
            if way == "fused" or self.pattern.fused:
                try:
                    for name, make in plans():
                        yield Candidate(way, name, make)
                except CannotBind as error:
                    yield Candidate(way, "", partial(refuse, error))

    def proposals(self, pattern: Pattern) -> Proposals:
        return Proposals(self.cudnn, pattern, handle=self.handle)

    def fused(self) -> Iterator[tuple[str, Callable[[Workspace], Call]]]:
        proposals = self.proposals(self.pattern)
        for plan in proposals:
            yield plan.name, partial(self.one, proposals, plan)

    def unfused(self) -> Iterator[tuple[str, Callable[[Workspace], Call]]]:
        room = MOST_WORKSPACE - self.image_bytes()
        if room < 0:  # then it is large, and writing and reading it once more is slow anyway
            raise CannotBind("there is no room in the workspace for the image between two graphs")
        first, second = map(self.proposals, self.pattern.split())
        behind = second.first(room)
        for plan in first:
            name = f"{plan.name} + {behind.name}"
            yield name, partial(self.two, (first, plan), (second, behind))

    def one(self, proposals: Proposals, plan: Plan, workspace: Workspace) -> Call:
        """A graph for everything."""
        needed = proposals.finish(plan, MOST_WORKSPACE)
        workspace.reserve(needed)

        def launch() -> None:
            pointer = workspace.pointer if needed else 0
            proposals.run(plan, self.addresses, pointer, self.handle)

        return Launch(launch, f"workspace {needed:,} B")

    def two(
        self,
        first: tuple[Proposals, Plan],
        second: tuple[Proposals, Plan],
        workspace: Workspace,
    ) -> Call:
        """A graph for the convolution and one for the rest. In the workspace, the image between
        them comes first, then what the plans need, one after the other."""
        image = self.image_bytes()
        room = MOST_WORKSPACE - image
        needed = max(proposals.finish(plan, room) for proposals, plan in (first, second))
        workspace.reserve(image + needed)
        alone, rest = (
            {number: self.addresses[number] for number in pattern.operands}
            for pattern in self.pattern.split()
        )

        def launch() -> None:
            between = workspace.pointer
            alone[Y] = rest[X] = between
            for (proposals, plan), operands in ((first, alone), (second, rest)):
                proposals.run(plan, operands, between + image, self.handle)

        return Launch(launch, f"workspace {image + needed:,} B")

    def image_bytes(self) -> int:
        """Of an output in the workspace, up to the next multiple of 256."""
        width = np.dtype(STORAGE[self.pattern.dtype]).itemsize
        return -(-prod(self.pattern.y.shape) * width // 256) * 256


def refuse(error: CannotBind, workspace: Workspace) -> Call:
    raise error
