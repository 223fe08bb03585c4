"""A fixed product: its time says whether the machine is as quiet as it can be."""

from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import numpy as np

from ..weights import Array
from .job import Job

#: Seconds that one product takes at least, and how often it is made. The lower quartile counts: a
#: moment's noise does no harm to medians of runs, a core that is taken away for longer does.
SECONDS, TRIES = 0.02, 7
#: Rows and columns of matrices that fit in a core's caches.
SIZE = 256


class Calibration:
    """Products of matrices, each thread its own: no thread waits for another before the end."""

    def __init__(self, threads: int) -> None:
        self.pool = ThreadPoolExecutor(threads)
        shape = (threads, 3, SIZE, SIZE)
        self.matrices = list(np.ones(shape, np.float32))
        self.times = 1
        self.seconds()
        while (seconds := self.seconds()) < SECONDS:
            self.times = max(self.times + 1, round(self.times * SECONDS / seconds))

    def multiply(self, matrices: Array) -> None:
        left, right, product = matrices
        for _ in range(self.times):
            np.matmul(left, right, out=product)

    def seconds(self) -> float:
        before = perf_counter()
        list(self.pool.map(self.multiply, self.matrices))
        return perf_counter() - before

    def calibrate(self) -> float:
        """The lower quartile of the seconds of the product."""
        self.seconds()
        return sorted(self.seconds() for _ in range(TRIES))[TRIES // 4]


def build(job: Job) -> Calibration:
    """On the job's threads; the BLAS is to use one in each."""
    return Calibration(job.threads)
