"""The plan: a flat list of steps, each with a kernel, and a place in one arena for every tensor.

What a backend (NumPy, native, CUDA) has to know, top to bottom:

* `fusion.fuse` has rewritten the graph: heads of training and identities are gone, batch norm is
  in the weights, activations and residual adds are epilogues (`fused.Fused`), a view that must be
  copied is a step. Values and node numbers are those of the *fused* graph, ``plan.fused.graph``.
* A `Step` is one node of it that computes something. Views (flatten, permute, split, crop) are no
  steps: they are `Tensor`s that lie in the slot of what they look at, their node's first input.
* A `Tensor` says where a value lies in its `Slot`, a stretch of the arena. Concatenation along
  the channels is an offset where it is legal: the producer writes there, and the concat has
  nothing left to do for that input (`Step.placed`).
* A `Kernel` is a row of the backend's table: can it run a step (``when``), what does it cost. The
  reference, which calls the layer's own ``forward``, is the last row and takes everything.
* `weights.folded` makes the arrays of a step from those of the network.

A backend with a layout of its own (blocked channels, halos) says in `Backend.values` how much a
tensor takes in it; slots, lifetimes and ``placed`` then hold for that layout, while the strides of
a `Tensor`, which are those of [C, H, W], are of no use to it.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, Literal, NamedTuple, Protocol

from ..analysis.facts import facts
from ..graph import Graph, Input, Node, Value
from ..layers import Layer, Shape
from .fused import body_of, epilogue_of
from .fusion import FusedGraph, fuse
from .layout import Layout, Slot, Tensor, lay_out
from .strided import Strided

Algorithm = Literal["auto", "direct", "winograd"]


class Cost(NamedTuple):
    """What a step costs with a kernel: multiply-adds as it does them, values moved to and from
    memory, and calls from Python. Costs add; ``weight`` makes one number of them."""

    products: int = 0
    moved: int = 0
    calls: int = 0

    @property
    def weight(self) -> int:
        """In multiply-adds of a plain kernel: a value moved is worth 16, a call 50,000."""
        return self.products + 16 * self.moved + 50_000 * self.calls


class Step(NamedTuple):
    """One computation. ``inputs`` are the body's, then one for each `Add` of the epilogue.

    ``node`` is that of the fused graph; ``sources`` are the nodes of the original graph that it
    stands for: the one with the body, then the ``folded`` ones, whose weights go into those of
    the body, then those of the epilogue. ``placed``: of a concat, whether each input lies in the
    output already. ``in_place``: the output is written over the first input.
    """

    node: Node
    sources: tuple[Node, ...]
    folded: int
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    placed: tuple[bool, ...]
    in_place: bool

    @property
    def body(self) -> Layer:
        return body_of(self.node.layer)

    @property
    def epilogue(self) -> tuple[Layer, ...]:
        return epilogue_of(self.node.layer)

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one image, as the calculator counts them."""
        return facts(self.node).macs

    @property
    def traffic(self) -> int:
        """Values of one image that must be read and written at least, weights apart."""
        reads = (t for t, lies in zip(self.inputs, self.placed, strict=True) if not lies)
        writes = () if self.placed and all(self.placed) else self.outputs
        return sum(prod(tensor.shape) for tensor in (*reads, *writes))

    @property
    def weights(self) -> int:
        """Learned values and buffers that the step reads, after folding."""
        known = facts(self.node)
        return known.weights + known.biases + known.buffers


class Kernel(NamedTuple):
    """A row of a backend's table. ``bind`` is the backend's own: how it makes the step run.

    ``scratch``: the values that it needs beside the arena while it runs, for a batch. All steps
    share one such stretch.
    """

    name: str
    algorithm: Literal["direct", "winograd", "reference", "none"]
    when: Callable[[Step], bool]
    cost: Callable[[Step], Cost]
    bind: Callable[..., Any]
    scratch: Callable[[Step, int], int] = lambda step, batch: 0
    layout: str = "nchw"


class Backend(Protocol):
    """What a plan must know of what will run it."""

    @property
    def name(self) -> str:
        """As reports call it."""

    @property
    def kernels(self) -> Sequence[Kernel]:
        """The table. The last row takes every step."""

    def fuses(self, body: Layer, epilogue: tuple[Layer, ...], layer: Layer) -> bool:
        """Whether one more layer can go into the epilogue of a body."""

    def values(self, fused: FusedGraph, value: Value) -> int:
        """Values of one image that a value takes in the backend's layout."""

    def placeable(self, fused: FusedGraph, concat: Node, number: int) -> bool:
        """Whether an input of a concat could be written where it belongs in the output."""

    def packing(self, shape: Shape, offset: int, channels: int) -> Strided:
        """How a tensor lies: see `strided.Packing`."""


class Program(Protocol):
    """A plan bound to arrays, by a backend's ``prepare(plan, arrays, batch, threads=…)``, where
    ``arrays`` are the folded weights of each step. Arrays are NumPy's, [N, *shape]."""

    batch: int
    plan: "Plan"
    #: In the order of the graph's inputs and outputs.
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]
    #: Steps that another backend's kernel had to run, and why.
    fallen_back: dict[str, str]

    def run(self, *images: Any) -> tuple[Any, ...]:
        """The network's outputs, valid until the next run. Without images, those given last."""

    def time_steps(self, *images: Any) -> list[int]:
        """One run; the nanoseconds of each step."""

    def close(self) -> None:
        """End what the program has started, such as threads."""


class Plan(NamedTuple):
    """Everything that is decided before anything runs. ``kernels`` go with the ``steps``.

    ``peak_values`` is the analysis' peak of the fused graph, in values of one image, with each
    concat input that lies in the output counted once; ``arena_values`` is what packing made of
    it. They are equal, or `slack` says by how much they are not.
    """

    fused: FusedGraph
    backend: str
    algorithm: Algorithm
    steps: tuple[Step, ...]
    kernels: tuple[Kernel, ...]
    tensors: dict[Value, Tensor]
    slots: tuple[Slot, ...]
    arena_values: int
    peak_values: int

    def scratch_values(self, batch: int) -> int:
        """Values of the stretch that kernels use beside the arena, one after the other."""
        needs = (k.scratch(s, batch) for k, s in zip(self.kernels, self.steps, strict=True))
        return max(needs, default=0)

    @property
    def weight_values(self) -> int:
        """Values of all folded weights."""
        return sum(step.weights for step in self.steps)

    @property
    def slack(self) -> int:
        """Values of one image by which the arena is larger than the peak; 0 but for networks on
        which all packing heuristics fail."""
        return self.arena_values - self.peak_values


def plan(graph: Graph, backend: Backend, algorithm: Algorithm = "auto") -> Plan:
    """Fuse, choose a kernel for each step, and place every tensor."""
    packing = backend.packing
    fused = fuse(graph, backend.fuses, packing)
    layout = lay_out(fused, lambda value: backend.values(fused, value), backend.placeable, packing)
    steps = tuple(
        step(fused, node, layout)
        for node in fused.graph.nodes
        if not isinstance(node.layer, Input) and facts(node).memory != "view"
    )
    return Plan(
        fused=fused,
        backend=backend.name,
        algorithm=algorithm,
        steps=steps,
        kernels=tuple(choose(one, backend.kernels, algorithm) for one in steps),
        tensors=layout.tensors,
        slots=layout.slots,
        arena_values=max((slot.offset + slot.values for slot in layout.slots), default=0),
        peak_values=layout.peak,
    )


def step(fused: FusedGraph, node: Node, layout: Layout) -> Step:
    outputs = tuple(
        layout.tensors[Value(node.index, port)] for port in range(len(node.output_shapes))
    )
    inputs = tuple(layout.tensors[value] for value in node.inputs)
    return Step(
        node=node,
        sources=fused.sources[node.index],
        folded=fused.folded[node.index],
        inputs=inputs,
        outputs=outputs,
        placed=tuple((node.index, number) in layout.placed for number in range(len(inputs))),
        in_place=facts(node).memory == "in place" and outputs[0] == inputs[0],
    )


def choose(step: Step, kernels: Sequence[Kernel], algorithm: Algorithm) -> Kernel:
    """The cheapest kernel that can run a step; the reference only if no other can.

    ``direct`` rules Winograd out, ``winograd`` prefers it wherever it can run.
    """
    *others, reference = kernels
    able = [kernel for kernel in others if kernel.when(step)]
    if algorithm == "direct":
        able = [kernel for kernel in able if kernel.algorithm != "winograd"]
    elif algorithm == "winograd":
        able = [kernel for kernel in able if kernel.algorithm == "winograd"] or able
    return min(able, key=lambda kernel: kernel.cost(step).weight, default=reference)
