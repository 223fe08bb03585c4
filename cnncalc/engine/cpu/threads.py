"""The crew: threads that stay, each pinned to a processor, and one run of a step table by all.

Numba's own parallel loops cost 3 to 116 µs each; a step of a small network takes 50.
"""

import ctypes
import os
import threading
from typing import Any

from .interpreter import CONTROL_WORDS, JOB_BYTES, YIELD, drivers


class Crew:
    """``threads`` threads, the caller's among them. Use it from one thread at a time."""

    def __init__(self, xp: Any, threads: int) -> None:
        self.threads = threads
        self._run, self._work = drivers()
        self._memory = xp.zeros(CONTROL_WORDS + 8 + threads * JOB_BYTES // 8, dtype="int64")
        self._control = -(-self._memory.ctypes.data // 64) * 64
        self._jobs = self._control + 8 * CONTROL_WORDS
        first = (self._control - self._memory.ctypes.data) // 8
        yields = ctypes.cast(ctypes.CDLL(None).sched_yield, ctypes.c_void_p).value
        self._memory[first + YIELD // 8] = yields
        self._generation = 0
        self._closed = False
        self._asleep = threading.Condition()
        self._workers = [
            threading.Thread(target=self._serve, args=(n,), name=f"cnncalc-{n}", daemon=True)
            for n in range(1, threads)
        ]
        for worker in self._workers:
            worker.start()

    def run(self, rows: int, units: int) -> None:
        """Run the table at the address ``rows``; returns when all its units are done."""
        with self._asleep:
            self._generation += 1
            self._asleep.notify_all()
        self._run(self._control, self._generation, rows, units, self._jobs)

    def close(self) -> None:
        """End the threads."""
        with self._asleep:
            self._closed = True
            self._asleep.notify_all()
        for worker in self._workers:
            worker.join()

    def _serve(self, number: int) -> None:
        pin(number)
        seen = 0
        while True:
            with self._asleep:
                while self._generation == seen and not self._closed:
                    self._asleep.wait()
                if self._closed:
                    return
            seen = self._work(self._control, number, self._jobs + number * JOB_BYTES, False)


def pin(number: int) -> None:
    """Bind the calling thread to one of the processors it may use, where the system lets us."""
    if hasattr(os, "sched_setaffinity"):
        processors = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(threading.get_native_id(), {processors[number % len(processors)]})


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
