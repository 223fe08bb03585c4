"""From a file to a graph: its parameters, its inputs, the walk, what comes out, what is frozen."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ..diagnostics import Findings, Span, did_you_mean
from ..graph import Graph, Node, TooManyLayers, Value
from ..layers.options import show
from ..patterns import matches
from .formula import EvaluationError, Formula, Poisoned
from .model import File
from .namespace import Namespace, Values
from .rounds import whole
from .scope import POISON, Scope
from .walk import TooManySteps, Walk

#: Shapes from outside: that of the only input, or of inputs by their names.
Given = tuple[int, ...] | Mapping[str, tuple[int, ...]]


def build(file: File, findings: Findings, shape: Given | None = None) -> Graph | None:
    """The graph of a file, or None with findings. ``shape`` replaces those of its inputs."""
    walk = Walk(findings)
    scope = Scope({}, file, (), Namespace(), walk.channels.of)
    evaluate_parameters(file, scope, findings)
    inputs = make_inputs(file, scope, walk, shape)
    scope.inputs = scope.arriving = inputs
    scope.words = tuple(name for name in file.inputs if name != "input")
    scope.space.used.update(file.inputs)
    scope.space.incomplete = not file.inputs
    try:
        with deep_recursion():
            values, _ = walk.entries(file.entries, scope, inputs)
    except (TooManyLayers, TooManySteps, RecursionError) as error:
        message = {
            TooManyLayers: "the network has more than 200,000 layers",
            TooManySteps: "repeats and blocks multiply to more than 500,000 entries",
        }.get(type(error), "blocks and groups are nested too deep")
        findings.report("limit", message, walk.place.span if walk.place else None)
        return None
    freeze(file, walk.builder.nodes, findings)
    last = [value for value in values if value is not None]
    if findings.failed or len(last) < len(values):
        return None
    heads = [v for values, _ in walk.heads for v in values if v is not None]
    side = [v for values, training in walk.heads if not training for v in values if v is not None]
    outputs = side if side and only_heads_read(walk.builder.nodes, last) else last
    return walk.builder.finish(file.name, outputs, heads, walk.channels.read)


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Let Python recurse as deep as blocks and groups may be nested, 50 and 100 deep.

    Calls from Python to Python take no stack of the machine (since 3.11), so this is safe.
    """
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, 30_000))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def evaluate_parameters(file: File, scope: Scope, findings: Findings) -> None:
    """Give the file's parameters their values; POISON for one that has none."""
    for name, formula in file.parameters.items():
        file.values[name] = POISON
        if formula is None:
            continue
        try:
            file.values[name] = formula.evaluate(scope.lookup)
        except EvaluationError as error:
            findings.report(error.rule, error.message, error.span, hint=error.hint)
        except Poisoned:
            pass


def make_inputs(file: File, scope: Scope, walk: Walk, given: Given | None) -> Values:
    """The inputs as nodes of the graph; poison for one whose shape is wrong."""
    values: list[Value | None] = []
    replaced = given_shapes(file, given, walk.findings)
    for name, (formula, span) in file.inputs.items():
        shape = replaced.get(name) or input_shape(name, formula, scope, walk.findings)
        values.append(None if shape is None else walk.builder.input(name, shape, span))
    return tuple(values) or (None,)


def given_shapes(file: File, given: Given | None, findings: Findings) -> dict[str, tuple[int, ...]]:
    """The shapes from outside by the names of the inputs; findings for what does not fit."""
    names = list(file.inputs)
    if given is None or not names:
        return {}
    if not isinstance(given, Mapping):
        if len(names) > 1:
            message = f"one shape is given for {len(names)} inputs: {', '.join(names)}"
            hint = f"name the input of each: --input {names[0]}={'x'.join(map(str, given))}"
            findings.report("bad-value", message, hint=hint)
            return {}
        given = {names[0]: given}
    shapes = {}
    for name, shape in given.items():
        if name not in file.inputs:
            hint = did_you_mean(name, names)
            findings.report("unknown-name", f"the spec has no input {name}", hint=hint)
        elif is_shape(shape):
            shapes[name] = tuple(shape)
        else:
            report_shape(name, shape, findings)
    return shapes


def check_literal_inputs(file: File, findings: Findings) -> None:
    """Find the shapes of a template's inputs that are wrong whatever its parameters will be."""
    for name, (formula, _) in file.inputs.items():
        value = formula.literal()
        sizes = [whole(item) for item in value] if isinstance(value, list) else []
        if value is not None and not is_shape(sizes):
            report_shape(name, value, findings, formula.span)


def input_shape(
    name: str, formula: Formula, scope: Scope, findings: Findings
) -> tuple[int, ...] | None:
    """The shape of an input, or None with a finding."""
    try:
        value = formula.evaluate(scope.lookup)
    except EvaluationError as error:
        findings.report(error.rule, error.message, error.span, hint=error.hint)
        return None
    except Poisoned:
        return None
    sizes = [whole(item) for item in value] if isinstance(value, list) else []
    if is_shape(sizes):
        return tuple(sizes)
    report_shape(name, value, findings, formula.span)
    return None


def is_shape(sizes: Sequence[object]) -> bool:
    """Whether these are sizes of one to four axes."""
    return 1 <= len(sizes) <= 4 and all(type(size) is int and 0 < size < 2**31 for size in sizes)


def report_shape(name: str, value: Any, findings: Findings, span: Span | None = None) -> None:
    message = f"{name} is {show(value)}; allowed: a list of 1 to 4 whole numbers, 1 or more"
    hint = "channels first, without the batch: [3, 224, 224] is channels, height, width"
    findings.report("bad-value", message, span, hint=hint)


def only_heads_read(nodes: list[Node], last: list[Value]) -> bool:
    """Whether the last layer is read, and by nothing but heads that run in inference (YOLO)."""
    readers = [n for n in nodes if not n.training and any(value in last for value in n.inputs)]
    return bool(readers) and all(node.head is not None for node in readers)


def freeze(file: File, nodes: list[Node], findings: Findings) -> None:
    """Freeze the layers that the file's ``freeze`` names: by pattern, or a whole namespace."""
    if not file.freeze:
        return
    for place, pattern in file.freeze:
        hits = [
            node
            for node in nodes
            if matches(node.name, pattern) or node.name.startswith(pattern + ".")
        ]
        for node in hits:
            node.frozen = True
        if not hits and not findings.failed:
            hint = did_you_mean(pattern, [node.name for node in nodes])
            message = f"no layer is called {pattern}"
            findings.report("freeze-nothing", message, place.span, hint=hint)
