"""The machine: what it is, what memory is free, and where its user's caches are."""

import os
import platform
import sys
from pathlib import Path

from ..analysis.measurements import Machine

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
    loaded = getattr(sys.modules.get(library), "__version__", None)
    if loaded is not None:
        return str(loaded)
    from importlib.metadata import PackageNotFoundError, version

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


def largest_cache() -> int:
    """Bytes of the processor's largest cache; 0 where nobody says."""
    sizes = (read(f"/sys/devices/system/cpu/cpu0/cache/index{n}/size").strip() for n in range(5))
    return max((int(size[:-1]) << 10 for size in sizes if size.endswith("K")), default=0)


def read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def cache_folder() -> Path:
    """Where the user's caches are: XDG's place, or the system's."""
    given = os.environ.get("XDG_CACHE_HOME")
    if given:
        return Path(given) / "cnncalc"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "cnncalc"
    folder = "Library/Caches" if sys.platform == "darwin" else ".cache"
    return Path.home() / folder / "cnncalc"
