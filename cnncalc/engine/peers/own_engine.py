"""Our own engine, in a process like every other."""

from ..backends import choose_backend
from ..measure import medians
from ..plan import plan
from ..weights import Array, Folded
from .job import Job

#: Runs of which each step's median is taken: the least and the most.
STEP_RUNS = 3, 15


class OwnEngine:
    """A plan, bound. ``facts``: the steps that NumPy runs, and why."""

    def __init__(self, job: Job) -> None:
        backend, _ = choose_backend(job.engine, job.algorithm)
        planned = plan(job.graph, backend, job.algorithm)
        arrays = Folded(planned.steps, job.weights())
        self.program = backend.prepare(planned, arrays, job.batch, threads=job.threads)
        self.program.run(*job.images())  # they stay in the engine's memory
        self.facts = self.program.fallen_back

    def run(self) -> int:
        self.program.run()
        return 1

    def outputs(self) -> list[Array]:
        return [output[:1].copy() for output in self.program.run()]

    def steps(self, runs: int) -> list[float]:
        """The median nanoseconds of each step."""
        least, most = STEP_RUNS
        counted = range(max(least, min(most, runs)))
        return medians([self.program.time_steps() for _ in counted])


def build(job: Job) -> OwnEngine:
    return OwnEngine(job)
