"""``cnncalc explain``."""

import re
from collections.abc import Iterator

import click
from click.shell_completion import CompletionItem

from ..report.error import ReportError
from .options import Given, SpecType, input_option, set_option
from .output import fail, terminal_width, usage_error


class SubjectType(SpecType):
    """A spec, a layer kind or a finding."""

    name = "what"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from ..diagnostics import RULES
        from ..layers import kinds

        words = [*kinds(), *RULES, *(rule.code for rule in RULES.values())]
        found = [CompletionItem(word) for word in sorted(words) if word.startswith(incomplete)]
        return super().shell_complete(ctx, param, incomplete) + found


class LayerType(click.ParamType):  # type: ignore[type-arg]
    """A layer of the spec that stands before it on the command line."""

    name = "layer"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from ..spec import load

        graph = load(ctx.params["what"]).graph if ctx.params.get("what") else None
        names = [node.name for node in graph.nodes] if graph else []
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


@click.command(name="explain")
@click.argument("what", type=SubjectType(), required=False)
@click.argument("layer", type=LayerType(), required=False)
@input_option
@set_option
def command(
    what: str | None, layer: str | None, shape: Given, settings: tuple[tuple[str, str], ...]
) -> None:
    """Derive every number of a layer; document a kind or a finding.

    \b
    cnncalc explain vgg16 conv1_1    a layer of a spec; of a dotted name its end will do
    cnncalc explain conv2d           a layer kind: options, formulas, example
    cnncalc explain CNN203           a finding, by code or name
    cnncalc explain                  the names of all kinds and findings
    """
    width = terminal_width()
    try:
        if what is None:
            text = "\n".join(contents(width))
        elif layer is None:
            text = reference(what, width)
        else:
            text = layer_text(what, layer, shape, dict(settings), width)
    except ReportError as error:
        raise usage_error(error.message, error.hint) from None
    click.echo(text.rstrip("\n"))


def layer_text(spec: str, name: str, shape: Given, values: dict[str, str], width: int) -> str:
    """The derivation of a layer. Raises ReportError; exits for a spec with errors."""
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
    from ..report.reference import explain_kind
    from ..report.rule_page import explain_rule
    from ..spec import builtin_names

    if find(what) is not None:
        return explain_kind(what, width=width)
    if what in RULES or what.upper() in {rule.code for rule in RULES.values()}:
        return explain_rule(what, width=width)
    if what in builtin_names() or re.search(r"\.ya?ml$", what):
        raise ReportError(
            f"which layer of {what} is to be explained?",
            f"cnncalc explain {what} LAYER; cnncalc summarize {what} lists them",
        )
    hint = did_you_mean(what, [*kinds(), *RULES])
    raise ReportError(
        f"there is no kind and no finding called {what}", f"{hint} see all: cnncalc explain".strip()
    )


def contents(width: int) -> Iterator[str]:
    """What there is to explain: kinds by name, findings by code."""
    from itertools import groupby
    from textwrap import wrap

    from ..diagnostics import RULES
    from ..layers import kinds

    families = groupby(sorted(kinds()), key=lambda kind: re.sub(r"[1-3]d$", "", kind))
    names = (first + "".join(f"/{kind[-2:]}" for kind in more) for _, (first, *more) in families)
    yield "Layer kinds (cnncalc explain conv2d)"
    yield from wrap(", ".join(names), max(width, 40), initial_indent="  ", subsequent_indent="  ")
    yield ""
    yield "Findings (cnncalc explain CNN203)"
    column = max(map(len, RULES))
    for rule in RULES.values():
        yield f"  {rule.code}  {rule.name:{column}}  {rule.summary}"
    yield ""
    yield "Layers of a network: cnncalc explain vgg16 conv1_1"
