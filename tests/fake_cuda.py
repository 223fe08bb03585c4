"""Engines on a device that is NumPy standing in for one, run in processes like real ones."""

import time

from cnncalc.engine.cuda import observe
from cnncalc.engine.cuda.arrays import Arrays
from cnncalc.engine.cuda.backend import REFERENCE, CudaBackend
from cnncalc.engine.cuda.device import H200
from cnncalc.engine.cuda.power import NoMeter
from cnncalc.engine.cuda.timing import turn
from cnncalc.engine.peers import cuda_engine
from cnncalc.engine.peers.job import CannotBuild, Job


def choose(engine: str, algorithm: str, device: str, dtype: str) -> tuple[CudaBackend, list[str]]:
    """What stands for `backends.choose_backend`: a device whose kernels are the reference."""
    assert device == "cuda:0"
    backend = CudaBackend(H200, Arrays(dtype), dtype, "native")  # type: ignore[arg-type]
    backend.kernels = (REFERENCE,)
    return backend, []


class FakeCuda(cuda_engine.CudaEngine):
    """Ours; "slow" is a peer's mode, and all of them calibrate."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self.setting = job.setting

    def measure(self, seconds: float) -> list[float]:
        def launch() -> None:
            if self.setting == "slow":
                time.sleep(0.02)
            self.program.launch()

        times = turn(launch, self.program.xp, seconds, warm_up=0.01, windows=3)[0]
        self.each = min(times)
        return times

    def calibrate(self) -> float:
        return 1.0


def build(job: Job) -> FakeCuda:
    if job.setting == "cannot":
        raise CannotBuild("no such mode")
    cuda_engine.choose_backend = choose  # type: ignore[assignment]
    cuda_engine.meter_of = lambda xp: NoMeter("nobody tells the power")
    observe.LATENCY_SECONDS = 0.01
    return FakeCuda(job)
