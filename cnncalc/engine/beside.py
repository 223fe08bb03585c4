"""The results of a benchmark in which other engines run beside ours."""

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from ..analysis.measurements import Ceilings, Result
from .compare import WRONG, Compared, Progress, compare
from .peers.job import Job
from .peers.registry import Peer
from .plan import Plan
from .reference import amplification, reference
from .results import measured
from .weights import Weights

#: The result of a batch size, the steps that NumPy runs and why, and what else there is to say.
Measured = tuple[Result, dict[str, str], list[str]]

#: Networks whose outputs change by more than this when their images are rounded cannot be
#: expected to give the same in float32, whose every layer rounds.
SENSITIVE = 1e-6


def beside(
    planned: Plan,
    peers: Sequence[Peer],
    job: Job,
    weights: Weights,
    known: Sequence[Result],
    limits: Ceilings,
    seconds: float,
    progress: Progress,
) -> Iterator[Measured]:
    """The result of each batch size; ``known`` are those without times. ``job`` is that of our
    engine. Raises EngineFailed."""
    progress("computing what is right", 0)
    images = job._replace(batch=1).images()
    expected = reference(job.graph, weights, images)
    for before in known:
        batch = before.batch
        found = compare(
            job._replace(batch=batch), setting(planned), peers, expected,
            seconds=seconds, progress=progress,
        )  # fmt: skip
        wrong = WRONG[job.dtype]
        said = doubts(found, batch, wrong)
        if any(error > wrong for error in errors(found)):
            amplified = amplification(job.graph, weights, images, expected)
            if amplified > SENSITIVE:
                said.append(
                    f"with these weights the network amplifies rounding: images off by one part in "
                    f"2^24 change its outputs by {amplified:.0e}, so large errors say little"
                )
        alone = measured(before, found.timing, found.steps, limits)
        if found.observed is not None:
            alone = found.observed.added(alone)
            said += found.observed.said
        whole = replace(
            alone,
            peers=found.peers,
            ratio_to_best=found.ratio_to_best,
            comparison=found.comparison,
        )
        yield whole, found.fallen_back, said


def errors(found: Compared) -> list[float]:
    """Of our outputs and those of every peer."""
    theirs = [peer.error for peer in found.peers if peer.error is not None]
    return [found.comparison.error, *theirs]


def setting(planned: Plan) -> str:
    """What stands beside our own speed: the backend, and the algorithm of convolutions."""
    steps = zip(planned.steps, planned.kernels, strict=True)
    products = [kernel.algorithm for step, kernel in steps if step.macs]
    winograd = products.count("winograd")
    if not winograd:
        return f"{planned.backend}, direct"
    return f"{planned.backend}, Winograd in {winograd} of {len(products)} layers"


def doubts(found: Compared, batch: int, wrong: float) -> list[str]:
    """What must be said of a comparison that is not as it should be."""
    said = []
    if not found.comparison.quiet:
        said.append(
            f"batch {batch}: the machine was never quiet for long enough; the quietest rounds "
            "count, and ratios may be off"
        )
    if not found.comparison.error <= wrong:
        said.append(
            f"batch {batch}: our own outputs are wrong (error {found.comparison.error:.1e}): "
            "there are no ratios"
        )
    return said
