"""``cnncalc check --fix``: what has one safe fix is repaired, and nothing else is touched.

``CNNCALC_EXAMPLES=20000 pytest tests/test_fix.py`` draws as many specs.
"""

import os
import random
import re
import stat
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from test_language_fuzz import TEXTS, fuzz, mutilated

from cnncalc.api import check_specs
from cnncalc.checking import Wanted
from cnncalc.cli import cli
from cnncalc.diagnostics import Edit, Findings, Fix, Span
from cnncalc.fixing import repair
from cnncalc.layers import kinds
from cnncalc.spec.edits import apart, apply
from cnncalc.spec.spelling import is_slip, meant

TOP = "name: t\ninput: [8, 32, 32]\n"


def check(*args: object, **options: object) -> Result:
    return CliRunner().invoke(cli, ["check", *map(str, args)], **options)


def spec(text: str) -> str:
    """A whole spec of these layers."""
    return f"{TOP}layers:\n{text}\n"


def repaired(text: str, folder: Path) -> str:
    path = folder / "spec.yaml"
    path.write_bytes(text.encode())
    check("--fix", path)
    return path.read_bytes().decode()


# ---------------------------------------------------------------------------- what is repaired

FIXED = {
    "a kind": ("  - flaten", "  - flatten"),
    "a kind of torch": ("  - BatchNorm2d", "  - batch_norm2d"),
    "a kind with options": (
        "  - cov2d:   { out_channels: 8,kernel_size: 1 }  # why",
        "  - conv2d:   { out_channels: 8,kernel_size: 1 }  # why",
    ),
    "a kind and its options": (
        "  - Conv2d: {out_chanels: 8, kernel_sise: 1}",
        "  - conv2d: {out_channels: 8, kernel_size: 1}",
    ),
    "a modifier": ("  - {relu, tiems: 2}", "  - {relu, times: 2}"),
    "a key of repeat": (
        "  - repeat: {times: 2, layer: [relu]}", "  - repeat: {times: 2, layers: [relu]}",
    ),
    "a name in a list": (
        "  - repeat: {over: {width: [4]}, layers: [{conv2d: {out_channels: widht + 1, kernel_size: "
        "[1, widht]}}]}",
        "  - repeat: {over: {width: [4]}, layers: [{conv2d: {out_channels: width + 1, kernel_size: "
        "[1, width]}}]}",
    ),
    "a word of an option": (
        "  - conv2d: {out_channels: 8, kernel_size: 3, padding: hlaf}",
        "  - conv2d: {out_channels: 8, kernel_size: 3, padding: half}",
    ),
    "a truth of Python": ("  - {relu, when: not False}", "  - {relu, when: not false}"),
    "a truth of YAML": (
        "  - conv2d: {out_channels: 8, kernel_size: 1, bias: no}",
        "  - conv2d: {out_channels: 8, kernel_size: 1, bias: false}",
    ),
    "operators": (
        "  - relu:\n    when: 1 ≤ 2&&3 <> 4 || channels=8",
        "  - relu:\n    when: 1 <= 2 and 3 != 4 or channels==8",
    ),
    "typographic signs": (
        "  - conv2d: {out_channels: channels × 2 − 1, kernel_size: 1}",
        "  - conv2d: {out_channels: channels * 2 - 1, kernel_size: 1}",
    ),
    "a quoted number": (
        '  - conv2d: {out_channels: "8", kernel_size: 1}',
        "  - conv2d: {out_channels: 8, kernel_size: 1}",
    ),
    "a quoted kind": ("  - 'relu'", "  - relu"),
    "a quoted flag": ('  - {relu, freeze: "true"}', "  - {relu, freeze: true}"),
    "a list in ( )": (
        "  - conv2d: {out_channels: 8, kernel_size: (1, 3)}",
        "  - conv2d: {out_channels: 8, kernel_size: [1, 3]}",
    ),
    "a list in ( ) on its own line": (
        "  - conv2d:\n      out_channels: 8\n      kernel_size: (1, 3)",
        "  - conv2d:\n      out_channels: 8\n      kernel_size: [1, 3]",
    ),
    "no space in { }": (
        "  - conv2d: {out_channels:8, kernel_size: 1}",
        "  - conv2d: {out_channels: 8, kernel_size: 1}",
    ),
    "no space in lines": (
        "  - conv2d:\n      out_channels:8\n      kernel_size: 1",
        "  - conv2d:\n      out_channels: 8\n      kernel_size: 1",
    ),
    "no space after a dash": ("  - tanh\n  -relu", "  - tanh\n  - relu"),
    "no colon after a kind": ("  - relu\n    name: a", "  - relu:\n    name: a"),
    "an unused comment": ("  - relu  # cnncalc: ignore CNN501 since", "  - relu"),
    "an unused comment on its line": ("  # cnncalc: ignore CNN501\n  - relu", "  - relu"),
    "an unused rule of two": (
        "  - {conv2d: {out_channels: 8, kernel_size: 3, stride: 2}} # cnncalc: ignore CNN502, "
        "CNN301",
        "  - {conv2d: {out_channels: 8, kernel_size: 3, stride: 2}} # cnncalc: ignore CNN301",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), FIXED.values(), ids=FIXED)
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_what_has_one_safe_fix_is_repaired(before, after, end, tmp_path):
    text, wanted = (spec(layers).replace("\n", end) for layers in (before, after))
    assert repaired(text, tmp_path) == wanted
    assert check(tmp_path / "spec.yaml", "--strict").exit_code in (0, 1)
    assert check(tmp_path / "spec.yaml").exit_code == 0
    assert repaired(wanted, tmp_path) == wanted


@pytest.mark.parametrize(
    ("text", "slip", "word"),
    [
        (f"{TOP}layers: [relu]\n", "nmae: t", "name: t"),
        (f"{TOP}expect: {{params: 0}}\nlayers: [relu]\n", "parms", "params"),
        ("extends: vgg16\nparameters: {classes: 10}\n", "clases", "classes"),
        (
            f"{TOP}blocks: {{a: {{layers: [relu]}}}}\nlayers: [a]\n",
            "layesr: [relu]",
            "layers: [relu]",
        ),
    ],
)
def test_keys_are_repaired(text, slip, word, tmp_path):
    assert repaired(text.replace(word, slip), tmp_path) == text


LEFT = {
    "two kinds are as near": "  - conv4d: {out_channels: 8, kernel_size: 1}",
    "a digit": "  - relu7",
    "nothing is near": "  - dense: {out_features: 8}",
    "a short word": "  - ad",
    "a null": "  - conv2d: {out_channels: 8, kernel_size: 1, bias: null}",
    "an octal number": "  - conv2d: {out_channels: 010, kernel_size: 1}",
    "an empty branch": "  - add: {a: relu, b: }",
    "a tab": "  -\trelu",
    "a missing option": "  - conv2d: {out_channels: 8}",
    "a quoted text": '  - {relu, when: "a && b"}',
    "a misspelt name of a layer": "  - {relu, name: first}\n  - {relu, from: frist}",
    "a fix that brings other errors": "  - Conv2d: {out_channels: 8, kernel_size: 99}",
    "options beside the kind": "  - linear\n    out_features: 8",
}


@pytest.mark.parametrize("layers", LEFT.values(), ids=LEFT)
def test_what_has_no_safe_fix_is_left(layers, tmp_path):
    assert repaired(spec(layers), tmp_path) == spec(layers)


def test_bias_before_a_norm_is_left_for_it_changes_params(tmp_path):
    text = spec("  - conv2d: {out_channels: 8, kernel_size: 1}\n  - batch_norm2d")
    assert repaired(text, tmp_path) == text


def test_a_fix_is_refused_with_what_would_be_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = spec("  - Conv2d: {out_channels: 8, kernel_size: 99}\n  - flaten")
    Path("spec.yaml").write_text(text)
    ran = check("--fix", "spec.yaml")
    assert ran.exit_code == 1
    assert "spec.yaml:4:5: CNN104 left: there is no kind Conv2d; with the fix (write conv2d) " in (
        ran.stderr
    )
    assert "CNN203" in ran.stderr
    assert "spec.yaml:5:5: CNN104 fixed: there is no kind flaten; write flatten" in ran.stderr
    assert "fixed 1 finding in 1 file" in ran.stderr
    assert "CNN104 unknown-kind: there is no kind Conv2d" in ran.stdout
    assert Path("spec.yaml").read_text() == text.replace("flaten", "flatten")


def test_a_fix_that_breaks_a_contract_is_refused(tmp_path):
    good = f"{TOP}expect: {{params: 0}}\nlayers: [flaten]\n"
    bad = f"{TOP}expect: {{params: 72}}\nlayers: [flaten]\n"
    assert repaired(good, tmp_path) == good.replace("flaten", "flatten")
    assert repaired(bad, tmp_path) == bad


def test_a_library_is_repaired_if_all_that_include_it_check_better(tmp_path):
    library = tmp_path / "blocks.yaml"
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    wrong = "blocks:\n  stem: [flaten]\n"
    head = f"include: blocks\n{TOP}"
    one.write_text(f"{head}layers: [stem]\n")
    two.write_text(f"{head}layers: [stem, {{max_pool2d: {{kernel_size: 2}}}}]\n")
    library.write_text(wrong)
    assert check("--fix", one).exit_code == 1
    assert library.read_text() == wrong, "it is no spec that was named"
    assert check("--fix", tmp_path).exit_code == 1
    assert library.read_text() == wrong, "two.yaml pools what would be flat"
    two.unlink()
    assert check("--fix", tmp_path).exit_code == 0
    assert library.read_text() == wrong.replace("flaten", "flatten")


# ------------------------------------------------------------------------------- how it is written

MISSPELT = spec("  - flaten  # ∂ is kept")


def test_a_byte_order_mark_and_mixed_line_ends_stay(tmp_path):
    path = tmp_path / "spec.yaml"
    data = b"\xef\xbb\xbf" + MISSPELT.encode().replace(b"\n", b"\r\n", 2)
    path.write_bytes(data)
    check("--fix", path)
    assert path.read_bytes() == data.replace(b"flaten", b"flatten")


def test_permissions_stay(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text(MISSPELT)
    path.chmod(0o640)
    check("--fix", path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert "flatten" in path.read_text()
    assert [item.name for item in tmp_path.iterdir()] == ["spec.yaml"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everything")
def test_a_file_that_may_not_be_written_stays(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text(MISSPELT)
    path.chmod(0o440)
    ran = check("--fix", path)
    assert "is not written: permission denied" in ran.stderr
    assert path.read_text() == MISSPELT


def test_a_link_within_the_folder_is_followed_and_one_out_of_it_is_not(tmp_path):
    folder = tmp_path / "specs"
    folder.mkdir()
    (tmp_path / ".git").mkdir()  # links within a repository are read
    inside, outside = folder / "real.yaml", tmp_path / "outside.yaml"
    for path in (inside, outside):
        path.write_text(MISSPELT)
    (folder / "in.yaml").symlink_to("real.yaml")
    (folder / "out.yaml").symlink_to("../outside.yaml")
    ran = check("--fix", folder / "in.yaml", folder / "out.yaml")
    assert "flatten" in inside.read_text()
    assert (folder / "in.yaml").is_symlink()
    assert outside.read_text() == MISSPELT
    assert "out.yaml is not written: it is a link to" in ran.stderr
    assert ran.exit_code == 1


def test_a_file_that_changed_meanwhile_stays(tmp_path, monkeypatch):
    from cnncalc.cli import fixes

    path = tmp_path / "spec.yaml"
    path.write_text(MISSPELT)

    def repair_slowly(specs, wanted):
        repairs = repair(specs, wanted)
        path.write_text(f"# mine\n{MISSPELT}")
        return repairs

    monkeypatch.setattr(fixes, "repair", repair_slowly)
    assert "is not written: it changed while it was checked" in check("--fix", path).stderr
    assert path.read_text() == f"# mine\n{MISSPELT}"


def test_built_in_architectures_are_never_written(tmp_path):
    (tmp_path / "spec.yaml").write_text("extends: vgg16\n")
    repairs = repair(["vgg16", str(tmp_path / "spec.yaml")], Wanted())
    assert repairs.edits == {}


# -------------------------------------------------------------------------- diff, standard input


def test_diff_shows_and_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("spec.yaml").write_text(MISSPELT)
    ran = check("--fix", "--diff", "spec.yaml")
    assert ran.exit_code == 1
    assert ran.stdout.startswith("--- spec.yaml\n+++ spec.yaml\n")
    assert "-  - flaten  # ∂ is kept\n+  - flatten  # ∂ is kept\n" in ran.stdout
    assert "would fix 1 finding in 1 file" in ran.stderr
    assert Path("spec.yaml").read_text() == MISSPELT


def test_diff_without_fix_is_wrong_usage():
    assert check("--diff", "vgg16").exit_code == 2


def test_standard_input_goes_to_standard_output():
    data = b"\xef\xbb\xbf" + MISSPELT.encode().replace(b"\n", b"\r\n")
    done = subprocess.run(
        [sys.executable, "-m", "cnncalc", "check", "--fix", "-"], input=data, capture_output=True,
        check=False, cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == data.replace(b"flaten", b"flatten")
    assert b"fixed 1 finding" in done.stderr


@pytest.mark.parametrize("args", [["-", "vgg16"], ["-", "--format", "json"]])
def test_nothing_else_may_go_to_standard_output(args):
    ran = check("--fix", *args, input=MISSPELT)
    assert ran.exit_code == 2


def test_standard_input_that_is_no_text():
    assert check("--fix", "-", input=b"\xff\x00").exit_code == 3


def test_a_format_shows_what_is_left(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text(spec("  - flaten\n  - dense"))
    ran = check("--fix", "--format", "json", path)
    assert '"code": "CNN104"' in ran.stdout
    assert "flaten" not in ran.stdout
    assert "fixed 1 finding" in ran.stderr


# ------------------------------------------------------------------------------------- its laws


def slipped(text: str, chance: random.Random) -> str:
    """The text with slips in words: letters added, lost, replaced, swapped; other cases, signs."""
    for _ in range(chance.choice([1, 1, 2, 3, 5])):
        words = list(re.finditer(r"[A-Za-z_]\w{2,}|: |==|and|\[[\d, ]+\]", text))
        place = chance.choice(words)
        word = place[0]
        at = chance.randrange(len(word))
        new = chance.choice(
            [
                word[:at] + word[at + 1 :],
                word[:at] + chance.choice("abcdefgh_123") + word[at:],
                word[:at] + chance.choice("abcdefgh_123") + word[at + 1 :],
                word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :],
                word.upper(), word.title(), word.strip(), f'"{word}"', word.replace("and", "&&"),
                word.replace("[", "(").replace("]", ")"),
            ]
        )  # fmt: skip
        text = text[: place.start()] + new + text[place.end() :]
    return text


def is_error(finding: object) -> bool:
    return finding.severity == "error"  # type: ignore[attr-defined]


@fuzz
@given(st.sampled_from(sorted(TEXTS)), st.integers(0, 2**64), st.sampled_from([slipped, mutilated]))
def test_fixes_never_raise_never_make_it_worse_and_touch_nothing_else(name, seed, change):
    text = change(TEXTS[name], random.Random(seed))
    text = text.encode("utf-8", "replace").decode()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "spec.yaml"
        path.write_text(text, "utf-8", newline="")
        before = check_specs([str(path)]).findings
        repairs = repair([str(path)], Wanted())
        if not repairs.edits:
            assert not repairs.fixed
            return
        (steps,) = repairs.edits.values()
        (after,) = repairs.texts.values()
        made = text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
        for edits in steps:
            made = outside_stays(made, edits)
        assert made == after
        path.write_text(after, "utf-8", newline="")
        now = check_specs([str(path)]).findings
        assert errors(now) <= errors(before)
        assert len([*filter(is_error, now)]) < len([*filter(is_error, before)]) or (
            not before.failed and len(now) < len(before)
        )
        again = repair([str(path)], Wanted())
        assert again.edits == {}, "a second run finds nothing to do"


def errors(findings: Findings) -> set[tuple[str, str]]:
    return {(item.rule.code, item.message) for item in findings if is_error(item)}


def outside_stays(text: str, edits: list[Edit]) -> str:
    """Apply edits, and see that what is around their spans is what it was."""
    new = apply(text, edits)
    position = 0
    starts = [0, *(end.end() for end in re.finditer("\r\n|[\n\r\x85\u2028\u2029]", text))]
    rest = new
    for edit in sorted(edits, key=lambda edit: edit.span):
        begin = starts[edit.span.line - 1] + edit.span.column - 1
        kept = text[position:begin]
        assert rest.startswith(kept + edit.text)
        rest = rest[len(kept) + len(edit.text) :]
        position = starts[edit.span.end_line - 1] + edit.span.end_column - 1
    assert rest == text[position:]
    return new


@pytest.mark.parametrize("kind", kinds())
def test_what_was_meant_is_never_another_kind(kind):
    others = [other for other in kinds() if other != kind]
    assert meant(kind, kinds()) is None
    for other in others:
        if is_slip(kind, other):
            assert meant(kind, [*others, kind + "x"]) is None


@pytest.mark.parametrize(
    ("word", "choices", "found"),
    [
        ("widht", ["width", "depth"], "width"),
        ("widths", ["width"], "width"),
        ("WIDTH", ["width"], "width"),
        ("width_", ["width"], "width"),
        ("conv1_2", ["conv1_1"], None),
        ("tahn", ["tanh"], "tanh"),
        ("drop", ["crop"], None),
        ("widt", ["width", "widty"], None),
        ("width", ["width", "widths"], None),
        ("n", ["m"], None),
    ],
)
def test_what_was_meant(word, choices, found):
    assert meant(word, choices) == found


def test_fixes_that_overlap_wait_for_each_other():
    def fix(start: int, end: int) -> Fix:
        return Fix("", (Edit(Span("-", 1, start, 1, end), "x"),))

    assert apart([fix(5, 8), fix(1, 3), fix(2, 4), fix(3, 3), fix(9, 9)]) == [
        fix(1, 3), fix(5, 8), fix(9, 9),
    ]  # fmt: skip


def rows_of_docs() -> list[list[str]]:
    """The table of docs/schema.md: what is written, what it becomes."""
    lines = (Path(__file__).parent.parent / "docs" / "schema.md").read_text("utf-8").splitlines()
    rows = [re.findall(r"`(- [^`]*)`", line) for line in lines if line.startswith("| `- ")]
    return [row for row in rows if row]


@pytest.mark.parametrize("row", rows_of_docs(), ids=lambda row: row[0])
def test_the_table_of_the_docs(row, tmp_path):
    before, after = (spec(f"  {text}\n  - identity") for text in row)
    assert repaired(before, tmp_path) == after


def test_the_docs_have_a_table():
    assert len(rows_of_docs()) > 6
