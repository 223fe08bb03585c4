"""Exact intervals of the image along an axis: the arithmetic of receptive fields.

A unit at position ``i`` of an axis sees the image rows ``lo(i) .. hi(i)``. Sliding windows make
these straight lines, upsampling and adaptive pooling make them repeat with a period, so they
are kept as *quasi-affine* functions, in whole numbers.
"""

from collections.abc import Iterable, Iterator
from math import gcd, lcm
from typing import NamedTuple

from ..layers import Shape, Window
from ..layers.window import SAME_POSITION, Span

#: Longer periods than this (upsampling by more; adaptive pooling of odd sizes, repeated) are
#: not followed for ever: see `through`.
LONGEST_PERIOD = 512
#: Where two families with different periods meet, no more common phases than this are compared.
MOST_PHASES = 4096


class Family(NamedTuple):
    """What the units along one axis of a tensor see of one axis of the image.

    Position ``q·m + r``, where q = len(spans), sees ``lo_r + J·m .. hi_r + J·m`` where
    ``(lo_r, hi_r) = spans[r]`` and J = advance/parts, rounded outwards. A span of None sees
    nothing. ``axis`` is the tensor's axis; -1 for what every unit sees alike (q = 1, J = 0).
    J = 0 on an axis is a table of its positions, in whose padding nothing is seen: what several
    inputs concatenated along the image show side by side.
    """

    axis: int
    spans: tuple[Span, ...]
    advance: int
    parts: int = 1

    def span(self, position: int) -> Span:
        """What one position sees; positions outside the tensor are its padding."""
        turns, phase = divmod(position, len(self.spans))
        span = self.spans[phase]
        if span is None or not turns:
            return span
        forth = self.advance * turns
        return span[0] + forth // self.parts, span[1] - -forth // self.parts

    @property
    def rate(self) -> tuple[int, int]:
        """Image rows from one position to the next, as a reduced pair."""
        return reduced(self.advance, self.parts * len(self.spans))

    def centre(self) -> tuple[int, int]:
        """Where position 0 would look, by the mean centre of all positions, as a reduced pair."""
        # the mean over r of (lo_r + hi_r)/2 − r·rate
        rows, steps = self.rate
        doubled = count = 0
        for phase, span in enumerate(self.spans):
            if span is not None:
                doubled += (span[0] + span[1]) * steps - 2 * phase * rows
                count += 1
        return reduced(doubled, 2 * steps * count) if count else (0, 1)


def reduced(numerator: int, denominator: int) -> tuple[int, int]:
    """A fraction in lowest terms."""
    divisor = gcd(numerator, denominator)
    return numerator // divisor, denominator // divisor


def hull(spans: Iterable[Span]) -> Span:
    """The smallest interval that holds all of them."""
    known = [span for span in spans if span is not None]
    return (min(lo for lo, _ in known), max(hi for _, hi in known)) if known else None


def through(family: Family, window: Window, axis: int, size: int) -> Family:
    """What units see that read ``family`` through a window, on an output axis of this size.

    Exact, with the period that comes out, up to LONGEST_PERIOD. Beyond that, for an axis of no
    more positions, a table with every position: exact on the axis, rounded outwards in its
    padding. Beyond both, a straight band around the field.
    """
    if window is SAME_POSITION and axis == family.axis:
        return family
    inner, outer = len(family.spans), window.period
    if inner == outer == 1 and family.parts == 1:
        (seen,), (read,) = family.spans, window.spans
        rise = family.advance
        if seen is None or read is None:
            return Family(axis, (None,), rise * window.advance)
        return Family(
            axis, ((seen[0] + rise * read[0], seen[1] + rise * read[1]),), rise * window.advance
        )
    if not family.advance:
        if size > LONGEST_PERIOD:
            return Family(-1, (hull(family.spans),), 0)
        spans = tuple(_seen(family, window, position) for position in range(size))
        return Family(axis, spans, 0)
    period = outer * (inner // gcd(window.advance, inner))
    if period > LONGEST_PERIOD or family.parts > 1:
        if size <= LONGEST_PERIOD:
            period = size
        else:
            family = straight(family)
            inner, period = 1, outer
    spans = tuple(_seen(family, window, position) for position in range(period))
    advance, parts = reduced(family.advance * window.advance * period, family.parts * inner * outer)
    result = Family(axis, spans, advance, parts)
    return result if period <= LONGEST_PERIOD else straight(result)


def _seen(family: Family, window: Window, position: int) -> Span:
    """The hull of what an output position sees. Over one period the spans rise, so the lowest
    is among the first positions read, one period of them, and the highest among the last."""
    read = window.span(position)
    if read is None:
        return None
    first, last = read
    step, period = window.step, len(family.spans)
    if not family.advance:
        inside = range(first + step * max(0, -(first // step)), min(last, period - 1) + 1, step)
        return hull(family.spans[at] for at in inside)
    if (last - first) // step < 2 * period:
        return hull(family.span(at) for at in range(first, last + 1, step))
    last = last - (last - first) % step
    low = hull(family.span(at) for at in range(first, first + step * period, step))
    high = hull(family.span(at) for at in range(last, last - step * period, -step))
    return hull((low, high))


def beside_others(first: int, size: int, output: int) -> Window | None:
    """How a concatenation reads one input along the axis it joins: nothing of it elsewhere."""
    if output > LONGEST_PERIOD:
        return None
    spans = ((at - first, at - first) if 0 <= at - first < size else None for at in range(output))
    return Window(output, 0, tuple(spans))


def straight(family: Family) -> Family:
    """A family of period 1 and the same rate that holds this one."""
    rows, steps = family.rate
    band = hull(
        span and (span[0] - -(-rows * phase // steps), span[1] - rows * phase // steps)
        for phase, span in enumerate(family.spans)
    )
    return Family(family.axis, (band,), rows, steps)


def constant(family: Family, shape: Shape) -> Family:
    """What all units of a tensor of this shape see together."""
    if family.axis < 0:
        return family
    size = shape[family.axis]
    period = min(size, len(family.spans))
    first = hull(family.span(at) for at in range(period))
    last = hull(family.span(at) for at in range(size - period, size))
    return Family(-1, (hull((first, last)),), 0)


def united(one: Family, other: Family) -> Family:
    """The union of two families of one axis and one rate, position by position."""
    if one.spans == other.spans:
        return one
    period = lcm(len(one.spans), len(other.spans))
    if period > LONGEST_PERIOD:
        one, other, period = straight(one), straight(other), 1
    advance, parts = reduced(one.advance * period, one.parts * len(one.spans))
    spans = tuple(hull((one.span(at), other.span(at))) for at in range(period))
    return Family(one.axis, spans, advance, parts)


def union(families: Iterable[Family]) -> tuple[Family, ...]:
    """One family for each axis and rate."""
    merged: dict[tuple[int, tuple[int, int]], Family] = {}
    for family in families:
        key = family.axis, family.rate
        known = merged.get(key)
        merged[key] = family if known is None else united(known, family)
    return tuple(merged.values())


def widest(families: tuple[Family, ...], shape: Shape) -> int:
    """Rows of the image that one unit sees, the most over all units of a tensor."""
    if len(families) == 1 and len(families[0].spans) == 1:
        (span,) = families[0].spans
        return span[1] - span[0] + 1 if span else 0
    pairs = ((high, low) for high in families for low in families)
    return max((width for pair in pairs for width in _widths(*pair, shape)), default=0)


def _widths(high: Family, low: Family, shape: Shape) -> Iterator[int]:
    """From the low end of one family to the high end of another, at the same unit.

    Along each common phase of the two that is a straight line, so its ends are enough.
    """
    if high.axis != low.axis:
        spans = [(constant(high, shape).spans[0], constant(low, shape).spans[0])]
    else:
        size = 1 if high.axis < 0 else shape[high.axis]
        turns = lcm(len(high.spans) * high.parts, len(low.spans) * low.parts)
        period = min(size, turns, MOST_PHASES)
        positions = (*range(period), *range(max(period, size - period), size))
        spans = [(high.span(position), low.span(position)) for position in positions]
    for top, bottom in spans:
        if top and bottom:
            yield top[1] - bottom[0] + 1
