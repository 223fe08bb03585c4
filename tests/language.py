"""Specs written in tests, and what to ask of them."""

from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent
from typing import Any

from cnncalc.analysis.summarize import summarize
from cnncalc.analysis.summary import Totals
from cnncalc.diagnostics import Diagnostic
from cnncalc.diagnostics.text import render
from cnncalc.graph import Graph, Node
from cnncalc.spec import Loaded, load


def spec(text: str, **files: str) -> Loaded:
    """Load a whole spec; ``files`` are others beside it, by their names without .yaml."""
    return spec_with(text, files)


def spec_with(text: str, files: dict[str, str] | None = None, **options: Any) -> Loaded:
    """As `spec`, with options of load."""
    with TemporaryDirectory() as folder:
        for name, content in (files or {}).items():
            (Path(folder) / f"{name}.yaml").write_text(dedent(content), encoding="utf-8")
        path = Path(folder) / "spec.yaml"
        path.write_text(dedent(text), encoding="utf-8")
        return load(str(path), **options)


def layers(text: str, *, before: str = "", arriving: str = "[4, 16, 16]", **options: Any) -> Loaded:
    """Load a spec with these layers, and with other keys before them."""
    body = dedent(text).strip()
    lines = [
        "name: t",
        f"input: {arriving}",
        dedent(before),
        "layers:",
        *(f"  {line}" for line in body.splitlines()),
    ]
    return spec_with("\n".join(lines) + "\n", **options)


def graph(loaded: Loaded) -> Graph:
    """The graph of a spec that has to be right."""
    assert not loaded.findings, render(loaded.findings, loaded.sources)
    assert loaded.graph is not None
    return loaded.graph


def nodes(loaded: Loaded) -> list[Node]:
    """The layers, without the inputs."""
    return [node for node in graph(loaded).nodes if node.layer.kind != "input"]


def names(loaded: Loaded) -> list[str]:
    return [node.name for node in nodes(loaded)]


def named(loaded: Loaded, name: str) -> Node:
    (node,) = [node for node in graph(loaded).nodes if node.name == name]
    return node


def sources(loaded: Loaded, name: str) -> list[str]:
    """The names of the layers that a layer reads."""
    return [graph(loaded).nodes[value.node].name for value in named(loaded, name).inputs]


def output(loaded: Loaded) -> tuple[int, ...]:
    (value,) = graph(loaded).outputs
    return graph(loaded).shape(value)


def channels(loaded: Loaded) -> list[int]:
    """The channels that each layer makes."""
    return [node.output_shapes[0][0] for node in nodes(loaded)]


def totals(loaded: Loaded) -> Totals:
    return summarize(graph(loaded)).totals


def problems(loaded: Loaded) -> list[str]:
    """The rules of all findings."""
    return [finding.rule.name for finding in loaded.findings]


def only(loaded: Loaded) -> Diagnostic:
    """The one finding of a spec with one mistake."""
    assert len(loaded.findings) == 1, render(loaded.findings, loaded.sources)
    return loaded.findings[0]
