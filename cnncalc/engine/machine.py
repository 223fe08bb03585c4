"""The machine: what it is, what memory is free, and its ceilings."""

import os
import platform
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter

import msgspec

from ..analysis.measurements import Ceilings, Machine

#: What BLAS libraries read when they are loaded.
THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
LIBRARIES = ("numpy", "numba", "llvmlite")


def cores() -> int:
    """The CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def limit_threads(threads: int) -> bool:
    """Tell the BLAS how many threads to use; False if it is loaded already and does not listen."""
    if "numpy" in sys.modules:
        return all(os.environ.get(name) == str(threads) for name in THREADS[:1])
    os.environ.update(dict.fromkeys(THREADS, str(threads)))
    return True


def describe(threads: int) -> Machine:
    return Machine(
        cpu=cpu_name(),
        cores=cores(),
        threads=threads,
        memory_bytes=total_memory(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        libraries={name: found for name in LIBRARIES if (found := installed(name))},
    )


def installed(library: str) -> str | None:
    """The version of an installed package."""
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def cpu_name() -> str:
    for line in read("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def total_memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def free_memory() -> int | None:
    """Bytes that can be allocated without swapping; None where nobody says.

    The least of what Linux has available and what the control group of a container has left.
    """
    lines = read("/proc/meminfo").splitlines()
    found = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    limit, used = (read(f"/sys/fs/cgroup/memory.{name}").strip() for name in ("max", "current"))
    if limit.isdigit() and used.isdigit():
        found.append(max(0, int(limit) - int(used)))
    return min(found) if found else total_memory()


def read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


# ------------------------------------------------------------------------------------ ceilings


def ceilings(machine: Machine) -> Ceilings:
    """The machine's ceilings: the highest ever measured here (about a second each time).

    A machine that was busy when it was measured must not set the ceiling for ever, so each run
    measures again and the user's cache keeps the best. One that cannot be written is no cache.
    """
    key = f"{machine.cpu}, {machine.threads} of {machine.cores}, {machine.libraries}"
    path = cache_folder() / "ceilings.json"
    known: dict[str, Ceilings] = {}
    with suppress(OSError, msgspec.DecodeError):
        known = msgspec.json.decode(path.read_bytes(), type=dict[str, Ceilings])
    found = measure_ceilings(machine.threads)
    best_yet = known.get(key, found)
    known[key] = Ceilings(
        flops_per_second=max(found.flops_per_second, best_yet.flops_per_second),
        bytes_per_second=max(found.bytes_per_second, best_yet.bytes_per_second),
        method=found.method,
    )
    if known[key] != best_yet or found is best_yet:
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            whole = path.with_suffix(f".{os.getpid()}")
            whole.write_bytes(msgspec.json.format(msgspec.json.encode(known)))
            whole.replace(path)
    return known[key]


def cache_folder() -> Path:
    """Where the user's caches are: XDG's place, or the system's."""
    given = os.environ.get("XDG_CACHE_HOME")
    if given:
        return Path(given) / "cnncalc"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "cnncalc"
    folder = "Library/Caches" if sys.platform == "darwin" else ".cache"
    return Path.home() / folder / "cnncalc"


def measure_ceilings(threads: int) -> Ceilings:
    """The best of several tries: a product of matrices that fit in the caches, and a copy of
    stretches that do not."""
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    size = 1024
    left, right, product = (np.ones((size, size), np.float32) for _ in range(3))
    flops = 2 * size**3 / best(lambda: np.matmul(left, right, out=product))
    source, target = (np.ones((threads, 2**24 // threads), np.float32) for _ in range(2))
    with ThreadPoolExecutor(threads) as pool:
        copied = best(lambda: list(pool.map(np.copyto, target, source)))
    return Ceilings(
        flops_per_second=flops,
        bytes_per_second=2 * source.nbytes / copied,
        method="float32 product of 1024×1024 matrices by NumPy's BLAS; copy of 64 MiB",
    )


def best(call: object, tries: int = 40) -> float:
    """The least seconds of several calls, after two more."""
    assert callable(call)
    times = []
    for _ in range(tries + 2):
        before = perf_counter()
        call()
        times.append(perf_counter() - before)
    return min(times[2:])
