"""One stretch of memory for all tensors: who lies in whom, and who lies where.

First, concatenation by offset: the inputs of a concat along the channels are written where the
concat wants them, where that is legal and costs no memory. Then packing: stretches with lifetimes
get offsets so that no two that are alive at one time overlap. The least possible size is the
largest sum alive at one time (`liveness.peak`); to reach it is NP-hard in general (dynamic storage
allocation), so a few orders of first fit are tried, and then repaired.
"""

import random
from collections.abc import Sequence
from typing import NamedTuple

from ..analysis.liveness import Storage, peak

#: How often a packing that is not the best possible is repaired and tried again.
REPAIRS = 300
#: Stretches that a search goes through; it calls itself for each.
DEEPEST = 300
#: Packings in part that a search looks at before it gives up.
LOOKS = 5_000
#: With more stretches than this, quadratic packing would be felt, so it is not repaired.
MANY = 1500


class Wish(NamedTuple):
    """A concat at node ``step`` would have its input ``number``, which fills the storage ``part``,
    inside the storage ``whole``, from ``offset`` on, in values of one image."""

    step: int
    number: int
    part: int
    whole: int
    offset: int


def join(
    stretches: Sequence[Storage], writes: Sequence[Sequence[int]], wishes: Sequence[Wish]
) -> tuple[list[Storage], dict[int, Wish]]:
    """Grant the wishes that are legal and do not raise the peak.

    ``writes``: for each storage, the nodes that write it. All wishes are tried together, then
    those of each concat, then each by itself: often only all inputs of a concat in place make up
    for reserving its output early. Returns the storages, wholes with the lifetimes of their parts
    and parts with 0 values, and for each part the wish that was granted.
    """
    state = _Joined(list(stretches), [list(steps) for steps in writes], {})
    by_concat: dict[int, list[Wish]] = {}
    for wish in wishes:
        by_concat.setdefault(wish.step, []).append(wish)
    least = peak(stretches)[0]
    for batch in [wishes, *by_concat.values(), *([wish] for wish in wishes)]:
        new = [wish for wish in batch if wish.part not in state.granted]
        if not new:
            continue
        tried = state.with_all(new)
        most = peak(tried.groups)[0]
        if most <= least:
            state, least = tried, most
    return state.groups, state.granted


class _Joined(NamedTuple):
    """Storages as they are after the wishes granted so far."""

    groups: list[Storage]
    written: list[list[int]]
    granted: dict[int, Wish]

    def with_all(self, wishes: Sequence[Wish]) -> "_Joined":
        """With those of the wishes that are legal, in order.

        Legal: all that is ever written to the part is written before the concat, and nobody needs
        the part once the whole is overwritten in place.
        """
        groups, written, granted = list(self.groups), list(self.written), dict(self.granted)
        for wish in wishes:
            part, whole = groups[wish.part], groups[wish.whole]
            late = any(step >= wish.step for step in written[wish.part])
            lost = any(wish.step < step <= part.last for step in written[wish.whole])
            if late or lost or wish.part in granted:
                continue
            first, last = min(part.first, whole.first), max(part.last, whole.last)
            groups[wish.whole] = whole._replace(first=first, last=last)
            groups[wish.part] = part._replace(values=0)
            written[wish.whole] = written[wish.whole] + written[wish.part]
            granted[wish.part] = wish
        return _Joined(groups, written, granted)


def place(stretches: Sequence[Storage]) -> list[int]:
    """An offset for each storage, in values, so that no two alive at one time overlap."""
    alive = [number for number, one in enumerate(stretches) if one.values]
    bound = peak(stretches)[0]
    orders = [
        sorted(alive, key=lambda n: (-stretches[n].values, stretches[n].first)),
        sorted(alive, key=lambda n: (stretches[n].first - stretches[n].last, -stretches[n].values)),
        sorted(alive, key=lambda n: stretches[n].first),
        sorted(alive, key=lambda n: -stretches[n].values * (1 + _life(stretches[n]))),
    ]
    best: list[int] = []
    least = -1
    for order in orders:
        offsets = first_fit(stretches, order)
        size = top(stretches, offsets)
        if least < 0 or size < least:
            best, least, start = offsets, size, order
        if least == bound:
            break
    if least > bound and len(alive) <= MANY:
        best = _repaired(stretches, start, best, bound)
    if top(stretches, best) > bound and len(alive) <= MANY:
        best = _searched(stretches, alive, bound) or best
    check(stretches, best)
    return best


def first_fit(stretches: Sequence[Storage], order: Sequence[int]) -> list[int]:
    """Each in turn at the lowest offset that is free for its whole life."""
    offsets = [0] * len(stretches)
    done: list[tuple[int, int, int, int]] = []  # offset, end, first, last
    for number in order:
        one = stretches[number]
        offset = 0
        for start, end, *_ in sorted(
            place for place in done if place[2] <= one.last and place[3] >= one.first
        ):
            if start - offset >= one.values:
                break
            offset = max(offset, end)
        offsets[number] = offset
        done.append((offset, offset + one.values, one.first, one.last))
    return offsets


def top(stretches: Sequence[Storage], offsets: Sequence[int]) -> int:
    """The size of the arena."""
    return max((o + one.values for o, one in zip(offsets, stretches, strict=True)), default=0)


def check(stretches: Sequence[Storage], offsets: Sequence[int]) -> None:
    """Assert that no two storages that are alive at one time overlap."""
    placed = sorted(
        (offset, one.values, one.first, one.last)
        for offset, one in zip(offsets, stretches, strict=True)
        if one.values
    )
    for number, (offset, values, first, last) in enumerate(placed):
        for other in placed[number + 1 :]:
            if other[0] >= offset + values:
                break
            assert other[2] > last or other[3] < first, "two tensors overlap in the arena"


def _life(one: Storage) -> int:
    return one.last - one.first


def _repaired(
    stretches: Sequence[Storage], order: list[int], offsets: list[int], bound: int
) -> list[int]:
    """Local search: what stands out above the bound is placed earlier, now and then at random."""
    chance = random.Random(0)
    best, least = offsets, top(stretches, offsets)
    current = list(order)
    for _ in range(REPAIRS):
        tried = list(current)
        out = [n for n in tried if offsets[n] + stretches[n].values > bound]
        moved = chance.choice(out)
        where = tried.index(moved)
        tried.pop(where)
        tried.insert(chance.randrange(where + 1), moved)
        if chance.random() < 0.3:
            a, b = chance.randrange(len(tried)), chance.randrange(len(tried))
            tried[a], tried[b] = tried[b], tried[a]
        again = first_fit(stretches, tried)
        size = top(stretches, again)
        if size <= least or chance.random() < 0.02:
            current, offsets = tried, again
        if size < least:
            best, least = again, size
        if least == bound:
            break
        if not any(offsets[n] + stretches[n].values > bound for n in current):
            break
    return best


def _searched(stretches: Sequence[Storage], alive: Sequence[int], bound: int) -> list[int]:
    """Depth-first search for a packing within the bound, from the lowest offset up; [] if there is
    none, or it was not found in time. Each stretch lies on one below it, or on the ground."""
    met = {n: [m for m in alive if m != n and _meet(stretches[n], stretches[m])] for n in alive}
    seen: set[frozenset[tuple[int, int]]] = set()

    def rest(offsets: dict[int, int], last: int) -> dict[int, int] | None:
        """Offsets of all, none of those that are still to come below ``last``."""
        if len(offsets) == len(alive):
            return offsets
        state = frozenset(offsets.items())
        if state in seen or len(seen) > LOOKS:
            return None
        seen.add(state)
        fits = []
        for n in alive:
            if n not in offsets:
                below = (offsets[m] + stretches[m].values for m in met[n] if m in offsets)
                offset = max(below, default=0)
                if offset + stretches[n].values > bound:
                    return None  # and it can only go higher later
                if offset >= last:
                    fits.append((n, offset))
        for n, offset in fits:
            found = rest({**offsets, n: offset}, offset)
            if found:
                return found
        return None

    found = rest({}, 0) if len(alive) <= DEEPEST else None
    return [found.get(n, 0) for n in range(len(stretches))] if found else []


def _meet(one: Storage, other: Storage) -> bool:
    return one.first <= other.last and other.first <= one.last
