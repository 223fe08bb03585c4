"""Wrong usage: exit code 2, nothing on standard output, and what to write instead."""

from pathlib import Path

import pytest
from command_line import complaint, run

COLUMNS = """\
Error: there is no column parms
  hint: did you mean params? allowed: name, kind, label, reads, input, output,
        weights, biases, params, trainable, frozen, buffers, macs, flops,
        values, memory, rf, jump, start, lost, shares, training
"""
TOTALS = """\
Error: totals has no mac
  hint: did you mean macs? there is: layers, params, weights, biases,
        trainable, frozen, buffers, macs, flops, activations, output, outputs,
        memory
"""
LAYERS = """\
Error: there is no layer conv9
  hint: did you mean conv2? there is: input, conv1, pool1, conv2, pool2,
        flatten, fc1, relu, fc2, softmax
"""
SHAPES = "is no shape; write channels, height, width: 3x224x224\n"
MEMORY = "is no amount of memory; write for example 24GiB or 800MB\n"

MISTAKES = [
    ("sumarize vgg16", "Error: there is no command sumarize\n  hint: did you mean summarize?\n"),
    ("summarize lenet_mnist --columns name,parms", COLUMNS),
    ("summarize lenet_mnist --get totals.mac", TOTALS),
    ("summarize lenet_mnist --get layers.conv9.output", LAYERS),
    ("explain lenet_mnist conv9", LAYERS),
    (
        "explain conv2",
        "Error: there is no kind and no finding called conv2\n"
        "  hint: did you mean conv2d? see all: cnncalc explain\n",
    ),
    (
        "explain CNN999",
        "Error: there is no kind and no finding called CNN999\n  hint: see all: cnncalc explain\n",
    ),
    (
        "explain vgg16",
        "Error: which layer of vgg16 is to be explained?\n"
        "  hint: cnncalc explain vgg16 LAYER; cnncalc summarize vgg16 lists them\n",
    ),
    (
        "summarize vgg16 --get totals.macs --depth 1",
        "Error: --get prints one value, not a table\n"
        "  hint: leave out --columns, --depth, --formulas and --format\n",
    ),
    (
        "summarize vgg16 --format json --depth 1",
        "Error: json has every layer and number\n  hint: leave out columns and depth\n",
    ),
    (
        "summarize vgg16 --formulas --columns name",
        "Error: formulas are text with a row for each layer\n"
        "  hint: leave out columns and depth; formats: table, plain\n",
    ),
    ("summarize vgg16 --input 3xax2", f"Error: Invalid value for '--input': '3xax2' {SHAPES}"),
    ("summarize vgg16 --input 0x3x3", f"Error: Invalid value for '--input': '0x3x3' {SHAPES}"),
    ("expand vgg16 --input 3x-1x3", f"Error: Invalid value for '--input': '3x-1x3' {SHAPES}"),
    ("explain vgg16 fc8 --input left=", f"Error: Invalid value for '--input': 'left=' {SHAPES}"),
    (
        "summarize vgg16 --input 3x9x9 --input 3x8x8",
        "Error: Invalid value for '--input': several shapes are given; "
        "name the input of each: left=1x105x105\n",
    ),
    (
        "summarize vgg16 --input a=3x9x9 --input 3x8x8",
        "Error: Invalid value for '--input': several shapes are given; "
        "name the input of each: left=1x105x105\n",
    ),
    ("summarize vgg16 --memory 24", f"Error: Invalid value for '--memory': '24' {MEMORY}"),
    ("summarize vgg16 --memory 1PiB", f"Error: Invalid value for '--memory': '1PiB' {MEMORY}"),
    (
        "summarize vgg16 --set classes=",
        "Error: Invalid value for '--set': 'classes=' sets nothing; write name=value: classes=10\n",
    ),
    ("list vgg 16", "Error: Got unexpected extra argument (16)\n"),
    (
        "list vgg61",
        "Error: no built-in architecture has vgg61 in its name\n  hint: did you mean vgg16?\n",
    ),
    ("summarize", "Error: Missing argument 'SPEC'.\n"),
    ("check", "Error: Missing argument 'PATH...'.\n"),
]


@pytest.mark.parametrize(("line", "text"), MISTAKES, ids=lambda value: value[:50])
def test_wrong_usage_says_what_to_write(line: str, text: str) -> None:
    assert complaint(*line.split()) == text


@pytest.mark.parametrize(
    "line",
    ["--foo", "summarize vgg16 --colums a", "summarize vgg16 --batch 0", "list --format csv",
     "summarize vgg16 --dtype fp16", "summarize vgg16 --format jsn", "check vgg16 --format xml",
     "summarize vgg16 --optimizer sdg", "summarize vgg16 --depth 0", "summarize vgg16 --set"],
)  # fmt: skip
def test_click_refuses_other_options(line: str) -> None:
    assert "Error: " in run(*line.split()).stderr
    assert run(*line.split()).exit_code == 2


def test_a_folder_without_a_spec(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no spec")
    text = f"Error: there is no spec (*.yaml, *.yml) in {tmp_path}\n"
    assert complaint("check", str(tmp_path)) == text
    assert complaint("check", "vgg16", str(tmp_path)) == text


def test_what_is_said_cannot_drive_the_terminal() -> None:
    text = complaint("explain", "lenet5", "\x1b[2J")
    assert text.startswith("Error: there is no layer \\x1b[2J\n")


@pytest.mark.parametrize(
    ("name", "reason"),
    [("there", "{} exists already\n  hint: overwrite it with --force\n"),
     ("folder", "{} exists already\n  hint: choose another name\n"),
     ("missing/file", "{} cannot be written: No such file or directory\n"),
     ("there/file", "{} cannot be written: Not a directory\n")],
)  # fmt: skip
def test_a_file_that_cannot_be_written(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "there").write_text("mine")
    (tmp_path / "folder").mkdir()
    path = tmp_path / name
    result = run("summarize", "lenet5", "-o", str(path), columns=400)
    assert result.exit_code == 2
    assert result.stderr.endswith("Error: " + reason.format(path))
    assert (tmp_path / "there").read_text() == "mine"
