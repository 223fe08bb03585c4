"""Findings as workflow commands of GitHub Actions, which become annotations of the changed lines.

https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
"""

from collections import Counter
from collections.abc import Iterable

from ..terminal import printable
from .checkout import UNKNOWN, Checkout
from .diagnostic import Diagnostic, Span
from .rules import Severity
from .text import hint, place, position, summary

_COMMANDS: dict[Severity, str] = {"error": "error", "warning": "warning", "note": "notice"}
#: Annotations of each of the three sorts that GitHub shows of one step.
MOST_SHOWN = 10


def render(findings: Iterable[Diagnostic], checkout: Checkout = UNKNOWN, *, after: str = "") -> str:
    """A command for each finding, then a line for the log: how many there are, and ``after``.

    GitHub takes paths from the top of the repository, which ``checkout`` knows.
    """
    ordered = sorted(findings, key=position)
    lines = [_command(finding, checkout) for finding in ordered]
    lines.append(summary(ordered) + after)
    if max(Counter(finding.severity for finding in ordered).values(), default=0) > MOST_SHOWN:
        lines.append(
            f"GitHub shows {MOST_SHOWN} errors, {MOST_SHOWN} warnings and {MOST_SHOWN} notices of "
            "a step; the log has all."
        )
    return "\n".join(lines) + "\n"


def _command(finding: Diagnostic, checkout: Checkout) -> str:
    properties = {"title": f"cnncalc {finding.rule.code} {finding.rule.name}"}
    span = finding.span
    path = checkout.path(span.path) if span else None
    if span and path is not None:
        properties |= {"file": printable(path)} | _region(span)
    shown = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{_COMMANDS[finding.severity]} {shown}::{_data(_message(finding))}"


def _region(span: Span) -> dict[str, str]:
    """Lines, and columns where the lines are one: of others GitHub drops them.

    The last column is part of the region, as in GitHub's own example of the Checks API.
    """
    # A span that ends before the first character of a line has nothing of that line.
    end_line = max(span.line, span.end_line - (span.end_column == 1))
    region = {"line": str(span.line), "endLine": str(end_line)}
    if span.end_line == span.line:
        last = max(span.column, span.end_column - 1)
        region |= {"col": str(span.column), "endColumn": str(last)}
    return region


def _message(finding: Diagnostic) -> str:
    """The log shows this alone, so it says the place again."""
    where = f"{place(finding.span)}: " if finding.span else ""
    lines = [where + printable(finding.message), *hint(finding)]
    lines += [f"{place(span)}: {printable(text)}" for span, text in finding.related]
    return "\n".join(lines)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
