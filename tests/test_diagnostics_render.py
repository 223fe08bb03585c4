"""Findings as text and as JSON, both from the same ones."""

import json
import re

import pytest

from cnncalc.diagnostics import Diagnostic, Findings, Related, Span
from cnncalc.diagnostics import json as json_renderer
from cnncalc.diagnostics import text as text_renderer

VGG = """\
name: VGG
input: [3, 224, 224]
layers:
  - conv2d: {out_channels: 64, kernel_size: 0}
  - relu
"""


def findings() -> Findings:
    found = Findings()
    found.report("unknown-kind", "there is no layer kind rleu", Span("b.yaml", 2, 5, 2, 9))
    found.report(
        "bad-value",
        "kernel_size is 0; allowed: a whole number, 1 or more",
        Span("a/vgg.yaml", 4, 43, 4, 44),
        hint="write 1,\nor leave the layer out",
        related=[Related(Span("a/vgg.yaml", 2, 8, 2, 21), "input makes [3, 224, 224]")],
    )
    found.report("lost-rows", "1 row is never read", Span("a/vgg.yaml", 4, 5, 4, 11))
    found.report("unread", "nobody reads x", Span("a/vgg.yaml", 5, 5, 5, 9))
    found.report("cannot-read", "no such file", None)
    return found


def test_text() -> None:
    assert text_renderer.render(findings(), {"a/vgg.yaml": VGG}) == (
        """\
error CNN001 cannot-read: no such file
a/vgg.yaml:4:5: note CNN301 lost-rows: 1 row is never read
    4 |   - conv2d: {out_channels: 64, kernel_size: 0}
      |     ^^^^^^
a/vgg.yaml:4:43: error CNN110 bad-value: kernel_size is 0; allowed: a whole number, 1 or more
    4 |   - conv2d: {out_channels: 64, kernel_size: 0}
      |                                           ^
      hint: write 1,
            or leave the layer out
      a/vgg.yaml:2:8: input makes [3, 224, 224]
a/vgg.yaml:5:5: warning CNN305 unread: nobody reads x
    5 |   - relu
      |     ^^^^
b.yaml:2:5: error CNN104 unknown-kind: there is no layer kind rleu
3 errors, 1 warning, 1 note in 2 files
"""
    )


def test_json() -> None:
    data = json.loads(json_renderer.render(findings()))
    assert data["schema"] == "cnncalc.findings/1"
    assert [item["code"] for item in data["findings"]] == [
        "CNN001",
        "CNN301",
        "CNN110",
        "CNN305",
        "CNN104",
    ]
    assert data["findings"][2] == {
        "code": "CNN110",
        "name": "bad-value",
        "severity": "error",
        "message": "kernel_size is 0; allowed: a whole number, 1 or more",
        "hint": "write 1,\nor leave the layer out",
        "path": "a/vgg.yaml",
        "line": 4,
        "column": 43,
        "end_line": 4,
        "end_column": 44,
        "related": [
            {
                "path": "a/vgg.yaml",
                "line": 2,
                "column": 8,
                "end_line": 2,
                "end_column": 21,
                "message": "input makes [3, 224, 224]",
            }
        ],
    }
    assert [data["findings"][0][key] for key in ("path", "line", "end_column")] == [None] * 3


def test_nothing_found() -> None:
    assert text_renderer.render([], {"a.yaml": VGG}) == "ok\n"
    assert json.loads(json_renderer.render([])) == {"schema": "cnncalc.findings/1", "findings": []}


def test_color_adds_nothing_but_color() -> None:
    sources = {"a/vgg.yaml": VGG}
    painted = text_renderer.render(findings(), sources, color=True)
    assert "\x1b[1;31merror\x1b[0m" in painted
    assert re.sub(r"\x1b\[[\d;]*m", "", painted) == text_renderer.render(findings(), sources)


def marked(source: str, span: Span) -> tuple[str, str]:
    """The excerpt of a finding at this place, and what is printed below it."""
    found = Findings()
    found.report("structure", "here", span)
    lines = text_renderer.render(found, {span.path: source}).splitlines()
    assert lines[2].startswith("      |")
    return lines[1][8:], lines[2][8:]


def at(line: int, column: int, end_line: int, end_column: int) -> Span:
    return Span("x.yaml", line, column, end_line, end_column)


@pytest.mark.parametrize(
    ("source", "span", "excerpt", "carets"),
    [
        ("key: value", at(1, 6, 1, 11), "key: value", "     ^^^^^"),
        ("key: value", at(1, 6, 1, 6), "key: value", "     ^"),
        ("key:", at(1, 5, 1, 5), "key:", "    ^"),
        ("key:", at(1, 99, 1, 120), "key:", "    ^"),
        ("a: [1,\n b]", at(1, 4, 2, 4), "a: [1,", "   ^^^"),
        ("\tkey: x", at(1, 7, 1, 8), "    key: x", "         ^"),
        ("日本: x", at(1, 5, 1, 6), "日本: x", "      ^"),
        ("日本: x", at(1, 2, 1, 3), "日本: x", "  ^^"),
        ("e\u0301: x", at(1, 5, 1, 6), "e\u0301: x", "   ^"),
        ("\x1b[2J x", at(1, 6, 1, 7), "\\x1b[2J x", "        ^"),
        ("\u202ea x", at(1, 4, 1, 5), "\\u202ea x", "        ^"),
        ("\U000e0041 x", at(1, 3, 1, 4), "\\U000e0041 x", "           ^"),
        ("a\r\nb\rc\u2028d: x", at(4, 4, 4, 5), "d: x", "   ^"),
        ("a\x0bb\x0cc\nd: x", at(2, 4, 2, 5), "d: x", "   ^"),
    ],
)
def test_the_caret_stands_below_its_token(
    source: str, span: Span, excerpt: str, carets: str
) -> None:
    assert marked(source, span) == (excerpt, carets)


@pytest.mark.parametrize("column", [1, 50, 5_000, 9_990])
def test_of_a_very_long_line_the_surroundings_are_shown(column: int) -> None:
    line = "a" * (column - 1) + "KEY" + "b" * (10_000 - column - 2)
    excerpt, carets = marked(line, at(1, column, 1, column + 3))
    assert len(excerpt) <= 106
    assert excerpt[carets.index("^") :][: carets.count("^")] == "KEY"
    assert excerpt.startswith("...") == (column > 61)
    assert excerpt.endswith("...") == (column < 9_900)


def test_a_finding_longer_than_the_window_is_marked_as_far_as_it_is_seen() -> None:
    excerpt, carets = marked("x" * 5000, at(1, 1001, 1, 5001))
    assert carets == " " * 63 + "^" * 40
    assert excerpt == "..." + "x" * 100 + "..."


@pytest.mark.parametrize("span", [at(7, 1, 7, 2), Span("other.yaml", 1, 1, 1, 2), at(0, 1, 0, 1)])
def test_no_excerpt_where_there_is_no_text(span: Span) -> None:
    found = Findings()
    found.report("structure", "here", span)
    assert len(text_renderer.render(found, {"x.yaml": "one line"}).splitlines()) == 2


def test_no_finding_can_drive_the_terminal() -> None:
    evil = "\x1b]0;owned\x07\r\u202e\x9b2J"
    span = Span(f"{evil}.yaml", 1, 1, 1, 9)
    found = Findings()
    found.report("structure", evil, span, hint=evil, related=[Related(span, evil)])
    text = text_renderer.render(found, {span.path: evil})
    assert text.replace("\n", "").isprintable()
    assert "\\x1b]0;owned\\x07\\r\\u202e\\x9b2J" in text


def test_what_is_no_character_can_still_be_written() -> None:
    found = Findings()
    found.report("cannot-read", "no\ud800", Span("caf\udce9.yaml", 1, 1, 1, 1))
    assert "caf\\udce9.yaml:1:1: " in text_renderer.render(found, {})
    (item,) = json.loads(json_renderer.render(found))["findings"]
    assert item["path"] == "caf\\udce9.yaml"


@pytest.mark.parametrize(
    ("rules", "line"),
    [
        (["structure"], "1 error in 1 file"),
        (["structure"] * 2 + ["unread"], "2 errors, 1 warning in 3 files"),
        (["lost-rows"] * 2, "2 notes in 2 files"),
    ],
)
def test_summary_line(rules: list[str], line: str) -> None:
    found = Findings()
    for number, rule in enumerate(rules):
        found.report(rule, "here", Span(f"{number}.yaml", 1, 1, 1, 2))
    assert text_renderer.render(found, {}).splitlines()[-1] == line


def test_findings_are_sorted_by_place_and_keep_their_order_there() -> None:
    places = [("b", 1, 1), ("a", 10, 1), ("a", 9, 2), ("a", 9, 1)]
    found = Findings()
    for path, line, column in places:
        found.report("structure", "first", Span(path, line, column, line, column))
        found.report("structure", "second", Span(path, line, column, line, column))
    lines = text_renderer.render(found, {}).splitlines()[:-1]
    assert [line.split(": ")[0] for line in lines[::2]] == ["a:9:1", "a:9:2", "a:10:1", "b:1:1"]
    assert [line.split(": ")[-1] for line in lines] == ["first", "second"] * 4


def test_a_finding_is_not_changed_by_rendering() -> None:
    found = list(findings())
    before = list(found)
    text_renderer.render(found, {"a/vgg.yaml": VGG})
    json_renderer.render(found)
    assert found == before
    assert all(isinstance(finding, Diagnostic) for finding in found)
