"""The arrays behind a program: CuPy's on a device, or NumPy's standing in for them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from time import perf_counter_ns
from typing import Any, Literal

import numpy as np

from ...units import mebibytes
from ..fits import TooLarge
from ..reference import Products

#: What a program computes in. tf32 is float32 whose products may be rounded to 10 bits.
Dtype = Literal["float32", "tf32", "float16", "bfloat16"]
#: How values lie in memory. bfloat16 is the upper half of a float32, for which NumPy has no type
#: and CuPy half of one; what computes with it converts (`Arrays.widen`, `Arrays.narrow`).
STORAGE: dict[Dtype, str] = {
    "float32": "float32", "tf32": "float32", "float16": "float16", "bfloat16": "uint16",
}  # fmt: skip
#: Bytes that `Arrays.bytes` is aligned to, as CuPy's memory is.
LINE = 256


class Arrays:
    """NumPy's arrays standing in for a device's: the same windows, copies, launches, and a graph
    that is a list of calls. `DeviceArrays` has the real ones."""

    #: The array module for layers' own ``forward``.
    module: Any = Products()

    def __init__(self, dtype: Dtype) -> None:
        self.dtype = dtype
        self.storage = np.dtype(STORAGE[dtype])

    # memory

    def empty(self, values: int) -> Any:
        """Uninitialised values of the storage type, in one row."""
        return self.bytes(values * self.storage.itemsize).view(self.storage)

    def zeros(self, values: int) -> Any:
        """The same, all 0."""
        row = self.empty(values)
        row.fill(0)
        return row

    def bytes(self, number: int) -> Any:
        """Uninitialised bytes."""
        whole = self.module.empty(number + LINE, "uint8")
        skip = -self.pointer(whole) % LINE
        return whole[skip : skip + number]

    def window(self, row: Any, start: int, shape: Sequence[int], strides: Sequence[int]) -> Any:
        """A window into a row, which begins at value ``start``; strides count values."""
        steps = tuple(stride * row.itemsize for stride in strides)
        return self.module.lib.stride_tricks.as_strided(row[start:], tuple(shape), steps)

    def pointer(self, array: Any) -> int:
        """The address of an array's first value."""
        return int(array.ctypes.data)

    def free(self) -> int | None:
        """Bytes of memory that are free; None where nobody counts."""
        return None

    def release(self) -> None:
        """Give memory that no array needs any more back to the device."""

    # values

    def put(self, host: Any, *, storage: bool = True) -> Any:
        """A copy of NumPy's values on the device, in the storage type or else in float32."""
        array = self.upload(np.ascontiguousarray(host, np.float32))
        return self.narrow(array) if storage else array

    def upload(self, host: Any) -> Any:
        return host.copy()

    def get(self, array: Any) -> Any:
        """A copy of stored values on the host, NumPy's float32."""
        return np.array(self.download(self.widen(array)), np.float32, order="C")

    def download(self, array: Any) -> Any:
        return array

    def widen(self, array: Any) -> Any:
        """Stored values as float32: the array itself if it is. Others are copied."""
        if self.dtype == "bfloat16" and array.dtype == self.storage:
            return (array.astype("uint32") << 16).view("float32")
        return array.astype("float32", copy=False)

    def narrow(self, array: Any) -> Any:
        """Values in the storage type, rounded to the nearest, ties to even."""
        array = array.astype("float32", copy=False)
        if self.dtype != "bfloat16":
            return array.astype(self.storage, copy=False)
        bits = array.view("uint32")
        rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
        return self.module.where(array != array, 0x7FC0, rounded).astype(self.storage)

    def channels_last(self, array: Any) -> Any:
        """The same values [N, C, H, W], lying as [N, H, W, C]; likewise for other ranks."""
        xp = self.module
        return xp.moveaxis(xp.ascontiguousarray(xp.moveaxis(array, 1, -1)), -1, 1)

    # launches

    @contextmanager
    def current(self) -> Iterator[None]:
        """Make the device and the stream the current ones."""
        with np.errstate(all="ignore"):
            yield

    @property
    def stream(self) -> int:
        """The pointer of the stream on which everything runs, as cudaStream_t."""
        return 0

    def synchronize(self) -> None:
        """Wait for everything that was launched."""

    def capture(self, calls: Sequence[Callable[[], object]]) -> Callable[[], object]:
        """One launch that does what all the calls launch, which are called once for it."""
        recorded = tuple(calls)

        def replay() -> None:
            for call in recorded:
                call()

        return replay

    def mark(self) -> Any:
        """An event, recorded now."""
        return perf_counter_ns()

    def happened(self, event: Any) -> bool:
        """Whether the device has come to an event by now; it is never ahead of NumPy."""
        return False

    def nanoseconds(self, first: Any, second: Any) -> int:
        """The time from one event to another; waits for the second."""
        return int(second - first)


class DeviceArrays(Arrays):
    """CuPy's arrays on a device, and a stream of its own. Importing CuPy is left to the caller."""

    def __init__(self, dtype: Dtype, cupy: Any, number: int) -> None:
        super().__init__(dtype)
        self.module = cupy
        self.number = number

    @cached_property
    def _stream(self) -> Any:
        with self.module.cuda.Device(self.number):
            return self.module.cuda.Stream(non_blocking=True)

    def bytes(self, number: int) -> Any:
        return self.module.empty(number, "uint8")

    def pointer(self, array: Any) -> int:
        return int(array.data.ptr)

    def free(self) -> int:
        with self.module.cuda.Device(self.number) as device:
            return int(device.mem_info[0])

    def release(self) -> None:
        self.module.get_default_memory_pool().free_all_blocks()

    def upload(self, host: Any) -> Any:
        return self.module.asarray(host)

    def download(self, array: Any) -> Any:
        return self.module.asnumpy(array)

    @contextmanager
    def current(self) -> Iterator[None]:
        """Raises TooLarge where memory runs out."""
        with self.module.cuda.Device(self.number), self._stream:
            try:
                yield
            except MemoryError as error:  # CuPy's own is one
                free = mebibytes(self.free())
                raise TooLarge(
                    f"cuda:{self.number} has no more memory: {error}; free: {free}"
                ) from None

    @property
    def stream(self) -> int:
        return int(self._stream.ptr)

    def synchronize(self) -> None:
        self._stream.synchronize()

    def capture(self, calls: Sequence[Callable[[], object]]) -> Callable[[], object]:
        stream = self._stream
        stream.begin_capture()
        try:
            for call in calls:
                call()
        except BaseException:
            with suppress(Exception):  # the first error says more than that of the broken capture
                stream.end_capture()
            raise
        graph = stream.end_capture()
        graph.upload(stream)
        return lambda: graph.launch(stream)

    def mark(self) -> Any:
        event = self.module.cuda.Event()
        event.record(self._stream)
        return event

    def happened(self, event: Any) -> bool:
        return bool(event.done)

    def nanoseconds(self, first: Any, second: Any) -> int:
        second.synchronize()
        return int(1e6 * self.module.cuda.get_elapsed_time(first, second))
