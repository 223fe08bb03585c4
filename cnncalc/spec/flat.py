"""Write a graph as a flat spec: every entry a layer with its name, nothing left to expand."""

from collections.abc import Iterator
from typing import Any

from ..graph import Graph, Input, Node, Value
from ..layers import Layer, options


def flat(graph: Graph, citation: str | None = None, expect: dict[str, Any] | None = None) -> str:
    """The graph as a spec that needs no blocks, parameters, repeats or other files.

    Loading it gives the same graph: the same names, layers, edges, heads, frozen and shared
    weights. ``expect`` are contracts to write with it, by their keys.
    """
    return "\n".join(_lines(graph, citation, expect or {})) + "\n"


def _lines(graph: Graph, citation: str | None, expect: dict[str, Any]) -> Iterator[str]:
    yield f"name: {_text(graph.name)}"
    if citation:
        yield f"source: {_text(citation)}"
    inputs = [node for node in graph.nodes if isinstance(node.layer, Input)]
    if len(inputs) == 1 and inputs[0].name == "input":
        yield f"input: {_written(inputs[0].output_shapes[0])}"
    else:
        shapes = (f"{node.name}: {_written(node.output_shapes[0])}" for node in inputs)
        yield f"inputs: {{{', '.join(shapes)}}}"
    yield "layers:"
    yield from _Layers(graph).lines(tuple(Value(node.index) for node in inputs))
    if expect:
        yield "expect:"
        for name, value in expect.items():
            yield f"  {name}: {_limits(value)}"


def _limits(value: Any) -> str:
    """A value of ``expect`` on one line."""
    if not isinstance(value, dict):
        return _text(value) if isinstance(value, str) else _written(value)
    keys = (key if key.replace("-", "_").isidentifier() else _text(key) for key in value)
    pairs = (f"{key}: {_limits(item)}" for key, item in zip(keys, value.values(), strict=True))
    return f"{{{', '.join(pairs)}}}"


class _Layers:
    """The list of layers, with heads as lists within it."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.layers = [node for node in graph.nodes if not isinstance(node.layer, Input)]
        #: The index of the last node of each head.
        self.last = {node.head: node.index for node in self.layers if node.head is not None}
        #: The values of each head, and before it those of heads that are a value made elsewhere.
        self.values: dict[int, list[Value]] = {}
        self.elsewhere: dict[int, list[Value]] = {}
        left = list(graph.heads)
        for head in sorted(self.last):
            owned = [value for value in left if graph.nodes[value.node].head == head]
            before = left.index(owned[0]) if owned else 0
            after = left.index(owned[-1]) + 1 if owned else 1
            self.elsewhere[head], self.values[head] = left[:before], left[before:after]
            del left[:after]
        self.rest = left

    def lines(self, arriving: tuple[Value, ...]) -> Iterator[str]:
        unopened, open_heads = sorted(self.last), list[int]()
        #: What arrives next: on the main path, then in each open head.
        flows = [arriving]
        for node in self.layers:
            while open_heads and (node.head is None or self.last[open_heads[-1]] < node.index):
                yield from self.close(open_heads, flows)
            # A head with a smaller number whose layers are yet to come is around this one.
            for head in [h for h in unopened if node.head is not None and h <= node.head]:
                indent = "    " * len(open_heads) + "  "
                for value in self.elsewhere[head]:
                    yield from self.side(value, indent)
                yield f"{indent}- head:"
                unopened.remove(head)
                open_heads.append(head)
                flows.append(flows[-1])
            yield from _entry(self.graph, node, flows[-1], "    " * len(open_heads) + "  ")
            flows[-1] = _outputs(node)
        while open_heads:
            yield from self.close(open_heads, flows)
        for value in self.rest:
            yield from self.side(value, "  ")
        outputs = self.graph.outputs
        if not self.heads_are_outputs() and outputs != flows[-1]:
            yield f"  - {{identity, from: {_sources(self.graph, outputs)}}}"
        elif not self.layers:
            yield "  - identity"

    def heads_are_outputs(self) -> bool:
        return any(self.graph.nodes[value.node].head is not None for value in self.graph.outputs)

    def close(self, open_heads: list[int], flows: list[tuple[Value, ...]]) -> Iterator[str]:
        """The end of the innermost head: what comes out of it, and whether it is for training."""
        indent = "    " * len(open_heads) + "  "
        head, flow = open_heads.pop(), flows.pop()
        values = tuple(self.values[head])
        if values != flow:
            yield f"{indent}- {{identity, from: {_sources(self.graph, values)}}}"
        if self.graph.nodes[self.last[head]].training:
            yield f"{indent[2:]}training: true"

    def side(self, value: Value, indent: str) -> Iterator[str]:
        """A head that is nothing but a value made elsewhere."""
        training = self.heads_are_outputs() and value not in self.graph.outputs
        source = _sources(self.graph, (value,))
        yield f"{indent}- head: [{{identity, from: {source}}}]"
        if training:
            yield f"{indent}  training: true"


def _outputs(node: Node) -> tuple[Value, ...]:
    return tuple(Value(node.index, port) for port in range(len(node.output_shapes)))


def _entry(graph: Graph, node: Node, arriving: tuple[Value, ...], indent: str) -> Iterator[str]:
    given = option_texts(node.layer)
    kind = node.layer.kind
    pairs = ", ".join(f"{name}: {value}" for name, value in given.items())
    yield f"{indent}- {kind}:" + (f" {{{pairs}}}" if given else "")
    yield f"{indent}  name: {node.name}"
    if node.inputs != arriving:
        yield f"{indent}  from: {_sources(graph, node.inputs)}"
    if node.shares is not None:
        yield f"{indent}  share: {graph.nodes[node.shares].name}"
    if node.frozen:
        yield f"{indent}  freeze: true"


def _sources(graph: Graph, values: tuple[Value, ...]) -> str:
    names = []
    for value in values:
        node = graph.nodes[value.node]
        names.append(node.name + (f".{value.port}" if len(node.output_shapes) > 1 else ""))
    return names[0] if len(names) == 1 else f"[{', '.join(names)}]"


def option_texts(layer: Layer) -> dict[str, str]:
    """The options of a layer that are not at their default, as a spec would write them."""
    texts = {}
    for name, option in options(type(layer)).items():
        value = getattr(layer, name)
        default = option.default
        if option.per_axis and isinstance(value, tuple) and len(set(value)) == 1:
            value = value[0]
        if option.required or value != default:
            texts[name] = _written(value)
    return texts


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_written, value))}]"
    return str(value)


def _text(text: str) -> str:
    """A text in double quotes, as YAML reads it back."""
    import json

    return json.dumps(text, ensure_ascii=False)
