"""Our kernels' source → machine code for a device, by NVRTC, which needs no driver; and launches.

A `Source` is a file of ``kernels/`` and what it defines. Each is compiled alone, when a program is
bound, and kept on disk: the key is NVRTC's version, the architecture and all of the text.
"""

import ctypes
import hashlib
import os
import re
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..machine import cache_folder
from .arrays import Arrays
from .bound import Call, CannotBind, Launch
from .device import PIP, Device

KERNELS = Path(__file__).parent / "kernels"
Grid = tuple[int, int, int]
#: Blocks along the second and third axis of a grid, by CUDA's rules.
MOST_BLOCKS = 65535


class Source(NamedTuple):
    """One kernel: a file of ``kernels/`` without its ending, and its macros with their values."""

    file: str
    defines: tuple[tuple[str, str], ...] = ()

    @property
    def options(self) -> tuple[str, ...]:
        return tuple(f"-D{name}={value}" for name, value in self.defines)

    def __str__(self) -> str:
        return " ".join((self.file, *(f"{name}={value}" for name, value in self.defines)))


class Compiled(NamedTuple):
    """Machine code and the assembly language it was made from; and what the assembler says of it:
    registers of a thread, bytes that it keeps in memory because registers do not suffice, bytes of
    shared memory of a block."""

    cubin: bytes
    ptx: str
    registers: int
    spilled: int
    shared: int


class CompilerMissing(Exception):
    """NVRTC is not installed, or it is too old for a device."""


class CompilerFailed(Exception):
    """NVRTC refused a kernel; the text is its log."""


@cache
def library() -> Any:
    """NVRTC, as ctypes sees it. Raises CompilerMissing."""
    try:
        from cuda import pathfinder

        path = pathfinder.load_nvidia_dynamic_lib("nvrtc").abs_path
        return ctypes.CDLL(path)
    except (ImportError, RuntimeError, OSError) as error:
        # pathfinder's own error is a RuntimeError
        raise CompilerMissing(f"NVRTC is not installed ({PIP}): {error}") from error


@cache
def version() -> tuple[int, int]:
    """NVRTC's version, which is that of CUDA."""
    major, minor = ctypes.c_int(), ctypes.c_int()
    check(library().nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)))
    return major.value, minor.value


@cache
def architecture(sm: int) -> int:
    """What to compile for a device of this compute capability: that, or the next lower one of the
    same generation, whose code it runs too. Raises CompilerMissing if NVRTC knows neither."""
    number = ctypes.c_int()
    check(library().nvrtcGetNumSupportedArchs(ctypes.byref(number)))
    known = (ctypes.c_int * number.value)()
    check(library().nvrtcGetSupportedArchs(known))
    able = [one for one in known if one // 10 == sm // 10 and one <= sm]
    if not able:
        found = ".".join(map(str, version()))
        raise CompilerMissing(
            f"NVRTC {found} compiles for sm_{min(known)} to sm_{max(known)}, not for sm_{sm}: "
            "install the CUDA packages of another version (cnncalc[cuda12], cnncalc[cuda13])"
        )
    return max(able)


def check(code: int) -> None:
    """Raise CompilerFailed with the name of an error."""
    if code:
        name = library().nvrtcGetErrorString
        name.restype = ctypes.c_char_p
        raise CompilerFailed(name(code).decode())


@cache
def headers() -> dict[str, bytes]:
    """The files that kernels include, by name."""
    return {path.name: path.read_bytes() for path in sorted(KERNELS.glob("*.cuh"))}


def text(source: Source) -> bytes:
    return (KERNELS / f"{source.file}.cu").read_bytes()


def compiled(source: Source, sm: int) -> Compiled:
    """Compile a kernel for an architecture. Raises CompilerMissing or CompilerFailed."""
    nvrtc, program = library(), ctypes.c_void_p()
    names, texts = list(headers()), list(headers().values())
    check(
        nvrtc.nvrtcCreateProgram(
            ctypes.byref(program), text(source), f"{source.file}.cu".encode(), len(names),
            strings(texts), strings([name.encode() for name in names]),
        )
    )  # fmt: skip
    options = [f"--gpu-architecture=sm_{sm}", "--std=c++17", "--ptxas-options=-v", *source.options]
    try:
        failed = nvrtc.nvrtcCompileProgram(
            program, len(options), strings([option.encode() for option in options])
        )
        log = result(program, "ProgramLog").rstrip(b"\0").decode(errors="replace")
        if failed:
            raise CompilerFailed(f"{source} for sm_{sm}:\n{log}")
        cubin, ptx = result(program, "CUBIN"), result(program, "PTX").rstrip(b"\0").decode()
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    spilled = [found(log, rf"(\d+) bytes spill {kind}") for kind in ("stores", "loads")]
    registers, shared = found(log, r"Used (\d+) registers"), found(log, r"(\d+) bytes smem")
    return Compiled(cubin, ptx, registers, sum(spilled), shared)


def strings(values: list[bytes]) -> Any:
    return (ctypes.c_char_p * len(values))(*values)


def result(program: ctypes.c_void_p, what: str) -> bytes:
    """The log or the machine code of a compiled program."""
    size = ctypes.c_size_t()
    check(getattr(library(), f"nvrtcGet{what}Size")(program, ctypes.byref(size)))
    content = ctypes.create_string_buffer(size.value)
    check(getattr(library(), f"nvrtcGet{what}")(program, content))
    return content.raw


def found(log: str, pattern: str) -> int:
    """The number that a pattern finds in the assembler's log; 0 if it finds none."""
    match = re.search(pattern, log)
    return int(match[1]) if match else 0


# ------------------------------------------------------------------------------------- on disk


@cache
def folder() -> Path:
    """Where machine code is kept: ``cuda`` in the user's cache, or a temporary folder where that
    cannot be written."""
    wanted = cache_folder() / "cuda"
    try:
        wanted.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=wanted):
            return wanted
    except OSError:
        return Path(tempfile.mkdtemp(prefix="cnncalc-cuda-"))


@cache
def cubin(source: Source, sm: int) -> Path:
    """The file with a kernel's machine code; compiled if it is not there yet."""
    parts = (repr((version(), sm, *source)).encode(), text(source), *headers().values())
    path = folder() / (hashlib.sha256(b"\0".join(parts)).hexdigest()[:40] + ".cubin")
    if not path.is_file():
        code = compiled(source, sm).cubin
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(code)
        os.replace(file.name, path)  # so that nobody ever sees half a file
    return path


# ------------------------------------------------------------------------------------- launches


class Place(Protocol):
    """Where a kernel is launched: a `Bound`, for one."""

    @property
    def xp(self) -> Arrays: ...

    @property
    def device(self) -> Device: ...


class Launcher(Protocol):
    """What makes a call of a kernel, its arguments (a structure, by value) and its grid. There is
    one for devices; the tests have one that runs kernels on the processor."""

    def __call__(
        self,
        place: Place,
        source: Source,
        arguments: ctypes.Structure,
        grid: Grid,
        block: Grid,
        keeps: object = None,
    ) -> Call:
        """``keeps``: what the kernel reads beside the arena, kept as long as the call is."""


def on_device(
    place: Place,
    source: Source,
    arguments: ctypes.Structure,
    grid: Grid,
    block: Grid,
    keeps: object = None,
) -> Call:
    """A launch on the device that is current, through CuPy. Raises CannotBind if a batch has too
    many images for a grid."""
    if max(grid[1:]) > MOST_BLOCKS:
        raise CannotBind(f"{source.file} would need a grid of {grid}")
    kernel = function(place.xp.module, source, architecture(place.device.sm), place.device.number)
    packed = np.frombuffer(bytes(arguments), f"V{ctypes.sizeof(arguments)}")  # CuPy passes it whole

    def launch(keeps: object = keeps) -> None:
        kernel(grid, block, (packed,))

    return Launch(launch, f"{source}, {kernel.num_regs} registers, grid {grid}, block {block}")


@cache
def function(cupy: Any, source: Source, sm: int, device: int | None) -> Any:
    """A kernel loaded on the device that is current, which is number ``device``."""
    return cupy.RawModule(path=str(cubin(source, sm))).get_function("kernel")
