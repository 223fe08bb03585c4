"""The commands at work: what goes in, what comes out, and the exit code."""

import csv
import io
import json
from importlib import metadata
from pathlib import Path

import pytest
from command_line import run

from cnncalc.cli import COMMANDS

SMALL = """\
name: small
input: [1, 8, 8]
parameters: {classes: 10}
layers:
  - {conv2d: {out_channels: 2, kernel_size: 3}, name: conv}
  - relu
  - flatten
  - linear: {out_features: classes}
"""
TWO = """\
name: two
inputs: {left: [1, 10, 10], right: [1, 10, 10]}
layers:
  - {conv2d: {out_channels: 4, kernel_size: 3}, from: left, name: a}
  - {conv2d: {out_channels: 4, kernel_size: 3}, from: right, share: a, name: b}
  - {concat, from: [a, b]}
"""
WRONG = SMALL.replace("kernel_size", "kernal_size")
LOSSY = SMALL.replace("kernel_size: 3", "kernel_size: 3, stride: 2")


def value(*args: str, typed: str | None = None) -> object:
    """The value that summarize --get prints."""
    result = run("summarize", *args, typed=typed)
    assert (result.exit_code, result.stderr) == (0, "")
    return json.loads(result.stdout)


# ------------------------------------------------------------------------- summarize


@pytest.mark.parametrize(
    ("args", "expected"),
    [("vgg16 --get totals.params", 138_357_544),
     ("vgg16 --get totals.macs", 15_470_264_320),
     ("vgg16 --set classes=10 --get totals.output", [10]),
     ("vgg16 --get layers.conv1_1.output", [64, 224, 224]),
     ("vgg16 --input 3x256x320 --get layers.pool5.output", [512, 8, 10]),
     ("vgg16 --input 3×256×320 --get layers.pool5.output", [512, 8, 10]),
     ("vgg16 --input [3,256,320] --get layers.pool5.output", [512, 8, 10]),
     ("vgg16 --input input=3x256x320 --get layers.pool5.output", [512, 8, 10]),
     ("vgg16 --get totals.memory.saved_bytes", 73_355_264),
     ("vgg16 --batch 2 --get totals.memory.activations_bytes", 2 * 4 * 15_237_608),
     ("vgg16 --dtype float16 --get totals.memory.activations_bytes", 2 * 15_237_608),
     ("vgg16 --dtype int8 --get totals.memory.saved_bytes", None),
     ("vgg16 --optimizer adam --get totals.memory.optimizer_bytes", 2 * 4 * 138_357_544),
     ("vgg16 --memory 24GiB --get totals.memory.budget_bytes", 24 * 2**30),
     ("vgg16 --memory 1.5gb --get totals.memory.budget_bytes", 1_500_000_000),
     ("vgg16_bn --get totals.buffers", 2 * 4224)],
    ids=str,
)  # fmt: skip
def test_one_value(args: str, expected: object) -> None:
    assert value(*args.split()) == expected


@pytest.mark.parametrize(
    ("given", "output"),
    [((), [8, 8, 8]),
     (("--input", "left=1x20x30", "--input", "right=1x20x30"), [8, 18, 28])],
)  # fmt: skip
def test_inputs_by_name(given: tuple[str, ...], output: list[int]) -> None:
    assert value("-", *given, "--get", "totals.output", typed=TWO) == output


@pytest.mark.parametrize(
    ("given", "text"),
    [("1x20x30", "one shape is given for 2 inputs: left, right"),
     ("lft=1x20x30", "the spec has no input lft\n      hint: did you mean left?"),
     ("left=1x20x30", "[4, 18, 28] and [4, 8, 8]")],
)  # fmt: skip
def test_inputs_that_do_not_fit(given: str, text: str) -> None:
    result = run("summarize", "-", "--input", given, typed=TWO)
    assert (result.exit_code, result.stdout) == (1, "")
    assert text in result.stderr


@pytest.mark.parametrize(
    ("rank", "shape", "output"),
    [(1, "2x50", [3, 48]), (2, "2x50x40", [3, 48, 38]), (3, "2x50x40x30", [3, 48, 38, 28])],
)
def test_images_of_every_rank(rank: int, shape: str, output: list[int]) -> None:
    layer = f"conv{rank}d: {{out_channels: 3, kernel_size: 3}}"
    spec = f"name: x\ninput: [{', '.join(['9'] * (rank + 1))}]\nlayers: [{layer}]\n"
    assert value("-", "--input", shape, "--get", "totals.output", typed=spec) == output


def test_the_formats_agree() -> None:
    total = 431_080
    tables = {
        name: run("summarize", "lenet_mnist", "--format", name).stdout
        for name in ("table", "plain", "markdown", "csv", "json", "latex", "html")
    }
    assert json.loads(tables["json"])["totals"]["params"] == total
    assert sum(int(row["params"]) for row in csv.DictReader(io.StringIO(tables["csv"]))) == total
    for name in ("table", "plain", "markdown", "html"):
        assert f"{total:,}" in tables[name], name
    assert run("summarize", "lenet_mnist").stdout == tables["plain"]


def test_chosen_columns() -> None:
    lines = run("summarize", "lenet_mnist", "--columns", "name, macs").stdout.split("\n")
    assert lines[7:11] == [
        "Layer         MACs",
        "-------  ---------",
        "input            0",
        "conv1      288,000",
    ]


@pytest.mark.parametrize(
    ("ending", "start"),
    [(".md", "## LeNet for MNIST"), (".csv", "name,kind,"), (".json", "{\n"), (".html", "<div"),
     (".txt", "LeNet for MNIST\n"), ("", "LeNet for MNIST\n")],
)  # fmt: skip
def test_the_ending_of_a_file_is_its_format(tmp_path: Path, ending: str, start: str) -> None:
    path = tmp_path / f"table{ending}"
    result = run("summarize", "lenet_mnist", "-o", str(path))
    assert (result.exit_code, result.output) == (0, "")
    assert path.read_text(encoding="utf-8").startswith(start)


def test_force_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "macs"
    path.write_text("something longer than a number")
    assert run("summarize", "lenet_mnist", "--get", "totals.macs", "-o", str(path)).exit_code == 2
    run("summarize", "lenet_mnist", "--get", "totals.macs", "-o", str(path), "--force")
    assert path.read_text() == "2293000\n"


def test_a_dash_is_standard_output() -> None:
    assert run("summarize", "lenet_mnist", "-o", "-").stdout.startswith("LeNet for MNIST\n")


@pytest.mark.parametrize(
    ("spec", "code", "text"),
    [("vgg", 1, "CNN119 unset-parameter: VGG is a template: no value for convs"),
     ("common", 1, "common is a library of blocks, not a network"),
     ("vgg61", 3, "no built-in architecture called vgg61\n      hint: did you mean vgg16?"),
     ("nothing.yaml", 3, "there is no file nothing.yaml"),
     (".", 3, ". is a folder, not a file")],
)  # fmt: skip
@pytest.mark.parametrize("command", [["summarize"], ["expand"], ["explain", "LAYER"]])
def test_what_is_no_network(command: list[str], spec: str, code: int, text: str) -> None:
    result = run(command[0], spec, *command[1:])
    assert (result.exit_code, result.stdout) == (code, "")
    assert text in result.stderr


def test_a_setting_that_the_spec_does_not_have() -> None:
    result = run("summarize", "vgg16", "--set", "clases=10")
    assert result.exit_code == 1
    assert "the spec has no parameter clases" in result.stderr
    assert "did you mean classes?" in result.stderr


def test_warnings_stand_beside_the_table() -> None:
    spec = SMALL.replace("  - flatten\n", "")
    result = run("summarize", "-", typed=spec)
    assert result.exit_code == 0
    assert "CNN304" in result.stderr
    assert "CNN304" not in result.stdout


def test_the_help_lists_the_columns() -> None:
    text = run("summarize", "--help").stdout
    assert "  macs       multiply-accumulates for one image\n" in text
    assert "[NAME=]CxHxW" in text


# -------------------------------------------------------------------------- the group


def test_the_version_is_that_of_the_package() -> None:
    assert run("--version").stdout == f"cnncalc {metadata.version('cnncalc')}\n"


def test_the_help_names_every_command_also_after_one_has_run() -> None:
    assert run("list", "lenet5").exit_code == 0
    text = run("--help").stdout
    assert all(f"\n  {name} " in text for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help(name: str) -> None:
    assert run(name, "-h").stdout.startswith(f"Usage: cnncalc {name} ")


# --------------------------------------------------------------------------- explain


@pytest.mark.parametrize("what", ["conv2d", "CNN203", "cnn203", "kernel-too-large"])
def test_kinds_and_findings_are_explained(what: str) -> None:
    result = run("explain", what)
    assert result.exit_code == 0
    assert result.stdout.lower().startswith(what if what == "conv2d" else "cnn203 kernel-too-large")


def test_a_layer_is_explained_with_the_options_of_the_command() -> None:
    args = ["explain", "-", "conv", "--input", "1x10x10"]
    assert "10 − 3" in run(*args, typed=SMALL).stdout
    args = ["explain", "-", "linear", "--set", "classes=7"]
    assert "C_out = 7" in run(*args, typed=SMALL).stdout


def test_explain_alone_lists_what_there_is() -> None:
    text = run("explain").stdout
    assert "conv1d/2d/3d" in text
    assert "relu" in text
    assert " CNN203 kernel-too-large the kernel is larger " in " ".join(text.split())


# ----------------------------------------------------------------------------- check


def test_all_findings_of_all_files(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.yaml").write_text(WRONG)
    (tmp_path / "deep" / "b.yml").write_text(SMALL.replace("flatten", "flaten"))
    (tmp_path / "deep" / "c.yaml").write_text(SMALL)
    result = run("check", str(tmp_path))
    assert result.exit_code == 1
    assert f"{tmp_path}/a.yaml:5:32: error CNN108" in result.stdout
    assert f"{tmp_path}/deep/b.yml:7:5: error CNN104" in result.stdout
    assert result.stdout.endswith("errors in 2 files (3 specs checked)\n")


@pytest.mark.parametrize(
    ("spec", "options", "code"),
    [(SMALL, [], 0), (SMALL, ["--strict"], 0), (WRONG, [], 1), (LOSSY, [], 0),
     (LOSSY, ["--notes"], 0), (LOSSY, ["--strict"], 1), (SMALL + "expect: {params: 1}\n", [], 1),
     (SMALL + "expect: {params: 750}\n", [], 0),
     (SMALL + "expect: {params: 750}\n", ["--set", "classes=9"], 1), ("", [], 1), ("\0", [], 3)],
)  # fmt: skip
def test_exit_codes(spec: str, options: list[str], code: int) -> None:
    assert run("check", "-", *options, typed=spec).exit_code == code


def test_notes_are_counted_and_shown_when_asked_for() -> None:
    assert run("check", "-", typed=LOSSY).stdout == ("ok (1 spec checked; 1 note with --notes)\n")
    shown = run("check", "-", "--notes", typed=LOSSY).stdout
    assert "-:5:6: note CNN301 lost-rows" in shown
    assert shown.endswith("1 note in 1 file (1 spec checked)\n")


def test_findings_for_programs() -> None:
    found = json.loads(run("check", "-", "--format", "json", typed=WRONG).stdout)["findings"]
    assert ("CNN108", 5, 32) in [(one["code"], one["line"], one["column"]) for one in found]


def test_an_unreadable_file_wins_over_findings(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(WRONG)
    result = run("check", str(tmp_path), "nothing")
    assert result.exit_code == 3
    assert "CNN001" in result.stdout
    assert "CNN108" in result.stdout


# -------------------------------------------------------------------- expand and list


def test_an_expanded_spec_is_the_same_network() -> None:
    flat = run("expand", "googlenet_2014").stdout
    assert value("-", "--get", "training_totals.params", typed=flat) == 13_378_280
    assert run("check", "-", typed=flat).exit_code == 0


def test_expand_takes_inputs_and_settings() -> None:
    flat = run("expand", "-", "--input", "1x9x9", "--set", "classes=3", typed=SMALL).stdout
    assert flat == (
        'name: "small"\ninput: [1, 9, 9]\nlayers:\n'
        "  - conv2d: {out_channels: 2, kernel_size: 3}\n    name: conv\n"
        "  - relu:\n    name: relu\n"
        "  - flatten:\n    name: flatten\n"
        "  - linear: {out_features: 3}\n    name: linear\n"
    )


def test_an_expanded_spec_keeps_its_contracts_while_they_hold() -> None:
    kept = "expect:\n  params: 138357544\n  macs: 15470264320\n  output: [1000]\n"
    assert run("expand", "vgg16").stdout.endswith(kept)
    assert "expect" not in run("expand", "vgg16", "--set", "classes=10").stdout
    assert "expect" not in run("expand", "vgg16", "--input", "3x256x256").stdout


def test_the_list_counts_without_training_heads() -> None:
    assert "  6,998,552  1,582,671,872  " in run("list", "googlenet_2014").stdout


def test_the_list_is_aligned_and_exact() -> None:
    heading, rule, *rows = run("list", "vgg").stdout.split("\n\n")[0].split("\n")
    assert heading.split() == ["Name", "Params", "MACs", "Input", "Title"]
    starts = [at for at, sign in enumerate(rule) if sign == "-" and rule[at - 1 : at] in ("", " ")]
    assert len(starts) == 5
    for row in rows:
        assert all(row[start - 1] == " " for start in starts[1:])
    (vgg16,) = (row for row in rows if row.startswith("vgg16 "))
    assert vgg16.split() == ["vgg16", "138,357,544", "15,470,264,320", "3x224x224", "VGG-16"]


def test_a_part_of_the_list() -> None:
    assert run("list", "vgg16_bn").stdout == (
        "Name           Params            MACs  Input      Title\n"
        "--------  -----------  --------------  ---------  -------------------------------\n"
        "vgg16_bn  138,365,992  15,470,264,320  3x224x224  VGG-16 with batch normalisation\n"
    )
    assert run("list", "common").stdout == (
        "Families and libraries, for extends and include: common\n"
    )


def test_the_list_for_programs() -> None:
    assert json.loads(run("list", "vgg16_bn", "--format", "json").stdout) == [
        {
            "name": "vgg16_bn",
            "params": 138_365_992,
            "macs": 15_470_264_320,
            "inputs": ["3x224x224"],
            "title": "VGG-16 with batch normalisation",
        }
    ]
