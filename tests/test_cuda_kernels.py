"""Every CUDA kernel of ours compiles for every generation of devices that we name, without a GPU:
no registers spilled to memory, no more of them than leave room for two or three blocks on a
multiprocessor, and 16 bytes in each access where that can be. And the processor's stand-in for a
device sees the faults that a device would.
"""

import ctypes
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from cuda_on_cpu import BACKWARDS, COMPILER, FORWARDS, KernelFault, Launcher, run

from cnncalc.engine.cuda import arguments, nvrtc
from cnncalc.engine.cuda.arguments import Image, View, per_axis, view
from cnncalc.engine.cuda.arrays import Arrays, Dtype
from cnncalc.engine.cuda.device import H200, Device
from cnncalc.engine.cuda.native_pointwise import Transposing, converted
from cnncalc.engine.cuda.native_products import COLUMNS, NARROW_TILE, WIDE_TILE
from cnncalc.engine.cuda.native_windows import MAX, Pooling
from cnncalc.engine.cuda.nvrtc import CompilerFailed, CompilerMissing, Source

try:
    nvrtc.library()
    MISSING = ""
except CompilerMissing as error:
    MISSING = str(error)
compiler = pytest.mark.skipif(bool(MISSING), reason=MISSING)
on_cpu = pytest.mark.skipif(COMPILER is None, reason="kernels run on the processor through g++")

#: Ampere, Hopper, and Blackwell in data centres and in desktops.
ARCHITECTURES = [80, 90, 100, 120]
#: Registers of a thread, at most. A multiprocessor has 65,536: 128 leave room for two blocks of
#: 256 threads, 80 for three.
BUDGET = {"convolution": 128, "depthwise": 128}
OTHERS = 80
VALUES = {"Float32": 4, "Float16": 8, "BFloat16": 8}
RESIDUAL_AND_CLAMP = 1 << arguments.RESIDUAL | 1 << arguments.CLAMP
SILU = 1 << arguments.SILU


def source(file: str, **defines: object) -> Source:
    return Source(file, tuple((name, str(value)) for name, value in defines.items()))


def sources(file: str, value: str, vectors: tuple[int, ...]) -> Iterator[Source]:
    """The forms of a kernel that the table of rows may ask for, with packs of so many values. What
    does not depend on the type of values is in the forms for float16."""
    widest = vectors[-1]
    finishes = {"VALUE": value, "OPERATIONS": RESIDUAL_AND_CLAMP}
    if file == "convolution":
        names = ("TILE_ROWS", "TILE_COLUMNS", "OWN_ROWS", "OWN_COLUMNS")
        for tile, vector in product((WIDE_TILE, NARROW_TILE), (1, 4)):
            sizes = dict(zip(names, tile, strict=True))
            yield source(file, **finishes, VEC=vector, **sizes, TRANSPOSED=0)
            if value == "Float16" and len(vectors) > 1:
                yield source(file, **finishes, VEC=vector, **sizes, TRANSPOSED=1)
    elif file == "depthwise":
        for vector in vectors:
            yield source(file, **finishes, VEC=vector, TILE=1, KERNEL=0, STRIDE=1)
        for vector, kernel, stride in product(vectors, COLUMNS, (1, 2)):
            tile = COLUMNS[kernel]
            yield source(file, **finishes, VEC=vector, TILE=tile, KERNEL=kernel, STRIDE=stride)
        yield source(file, VALUE=value, OPERATIONS=SILU, VEC=widest, TILE=4, KERNEL=5, STRIDE=1)
    elif file == "linear":
        for vector, rows in product(vectors, (1, 2, 4, 8)):
            yield source(file, **finishes, VEC=vector, ROWS=rows)
    elif file == "pointwise":
        every = value == "Float16" and len(vectors) > 1
        for code in range(arguments.ABS + 1 if every else 2):
            yield source(file, VALUE=value, OPERATIONS=1 << code, FROM=value, VEC=widest)
        for vector, stored in product((1, 2, 4), {value, "Float32"}):
            yield source(file, VALUE=value, OPERATIONS=0, FROM=stored, VEC=vector)
    elif file == "transpose":
        yield from (source(file, VALUE=value, FROM=stored) for stored in {value, "Float32"})
    elif file in ("rows", "response"):
        yield source(file, VALUE=value, OPERATIONS=2)
    else:
        yield from (source(file, VALUE=value, OPERATIONS=2, VEC=vector) for vector in vectors)


FILES = sorted(path.stem for path in nvrtc.KERNELS.glob("*.cu"))


@compiler
@pytest.mark.parametrize("sm", ARCHITECTURES)
@pytest.mark.parametrize("file", FILES)
def test_kernels_compile_without_spilling(file: str, sm: int) -> None:
    """Every form for Hopper; for the others those with the widest packs."""
    forms = [
        one
        for value, widest in VALUES.items()
        for one in sources(file, value, (1, 2, widest) if sm == 90 else (widest,))
    ]
    with ThreadPoolExecutor(2) as pool:
        for one, made in zip(forms, pool.map(partial(nvrtc.compiled, sm=sm), forms), strict=True):
            assert made.cubin[:4] == b"\x7fELF"
            assert made.spilled == 0, f"{one}: {made.spilled} bytes of registers in memory"
            budget = BUDGET.get(file, OTHERS)
            assert 0 < made.registers <= budget, f"{one}: {made.registers} registers"
            assert made.shared <= 48 << 10  # what every device gives without being asked


@compiler
@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("file", ["depthwise", "pooling", "pointwise", "resample", "linear"])
def test_accesses_are_of_16_bytes(file: str, value: str) -> None:
    *_, one = sources(file, value, (VALUES[value],))
    if file == "pointwise":
        one = source(file, VALUE=value, OPERATIONS=2, FROM=value, VEC=VALUES[value])
    text = nvrtc.compiled(one, 90).ptx
    kinds = set(re.findall(r"(?:ld|st)\.global\.(\S+)", text))
    assert {"v4.f32"} & kinds if value == "Float32" else {"v4.u32", "v4.b32"} & kinds
    assert "local" not in text


@compiler
def test_a_kernel_that_does_not_compile_says_why() -> None:
    with pytest.raises(CompilerFailed, match=r"pooling VALUE=Nothing for sm_90:\n.*Nothing"):
        nvrtc.compiled(source("pooling", VALUE="Nothing"), 90)


@compiler
def test_machine_code_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvrtc, "folder", lambda: tmp_path)
    one = source("transpose", VALUE="Float16", FROM="Float16")
    path = nvrtc.cubin.__wrapped__(one, 90)
    assert [path] == list(tmp_path.iterdir())
    monkeypatch.setattr(nvrtc, "compiled", None)
    assert nvrtc.cubin.__wrapped__(one, 90) == path


@compiler
@pytest.mark.parametrize(("sm", "code"), [(80, 80), (86, 86), (90, 90), (120, 120), (129, 121)])
def test_devices_run_code_of_their_generation(sm: int, code: int) -> None:
    assert nvrtc.architecture(sm) == code


@compiler
def test_a_device_that_the_compiler_does_not_know() -> None:
    with pytest.raises(
        CompilerMissing, match="not for sm_50: install the CUDA packages of another"
    ):
        nvrtc.architecture(50)


def test_without_a_compiler_the_error_names_the_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "cuda", None)
    with pytest.raises(CompilerMissing, match=r"pip install 'cnncalc\[cuda13\]'"):
        nvrtc.library.__wrapped__()


# ---------------------------------------------------------------------------------------- launches


class Here(NamedTuple):
    """Where a kernel is launched."""

    xp: Arrays
    device: Device


class FakeCuPy:
    """CuPy as far as launches go."""

    def __init__(self) -> None:
        self.launched: list[Any] = []

    def RawModule(self, path: str) -> "FakeCuPy":  # noqa: N802 (CuPy's name)
        self.path = path
        return self

    def get_function(self, name: str) -> Any:
        assert name == "kernel"
        return self

    num_regs = 40

    def __call__(self, grid: Any, block: Any, args: Any) -> None:
        self.launched.append((grid, block, args))


def test_a_launch_on_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """CuPy gets the machine code's file, the grid, and the arguments as one value."""
    cupy, xp = FakeCuPy(), Arrays("float16")
    xp.module = cupy
    monkeypatch.setattr(nvrtc, "cubin", lambda one, sm: f"{one.file}-{sm}")
    monkeypatch.setattr(nvrtc, "architecture", lambda sm: sm)
    given = Transposing(x=1 << 40, y=2, rows=3, columns=4, x_row=5, y_column=6)
    one = source("transpose", VALUE="Float16", FROM="Float16")
    call = nvrtc.on_device(Here(xp, H200), one, given, (7, 8, 9), (32, 8, 1))
    assert not cupy.launched
    call()
    ((grid, block, (packed,)),) = cupy.launched
    assert (cupy.path, grid, block) == ("transpose-90", (7, 8, 9), (32, 8, 1))
    assert packed.size == 1
    assert packed.tobytes() == bytes(given)
    assert call.describe.startswith("transpose VALUE=Float16 FROM=Float16, 40 registers")


# ----------------------------------------------------------------------------------- the stand-in


@on_cpu
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_float32_becomes_16_bits_and_back(dtype: Dtype) -> None:
    """Every 16-bit value, and what lies between: to the nearest, ties to even."""
    xp = Arrays(dtype)
    given = np.arange(2**16, dtype=np.uint32) << 16
    given = np.concatenate([given, given + 0x8000, given + 0x7FFF, given + 0x1000]).view(np.float32)
    with np.errstate(over="ignore"):
        right = xp.narrow(given.reshape(1, -1))
    found = np.zeros_like(right)
    converted(Launcher(), xp, H200, given.reshape(1, -1), found)()
    nan = np.isnan(xp.widen(right))
    assert np.isnan(xp.widen(found))[nan].all()
    assert np.array_equal(found.view(np.uint16)[~nan], right.view(np.uint16)[~nan])


@on_cpu
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("shape", [(2, 3, 5, 7), (1, 40, 9, 9), (3, 17, 33, 2)], ids=str)
def test_planes_become_pixels(shape: tuple[int, ...], dtype: Dtype) -> None:
    """NumPy's [N, C, H, W] in float32 to channels last in the storage type."""
    xp, launcher = Arrays(dtype), Launcher()
    given = np.random.default_rng(3).standard_normal(shape).astype(np.float32)
    right = xp.channels_last(xp.narrow(given))
    found = xp.channels_last(np.zeros_like(right))
    converted(launcher, xp, H200, given, found)()
    assert np.array_equal(found, right)
    assert launcher.sources[0].file == ("pointwise" if shape[1] < 16 else "transpose")


def pooling(x: View, y: View) -> Pooling:
    return Pooling(
        x=Image.of(x), y=Image.of(y), channels=x.shape[1], kind=MAX, adaptive=1,
        size=per_axis(x.shape[2:], 1), output=per_axis(y.shape[2:], 1), power=1,
    )  # fmt: skip


@on_cpu
def test_an_address_that_is_not_aligned_is_a_fault() -> None:
    xp = Arrays("float32")
    row, y = xp.empty(4 * 4 * 4 + 4), xp.empty(4)
    for start, fault in ((0, ""), (1, "not aligned")):
        x = xp.window(row, start, (1, 4, 4, 4), (64, 1, 16, 4))
        given = pooling(view(xp, x), view(xp, y.reshape(1, 4, 1, 1)))
        one = source("pooling", VALUE="Float32", VEC=4)
        if fault:
            with pytest.raises(KernelFault, match=fault):
                run(one, given, (1, 1, 1), (32, 1, 1))
        else:
            run(one, given, (1, 1, 1), (32, 1, 1), arrays=[x, y])


@on_cpu
def test_an_address_outside_of_the_arrays_is_a_fault() -> None:
    x, y, xp = (
        np.zeros((1, 8, 4, 4), np.float32),
        np.zeros((1, 8, 1, 1), np.float32),
        Arrays("float32"),
    )
    one = source("pooling", VALUE="Float32", VEC=1)
    given = pooling(view(xp, x), view(xp, y))
    run(one, given, (1, 1, 1), (32, 1, 1), arrays=[x, y])
    for arrays in ([x[:, 1:], y], [x, y[:, :7]]):
        with pytest.raises(KernelFault, match="outside"):
            run(one, given, (1, 1, 1), (32, 1, 1), arrays=arrays)


@on_cpu
def test_a_missing_barrier_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in nvrtc.KERNELS.iterdir():
        text = path.read_text().replace("__syncthreads();", "")
        (tmp_path / path.name).write_text(text)
    monkeypatch.setattr("cuda_on_cpu.KERNELS", tmp_path)
    xp = Arrays("float32")
    given = np.random.default_rng(3).standard_normal((1, 33, 40)).astype(np.float32)
    for order in (FORWARDS, BACKWARDS):
        found = np.zeros((1, 40, 33), np.float32)
        converted(Launcher(order), xp, H200, given.swapaxes(1, 2), found)()
        assert not np.array_equal(found, given.swapaxes(1, 2))


@on_cpu
def test_a_barrier_that_not_all_threads_come_to_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in nvrtc.KERNELS.iterdir():
        text = path.read_text().replace("__syncthreads();", "if (threadIdx.y) __syncthreads();")
        (tmp_path / path.name).write_text(text)
    monkeypatch.setattr("cuda_on_cpu.KERNELS", tmp_path)
    given, found = np.zeros((1, 40, 40), np.float32), np.zeros((1, 40, 40), np.float32)
    with pytest.raises(KernelFault, match="barrier"):
        converted(Launcher(), Arrays("float32"), H200, given.swapaxes(1, 2), found)()


@on_cpu
@pytest.mark.parametrize("file", FILES)
def test_structures_are_as_large_as_the_kernels_have_them(file: str) -> None:
    """`run` compares their sizes at each launch; here that it does."""
    one = next(sources(file, "Float32", (1, 2, 4)))
    with pytest.raises(AssertionError, match="other arguments"):
        run(one, ctypes.c_char(), (1, 1, 1), (1, 1, 1))  # type: ignore[arg-type]
