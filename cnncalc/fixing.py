"""Repair what has one safe fix: ``check --fix``.

A fix is only kept if the spec, and every other spec that reads the file, checks better with it: an
error less and none that was not there before; or, of a spec without errors, a finding less and none
that was not there. So a fix that was wrong (the numbers are not what the spec expects) or that
brings something else to light changes no file.
"""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from .checking import Checker, Report, Wanted
from .diagnostics import Diagnostic, Edit, Fix
from .spec.edits import apart, apply
from .spec.files import shown

#: A fix may bring to light what can be fixed, too, but not for ever.
MAX_ROUNDS = 20


class Refused(NamedTuple):
    """A finding that has a fix, and what would be found with it."""

    finding: Diagnostic
    found: Diagnostic


class Repairs(NamedTuple):
    """What was repaired, nothing of it written yet: ``texts`` are the new texts by path, and
    ``edits`` how to get there, for each path a list of steps."""

    fixed: list[Diagnostic]
    refused: list[Refused]
    texts: dict[str, str]
    edits: dict[str, list[list[Edit]]]
    before: dict[str, str]


def repair(specs: Sequence[str], wanted: Wanted) -> Repairs:
    """Repair the specs that are files, or ``-``; never built-in architectures, nor files that are
    only included or extended."""
    return _Repair(specs, wanted).run()


class _Repair:
    def __init__(self, specs: Sequence[str], wanted: Wanted) -> None:
        self.wanted = wanted
        self.texts = dict(wanted.texts)
        self.reports = {report.spec: report for report in self.checked(specs, {})}
        self.paths = {
            "-" if spec == "-" else shown(Path(spec))
            for spec in specs if spec == "-" or os.path.isfile(spec)
        }  # fmt: skip
        self.edits: dict[str, list[list[Edit]]] = {}
        self.before: dict[str, str] = {}
        self.fixed: dict[Diagnostic, None] = {}
        self.refused: dict[Diagnostic, Diagnostic] = {}

    def checked(self, specs: Iterable[str], texts: Mapping[str, str]) -> list[Report]:
        checker = Checker(self.wanted._replace(texts={**self.texts, **texts}))
        return [checker.check(spec) for spec in specs]

    def run(self) -> Repairs:
        for _ in range(MAX_ROUNDS):
            self.refused.clear()
            made = [self.file(path) for path in sorted(self.paths)]
            if not any(made):
                break
        texts = {path: self.texts[path] for path in self.edits}
        refused = [Refused(*pair) for pair in self.refused.items()]
        return Repairs(list(self.fixed), refused, texts, self.edits, self.before)

    def file(self, path: str) -> bool:
        """Make the fixes of one file, all at once or else one by one; whether any was made."""
        findings = fixable(
            (finding for report in self.reports.values() for finding in report.findings), path
        )
        fixes = apart(findings)
        if not fixes:
            return False
        affected = [spec for spec, report in self.reports.items() if path in report.sources]
        text = next(self.reports[spec].sources[path] for spec in affected)
        self.before.setdefault(path, text)
        if self.attempt(path, text, fixes, affected, findings):
            return True
        made = 0
        for fix in reversed(fixes):  # from the end, so that the places of the others stay
            steps = self.attempt(path, self.texts.get(path, text), [fix], affected, findings)
            made += steps
            if steps > 1:
                break  # the later steps may stand anywhere
        return made > 0

    def attempt(
        self, path: str, text: str, fixes: list[Fix], affected: list[str],
        findings: Mapping[Fix, Diagnostic],
    ) -> int:  # fmt: skip
        """Keep the fixes if all specs that read the file check better with them, and with the
        fixes of what they bring to light; in how many steps, 0 if they are not kept."""
        steps: list[list[Edit]] = []
        fixed: dict[Diagnostic, None] = {}
        found = findings
        while fixes and len(steps) < MAX_ROUNDS:
            steps.append([edit for fix in fixes for edit in fix.edits])
            fixed |= {found[fix]: None for fix in fixes}
            text = apply(text, steps[-1])
            after = self.checked(affected, {path: text})
            pairs = [(self.reports[report.spec], report) for report in after]
            worse = [finding for pair in pairs for finding in added(*pair)]
            if not worse:
                break
            found = fixable(worse, path)
            fixes = apart(found) if len(found) == len({*worse}) else []
        if worse or not any(added(new, old) for old, new in pairs):
            if len(fixed) == len(steps) == 1 and worse:
                self.refused[next(iter(fixed))] = worse[0]
            return 0
        self.texts[path] = text
        self.edits.setdefault(path, []).extend(steps)
        self.reports |= {report.spec: report for report in after}
        self.fixed |= fixed
        return len(steps)


def fixable(findings: Iterable[Diagnostic], path: str) -> dict[Fix, Diagnostic]:
    """The findings that have a fix in this file."""
    return {
        finding.fix: finding
        for finding in findings
        if finding.fix and all(edit.span.path == path for edit in finding.fix.edits)
    }


def added(before: Report, after: Report) -> list[Diagnostic]:
    """What is in one report and not in another: errors, or anything if neither has any."""
    both = [*before.findings, *after.findings]
    failed = any(finding.severity == "error" for finding in both)
    known = Counter(map(_identity, before.findings))
    found = []
    for finding in after.findings:
        known[_identity(finding)] -= 1
        if known[_identity(finding)] < 0 and (finding.severity == "error" or not failed):
            found.append(finding)
    return found


def _identity(finding: Diagnostic) -> tuple[str, str, str]:
    """A finding without its place, which moves when something is written before it."""
    return finding.rule.name, finding.message, finding.span.path if finding.span else ""
