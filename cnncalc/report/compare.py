"""One batch size beside other engines, as text."""

from ..analysis.measurements import PeerResult, Result, Timing
from .cells import Cells, Heading

ENGINES = (
    Heading("Engine", left=True), Heading("Version", left=True, drop=3),
    Heading("Setting", left=True, drop=2), Heading("Images/s"), Heading("Spread", drop=1),
    Heading("ours ÷ it"), Heading("Error"),
)  # fmt: skip


def table(result: Result) -> Cells:
    """Our engine and its peers, a row for each."""
    timing, comparison = result.timing, result.comparison
    assert timing is not None
    assert comparison is not None
    ours = [
        "cnncalc", comparison.version, comparison.setting,
        *speed(result.images_per_second, timing), "", f"{comparison.error:.0e}",
    ]  # fmt: skip
    return Cells(ENGINES, [ours, *map(row, result.peers)])


def row(peer: PeerResult) -> list[str]:
    if peer.timing is None:
        return [peer.name, peer.version or "-", "-", "-", "-", "-", "-"]
    return [
        peer.name, peer.version or "-", peer.setting or "-",
        *speed(peer.images_per_second, peer.timing),
        f"{peer.ratio:.2f}" if peer.ratio else "-",
        f"{peer.error:.0e}" if peer.error is not None else "-",
    ]  # fmt: skip


def speed(images_per_second: float | None, timing: Timing) -> list[str]:
    return [f"{images_per_second or 0:.2f}", f"{timing.spread:.1%}"]


def verdict(result: Result) -> list[str]:
    """The ratio to the best peer in a line; then who has none, and why."""
    lines = []
    best = [peer for peer in result.peers if peer.ratio == result.ratio_to_best]
    if result.ratio_to_best is not None and result.comparison is not None:
        lines.append(
            f"batch {result.batch}: {result.ratio_to_best:.2f} times the best peer, {best[0].name} "
            f"({best[0].setting}); ours: {result.comparison.setting}; rounds thrown away: "
            f"{result.comparison.thrown_away}"
        )
    for peer in result.peers:
        if peer.failure:
            lines.append(f"{peer.name}: {peer.failure}" + (f": {peer.hint}" if peer.hint else ""))
        elif peer.ratio is None:
            lines.append(f"{peer.name}: no ratio, its outputs or ours are wrong")
        elif len(peer.settings) > 1:
            tried = ", ".join(f"{name} {speed:.2f}" for name, speed in peer.settings.items())
            lines.append(f"{peer.name}, images/s by setting: {tried}")
    return lines
