"""The command line as a process: pipes, terminals, encodings, signals, completion."""

import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path
from select import select

import pytest

CNNCALC = [sys.executable, "-m", "cnncalc"]
COLORS = re.compile(r"\x1b\[[0-9;]*m")


def run(*args: str, typed: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CNNCALC, *args], input=typed, capture_output=True, encoding="utf-8", timeout=60,
        env=os.environ | environment,
    )  # fmt: skip


def on_terminal(*args: str, columns: int, **environment: str) -> str:
    """What a terminal so many columns wide receives."""
    ours, theirs = pty.openpty()
    sizes = {"COLUMNS": str(columns), "TERM": "xterm-256color", "NO_COLOR": ""}
    process = subprocess.Popen(
        [*CNNCALC, *args], stdin=theirs, stdout=theirs, stderr=theirs,
        env=os.environ | sizes | environment,
    )  # fmt: skip
    os.close(theirs)
    received = b""
    while select([ours], [], [], 60)[0]:
        try:
            part = os.read(ours, 65536)
        except OSError:  # how Linux says that the other side is closed
            break
        if not part:
            break
        received += part
    os.close(ours)
    process.wait(60)
    return received.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
def test_a_table_fits_its_terminal_and_cuts_no_number(columns: int) -> None:
    text = COLORS.sub("", on_terminal("summarize", "vgg16", columns=columns))
    assert max(map(len, text.split("\n"))) <= columns
    assert "138,357,544  15,470,264,320" in text
    assert ("Not shown for want of room" in text) == (columns < 111)
    assert ("30,972,232,168" in text.split("Totals")[0]) == (columns > 110)


@pytest.mark.parametrize(
    ("columns", "rest", "dropped"), [(70, "", "input, title"), (200, " +3x224x224 +VGG-16", "")]
)
def test_a_list_fits_its_terminal(columns: int, rest: str, dropped: str) -> None:
    text = on_terminal("list", columns=columns)
    assert max(map(len, text.split("\n"))) <= columns
    assert re.search(f"^vgg16 +138,357,544 +15,470,264,320{rest}$", text, re.MULTILINE)
    assert (f"Not shown for want of room: {dropped}." in text) == bool(dropped)


@pytest.mark.parametrize("args", [["summarize", "lenet5"], ["check", "nothing"]])
def test_colours_are_for_terminals_that_want_them(args: list[str]) -> None:
    assert "\x1b[" in on_terminal(*args, columns=120)
    assert "\x1b[" not in on_terminal(*args, columns=120, NO_COLOR="1")
    assert "\x1b[" not in on_terminal(*args, columns=120, TERM="dumb")
    assert "\x1b" not in run(*args).stdout


def test_a_file_written_from_a_terminal_is_plain(tmp_path: Path) -> None:
    path = tmp_path / "table"
    assert on_terminal("summarize", "vgg16", "-o", str(path), columns=80) == ""
    assert path.read_text(encoding="utf-8") == run("summarize", "vgg16").stdout


def test_a_pipe_gets_every_column() -> None:
    assert "30,972,232,168" in run("summarize", "vgg16", COLUMNS="40").stdout


def test_a_reader_that_has_seen_enough() -> None:
    process = subprocess.Popen(
        [*CNNCALC, "summarize", "resnet50", "--format", "json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.read(2) == b"{\n"
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(60) == -signal.SIGPIPE
    process.stderr.close()


def test_an_interrupt_ends_it_silently() -> None:
    process = subprocess.Popen(
        [*CNNCALC, "check", "-"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    # More than a pipe holds: once it is written, the command is reading.
    process.stdin.write(b"#" * 2**20)
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (-signal.SIGINT, b"", b"")


@pytest.mark.parametrize(
    ("encoding", "start"), [("utf-8", "0 − 1·1 = −1"), ("latin-1", "0 - 1·1 = -1")]
)
def test_signs_that_the_output_cannot_write(encoding: str, start: str) -> None:
    ended = subprocess.run(
        [*CNNCALC, "explain", "vgg16", "conv1_1"], capture_output=True, check=True,
        env=os.environ | {"PYTHONIOENCODING": encoding},
    )  # fmt: skip
    assert start in ended.stdout.decode(encoding)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_every_encoding_gets_every_command(encoding: str) -> None:
    for args in (["summarize", "resnext50_32x4d"], ["explain", "softmax"], ["--help"]):
        ended = subprocess.run(
            [*CNNCALC, *args], capture_output=True,
            env=os.environ | {"PYTHONIOENCODING": encoding, "LC_ALL": "C", "PYTHONUTF8": "0"},
        )  # fmt: skip
        assert (ended.returncode, ended.stderr) == (0, b"")


def test_exit_codes_reach_the_shell() -> None:
    lossy = "name: x\ninput: [1, 8, 8]\nlayers:\n  - max_pool2d: {kernel_size: 3}\n"
    codes = [
        run("check", "-", typed=lossy).returncode,
        run("check", "-", "--strict", typed=lossy).returncode,
        run("check").returncode,
        run("check", "nothing").returncode,
    ]
    assert codes == [0, 1, 2, 3]


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    if os.access(tmp_path, os.W_OK):
        pytest.skip("this user may write everywhere")
    ended = run("summarize", "lenet5", "-o", str(tmp_path / "table"))
    assert ended.returncode == 2
    assert ended.stderr.endswith("table cannot be written: Permission denied\n")


@pytest.mark.parametrize(
    ("line", "offered"),
    [("cnncalc su", ["summarize"]),
     ("cnncalc ex", ["explain", "expand"]),
     ("cnncalc summarize vgg19", ["vgg19", "vgg19_bn"]),
     ("cnncalc summarize resnet50_", ["resnet50_v1"]),
     ("cnncalc check squeeze", ["squeezenet", "squeezenet1_0", "squeezenet1_1"]),
     ("cnncalc summarize vgg16 --for", ["--formulas", "--format", "--force"]),
     ("cnncalc summarize vgg16 --format j", ["json"]),
     ("cnncalc summarize vgg16 --columns name,ma", ["name,macs"]),
     ("cnncalc explain vgg16 conv5", ["conv5_1", "conv5_2", "conv5_3"]),
     ("cnncalc explain max_pool", ["max_pool1d", "max_pool2d", "max_pool3d"]),
     ("cnncalc explain CNN59", ["CNN591", "CNN592", "CNN593"])],
)  # fmt: skip
def test_completion(line: str, offered: list[str]) -> None:
    words = str(len(line.split()) - 1)
    ended = run(_CNNCALC_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=words)
    items = [item.split(",", 1) for item in ended.stdout.splitlines()]
    assert [text for kind, text in items if kind == "plain"] == offered


def test_completion_offers_files_where_a_spec_belongs() -> None:
    ended = run(_CNNCALC_COMPLETE="bash_complete", COMP_WORDS="cnncalc check ./", COMP_CWORD="2")
    assert ended.stdout.split(",")[0] == "file"
    # Bash forgets what was offered before a file.
    ended = run(_CNNCALC_COMPLETE="bash_complete", COMP_WORDS="cnncalc check vgg", COMP_CWORD="2")
    assert [item.split(",")[0] for item in ended.stdout.splitlines()][:2] == ["file", "plain"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_switched_on(shell: str) -> None:
    text = run(_CNNCALC_COMPLETE=f"{shell}_source").stdout
    assert f"_CNNCALC_COMPLETE={shell}_complete" in text
