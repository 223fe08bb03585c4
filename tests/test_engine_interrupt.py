"""Ctrl-C ends a benchmark at once, whatever it is doing, as it ends any command."""

import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec

import pytest

pty = pytest.importorskip("pty", reason="needs a system with pseudo-terminals")


def read_until(terminal: int, text: bytes, patience: float = 120) -> bytes:
    """What a process writes to a terminal until there is some text in it."""
    seen, end = b"", time.monotonic() + patience
    while text not in seen:
        assert time.monotonic() < end, seen
        seen += os.read(terminal, 4096)
    return seen


@pytest.mark.parametrize(
    ("engine", "batch", "doing"),
    [
        ("numpy", 1, b"making weights"),
        ("numpy", 1, b"batch 1 ["),
        ("native", 1, b"making weights"),
        ("native", 1, b"batch 1 ["),
        ("native", 24, b"batch 24 ["),  # of which one run takes more than a second
    ],
)
def test_ctrl_c_ends_it_at_once(engine: str, batch: int, doing: bytes) -> None:
    if engine == "native" and not find_spec("numba"):
        pytest.skip("the native engine needs Numba: pip install 'cnncalc[numba]'")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "cnncalc", "bench", "vgg16", "--engine", engine,
         "--batch", str(batch), "--seconds", "30"],
        stdout=subprocess.PIPE, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    try:
        said = read_until(ours, doing)
        time.sleep(0.2)  # into the middle of it
        before = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        took = time.monotonic() - before
    finally:
        process.kill()
    try:
        while more := os.read(ours, 4096):
            said += more
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert took < 1
    assert process.returncode == -signal.SIGINT
    assert out == b""
    assert b"Traceback" not in said
