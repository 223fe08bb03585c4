"""What differs between two networks, layer by layer and in total.

Layers are matched by structure: by their names, options and input shapes first, then, in what is
left between those, by less and less (`LEVELS`). Numbers in names that nobody wrote (``relu_7``)
do not count, since they shift with every layer that comes or goes.
"""

import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from ..graph import Graph, Input, Node
from ..layers import Shape
from ..layers.options import show
from .matching import Pair, match
from .summary import LayerSummary, Summary, Totals

#: ``rewired``: the layer is the same, but reads others; ``field``: only its receptive field
#: differs; ``renamed``: only its name.
Sort = Literal["added", "removed", "changed", "rewired", "field", "renamed"]


class Figures(msgspec.Struct, frozen=True):
    """What is compared of a layer."""

    outputs: tuple[Shape, ...]
    params: int
    trainable: int
    macs: int
    flops: int
    memory_bytes: int
    #: The sizes along the image's axes.
    receptive_field: tuple[int, ...]


class Change(msgspec.Struct, frozen=True):
    """A layer that is not the same on both sides; ``before`` is None for one that was added.

    ``options`` holds those that differ, each as a spec would have it before and after.
    """

    sort: Sort
    kind: str
    name: str
    old_name: str | None
    options: dict[str, tuple[str, str]]
    before: Figures | None
    after: Figures | None

    def delta(self, field: str) -> int:
        """How much more there is after than before."""
        old, new = (getattr(side, field) if side else 0 for side in (self.before, self.after))
        return int(new - old)


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Two networks, before and after. ``changes`` stand in the order of execution."""

    schema: str = "cnncalc.diff/1"
    before: "Network"
    after: "Network"
    changes: tuple[Change, ...]
    #: How many layers are the same on both sides.
    same: int

    @property
    def differs(self) -> bool:
        return bool(self.changes) or self.before.totals != self.after.totals


class Network(msgspec.Struct, frozen=True):
    """One side: how the user called it, its name, its sums."""

    spec: str
    name: str
    inputs: dict[str, Shape]
    totals: Totals
    training_totals: Totals | None
    #: What a unit of the (first) output sees of the image, along its axes.
    receptive_field: tuple[int, ...]


class Side(NamedTuple):
    """A network to compare, as the user called it."""

    spec: str
    graph: Graph
    summary: Summary


class Partners(NamedTuple):
    """Of each layer before that has one, its number after; and all those numbers."""

    new: dict[int, int]
    matched: set[int]


#: What must be equal for two layers to be each other's, from the strictest to the loosest.
LEVELS: tuple[Callable[[Node], Hashable], ...] = (
    lambda node: (label(node), node.layer, node.input_shapes),
    lambda node: (node.layer, node.input_shapes),
    lambda node: (label(node), node.layer.kind),
    lambda node: node.layer,
    lambda node: node.layer.kind,
)


def label(node: Node) -> str:
    """A node's name without the number that distinguishes unnamed layers of one kind."""
    space, dot, own = node.name.rpartition(".")
    if re.fullmatch(rf"{re.escape(node.layer.kind)}(_\d+)?", own):
        return f"{space}{dot}{node.layer.kind}"
    return node.name


def difference(before: Side, after: Side) -> Difference:
    """Compare two networks."""
    olds, news = before.graph.nodes, after.graph.nodes
    pairs = match([keys(olds, news, key) for key in LEVELS])
    partners = Partners(dict(pairs), {new for _, new in pairs})
    lines = list(in_order(pairs, olds, news))
    found = [change(before, after, old, new, partners) for old, new in lines]
    changes = tuple(item for item in found if item is not None)
    return Difference(
        before=network(before),
        after=network(after),
        changes=changes,
        same=sum(
            item is None and not isinstance(new.layer, Input)
            for item, (_, new) in zip(found, lines, strict=True)
            if new
        ),
    )


def keys(
    olds: Sequence[Node], news: Sequence[Node], key: Callable[[Node], Hashable]
) -> tuple[list[int], list[int]]:
    """The keys of both sides as numbers, which compare faster."""
    numbers: dict[Hashable, int] = {}
    one, other = (
        [numbers.setdefault(key(node), len(numbers)) for node in side] for side in (olds, news)
    )
    return one, other


def in_order(
    pairs: Sequence[Pair], olds: Sequence[Node], news: Sequence[Node]
) -> Iterator[tuple[Node | None, Node | None]]:
    """All layers of both sides: between two pairs first those that went, then those that came."""
    here = there = 0
    for old, new in (*pairs, (len(olds), len(news))):
        yield from ((node, None) for node in olds[here:old])
        yield from ((None, node) for node in news[there:new])
        if old < len(olds):
            yield olds[old], news[new]
        here, there = old + 1, new + 1


def change(
    before: Side, after: Side, old: Node | None, new: Node | None, partners: Partners
) -> Change | None:
    """What became of a layer; None if it is the same."""
    node = new or old
    assert node is not None
    was, now = (
        side.summary.layers[layer.name] if layer else None
        for side, layer in ((before, old), (after, new))
    )
    options: dict[str, tuple[str, str]] = {}
    if old and new and was and now:
        options = changed_options(old, new)
        sort = sort_of(was, now, options, old, new, partners)
        if sort is None:
            return None
    else:
        sort = "removed" if old else "added"
    return Change(
        sort=sort,
        kind=node.layer.kind,
        name=node.name,
        old_name=old.name if old and new and old.name != new.name else None,
        options=options,
        before=figures(was) if was else None,
        after=figures(now) if now else None,
    )


def sort_of(
    was: LayerSummary,
    now: LayerSummary,
    options: dict[str, tuple[str, str]],
    old: Node,
    new: Node,
    partners: Partners,
) -> Sort | None:
    """In which way two layers that are each other's differ; the first that is true."""
    one, other = figures(was), figures(now)
    alike = replace(one, receptive_field=other.receptive_field)
    if options or alike != other or was.training != now.training:
        return "changed"
    if is_rewired(old, new, partners):
        return "rewired"
    if one != other:
        return "field"
    return None if label(old) == label(new) else "renamed"


def is_rewired(old: Node, new: Node, partners: Partners) -> bool:
    """Whether a layer reads something else that stands on both sides, or shares other weights.

    One that reads a layer that came, in place of one that is still there, is not rewired: that
    is what coming between means.
    """
    if len(old.inputs) != len(new.inputs):
        return True
    for was, now in zip(old.inputs, new.inputs, strict=True):
        partner = partners.new.get(was.node)
        if partner is not None and now.node in partners.matched and (partner, was.port) != now:
            return True
    shares = None if old.shares is None else partners.new.get(old.shares)
    return shares != new.shares


def changed_options(old: Node, new: Node) -> dict[str, tuple[str, str]]:
    """The options of two layers of one kind that are not equal, as a spec has them."""
    pairs = ((name, getattr(old.layer, name), getattr(new.layer, name))
             for name in old.layer.__struct_fields__)  # fmt: skip
    return {name: (shown(was), shown(now)) for name, was, now in pairs if was != now}


def shown(value: object) -> str:
    """An option's value; one for all axes stands for equal ones."""
    if isinstance(value, tuple) and value and len(set(value)) == 1:
        value = value[0]
    return "none" if value is None else value if isinstance(value, str) else show(value)


def figures(layer: LayerSummary) -> Figures:
    return Figures(
        outputs=layer.outputs,
        params=layer.params,
        trainable=layer.trainable,
        macs=layer.macs,
        flops=layer.flops,
        memory_bytes=layer.output_bytes,
        receptive_field=tuple(field.size for field in layer.receptive_field),
    )


def network(side: Side) -> Network:
    """One side's name and sums."""
    value = side.graph.outputs[0]
    last = side.summary.layers[side.graph.nodes[value.node].name]
    return Network(
        spec=side.spec,
        name=side.summary.name,
        inputs=side.summary.inputs,
        totals=side.summary.totals,
        training_totals=side.summary.training_totals,
        receptive_field=tuple(field.size for field in last.receptive_field),
    )
