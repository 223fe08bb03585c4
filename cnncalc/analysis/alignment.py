"""Merges whose paths do not lie on each other, for many inputs at once."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

import msgspec

from ..diagnostics import Diagnostic, Findings
from ..graph import Graph, Node, Value
from ..layers import Layer, Shapes, Window
from ..layers.layer import axis_number
from ..layers.merge import Concat
from .family import LONGEST_PERIOD
from .notes import merge_notes
from .receptive_field import Sight, sights, windows_between
from .sweep import Sweep


class Merge(msgspec.Struct, frozen=True):
    """A merge of paths that do not lie on each other: ``rule`` is misaligned or mixed-strides."""

    layer: str
    rule: str
    message: str


def merging(sweep: Sweep, legal: Sequence[int]) -> dict[int, tuple[Merge, ...]]:
    """The merges that are not aligned, for each input of a sweep that is legal.

    Receptive fields are folded once for all inputs that every layer reads through the same
    windows: there they are the same functions of the position.
    """
    joins = [node for node in sweep.graph.nodes if len(node.inputs) > 1]
    if not joins:
        return {}
    alike: dict[tuple[object, ...], list[int]] = {}
    patterns = window_patterns(sweep, joins)
    for number in legal:
        alike.setdefault(tuple(pattern[number] for pattern in patterns), []).append(number)
    found: dict[int, tuple[Merge, ...]] = {}
    for numbers in alike.values():
        merges, exact = misaligned(sweep.at(numbers[0]))
        for number in numbers:
            found[number] = merges if exact else misaligned(sweep.at(number))[0]
    return found


def misaligned(graph: Graph) -> tuple[tuple[Merge, ...], bool]:
    """The merges of a graph that are not aligned; and whether the fields behind that are the
    same wherever the windows are, whatever the sizes: `family` has limits beyond which not."""
    seen = sights(graph)
    merges = []
    for node in graph.nodes:
        if len(node.inputs) > 1:
            findings = Findings()
            merge_notes(graph, node, seen, findings)
            merges += [merge(node, finding) for finding in findings]
    longest = max(
        (len(f.spans) for sight in seen.values() for axis in sight for f in axis), default=1
    )
    periods = (window.period for node in graph.nodes for window in windows_followed(node, seen))
    return tuple(merges), longest * max(periods, default=1) <= LONGEST_PERIOD


def windows_followed(node: Node, seen: Mapping[Value, Sight]) -> Iterator[Window]:
    """The windows through which a layer reads axes that carry positions of the image."""
    for source, value in enumerate(node.inputs):
        carried = {family.axis for families in seen[value] for family in families}
        for port in range(len(node.output_shapes)):
            windows = windows_between(node.layer, node.input_shapes, source, port) or ()
            for axis, window in enumerate(windows):
                if window and (axis if window.axis < 0 else window.axis) in carried:
                    yield window


def merge(node: Node, finding: Diagnostic) -> Merge:
    return Merge(node.name, finding.rule.name, finding.message.removeprefix(f"{node.name}: "))


def window_patterns(sweep: Sweep, joins: Sequence[Node]) -> list[list[int | None]]:
    """For each step before a merge whose windows are not the same on all inputs: what they are.

    Merges count with the axes on which they have more than one position, too.
    """
    before: set[int] = set()
    for node in reversed(sweep.graph.nodes):
        if node in joins or node.index in before:
            before.update(value.node for value in node.inputs)
            before.add(node.index)
    joined = {id(sweep.steps[node.index]) for node in joins}
    steps = {id(sweep.steps[index]): sweep.steps[index] for index in sorted(before)}
    names: dict[object, int] = {}
    patterns = []
    for key, step in steps.items():
        if step is None:
            continue
        known: dict[Shapes, int] = {}
        for shapes, answer in step.answers.items():
            pattern = () if answer.error else window_pattern(step.layer, shapes, answer.outputs)
            wide = key in joined and tuple(size > 1 for shape in answer.outputs for size in shape)
            known[shapes] = names.setdefault((pattern, wide), len(names))
        if len(set(known.values())) > 1:
            patterns.append([None if s is None else known[s] for s in step.arriving])
    return patterns


def window_pattern(layer: Layer, inputs: Shapes, outputs: Shapes) -> tuple[object, ...]:
    """All that decides how a layer's outputs read its inputs."""
    pairs = product(range(len(inputs)), range(len(outputs)))
    if not isinstance(layer, Concat):
        return tuple(windows_between(layer, inputs, source, port) for source, port in pairs)
    # where the inputs begin and end, instead of a window with a span for every position
    return tuple(shape[axis_number(layer.axis, shape)] for shape in inputs)
