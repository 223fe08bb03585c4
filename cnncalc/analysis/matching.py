"""Which items of two sequences are each other's: exact keys first, then looser ones in the gaps.

A *patience diff* (Bram Cohen): equal ends are matched, then the items whose key stands once on
both sides, in the longest order that both sides have; the same again between them. Where nothing
is unique, on all levels but the strictest, the longest common subsequence. It takes about linear
time for few differences, and does not tie layers together just because some relu stands
everywhere.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Sequence

#: Where items are not unique, gaps with more differences than this stay gaps.
MOST_EDITS = 1_000

Keys = Sequence[Hashable]
Pair = tuple[int, int]


def match(levels: Sequence[tuple[Keys, Keys]]) -> list[Pair]:
    """The pairs (position on one side, on the other) that belong together, in order.

    Each level has a key for every item of both sides. A pair has equal keys on one of the
    levels; a looser level is only asked about what lies between the pairs of stricter ones. No
    two pairs cross.
    """
    pairs: list[Pair] = []
    first = levels[0]
    work = [(0, len(first[0]), 0, len(first[1]), 0)]
    while work:
        start, end, from_, to, level = work.pop()
        one, other = levels[level]
        while start < end and from_ < to and one[start] == other[from_]:
            pairs.append((start, from_))
            start, from_ = start + 1, from_ + 1
        while start < end and from_ < to and one[end - 1] == other[to - 1]:
            end, to = end - 1, to - 1
            pairs.append((end, to))
        if start == end or from_ == to:
            continue
        gap = one[start:end], other[from_:to]
        # that the strictest key stands several times says little: a looser one may know better
        anchors = unique_in_order(*gap) or (longest_common(*gap) if level else [])
        if anchors:
            left, right = start, from_
            for i, j in anchors:
                pairs.append((start + i, from_ + j))
                work.append((left, start + i, right, from_ + j, level))
                left, right = start + i + 1, from_ + j + 1
            work.append((left, end, right, to, level))
        elif level + 1 < len(levels):
            work.append((start, end, from_, to, level + 1))
    return slid(sorted(pairs), *first)


def slid(pairs: list[Pair], one: Keys, other: Keys) -> list[Pair]:
    """The pairs with every stretch that only one side has as late as it can be.

    ``a b | a b c`` against ``a b c``: of two that are equal, the later came. So a convolution
    comes with the ReLU after it, not with the one before.
    """
    i, j = -1, -1
    for number, (x, y) in enumerate(pairs):
        if x == i + 1 and y > j + 1 and other[j + 1] == other[y]:
            y = j + 1
        elif y == j + 1 and x > i + 1 and one[i + 1] == one[x]:
            x = i + 1
        i, j = pairs[number] = x, y
    return pairs


def unique_in_order(one: Keys, other: Keys) -> list[Pair]:
    """The items that stand once on both sides, as many of them as have the same order."""
    counts, others = Counter(one), Counter(other)
    places = {key: place for place, key in enumerate(other) if others[key] == 1}
    pairs = [
        (place, places[key]) for place, key in enumerate(one) if counts[key] == 1 and key in places
    ]
    return longest_rising(pairs)


def longest_rising(pairs: Sequence[Pair]) -> list[Pair]:
    """The longest part of the pairs, whose first members rise, in which the second rise too."""
    # Fredman 1975: tails[k] is the lowest second member that ends a rising part of k + 1 pairs
    tails: list[int] = []
    ends: list[int] = []
    before: list[int | None] = []
    for number, (_, place) in enumerate(pairs):
        length = bisect_left(tails, place)
        before.append(ends[length - 1] if length else None)
        tails[length : length + 1] = [place]
        ends[length : length + 1] = [number]
    chosen: list[Pair] = []
    at = ends[-1] if ends else None
    while at is not None:
        chosen.append(pairs[at])
        at = before[at]
    return chosen[::-1]


def longest_common(one: Keys, other: Keys) -> list[Pair]:
    """The longest common subsequence; nothing where more than MOST_EDITS items differ.

    Myers, An O(ND) difference algorithm and its variations, 1986: ``furthest[k]`` is how far on
    one side a path of so many edits gets that has left out k more items there than on the other.
    """
    if not set(one) & set(other):
        return []
    furthest = {1: 0}
    trail: list[dict[int, int]] = []
    for edits in range(min(len(one) + len(other), MOST_EDITS) + 1):
        trail.append(furthest)
        furthest = dict(furthest)
        for k in range(-edits, edits + 1, 2):
            x = step(furthest, k, edits)
            while x < len(one) and x - k < len(other) and one[x] == other[x - k]:
                x += 1
            furthest[k] = x
            if x >= len(one) and x - k >= len(other):
                return walked_back(trail, len(one), len(other))
    return []


def step(furthest: dict[int, int], k: int, edits: int) -> int:
    """How far one more edit gets to path k: from the path above or the one below."""
    down = k == -edits or (k != edits and furthest[k - 1] < furthest[k + 1])
    return furthest[k + 1] if down else furthest[k - 1] + 1


def walked_back(trail: list[dict[int, int]], x: int, y: int) -> list[Pair]:
    """The pairs on the path that has reached the ends x and y of both sides."""
    pairs: list[Pair] = []
    for edits in range(len(trail) - 1, -1, -1):
        furthest, k = trail[edits], x - y
        start = step(furthest, k, edits)
        while x > start:
            x, y = x - 1, y - 1
            pairs.append((x, y))
        down = k == -edits or (k != edits and furthest[k - 1] < furthest[k + 1])
        x, y = (x, y - 1) if down else (x - 1, y)
    return pairs[::-1]
