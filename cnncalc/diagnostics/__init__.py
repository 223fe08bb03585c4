"""Findings: the table of rules, the finding itself, and renderers that are pure functions."""

from .diagnostic import (
    Diagnostic,
    Edit,
    Findings,
    Fix,
    Related,
    Span,
    TooManyErrors,
    closest,
    did_you_mean,
)
from .rules import RULES, Rule, RuleOption, Severity

__all__ = [
    "RULES",
    "Diagnostic",
    "Edit",
    "Findings",
    "Fix",
    "Related",
    "Rule",
    "RuleOption",
    "Severity",
    "Span",
    "TooManyErrors",
    "closest",
    "did_you_mean",
]
