"""Clocks, power and energy while a network runs, as the driver's library (NVML) tells them.

They are read and never set: a clock that is locked is another machine.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import pairwise
from time import perf_counter
from typing import Any, NamedTuple, Protocol

from ...analysis.measurements import Energy, Span
from ..measure import percentile
from .timing import Events, Launch, Progress

#: Seconds that passes run while the meter is read, and between two readings.
SECONDS, BETWEEN = 10.0, 0.1

PIP = "pip install nvidia-ml-py"

#: NVML's reasons for a clock below its highest (nvml.h, nvmlClocksEventReasons), but for "idle".
REASONS = {
    0x2: "application clocks", 0x4: "power cap", 0x8: "hardware slowdown", 0x10: "sync boost",
    0x20: "software thermal slowdown", 0x40: "hardware thermal slowdown",
    0x80: "hardware power brake", 0x100: "display clocks",
}  # fmt: skip


class NoMeter(Exception):
    """Nobody tells clocks and power here; the text says why."""


class Reading(NamedTuple):
    """One moment. ``joules``: since the driver was loaded, None if the device does not count."""

    sm_mhz: int
    memory_mhz: int
    watts: float
    celsius: int
    reasons: int
    joules: float | None


class Meter(Protocol):
    """What tells the clocks and the power of a device."""

    @property
    def driver(self) -> str:
        """The driver's version."""

    @property
    def limit_watts(self) -> float | None:
        """The power at which the device slows down."""

    def read(self) -> Reading:
        """How it is now."""


class Nvml:
    """NVML, for the device at a PCI address ("0000:1b:00.0"): its numbers are not CUDA's."""

    def __init__(self, address: str) -> None:
        """Raises NoMeter."""
        try:
            import pynvml
        except ImportError:
            raise NoMeter(f"clocks and power need nvidia-ml-py ({PIP})") from None
        self.nvml: Any = pynvml
        try:
            pynvml.nvmlInit()
            self.handle = pynvml.nvmlDeviceGetHandleByPciBusId(address.encode())
            self.read()
        except pynvml.NVMLError as error:
            raise NoMeter(f"NVML does not tell clocks and power: {error}") from None

    @property
    def driver(self) -> str:
        version = self.nvml.nvmlSystemGetDriverVersion()
        return version.decode() if isinstance(version, bytes) else str(version)

    @property
    def limit_watts(self) -> float | None:
        with suppress(self.nvml.NVMLError):
            return float(self.nvml.nvmlDeviceGetEnforcedPowerLimit(self.handle) / 1e3)
        return None

    def read(self) -> Reading:
        nvml, handle = self.nvml, self.handle
        joules = reasons = None
        with suppress(nvml.NVMLError):
            joules = nvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3
        with suppress(nvml.NVMLError):
            reasons = nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)
        return Reading(
            sm_mhz=nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM),
            memory_mhz=nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_MEM),
            watts=nvml.nvmlDeviceGetPowerUsage(handle) / 1e3,
            celsius=nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU),
            reasons=reasons or 0,
            joules=joules,
        )


def energy(
    launch: Launch,
    events: Events,
    meter: Meter,
    images: int,
    each: float,
    *,
    seconds: float = SECONDS,
    clock: Callable[[], float] = perf_counter,
    progress: Progress = lambda share: None,
) -> Energy:
    """Run passes of ``images`` images for so many seconds, the meter read about ten times a second.

    ``each``: about the seconds of a pass. The queue never runs empty: the next passes are launched
    before those before them are waited for. The energy is that of the device's counter if it has
    one, else the integral of the power that was read.
    """
    passes = max(1, round(BETWEEN / each))
    readings, times = [meter.read()], [clock()]
    done, marks = 0, [events.mark()]
    while times[-1] - times[0] < seconds:
        for _ in range(passes):
            launch()
        marks.append(events.mark())
        if len(marks) > 2:
            events.nanoseconds(marks[-3], marks[-2])
        done += passes
        readings.append(meter.read())
        times.append(clock())
        progress(min(1.0, (times[-1] - times[0]) / seconds))
    events.synchronize()
    readings.append(meter.read())
    times.append(clock())
    joules, source = spent(readings, times)
    took = times[-1] - times[0]
    reasons = 0
    for reading in readings:
        reasons |= reading.reasons
    under_load = readings[1:-1]
    return Energy(
        seconds=took,
        passes=done,
        joules=joules,
        joules_per_image=joules / (done * images),
        watts=joules / took,
        limit_watts=meter.limit_watts,
        sm_mhz=span([reading.sm_mhz for reading in under_load]),
        memory_mhz=span([reading.memory_mhz for reading in under_load]),
        celsius=span([reading.celsius for reading in under_load]),
        slowed_by=tuple(name for bit, name in REASONS.items() if reasons & bit),
        source=source,
    )


def spent(readings: Sequence[Reading], times: Sequence[float]) -> tuple[float, str]:
    """Joules between the first reading and the last, and who says so."""
    first, last = readings[0].joules, readings[-1].joules
    if first is not None and last is not None and last > first:
        return last - first, "the device's energy counter"
    moments = pairwise(zip(readings, times, strict=True))
    whole = sum((a.watts + b.watts) / 2 * (end - start) for (a, start), (b, end) in moments)
    return whole, "the integral of the power that was read"


def span(values: Sequence[int]) -> Span:
    ordered = sorted(values)
    return Span(least=ordered[0], median=percentile(ordered, 0.5), most=ordered[-1])
