"""One case for each rule: a spec with one mistake, and the text that a person gets to read.

``python tests/test_findings.py`` writes the texts anew, to be read in the diff.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from cnncalc import SpecError
from cnncalc import load as load_whole
from cnncalc.api import check_specs
from cnncalc.checking import Wanted
from cnncalc.diagnostics import RULES, Findings
from cnncalc.diagnostics.text import render

FOLDER = Path(__file__).parent / "findings"
TEN = "ten"


def read(name: str) -> tuple[Findings, str]:
    """The findings of a case and their text; to be called in its folder."""
    path = f"{name}.yaml"
    if name == "growth":
        return grown()
    if name == "toml-syntax":  # with a configuration beside it
        path = f"{name}/spec.yaml"
    off = name in RULES and not RULES[name].default
    checked = check_specs([path], Wanted(select=(name,) if off else ()))
    findings, sources = checked.findings, checked.sources
    if not findings:
        try:
            load_whole(path)
        except SpecError as error:
            findings, sources = error.findings, error.sources
    return findings, render(findings, sources)


def grown() -> tuple[Findings, str]:
    """The findings of a spec that was another one in the commit before, and their text."""
    if shutil.which("git") is None:
        pytest.skip("needs git")
    here = Path("growth").resolve()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        shutil.copy(here / "before.yaml", "spec.yaml")
        for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "before"]):
            identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
            subprocess.run(["git", *identity, *words], check=True)
        shutil.copy(here / "after.yaml", "spec.yaml")
        checked = check_specs(["spec.yaml"], Wanted(baseline="HEAD"))
    return checked.findings, render(checked.findings, checked.sources)


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
