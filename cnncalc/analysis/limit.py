"""Limits as people write them, ``"<= 5M"`` or ``">= 4M, <= 5M"``, in exact whole numbers."""

import re
from typing import Any, Literal, NamedTuple

from ..diagnostics import closest
from ..metrics import Unit
from ..units import mebibytes

Relation = Literal["<=", "<", ">=", ">", "=="]

#: What may stand behind a number. k, M, G and T of counts are decimal, as everywhere here.
UNITS: dict[Unit, dict[str, int]] = {
    "count": {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12},
    "bytes": {
        "": 1, "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
        "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
    },
    "px": {"": 1, "px": 1},
}  # fmt: skip

_EXAMPLES: dict[Unit, str] = {
    "count": 'for example: 5000000, "<= 5M", ">= 4M, <= 5M"',
    "bytes": 'for example: "<= 12 MiB", "<= 8 GiB"',
    "px": 'for example: 212, ">= 224"',
}
_QUANTITY = r"([0-9][0-9_]{0,30})(?:\.([0-9]{1,30}))?\s*([A-Za-z]*)"
_CONDITION = rf"(<=|<|>=|>|==|=|)\s*{_QUANTITY}"
_SHARE = r"([0-9]{1,9})(?:\.([0-9]{1,9}))?\s*%"


class LimitError(ValueError):
    """A limit that means nothing: what is wrong, and what is allowed."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Condition(NamedTuple):
    """A number must stand in this relation to the bound; ``text`` is the bound as written."""

    relation: Relation
    bound: int
    text: str

    def excess(self, found: int) -> int:
        """How much a number has more than the nearest that is allowed; less is negative."""
        above = found - self.bound + (self.relation == "<")
        below = found - self.bound - (self.relation == ">")
        if self.relation in ("<=", "<"):
            return max(0, above)
        return min(0, below) if self.relation in (">=", ">") else found - self.bound

    def __str__(self) -> str:
        """``<= 5M (5,000,000)``."""
        exact = f"{self.bound:,}"
        relation = "exactly" if self.relation == "==" else self.relation
        return f"{relation} {self.text} ({exact})" if self.text else f"{relation} {exact}"


def parse_limit(written: Any, unit: Unit) -> tuple[Condition, ...]:
    """The conditions of a limit, all of which must hold; a number alone is exact.

    Raises LimitError.
    """
    if type(written) is int:
        return (Condition("==", written, ""),)
    if not isinstance(written, str):
        raise LimitError(f"{written!r} is no limit", _EXAMPLES[unit])
    found = tuple(parse_condition(part.strip(), unit) for part in written.split(","))
    least = [c.bound + (c.relation == ">") for c in found if c.relation not in ("<", "<=")]
    most = [c.bound - (c.relation == "<") for c in found if c.relation not in (">", ">=")]
    if least and most and min(most) < max(least):
        raise LimitError(f"no number is {written}", "the bounds exclude each other")
    return found


def parse_condition(text: str, unit: Unit) -> Condition:
    match = re.fullmatch(_CONDITION, text.replace("≤", "<=").replace("≥", ">="))
    if match is None:
        hint = _EXAMPLES[unit]
        if text.endswith("%"):
            hint = "a share is a limit of growth: max-growth"
        raise LimitError(f"{text!r} is no limit", hint)
    relation, *parts = match.groups()
    bound = quantity(parts[0], parts[1] or "", parts[2], unit)
    exact = match[2].isdecimal() and not match[3] and not match[4]
    shown = "" if exact else text[match.start(2) :].strip()
    relations: dict[str, Relation] = {"": "==", "=": "==", "==": "==", "<=": "<=", "<": "<",
                                      ">=": ">=", ">": ">"}  # fmt: skip
    return Condition(relations[relation], bound, shown)


def quantity(whole: str, fraction: str, symbol: str, unit: Unit) -> int:
    """A number with its unit, in whole-number arithmetic. Raises LimitError."""
    units = UNITS[unit]
    if symbol not in units:
        raise LimitError(*wrong_unit(symbol, unit))
    scaled = int((whole + fraction).replace("_", "")) * units[symbol]
    one: int = 10 ** len(fraction)
    number, rest = divmod(scaled, one)
    if rest:
        raise LimitError(f"{whole}.{fraction}{symbol} is no whole number")
    return number


def wrong_unit(symbol: str, unit: Unit) -> tuple[str, str]:
    """What is wrong with a unit, and a hint."""
    allowed = ", ".join(filter(None, UNITS[unit]))
    named = {"count": "a count", "bytes": "a number of bytes", "px": "a number of rows"}[unit]
    if any(symbol in others for others in UNITS.values()):
        return f"{symbol} is no unit of {named}", f"allowed: {allowed}"
    alike = next((word for word in UNITS[unit] if word.lower() == symbol.lower()), None)
    close = alike or closest(symbol, filter(None, UNITS[unit]))
    return (
        f"there is no unit {symbol}",
        f"did you mean {close}?" if close else f"allowed: {allowed}",
    )


class Allowance(NamedTuple):
    """How much a number may grow: a share of what it was, or so many; ``text`` as written."""

    numerator: int
    denominator: int
    text: str

    def most(self, before: int) -> int:
        """The largest growth that is allowed of a number."""
        if not self.denominator:
            return self.numerator
        return before * self.numerator // self.denominator

    def __str__(self) -> str:
        return self.text


def parse_growth(written: Any, unit: Unit) -> Allowance:
    """The growth that ``"2%"``, ``"100k"`` or a whole number allows. Raises LimitError."""
    if type(written) is int and written >= 0:
        return Allowance(written, 0, f"{written:,}")
    text = written.strip() if isinstance(written, str) else ""
    if match := re.fullmatch(_SHARE, text):
        fraction = match[2] or ""
        return Allowance(int(match[1] + fraction), 100 * 10 ** len(fraction), text)
    match = re.fullmatch(_QUANTITY, text)
    if match is None:
        raise LimitError(f"{written!r} is no limit of growth", 'for example: "2%", "100k", 0')
    return Allowance(quantity(match[1], match[2] or "", match[3], unit), 0, text)


def shown(number: int, unit: Unit) -> str:
    """A number in full; of bytes, in MiB too."""
    return f"{number:,} ({mebibytes(number)})" if unit == "bytes" and number else f"{number:,}"


def percent(part: int, whole: int) -> str:
    """The share of a number as a remark, ``4.7%``; empty where there is none to speak of."""
    if whole <= 0:
        return ""
    tenths = (2000 * abs(part) + whole) // (2 * whole)
    return f"{tenths // 10:,}.{tenths % 10}%" if tenths else ""
