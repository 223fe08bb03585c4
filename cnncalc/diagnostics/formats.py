"""The formats of a list of findings, one pure renderer each."""

from collections.abc import Iterable, Mapping, Sequence

from .checkout import UNKNOWN, Checkout
from .diagnostic import Diagnostic
from .text import plural

#: The formats, and what each is for.
FORMATS = {
    "auto": "github in GitHub Actions, else text",
    "text": "for people, with the line of each finding",
    "json": "for programs: every finding, notes too",
    "github": "annotations in GitHub Actions",
    "sarif": "for code scanning and editors",
    "junit": "for GitLab, Jenkins, Azure: each spec is a test case",
}
#: What a file's ending says of its format.
ENDINGS = {".json": "json", ".sarif": "sarif", ".xml": "junit"}


def choose(format: str, environ: Mapping[str, str]) -> str:  # noqa: A002 - the command line's word
    """The format that ``auto`` stands for; any other is itself.

    Of the systems of CI only GitHub reads findings from the log. GitLab, Jenkins and Azure read
    a file, which ``-o`` writes, and a person reads their log: they get text.
    """
    if format != "auto":
        return format
    return "github" if environ.get("GITHUB_ACTIONS") == "true" else "text"


def render(
    format: str,  # noqa: A002 - the command line's word
    findings: Iterable[Diagnostic],
    sources: Mapping[str, str],
    *,
    color: bool = False,
    specs: Sequence[str] = (),
    hidden: int = 0,
    strict: bool = False,
    checkout: Checkout = UNKNOWN,
    version: str = "",
    rules_page: str = "",
) -> str:
    """The findings in one of `FORMATS`, but ``auto``; ends in a newline.

    ``sources`` has the text of each file, for excerpts; ``specs`` are what was checked, and
    ``hidden`` is how many notes were left out. ``strict``: every finding fails, not only errors.
    ``checkout`` is where the files are, ``version`` that of cnncalc; for ``rules_page`` see
    `sarif`.
    """
    match format:
        case "json":
            from . import json

            return json.render(findings)
        case "github":
            from . import github

            return github.render(findings, checkout, after=counted(specs, hidden))
        case "sarif":
            from . import sarif

            return sarif.render(findings, sources, checkout, version=version, rules_page=rules_page)
        case "junit":
            from . import junit

            return junit.render(findings, sources, specs, checkout, strict=strict)
        case _:
            from . import text

            return text.render(findings, sources, color=color, after=counted(specs, hidden))


def counted(specs: Sequence[str], hidden: int) -> str:
    """`` (10 specs checked; 2 notes with --notes)``, after the number of findings."""
    if not specs:
        return ""
    notes = f"; {plural(hidden, 'note')} with --notes" if hidden else ""
    return f" ({plural(len(specs), 'spec')} checked{notes})"
