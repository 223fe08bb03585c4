"""Every format of the same findings: what CI systems read, held against their own rules.

``python tests/test_formats.py`` writes the snapshots anew, to be read in the diff.
"""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from command_line import complaint, run
from findings_in_formats import HERE, HOSTILE, findings, golden, rendered
from workflow_commands import commands

from cnncalc.diagnostics import Findings, Related, Span
from cnncalc.diagnostics.checkout import Checkout
from cnncalc.diagnostics.formats import FORMATS, choose, render

SNAPSHOTS = HERE / "formats"
RENDERED = [name for name in FORMATS if name != "auto"]


@pytest.mark.parametrize("format_", RENDERED)
def test_snapshot(format_: str) -> None:
    assert rendered(format_) == snapshot(format_).read_bytes().decode("utf-8")


def snapshot(format_: str) -> Path:
    return SNAPSHOTS / f"{format_}.txt"


@pytest.mark.parametrize("format_", RENDERED)
def test_nothing_found_is_a_report_too(format_: str) -> None:
    assert render(format_, [], {"a.yaml": "x"}, specs=["a.yaml"]).endswith("\n")


@pytest.mark.parametrize("format_", RENDERED)
def test_whatever_is_found_can_be_written_as_utf8(format_: str) -> None:
    found = Findings()
    span = Span("caf\udce9.yaml", 1, 1, 1, 2)
    found.report("structure", HOSTILE, span, hint=HOSTILE, related=[Related(span, HOSTILE)])
    assert render(format_, found, {span.path: HOSTILE}, specs=[span.path]).encode("utf-8")


# ---------------------------------------------------------------------------------------- auto


@pytest.mark.parametrize(
    ("environ", "chosen"),
    [
        ({}, "text"),
        ({"CI": "true"}, "text"),
        ({"GITLAB_CI": "true"}, "text"),
        ({"GITHUB_ACTIONS": "true"}, "github"),
        ({"GITHUB_ACTIONS": "false"}, "text"),
    ],
)
def test_auto_is_chosen_by_the_environment(environ: dict[str, str], chosen: str) -> None:
    assert choose("auto", environ) == chosen
    assert [choose(name, environ) for name in RENDERED] == RENDERED


# -------------------------------------------------------------------------------------- github


def test_github_reads_what_was_found() -> None:
    read = commands(rendered("github"))
    assert [command for command, _, _ in read].count("notice") == 1
    assert len(read) == len(findings())
    assert ("nets/50%,a:b.yaml", "3") in [(p.get("file"), p.get("line")) for _, p, _ in read]
    (hostile,) = (data for _, _, data in read if "50%, 1" in data)
    assert "50%, 1:2::error::x\\r\\n\\x1b[31m" in hostile
    assert all(len(line.split("\r")) == 1 for line in rendered("github").splitlines())


@pytest.mark.parametrize(
    ("span", "region"),
    [
        (Span("a", 4, 5, 4, 9), {"line": "4", "endLine": "4", "col": "5", "endColumn": "8"}),
        (Span("a", 4, 5, 4, 5), {"line": "4", "endLine": "4", "col": "5", "endColumn": "5"}),
        (Span("a", 4, 5, 6, 2), {"line": "4", "endLine": "6"}),
        (Span("a", 4, 5, 5, 1), {"line": "4", "endLine": "4"}),
        (Span("a", 4, 5, 6, 1), {"line": "4", "endLine": "5"}),
    ],
)
def test_columns_are_dropped_where_a_finding_spans_lines(
    span: Span, region: dict[str, str]
) -> None:
    found = Findings()
    found.report("structure", "here", span)
    ((_, properties, _),) = commands(render("github", found, {}))
    assert properties == {"title": "cnncalc CNN101 structure", "file": "a", **region}


def test_github_says_when_it_will_not_show_all() -> None:
    found = Findings()
    for line in range(1, 12):
        found.report("structure", "here", Span("a.yaml", line, 1, line, 2))
    assert "GitHub shows 10" in render("github", found, {})
    assert "GitHub shows" not in render("github", list(found)[:10], {})


# --------------------------------------------------------------------------------------- junit


def cases(text: str) -> dict[str, ElementTree.Element]:
    root = ElementTree.fromstring(text)
    (suite,) = root
    found = {case.get("name", ""): case for case in suite}
    failed = [case for case in suite if case.find("failure") is not None]
    for element in (root, suite):
        assert element.get("tests") == str(len(list(suite)))
        assert element.get("failures") == str(len(failed))
    assert all(len(case.findall("failure")) <= 1 for case in suite)
    return found


def test_each_spec_is_a_test_case() -> None:
    found = cases(rendered("junit"))
    failed = {name: case.find("failure") is not None for name, case in found.items()}
    assert failed == {
        "nets/vgg.yaml": True,
        "nets/50%,a:b.yaml": True,
        "nets/clean.yaml": False,
        "beside.yaml": True,
        "-": True,
        "cnncalc check": True,
        "/site-packages/a b.yaml": True,
    }
    assert "CNN301" in (found["nets/vgg.yaml"].findtext("system-out") or "")
    assert "CNN301" not in (found["nets/vgg.yaml"].findtext("failure") or "")


def test_with_strict_all_findings_are_failures() -> None:
    found = Findings()
    found.report("lost-rows", "1 row", Span("a.yaml", 1, 1, 1, 2))
    for strict in (False, True):
        text = render("junit", found, {"a.yaml": "x"}, specs=["a.yaml"], strict=strict)
        assert (cases(text)["a.yaml"].find("failure") is not None) == strict


def test_a_broken_budget_is_a_failure_of_the_spec() -> None:
    found = Findings()
    spec = Related(Span("a.yaml", 1, 1, 1, 1), "the spec")
    found.report("budget", "too many", Span("cnncalc.toml", 2, 1, 2, 2), related=[spec])
    sources = {"a.yaml": "x", "cnncalc.toml": "x"}
    text = render("junit", found, sources, specs=["a.yaml"])
    assert {name: len(case) for name, case in cases(text).items()} == {"a.yaml": 1}


def test_a_built_in_name_is_the_case_of_its_file() -> None:
    path = "architectures/vgg16_bn.yaml"
    found = Findings()
    found.report("structure", "here", Span(path, 1, 1, 1, 2))
    text = render("junit", found, {path: "x"}, specs=["vgg16-bn"])
    assert list(cases(text)) == [path]


def test_junit_is_well_formed_whatever_it_holds() -> None:
    every = "".join(map(chr, [*range(0xA0), 0xD800, 0xFFFE, 0xFFFF, 0x1F600]))
    found = Findings()
    found.report("structure", every, Span(every, 1, 1, 1, 2), hint=every)
    (case,) = cases(render("junit", found, {every: every}, specs=[every])).values()
    assert "\\x00\\x01" in case.find("failure").get("message")


# ---------------------------------------------------------------------------------------- json

SCHEMA = json.loads((HERE.parent / "docs/schemas/findings-1.schema.json").read_text("utf-8"))


def test_json_has_the_keys_of_its_schema_and_no_other() -> None:
    document = json.loads(rendered("json"))
    assert list(document) == list(SCHEMA["properties"])
    assert document["schema"] == SCHEMA["title"]
    for finding in document["findings"]:
        assert set(finding) == set(SCHEMA["$defs"]["finding"]["properties"])
        for related in finding["related"]:
            assert set(related) == set(SCHEMA["$defs"]["related"]["properties"])


def test_json_is_valid_by_its_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="pip install 'cnncalc[ci-test]'")
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    validator = jsonschema.Draft202012Validator(SCHEMA)
    for text in (rendered("json"), render("json", *golden()), render("json", [], {})):
        assert [error.message for error in validator.iter_errors(json.loads(text))] == []


@pytest.mark.parametrize(
    ("key", "value"),
    [("code", "CNN1"), ("severity", "fatal"), ("line", None), ("line", 0), ("hint", None)],
)
def test_the_schema_of_json_refuses(key: str, value: object) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="pip install 'cnncalc[ci-test]'")
    document = json.loads(rendered("json"))
    document["findings"][-1][key] = value
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(document)


# ------------------------------------------------------------------------------ the repository


def test_the_repository_is_found_around_the_folder(tmp_path: Path) -> None:
    nets = tmp_path / "team" / "nets"
    nets.mkdir(parents=True)
    here = str(nets)
    assert Checkout.around(here, {}).path("a.yaml") == "a.yaml"
    assert Checkout.around(here, {"GITHUB_WORKSPACE": "/else"}).path("a.yaml") == "a.yaml"
    for name in ("GITHUB_WORKSPACE", "CI_PROJECT_DIR"):
        assert Checkout.around(here, {name: str(tmp_path)}).path("a.yaml") == "team/nets/a.yaml"
    (tmp_path / "team" / ".git").write_text("gitdir: elsewhere\n")  # as of a worktree
    found = Checkout.around(here, {"GITHUB_WORKSPACE": str(tmp_path)})
    assert found.path("../b.yaml") == "b.yaml"
    assert found.path("../../b.yaml") is None


# ------------------------------------------------------------------------------ the command line

WRONG = "name: x\ninput: [3, 8, 8]\nlayers:\n  - rleu\n"


@pytest.mark.parametrize(
    ("name", "options", "start"),
    [
        ("r.sarif", [], '{\n  "$schema"'),
        ("r.xml", [], "<?xml"),
        ("r.json", [], '{\n  "schema"'),
        ("r.log", [], "-:4:5: error"),
        ("r.json", ["--format", "sarif"], '{\n  "$schema"'),
        ("r.txt", ["--format", "github"], "::error "),
        ("r.xml", ["--format", "auto"], "-:4:5: error"),
    ],
)
def test_a_report_in_a_file_leaves_the_text_on_the_terminal(
    name: str, options: list[str], start: str, tmp_path: Path
) -> None:
    output = tmp_path / name
    result = run("check", "-", *options, "-o", str(output), typed=WRONG)
    assert result.exit_code == 1
    assert result.stdout.startswith("-:4:5: error CNN104")
    assert output.read_text("utf-8").startswith(start)


def test_in_github_actions_annotations_are_printed_beside_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert run("check", "-", typed=WRONG).stdout.startswith("::error title=cnncalc CNN104")
    assert run("check", "-", "--format", "text", typed=WRONG).stdout.startswith("-:4:5: ")
    output = tmp_path / "report.xml"
    result = run("check", "-", "-o", str(output), typed=WRONG)
    assert result.stdout.startswith("::error title=cnncalc CNN104")
    assert output.read_text("utf-8").startswith("<?xml")


def test_a_report_overwrites_nothing_unasked(tmp_path: Path) -> None:
    output = tmp_path / "report.xml"
    output.write_text("mine")
    result = run("check", "-", "-o", str(output), typed=WRONG)
    assert result.exit_code == 2
    assert "exists already" in result.stderr
    assert result.stdout.startswith("-:4:5: error")
    assert output.read_text() == "mine"
    assert run("check", "-", "-o", str(output), "--force", typed=WRONG).exit_code == 1
    assert output.read_text("utf-8").startswith("<?xml")


def test_a_report_to_standard_output() -> None:
    result = run("check", "-", "-o", "-", "--format", "junit", typed=WRONG)
    assert result.stdout.startswith("<?xml")
    assert run("check", "-", "--format", "junit", typed=WRONG).stdout == result.stdout


def test_an_unknown_format() -> None:
    assert "is not one of" in complaint("check", "-", "--format", "xml", typed=WRONG)


if __name__ == "__main__":
    for each in RENDERED:
        snapshot(each).write_bytes(rendered(each).encode("utf-8"))
