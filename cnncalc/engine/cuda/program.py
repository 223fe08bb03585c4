"""A plan bound to a device's memory: one arena, a call for each step, and graphs of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import Any

from ...graph import Input, Value
from ..layout import Tensor
from ..plan import Kernel, Plan, Step
from ..weights import Array
from ..weights import Arrays as Weights
from .arrays import Arrays
from .bound import Bound, Call, Workspace, capturable
from .choice import choose
from .device import Device

#: Passes that are queued at most before the steps of one are timed.
MOST_AHEAD = 256


class Program:
    """``inputs`` and ``outputs`` are windows on the device, in the order of the graph's.

    Inputs have memory of their own, so that a pass can begin again without a copy; what the plan
    has reserved for them in the arena is not used while they live.
    """

    def __init__(
        self,
        plan: Plan,
        arrays: Iterable[Weights],
        batch: int,
        xp: Arrays,
        device: Device,
        able: Callable[[Step], Sequence[Kernel]],
        *,
        contest: bool = False,
    ) -> None:
        """``able``: the rows of the table that can run a step, the preferred one first.
        ``contest``: the fastest of them runs it."""
        self.plan = plan
        self.batch = batch
        self.xp = xp
        self.device = device
        self.workspace = Workspace(xp)
        #: Steps that run outside graphs, and why.
        self.eager: dict[str, str] = {}
        #: Steps whose planned row could not run them, and why.
        self.fallen_back: dict[str, str] = {}
        #: The rows that run the steps.
        self.kernels: list[Kernel] = []
        self.steps: list[tuple[Bound, Call]] = []
        #: How many graphs a pass is.
        self.graphs = 0
        graph = plan.fused.graph
        sources = [
            plan.tensors[Value(node.index)] for node in graph.nodes if isinstance(node.layer, Input)
        ]
        with xp.current():
            self.arena = xp.zeros(batch * plan.arena_values)
            #: What the slots of inputs are, instead of a part of the arena.
            self.apart = {
                one.slot: xp.zeros(batch * plan.slots[one.slot].values) for one in sources
            }
            self.inputs = tuple(map(self.window, sources))
            self.outputs = tuple(self.window(plan.tensors[value]) for value in graph.outputs)
            for step, given in zip(plan.steps, arrays, strict=True):
                bound = self.bound(step, given)
                kernel, call, refused = choose(bound, able(step), contest=contest)
                self.kernels.append(kernel)
                self.steps.append((bound._replace(weights={}), call))  # a call keeps what it reads
                if refused:
                    self.fallen_back[step.name] = "; ".join(refused)
            for _, call in self.steps:  # what is made at a first launch must not be in a graph
                call()
            xp.synchronize()
            self.launches = list(self.captured())

    def window(self, tensor: Tensor) -> Any:
        """A tensor as an array [N, *shape]."""
        slot, lies = self.plan.slots[tensor.slot], tensor.lies
        row, start = self.apart.get(tensor.slot), lies.offset
        if row is None:
            row, start = self.arena, start + self.batch * slot.offset
        return self.xp.window(row, start, (self.batch, *lies.shape), (slot.values, *lies.strides))

    def bound(self, step: Step, given: Weights) -> Bound:
        """A step with its arrays."""
        return Bound(
            step=step,
            inputs=tuple(map(self.window, step.inputs)),
            outputs=tuple(map(self.window, step.outputs)),
            weights={name: self.weight(step, name, array) for name, array in given.items()},
            workspace=self.workspace,
            xp=self.xp,
            dtype=self.xp.dtype,
            batch=self.batch,
            device=self.device,
        )

    def weight(self, step: Step, name: str, array: Array) -> Any:
        """An array of a step's as `Bound.weights` has it."""
        if name != "weight" or not step.macs:
            return self.xp.put(array, storage=False)
        stored = self.xp.put(array)
        return self.xp.channels_last(stored) if array.ndim == 4 else stored

    def captured(self) -> Iterator[Call]:
        """Launches of a pass: a graph for each run of calls that are fit for one."""
        for fit, group in groupby(self.steps, lambda pair: capturable(pair[1])):
            pairs = list(group)
            calls = [call for _, call in pairs]
            reason = "its call is not fit for a graph"
            if fit:
                try:
                    launch = self.xp.capture(calls)
                except RuntimeError as error:  # CUDA's own errors are such
                    reason = f"cannot be captured: {error}"
                else:
                    self.graphs += 1
                    yield launch
                    continue
            self.eager |= {bound.step.name: reason for bound, _ in pairs}
            yield self.one_by_one(calls)

    def one_by_one(self, calls: Sequence[Call]) -> Call:
        def launch() -> None:
            with self.xp.current():
                for call in calls:
                    call()

        return launch

    def load(self, *images: Array) -> None:
        """Copy the network's inputs, NumPy's [N, *shape] each, to the device."""
        with self.xp.current():
            for place, image in zip(self.inputs if images else (), images, strict=True):
                place[...] = self.xp.put(image)

    def launch(self) -> None:
        """Launch one pass on what was loaded last, and do not wait for it."""
        for launch in self.launches:
            launch()

    def results(self) -> tuple[Array, ...]:
        """The network's outputs, copied to the host as float32 when all is done."""
        with self.xp.current():
            self.xp.synchronize()
            return tuple(map(self.xp.get, self.outputs))

    def run(self, *images: Array) -> tuple[Array, ...]:
        """Load, launch, and the results. Without images, on those given last."""
        self.load(*images)
        self.launch()
        return self.results()

    def time_steps(self, *images: Array) -> list[int]:
        """One pass without graphs, between events; the nanoseconds of each step.

        Whole passes are queued before it, so many that the device is still at work on them when
        the host has launched the last step: then no step waits for the host.
        """
        self.load(*images)
        ahead = 1
        with self.xp.current():
            while True:
                for _ in range(ahead):
                    self.launch()
                marks = [self.xp.mark()]
                for _, call in self.steps:
                    call()
                    marks.append(self.xp.mark())
                late = self.xp.happened(marks[0])
                self.xp.synchronize()
                if not late or ahead >= MOST_AHEAD:
                    return [self.xp.nanoseconds(*pair) for pair in pairwise(marks)]
                ahead *= 4

    def close(self) -> None:
        """Give all memory back to the device."""
        with self.xp.current():
            self.xp.synchronize()
            self.steps, self.launches = [], []
            self.arena, self.inputs, self.outputs = None, (), ()
            self.apart, self.workspace = {}, Workspace(self.xp)
            self.xp.release()
