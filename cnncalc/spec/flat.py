"""Write a graph as a flat spec: every entry a layer with its name, nothing left to expand."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from ..graph import Graph, Input, Node, Value
from ..layers import Layer, options


def flat(graph: Graph, citation: str | None = None, expect: dict[str, Any] | None = None) -> str:
    """The graph as a spec that needs no blocks, parameters, repeats or other files.

    Loading it gives the same graph: the same names, layers, edges, heads, frozen and shared
    weights. ``expect`` are contracts to write with it, flat, as `Loaded.expect` has them.
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
    arriving = tuple(Value(node.index) for node in inputs)
    for head, group in groupby(graph.nodes[len(inputs) :], key=lambda node: node.head):
        nodes = list(group)
        if head is None:
            for node in nodes:
                yield from _entry(graph, node, arriving, "  ")
                arriving = _outputs(node)
            continue
        yield "  - head:"
        inside = arriving
        for node in nodes:
            yield from _entry(graph, node, inside, "      ")
            inside = _outputs(node)
        if nodes[0].training:
            yield "    training: true"
    heads = {value for value in graph.outputs if graph.nodes[value.node].head is not None}
    if not heads and tuple(graph.outputs) != arriving:
        yield f"  - {{identity, from: {_sources(graph, graph.outputs)}}}"
    if expect:
        yield "expect:"
        top = {name: value for name, value in expect.items() if "." not in name}
        training = {n.removeprefix("training."): v for n, v in expect.items() if "." in n}
        for name, value in top.items():
            yield f"  {name}: {_written(value)}"
        if training:
            pairs = (f"{name}: {_written(value)}" for name, value in training.items())
            yield f"  training: {{{', '.join(pairs)}}}"


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
