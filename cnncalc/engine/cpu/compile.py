"""Kernels → machine code: compiled once by llvmlite, kept on disk, tried in a child process first.

LLVM aborts the whole process where it cannot compile something, and a wrong kernel may crash it.
So a kernel that is not in the cache is compiled and tried by a child (`cnncalc.engine.cpu.trial`),
which stores the object code only after the kernel has computed what it should. This process just
loads object code. The cache's key is the processor's name and features, the version of llvmlite
and the IR text; where the directory is not writable, a temporary one serves this process.
"""

import hashlib
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import llvmlite
import llvmlite.binding as llvm

#: Seconds after which a child that compiles and tries kernels is taken for hanging.
PATIENCE = 120


class Compilable(Protocol):
    """A kernel: hashable, and able to write itself as an IR module that defines @kernel."""

    def ir(self) -> str: ...


class KernelFailed(Exception):
    """A kernel could not be compiled here, or did not compute what it should."""


class Target(NamedTuple):
    """A processor's name and features, as LLVM calls them."""

    cpu: str
    features: str

    def code_generator(self) -> Any:
        """LLVM's code generator for this processor."""
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        return llvm.Target.from_default_triple().create_target_machine(
            cpu=self.cpu, features=self.features, opt=3, jit=True
        )

    def has(self, *features: str) -> bool:
        return {f"+{feature}" for feature in features} <= set(self.features.split(","))

    def registers(self) -> tuple[int, int] | None:
        """The number of vector registers, and how many of them hold 16 floats; None if the
        processor cannot multiply and add vectors in one instruction."""
        if self.has("avx512f"):
            return 32, 1
        if self.has("avx2", "fma"):
            return 16, 2
        return (32, 4) if self.has("neon") else None


@cache
def host() -> Target:
    """The processor that this process runs on."""
    return Target(llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())


def optimised(text: str, machine: Any) -> Any:
    """The module of an IR text with its variables in registers.

    More passes make it slower to compile and no faster to run.
    """
    module = llvm.parse_assembly(text)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=0)
    builder = llvm.create_pass_builder(machine, options)
    passes = llvm.create_new_function_pass_manager()
    passes.add_sroa_pass()
    passes.add_simplify_cfg_pass()
    passes.add_instruction_combine_pass()
    for function in module.functions:
        if not function.is_declaration:
            passes.run(function, builder)
    return module


def symbol(kernel: Compilable, target: Target) -> str:
    """The name of a kernel's function and of its file: the hash of all that decides its code."""
    parts = (*target, llvmlite.__version__, kernel.ir())
    return "kernel_" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:40]


def object_code(kernel: Compilable, target: Target) -> bytes:
    """Compile a kernel. May abort the process: see the module's text."""
    machine = target.code_generator()
    text = kernel.ir().replace("@kernel(", f"@{symbol(kernel, target)}(")
    return bytes(machine.emit_object(optimised(text, machine)))


def cache_directory() -> Path:
    """Where object code is kept: ``cnncalc/kernels`` below the user's cache directory."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(home) / "cnncalc" / "kernels"


@cache
def directory() -> Path:
    """The cache directory, or a temporary one where that cannot be written."""
    wanted = cache_directory()
    try:
        wanted.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=wanted):
            return wanted
    except OSError:
        return Path(temporary().name)


@cache
def temporary() -> Any:
    """A directory that lives as long as this process."""
    return tempfile.TemporaryDirectory(prefix="cnncalc-kernels-")


def store(name: str, code: bytes, where: Path) -> None:
    """Write object code behind its checksum, so that nobody ever sees half a file."""
    with tempfile.NamedTemporaryFile(dir=where, delete=False) as file:
        file.write(hashlib.sha256(code).digest() + code)
    os.replace(file.name, where / name)


def stored(name: str, where: Path) -> bytes | None:
    """Object code from the cache; None where there is none or it is damaged."""
    try:
        content = (where / name).read_bytes()
    except OSError:
        return None
    code = content[32:]
    return code if hashlib.sha256(code).digest() == content[:32] else None


def try_in_child(kernels: list[Compilable], target: Target, where: Path) -> None:
    """Let a child compile, try and store kernels."""
    command = [sys.executable, "-m", "cnncalc.engine.cpu.trial", str(where)]
    root = str(Path(__file__).parents[3])
    paths = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    try:
        subprocess.run(
            command,
            input=pickle.dumps((target, kernels)),
            env=os.environ | {"PYTHONPATH": paths},
            timeout=PATIENCE,
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return


class Loader:
    """Holds the machine code of kernels in this process."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.addresses: dict[Compilable, int] = {}
        self.failed: set[Compilable] = set()
        self.engine: Any = None

    def load(self, kernels: Iterable[Compilable]) -> dict[Compilable, int]:
        """The addresses of kernels. Raises KernelFailed, naming the first that failed."""
        where = directory()
        wanted = dict.fromkeys(kernels)
        new = {k: symbol(k, self.target) for k in wanted if k not in self.addresses}
        missing = [k for k, name in new.items() if stored(name, where) is None]
        while missing := [k for k in missing if k not in self.failed]:
            try_in_child(missing, self.target, where)
            missing = [k for k in missing if stored(new[k], where) is None]
            self.failed.update(missing[:1])  # the child goes in order, and stops at a crash
        for kernel in wanted:
            if kernel in self.failed:
                raise KernelFailed(f"{kernel} failed its trial on {self.target.cpu}")
        for kernel, name in new.items():
            self.add(kernel, name, where)
        return {kernel: self.addresses[kernel] for kernel in wanted}

    def add(self, kernel: Compilable, name: str, where: Path) -> None:
        code = stored(name, where)
        if code is None:
            raise KernelFailed(f"the object code of {kernel} is gone from the cache")
        if self.engine is None:
            self.engine = new_engine(self.target)
        self.engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self.engine.finalize_object()
        self.addresses[kernel] = self.engine.get_function_address(name)


def new_engine(target: Target) -> Any:
    """What object code is loaded into."""
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), target.code_generator())


@cache
def loader(target: Target) -> Loader:
    """The one loader of this process for a processor: machine code is never given back."""
    return Loader(target)
