"""The row of the CUDA table that is cuDNN's: every convolution of images and every linear layer.

Binding a step asks cuDNN for all plans of its graph, times them on the device (`autotune`), and
keeps the fastest. There are two ways: *fused*, one graph for everything; and *unfused*, a graph for
the convolution alone and one for what comes behind it, with an image between them in the workspace.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from math import prod
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from ..machine import cache_folder
from ..plan import Cost, Kernel, Step
from . import cudnn_graph as graphs
from .arrays import STORAGE, Arrays, Dtype
from .autotune import Candidate, Clock, DeviceClock, tuned
from .bound import Bound, Call, CannotBind, Launch, Workspace
from .cudnn_graph import ALIGNMENT, BIAS, RESIDUAL, WEIGHT, Lies, Pattern, Plan, X, Y
from .device import Device, first_line

#: Bytes of workspace that a plan may use. The first proposal for VGG-16 can ask for 6.6 GB.
MOST_WORKSPACE = 256 << 20
#: Plans that are compiled for a graph, at about half a second each; the best proposals first.
MOST_COMPILED = 4
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
    clock: Callable[[Arrays], Clock] = DeviceClock,
    frontend: Callable[[], Any] = graphs.frontend,
    folder: Callable[[], Path] = lambda: cache_folder() / "cuda",
) -> tuple[Kernel, ...]:
    """The rows of the table. ``clock`` says how long calls take, ``frontend`` gives the module of
    cuDNN's frontend, ``folder`` is where choices are kept."""

    def bind(bound: Bound) -> Call:
        return bind_to(bound, frontend(), clock(bound.xp), folder())

    return (Kernel("cudnn", "direct", graphs.can_run, cost, bind, layout="nhwc"),)


def bind_to(bound: Bound, cudnn: Any, clock: Clock, folder: Path) -> Launch:
    """The fastest plan for a step. Raises CannotBind if there is none."""
    wanted = graphs.pattern(
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
        except graphs.refusals(cudnn) as error:
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

    def fused(self) -> Iterator[tuple[str, Callable[[Workspace], Call]]]:
        graph = graphs.build(self.cudnn, self.pattern, handle=self.handle)
        for plan in some(graphs.plans(self.cudnn, graph)):
            yield plan.name, partial(self.one, graph, plan)

    def unfused(self) -> Iterator[tuple[str, Callable[[Workspace], Call]]]:
        alone, rest = self.pattern.split()
        first, second = (graphs.build(self.cudnn, one, handle=self.handle) for one in (alone, rest))
        behind = next(graphs.plans(self.cudnn, second), None)
        for plan in some(graphs.plans(self.cudnn, first)):
            if behind is not None:
                name = f"{plan.name} + {behind.name}"
                yield name, partial(self.two, first, plan, second, behind)

    def one(self, graph: Any, plan: Plan, workspace: Workspace) -> Call:
        """A graph for everything."""
        needed = graphs.finish(self.cudnn, graph, plan, MOST_WORKSPACE)
        workspace.reserve(needed)

        def launch() -> None:
            pointer = workspace.pointer if needed else 0
            graph.execute_plan_at_index(self.addresses, pointer, plan.number, self.handle)

        return Launch(launch, f"workspace {needed:,} B")

    def two(self, first: Any, plan: Plan, second: Any, behind: Plan, workspace: Workspace) -> Call:
        """A graph for the convolution and one for the rest. In the workspace, the image between
        them comes first, then what the plans need, one after the other."""
        image = self.image_bytes()
        room = MOST_WORKSPACE - image
        needed = max(
            graphs.finish(self.cudnn, first, plan, room),
            graphs.finish(self.cudnn, second, behind, room),
        )
        workspace.reserve(image + needed)
        alone, rest = (
            {number: self.addresses[number] for number in pattern.operands}
            for pattern in self.pattern.split()
        )

        def launch() -> None:
            between = workspace.pointer
            alone[Y] = rest[X] = between
            first.execute_plan_at_index(alone, between + image, plan.number, self.handle)
            second.execute_plan_at_index(rest, between + image, behind.number, self.handle)

        return Launch(launch, f"workspace {image + needed:,} B")

    def image_bytes(self) -> int:
        """Of an output in the workspace, up to the next multiple of 256."""
        width = np.dtype(STORAGE[self.pattern.dtype]).itemsize
        return -(-prod(self.pattern.y.shape) * width // 256) * 256


def some(plans: Iterable[Plan]) -> Iterator[Plan]:
    """All plans that need no compiler, and the first of those that do."""
    compiled = 0
    for plan in plans:
        compiled += plan.compiled
        if not plan.compiled or compiled <= MOST_COMPILED:
            yield plan


def refuse(error: CannotBind, workspace: Workspace) -> Call:
    raise error
