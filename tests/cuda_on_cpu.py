"""Our CUDA kernels on the processor: compiled by g++ behind a few lines that stand in for CUDA.

`on_cpu` is a launcher like `nvrtc.on_device`. It runs the very launches that a device would get:
the same source, macros, arguments, grid and blocks.
"""

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from cnncalc.engine.cuda.bound import Bound, Call, Launch
from cnncalc.engine.cuda.nvrtc import KERNELS, Grid, Place, Source

HERE = Path(__file__).parent
COMPILER = shutil.which("g++")
#: Compiled kernels outlive a test run; they are known by all of their text.
FOLDER = Path(tempfile.gettempdir()) / f"cnncalc-kernels-{os.getuid()}"
FAULTS = ["", "an address that is not aligned", "an address outside of the arrays",
          "threads that do not all come to a barrier"]  # fmt: skip
#: The order in which the threads of a block run between barriers.
FORWARDS, BACKWARDS = 0, 1


class KernelFault(Exception):
    """What a device would answer with a fault, or with wrong numbers."""


def library(source: Source) -> ctypes.CDLL:
    """A kernel as a shared library."""
    return loaded(source, KERNELS)


@cache
def loaded(source: Source, kernels: Path) -> ctypes.CDLL:
    parts = ["cuda_on_cpu.h", kernels / f"{source.file}.cu", "cuda_on_cpu_end.h"]
    text = "".join(f'#include "{HERE / part}"\n' for part in parts)
    read = b"".join((HERE / part).read_bytes() for part in parts)
    read += b"".join(path.read_bytes() for path in sorted(kernels.glob("*.cuh")))
    key = hashlib.sha256(read + repr(source).encode()).hexdigest()[:32]
    path = FOLDER / f"{key}.so"
    if not path.is_file():
        FOLDER.mkdir(mode=0o700, exist_ok=True)
        made = FOLDER / f"{key}.{os.getpid()}"
        command = [
            str(COMPILER),
            "-std=c++17",
            "-O1",
            "-fno-strict-aliasing",
            "-shared",
            "-fPIC",
            "-w",
            *source.options,
            "-x",
            "c++",
            "-",
            "-o",
            str(made),
        ]
        done = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
        assert not done.returncode, f"{source}\n{done.stderr}"
        made.replace(path)
    return ctypes.CDLL(str(path))


def run(
    source: Source,
    arguments: ctypes.Structure,
    grid: Grid,
    block: Grid,
    order: int = FORWARDS,
    arrays: Sequence[Any] = (),
) -> None:
    """One launch. Raises KernelFault, also if it reads or writes outside of the arrays, if any."""
    given = dict(source.defines)
    operations = int(given.pop("OPERATIONS", 0))
    code = library(Source(source.file, tuple(given.items())))
    code.arguments_size.restype = ctypes.c_ulong
    assert code.arguments_size() == ctypes.sizeof(arguments), f"{source.file}: other arguments"
    threads = block[0] * block[1] * block[2]
    fits = 0 < threads <= 1024 and block[2] <= 64
    fits = fits and min(grid) > 0 and grid[0] < 2**31 and max(grid[1:]) <= 65535
    assert fits, f"{source}: a grid of {grid} blocks of {block}"
    three = ctypes.c_uint * 3
    ends = [end for array in arrays for end in bounds(array)]
    fault = code.launch(
        ctypes.byref(arguments), three(*grid), three(*block), order, operations,
        (ctypes.c_void_p * len(ends))(*ends), len(arrays),
    )  # fmt: skip
    if fault:
        raise KernelFault(f"{source}: {FAULTS[fault]}")


def bounds(array: Any) -> tuple[int, int]:
    """The addresses of an array's first byte, and of the one after its last."""
    reach = sum((n - 1) * step for n, step in zip(array.shape, array.strides, strict=True))
    return array.ctypes.data, array.ctypes.data + reach + array.itemsize


def arrays_in(keeps: object) -> list[Any]:
    """All arrays in tuples, lists and dictionaries."""
    if isinstance(keeps, np.ndarray):
        return [keeps]
    if isinstance(keeps, dict):
        keeps = keeps.values()
    if not isinstance(keeps, Iterable):
        return []
    return [array for one in keeps for array in arrays_in(one)]


class Launcher:
    """Launches on the processor; counts what was launched."""

    def __init__(self, order: int = FORWARDS) -> None:
        self.order = order
        self.sources: list[Source] = []

    def __call__(
        self,
        place: Place,
        source: Source,
        arguments: ctypes.Structure,
        grid: Grid,
        block: Grid,
        keeps: object = None,
    ) -> Call:
        self.sources.append(source)
        bound = [*place.inputs, *place.outputs] if isinstance(place, Bound) else []
        arrays = bound and [*bound, *arrays_in(keeps)]

        def launch(keeps: object = keeps) -> None:
            run(source, arguments, grid, block, self.order, arrays)

        return Launch(launch, f"{source}, grid {grid}, block {block}")
