"""The flat spec: what `cnncalc expand` prints loads to the same graph."""

from pathlib import Path
from typing import Any

import pytest
from language import graph, layers, spec

from cnncalc.analysis.summarize import summarize
from cnncalc.diagnostics.located import plain
from cnncalc.graph import Graph
from cnncalc.spec import Loaded, builtin_names, load
from cnncalc.spec.flat import flat


def picture(net: Graph) -> dict[str, Any]:
    """Everything that a graph says, in a form that two graphs can be compared by."""
    return {
        "name": net.name,
        "nodes": [
            (node.name, node.layer, node.inputs, node.output_shapes, node.frozen, node.shares,
             node.training)
            for node in net.nodes
        ],
        "heads": net.heads,
        "outputs": net.outputs,
    }  # fmt: skip


def again(loaded: Loaded, folder: Path) -> Loaded:
    """Write a graph flat, load it, and see that this is the same graph and the same text."""
    assert loaded.graph is not None
    expect = plain(loaded.expect)
    text = flat(loaded.graph, loaded.citation, expect)
    path = folder / "flat.yaml"
    path.write_text(text, encoding="utf-8")
    read = load(str(path))
    assert read.graph is not None, read.findings
    assert read.citation == loaded.citation
    assert plain(read.expect) == expect
    assert flat(read.graph, read.citation, expect) == text
    assert picture(read.graph) == picture(loaded.graph)
    return read


@pytest.mark.parametrize("name", builtin_names())
def test_a_built_in_loads_again_as_it_was(name, tmp_path):
    loaded = load(name)
    if loaded.graph is None:
        assert loaded.missing or loaded.library
        return
    read = again(loaded, tmp_path)
    one, other = summarize(loaded.graph), summarize(graph(read))
    assert one.totals == other.totals
    assert one.training_totals == other.training_totals


CASES = {
    "heads in order": "- relu\n- head: [tanh]\n- sigmoid\n- head: [abs]",
    "a head in training": "- relu\n- {head: [tanh], training: true}\n- sigmoid",
    "a head within a head": "- relu\n- head: [tanh, {head: [abs]}, mish]\n- sigmoid",
    "a head that ends with a head": "- relu\n- head: [tanh, {head: [abs]}]\n- sigmoid",
    "heads one after the other": "- relu\n- head: [tanh]\n- head: [abs]\n- sigmoid",
    "a head that starts with a head": "- relu\n- head: [{head: [abs]}, tanh]\n- sigmoid",
    "heads that start with heads":
        "- relu\n- head: [{head: [{head: [abs]}]}, {head: [elu]}, tanh]\n- head: [mish]",
    "a training head in a head":
        "- relu\n- head: [tanh, {head: [abs], training: true}, mish]\n- elu",
    "a head that is a layer's value": "- relu\n- {head: [identity]}\n- tanh",
    "such a head between others":
        "- relu\n- head: [tanh]\n- {head: [identity]}\n- head: [abs]\n- mish",
    "such a head within a head": "- relu\n- head: [tanh, {head: [identity]}, abs]\n- mish",
    "a head of two values": "- relu\n- head: [{chunk: {chunks: 2}}]\n- tanh",
    "a head of older values":
        "- {relu, name: a}\n- head: [{tanh, name: b}, {identity, from: [b, a]}]\n- mish",
    "a net that ends in heads": "- relu\n- head: [tanh]\n- head: [{abs, from: relu1}]".replace(
        "- relu\n", "- {relu, name: relu1}\n"),
    "a net of nothing": "- identity",
    "an output that is not the last": "- {relu, name: a}\n- {tanh, name: b}\n- {identity, from: a}",
    "two outputs": "- {relu, name: a}\n- {tanh, name: b}\n- {identity, from: [a, b]}",
    "ports": "- {chunk: {chunks: 2}, name: h}\n- {relu, from: h.1, name: r}\n"
        "- {concat, from: [h.0, r]}",
    "shared weights": "- {conv2d: {out_channels: 4, kernel_size: 1}, name: a}\n"
        "- {conv2d: {out_channels: 4, kernel_size: 1}, share: a, freeze: true}",
    "options of all sorts":
        "- conv2d: {out_channels: 8, kernel_size: [1, 3], padding: [[0, 1], [2, 3]],"
        " stride: [1, 2], groups: 2, bias: false}\n- gelu: {approximate: tanh}\n"
        "- batch_norm2d: {eps: 1e-6}\n- pad: {padding: 1, channels: [1, 2]}\n"
        "- upsample: {size: [40, 40], mode: bilinear}\n- permute: {dims: [1, 2, 0]}\n- layer_norm",
    "names with dots": "- {relu, name: a.0.b}\n- {tanh, name: 1x1}\n- {abs, from: a.0.b}",
    "a merge with an option": "- concat: {axis: 2, a: relu, b: identity}",
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_graph_of_every_form_loads_again_as_it_was(name, tmp_path):
    loaded = layers(CASES[name])
    again(loaded, tmp_path)


def test_several_inputs_load_again(tmp_path):
    again(
        spec(
            """
            name: "A: title # with \\"signs\\""
            source: x
            inputs: {left: [3, 4, 4], right: [3, 4, 4]}
            layers: [{relu, from: right}, {add, from: [left, previous]}]
            """
        ),
        tmp_path,
    )
