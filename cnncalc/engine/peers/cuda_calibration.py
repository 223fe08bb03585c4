"""A fixed product on a CUDA device: its time says whether the clocks are as high as they can be."""

from ..backends import choose_backend
from ..cuda.ceilings import Cublas
from ..cuda.timing import series, warm
from .job import Job

#: Rows and columns of the matrices; seconds of warm-up; windows of so many products. As on the
#: CPU, the lower quartile counts.
SIZE, WARM_UP = 4096, 0.2
WINDOWS, PRODUCTS = 8, 20


class CudaCalibration:
    """A product of matrices in the type that is compared."""

    def __init__(self, job: Job) -> None:
        backend, _ = choose_backend("native", "auto", job.device, job.dtype)
        self.xp = backend.xp
        with self.xp.current():
            self.launch = Cublas(self.xp).product(SIZE, self.xp.dtype)

    def calibrate(self) -> float:
        """The lower quartile of the seconds of the product."""
        with self.xp.current():
            warm(self.launch, self.xp, WARM_UP)
            return sorted(series(self.launch, self.xp, PRODUCTS, WINDOWS))[WINDOWS // 4]


def build(job: Job) -> CudaCalibration:
    return CudaCalibration(job)
