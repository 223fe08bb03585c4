"""Everything that a report says of a program on a device."""

from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple

from msgspec.structs import replace

from ...analysis.measurements import (
    Ceilings,
    Energy,
    Execution,
    Gpu,
    HostCopies,
    Latency,
    NumericCheck,
    Result,
)
from ..machine import installed
from ..weights import Array
from ..weights import Arrays as Weights
from .arrays import DeviceArrays, Dtype
from .ceilings import Cublas
from .ceilings import ceilings as measure_ceilings
from .check import check
from .device import Device, spelled
from .power import SECONDS, Meter, NoMeter, Nvml, energy
from .program import Program
from .timing import host_copies, latency

#: Seconds of passes that are waited for one by one.
LATENCY_SECONDS = 1.0

#: Called with what is being done, and the share of it that is done.
Progress = Callable[[str, float], None]


class Observed(NamedTuple):
    """What there is to say of a program beside the times of its passes and steps. ``errors``,
    ``plans`` and ``kernels``, name and algorithm, are those of the steps; ``said`` is what to keep
    in mind."""

    latency: Latency
    host_copies: HostCopies
    energy: Energy | None
    check: NumericCheck
    errors: list[float]
    plans: list[str]
    kernels: list[tuple[str, Any]]
    graphs: int
    said: list[str]

    def added(self, result: Result) -> Result:
        """A result with all that in it."""
        seen = zip(result.steps, self.errors, self.plans, self.kernels, strict=True)
        steps = (
            replace(step, error=error, plan=plan or None, kernel=name, algorithm=algorithm)
            for step, error, plan, (name, algorithm) in seen
        )
        return replace(
            result,
            steps=tuple(steps),
            latency=self.latency,
            host_copies=self.host_copies,
            energy=self.energy,
            check=self.check,
            graphs=self.graphs,
        )


def observe(
    program: Program,
    weights: Iterable[Weights],
    images: Sequence[Array],
    expected: Sequence[Array],
    each: float,
    meter: Meter | NoMeter,
    *,
    seconds: float = SECONDS,
    progress: Progress = lambda what, share: None,
) -> Observed:
    """Observe a program for whose pass about ``each`` seconds are known.

    ``weights``: the folded ones of each step. ``expected``: the right outputs for the first of
    the images. ``seconds``: how long power is observed, if there is a meter.
    """
    xp, what = program.xp, f"batch {program.batch}"
    with xp.current():
        copies = host_copies(lambda: program.load(*images), program.results, xp)
        waited = latency(program.launch, xp, LATENCY_SECONDS)
        taken: Energy | None = None
        if not isinstance(meter, NoMeter):
            taken = energy(
                program.launch, xp, meter, program.batch, each, seconds=seconds,
                progress=lambda share: progress(f"{what}: power", share),
            )  # fmt: skip
        progress(f"{what}: checking against float64", 0)
        found, errors = check(program.steps, weights, program.results, expected, xp.dtype)
    plans = [getattr(call, "describe", "") for _, call in program.steps]
    said = [str(meter)] if isinstance(meter, NoMeter) else []
    if not found.passed:
        said.append(f"{what}: the numeric check failed: no speed counts before it passes")
    said += remarks(program)
    kernels = [(kernel.name, kernel.algorithm) for kernel in program.kernels]
    return Observed(waited, copies, taken, found, errors, plans, kernels, program.graphs, said)


def remarks(program: Program) -> list[str]:
    """Which steps are not run as they should be, by reason."""
    said = []
    for what, steps in (("outside the CUDA graph", program.eager),
                        ("not by the kernel of the plan", program.fallen_back)):  # fmt: skip
        for reason in dict.fromkeys(steps.values()):
            names = ", ".join(name for name, why in steps.items() if why == reason)
            said.append(f"{what}: {names}: {reason}")
    return said


def meter_of(xp: DeviceArrays) -> Meter | NoMeter:
    """What tells clocks and power of a device, or why nobody does."""
    try:
        return Nvml(xp.module.cuda.runtime.deviceGetPCIBusId(xp.number))
    except NoMeter as missing:
        return missing


def ceilings(xp: DeviceArrays, others: Iterable[Dtype] = ()) -> Ceilings:
    """The device's ceilings in the type of ``xp``, and its products in others."""
    with xp.current():
        found = measure_ceilings(Cublas(xp), xp, xp.dtype, xp.free(), others=others)
        xp.release()
    return found


def gpu(device: Device, meter: Meter | NoMeter) -> Gpu:
    """The device and its software as a report has them."""
    return Gpu(
        name=device.name,
        number=device.number or 0,
        capability=".".join(map(str, device.capability)),
        multiprocessors=device.multiprocessors,
        memory_bytes=device.memory,
        cache_bytes=device.cache,
        driver=None if isinstance(meter, NoMeter) else meter.driver,
        cuda=spelled(device.driver),
        libraries=libraries(),
    )


def libraries() -> dict[str, str]:
    """The versions of what is below the engine, of what is there."""
    found: dict[str, str | None] = {}
    if find_spec("cupy"):
        import cupy

        found["CuPy"] = installed("cupy")
        found["CUDA runtime"] = spelled(cupy.cuda.runtime.runtimeGetVersion())
    if find_spec("cudnn"):
        import cudnn

        found["cuDNN"] = dotted(cudnn.backend_version())
        found["cudnn-frontend"] = installed("nvidia-cudnn-frontend")
    return {name: version for name, version in found.items() if version}


def dotted(version: Any) -> str:
    """``9.12.0`` for 91200, as cuDNN 9 counts."""
    return f"{version // 10000}.{version // 100 % 100}.{version % 100}"


def execution(dtype: Dtype) -> Execution:
    """How programs compute, and what of them is timed."""
    return Execution(
        tf32=dtype == "tf32",
        accumulator="float32",
        layout="NHWC",
        timed="whole passes, input and logits on the device",
    )
