"""Notes and warnings about a network that is valid (CNN3xx): legal, but worth knowing."""

from ..diagnostics import Findings, Related
from ..graph import Graph, Node, Value
from ..layers import Shape, Shapes, show_shape
from ..layers.layer import AXES
from ..layers.sliding import Sliding
from .facts import facts
from .family import Family, reduced
from .receptive_field import Sight, arriving, sights


def notes(graph: Graph, findings: Findings, seen: dict[Value, Sight] | None = None) -> None:
    """Add the notes on a whole graph to the findings, layer by layer.

    ``seen`` is what `sights` found, if that is known already. For a graph of which no layer
    failed: the layers before one that failed would look unread.
    """
    seen = sights(graph) if seen is None else seen
    read = {value for node in graph.nodes for value in node.inputs}
    read.update(graph.outputs, graph.heads)
    whole: set[tuple[int, Shapes]] = set()  # layers that read all of such inputs
    for node in graph.nodes:
        key = id(node.layer), node.input_shapes
        if key not in whole and not _lost_rows(node, findings):
            whole.add(key)
        if len(node.inputs) > 1:
            merge_notes(graph, node, seen, findings)
        if node.layer.kind == "linear":
            _linear_on_image(node, seen, findings)
        _unread(node, read, findings)


def _lost_rows(node: Node, findings: Findings) -> bool:
    """Whether a layer leaves rows unread; then with a note."""
    lost = facts(node).remainder
    if not any(lost):
        return False
    names = AXES[len(lost)]
    clauses: dict[tuple[str, str], list[str]] = {}
    for axis, rows in enumerate(lost):
        if rows:
            what = {"H": "row", "W": "column"}.get(names[axis], "position")
            clauses.setdefault(_why_lost(node, axis, rows), []).append(_count(rows, what))
    parts = [
        f"{why}the last {' and '.join(counts)} of the padded input "
        f"{'is' if len(counts) == 1 and counts[0].startswith('1 ') else 'are'} never read{padding}"
        for (why, padding), counts in clauses.items()
    ]
    findings.report("lost-rows", f"{node.name}: {'; '.join(parts)}", node.span)
    return True


def _why_lost(node: Node, axis: int, rows: int) -> tuple[str, str]:
    """The arithmetic of a step that does not divide, and how much of the loss is padding."""
    if not isinstance(node.layer, Sliding):
        return "", ""
    size = node.input_shapes[0][1 + axis]
    before, after = node.layer.sides(axis, size)
    stride = node.layer.axis("stride", axis)
    why = f"({size} − {node.layer.extent(axis)} + {before + after}) is no multiple of {stride}: "
    padding = min(rows, after)
    if not padding:
        return why, ""
    return why, " (padding only)" if padding == rows else f" ({padding} of {rows} padding)"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def merge_notes(graph: Graph, node: Node, seen: dict[Value, Sight], findings: Findings) -> None:
    """Report paths that step through the image at different rates, or are shifted.

    Each path is compared with the first one that moves through the image at all.
    """
    paths = [
        (value, sight)
        for value, sight in zip(node.inputs, arriving(node, 0, seen), strict=True)
        if sight
    ]
    for rule, difference in (("mixed-strides", _drift), ("misaligned", _shift)):
        for axis in range(max((len(sight) for _, sight in paths), default=0)):
            moving = [
                (value, families)
                for value, sight in paths
                if axis < len(sight) and (families := _moving(sight[axis], node.output_shapes[0]))
            ]
            found = next(
                (
                    (moving[0][0], value, text)
                    for value, families in moving[1:]
                    if (text := difference(moving[0][1], families))
                ),
                None,
            )
            if found:
                _report_merge(graph, node, rule, axis, found, findings)
                break


def _moving(families: tuple[Family, ...], shape: Shape) -> dict[tuple[int, int], Family]:
    """By rate, the families that advance along an axis of more than one position."""
    return {
        family.rate: family
        for family in families
        if family.axis >= 0 and family.advance and shape[family.axis] > 1
    }


def _drift(one: dict[tuple[int, int], Family], other: dict[tuple[int, int], Family]) -> str:
    if one.keys() == other.keys():
        return ""
    rates = (" and ".join(map(_ratio, families)) for families in (one, other))
    return "step {} and {} image rows per position".format(*rates)


def _shift(one: dict[tuple[int, int], Family], other: dict[tuple[int, int], Family]) -> str:
    for rate in one.keys() & other.keys():
        (a, b), (c, d) = one[rate].centre(), other[rate].centre()
        if a * d != c * b:
            rows, parts = reduced(abs(a * d - c * b), b * d)
            unit = "image row" if rows <= parts else "image rows"
            return f"have centres {_ratio((rows, parts))} {unit} apart"
    return ""


def _ratio(pair: tuple[int, int]) -> str:
    return str(pair[0]) if pair[1] == 1 else f"{pair[0]}/{pair[1]}"


def _report_merge(
    graph: Graph,
    node: Node,
    rule: str,
    axis: int,
    found: tuple[Value, Value, str],
    findings: Findings,
) -> None:
    *values, text = found
    ends = [graph.nodes[value.node] for value in values]
    rank = max(len(shape) for shape in node.input_shapes) - 1
    name = AXES[rank][axis] if rank in AXES and axis < rank else f"image axis {axis}"
    findings.report(
        rule,
        f"{node.name}: along {name}, the fields from {ends[0].name} and {ends[1].name} {text}",
        node.span,
        related=[Related(end.span, f"{end.name} is made here") for end in ends if end.span],
    )


def _linear_on_image(node: Node, seen: dict[Value, Sight], findings: Findings) -> None:
    shape = node.input_shapes[0]
    carried = {family.axis for families in seen[node.inputs[0]] for family in families} - {-1}
    last = len(shape) - 1
    if len(carried) > 1 and last in carried and shape[last] > 1:
        findings.report(
            "linear-on-image",
            f"{node.name} acts on the last axis of {show_shape(shape)}, {shape[last]} values "
            "along the image",
            node.span,
            hint="write flatten before it, or permute the channels to the end",
        )


def _unread(node: Node, read: set[Value], findings: Findings) -> None:
    ports = range(len(node.output_shapes))
    unread = [port for port in ports if Value(node.index, port) not in read]
    if not unread:
        return
    if len(unread) == len(ports):
        text = f"nobody reads the output of {node.name}"
    else:
        which = ", ".join(str(port) for port in unread)
        text = f"nobody reads output {which} of {node.name} ({len(ports)} outputs, from 0)"
    findings.report("unread", text, node.span, hint="read it with from, or remove it")
