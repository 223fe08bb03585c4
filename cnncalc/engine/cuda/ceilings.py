"""A device's ceilings: how fast it multiplies matrices in each type, and copies its memory.

Both on random numbers: zeros take less power, and the clocks then stay higher than they would.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

import numpy as np

from ...analysis.measurements import Ceilings
from ..measure import percentile
from .arrays import DeviceArrays, Dtype
from .timing import Events, Launch, series, warm

#: Rows and columns of the matrices; the best of these sizes counts.
SIZES = (4096, 8192)
#: Bytes that are copied, far more than the caches hold, and the least where memory is scarce.
COPIED, LEAST_COPIED = 4 << 30, 64 << 20
#: Seconds of warm-up, and windows of so many seconds, of which the median counts.
WARM_UP, WINDOWS, WINDOW = 0.4, 30, 0.02
#: Random numbers that the host draws; the matrices repeat them.
DRAWN = 1 << 22


class Work(Protocol):
    """What a device is made to do at its best."""

    def product(self, size: int, dtype: Dtype) -> Launch:
        """A launch of a product of two random matrices, size × size, sums in float32."""

    def copy(self, number: int) -> Launch:
        """A launch of a copy of so many random bytes from one place to another."""


class Rate(NamedTuple):
    """The best of some tries: how many a second, and at which size."""

    per_second: float
    size: int


def ceilings(
    work: Work,
    events: Events,
    dtype: Dtype,
    free: int | None = None,
    *,
    others: Iterable[Dtype] = (),
    warm_up: float = WARM_UP,
    windows: int = WINDOWS,
) -> Ceilings:
    """The ceilings for a type, and the products of others beside it.

    ``free``: bytes of memory that may be used, None for as many as it takes.
    """

    def rate(launch: Launch, amount: int) -> float:
        return amount / median(launch, events, warm_up, windows)

    found: dict[str, Rate] = {}
    for one in dict.fromkeys((dtype, *others)):
        tried = [Rate(rate(work.product(size, one), 2 * size**3), size) for size in sizes(free)]
        found[one] = max(tried)
    copied = max(LEAST_COPIED, min(COPIED, (free or 4 * COPIED) // 4))
    moved = rate(work.copy(copied), 2 * copied)
    best = found[dtype]
    return Ceilings(
        flops_per_second=best.per_second,
        bytes_per_second=moved,
        method=(
            f"{dtype} product of {best.size}×{best.size} matrices by cuBLAS, sums in float32; "
            f"copy of {copied >> 20:,} MiB on the device, read and written counted; random "
            f"normal numbers; median of {windows} windows"
        ),
        products={name: one.per_second for name, one in found.items()},
    )


def median(launch: Launch, events: Events, warm_up: float, windows: int) -> float:
    """The median seconds of a launch, over windows between events."""
    each = warm(launch, events, warm_up)
    times = series(launch, events, max(1, round(WINDOW / each)), windows)
    return percentile(sorted(times), 0.5)


def sizes(free: int | None) -> list[int]:
    """The sizes whose three matrices of float32 fit in a quarter of what is free; at least one."""
    fitting = [size for size in SIZES if free is None or 12 * size**2 <= free // 4]
    return fitting or [SIZES[0] // 4]


class Cublas:
    """The work of a device, by CuPy's binding of cuBLAS. Everything is made and launched on the
    current stream, which is to be that of ``arrays``."""

    def __init__(self, arrays: DeviceArrays) -> None:
        self.arrays = arrays
        self.drawn = np.random.default_rng(0).standard_normal(DRAWN, dtype=np.float32)

    def random(self, values: int, dtype: Dtype) -> Any:
        """So many random normal numbers in a type's storage."""
        arrays = DeviceArrays(dtype, self.arrays.module, self.arrays.number)
        return arrays.module.tile(arrays.put(self.drawn), -(-values // DRAWN))[:values]

    def product(self, size: int, dtype: Dtype) -> Launch:
        from cupy.cuda import device
        from cupy_backends.cuda.api import runtime
        from cupy_backends.cuda.libs import cublas

        kind, compute = {
            "float32": (runtime.CUDA_R_32F, cublas.CUBLAS_COMPUTE_32F_PEDANTIC),
            "tf32": (runtime.CUDA_R_32F, cublas.CUBLAS_COMPUTE_32F_FAST_TF32),
            "float16": (runtime.CUDA_R_16F, cublas.CUBLAS_COMPUTE_32F),
            "bfloat16": (runtime.CUDA_R_16BF, cublas.CUBLAS_COMPUTE_32F),
        }[dtype]
        left, right, out = (self.random(size * size, dtype) for _ in range(3))
        one, zero = np.ones(1, np.float32), np.zeros(1, np.float32)

        def launch() -> None:
            cublas.gemmEx(
                device.get_cublas_handle(), cublas.CUBLAS_OP_N, cublas.CUBLAS_OP_N,
                size, size, size, one.ctypes.data, left.data.ptr, kind, size,
                right.data.ptr, kind, size, zero.ctypes.data, out.data.ptr, kind, size,
                compute, cublas.CUBLAS_GEMM_DEFAULT,
            )  # fmt: skip

        return launch

    def copy(self, number: int) -> Launch:
        source = self.random(number // 4, "float32")
        target = self.arrays.module.empty_like(source)
        return lambda: target.data.copy_from_device_async(source.data, source.nbytes)
