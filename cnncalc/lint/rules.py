"""The rules, each a row: what it looks at, and the function that knows."""

from collections.abc import Callable, Iterator

from ..diagnostics import RULES, Diagnostic, Findings
from ..spec import Loaded
from . import names
from .alignment import unaligned_channels
from .bias import bias_before_norm
from .fields import field_exceeds_input, saturated_field
from .kernels import dead_kernel
from .linearity import stacked_linear
from .network import Found, Network, report
from .repetition import repeated_entries
from .settings import Settings

#: Rules about a network, by name.
NETWORK: dict[str, Callable[[Network], Iterator[Found]]] = {
    "bias-before-norm": bias_before_norm,
    "stacked-linear": stacked_linear,
    "dead-kernel": dead_kernel,
    "saturated-field": saturated_field,
    "field-exceeds-input": field_exceeds_input,
    "unaligned-channels": unaligned_channels,
}
#: Rules about what a spec defines; one pass finds them all.
NAMES = frozenset(["unused-block", "unused-parameter", "unused-column", "unused-include"])
#: The rule about entries that a repeat would say once.
REPEATED = "repeated-entries"


def lint(loaded: Loaded, settings: Settings) -> list[Diagnostic]:
    """What the rules find that are on. Nothing for a spec with errors; of a template, what its
    text alone says."""
    findings = Findings()

    def wanted(rule: str) -> bool:
        return settings.enabled(RULES[rule])

    if loaded.graph is not None:
        network = Network(loaded.graph, settings)
        for rule, check in NETWORK.items():
            if wanted(rule):
                report(rule, check(network), findings)
    names.report(loaded, frozenset(filter(wanted, NAMES)), findings)
    if wanted(REPEATED):
        for message, span, hint in repeated_entries(loaded, settings.option(REPEATED, "lines")):
            findings.report(REPEATED, message, span, hint=hint)
    return findings
