"""One case for each rule: a spec with one mistake, and the text that a person gets to read.

``python tests/test_findings.py`` writes the texts anew, to be read in the diff.
"""

import os
from pathlib import Path

import pytest

from cnncalc import SpecError
from cnncalc import load as load_whole
from cnncalc.api import check_specs
from cnncalc.diagnostics import RULES, Findings
from cnncalc.diagnostics.text import render

FOLDER = Path(__file__).parent / "findings"
TEN = "ten"


def read(name: str) -> tuple[Findings, str]:
    """The findings of a case and their text; to be called in its folder."""
    path = f"{name}.yaml"
    checked = check_specs([path])
    findings, sources = checked.findings, checked.sources
    if not findings:
        try:
            load_whole(path)
        except SpecError as error:
            findings, sources = error.findings, error.sources
    return findings, render(findings, sources)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_has_a_case(rule, monkeypatch):
    monkeypatch.chdir(FOLDER)
    findings, text = read(rule)
    assert [finding.rule.name for finding in findings] == [rule]
    assert text == Path(f"{rule}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("rule", [rule for rule in RULES if RULES[rule].severity != "note"])
def test_a_finding_says_where_it_is(rule, monkeypatch):
    monkeypatch.chdir(FOLDER)
    (finding,) = read(rule)[0]
    assert finding.span or rule in ("unset-parameter",)


def test_there_is_no_case_without_a_rule():
    cases = {path.stem for path in FOLDER.iterdir()}
    assert cases == {*RULES, TEN}


def test_ten_mistakes_are_ten_findings_in_one_run(monkeypatch):
    monkeypatch.chdir(FOLDER)
    findings, text = read(TEN)
    assert len(findings) == 10
    assert len({finding.span.line for finding in findings if finding.span}) == 10
    assert text == Path(f"{TEN}.txt").read_text(encoding="utf-8")


if __name__ == "__main__":
    os.chdir(FOLDER)
    for case in [*RULES, TEN]:
        Path(f"{case}.txt").write_text(read(case)[1], encoding="utf-8")
