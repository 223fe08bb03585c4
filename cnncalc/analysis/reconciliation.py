"""From exact MACs to the figure of another tool: a ledger, cause by cause."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from ..graph import Graph, Input, Node, Value
from .conventions import CONVENTIONS, Convention
from .counting import FUNCTION, METHOD, MODULE, NO_MODULE, Cause, Site, family
from .facts import facts
from .liveness import runs


class Code(msgspec.Struct, frozen=True):
    """What tools see of PyTorch code, and no graph shows.

    ``functions`` and ``methods``: patterns of the layers that it writes as calls of functions
    (`F.relu`) or methods of tensors (`x.mean`) instead of modules. ``zero_biases``: it starts all
    biases at zero, and so they stay until the network is trained.
    """

    functions: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    zero_biases: bool = False


#: torchvision's code, by the file of the family among the built-in architectures. Without a row:
#: all layers are modules, and biases start as torch.nn starts them.
TORCHVISION = {
    "convnext": Code(zero_biases=True),
    "densenet": Code(("relu_2", "adaptive_avg_pool2d"), zero_biases=True),
    "efficientnet": Code(zero_biases=True),
    "efficientnet_v2": Code(zero_biases=True),
    "googlenet": Code(("*relu*",)),
    "inception_v3": Code(("*relu*", "*.avg_pool2d", "*.max_pool2d")),
    "mnasnet": Code(methods=("adaptive_avg_pool2d",), zero_biases=True),
    "mobilenet_v2": Code(("adaptive_avg_pool2d",), zero_biases=True),
    "mobilenet_v3": Code(zero_biases=True),
    "shufflenet_v2": Code(methods=("adaptive_avg_pool2d",)),
    "squeezenet": Code(zero_biases=True),
    "vgg": Code(zero_biases=True),
}


class Entry(msgspec.Struct, frozen=True):
    """A row of the ledger: what the cause adds, in how many layers."""

    cause: str
    layers: int
    amount: int


class Ignored(msgspec.Struct, frozen=True):
    """Layers that do floating-point operations of which the tool counts none."""

    kind: str
    layers: int
    flops: int


class Figure(msgspec.Struct, frozen=True):
    #: What the tool prints for one image.
    macs: int


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    """``macs``, of so many ``layers``, plus the amounts of the ledger are ``totals.macs``.
    ``code``: how the PyTorch code is written, where that matters to the tool. ``trained``: how
    much more it would be once biases are not zero any more."""

    schema: str = "cnncalc.reconciliation/1"
    name: str
    inputs: dict[str, tuple[int, ...]]
    convention: str
    tool: str
    version: str
    call: str
    unit: str
    code: Code
    macs: int
    layers: int
    ledger: tuple[Entry, ...]
    totals: Figure
    ignored: tuple[Ignored, ...]
    trained: int


class NotComparable(ValueError):
    """A layer for which nobody can say what the tool prints."""


def reconcile(graph: Graph, convention: str, code: Code = Code()) -> Reconciliation:  # noqa: B008
    """The ledger of a network in inference, for one image. ``convention`` is one of
    `CONVENTIONS`. Raises NotComparable."""
    row = CONVENTIONS[convention]
    nodes = [node for node in runs(graph, heads=False) if not isinstance(node.layer, Input)]
    sites = list(places(graph, nodes, code))
    for node, site in zip(nodes, sites, strict=True):
        check(node, site, row)
    ledger = entries(row, sites)
    for less in (Code(), Code(code.functions, code.methods), Code(zero_biases=code.zero_biases)):
        if entries(row, list(places(graph, nodes, less))) == ledger:
            code = less  # the rest is all the same to this tool
            break
    macs = sum(site.macs for site in sites)
    return Reconciliation(
        name=graph.name,
        inputs={
            node.name: node.output_shapes[0]
            for node in graph.nodes
            if isinstance(node.layer, Input)
        },
        convention=convention,
        tool=row.tool,
        version=row.version,
        call=row.call,
        unit=row.unit,
        code=code,
        macs=macs,
        layers=sum(site.macs > 0 for site in sites),
        ledger=ledger,
        totals=Figure(macs + sum(entry.amount for entry in ledger)),
        ignored=ignored(row, nodes, sites),
        trained=sum(amount(cause, sites).amount for cause in row.trained),
    )


def check(node: Node, site: Site, convention: Convention) -> None:
    """Raise NotComparable for a layer of which the convention claims nothing."""
    kind = node.layer.kind
    if family(kind) in NO_MODULE or getattr(node.layer, "connections", None) is not None:
        raise NotComparable(
            f"{node.name} is a {kind}, for which PyTorch has no module: what {convention.tool} "
            "counts depends on how it is written"
        )
    unknown = convention.unknown.get(family(kind))
    if unknown is not None and unknown(site):
        raise NotComparable(
            f"{convention.tool} has no answer for {node.name}, this {kind}, or one that depends "
            "on how it is written"
        )


def places(graph: Graph, nodes: Iterable[Node], code: Code) -> Iterator[Site]:
    """The nodes as the conventions want to see them."""
    readers: Counter[Value] = Counter(graph.outputs)
    readers.update(value for node in nodes for value in node.inputs)
    for node in nodes:
        source = node.inputs[0]
        yield Site(
            layer=node.layer,
            input=node.input_shapes[0],
            output=node.output_shapes[0],
            inputs=len(node.inputs),
            macs=facts(node).macs,
            behind=graph.nodes[source.node].layer if readers[source] == 1 else None,
            written=written(node.name, code),
            zero_biases=code.zero_biases,
        )


def written(name: str, code: Code) -> int:
    """How the code writes the layer of this name."""
    from fnmatch import fnmatchcase

    for way, patterns in ((FUNCTION, code.functions), (METHOD, code.methods)):
        if any(fnmatchcase(name, pattern) for pattern in patterns):
            return way
    return MODULE


def counted(cause: Cause, site: Site) -> int:
    """What a cause adds for one layer."""
    if site.written > cause.sees:
        return 0
    kind = site.layer.kind
    formula = cause.formulas.get(kind) or cause.formulas.get(family(kind))
    return formula(site) if formula else 0


def amount(cause: Cause, sites: Iterable[Site]) -> Entry:
    """What a cause adds in all, and in how many layers it adds something."""
    amounts = [added for site in sites if (added := counted(cause, site))]
    return Entry(cause.title, len(amounts), sum(amounts))


def entries(convention: Convention, sites: Sequence[Site]) -> tuple[Entry, ...]:
    """The rows of the ledger that concern the network."""
    rows = (amount(cause, sites) for cause in convention.causes)
    return tuple(row for row in rows if row.layers)


def ignored(
    convention: Convention, nodes: Iterable[Node], sites: Iterable[Site]
) -> tuple[Ignored, ...]:
    """The kinds of which the tool counts nothing, the most expensive first."""
    layers: Counter[str] = Counter()
    flops: Counter[str] = Counter()
    for node, site in zip(nodes, sites, strict=True):
        operations = facts(node).operations
        if site.macs or not operations or any(counted(c, site) for c in convention.causes):
            continue
        layers[node.layer.kind] += 1
        flops[node.layer.kind] += operations
    return tuple(Ignored(kind, layers[kind], total) for kind, total in flops.most_common())
