"""YAML text → located tree: what it says, where it stands, and a finding for each slip."""

import io
import os
import sys

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cnncalc.diagnostics import Findings
from cnncalc.spec import yaml_text
from cnncalc.spec.document import Broken, Document, Mapping, Node, Scalar, Sequence
from cnncalc.spec.yaml_text import parse, read


@pytest.fixture(params=["CSafeLoader", "SafeLoader"])
def loader(request, monkeypatch):
    """Every YAML loader there is, since the fast one may be missing."""
    if not hasattr(yaml, request.param):
        pytest.skip("PyYAML without libyaml")
    monkeypatch.setattr(yaml_text, "LOADER", getattr(yaml, request.param))


def read_tree(text: str) -> tuple[Node | None, Findings]:
    findings = Findings()
    return parse(Document("net.yaml", text), findings), findings


def plain(node: Node | None):
    """The tree as Python values; broken values as ``...``, quoted ones in quotes."""
    if isinstance(node, Mapping):
        return {key.text: plain(value) for key, value in node.pairs}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    if isinstance(node, Broken):
        return ...
    if isinstance(node, Scalar):
        return f'"{node.text}"' if node.quoted else node.text
    return None


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a: 3\nb: [x, 1e-6]\n", {"a": "3", "b": ["x", "1e-6"]}),
        ("- relu\n- {conv, stride: 2}\n", ["relu", {"conv": "", "stride": "2"}]),
        ("a:\nb: ''\n", {"a": "", "b": '""'}),
        ("a: 010\nb: 1:30\nc: on\n", {"a": "010", "b": "1:30", "c": "on"}),
        ("d: 2015-04-10\n", {"d": "2015-04-10"}),
        ("a: \"x\"\nb: 'y'\nc: |\n  z\n", {"a": '"x"', "b": '"y"', "c": '"z\n"'}),
        ("a: one\n  two\n", {"a": "one two"}),
        ("\ufeffname: é\n", {"name": "é"}),
        ("---\na: 3\n...\n", {"a": "3"}),
        ("a: http://x.y/#z\nb: [a, http://z]\n", {"a": "http://x.y/#z", "b": ["a", "http://z"]}),
        ("times: max(2, 3)\nname: conv(a)_(b)\n", {"times": "max(2, 3)", "name": "conv(a)_(b)"}),
        ('a: {b: "(", c: 3}\n', {"a": {"b": '"("', "c": "3"}}),
    ],
)
def test_text_is_read_without_a_finding(loader, text, tree):
    node, findings = read_tree(text)
    assert plain(node) == tree
    assert findings == []


def spans(node: Node):
    yield node.span[1:]
    if isinstance(node, Mapping):
        for key, value in node.pairs:
            yield key.span[1:]
            yield from spans(value)
    if isinstance(node, Sequence):
        for item in node.items:
            yield from spans(item)


def test_every_node_knows_its_place(loader):
    text = "\ufeffname: ü→\nlayers:\n  - {é, b: 'x'}\n  - relu\n\n# end\n"
    node, _ = read_tree(text)
    assert node is not None
    assert list(spans(node)) == [
        (1, 1, 4, 9),
        (1, 1, 1, 5),  # name
        (1, 7, 1, 9),
        (2, 1, 2, 7),  # layers
        (3, 3, 4, 9),
        (3, 5, 3, 16),  # { }
        (3, 6, 3, 7),  # é
        (3, 6, 3, 7),  # its empty value stands where the key stands
        (3, 9, 3, 10),
        (3, 12, 3, 15),
        (4, 5, 4, 9),
    ]
    assert node.span.path == "net.yaml"


def test_flow_collections_are_told_from_lines(loader):
    node, _ = read_tree("a: {b: [1]}\nc:\n  - 1\n")
    assert isinstance(node, Mapping)
    assert not node.flow
    inner, listed = node.pairs[0][1], node.pairs[1][1]
    assert isinstance(inner, Mapping)
    assert isinstance(listed, Sequence)
    assert inner.flow
    assert not listed.flow


# What is read on is mended, so that no second finding comes of it: `...` is a broken value.
@pytest.mark.parametrize(
    ("text", "rule", "place", "hint", "tree"),
    [
        ("a: &x 3", "yaml-feature", (1, 4), "blocks", {"a": "3"}),
        ("a: [*x, 3]", "yaml-feature", (1, 5), '"*x"', {"a": [..., "3"]}),
        ("a: !x 3", "yaml-feature", (1, 4), "quoted", {"a": "3"}),
        ("when: !training", "yaml-feature", (1, 7), "`not`", {"when": ...}),
        ("a: !!int 3", "yaml-feature", (1, 4), "leave it out", {"a": "3"}),
        ("a: !x [3]", "yaml-feature", (1, 4), "leave it out", {"a": ["3"]}),
        ("<<: {a: 3}\nb: 4", "yaml-feature", (1, 1), "blocks", {"b": "4"}),
        ("a: null\nb: 3", "yaml-feature", (1, 4), "leave the key out", {"a": ..., "b": "3"}),
        ("a: [~]", "yaml-feature", (1, 5), "leave the key out", {"a": [...]}),
        ("{[a]: b, c: d}", "yaml-feature", (1, 2), "a key is a word", {"c": "d"}),
        ("a: 3\n---\nb: 4", "yaml-feature", (2, 1), "one file, one spec", {"a": "3"}),
        ("%YAML 1.1\n---\na: 3", "yaml-feature", (1, 1), "%", {"a": "3"}),
        ("a: 3\nb: 4\na: 5", "duplicate-key", (3, 1), "rename", {"a": "3", "b": "4"}),
        ("{a, 'a': 3}", "duplicate-key", (1, 5), "rename", {"a": ""}),
        ("", "structure", (1, 1), "layers", None),
        ("# nothing\n", "structure", (1, 1), "layers", None),
        ("---\n", "structure", (1, 1), "layers", None),
        ("{o: max(8, c), b}", "yaml-syntax", (1, 5), "`o: max(8, c)`", {"o": "max(8, c)", "b": ""}),
        ("a: [max(8, c), 3]", "yaml-syntax", (1, 5), "`- max(8, c)`", {"a": ["max(8, c)", "3"]}),
        ("a: {k: (1, 7), b}", "yaml-syntax", (1, 8), "[1, 7]", {"a": {"k": ..., "b": ""}}),
        ("a: {k: max(8}", "yaml-syntax", (1, 8), "every ( needs its )", {"a": {"k": ...}}),
        ("a: {k: 8)}", "yaml-syntax", (1, 8), "every ( needs its )", {"a": {"k": ...}}),
        ("{out:64, b}", "yaml-syntax", (1, 2), "`out: 64`", {"out": "64", "b": ""}),
        ("- relu:64", "yaml-syntax", (1, 3), "`relu: 64`", [{"relu": ...}]),
        ("- conv:{stride}", "yaml-syntax", (1, 3), "`conv: {stride}`", [{"conv": ...}]),
        ("conv:{out: 3}\nname: x", "yaml-syntax", (1, 1), "conv: {…}", {"conv": ..., "name": "x"}),
        ("times: max(2, 3 # or more)", "yaml-syntax", (1, 17), "quote", {"times": "max(2, 3"}),
    ],
)  # fmt: skip
def test_one_slip_is_one_finding_and_reading_goes_on(loader, text, rule, place, hint, tree):
    node, findings = read_tree(text)
    assert [finding.rule.name for finding in findings] == [rule]
    (finding,) = findings
    assert finding.span is not None
    assert finding.span[1:3] == place
    assert hint in finding.hint
    assert plain(node) == tree


SYNTAX = [
    # commas and brackets inside { } and [ ]
    ("- a: {out: depths[0]}", (1, 18), "depths[0]"),
    ("a: [depths[0], 3]", (1, 11), "depths[0]"),
    ("- {x, when: stage in [1, 2]}", (1, 22), "`in [1, 2]`"),
    ("a: {b: max([1, 2], 3)}", (1, 12), "lines of their own"),
    ("- {conv, name: conv{n}}", (1, 20), "`conv(n)`"),
    ("from: [skip{n}, up]", (1, 12), "`skip(n)`"),
    ("{a: 3 b: 4}", (1, 8), "a comma before b"),
    ("a: {x: 3\n  y: 4}", (1, 4), "comma"),
    ("a: {b: 3\nc: 4\n", (1, 4), "close it"),
    ("a: [1, 2\nb: 3\n", (1, 4), "close it"),
    ("a: [\n", (2, 1), "close it"),
    ("a: [1, 2}", (1, 9), "close it with ]"),
    ("a: {b: 1]", (1, 9), "close it with }"),
    ("a: [1, 2]]", (1, 10), "remove it"),
    ("{a,, b}", (1, 4), "remove it"),
    ("{: 3}", (1, 2), "`key: value`"),
    # colons
    ("name: x\nout:64\nk: 3\n", (2, 1), "`out: 64`"),
    ("a:\n  out:64\n  k: 3\n", (2, 3), "`out: 64`"),
    ("a:\n  out:64\n\n  k: 3\n", (2, 3), "`out: 64`"),
    ("a:\n  out:64\n  # note\n  k: 3\n", (2, 3), "`out: 64`"),
    ("- relu  # note\n  name: x\n", (2, 3), "`- {relu, name: x}`"),
    ("- relu\n  name: x\n", (2, 7), "`- {relu, name: x}`"),
    ("layers:\n  - relu\n\n    name: x\n", (4, 9), "`- relu:`"),
    ("a: 3\n  b: 4\n", (2, 4), "align b with a"),
    ("name x\ninput: 3\n", (1, 1), "colon"),
    ("name: Res: net", (1, 10), '`name: "Res: net"`'),
    ("{name: Res: net}", (1, 11), '`name: "Res: net"`'),
    ("when: a ? b : c", (1, 13), "`a if condition else b`"),
    (": 3", (1, 1), "`key: value`"),
    # signs of YAML
    ("freeze: *", (1, 9), '"*"'),
    ("freeze: [*conv*]", (1, 10), '"*conv*"'),
    ("a: %x", (1, 4), '"%x"'),
    ("a: @x", (1, 4), '"@x"'),
    ("a: `x`", (1, 4), '"`x`"'),
    ("when: > 3", (1, 7), "`n > 3`"),
    ("when: | a", (1, 7), "quote"),
    ("when: || a", (1, 7), "`a or b`"),
    ("when: && b", (1, 7), "`a and b`"),
    ("a: !x!y z", (1, 4), "`not`"),
    ("%x\na: 3", (1, 1), "remove it"),
    # quotes
    ('a: "x\nb: 3\n', (1, 4), 'close it with "'),
    ("a: 'x\nb: 3\n", (1, 4), "close it with '"),
    ("a: 'it's'", (1, 8), "apostrophe"),
    ('when: "4a" == row', (1, 12), '`row == "4a"`'),
    ('{x, when: "4a" == row}', (1, 16), '`row == "4a"`'),
    ("a: [1, 2] * 3", (1, 11), "( )"),
    ("a: [1, 2][0]", (1, 10), "( )"),
    # indentation
    ("a:\n\tb: 3\n", (2, 1), "spaces"),
    ("a:\n  - b\n\t- c\n", (3, 1), "spaces"),
    ("- conv: {a: 3}\n    name: x\n", (2, 5), "align"),
    ("a:\n    b: 4\n  c: 5\n", (3, 3), "align"),
    (" a: 3\nb: 4\n", (2, 1), "align"),
    ("a: 3\n- b\n", (2, 1), "list stands below its key"),
    ("- b\na: 3\n", (2, 1), "`- a`"),
    ("- a\n-b\n", (2, 1), "`- b`"),
    ("l:\n - a: 3\n  - b\n", (3, 3), "align"),
    # characters
    ("a: \x07", (1, 4), "remove it"),
    ("a: ü\nb: \ud800", (2, 4), "remove it"),
]


@pytest.mark.parametrize(("text", "place", "hint"), SYNTAX)
def test_an_error_of_yaml_says_what_to_write_instead(loader, text, place, hint):
    node, findings = read_tree(text)
    assert node is None
    (finding,) = findings
    assert finding.rule.name == "yaml-syntax"
    assert finding.span is not None
    # Inside ? : the two parsers stop at different signs.
    if "?" not in text:
        assert finding.span[1:3] == place
    assert hint in finding.hint


def test_an_unknown_escape_names_the_other_quotes(loader):
    _, (finding,) = read_tree(r'a: "\d"')
    assert "'…'" in finding.hint


def test_a_conditional_of_other_languages_in_braces(loader):
    _, (finding,) = read_tree("{x, when: a ? b : c}")
    assert "`a if condition else b`" in finding.hint


def test_each_parenthesis_is_judged_by_itself(loader):
    node, findings = read_tree("{a: 8), b: max(1, c), d: (e}")
    assert [finding.span[1:3] for finding in findings if finding.span] == [(1, 5), (1, 12), (1, 26)]
    assert plain(node) == {"a": ..., "b": "max(1, c)", "d": ...}


def test_a_second_key_is_shown_with_the_first(loader):
    _, (finding,) = read_tree("a: 1\nb: 2\na: 3\n")
    assert [related.span[1:] for related in finding.related] == [(1, 1, 1, 2)]


def test_all_slips_of_a_file_are_found_in_one_run(loader):
    text = (
        "a: &x 1\nb: *x\nc: null\nd: !t 3\na: 2\n<<: {e: 1}\nf: {o: max(8, c)}\ng: {k:3}\n"
        "h: {k: (1, 7)}\ni: {[a]: b}\n"
    )
    _, findings = read_tree(text)
    lines = sorted(finding.span.line for finding in findings if finding.span)
    assert lines == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, "? " * 100_000])
def test_deep_nesting_is_a_finding(text):
    node, findings = read_tree(text)
    assert node is None
    assert [finding.rule.name for finding in findings] == ["limit"]


def test_nesting_up_to_the_limit_is_read(loader):
    assert read_tree("[" * 100 + "]" * 100)[1] == []
    assert [finding.rule.name for finding in read_tree("[" * 101 + "]" * 101)[1]] == ["limit"]


def test_aliases_are_never_followed(loader):
    lines = ["a0: &a0 [x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    node, findings = read_tree("\n".join(lines))
    assert isinstance(node, Mapping)
    assert len(findings) == 30 + 29 * 10


def test_many_findings_take_no_longer_than_their_number(loader):
    node, findings = read_tree("[" + "(a, b), " * 5_000 + "c]")
    assert isinstance(node, Sequence)
    assert len(findings) == 5_000
    assert len(node.items) == 5_001


_FRAGMENTS = st.sampled_from(
    [*"[]{}(),:-?&*!|>'\"%@`#~<=+ \n\t\r\x00\x85\u2028\ufeff\x07é\ud800", "a", "3", ": ", "- ",
     "\n  ", "<<", "null", "---", "...", "&x", "*x", "!t", "conv", "name: x", "in [1]",
     "max(8, c)", " #"]
)  # fmt: skip


@given(st.one_of(st.text(), st.lists(_FRAGMENTS, max_size=40).map("".join)))
@settings(max_examples=400, deadline=None)
@example("{(: a, b)}")
@example("{? (a, b}")
def test_any_text_is_a_tree_or_findings(text):
    for name in ("CSafeLoader", "SafeLoader"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(yaml_text, "LOADER", getattr(yaml, name, yaml.SafeLoader))
            node, findings = read_tree(text)
        if node is None:
            assert findings.failed
        else:
            for line, column, end_line, end_column in spans(node):
                assert (1, 1) <= (line, column) <= (end_line, end_column)
        assert all(finding.hint for finding in findings)


# Files


def test_a_file_is_read_without_byte_order_mark_and_carriage_returns(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: \xc3\xa9\r\nb: 3\r")
    assert read(str(path)) == ("a: é\nb: 3\n", [])


def test_standard_input_is_a_dash(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("é: 1".encode())))
    assert read("-") == ("é: 1", [])


@pytest.mark.parametrize(
    ("data", "message", "place", "hint"),
    [
        (b"a: 3\nb: \xc3\xa9\xff", "byte 10 (0xff)", (2, 5), "UTF-8"),
        (b"\xef\xbb\xbfa: \xff", "byte 6 (0xff)", (1, 4), "UTF-8"),
        ("a: 3".encode("utf-16"), "byte 0 (0xff)", (1, 1), "UTF-16"),
        (b"\x7fELF\x00", "byte 4 is zero", None, "YAML"),
    ],
)
def test_other_bytes_are_a_finding(tmp_path, data, message, place, hint):
    path = tmp_path / "net.yaml"
    path.write_bytes(data)
    text, (finding,) = read(str(path))
    assert text is None
    assert finding.rule.name == "cannot-read"
    assert message in finding.message
    assert hint in finding.hint
    assert (finding.span and finding.span[1:3]) == place


def test_a_missing_file_suggests_its_neighbour(tmp_path):
    (tmp_path / "resnet50.yaml").touch()
    text, (finding,) = read(str(tmp_path / "resnet5.yaml"))
    assert text is None
    assert finding.hint == "did you mean resnet50.yaml?"


@pytest.mark.parametrize("name", ["", "no/such/folder.yaml", "a\0b", "x" * 5_000])
def test_impossible_paths_are_findings(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    text, findings = read(name)
    assert text is None
    assert [finding.rule.name for finding in findings] == ["cannot-read"]


def test_a_folder_is_no_file(tmp_path):
    _, (finding,) = read(str(tmp_path))
    assert "is a folder" in finding.message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    _, (finding,) = read(str(tmp_path / "pipe"))
    assert "not a file" in finding.message


def test_an_unreadable_file_is_a_finding(tmp_path, monkeypatch):
    path = tmp_path / "net.yaml"
    path.write_text("a: 3")
    path.chmod(0)
    if os.access(path, os.R_OK):  # the administrator may read everything

        def refuse(*_):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "stat", refuse)
    _, (finding,) = read(str(path))
    assert "may not be read" in finding.message


def test_a_large_file_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "net.yaml"
    with path.open("wb") as file:
        file.truncate(50 * 2**20)
    _, (finding,) = read(str(path))
    assert "52,428,800" in finding.message
    assert "16,777,216" in finding.message


def test_large_standard_input_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"#" * (16 * 2**20 + 1))))
    text, (finding,) = read("-")
    assert text is None
    assert "16 MiB" in finding.message
