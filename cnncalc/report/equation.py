"""Equations as text: ``name = symbols = numbers = value``, aligned, in so many columns."""

import re
from collections.abc import Iterable
from textwrap import wrap

from ..analysis.derivation import Equation
from ..terminal import width as columns
from ..units import thousands

#: Where a formula may go on in the next line.
_TERMS = re.compile(r"(?= [+−] | mod )")
_FACTORS = re.compile(r"(?=[·/])")
INDENT = 2
#: A blank at which no line ends.
TIED = "\u00a0"
#: Prose gets no wider than this, formulas may.
MEASURE = 100


class Line:
    """One equation, and a remark on its value."""

    def __init__(self, equation: Equation, remark: str = "") -> None:
        self.name = equation.name
        value = thousands(equation.value).replace("-", "−")
        steps = [equation.symbols, equation.numbers, f"{value} {remark}".rstrip()]
        self.steps = [step for step in steps if step]

    def lines(self, name_columns: int, width: int) -> list[str]:
        """In one line where that fits, else each step in lines of its own."""
        start = f"{'':{INDENT}}{self.name:<{name_columns}} = "
        whole = start + " = ".join(self.steps)
        if columns(whole) <= width:
            return [whole]
        room = width - len(start)
        result: list[str] = []
        for step in self.steps:
            first, *more = break_formula(step, room - 2)
            lead = start if not result else f"{'= ':>{len(start)}}"
            result += [lead + first, *(f"{'':{len(start) + 2}}{line}" for line in more)]
        return result


def break_formula(text: str, room: int) -> list[str]:
    """The formula in lines of so many columns, broken before operators: before + and − where
    that will do, else before · and / too; never inside a number."""
    lines = [""]
    for term in _TERMS.split(text):
        pieces = [term] if columns(term.lstrip()) <= room else _FACTORS.split(term)
        for piece in pieces:
            if lines[-1] and columns(lines[-1] + piece) > room:
                lines.append(piece.lstrip())
            else:
                lines[-1] += piece
    return lines


def merge_axes(found: Iterable[tuple[str, Equation]]) -> list[Equation]:
    """Equations that say the same of several axes as one: ``H_out = W_out``.

    Each comes with the letter of its axis, H or W; equations without one have ``""``.
    """
    result: list[tuple[str, Equation]] = []
    for axis, equation in found:
        for place, (other, earlier) in enumerate(result):
            if axis and other and _generic(axis, equation) == _generic(other, earlier):
                name = f"{earlier.name} = {equation.name}"
                result[place] = other, earlier._replace(name=name)
                break
        else:
            result.append((axis, equation))
    return [equation for _, equation in result]


def _generic(axis: str, equation: Equation) -> tuple[str, str, int]:
    letter = rf"\b{axis}\b|\b{axis}(?=_)|(?<=_){axis.lower()}\b"
    symbols = re.sub(letter, "*", equation.symbols)
    if symbols == "*":  # H and W as they were: nothing to tell together
        symbols = equation.symbols
    return symbols, equation.numbers, equation.value


def prose(text: str, width: int, indent: int = INDENT, hang: int = 0) -> list[str]:
    """A sentence in lines; no number is broken, nor parted from its unit (`TIED`)."""
    lines = wrap(
        text,
        max(20, min(width, MEASURE)),
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hang),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(TIED, " ") for line in lines]
