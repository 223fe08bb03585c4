"""What users choose about findings: select, ignore, severities, options, comments in specs."""

from pathlib import Path
from typing import Any

import pytest
from command_line import run

from cnncalc.api import check_specs
from cnncalc.checking import Wanted
from cnncalc.diagnostics import RULES, Diagnostic, Findings, Span
from cnncalc.lint import SettingError, Settings, check, suppressed

#: An entry of a spec with one finding, a note: CNN301 lost-rows, on its line.
LOST = "  - max_pool2d: {kernel_size: 2}"
HEAD = "name: case\ninput: [3, 33, 33]\nlayers:\n"


def found(path: Path, text: str, **wanted: tuple[str, ...]) -> list[tuple[str, int, int]]:
    """The findings of a text as (name, line, column)."""
    path.write_text(text, encoding="utf-8")
    findings = check_specs([str(path)], Wanted(**wanted)).findings
    return [(f.rule.name, f.span.line, f.span.column) for f in findings if f.span]


# --------------------------------------------------------------------------------- comments


@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD}{LOST}  # cnncalc: ignore CNN301",
        f"{HEAD}{LOST}  # cnncalc: ignore CNN301 it is so in the paper, and CNN999 too",
        f"{HEAD}{LOST}  # cnncalc:ignore cnn301",
        f"{HEAD}{LOST}  #cnncalc: ignore: lost-rows",
        f"{HEAD}{LOST}  # the paper says so  # cnncalc: ignore CNN301",
        f"{HEAD}  # cnncalc: ignore CNN301\n{LOST}",
        f"{HEAD}  # cnncalc: ignore CNN301\n\n  # as in the paper\n{LOST}",
        f"# cnncalc: ignore-file CNN301\n{HEAD}{LOST}",
        f"{HEAD}{LOST}\n# cnncalc: ignore-file CNN301",
        f"{HEAD}  - max_pool2d:   # cnncalc: ignore CNN301\n      kernel_size: 2",
        f"{HEAD}  - {{max_pool2d:   # cnncalc: ignore CNN301\n     {{kernel_size: 2}}}}",
        f"{HEAD}{LOST}  # cnncalc: ignore CNN301\r\n",
    ],
)
def test_a_comment_hides_a_finding(tmp_path: Path, text: str) -> None:
    assert found(tmp_path / "case.yaml", text) == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        # not a comment: in a quoted text, in a block of text, in a word
        (f'name: "x # cnncalc: ignore-file CNN301"\n{HEAD[11:]}{LOST}', ["lost-rows"]),
        (f"name: |\n  x\n  # cnncalc: ignore-file CNN301\n{HEAD[11:]}{LOST}", ["lost-rows"]),
        (f"name: 'x\n  # cnncalc: ignore-file CNN301'\n{HEAD[11:]}{LOST}", ["lost-rows"]),
        (f"name: x#cnncalc:ignore-file CNN301\n{HEAD[11:]}{LOST}", ["lost-rows"]),
        # a comment, for all that
        (f"name: |   # cnncalc: ignore-file CNN301\n  x\n{HEAD[11:]}{LOST}", []),
        # another line, another rule
        (f"{HEAD}  # cnncalc: ignore CNN301\n  - relu\n{LOST}",
         ["unused-suppression", "lost-rows"]),
        (f"{HEAD}{LOST}\n  # cnncalc: ignore CNN301", ["lost-rows", "unused-suppression"]),
        (f"{HEAD}{LOST}  # cnncalc: ignore CNN302", ["lost-rows", "unused-suppression"]),
        (f"{HEAD}{LOST}  # cnncalc: ignore CNN301, CNN302", ["unused-suppression"]),
        (f"{HEAD}  - relu  # cnncalc: ignore-file CNN301", ["unused-suppression"]),
        # nothing that can be read
        (f"{HEAD}{LOST}  # cnncalc: ignore", ["lost-rows", "bad-suppression"]),
        (f"{HEAD}{LOST}  # cnncalc: ignore all of it", ["lost-rows", "bad-suppression"]),
        (f"{HEAD}{LOST}  # cnncalc: ignore CNN3", ["lost-rows", "bad-suppression"]),
        (f"{HEAD}{LOST}  # cnncalc: ignroe CNN301", ["lost-rows", "bad-suppression"]),
        (f"{HEAD}{LOST}  # cnncalc:", ["lost-rows", "bad-suppression"]),
        (f"{HEAD}{LOST}  # cnncalc: ignore CNN301, lost-row", ["bad-suppression"]),
        (f"{HEAD}{LOST}  # cnncalc: ignore CNN301 CNN999", ["bad-suppression"]),
        (f"{HEAD}{LOST}  # cnncalc: ignore CNN301, CNN203", ["suppressed-error"]),
        (f"{HEAD}{LOST}  # cnncalc: ignore CNN591", ["lost-rows", "unused-suppression"]),
        # not to cnncalc
        (f"{HEAD}{LOST}  # cnncalc ignore CNN301", ["lost-rows"]),
        (f"{HEAD}{LOST}  # noqa: CNN301", ["lost-rows"]),
    ],
)  # fmt: skip
def test_what_a_comment_does_not_hide(tmp_path: Path, text: str, names: list[str]) -> None:
    assert sorted(name for name, _, _ in found(tmp_path / "case.yaml", text)) == sorted(names)


def test_a_finding_about_a_comment_points_at_its_word(tmp_path: Path) -> None:
    text = f"{HEAD}  - {{relu, name: éé}} # cnncalc: ignore CNN301,  lost-row\n"
    assert found(tmp_path / "case.yaml", text) == [
        ("bad-suppression", 4, 49),
        ("unused-suppression", 4, 40),
    ]


ERRORS = [name for name, rule in RULES.items() if rule.severity == "error"]


@pytest.mark.parametrize("name", ERRORS)
def test_no_error_can_be_hidden(name: str) -> None:
    """By no comment, no setting: neither left out nor made less."""
    rule = RULES[name]
    text = f"layers:  # cnncalc: ignore {rule.code}\n# cnncalc: ignore-file {rule.name}\n"
    finding = Diagnostic(rule, "it is wrong", Span("a.yaml", 1, 1, 1, 2))
    settings = Settings(select=("CNN3",), ignore=("ALL",), severity={"ALL": "note"})
    assert suppressed([finding], {"a.yaml": text}, settings) == [finding]
    with pytest.raises(SettingError, match="errors can neither"):
        check(Settings(ignore=(rule.code,)))
    with pytest.raises(SettingError, match="errors can neither"):
        check(Settings(severity={rule.name: "warning"}))
    names = [f.rule.name for f in suppressed([finding], {"a.yaml": text}, Settings())]
    assert names == [rule.name, "suppressed-error", "suppressed-error"]


def test_a_comment_for_others_is_not_unused(tmp_path: Path) -> None:
    """In a file that is extended, in one with errors, of a rule that is off, with other values."""
    comment = "  # cnncalc: ignore CNN302"
    (tmp_path / "parent.yaml").write_text(f"{HEAD}  - relu{comment}\n")
    (tmp_path / "child.yaml").write_text("extends: parent\nname: child\n")

    def unused(name: str, **wanted: Any) -> int:
        findings = check_specs([str(tmp_path / f"{name}.yaml")], Wanted(**wanted)).findings
        return sum(finding.rule.name == "unused-suppression" for finding in findings)

    (tmp_path / "wrong.yaml").write_text(f"{HEAD}  - relu{comment}\n  - conv2d\n")
    values = f"parameters: {{n: 1}}\n{HEAD}  - {{relu, times: n}}{comment}\n"
    (tmp_path / "values.yaml").write_text(values)
    assert (unused("parent"), unused("child"), unused("wrong"), unused("values")) == (1, 0, 0, 1)
    assert unused("parent", ignore=("misaligned",)) == 0
    assert unused("parent", select=("CNN5",)) == 0
    assert unused("values", values={"n": "2"}) == 0


def test_a_comment_in_a_parent_hides_what_its_children_have(tmp_path: Path) -> None:
    spec = f"{HEAD}{LOST}  # cnncalc: ignore CNN301\n"
    (tmp_path / "parent.yaml").write_text(spec)
    text = "extends: parent\nname: child\ninput: [3, 35, 35]\n"
    assert found(tmp_path / "child.yaml", text) == []


def test_more_comments_than_anybody_writes_are_a_limit(tmp_path: Path) -> None:
    text = f"{HEAD}  - relu\n" + "# cnncalc: ignore CNN301, nonsense\n" * 3_000
    names = [name for name, _, _ in found(tmp_path / "case.yaml", text)]
    assert names.count("limit") == 1
    assert len(names) <= 1_001


# --------------------------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("settings", "on", "off"),
    [
        (Settings(), ["lost-rows", "unread", "bias-before-norm"], ["unaligned-channels"]),
        (Settings(select=("CNN5",)), ["bias-before-norm", "unaligned-channels"], ["lost-rows"]),
        (Settings(select=("ALL",)), ["lost-rows", "unaligned-channels"], []),
        (Settings(select=("unread", "cnn502")), ["unread", "stacked-linear"], ["lost-rows"]),
        (Settings(ignore=("CNN30",)), ["bias-before-norm"], ["lost-rows", "unread"]),
        (Settings(ignore=("ALL",)), ["kernel-too-large"], ["lost-rows", "bias-before-norm"]),
        (Settings(select=("CNN501",), ignore=("CNN5",)), ["bias-before-norm"], ["stacked-linear"]),
        (Settings(select=("CNN5",), ignore=("CNN501",)), ["stacked-linear"], ["bias-before-norm"]),
        (Settings(select=("CNN5",), ignore=("CNN5",)), [], ["stacked-linear"]),
        (Settings(severity={"CNN506": "warning"}), ["unaligned-channels"], ["field-exceeds-input"]),
        (Settings(severity={"CNN5": "note"}, ignore=("CNN501",)), ["unaligned-channels"],
         ["bias-before-norm"]),
    ],
)  # fmt: skip
def test_which_rules_are_on(settings: Settings, on: list[str], off: list[str]) -> None:
    check(settings)
    assert [name for name in [*on, *off] if settings.enabled(RULES[name])] == on


@pytest.mark.parametrize(
    ("settings", "message", "hint"),
    [
        (Settings(select=("CNN50X",)), "no rule is called CNN50X", "did you mean CNN50"),
        (Settings(select=("bias-befor-norm",)), "is called", "did you mean bias-before-norm?"),
        (Settings(select=("",)), "no rule is called", "cnncalc explain"),
        (Settings(ignore=("unred",)), "no rule is called unred", "did you mean unread?"),
        (Settings(ignore=("CNN2",)), "CNN2 means errors", "warnings and notes can"),
        (Settings(severity={"CNN301": "fatal"}), "severity of CNN301 is 'fatal'", ""),  # type: ignore[dict-item]
        (Settings(severity={"CNN301": "off"}), "is 'off'; allowed: error", "ignore = ['CNN301']"),  # type: ignore[dict-item]
        (Settings(options={"CNN5": {"lines": 1}}), "options are of one rule", ""),
        (Settings(options={"CNN515": {"line": 1}}), "has no option line", "did you mean lines?"),
        (Settings(options={"CNN501": {"lines": 1}}), "has no option lines", "has no options"),
        (Settings(options={"CNN515": {"lines": 0}}), "repeated-entries is 0; allowed: a", ""),
        (Settings(options={"CNN515": {"lines": "4"}}), "is '4'; allowed: a whole", ""),  # type: ignore[dict-item]
        (Settings(options={"CNN515": {"lines": True}}), "is True; allowed: a whole", ""),
    ],
)  # fmt: skip
def test_settings_that_mean_nothing(settings: Settings, message: str, hint: str) -> None:
    with pytest.raises(SettingError) as caught:
        check(settings)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert bool(hint) == bool(caught.value.hint)


@pytest.mark.parametrize(
    ("severity", "expected"),
    [
        ({"CNN301": "error"}, "error"),
        ({"CNN3": "warning"}, "warning"),
        ({"CNN3": "error", "lost-rows": "warning"}, "warning"),
        ({"ALL": "warning", "CNN302": "error"}, "warning"),
        ({"CNN302": "error"}, "note"),
    ],
)
def test_severities_are_those_of_the_most_exact_word(severity, expected) -> None:
    finding = Diagnostic(RULES["lost-rows"], "three rows")
    (weighed,) = suppressed([finding], {}, Settings(severity=severity))
    assert weighed.severity == expected
    assert weighed.rule.code == "CNN301"


def test_a_warning_that_was_made_an_error_fails_and_can_be_hidden() -> None:
    finding = Diagnostic(RULES["unread"], "nobody", Span("a.yaml", 1, 1, 1, 2))
    settings = Settings(severity={"CNN3": "error"})
    assert suppressed([finding], {"a.yaml": "- relu"}, settings).failed
    text = "- relu  # cnncalc: ignore unread"
    assert suppressed([finding], {"a.yaml": text}, settings) == Findings()


def test_options_of_a_rule(tmp_path: Path) -> None:
    (tmp_path / "case.yaml").write_text(f"{HEAD}  - relu\n  - relu\n")
    config = tmp_path / "cnncalc.toml"
    config.write_text("")
    assert not check_specs([str(tmp_path / "case.yaml")]).findings
    config.write_text("[lint.options.repeated-entries]\nlines = 1\n")
    (finding,) = check_specs([str(tmp_path / "case.yaml")]).findings
    assert finding.rule.name == "repeated-entries"


# ---------------------------------------------------------------------------- the command line


@pytest.mark.parametrize(
    ("words", "exit_code", "says"),
    [
        ([], 0, "ok (1 spec checked; 1 note with --notes)"),
        (["--select", "CNN3"], 0, "note CNN301"),  # who asks for it, sees it
        (["--select", "CNN302,CNN303", "--select", "CNN5"], 0, "ok (1 spec checked)"),
        (["--strict"], 1, "note CNN301"),
        (["--strict", "--ignore", "lost-rows"], 0, "ok (1 spec checked)"),
        (["--select", "CNN7"], 2, "no rule is called CNN7"),
        (["--select", ","], 2, "it names no rule"),
        (["--ignore", "kernel-too-large"], 2, "errors can neither be ignored"),
    ],
)
def test_rules_on_the_command_line(
    tmp_path: Path, words: list[str], exit_code: int, says: str
) -> None:
    spec = tmp_path / "case.yaml"
    spec.write_text(f"{HEAD}{LOST}\n")
    result = run("check", str(spec), *words)
    assert result.exit_code == exit_code
    assert says in result.output
