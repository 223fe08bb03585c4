"""A finding is data: which rule, where, what is, what is allowed, what to do."""

from collections.abc import Iterable
from itertools import islice
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


class Edit(NamedTuple):
    """What to write in the place of a stretch of a file; an empty stretch inserts."""

    span: Span
    text: str


class Fix(NamedTuple):
    """The one safe way to mend a finding: what it does, ``write conv2d``, and how."""

    text: str
    edits: tuple[Edit, ...]


class Diagnostic(NamedTuple):
    """One finding."""

    rule: Rule
    message: str
    span: Span | None = None
    hint: str = ""
    related: tuple[Related, ...] = ()
    fix: Fix | None = None

    @property
    def severity(self) -> Severity:
        return self.rule.severity


#: Comparing a word with 100,000 others would take seconds.
MAX_CHOICES = 2_000


class TooManyErrors(Exception):
    """A spec has as many errors as anybody looks for."""


class Findings(list[Diagnostic]):
    """A list of findings that knows how to add one by its rule's name.

    With a ``limit``, adding raises TooManyErrors once there are so many errors.
    """

    def __init__(self, findings: Iterable[Diagnostic] = (), limit: int | None = None) -> None:
        super().__init__(findings)
        self._limit = limit
        self._known = set(self)
        self._errors = sum(finding.severity == "error" for finding in self)

    def append(self, finding: Diagnostic) -> None:
        super().append(finding)
        self._known.add(finding)
        self._errors += finding.severity == "error"
        if self._errors == self._limit:
            message = f"{self._limit:,} errors; there may be more, which were not looked for"
            super().append(Diagnostic(RULES["limit"], message, finding.span))
            raise TooManyErrors

    def take(self) -> list[Diagnostic]:
        """All findings so far, which are no longer in it then."""
        taken = list(self)
        self.clear()
        self._known.clear()
        self._errors = 0
        return taken

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
        fix: Fix | None = None,
    ) -> None:
        """Add a finding, unless the very same one stands already (a repeated entry)."""
        finding = Diagnostic(RULES[rule], message, span, hint, tuple(related), fix)
        if finding not in self._known:
            self.append(finding)

    @property
    def failed(self) -> bool:
        """Whether there is an error among them."""
        return self._errors > 0


def closest(word: str, choices: Iterable[str]) -> str | None:
    """The choice that a word was most likely meant to be; None if none is close.

    Swapped letters come first, then a choice that starts with the word, then the most alike.
    """
    from difflib import get_close_matches

    close = get_close_matches(word, choices, n=9, cutoff=0.6)
    swapped = [choice for choice in close if sorted(choice) == sorted(word)]
    begun = [choice for choice in close if choice.startswith(word)]
    return next(iter(swapped or sorted(begun) or close), None)


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """``did you mean padding?``, or, where nothing is close, what there is to choose from."""
    if isinstance(choices, set | frozenset):  # whose order differs from run to run
        choices = sorted(choices)
    choices = list(islice(choices, MAX_CHOICES))
    close = closest(word, choices)
    if close is not None:
        return f"did you mean {close}?"
    if 0 < len(choices) <= 12:
        return "allowed: " + ", ".join(choices)
    return ""
