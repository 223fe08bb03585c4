"""Time and memory of whole processes, interleaved: the method that all benchmarks here share."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple


class Run(NamedTuple):
    """One finished process: seconds by the clock, seconds of CPU, peak memory in MiB."""

    wall: float
    cpu: float
    peak: float


def run_once(command: Sequence[str]) -> Run:
    """Run a command to its end, its output thrown away. Raises on a failing command."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} exits with {process.returncode}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def interleaved(commands: Mapping[str, Sequence[str]], rounds: int) -> dict[str, Run]:
    """The medians of each command over rounds in which every command runs once.

    One round before them is not counted: it compiles bytecode and fills the file cache.
    """
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            run = run_once(command)
            if number:
                runs[name].append(run)
    return {name: Run(*map(median, zip(*done, strict=True))) for name, done in runs.items()}


def machine() -> str:
    """What the figures were measured on."""
    import platform

    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            name = next(line.split(":")[1].strip() for line in file if "model name" in line)
    except (OSError, StopIteration):
        pass
    return f"{os.cpu_count()} cores, {name}, {platform.system()}, Python {sys.version.split()[0]}"


def require_bytecode() -> None:
    """Start-up times mean something only with compiled bytecode."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
