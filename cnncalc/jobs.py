"""The same work on many things, in several processes."""

import os
import sys
from collections.abc import Callable, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

#: Another process is worth its start for so many things.
LEAST = 50


def automatic(count: int) -> int:
    """How many processes are best for so many things: no more than there are cores."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min(cores, count // LEAST))


def spread(work: Callable[[Sequence[T]], Sequence[R]], items: Sequence[T], jobs: int) -> list[R]:
    """What ``work`` makes of the items, one result for each, in their order.

    This process does a share of them, too. The others end by themselves when it does: nobody
    waits for work. A share whose process dies is done here.
    """
    from multiprocessing import get_context

    context: Any = get_context("fork" if sys.platform == "linux" else None)
    # Mixed, since what is hard may come at intervals; the same in every run.
    order = sorted(range(len(items)), key=lambda number: number * 2_654_435_761 % 2**32)
    shares = [order[first::jobs] for first in range(jobs)]
    others = []
    for share in shares[1:]:
        receiver, sender = context.Pipe(duplex=False)
        part = [items[number] for number in share]
        process = context.Process(target=send, args=(work, part, sender), daemon=True)
        process.start()
        sender.close()
        others.append((process, receiver))
    done = [work([items[number] for number in shares[0]])]
    for share, (process, receiver) in zip(shares[1:], others, strict=True):
        try:
            done.append(receiver.recv())
        except EOFError:
            done.append(work([items[number] for number in share]))
        process.join()
    pairs = zip(chain(*shares), chain(*done), strict=True)
    return [result for _, result in sorted(pairs, key=itemgetter(0))]


def send(work: Callable[[Sequence[T]], Sequence[R]], items: Sequence[T], sender: Any) -> None:
    """Do the work and send the results."""
    sender.send(work(items))
