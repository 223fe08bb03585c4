"""Kernels become machine code once, are tried before they run here, and fail without harm."""

import os
from pathlib import Path
from typing import NamedTuple

import pytest

pytest.importorskip("numba", reason="the native engine needs Numba: pip install 'cnncalc[numba]'")

import llvmlite.binding as llvm
from analysis_networks import layered
from native_networks import assert_native

from cnncalc.engine.cpu import compile as compiling
from cnncalc.engine.cpu.compile import (
    Compilable,
    KernelFailed,
    Loader,
    Target,
    host,
    object_code,
    symbol,
)
from cnncalc.engine.cpu.kernel import MicroKernel
from cnncalc.engine.cpu.native import NativeBackend, Unsupported
from cnncalc.engine.cpu.softmax import SoftmaxKernel
from cnncalc.engine.cpu.sweep import Machine
from cnncalc.engine.cpu.winograd import InputTransform, OutputTransform

SMALL = MicroKernel("multiply", 1, 3)


class Wrong(NamedTuple):
    """A kernel that compiles and computes something else."""

    kind: str = "multiply"

    def ir(self) -> str:
        return MicroKernel("fill", 1, 1).ir()


class Broken(NamedTuple):
    """A kernel that LLVM aborts on: inline assembly that does not exist."""

    def ir(self) -> str:
        return 'define void @kernel(ptr %job) {\n call void asm "nonsense", ""()\n ret void\n}'


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(compiling, "directory", lambda: tmp_path)
    return tmp_path


def test_a_kernel_is_compiled_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Loader(host()).load([SMALL])
    assert [file.name for file in cache.iterdir()] == [symbol(SMALL, host())]
    monkeypatch.setattr(compiling, "try_in_child", lambda *given: pytest.fail("compiled again"))
    Loader(host()).load([SMALL])


def test_a_damaged_file_is_compiled_again(cache: Path) -> None:
    Loader(host()).load([SMALL])
    file = cache / symbol(SMALL, host())
    whole = file.read_bytes()
    file.write_bytes(whole[:-100] + bytes(100))
    Loader(host()).load([SMALL])
    assert file.read_bytes() == whole


@pytest.mark.parametrize("bad", [Wrong(), Broken()], ids=["wrong", "abort"])
def test_a_bad_kernel_fails_in_the_child_and_the_others_are_made(
    bad: Wrong | Broken, cache: Path
) -> None:
    loader = Loader(host())
    with pytest.raises(KernelFailed):
        loader.load([bad, SMALL])
    assert loader.load([SMALL])[SMALL]


def test_a_step_whose_kernel_fails_runs_by_numpy(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "try_in_child", lambda *given: None)
    monkeypatch.setattr("cnncalc.engine.cpu.program.loader", Loader)
    conv = ("conv2d", {"out_channels": 20, "kernel_size": 3})
    graph = layered((18, 19, 19), conv, ("relu", {}), ("max_pool2d", {"kernel_size": 2}))
    program = assert_native(graph)
    assert list(program.fallen_back) == ["n0"]
    assert "failed its trial" in program.fallen_back["n0"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o500)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    compiling.directory.cache_clear()
    assert tmp_path not in compiling.directory().parents
    compiling.directory.cache_clear()


def test_a_cache_that_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cnncalc").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    compiling.directory.cache_clear()
    assert compiling.directory() not in (tmp_path / "cnncalc").parents
    assert Loader(host()).load([SMALL])
    compiling.directory.cache_clear()


def test_on_avx2() -> None:
    if not host().has("avx2", "fma"):
        pytest.skip("this processor has no AVX2")
    target = Target("haswell", "+avx2,+fma,+avx,+sse4.2")
    backend = NativeBackend(target=target)
    assert backend.machine == Machine(16, 2)
    conv = ("conv2d", {"out_channels": 33, "kernel_size": 3, "padding": 1})
    layers = [conv, ("relu", {}), ("max_pool2d", {"kernel_size": 2}), ("conv2d", conv[1])]
    program = assert_native(
        layered((18, 21, 22), *layers, ("silu", {}), ("linear", {"out_features": 3})),
        backend=backend,
    )
    assert list(program.fallen_back) == ["n5"]


@pytest.mark.parametrize(
    ("triple", "cpu", "features", "machine"),
    [
        ("x86_64-unknown-linux-gnu", "haswell", "", Machine(16, 2)),
        ("x86_64-unknown-linux-gnu", "znver4", "", Machine(32, 1)),
        ("aarch64-unknown-linux-gnu", "neoverse-n1", "+neon", Machine(32, 4)),
    ],
)
def test_accumulators_stay_in_registers(
    triple: str, cpu: str, features: str, machine: Machine
) -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    made = llvm.Target.from_triple(triple).create_target_machine(cpu=cpu, features=features, opt=3)
    kernel = MicroKernel("multiply", 1, machine.pixels(machine.blocks()), machine.blocks())
    text = made.emit_assembly(compiling.optimised(kernel.ir(), made))
    inner = max(text.split("\n.LBB"), key=lambda block: block.count("fmla") + block.count("fmadd"))
    assert inner.count("fmla") + inner.count("fmadd") >= 12 * machine.each // 2
    assert "Spill" not in inner
    assert "Reload" not in inner


def test_a_processor_without_fused_multiply_add_is_refused() -> None:
    with pytest.raises(Unsupported, match="core2"):
        NativeBackend(target=Target("core2", "+sse2"))


@pytest.mark.parametrize(
    "kernel",
    [
        MicroKernel("multiply", 2, 7, 2), MicroKernel("multiply", 1, 1, 8),
        MicroKernel("depthwise", 1, 14), MicroKernel("distance", 1, 3),
        *(MicroKernel("multiply", 1, 14, 2, 64, activation) for activation in ("gelu", "softplus")),
        MicroKernel("max", 3, 4), MicroKernel("multiply", 1, 14, 2, 4, "silu"),
        SoftmaxKernel(), InputTransform((4, 4)), InputTransform((6, 6)), InputTransform((6, 8)),
        InputTransform((7, 7)), OutputTransform((6, 6), (4, 4), 4, 3, "hardswish"),
        OutputTransform((6, 6), (4, 4), 4, 4, "mish"),
        OutputTransform((6, 6), (2, 2), 2, 1), OutputTransform((4, 4), (2, 2), 1, 2),
        OutputTransform((7, 8), (3, 4), 3, 2), OutputTransform((6, 7), (4, 5), 4, 5),
        OutputTransform((6, 8), (4, 6), 4, 6, pool=2),
    ],
    ids=str,
)  # fmt: skip
def test_kernels_pass_their_trial_and_are_small(kernel: Compilable, cache: Path) -> None:
    assert Loader(host()).load([kernel])[kernel]
    assert len(object_code(kernel, host())) < 24_000
