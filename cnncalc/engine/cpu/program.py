"""A plan bound to memory, as a step table: the native layout's counterpart of NumPy's program.

A batch runs some images at a time, all through the network, in an arena for so many: what a step
writes is still in the caches when the next one reads it (`waves`).
"""

from collections.abc import Callable, Iterable
from functools import partial
from math import prod
from time import perf_counter_ns
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...graph import Input, Value
from ..plan import Plan, Step, choose
from ..weights import Arrays
from .blocked import Blocked, blocked, read, write, zero_halo_of
from .compile import KernelFailed, Target, loader
from .ends import enter, enters_as_vectors, leave
from .forms import Forms
from .geometry import fused_pool
from .hazards import Hazards, Stretch
from .ir import LANES
from .lower import Lowering
from .memory import Memory, aligned
from .numpy_bound import Bound, Call
from .numpy_kernels import KERNELS as NUMPY_KERNELS
from .sweep import Machine, zero_halo
from .table import Group, table
from .threads import Crew, processors

Floats = NDArray[Any]


class Part(NamedTuple):
    """What runs a step, or several: groups for the table, or a call into NumPy."""

    steps: tuple[int, ...]
    groups: tuple[Group, ...]
    call: Call | None = None


class NativeProgram:
    """``fallen_back`` names the steps that NumPy runs, with the reason. ``inputs`` and ``outputs``
    are arrays of their own, of the whole batch."""

    def __init__(
        self,
        plan: Plan,
        forms: Forms,
        machine: Machine,
        target: Target,
        arrays: Iterable[Arrays],
        batch: int,
        images: int,
        threads: int = 0,
    ) -> None:
        """``images``: how many of the batch run at a time; they divide it."""
        self.plan = plan
        self.batch = batch
        self.images = images
        self.threads = threads or processors()
        self.forms = forms
        self.graph = plan.fused.graph
        self.input_values = [Value(n.index) for n in self.graph.nodes if isinstance(n.layer, Input)]
        self.arena: Floats = aligned(np, plan.arena_values * images)
        self.arena[:] = 0
        self.memory = Memory(np)
        self.zeros = self.memory.floats(np.zeros(LANES))
        #: Values that lie nowhere in the arena: NumPy steps' outputs in layouts of their own.
        self.strays: dict[Value, Floats] = {}
        self.fallen_back: dict[str, str] = {}
        self.hazards = Hazards()
        self.hazards.must_wait((), map(self.stretch, self.input_values))
        self.loader = loader(target)
        self.crew = Crew(np, self.threads)
        machine = machine._replace(threads=self.threads)
        lowering = Lowering(forms, machine, images, self.memory, self.locate)
        given = iter(arrays)  # each is packed, and gone before the next is made
        parts = [
            self.part(number, step, kernel.bind, lowering, next(given))
            for number, (step, kernel) in enumerate(zip(plan.steps, plan.kernels, strict=True))
        ]
        self.steps = [self.bound((part,)) for part in parts]
        self.input_values = [Value(n.index) for n in self.graph.nodes if isinstance(n.layer, Input)]
        self.inputs = tuple(self.apart(value) for value in self.input_values)
        self.outputs = tuple(self.apart(value) for value in self.graph.outputs)
        #: For each wave of images, the calls that bring them in, run all steps, and bring out.
        self.waves = [
            [self.bound(run) for run in runs([*self.loads(n, machine), *parts, self.store(n)])]
            for n in range(0, batch, images)
        ]
        self.entering = [
            [self.bound((part,)) for part in self.loads(n, machine)]
            for n in range(0, batch, images)
        ]

    def close(self) -> None:
        """End the threads."""
        self.crew.close()

    # where values lie

    def start(self, value: Value) -> tuple[int, int]:
        """The address of a value's memory, and the bytes from an image to the next."""
        tensor = self.plan.tensors[value]
        slot = self.plan.slots[tensor.slot]
        floats = self.images * slot.offset + tensor.lies.offset
        return self.arena.ctypes.data + 4 * floats, 4 * slot.values

    def locate(self, value: Value) -> Blocked:
        """Where a value that has a place lies."""
        place, shape = self.forms.place(value), self.forms.image(value)
        assert place is not None
        assert shape is not None
        root = self.forms.image(place.value)
        assert root is not None
        address, image = self.start(place.value)
        halo, lanes = self.forms.halo(place.value), self.forms.lanes(place.value)
        whole = blocked(address, root, halo, image, lanes)
        return whole._replace(address=whole.at(0, 0, place.block), channels=shape[0])

    def apart(self, value: Value) -> Floats:
        """An array of its own for a value of the whole batch, [N, *shape]."""
        shape = self.batch, *self.graph.shape(value)
        array: Floats = aligned(np, prod(shape)).reshape(shape)
        array[...] = 0
        return array

    def array(self, value: Value) -> Floats:
        """A value as an array [N, *shape]; a copy, unless it lies plainly."""
        if value in self.strays:
            return self.strays[value]
        shape = self.graph.shape(value)
        if self.forms.place(value) is None:
            node = self.graph.nodes[value.node]
            inputs = tuple(map(self.array, node.inputs))
            result: Floats = node.layer.forward(np, inputs, {})[value.port]
            return result
        if self.forms.image(value) is not None:
            found: Floats = read(np, self.arena, self.locate(value), self.images)
            return found.reshape(self.images, *shape)
        return self.plain(value)

    def plain(self, value: Value) -> Floats:
        """The window into the arena of a value that lies plainly."""
        address, image = self.start(value)
        first = (address - self.arena.ctypes.data) // 4
        rows = np.lib.stride_tricks.as_strided(
            self.arena[first:], (self.images, prod(self.graph.shape(value))), (image, 4)
        )
        return rows.reshape(self.images, *self.graph.shape(value))

    def put(self, value: Value, array: Floats) -> None:
        """Store a value that NumPy computed, with zeros around it."""
        image = self.forms.image(value)
        if self.forms.place(value) is None:
            self.strays[value] = array
        elif image is not None:
            tensor = self.locate(value)
            zero_halo_of(np, self.arena, tensor, self.images)
            write(np, self.arena, tensor, array.reshape(self.images, *image))
        else:
            address, stride = self.start(value)
            first = (address - self.arena.ctypes.data) // 4
            rows = np.lib.stride_tricks.as_strided(
                self.arena[first:], (self.images, array[0].size), (stride, 4)
            )
            rows[:] = array.reshape(self.images, -1)

    # what runs

    def part(
        self,
        number: int,
        step: Step,
        lower: Callable[[Lowering, Step, Arrays], list[Group]] | None,
        lowering: Lowering,
        arrays: Arrays,
    ) -> Part:
        """A step as groups of the table; as a call into NumPy if it has no kernel here."""
        reason = "no native kernel"
        if lower is not None:
            try:
                groups = lower(lowering, step, arrays)
                self.loader.load(task.kernel for group in groups for task in group.tasks)
                if groups:
                    target = lowering.locate(Value(step.node.index))
                    groups = zero_halo(target, self.images, self.zeros) + groups
                    self.loader.load(task.kernel for group in groups for task in group.tasks)
                    waits = self.must_wait(step) or groups[0].barrier
                    groups[0] = groups[0]._replace(barrier=waits)
                return Part((number,), tuple(groups))
            except KernelFailed as failed:
                reason = str(failed)
        self.fallen_back[step.name] = reason
        return Part((number,), (), self.numpy_call(step, arrays))

    def must_wait(self, step: Step) -> bool:
        """Whether a step touches what steps before it may still be at work on."""
        reads = [self.stretch(v) for v, lies in zip(step.node.inputs, step.placed, strict=True)
                 if not lies]  # fmt: skip
        return self.hazards.must_wait(reads, [self.stretch(Value(step.node.index))])

    def stretch(self, value: Value) -> Stretch:
        """The part of the arena in which a value lies, its halo included."""
        slot = self.plan.slots[self.plan.tensors[value].slot]
        whole = Stretch(slot.offset, slot.offset + slot.values, 0, 4 * slot.values)
        place = self.forms.place(value)
        if place is None or self.forms.image(value) is None:
            return whole
        tensor = self.locate(value)
        low = tensor.address - self.arena.ctypes.data - 4 * self.images * slot.offset
        return whole._replace(low=low, high=low + tensor.blocks * tensor.block)

    def numpy_call(self, step: Step, arrays: Arrays) -> Call:
        """A call that runs a step by a kernel of the NumPy backend, on arrays of its own."""
        node = step.node
        alone = step._replace(in_place=False, placed=(False,) * len(node.inputs))
        inputs = tuple(
            np.zeros((self.images, *self.graph.shape(value)), np.float32) for value in node.inputs
        )
        outputs = tuple(np.zeros((self.images, *shape), np.float32) for shape in node.output_shapes)
        able = NUMPY_KERNELS[-1:] if fused_pool(node) else NUMPY_KERNELS  # NumPy fuses no pooling
        kernel = choose(alone, able, "auto")
        scratch = np.zeros(kernel.scratch(alone, self.images), np.float32)
        call = kernel.bind(Bound(alone, inputs, outputs, arrays, scratch))

        def run() -> None:
            for place, value in zip(inputs, node.inputs, strict=True):
                np.copyto(place, self.array(value))
            call()
            for port, output in enumerate(outputs):
                self.put(Value(node.index, port), output)

        return run

    def bound(self, parts: tuple[Part, ...]) -> Call:
        """A call that runs parts: one of NumPy, or a table of all their groups."""
        if parts[0].call is not None:
            return parts[0].call
        groups = [group for part in parts for group in part.groups]
        if not groups:
            return lambda: None
        addresses = self.loader.load(task.kernel for group in groups for task in group.tasks)
        rows, units = table(np, groups, addresses)
        address = self.memory.words(rows)
        return lambda: self.crew.run(address, units)

    def loads(self, first: int, machine: Machine) -> list[Part]:
        """What brings a wave of images into the layout of the first steps."""
        parts = []
        for value, given in zip(self.input_values, self.inputs, strict=True):
            some = given[first : first + self.images]
            if self.forms.image(value) and enters_as_vectors(self.locate(value)):
                groups = enter(
                    self.memory, machine, some.ctypes.data, self.locate(value), self.images
                )
                parts.append(Part((), tuple(groups)))
            else:
                parts.append(Part((), (), partial(self.put, value, some)))
        return parts

    def store(self, first: int) -> Part:
        """What brings the results of a wave of images out."""
        moves: list[tuple[Floats, Floats]] = []
        rest: list[tuple[Floats, Value]] = []
        for value, result in zip(self.graph.outputs, self.outputs, strict=True):
            some = result[first : first + self.images]
            if self.forms.place(value) is not None and self.forms.image(value) is not None:
                moves += leave(np, self.arena, self.locate(value), self.images, some)
            else:
                rest.append((some, value))

        def call() -> None:
            for target, window in moves:
                np.copyto(target, window)
            for target, value in rest:
                np.copyto(target, self.array(value))

        return Part((), (), call)

    def run(self, *images: Floats) -> tuple[Floats, ...]:
        """The network's outputs, valid until the next run. Without images, those given last, or
        written to ``inputs``."""
        self.give(images)
        with np.errstate(over="ignore", under="ignore"):
            for wave in self.waves:
                for call in wave:
                    call()
        return self.outputs

    def give(self, images: tuple[Floats, ...]) -> None:
        for place, image in zip(self.inputs if images else (), images, strict=True):
            np.copyto(place, image)

    def time_steps(self, *images: Floats) -> list[int]:
        """One run, step by step; the nanoseconds of each."""
        self.give(images)
        times = [0] * len(self.steps)
        with np.errstate(over="ignore", under="ignore"):
            for entering in self.entering:
                for call in entering:
                    call()
                for number, call in enumerate(self.steps):
                    before = perf_counter_ns()
                    call()
                    times[number] += perf_counter_ns() - before
        return times


def runs(parts: list[Part]) -> list[tuple[Part, ...]]:
    """Neighbouring steps of the table together; calls alone."""
    found: list[tuple[Part, ...]] = []
    for part in parts:
        if found and part.call is None and found[-1][0].call is None:
            found[-1] += (part,)
        else:
            found.append((part,))
    return found
