"""Whether a network fits in memory, before anything is allocated."""

from math import prod
from typing import Any, NamedTuple

from ..graph import Input
from ..units import mebibytes
from .machine import free_memory
from .plan import Plan

#: Bytes of a value of float32, which the CPU computes in.
WIDTH = 4
#: Values of an array that goes back to the system when it is freed: 32 MiB (mallopt(3),
#: M_MMAP_THRESHOLD). Smaller ones leave holes among what is kept.
RETURNED = 8 << 20
#: Of another engine in a comparison: copies of the weights, and of what a batch takes.
COPIES = 3


class TooLarge(ValueError):
    """A network that does not fit in memory; nothing was allocated."""


class Footprint(NamedTuple):
    """What a backend takes: its ``footprint(plan, batch, threads)``.

    ``images``: how many of a batch the arena is for, if they do not run all at once. ``weights``:
    values that each step keeps, as it packs them. ``copied``: whether these are not the arrays
    that it was given. ``scratch``: values that are really touched. ``fixed``: bytes of what does
    not depend on the network.
    """

    images: int
    weights: tuple[int, ...]
    copied: bool
    scratch: int
    fixed: int


class Need(NamedTuple):
    """Bytes at the worst moment, and what of them is the batch's."""

    weights: int
    arena: int
    scratch: int
    others: int

    @property
    def total(self) -> int:
        return sum(self)


def need(
    planned: Plan,
    footprint: Footprint,
    batch: int,
    *,
    from_file: bool = False,
    others: int = 0,
    width: int = WIDTH,
) -> Need:
    """Bytes that a benchmark of one batch size takes at its worst moment.

    ``others``: engines to compare with, each with copies of everything. ``width``: bytes of a
    value.
    """
    weights = most_weights(planned, footprint) + planned.weight_values * from_file
    arena, graph = footprint.images * planned.arena_values, planned.fused.graph
    inputs = (node.output_shapes[0] for node in graph.nodes if isinstance(node.layer, Input))
    ends = sum(map(prod, (*inputs, *map(graph.shape, graph.outputs))))
    return Need(
        weights=width * weights,
        arena=width * arena,
        scratch=width * (footprint.scratch + 2 * batch * ends) + footprint.fixed,
        others=width * others * (COPIES * planned.weight_values + 2 * batch * planned.arena_values),
    )


def most_weights(planned: Plan, footprint: Footprint) -> int:
    """Values of weights at the worst moment.

    Arrays are made step by step (`weights.Folded`): the plain ones of a step stand beside what is
    packed so far, and where batch norm is folded into them there are two more, before and after.
    What was not `RETURNED` stays with the process until the end.
    """
    packed, most, hole = 0, 0, 0
    for step, values in zip(planned.steps, footprint.weights, strict=True):
        passing = step.weights * (footprint.copied + 2 * bool(step.folded))
        packed += values
        if step.weights > RETURNED:
            most = max(most, packed + passing)
        else:
            hole = max(hole, passing)
    return max(most, packed + hole)


def check_memory(
    planned: Plan,
    backend: Any,
    batch: int,
    threads: int,
    *,
    from_file: bool = False,
    others: int = 0,
    width: int = WIDTH,
    free: int | None = None,
    where: str = "",
) -> None:
    """Raise TooLarge unless a benchmark of this batch size fits in what is free: ``free`` bytes
    ``where``, or what the machine has."""
    needed = need(
        planned, backend.footprint(planned, batch, threads), batch, from_file=from_file,
        others=others, width=width,
    )  # fmt: skip
    free = free_memory() if free is None else free
    if free is None or needed.total <= free:
        return
    raise TooLarge(
        f"batch {batch} of {planned.fused.graph.name} needs {mebibytes(needed.total)} "
        f"(weights {mebibytes(needed.weights)}, arena {mebibytes(needed.arena)}, scratch "
        f"{mebibytes(needed.scratch)}"
        + (f", {others} other engines {mebibytes(needed.others)}" if others else "")
        + f"); free{where}: {mebibytes(free)}"
    )
