"""Findings as a person reads them: where, what, and the line of the file with the place marked.

Nothing from a file reaches the terminal unescaped, and no line is longer than it must be.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from ..terminal import cells, printable, width
from .diagnostic import Diagnostic, Span
from .rules import Severity

#: What ends a line for YAML 1.1, and so for the lines of a span.
_LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
#: Characters of a source line that are shown, and how many of them before the finding.
_WINDOW, _BEFORE = 100, 60
_TAB = "    "

_COLORS: dict[Severity, str] = {"error": "1;31", "warning": "1;33", "note": "1;36"}
_BOLD, _DIM = "1", "2"


def render(
    findings: Iterable[Diagnostic],
    sources: Mapping[str, str],
    *,
    color: bool = False,
    after: str = "",
) -> str:
    """All findings by place, each with its excerpt, and how many there are, with ``after`` behind
    it; ends in a newline.

    ``sources`` maps the path of a span to the text of the file; a finding whose text is not
    there comes without an excerpt.
    """
    ordered = sorted(findings, key=position)
    lines = report(ordered, sources, color=color)
    return "\n".join([*lines, summary(ordered, color=color) + after]) + "\n"


def report(
    findings: Iterable[Diagnostic], sources: Mapping[str, str], *, color: bool = False
) -> list[str]:
    """The lines of findings, in the order given."""
    files = _Lines(sources)
    return [line for finding in findings for line in _one(finding, files, color)]


def position(finding: Diagnostic) -> tuple[str, int, int]:
    """What findings are sorted by: path, line, column; those without a place come first."""
    span = finding.span
    return (span.path, span.line, span.column) if span else ("", 0, 0)


def summary(findings: Sequence[Diagnostic], *, color: bool = False) -> str:
    """``2 errors, 1 warning in 3 files``, or ``ok``."""
    if not findings:
        return _paint("ok", "1;32", color)
    counts = Counter(finding.severity for finding in findings)
    said = ", ".join(plural(counts[severity], severity) for severity in _COLORS if counts[severity])
    files = len({finding.span.path for finding in findings if finding.span})
    return f"{said} in {plural(files, 'file')}" if files else said


def plural(count: int, word: str) -> str:
    """``1 error``, ``2 errors``."""
    return f"{count:,} {word}{'s' * (count != 1)}"


def _paint(text: str, code: str, color: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if color else text


def place(span: Span) -> str:
    """``vgg.yaml:4:5``."""
    return f"{printable(span.path)}:{span.line}:{span.column}"


def hint(finding: Diagnostic) -> list[str]:
    """The lines of the hint, the first one after ``hint:`` and the others below its text."""
    lines = finding.hint.split("\n") if finding.hint else []
    return [f"{'      ' if at else 'hint: '}{printable(line)}" for at, line in enumerate(lines)]


class _Lines:
    """The lines of the sources; a file is split once, however many findings it has."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self.sources = sources
        self.split: dict[str, list[str]] = {}

    def get(self, path: str, number: int) -> str | None:
        if path not in self.sources:
            return None
        if path not in self.split:
            self.split[path] = _LINE_END.split(self.sources[path])
        lines = self.split[path]
        return lines[number - 1] if 0 < number <= len(lines) else None


def _one(finding: Diagnostic, files: _Lines, color: bool) -> list[str]:
    rule, span = finding.rule, finding.span
    where = _paint(f"{place(span)}: ", _BOLD, color) if span else ""
    severity = _paint(rule.severity, _COLORS[rule.severity], color)
    lines = [f"{where}{severity} {rule.code} {rule.name}: {printable(finding.message)}"]
    margin = "      "
    if span and (line := files.get(span.path, span.line)) is not None:
        gutter = f"{span.line:>5} | "
        margin = " " * (len(gutter) - 1)
        excerpt, before, marked = _excerpt(line, span)
        lines.append((_paint(gutter, _DIM, color) + excerpt).rstrip())
        caret = _paint("^" * marked, _COLORS[rule.severity], color)
        lines.append(f"{_paint(margin[:-1] + '|', _DIM, color)} {' ' * before}{caret}")
    lines += [f"{margin[:6]}{line}" for line in hint(finding)]
    lines += [f"{margin[:6]}{place(span)}: {printable(text)}" for span, text in finding.related]
    return lines


def _excerpt(line: str, span: Span) -> tuple[str, int, int]:
    """What to show of a line, and in columns: how far before the marked part, and its width.

    At least one column is marked, also past the end of a line.
    """
    first = min(span.column - 1, len(line))
    last = span.end_column - 1 if span.end_line == span.line else len(line)
    last = max(first, min(last, len(line)))
    begin = max(0, first - _BEFORE) if len(line) > _WINDOW else 0
    end = min(len(line), begin + _WINDOW)
    shown = [_TAB if line[at] == "\t" else next(cells(line[at])) for at in range(begin, end)]
    cut = "..." if begin else ""
    before = len(cut) + sum(map(width, shown[: first - begin]))
    marked = sum(map(width, shown[first - begin : last - begin]))
    tail = "..." if end < len(line) else ""
    return cut + "".join(shown) + tail, before, max(1, marked)
