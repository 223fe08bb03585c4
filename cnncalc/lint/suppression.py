"""From what was found to what is reported: settings, then the comments of the specs."""

from collections.abc import Collection, Iterable, Mapping

from ..diagnostics import RULES, Diagnostic, Findings
from ..spec.document import Document
from .comments import Suppression, suppressions
from .removal import removal
from .settings import Settings


def suppressed(
    findings: Iterable[Diagnostic],
    sources: Mapping[str, str],
    settings: Settings,
    *,
    whole: Collection[str] = (),
) -> Findings:
    """The findings that are wanted and not suppressed, with the severities of the settings, and
    those about the suppressions themselves.

    ``sources`` are the texts by path, ``whole`` the paths of the specs of which all findings are
    known: there a suppression without one is unused. In a file that others extend or include,
    or that has errors, it may be for another time.
    """
    told: dict[tuple[str, str, int | None], list[Suppression]] = {}
    kept, about = list[Diagnostic](), list[Diagnostic]()
    for path, text in sources.items():
        found, wrong = suppressions(path, text)
        about += wrong
        for item in found:
            told.setdefault((path, item.rule.name, item.line), []).append(item)
    used = set[Suppression]()
    for finding in findings:
        hiding = hidden_by(finding, told)
        used.update(hiding)
        if not hiding and settings.enabled(finding.rule):
            kept.append(finding)
    documents = {path: Document(path, sources[path]) for path in whole if path in sources}
    for item in (item for items in told.values() for item in items):
        if item.span.path in documents and item not in used and settings.enabled(item.rule):
            where = "in this file" if item.line is None else "here"
            message = f"{item.rule.code} {item.rule.name} is not found {where}"
            hint = "remove it from the comment"
            fix = removal(documents[item.span.path], item.span)
            rule = RULES["unused-suppression"]
            about.append(Diagnostic(rule, message, item.span, hint, fix=fix))
    kept += (finding for finding in about if settings.enabled(finding.rule))
    return Findings(finding._replace(rule=settings.weigh(finding.rule)) for finding in kept)


def hidden_by(
    finding: Diagnostic, told: Mapping[tuple[str, str, int | None], list[Suppression]]
) -> list[Suppression]:
    """The suppressions that a finding falls under: its line is the one on which it starts. There
    are none of errors."""
    if finding.span is None:
        return []
    path, line = finding.span.path, finding.span.line
    return [item for on in (line, None) for item in told.get((path, finding.rule.name, on), ())]
