"""The process of one engine: ``python -m cnncalc.engine.peers.worker``.

Pickles come on standard input, a `Job` first, then questions; each gets a pickle for an answer
on what was standard output. What libraries print goes to standard error. A failure ends the
process, with the reason as the last line of standard error.
"""

import os
import pickle
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from queue import SimpleQueue
from threading import Thread
from time import perf_counter
from typing import IO, Any

from .job import CannotBuild, Contestant, Job

#: Runs, and seconds if that is more, that are thrown away at the start of each turn.
WARM_UP_RUNS, WARM_UP = 2, 0.1
LEAST, MOST = 3, 10_000


def seconds_per_batch(contestant: Contestant, seconds: float) -> list[float]:
    """Warm up, then run for so many seconds; the seconds that each run took for one batch."""
    warm, start = 0, perf_counter()
    while warm < WARM_UP_RUNS or perf_counter() - start < min(WARM_UP, seconds):
        contestant.run()
        warm += 1
    times: list[float] = []
    start = perf_counter()
    while len(times) < LEAST or (perf_counter() - start < seconds and len(times) < MOST):
        before = perf_counter()
        batches = contestant.run()
        times.append((perf_counter() - before) / batches)
    return times


def listen(stream: IO[bytes], heard: "SimpleQueue[Any]") -> None:
    """Read questions. When the parent is gone there is nothing left to do, whatever runs."""
    try:
        while True:
            heard.put(pickle.load(stream))
    except EOFError:
        os._exit(0)


def serve(questions: Callable[[], Any], answer: Callable[[Any], None]) -> None:
    job: Job = questions()
    contestant: Contestant = import_module(job.module, __package__).build(job)
    answer(getattr(contestant, "facts", None))
    while True:
        name, *values = questions()
        if name == "measure" and not hasattr(contestant, "measure"):
            answer(seconds_per_batch(contestant, *values))
        else:
            answer(getattr(contestant, name)(*values))


def main() -> None:
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    heard: SimpleQueue[Any] = SimpleQueue()
    Thread(target=listen, args=(sys.stdin.buffer, heard), daemon=True).start()

    def answer(value: Any) -> None:
        answers.write(pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL))
        answers.flush()

    try:
        serve(heard.get, answer)
    except CannotBuild as error:
        reason = str(error)
    except Exception as error:
        traceback.print_exc()
        lines = str(error).strip().splitlines() or [""]
        reason = f"{type(error).__name__}: {lines[0]}"
    print(reason, file=sys.stderr, flush=True)
    os._exit(1)


if __name__ == "__main__":
    main()
