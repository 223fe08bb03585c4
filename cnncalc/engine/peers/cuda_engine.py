"""Our own engine on a CUDA device, in a process like every other."""

from collections.abc import Sequence
from typing import ClassVar

from ..backends import choose_backend
from ..cuda.observe import Observed, meter_of, observe
from ..cuda.timing import turn
from ..measure import medians
from ..plan import plan
from ..weights import Array, Folded
from .job import Job
from .own_engine import STEP_RUNS


class CudaEngine:
    """A plan on a device."""

    facts: ClassVar[dict[str, str]] = {}

    def __init__(self, job: Job) -> None:
        backend, _ = choose_backend(job.engine, job.algorithm, job.device, job.dtype)
        planned = plan(job.graph, backend, job.algorithm)
        self.weights = Folded(planned.steps, job.weights())
        self.program = backend.prepare(planned, self.weights, job.batch)
        self.images = job.images()
        self.program.run(*self.images)
        self.each = 0.0

    def measure(self, seconds: float) -> list[float]:
        """Seconds of a batch in windows between events, of one turn."""
        with self.program.xp.current():
            times = turn(self.program.launch, self.program.xp, seconds)[0]
        self.each = min(times)
        return times

    def run(self) -> int:
        self.program.launch()
        self.program.xp.synchronize()
        return 1

    def outputs(self) -> list[Array]:
        return [output[:1] for output in self.program.run()]

    def steps(self, runs: int) -> list[float]:
        """The median nanoseconds of each step."""
        least, most = STEP_RUNS
        counted = range(max(least, min(most, runs)))
        return medians([self.program.time_steps() for _ in counted])

    def observe(self, expected: Sequence[Array]) -> Observed:
        """All else that a report says; after `measure`."""
        meter = meter_of(self.program.xp)
        return observe(self.program, self.weights, self.images, expected, self.each, meter)


def build(job: Job) -> CudaEngine:
    return CudaEngine(job)
