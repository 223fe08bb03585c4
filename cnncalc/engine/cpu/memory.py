"""Arrays whose addresses go into the step table, and that live as long as it does."""

from math import prod
from typing import Any

#: Bytes of a cache line: arrays begin at one.
LINE = 64
#: Scratch memory of one thread: more than any step needs.
OWN_BYTES = 64 << 20


def aligned(xp: Any, floats: int) -> Any:
    """Uninitialised float32 memory that begins at a cache line."""
    raw = xp.empty(floats + LINE // 4, dtype="float32")
    skip = -raw.ctypes.data % LINE // 4
    return raw[skip : skip + floats]


class Memory:
    """Keeps arrays alive and knows their addresses."""

    def __init__(self, xp: Any) -> None:
        self.xp = xp
        self.arrays: list[Any] = []
        self.scratch: dict[tuple[str, int], Any] = {}

    def floats(self, values: Any) -> int:
        """The address of a copy as float32."""
        address, target = self.room(*self.xp.shape(values))
        target[...] = values
        return address

    def room(self, *shape: int) -> tuple[int, Any]:
        """Uninitialised floats to be filled: their address, and the array."""
        target = aligned(self.xp, prod(shape))
        self.arrays.append(target)
        return int(target.ctypes.data), target.reshape(shape)

    def words(self, values: Any) -> int:
        """The address of a copy as int64."""
        array = self.xp.array(values, dtype="int64").reshape(-1)
        self.arrays.append(array)
        return int(array.ctypes.data)

    def own(self, number: int, threads: int) -> int:
        """Scratch memory number ``number``: `OWN_BYTES` for each thread, for whatever a thread
        does within a unit. It is reserved, and becomes memory where it is touched."""
        return self._reserved(("own", number), threads * OWN_BYTES // 4)

    def shared(self, floats: int) -> int:
        """Scratch memory for all threads; a step that uses it must begin with a barrier."""
        return self._reserved(("shared", floats), floats)

    def _reserved(self, key: tuple[str, int], floats: int) -> int:
        if key not in self.scratch:
            self.scratch[key] = aligned(self.xp, floats)
        return int(self.scratch[key].ctypes.data)
