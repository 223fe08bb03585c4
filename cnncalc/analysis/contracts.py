"""``expect``: the contracts a spec makes about its own numbers."""

from collections.abc import Mapping
from typing import Any

from ..diagnostics import Findings, Span
from ..layers import show_shape
from .summary import Summary, Totals

_RULES = {"params": "expect-params", "macs": "expect-macs", "output": "expect-output"}


def check_contracts(
    expect: Mapping[str, tuple[Any, Span]], summary: Summary, findings: Findings
) -> None:
    """Add a finding for each contract that is broken.

    ``expect`` has the keys ``params``, ``macs``, ``output`` (one shape, or a list of shapes) and
    ``training.params``, ``training.macs``: of the network with its training heads.
    """
    for key, (wanted, span) in expect.items():
        word = key.removeprefix("training.")
        totals = (summary.training_totals or summary.totals) if word != key else summary.totals
        if word == "output":
            _check_output(wanted, span, totals, findings)
        elif type(wanted) is not int:
            message = f"{key} is {wanted!r}; allowed: the exact whole number"
            findings.report("bad-value", message, span)
        elif wanted != (found := getattr(totals, word)):
            message = f"{key} is {found:,}, and {wanted:,} is expected ({found - wanted:+,})"
            findings.report(_RULES[word], message, span)


def _check_output(wanted: Any, span: Span, totals: Totals, findings: Findings) -> None:
    several = isinstance(wanted, list) and bool(wanted) and isinstance(wanted[0], list)
    shapes = wanted if several else [wanted]
    if not all(
        isinstance(shape, list) and all(type(size) is int for size in shape) for shape in shapes
    ):
        message = "output is no shape; allowed: [channels, height, width], or a list of shapes"
        findings.report("bad-value", message, span)
        return
    found = totals.outputs if several or len(totals.outputs) > 1 else (totals.output,)
    if [tuple(shape) for shape in shapes] != list(found):
        is_, expected = (", ".join(map(show_shape, s)) for s in (found, map(tuple, shapes)))
        message = f"the output is {is_}, and {expected} is expected"
        findings.report("expect-output", message, span)
