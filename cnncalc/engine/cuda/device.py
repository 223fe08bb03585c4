"""Which CUDA device there is: a driver, CuPy, the device asked for, and its memory.

Asked in the order in which one is installed, so that the first thing missing is the one named.
Only `open_device` touches the driver.
"""

import ctypes
import sys
from importlib.util import find_spec
from typing import Any, NamedTuple

from ..refusal import NoBackend

#: What installs everything, with a driver of CUDA 13 or later.
PIP = "pip install 'cnncalc[cuda13]'"
#: The oldest CUDA that a driver must be able to do, as the driver counts: 12.0.
LEAST_DRIVER = 12000
#: The least compute capability: kernels are for the processors of A100 and later.
LEAST_CAPABILITY = (8, 0)


class Device(NamedTuple):
    """A CUDA device as the driver describes it. ``number`` None: there is none, only its kind is
    known, and what is planned for it cannot run."""

    number: int | None
    name: str
    #: The compute capability: (9, 0) on H100 and H200.
    capability: tuple[int, int]
    multiprocessors: int
    #: Bytes of memory, of the L2 cache, and of shared memory that a block may ask for.
    memory: int
    cache: int
    shared: int
    #: CUDA as 1000·major + 10·minor: what the driver can do.
    driver: int = 0

    @property
    def sm(self) -> int:
        """The capability as compilers spell it: 90."""
        return 10 * self.capability[0] + self.capability[1]


#: What is planned for where there is no device: H200 SXM (NVIDIA's data sheet, 2024; CUDA C++
#: Programming Guide, compute capabilities, for the rest).
H200 = Device(None, "NVIDIA H200", (9, 0), 132, 141 * 10**9, 60 << 20, 227 << 10)


def pip(driver: int) -> str:
    """What installs everything, for a driver that can do this CUDA."""
    return PIP if driver >= 13000 else PIP.replace("13", "12")


def open_device(number: int) -> tuple[Any, Device]:
    """CuPy, and a device by its number. Raises NoBackend."""
    driver = driver_version()
    if driver is None:
        raise NoBackend(
            "there is no NVIDIA driver on this machine: its library cannot be loaded",
            f"--device cpu; where there is a GPU with its driver, {PIP}",
        )
    if driver < LEAST_DRIVER:
        raise NoBackend(
            f"the NVIDIA driver is too old: it can do CUDA {spelled(driver)}, needed is "
            f"{spelled(LEAST_DRIVER)} or later",
            "a newer driver, or --device cpu",
        )
    if find_spec("cupy") is None:
        raise NoBackend("CuPy is not installed", pip(driver))
    try:
        import cupy

        runtime = cupy.cuda.runtime
        built = runtime.runtimeGetVersion()
        count = runtime.getDeviceCount() if built // 1000 <= driver // 1000 else 0
    except (ImportError, RuntimeError) as error:
        raise NoBackend(f"CuPy does not work: {first_line(error)}", pip(driver)) from None
    if built // 1000 > driver // 1000:
        raise NoBackend(
            f"CuPy is for CUDA {spelled(built)}, and the NVIDIA driver can do {spelled(driver)}",
            f"pip uninstall cupy-cuda13x, then {pip(driver)}; or a newer driver",
        )
    if number >= count:
        have = ", ".join(f"cuda:{n}" for n in range(count)) or "none"
        raise NoBackend(f"there is no device cuda:{number}; there is: {have}", "another --device")
    runtime.setDevice(number)
    found = described(number, runtime.getDeviceProperties(number), driver)
    if found.capability < LEAST_CAPABILITY:
        least, own = (".".join(map(str, one)) for one in (LEAST_CAPABILITY, found.capability))
        raise NoBackend(
            f"{found.name} is of compute capability {own}, needed is {least} or more",
            "--device cpu",
        )
    return cupy, found


def described(number: int, properties: dict[str, Any], driver: int) -> Device:
    """A device from CUDA's properties of it (cudaDeviceProp)."""
    return Device(
        number=number,
        name=properties["name"].decode(),
        capability=(properties["major"], properties["minor"]),
        multiprocessors=properties["multiProcessorCount"],
        memory=properties["totalGlobalMem"],
        cache=properties["l2CacheSize"],
        shared=properties["sharedMemPerBlockOptin"],
        driver=driver,
    )


def driver_version() -> int | None:
    """The CUDA that the driver can do: 12080 for 12.8. None without a driver.

    Asked of the driver's own library, which needs no package and makes no context.
    """
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    version = ctypes.c_int()
    try:
        library = ctypes.CDLL(name)
        failed = library.cuDriverGetVersion(ctypes.byref(version))
    except (OSError, AttributeError):
        return None
    return None if failed else version.value


def spelled(version: int) -> str:
    """``12.8`` for 12080."""
    return f"{version // 1000}.{version % 1000 // 10}"


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
