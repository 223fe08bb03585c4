"""What a finding is known by when the lines around it have moved."""

from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import sha256

from .diagnostic import Diagnostic, Span

#: Characters that code scanning looks at, from the start of the line.
_WINDOW = 100
#: Characters of a line that tell it from others: each of its findings looks at them.
_LONGEST = 1_000
_BASE, _MODULUS = 37, 2**64
_END = 0xFFFF


class Fingerprints:
    """The fingerprints of findings, to be asked for in the order of the report."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._files = {path: _File(text) for path, text in sources.items()}
        self._seen: Counter[tuple[str, str, str]] = Counter()

    def of(self, finding: Diagnostic) -> dict[str, str]:
        """``cnncalc/v1``: the rule, the text of the line, and which of those in the file it is;
        ``primaryLocationLineHash``: what GitHub's code scanning would compute, and looks at.

        Neither has the path or the number of the line in it: a file may be renamed.
        """
        span = finding.span
        file = self._files.get(span.path) if span else None
        line = file.line(span) if file and span else finding.message
        place = (span.path if span else "", finding.rule.code, line)
        self._seen[place] += 1
        text = f"{finding.rule.code}\n{line}\n{self._seen[place]}"
        found = {"cnncalc/v1": sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32]}
        if file and span and (hashed := file.line_hash(span)):
            found["primaryLocationLineHash"] = hashed
        return found


class _File:
    """The lines of a file, and the window of code scanning at each."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._hashed: list[tuple[str, int]] = []

    def line(self, span: Span) -> str:
        """The text of the first line of a span, each run of blanks as one."""
        inside = 0 < span.line <= len(self._lines)
        return " ".join(self._lines[span.line - 1][:_LONGEST].split()) if inside else ""

    def line_hash(self, span: Span) -> str:
        """``hash:occurrence`` of the first line of a span; "" for a line that is not there.

        The hash is that of github/codeql-action, src/fingerprints.ts: of the next 100 characters
        of the file, blanks left out.
        """
        if not 0 < span.line <= len(self._lines):
            return ""
        self._hashed = self._hashed or list(_windows(self._lines))
        window, occurrence = self._hashed[span.line - 1]
        return f"{_polynomial(window):x}:{occurrence}"


def _windows(lines: list[str]) -> Iterator[tuple[str, int]]:
    """What is hashed for each line, and how often it was there so far."""
    blanks = str.maketrans("", "", " \t")
    dense = [line.translate(blanks) for line in lines]
    text = "\n".join(dense)
    seen: Counter[str] = Counter()
    start = 0
    for line in dense:
        window = text[start : start + _WINDOW]
        seen[window] += 1
        yield window, seen[window]
        start += len(line) + 1


def _polynomial(text: str) -> int:
    """The hash of the UTF-16 of a window, to which the end of the file and zeros are added."""
    data = text.encode("utf-16-le", "surrogatepass")
    units = [int.from_bytes(data[at : at + 2], "little") for at in range(0, len(data), 2)]
    units = [*units, _END, *[0] * _WINDOW][:_WINDOW]
    value = 0
    for unit in units:
        value = (value * _BASE + unit) % _MODULUS
    return value
