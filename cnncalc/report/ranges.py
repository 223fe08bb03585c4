"""Sets of sizes as people say them: ``N mod 32 = 1``, ``32 to 1,024``."""

from collections.abc import Sequence

#: Longer periods are not looked for, and more runs than this are not spelled out.
LONGEST_PERIOD, MOST_RUNS = 512, 4


def said(members: Sequence[int], among: Sequence[int]) -> str:
    """Exactly which of the sizes ``among`` these are, as short as can be; both are sorted.

    Where nothing shorter is true, the first ones and the last one, which is then not exact.
    """
    if not members:
        return "none"
    if len(members) == len(among):
        return "all"
    inside = set(members)
    stretches = runs([number for number, size in enumerate(among) if size in inside])
    if len(stretches) <= MOST_RUNS - 1:
        return ", ".join(span(among[first], among[last]) for first, last in stretches)
    return periodic(inside, among) or listed(members)


def listed(members: Sequence[int], most: int = 3) -> str:
    """The first few and the last: ``33, 65, 97, …, 993``."""
    if len(members) <= most + 1:
        return ", ".join(f"{size:,}" for size in members)
    return ", ".join(f"{size:,}" for size in members[:most]) + f", …, {members[-1]:,}"


def periodic(members: set[int], among: Sequence[int]) -> str:
    """What the members leave when divided by a period that decides it; nothing if none does."""
    for period in range(2, min(LONGEST_PERIOD, len(among) // 2) + 1):
        left = remainders(members, among, period)
        if left is None:
            continue
        rest = [number for number in range(period) if number not in left]
        for sign, numbers in (("=", left), ("≠", rest)):
            stretches = runs(numbers)
            if len(stretches) <= (MOST_RUNS if sign == "=" else 1):
                spelled = ", ".join(span(first, last) for first, last in stretches)
                return f"N mod {period} {sign} {spelled}"
        return ""
    return ""


def remainders(members: set[int], among: Sequence[int], period: int) -> list[int] | None:
    """The remainders of the members; None if another size among them leaves one of these."""
    decided: dict[int, bool] = {}
    for size in among:
        if decided.setdefault(size % period, size in members) != (size in members):
            return None
    return sorted(number for number, member in decided.items() if member)


def runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """The stretches of consecutive numbers, first and last."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1] = found[-1][0], number
        else:
            found.append((number, number))
    return found


def span(first: int, last: int) -> str:
    if last == first + 1:
        return f"{first:,}, {last:,}"
    return f"{first:,}" if first == last else f"{first:,} to {last:,}"
