"""Findings: the table of rules, the finding itself, and renderers that are pure functions."""

from .diagnostic import Diagnostic, Findings, Related, Span, TooManyErrors, closest, did_you_mean
from .rules import RULES, Rule, Severity

__all__ = [
    "RULES",
    "Diagnostic",
    "Findings",
    "Related",
    "Rule",
    "Severity",
    "Span",
    "TooManyErrors",
    "closest",
    "did_you_mean",
]
