"""``cnncalc explain``."""

import re

import click

from ..report.error import ReportError
from .options import SpecType, fail, input_option, set_option, terminal_width


@click.command(name="explain")
@click.argument("what", type=SpecType())
@click.argument("layer", required=False)
@input_option
@set_option
def command(
    what: str, layer: str | None, shape: tuple[int, ...] | None,
    settings: tuple[tuple[str, str], ...],
) -> None:  # fmt: skip
    """Derive every number of a layer; document a kind or a finding.

    \b
    cnncalc explain vgg16 conv1_1    a layer of a spec (any unique ending of its name)
    cnncalc explain conv2d           a layer kind: options, formulas, example
    cnncalc explain CNN203           a finding, by code or name
    """
    width = terminal_width()
    try:
        if layer is not None:
            click.echo(layer_text(what, layer, shape, dict(settings), width), nl=False)
        else:
            click.echo(reference(what, width).rstrip("\n"))
    except ReportError as error:
        raise click.UsageError(str(error)) from None


def layer_text(
    spec: str, name: str, shape: tuple[int, ...] | None, values: dict[str, str], width: int
) -> str:
    from ..api import report_unusable, summary_of
    from ..report.explain import explain_layer
    from ..report.query import find_layer
    from ..spec import load

    loaded = load(spec, values=values, shape=shape)
    report_unusable(loaded)
    if loaded.findings.failed or loaded.graph is None:
        fail(loaded)
    nodes = {node.name: node for node in loaded.graph.nodes}
    node = nodes[find_layer(nodes, name)]
    return explain_layer(loaded.graph, node, summary_of(loaded), width=width)


def reference(what: str, width: int) -> str:
    """The page of a kind or a finding. Raises ReportError."""
    from ..diagnostics import RULES, did_you_mean
    from ..layers import find, kinds
    from ..report.reference import explain_kind, explain_rule
    from ..spec import builtin_names

    if find(what) is not None:
        return explain_kind(what, width=width)
    if what in RULES or re.fullmatch(r"(?i)CNN\d+", what):
        return explain_rule(what, width=width)
    if what in builtin_names() or what.endswith((".yaml", ".yml")):
        raise ReportError(f"which layer of {what}?", f"cnncalc explain {what} LAYER")
    hint = did_you_mean(what, [*kinds(), *RULES])
    raise ReportError(f"there is no kind and no finding called {what}", hint)
