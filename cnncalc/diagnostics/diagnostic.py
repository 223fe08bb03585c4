"""A finding is data: which rule, where, what is, what is allowed, what to do."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple

from .rules import RULES, Rule, Severity


class Span(NamedTuple):
    """A stretch of a file. Lines and columns count from 1, in characters; the end is past the
    last character. ``path`` is the path as the user gave it, ``-`` for standard input."""

    path: str
    line: int
    column: int
    end_line: int
    end_column: int


class Related(NamedTuple):
    """Another place that belongs to a finding, and what it has to do with it."""

    span: Span
    text: str


class Diagnostic(NamedTuple):
    """One finding."""

    rule: Rule
    message: str
    span: Span | None = None
    hint: str = ""
    related: tuple[Related, ...] = ()

    @property
    def severity(self) -> Severity:
        return self.rule.severity


class Findings(list[Diagnostic]):
    """A list of findings that knows how to add one by its rule's name."""

    def __init__(self, findings: Iterable[Diagnostic] = ()) -> None:
        super().__init__(findings)
        self._known = set(self)

    def append(self, finding: Diagnostic) -> None:
        super().append(finding)
        self._known.add(finding)

    def extend(self, findings: Iterable[Diagnostic]) -> None:
        for finding in findings:
            self.append(finding)

    def report(
        self,
        rule: str,
        message: str,
        span: Span | None = None,
        *,
        hint: str = "",
        related: Iterable[Related] = (),
    ) -> None:
        """Add a finding, unless the very same one stands already (a repeated entry)."""
        finding = Diagnostic(RULES[rule], message, span, hint, tuple(related))
        if finding not in self._known:
            self.append(finding)

    @property
    def failed(self) -> bool:
        """Whether there is an error among them."""
        return any(finding.severity == "error" for finding in self)


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """``did you mean padding?``, or, where nothing is close, what there is to choose from."""
    choices = list(choices)
    close = get_close_matches(word, choices, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]}?"
    if 0 < len(choices) <= 12:
        return "allowed: " + ", ".join(choices)
    return ""
