"""``cnncalc list``."""

import sys
from typing import NamedTuple

import click
from click.shell_completion import CompletionItem

from ..analysis.cost import cost
from ..diagnostics import did_you_mean
from ..graph import Input
from ..spec import builtin_names, load
from .output import terminal_width, usage_error


class Architecture(NamedTuple):
    """A built-in architecture; ``inputs`` are written as --input takes them."""

    name: str
    params: int
    macs: int
    inputs: tuple[str, ...]
    title: str


class NameType(click.ParamType):  # type: ignore[type-arg]
    """A part of the names of built-in architectures."""

    name = "text"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return [CompletionItem(name) for name in builtin_names() if name.startswith(incomplete)]


@click.command(name="list")
@click.argument("text", type=NameType(), required=False, default="")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text",
              show_default=True, help="json: a list of objects, for programs.")  # fmt: skip
def command(text: str, format_: str) -> None:
    """List the built-in architectures: name, params, MACs, input, title.

    With TEXT only those that have it in their names. Counts are exact and for one image, without
    heads that run in training only.
    """
    names = [name for name in builtin_names() if text in name]
    if not names:
        hint = did_you_mean(text, builtin_names()) or "see all: cnncalc list"
        raise usage_error(f"no built-in architecture has {text} in its name", hint)
    networks, others = architectures(names)
    if format_ == "json":
        import json

        rows = [network._asdict() for network in networks]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    width = terminal_width() if sys.stdout.isatty() else None
    if networks:
        click.echo("\n".join(table(networks, width)))
    if networks and others:
        click.echo()
    if others:
        line = f"Families and libraries, for extends and include: {', '.join(others)}"
        click.echo(click.wrap_text(line, width, "", "  ") if width else line)


def architectures(names: list[str]) -> tuple[list[Architecture], list[str]]:
    """The built-in networks of these names, and the names of what is no network by itself."""
    networks, others = [], []
    for name in names:
        loaded = load(name)
        if loaded.graph is None:
            others.append(name)
            continue
        nodes = [node for node in loaded.graph.nodes if not node.training]
        costs = [cost(node) for node in nodes]
        shapes = [node.output_shapes[0] for node in nodes if isinstance(node.layer, Input)]
        networks.append(
            Architecture(
                name,
                sum(part.params for part in costs),
                sum(part.macs for part in costs),
                tuple("x".join(map(str, shape)) for shape in shapes),
                loaded.name,
            )
        )
    return networks, others


def table(networks: list[Architecture], width: int | None) -> list[str]:
    """Aligned lines; a narrow terminal goes without titles, then without inputs."""
    rows = [("Name", "Params", "MACs", "Input", "Title")]
    rows += [(n.name, f"{n.params:,}", f"{n.macs:,}", " ".join(n.inputs), n.title)
             for n in networks]  # fmt: skip
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    shown = 5
    while width is not None and shown > 3 and sum(widths[:shown]) + 2 * (shown - 1) > width:
        shown -= 1
    lines = []
    for row in [rows[0], tuple("-" * size for size in widths), *rows[1:]]:
        cells = (
            f"{cell:>{size}}" if column in (1, 2) else f"{cell:{size}}"
            for column, (cell, size) in enumerate(zip(row[:shown], widths, strict=False))
        )
        lines.append("  ".join(cells).rstrip())
    if shown < 5:
        dropped = ", ".join(rows[0][shown:]).lower()
        lines.append(f"Not shown for want of room: {dropped}.")
    return lines
