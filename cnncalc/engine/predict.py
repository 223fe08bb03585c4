"""The least time of each step on this machine, by the roofline: nothing of the network runs."""

from collections.abc import Sequence
from importlib.util import find_spec
from math import prod
from typing import Any, NamedTuple

from ..analysis.cost import cost
from ..analysis.measurements import Ceilings, Machine, bound
from ..analysis.prediction import Least, LeastTime, Prediction
from ..graph import Graph, Input, Node, Value
from .backends import choose_backend
from .fits import WIDTH
from .fusion import FusedGraph, fuses_pointwise
from .plan import Cost, Kernel, Step, plan
from .strided import packed


class AnyEngine:
    """The fusions of any engine: activations and sums go with what makes their input. For
    machines without NumPy, on which none of ours runs."""

    name = None
    kernels = (Kernel("any", "none", lambda step: True, lambda step: Cost(), bind=tuple),)
    fuses = staticmethod(fuses_pointwise)
    packing = staticmethod(packed)

    def values(self, fused: FusedGraph, value: Value) -> int:
        return prod(fused.graph.shape(value))

    def placeable(self, fused: FusedGraph, concat: Node, number: int) -> bool:
        return True


class Work(NamedTuple):
    """What a step does for a batch: floating-point operations, and bytes from and to memory if
    each input, output and weight is moved once."""

    flops: int
    bytes: int

    @property
    def intensity(self) -> float:
        """FLOPs for each byte."""
        return self.flops / self.bytes if self.bytes else 0.0


def work(step: Step, batch: int, width: int = WIDTH) -> Work:
    """What a step does with values of so many bytes."""
    return Work(batch * cost(step.node).flops, width * (batch * step.traffic + step.weights))


def predict(
    graph: Graph, machine: Machine, limits: Ceilings, *, source: str | None = None, batch: int = 1
) -> Prediction:
    """The least times of a network's steps, fused as `cnncalc bench` would fuse them here."""
    backend = engine()
    planned, said = plan(graph, backend), list[str]()
    steps = {step.name: least_time(step, batch, limits) for step in planned.steps}
    if any(kernel.algorithm == "winograd" for kernel in planned.kernels):
        said.append(
            "FLOPs are those of direct convolution; Winograd, which the engine has for some of "
            "these steps, does the same with fewer and can take less than the bound"
        )
    return Prediction(
        name=graph.name,
        source=source,
        inputs={n.name: n.output_shapes[0] for n in graph.nodes if isinstance(n.layer, Input)},
        batch=batch,
        dtype="float32",
        engine=backend.name,
        machine=machine,
        ceilings=limits,
        notes=tuple(said),
        layers=steps,
        totals=totals(list(steps.values()), batch),
    )


def engine() -> Any:
    """The backend whose fusions count."""
    return AnyEngine() if find_spec("numpy") is None else choose_backend("auto", "auto")[0]


def least_time(step: Step, batch: int, limits: Ceilings) -> LeastTime:
    done, output = work(step, batch), step.outputs[0]
    least, by = bound(limits, done.flops, done.bytes)
    return LeastTime(
        label=step.node.layer.label(),
        layers=tuple(node.name for node in step.sources),
        output=output.shape,
        macs=batch * step.macs,
        flops=done.flops,
        bytes=done.bytes,
        intensity=done.intensity,
        bound_milliseconds=least * 1e3,
        bound_by=by,
    )


def totals(steps: Sequence[LeastTime], batch: int) -> Least:
    def milliseconds(by: str) -> float:
        return sum(step.bound_milliseconds for step in steps if step.bound_by == by)

    compute, memory = milliseconds("compute"), milliseconds("memory")
    return Least(
        steps=len(steps),
        macs=sum(step.macs for step in steps),
        flops=sum(step.flops for step in steps),
        bytes=sum(step.bytes for step in steps),
        bound_milliseconds=compute + memory,
        compute_milliseconds=compute,
        memory_milliseconds=memory,
        images_per_second=1e3 * batch / (compute + memory),
    )
