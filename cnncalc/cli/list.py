"""``cnncalc list``."""

import click

from ..analysis.cost import cost
from ..graph import Input
from ..layers import show_shape
from ..spec import builtin_names, load


@click.command(name="list")
def command() -> None:
    """List the built-in architectures: name, params, MACs, input; templates and libraries last."""
    rows, others = [("name", "params", "MACs", "input", "title")], []
    for name in builtin_names():
        loaded = load(name)
        if loaded.graph is None:
            others.append(name)
            continue
        nodes = [node for node in loaded.graph.nodes if not node.training]
        costs = [cost(node) for node in nodes]
        shapes = [show_shape(n.output_shapes[0]) for n in nodes if isinstance(n.layer, Input)]
        counts = f"{sum(c.params for c in costs):,}", f"{sum(c.macs for c in costs):,}"
        rows.append((name, *counts, " ".join(shapes), loaded.name))
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    for name, params, macs, shape, title in rows:
        line = f"{name:{widths[0]}}  {params:>{widths[1]}}  {macs:>{widths[2]}}  "
        click.echo(f"{line}{shape:{widths[3]}}  {title}".rstrip())
    click.echo(f"\nTemplates and libraries, for extends and include: {', '.join(others)}")
