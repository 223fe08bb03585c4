"""Our engine beside others: the same network, weights and images, each in its own process, in
turns, outputs checked."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from time import perf_counter
from typing import Any, NamedTuple

from msgspec.structs import replace

from ..analysis.measurements import Comparison, PeerResult, Timing
from .measure import timing
from .peers.child import Child, ChildFailed
from .peers.job import Job
from .peers.registry import CALIBRATION, CUDA_CALIBRATION, CUDA_OURS, OURS, Peer
from .peers.worker import LEAST, WARM_UP_RUNS
from .reference import error
from .rounds import HOPELESS, QUIET, ROUNDS, Round, Rounds, median, rounds
from .weights import Array

#: Outputs further than this from float64's, relative to the largest, are not those of the
#: network, whatever it computes in: a speed with such an error gets no ratio.
WRONG = {"float32": 1e-3, "tf32": 1e-2, "float16": 1e-2, "bfloat16": 1e-1}
#: Seconds after which something that takes milliseconds has hung.
HUNG = 120.0

METHOD = (
    f"each engine in its own process, stopped while others run; {ROUNDS} rounds, in each of which "
    f"every engine warms up ({WARM_UP_RUNS} runs or more) and then runs {LEAST} times or more; the "
    "median of the rounds' medians; a round counts if a fixed product before and after it takes at "
    f"most {QUIET - 1:.0%} more than its best; of several settings the fastest (one that is "
    f"{HOPELESS - 1:.0%} slower after a round runs no more); input and output stay in the engine's "
    "memory; OpenVINO's throughput hint with as many requests at once as it asks for; error: the "
    "largest of the outputs for one image against float64, relative to the largest output"
)

#: Called with what is being done, and the share of it that is done.
Progress = Callable[[str, float], None]


class EngineFailed(ValueError):
    """Our own engine, or the calibration, ended or hung; the text has its last words."""


class Compared(NamedTuple):
    """What the comparison of one batch size gave. ``steps``: nanoseconds of each of our steps;
    ``fallen_back``: those that NumPy runs, and why. ``observed``: on
    a CUDA device, what else there is to say (`cuda.observe.Observed`)."""

    timing: Timing
    steps: list[float]
    fallen_back: dict[str, str]
    peers: tuple[PeerResult, ...]
    ratio_to_best: float | None
    comparison: Comparison
    observed: Any = None


class Entrant:
    """An engine in one setting: its process, and what is known of it so far."""

    def __init__(self, peer: Peer, setting: str) -> None:
        self.peer = peer
        self.setting = setting
        self.name = f"{peer.name} {setting}".strip()
        self.child: Child | None = None
        self.facts: dict[str, str] = {}
        self.error = float("inf")
        self.right = False
        self.failure = ""
        self.limit = HUNG
        self.hopeless = False

    def build(self, job: Job, expected: Sequence[Array], stack: ExitStack) -> None:
        """Start the process and check its outputs."""
        self.child = Child(job._replace(module=self.peer.module, setting=self.setting))
        stack.callback(self.child.close)
        try:
            self.facts = self.child.ready(self.peer.build_seconds)
            before = perf_counter()
            self.error = error(self.child.ask("outputs", limit=HUNG), expected)
            self.right = self.error <= WRONG[job.dtype]
            self.limit += 50 * (perf_counter() - before)
        except ChildFailed as failed:
            self.fail(failed)

    def fail(self, reason: ChildFailed) -> None:
        self.failure = str(reason)
        self.end()

    def end(self) -> None:
        if self.child is not None:
            self.child.close()

    @property
    def runs(self) -> bool:
        return not self.failure and not self.hopeless

    def turn(self, seconds: float) -> list[float] | None:
        """Seconds for a batch, run by run; None if it fails."""
        assert self.child is not None
        try:
            times: list[float] = self.child.ask("measure", seconds, limit=self.limit + 3 * seconds)
        except ChildFailed as failed:
            self.fail(failed)
            return None
        return times


def compare(
    job: Job,
    ours: str,
    peers: Sequence[Peer],
    expected: Sequence[Array],
    *,
    seconds: float,
    progress: Progress = lambda what, share: None,
) -> Compared:
    """Compare our engine, told what to run by ``job`` and called ``ours``, with peers.

    ``expected`` are the right outputs for the first image. ``seconds`` is the time to measure
    each engine. Raises EngineFailed.
    """
    present = [peer for peer in peers if not peer.missing()]
    on_cpu = job.device == "cpu"
    us, product = (OURS, CALIBRATION) if on_cpu else (CUDA_OURS, CUDA_CALIBRATION)
    own = Entrant(us, *us.settings)
    entrants = [own, *(Entrant(peer, setting) for peer in present for setting in peer.settings)]
    with ExitStack() as stack:
        calibration = Child(job._replace(module=product.module), blas_threads=1)
        stack.callback(calibration.close)

        def calibrate() -> float:
            with needed("the calibration"):
                return float(calibration.ask("calibrate", limit=HUNG))

        def turn(name: str) -> list[float] | None:
            return next(e for e in entrants if e.name == name).turn(seconds / ROUNDS)

        def after(kept: Sequence[Round]) -> None:
            check(own)
            give_up(entrants, kept)
            share = min(1, len(kept) / ROUNDS)
            progress(f"batch {job.batch}: {len(kept)} of {ROUNDS} rounds", (1 + share) / 2)

        with needed("the calibration"):
            calibration.ready(HUNG)
        for number, entrant in enumerate(entrants):
            progress(f"batch {job.batch}: building {entrant.name}", number / len(entrants) / 2)
            entrant.build(job, expected, stack)
            check(own)
        progress(f"batch {job.batch}: in turns", 0.5)
        found = rounds(
            lambda: [one.name for one in entrants if one.runs], turn, calibrate, after=after
        )
        assert own.child is not None
        runs = round(seconds / (seconds_of(own, found.kept) or seconds))
        with needed("our engine"):
            steps = own.child.ask("steps", runs, limit=own.limit + 10 * seconds)
            observed = (
                None if on_cpu else own.child.ask("observe", expected, limit=own.limit + HUNG)
            )
    return compared(job, ours, peers, entrants, found, steps)._replace(observed=observed)


@contextmanager
def needed(what: str) -> Iterator[None]:
    """Without this process there is nothing to compare."""
    try:
        yield
    except ChildFailed as failed:
        raise EngineFailed(f"{what} failed in its process: {failed}") from None


def check(own: Entrant) -> None:
    with needed("our engine"):
        if own.failure:
            raise ChildFailed(own.failure)


def give_up(entrants: Sequence[Entrant], kept: Sequence[Round]) -> None:
    """End the settings that are much slower than the best one of their peer."""
    running = [one for one in entrants if one.runs]
    for one in running:
        rivals = [
            other for other in running if other.peer is one.peer and (other.right or not one.right)
        ]
        speeds = [seconds for other in rivals if (seconds := seconds_of(other, kept))]
        mine = seconds_of(one, kept)
        if mine and speeds and mine > HOPELESS * min(speeds):
            one.hopeless = True
            one.end()


def seconds_of(one: Entrant, done: Sequence[Round]) -> float | None:
    """The median of the rounds' medians; None if it ran in none."""
    medians = [median(turn.times[one.name]) for turn in done if one.name in turn.times]
    return median(medians) if medians else None


# -------------------------------------------------------------------------------- the outcome


def compared(
    job: Job,
    ours: str,
    peers: Sequence[Peer],
    entrants: Sequence[Entrant],
    found: Rounds,
    steps: list[float],
) -> Compared:
    """What the rounds mean, as data."""
    own = entrants[0]
    own_timing, own_rounds = over(found.kept, own.name)
    rows = tuple(row(peer, entrants, found, job.batch) for peer in peers)
    if own.right:
        ours_per_second, wrong = job.batch / own_timing.median, WRONG[job.dtype]
        rows = tuple(with_ratio(one, ours_per_second, wrong) for one in rows)
    ratios = [one.ratio for one in rows if one.ratio is not None]
    return Compared(
        timing=own_timing,
        steps=steps,
        fallen_back=own.facts,
        peers=rows,
        ratio_to_best=min(ratios, default=None),
        comparison=Comparison(
            method=method(job.device),
            version=own.peer.version(),
            setting=ours,
            rounds=own_rounds,
            error=own.error,
            thrown_away=len(found.all) - len(found.kept),
            quiet=found.quiet,
            calibrations=tuple(one.calibration for one in found.all),
        ),
    )


def method(device: str) -> str:
    """How a device's times are taken."""
    if device == "cpu":
        return METHOD
    from .cuda.timing import METHOD_BESIDE

    return METHOD_BESIDE


def over(kept: Sequence[Round], name: str) -> tuple[Timing, tuple[float, ...]]:
    """The timing of all runs, with the median of the rounds' medians; and these."""
    turns = [one.times[name] for one in kept if name in one.times]
    medians = tuple(median(times) for times in turns)
    whole = timing([time for times in turns for time in times])
    return replace(whole, median=median(medians)), medians


def row(peer: Peer, entrants: Sequence[Entrant], found: Rounds, batch: int) -> PeerResult:
    """A peer by its fastest setting; right outputs come before wrong ones."""
    if missing := peer.missing():
        reason = f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed"
        return PeerResult(name=peer.name, failure=reason, hint=peer.pip)
    mine = [one for one in entrants if one.peer is peer]
    tried = {
        one.setting: taken
        for one in mine
        if (taken := seconds_of(one, found.kept) or seconds_of(one, found.all))
    }
    able = [one for one in mine if one.runs and one.setting in tried]
    if not able:
        reason = "; ".join(f"{one.setting}: {one.failure}" for one in mine if one.failure)
        return PeerResult(name=peer.name, version=peer.version(), failure=reason)
    best = min(able, key=lambda one: (not one.right, tried[one.setting]))
    times, medians = over(found.kept, best.name)
    return PeerResult(
        name=peer.name,
        version=peer.version(),
        setting=best.setting,
        images_per_second=batch / times.median,
        timing=times,
        rounds=medians,
        error=best.error,
        settings={setting: batch / seconds for setting, seconds in tried.items()},
    )


def with_ratio(one: PeerResult, images_per_second: float, wrong: float) -> PeerResult:
    if one.images_per_second is None or one.error is None or one.error > wrong:
        return one
    return replace(one, ratio=images_per_second / one.images_per_second)
