"""Comments to cnncalc in the text of a spec: ``# cnncalc: ignore CNN501``."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import yaml

from ..diagnostics import RULES, Diagnostic, Rule, Span, did_you_mean
from ..spec.document import Document
from ..spec.yaml_text import LOADER

#: More rules than this are not named by the comments of a file.
MOST = 1_000
#: A longer word is the name of no rule.
LONGEST = 60
#: What a comment to cnncalc may start with.
WORDS = ("ignore", "ignore-file")

_ADDRESS = re.compile(r"#\s*cnncalc:")
_COMMENT = re.compile(r"#\s*cnncalc:[ \t]*(?P<word>[\w-]*)[:=]?(?P<rest>[^\r\n\x85\u2028\u2029]*)")
_WORD = re.compile(r"[^\s,]+")
_NOTHING = re.compile(r"\s*(#|$)")
_CODE = re.compile(r"CNN\d+", re.IGNORECASE)


class Suppression(NamedTuple):
    """A rule whose findings a comment hides: on a line of its file, or (None) in all of it.
    ``span`` is where the comment names the rule."""

    rule: Rule
    line: int | None
    span: Span


def suppressions(path: str, text: str) -> tuple[list[Suppression], list[Diagnostic]]:
    """What the comments in a text suppress, and what is wrong with them."""
    found, wrong = list[Suppression](), list[Diagnostic]()
    if not _ADDRESS.search(text):
        return found, wrong
    document = Document(path, text)
    said = (item for comment, line in comments(document) for item in read(document, comment, line))
    for item in islice(said, MOST):
        if isinstance(item, Suppression):
            found.append(item)
        else:
            wrong.append(item)
    for item in islice(said, 1):
        message = f"comments to cnncalc name more than {MOST:,} rules; the others are not read"
        wrong.append(Diagnostic(RULES["limit"], message, item.span))
    return found, wrong


def comments(document: Document) -> Iterator[tuple[re.Match[str], int]]:
    """The comments to cnncalc, each with the line that it is about.

    A # inside a scalar is no comment, so the places of YAML's tokens decide. A comment on a line
    of its own is about the next line on which something stands.
    """
    spans = scalars(document)
    starts = [start for start, _ in spans]
    about = 0
    for comment in _COMMENT.finditer(document.text):
        line, column = document.position(comment.start())
        before = bisect_right(starts, (line, column)) - 1
        if before >= 0 and (line, column) < spans[before][1]:
            continue
        about = max(about, line)
        while about < len(document.starts) and _NOTHING.match(document.line(about)):
            about += 1
        yield comment, about


def scalars(document: Document) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """From where to where the scalars of a text stand; up to its first error of YAML.

    The first line of a block scalar (``|``) is none of it: a comment may stand there.
    """
    found = []
    try:
        for token in yaml.scan(document.text, Loader=LOADER):
            if isinstance(token, yaml.ScalarToken):
                start, end = token.start_mark, token.end_mark
                if token.style in ("|", ">"):
                    first = (start.line + 2, 1)
                else:
                    first = (start.line + 1, start.column + 1)
                found.append((first, (end.line + 1, end.column + 1)))
    except (yaml.YAMLError, UnicodeEncodeError):
        pass  # the loader says so
    return found


def read(
    document: Document, comment: re.Match[str], line: int
) -> Iterator[Suppression | Diagnostic]:
    """What a comment says: rules with commas between them, then perhaps a reason."""
    at = document.position(comment.start())
    whole = document.span(*at, len(comment[0].rstrip()))
    word = comment["word"].lower()
    if word not in WORDS:
        said = word[:LONGEST] or "nothing"
        message = f"a comment to cnncalc says {said}; allowed: {' and '.join(WORDS)}"
        yield bad(message, whole, did_you_mean(word[:LONGEST], WORDS) or "# cnncalc: ignore CNN501")
        return
    end = 0
    for name in _WORD.finditer(comment["rest"]):
        another = not end or "," in comment["rest"][end : name.start()]
        rule = find(name[0])
        if rule is None and not another and not _CODE.fullmatch(name[0]):
            break  # the reason
        end = name.end()
        offset = comment.start("rest") + name.start()
        place = document.span(*document.position(offset), len(name[0]))
        if rule is None:
            message, hint = unknown(name[0][:LONGEST])
            yield bad(message, place, hint)
        elif rule.severity == "error":
            message = f"{rule.code} {rule.name} is an error, and errors cannot be suppressed"
            yield Diagnostic(RULES["suppressed-error"], message, place, "repair it instead")
        else:
            yield Suppression(rule, line if word == "ignore" else None, place)
    if not end:
        message = f"{word} names no rule; a comment says exactly what it hides"
        yield bad(message, whole, f"# cnncalc: {word} CNN501, CNN301")


def bad(message: str, span: Span, hint: str) -> Diagnostic:
    return Diagnostic(RULES["bad-suppression"], message, span, hint)


def find(name: str) -> Rule | None:
    """The rule of a code or a name."""
    return next(
        (rule for rule in RULES.values() if name in (rule.name, rule.code) or
         name.upper() == rule.code), None,
    )  # fmt: skip


def unknown(name: str) -> tuple[str, str]:
    if _CODE.fullmatch(name) and any(r.code.startswith(name.upper()) for r in RULES.values()):
        return f"{name} is the beginning of codes, and a comment names each rule", ""
    codes = [rule.code for rule in RULES.values()]
    upper = name.upper() if name[:3].upper() == "CNN" else name
    return f"no rule is called {name}", did_you_mean(upper, [*codes, *RULES])
