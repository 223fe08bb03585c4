"""cuDNN's plans for a graph: what it proposes, which of it may be used, building and running it.

It needs a handle for the device that is current; or, to see which plans there are for a device
that is only described, nothing at all.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from .arrays import Dtype
from .bound import CannotBind
from .cudnn_graph import Pattern, describe
from .device import first_line

#: Names of `cudnn.numerical_note`: what plans must not do. Strict float32 has no tensor cores.
#: In 16 bits, sums are float32's, and Winograd's transformed inputs would be rounded too often.
FORBIDDEN: dict[Dtype, tuple[str, ...]] = {
    "float32": ("TENSOR_CORE", "DOWN_CONVERT_INPUTS", "WINOGRAD_TILE_13x13"),
    "tf32": ("WINOGRAD_TILE_13x13",),
    "float16": ("REDUCED_PRECISION_REDUCTION", "WINOGRAD"),
    "bfloat16": ("REDUCED_PRECISION_REDUCTION", "WINOGRAD"),
}
#: The oldest cuDNN that is known to have these graphs: 9.11.
LEAST_CUDNN = 91100
#: Plans that are compiled for a graph, at about half a second each; the best proposals first.
MOST_COMPILED = 4


class Plan(NamedTuple):
    """One of the plans that cuDNN proposes for a graph. ``name`` says its engine and knobs, and
    is the same in every process. ``compiled``: its kernel is compiled when it is built, which
    takes about half a second."""

    number: int
    name: str
    compiled: bool


class Proposals:
    """cuDNN's plans for a pattern.

    ``place``: ``handle`` for the device that is current; or ``device_property`` and ``sm_version``
    for one that is described. Raises CannotBind if there is no proposal.
    """

    def __init__(self, cudnn: Any, wanted: Pattern, **place: Any) -> None:
        self.cudnn = cudnn
        self.compiled = 0
        try:
            self.graph = describe(cudnn, wanted, place)
            self.graph.validate()
            self.graph.build_operation_graph()
            modes, notes = cudnn.heur_mode, cudnn.numerical_note
            self.graph.create_execution_plans([modes.A, modes.B, modes.FALLBACK])
            forbidden = [getattr(notes, name) for name in FORBIDDEN[wanted.dtype]]
            self.graph.deselect_numeric_notes(forbidden)
        except refusals(cudnn) as error:
            raise CannotBind(f"cuDNN has no plan: {first_line(error)[:120]}") from None

    def __iter__(self) -> Iterator[Plan]:
        """Those first that cuDNN's heuristics like best; some cannot be built. None that wants a
        compiler once `MOST_COMPILED` are built."""
        graph, late, known = self.graph, self.cudnn.behavior_note.RUNTIME_COMPILATION, set[str]()
        for number in range(graph.get_execution_plan_count()):
            name = graph.get_plan_name_at_index(number)
            if name in known or not name.startswith("eng"):
                continue  # the frontend's own engines, in Python, have other names
            known.add(name)
            compiled = late in graph.get_behavior_notes_for_plan_at_index(number)
            if not compiled or self.compiled < MOST_COMPILED:
                yield Plan(number, name, compiled)

    def finish(self, plan: Plan, limit: int) -> int:
        """Build a plan, so that it can run; the bytes of workspace that it needs.

        Raises CannotBind if it cannot be built, computes otherwise than the dtype says, or needs
        more than ``limit`` bytes.
        """
        try:
            self.graph.build_plan_at_index(plan.number)
            needed = int(self.graph.get_workspace_size_plan_at_index(plan.number))
        except refusals(self.cudnn) as error:
            raise CannotBind(f"{plan.name}: {first_line(error)[:120]}") from None
        self.compiled += plan.compiled
        if needed > limit:
            raise CannotBind(f"{plan.name} needs {needed:,} bytes of workspace, allowed: {limit:,}")
        return needed

    def first(self, limit: int) -> Plan:
        """The first plan that can be built. Raises CannotBind, with a reason, if none can."""
        reason = CannotBind("cuDNN has no plan")
        for plan in self:
            try:
                self.finish(plan, limit)
            except CannotBind as error:
                reason = error
            else:
                return plan
        raise reason

    def run(self, plan: Plan, operands: dict[int, int], workspace: int, handle: Any) -> None:
        """Launch a plan that was finished, on the stream of the handle, with addresses."""
        self.graph.execute_plan_at_index(operands, workspace, plan.number, handle)


@cache
def frontend() -> Any:
    """The module of cuDNN's frontend. Raises CannotBind if it, or cuDNN, cannot be used.

    cuDNN's own search does not find NVRTC among Python packages, so that is loaded first.
    """
    try:
        from cuda import pathfinder

        pathfinder.load_nvidia_dynamic_lib("nvrtc")
        import cudnn

        version = int(cudnn.backend_version())
    except (ImportError, OSError, RuntimeError) as error:
        raise CannotBind(f"cuDNN cannot be used: {first_line(error)}") from None
    if version < LEAST_CUDNN:
        raise CannotBind(f"cuDNN is too old: {version}, needed is {LEAST_CUDNN} or later")
    return cudnn


def refusals(cudnn: Any) -> tuple[type[Exception], ...]:
    """What the frontend raises for graphs and plans that cuDNN does not have."""
    return RuntimeError, ValueError, NotImplementedError, cudnn.cudnnGraphNotSupportedError
