"""A benchmark on a device: what `engine.bench` asks of the place where a network runs."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from msgspec.structs import replace

from ...analysis.measurements import Ceilings, Execution, Gpu, Result
from ..beside import Measured
from ..fits import check_memory
from ..measure import medians
from ..peers.job import Job
from ..plan import Plan
from ..reference import reference
from ..results import measured
from ..weights import Folded, Weights
from . import observe
from .arrays import DeviceArrays
from .backend import CudaBackend
from .power import Meter, NoMeter
from .timing import METHOD, METHOD_BESIDE, throughput

#: Passes of which each step's median is taken.
STEP_RUNS = 15


class OnCuda:
    """A device, with the backend that plans for it; or none, and the plan is all there is."""

    def __init__(self, backend: CudaBackend) -> None:
        self.backend = backend
        self.dtype: str = backend.dtype
        self.width = backend.width
        number = backend.device.number
        self.device = "cuda" if number is None else f"cuda:{number}"
        self.gpu: Gpu | None = None
        self.execution: Execution | None = None
        self._meter: Meter | NoMeter = NoMeter()

    def method(self, beside: bool) -> str:
        return METHOD_BESIDE if beside else METHOD

    def check_memory(self, planned: Plan, batch: int, from_file: bool, others: int) -> None:
        """Raise TooLarge unless a batch fits in what is free on the device."""
        if self.backend.xp is not None:
            check_memory(
                planned, self.backend, batch, 0, others=others, width=self.width,
                free=self.backend.xp.free(), where=f" on {self.device}",
            )  # fmt: skip

    def ceilings(self) -> Ceilings:
        """The device's ceilings; who tells its clocks is found on the way."""
        xp = self.backend.xp
        assert isinstance(xp, DeviceArrays)
        self._meter = observe.meter_of(xp)
        self.execution = observe.execution(xp.dtype)
        self.gpu = observe.gpu(self.backend.device, self._meter)
        return observe.ceilings(xp)

    def alone(
        self,
        job: Job,
        planned: Plan,
        weights: Weights,
        known: Sequence[Result],
        limits: Ceilings,
        seconds: float,
        progress: Callable[[str, float], None],
    ) -> Iterator[Measured]:
        """The result of each batch size. ``known`` are those without times."""
        arrays = Folded(planned.steps, weights)
        progress("computing what is right", 0)
        expected = reference(job.graph, weights, job._replace(batch=1).images())
        for before in known:
            what, images = f"batch {before.batch}", job._replace(batch=before.batch).images()
            progress(f"{what}: choosing and compiling kernels", 0)
            program = self.backend.prepare(planned, arrays, before.batch)
            program.load(*images)
            with program.xp.current():
                shown = partial(progress, what)
                timing = throughput(program.launch, program.xp, seconds, progress=shown)
            times = medians([program.time_steps() for _ in range(STEP_RUNS)])
            result = replace(
                measured(before, timing, times, limits), scratch_bytes=program.workspace.bytes
            )
            seen = observe.observe(
                program, arrays, images, expected, timing.median, self._meter, progress=progress
            )
            yield seen.added(result), {}, seen.said
            program.close()
