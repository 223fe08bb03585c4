"""Findings as SARIF: by the official schema, and by what code scanning makes of it."""

import json
import re
from typing import Any

import pytest
from findings_in_formats import CHECKOUT, HERE, SOURCES, findings, golden, rendered

from cnncalc.diagnostics import Diagnostic, Findings, Span
from cnncalc.diagnostics.fingerprint import Fingerprints
from cnncalc.diagnostics.formats import render
from cnncalc.spec import load


def sarif(found: list[Diagnostic], sources: dict[str, str], **options: Any) -> dict[str, Any]:
    (one,) = json.loads(render("sarif", found, sources, **options))["runs"]
    return one


def test_sarif_is_valid_by_its_official_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="pip install 'cnncalc[ci-test]'")
    schema = json.loads((HERE / "reference/sarif-schema-2.1.0.json").read_text("utf-8"))
    validator = jsonschema.Draft4Validator(
        schema, format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER
    )
    found, sources = golden()
    for log in (
        render("sarif", found, sources, version="1.0", rules_page="https://example.org/rules.md"),
        rendered("sarif"),
        render("sarif", [], {}),
    ):
        assert [error.message for error in validator.iter_errors(json.loads(log))] == []
    broken = json.loads(rendered("sarif"))
    broken["runs"][0]["results"][0]["level"] = "notice"
    assert not validator.is_valid(broken)


def test_sarif_describes_each_rule_once() -> None:
    found, sources = golden()
    one = sarif(found, sources, rules_page="https://example.org/rules.md")
    rules = one["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == sorted({finding.rule.code for finding in found})
    for result in one["results"]:
        rule = rules[result["ruleIndex"]]
        assert rule["id"] == result["ruleId"]
        assert rule["helpUri"] == f"https://example.org/rules.md#{rule['id'].lower()}"
        assert rule["help"]["text"].startswith(rule["shortDescription"]["text"])
        assert len(rule["fullDescription"]["text"]) <= 1024  # what GitHub takes


@pytest.mark.parametrize(
    ("path", "artifact"),
    [
        ("a.yaml", {"uri": "nets/a.yaml", "uriBaseId": "%SRCROOT%"}),
        ("../b c%.yaml", {"uri": "b%20c%25.yaml", "uriBaseId": "%SRCROOT%"}),
        ("/repository/é.yaml", {"uri": "%C3%A9.yaml", "uriBaseId": "%SRCROOT%"}),
        ("../../out.yaml", {"uri": "file:///out.yaml"}),
        ("-", {"uri": "-"}),
        ("--set classes", {"uri": "--set%20classes"}),
    ],
)
def test_sarif_paths_start_at_the_top_of_the_repository(
    path: str, artifact: dict[str, str]
) -> None:
    found = Findings()
    found.report("structure", "here", Span(path, 1, 1, 1, 2))
    (result,) = sarif(found, {}, checkout=CHECKOUT)["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"] == artifact


def test_sarif_columns_are_code_points() -> None:
    one = sarif(findings(), SOURCES, checkout=CHECKOUT)
    assert one["columnKind"] == "unicodeCodePoints"
    (result,) = (r for r in one["results"] if r["ruleId"] == "CNN110")
    region = result["locations"][0]["physicalLocation"]["region"]
    line = SOURCES["vgg.yaml"].split("\n")[region["startLine"] - 1]
    assert line[region["startColumn"] - 1 : region["endColumn"] - 1] == "0"


def test_sarif_lines_are_those_of_yaml() -> None:
    source = "name: a\r\ninput: [3, 8, 8]\u2028layers:\x85  - rleu\n"
    (finding,) = check_text(source)
    ends = sorted(sarif([finding], {})["newlineSequences"], key=len, reverse=True)
    line = re.split("|".join(map(re.escape, ends)), source)[finding.span.line - 1]
    assert line[finding.span.column - 1 : finding.span.end_column - 1] == "rleu"


def check_text(source: str) -> list[Diagnostic]:
    return [one for one in load("-", stdin=source).findings if one.rule.name == "unknown-kind"]


def test_a_message_of_sarif_holds_no_link() -> None:
    found = Findings()
    found.report("structure", "see [this](https://example.org) and [1, 2]", None)
    (notification,) = sarif(found, {})["invocations"][0]["toolExecutionNotifications"]
    assert notification["message"]["text"] == "see [this\\](https://example.org) and [1, 2]"


def prints(found: list[Diagnostic], source: str) -> list[dict[str, str]]:
    fingerprints = Fingerprints({"a.yaml": source})
    return [fingerprints.of(finding) for finding in found]


def at(*lines: int, rule: str = "unread") -> Findings:
    found = Findings()
    for line in lines:
        found.report(rule, f"line {line}", Span("a.yaml", line, 5, line, 9))
    return found


REST = "  - relu\n  - tanh\n" + "  - sigmoid\n" * 20


def test_a_fingerprint_is_the_same_after_lines_have_moved() -> None:
    (before,) = prints(at(2), "layers:\n" + REST)
    (after,) = prints(at(4), "name: x\n# more\nlayers:\n" + REST.replace("- relu", "-  relu"))
    assert before == after
    (other,) = prints(at(2), "layers:\n" + REST.replace("- relu", "- gelu"))
    assert not set(before.values()) & set(other.values())


def test_equal_lines_have_fingerprints_of_their_own() -> None:
    found = prints([*at(2, 3), *at(2, rule="structure")], "layers:\n" + "  - relu\n" * 30)
    assert len({one["cnncalc/v1"] for one in found}) == 3
    assert len({one["primaryLocationLineHash"] for one in found}) == 2


@pytest.mark.parametrize(
    ("source", "hashes"),
    [
        ("", ["c129715d7a2bc9a3:1"]),
        (" a\nb\n  \t\tc\n d", ["271789c17abda88f:1", "54703d4cd895b18:1", "180aee12dab6264:1"]),
        (
            "Lorem ipsum dolor sit amet.\n" * 10,
            [*(f"a7f2ff13bc495cf2:{number}" for number in range(1, 7)), "a7f2ff1481e87703:1"],
        ),
    ],
)
def test_the_line_hash_is_that_of_code_scanning(source: str, hashes: list[str]) -> None:
    """The examples are those of github/codeql-action, src/fingerprints.test.ts."""
    found = prints(at(*range(1, len(hashes) + 1)), source)
    assert [one["primaryLocationLineHash"] for one in found] == hashes
