"""Which inputs a network can take, and what it loses of each.

Every size of a range is tried, by the code that makes graphs; nothing is concluded from one size
to another. What is shared between sizes is only what is equal: see `sweep`.
"""

from collections.abc import Callable, Iterator, Mapping, Set

import msgspec

from ..diagnostics import Findings
from ..graph import Graph, Input, Node
from ..layers import Shape, Shapes
from ..layers.layer import AXES
from ..layers.sliding import Sliding
from .alignment import Merge, merging
from .sweep import Step, Sweep

#: The words for the spatial axes, by their letters in formulas.
AXIS_WORDS = {"D": "depth", "H": "height", "W": "width", "L": "length"}
#: What the spec makes of other inputs: a graph, or the findings that say why there is none.
Rebuild = Callable[[dict[str, Shape]], Graph | Findings]


class Refusal(msgspec.Struct, frozen=True):
    """The first layer that cannot be, and why. ``layer`` is None for what the spec itself says."""

    layer: str | None
    message: str


class Loss(msgspec.Struct, frozen=True):
    """Rows and columns of a layer's padded input that no output reads, per spatial axis, and how
    many of them are padding."""

    layer: str
    lost: tuple[int, ...]
    padding: tuple[int, ...]


class Size(msgspec.Struct, frozen=True):
    """What there is to say of one size: nothing but the refusal if no network can take it.

    ``same_weights``: all learned tensors have the shapes they have for the home input.
    """

    size: int
    inputs: dict[str, Shape]
    refusal: Refusal | None = None
    losses: tuple[Loss, ...] = ()
    merges: tuple[Merge, ...] = ()
    same_weights: bool = True

    @property
    def legal(self) -> bool:
        return self.refusal is None

    @property
    def clean(self) -> bool:
        """Whether nothing is lost, and merges are aligned."""
        return self.legal and not self.losses and not self.merges


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """A network on a range of inputs. ``axis`` is the word for the one that varies; None for all
    of them together, square. ``home`` is the input of the spec, or the one that was asked for.
    ``smallest`` is the smallest legal size from 1 up to the end of the range."""

    schema: str = "cnncalc.sizes/1"
    name: str
    source: str | None
    axis: str | None
    home: Size
    first: int
    last: int
    smallest: Size | None
    #: The same without the heads that run in training only.
    smallest_in_inference: int | None
    #: The size below the smallest, with what refuses it.
    below: Size | None
    #: The layers in the order in which they run.
    layers: tuple[str, ...]
    #: Whether any paths merge, and the layers whose weights change their shapes with the input.
    merging: bool
    resized: tuple[str, ...]
    sizes: tuple[Size, ...]


def home_inputs(graph: Graph) -> dict[str, Shape]:
    """The shapes of a graph's inputs, by name."""
    return {n.name: n.output_shapes[0] for n in graph.nodes if isinstance(n.layer, Input)}


def axes_of(graph: Graph) -> set[str]:
    """The words for the spatial axes that the graph's inputs have."""
    shapes = home_inputs(graph).values()
    return {AXIS_WORDS[letter] for shape in shapes for letter in AXES.get(len(shape) - 1, ())}


def resized(inputs: Mapping[str, Shape], size: int, axis: str | None) -> dict[str, Shape]:
    """The inputs with another size along an axis, or along all spatial ones."""
    result = {}
    for name, shape in inputs.items():
        letters = AXES.get(len(shape) - 1, ())
        pairs = zip(letters, shape[1:], strict=False)
        sizes = (size if axis in (None, AXIS_WORDS[letter]) else old for letter, old in pairs)
        result[name] = (shape[0], *sizes) if letters else shape
    return result


def survey(
    graph: Graph,
    rebuild: Rebuild,
    *,
    first: int,
    last: int,
    axis: str | None = None,
    source: str | None = None,
) -> Survey:
    """Try every size from 1 to ``last`` in place of the graph's own; report from ``first`` on.

    ``axis`` is one of `axes_of` the graph; None varies all spatial axes together.
    """
    home = home_inputs(graph)
    candidates = [resized(home, size, axis) for size in range(1, last + 1)]
    sweep = Sweep(graph, [tuple(inputs.values()) for inputs in (*candidates, home)])
    others = sweep.others()
    found = list(judged(sweep, others))
    for number in others:
        found[number] = judge_other(rebuild(candidates[number]), graph)
    sizes = [
        msgspec.structs.replace(judged, size=number + 1, inputs=inputs)
        for number, (judged, inputs) in enumerate(zip(found, candidates, strict=False))
    ]
    refused = {n for n in sweep.failures(heads=False) if n not in others} | {
        n for n in others if not found[n].legal
    }
    smallest = next((size for size in sizes if size.legal), None)
    below = sizes[smallest.size - 2] if smallest and smallest.size > 1 else None
    return Survey(
        name=graph.name,
        source=source,
        axis=axis,
        home=msgspec.structs.replace(found[-1], size=0, inputs=home),
        first=first,
        last=last,
        smallest=smallest,
        smallest_in_inference=min(
            {*range(1, last + 1)} - {number + 1 for number in refused}, default=None
        ),
        below=below,
        layers=tuple(node.name for node in graph.nodes),
        merging=any(len(node.inputs) > 1 for node in graph.nodes),
        resized=tuple(resized_weights(sweep)),
        sizes=tuple(sizes[first - 1 :]),
    )


def judged(sweep: Sweep, others: Set[int] = frozenset()) -> Iterator[Size]:
    """What there is to say of each input of a sweep; nothing is said of ``others``, with which
    the graph is another one."""
    failures = sweep.failures()
    legal = [n for n in range(sweep.count) if n not in failures and n not in others]
    losses: dict[int, list[Loss]] = {}
    for node, step in zip(sweep.graph.nodes, sweep.steps, strict=True):
        for number, loss in losing(node, step) if step else ():
            losses.setdefault(number, []).append(loss)
    merges = merging(sweep, legal)
    changed = {number for numbers in resized_weights(sweep).values() for number in numbers}
    for number in range(sweep.count):
        if number in failures:
            node, message = failures[number]
            yield Size(0, {}, Refusal(node.name, message))
        else:
            lost = tuple(losses.get(number, ()))
            yield Size(0, {}, None, lost, merges.get(number, ()), number not in changed)


def judge_other(made: Graph | Findings, home: Graph) -> Size:
    """What there is to say of an input with which the spec makes another graph."""
    if isinstance(made, Findings):
        errors = [finding for finding in made if finding.severity == "error"]
        return Size(0, {}, Refusal(None, errors[0].message))
    (size,) = judged(Sweep(made, [tuple(home_inputs(made).values())]))
    pairs = zip(home.nodes, made.nodes, strict=False)
    same = len(home.nodes) == len(made.nodes) and all(
        old.layer.weights(old.input_shapes) == new.layer.weights(new.input_shapes)
        for old, new in pairs
    )
    return msgspec.structs.replace(size, same_weights=same)


def losing(node: Node, step: Step) -> Iterator[tuple[int, Loss]]:
    """The inputs of a sweep of which a layer leaves something unread, and what."""
    if not step.losing:
        return
    known: dict[Shapes, Loss] = {}
    for number, shapes in enumerate(step.arriving):
        if shapes is None or shapes not in step.losing:
            continue
        if shapes not in known:
            lost = step.answers[shapes].remainder
            known[shapes] = Loss(node.name, lost, padding_lost(node, shapes[0], lost))
        yield number, known[shapes]


def padding_lost(node: Node, shape: Shape, lost: tuple[int, ...]) -> tuple[int, ...]:
    """How many of the rows and columns that nobody reads are padding."""
    if not isinstance(node.layer, Sliding):
        return (0,) * len(lost)
    layer = node.layer
    return tuple(
        min(rows, layer.sides(axis, size)[1])
        for axis, (rows, size) in enumerate(zip(lost, shape[1:], strict=True))
    )


def resized_weights(sweep: Sweep) -> dict[str, list[int]]:
    """By layer, the inputs for which its learned tensors have other shapes than at home."""
    found: dict[str, list[int]] = {}
    known: dict[tuple[int, Shapes], list[int]] = {}
    for node, step in zip(sweep.graph.nodes, sweep.steps, strict=True):
        if step is None:
            continue
        key = id(step), node.input_shapes
        if key not in known:
            home = step.layer.weights(node.input_shapes)
            other = {
                shapes
                for shapes, answer in step.answers.items()
                if not answer.error and step.layer.weights(shapes) != home
            }
            known[key] = [number for number, s in enumerate(step.arriving) if s in other]
        if known[key]:
            found[node.name] = known[key]
    return found
