"""A process with one engine in it, as its parent sees it.

It runs only while it is asked something. All the time between it is stopped, with every thread
of its own: whatever an idle pool of threads does, it does not do it while others are measured.
"""

import os
import pickle
import signal
import subprocess
import sys
from contextlib import suppress
from queue import Empty, SimpleQueue
from tempfile import TemporaryFile
from threading import Thread
from typing import Any

from ..machine import THREADS
from .job import Job, pickled

#: Where there are process groups and signals that stop them.
POSIX = hasattr(os, "killpg")


class ChildFailed(Exception):
    """A process that ended, or that took too long; the text says why."""


class Child:
    """Starts a process that builds what a job says; `ask` it, and `close` it in any case."""

    def __init__(self, job: Job, blas_threads: int | None = None) -> None:
        self.errors = TemporaryFile()  # noqa: SIM115 (`close` closes it)
        # A process group of its own: Ctrl-C reaches the parent alone, which then ends its
        # children; if the parent is killed, the kernel hangs up those that are stopped.
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.worker"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
            env=environment(blas_threads or job.threads),
            process_group=0 if POSIX else None,
        )  # fmt: skip
        self.answers: SimpleQueue[Any] = SimpleQueue()
        Thread(target=self._listen, daemon=True).start()
        self._send(pickled(job))

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with suppress(EOFError, OSError, ValueError, pickle.UnpicklingError):
            while True:
                self.answers.put((pickle.load(self.process.stdout),))
        self.answers.put(None)

    def _send(self, message: bytes) -> None:
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended: the answer will say so
            self.process.stdin.write(message)
            self.process.stdin.flush()

    def ready(self, limit: float) -> Any:
        """What the process says when it has built its network. Raises ChildFailed."""
        return self._answer(limit)

    def ask(self, name: str, *values: Any, limit: float) -> Any:
        """The answer to a question. Raises ChildFailed, after ``limit`` seconds at the latest."""
        self._signal("SIGCONT")
        self._send(pickle.dumps((name, *values)))
        return self._answer(limit)

    def _answer(self, limit: float) -> Any:
        try:
            answer = self.answers.get(timeout=limit)
        except Empty:
            raise ChildFailed(f"no answer within {limit:.0f} s") from None
        if answer is None:
            raise ChildFailed(self.last_words())
        self._signal("SIGSTOP")
        return answer[0]

    def _signal(self, name: str) -> None:
        if POSIX:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, getattr(signal, name))

    def last_words(self) -> str:
        """The last line of standard error, or how the process ended."""
        code = self.process.wait()
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        if code < 0:
            return f"ended by {signal.Signals(-code).name}" + (f": {said[-1]}" if said else "")
        return said[-1] if said else f"ended with code {code}"

    def close(self) -> None:
        """End the process and all that it has started."""
        if POSIX:
            self._signal("SIGKILL")
        else:
            self.process.kill()
        self.process.wait()
        self.errors.close()
        for stream in (self.process.stdin, self.process.stdout):
            with suppress(BrokenPipeError):
                if stream is not None:
                    stream.close()


def environment(threads: int) -> dict[str, str]:
    """Ours, with so many threads for every library that asks, and modules where we have them."""
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
    return os.environ | dict.fromkeys(THREADS, str(threads)) | {"PYTHONPATH": paths}
