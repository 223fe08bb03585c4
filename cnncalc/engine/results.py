"""Plans and times as the rows of a report."""

from collections.abc import Sequence
from math import prod

from msgspec.structs import replace

from ..analysis.measurements import Ceilings, Result, StepRow, Timing, bound
from .fits import WIDTH
from .plan import Kernel, Plan, Step
from .predict import work


def result(planned: Plan, batch: int, images: int, width: int = WIDTH) -> Result:
    """What is known of a batch size before anything runs. ``images``: how many run at a time;
    ``width``: bytes of a value."""
    return Result(
        batch=batch,
        images_at_a_time=images,
        images_per_second=None,
        timing=None,
        arena_bytes=planned.arena_values * images * width,
        peak_bytes=planned.peak_values * images * width,
        scratch_bytes=planned.scratch_values(images) * width,
        weight_bytes=planned.weight_values * width,
        steps=tuple(
            row(planned, step, kernel, batch, images, width)
            for step, kernel in zip(planned.steps, planned.kernels, strict=True)
        ),
    )


def row(planned: Plan, step: Step, kernel: Kernel, batch: int, images: int, width: int) -> StepRow:
    """A step of the plan as a row of the report."""
    done, output = work(step, batch, width), step.outputs[0]
    return StepRow(
        name=step.name,
        label=step.node.layer.label(),
        layers=tuple(node.name for node in step.sources),
        kernel=kernel.name,
        algorithm=kernel.algorithm,
        layout=kernel.layout,
        output=output.shape,
        in_place=step.in_place,
        arena_offset=width * (images * planned.slots[output.slot].offset + output.lies.offset),
        arena_bytes=width * images * prod(output.shape),
        macs=batch * step.macs,
        flops=done.flops,
        bytes=done.bytes,
        intensity=done.intensity,
    )


def timed(step: StepRow, nanoseconds: float, limits: Ceilings) -> StepRow:
    """A row with its time, and the roofline beside it."""
    least, by = bound(limits, step.flops, step.bytes)
    return replace(
        step,
        milliseconds=nanoseconds / 1e6,
        bound_milliseconds=least * 1e3,
        bound_by=by,
        percent_of_bound=100 * least * 1e9 / max(nanoseconds, 1),
    )


def measured(planned: Result, timing: Timing, times: Sequence[float], limits: Ceilings) -> Result:
    """A result with the times of whole runs, and the nanoseconds of each step."""
    steps = (timed(step, time, limits) for step, time in zip(planned.steps, times, strict=True))
    return replace(
        planned,
        images_per_second=planned.batch / timing.median,
        timing=timing,
        steps=tuple(steps),
        flops_per_second=sum(step.flops for step in planned.steps) / timing.median,
        bytes_per_second=sum(step.bytes for step in planned.steps) / timing.median,
    )
