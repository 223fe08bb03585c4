"""What a rule is: a kind of finding, and what it may be told."""

from typing import Literal, NamedTuple

Severity = Literal["error", "warning", "note"]


class RuleOption(NamedTuple):
    """A whole number that a rule can be given, from ``least`` upwards."""

    name: str
    default: int
    least: int
    text: str


class Rule(NamedTuple):
    """A kind of finding. ``explanation`` is what ``cnncalc explain CODE`` prints: paragraphs with
    an empty line between them; lines that are indented keep their form.

    ``default``: whether it is looked for unless a user says otherwise. Errors always are.
    """

    code: str
    name: str
    severity: Severity
    summary: str
    explanation: str
    options: tuple[RuleOption, ...] = ()
    default: bool = True
