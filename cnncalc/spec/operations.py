"""What expressions can do: the tables of operators, comparisons and functions, and their bounds.

``true`` and ``false`` are no numbers, a text never silently differs from a number, and every
result is bounded before or as soon as it is made.
"""

import ast
import math
from collections.abc import Callable
from operator import eq, ge, gt, le, lt, ne

#: The largest whole number has so many bits; the largest list so many values, at any depth.
MAX_BITS = 4_096
MAX_VALUES = 100_000

_LIMIT = 1 << MAX_BITS

Number = int | float


class ExpressionError(Exception):
    """An expression that cannot be read, or has no value.

    ``rule`` is ``expression``, ``evaluation`` or ``unknown-name``; in the last case ``name`` is
    the name. ``hint`` says what to write instead, where that is known.
    """

    def __init__(self, rule: str, message: str, hint: str = "", name: str | None = None) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message
        self.hint = hint
        self.name = name


def failure(message: str, hint: str = "") -> ExpressionError:
    """The error of an expression that can be read but has no value."""
    return ExpressionError("evaluation", message, hint)


def describe(value: object) -> str:
    """A value in a message, never long."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        bits = value.bit_length()
        return str(value) if bits <= 200 else f"a number of {bits:,} bits"
    if isinstance(value, float):
        return str(value)
    if isinstance(value, str):
        return f'the text "{value}"' if len(value) <= 60 else "a long text"
    if isinstance(value, list):
        return f"a list of {len(value):,}"
    return "a layer kind"


def category(value: object) -> str:
    """What sort of value this is; only values of one sort can be compared."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a text"
    return "a list" if isinstance(value, list) else "a layer kind"


def number(value: object, doing: str) -> Number:
    """The value, which has to be a number."""
    if type(value) is int or type(value) is float:
        return value
    hint = "true and false are no numbers: use `1 if … else 0`" if isinstance(value, bool) else ""
    if isinstance(value, str):
        hint = "quoted is text; write the number without quotes"
    raise failure(f"{doing} takes numbers, not {describe(value)}", hint)


def whole(value: object, doing: str) -> int:
    """The value, which has to be a whole number; a whole float counts as whole."""
    plain = number(value, doing)
    if isinstance(plain, float):
        if not plain.is_integer():
            raise failure(f"{doing} takes a whole number, not {plain}")
        return int(plain)
    return plain


def truth(value: object, doing: str) -> bool:
    """The value, which has to be true or false."""
    if value is True or value is False:
        return value
    hint = "compare it, as in `n > 0`" if category(value) == "a number" else ""
    raise failure(f"{doing} takes true or false, not {describe(value)}", hint)


def bounded(value: Number) -> Number:
    """The number, unless it is too large or not finite."""
    if type(value) is int:
        if -_LIMIT < value < _LIMIT:
            return value
        raise failure(f"a number of more than {MAX_BITS:,} bits")
    if not math.isfinite(value):
        raise failure("a number too large for floating point")
    return value


def bounded_list(items: list[object]) -> list[object]:
    """The list, unless it holds over `MAX_VALUES` values, those of lists within counted.

    Lists of lists of one and the same list would else grow without end, in few lines.
    """
    count = len(items)
    inner = [item for item in items if isinstance(item, list)]
    while inner and count <= MAX_VALUES:
        nested = inner.pop()
        count += len(nested)
        inner.extend(item for item in nested if isinstance(item, list))
    if count > MAX_VALUES:
        raise failure(f"a list of more than {MAX_VALUES:,} values")
    return items


def index(items: object, at: object) -> object:
    """``items[at]``, counted from 0; negative from the end, as in Python."""
    if not isinstance(items, list):
        raise failure(f"[ ] picks from a list, not from {describe(items)}")
    place = whole(at, "[ ]")
    if not -len(items) <= place < len(items):
        last = f"0 to {len(items) - 1}" if items else "none, the list is empty"
        raise failure(f"index {describe(place)} is out of range; allowed: {last}")
    return items[place]


def part(items: object, first: object, end: object) -> list[object]:
    """``items[first:end]``, without the end; a missing bound is that of the list, as in Python."""
    if not isinstance(items, list):
        raise failure(f"[ : ] takes a part of a list, not of {describe(items)}")
    bounds = (bound if bound is None else whole(bound, "[ : ]") for bound in (first, end))
    return items[slice(*bounds)]


def negate(value: object) -> Number:
    return -number(value, "-")


def _divisor(value: Number) -> Number:
    if value == 0:
        raise failure("division by zero")
    return value


def _power(base: Number, exponent: Number) -> Number:
    if base == 0 and exponent < 0:
        raise failure("division by zero")
    if isinstance(base, int) and isinstance(exponent, int) and exponent >= 0:
        # The result has at least (bits − 1)·exponent bits: refused before it is computed.
        if abs(base) > 1 and (base.bit_length() - 1) * exponent > MAX_BITS:
            raise failure(f"a number of more than {MAX_BITS:,} bits")
        result: object = base**exponent
    else:
        result = base**exponent
    if isinstance(result, complex):
        raise failure(f"{base} ** {exponent} is no real number")
    assert isinstance(result, int | float)
    return result


_ARITHMETIC: dict[type[ast.operator], tuple[str, Callable[[Number, Number], Number]]] = {
    ast.Add: ("+", lambda a, b: a + b),
    ast.Sub: ("-", lambda a, b: a - b),
    ast.Mult: ("*", lambda a, b: a * b),
    ast.Div: ("/", lambda a, b: a / _divisor(b)),
    ast.FloorDiv: ("//", lambda a, b: a // _divisor(b)),
    ast.Mod: ("%", lambda a, b: a % _divisor(b)),
    ast.Pow: ("**", _power),
}


def _operator(
    symbol: str, operate: Callable[[Number, Number], Number]
) -> Callable[[object, object], Number]:
    def run(left: object, right: object) -> Number:
        try:
            if type(left) is int and type(right) is int:
                result = operate(left, right)
                if type(result) is int and -_LIMIT < result < _LIMIT:
                    return result
                return bounded(result)
            return bounded(operate(number(left, symbol), number(right, symbol)))
        except OverflowError:
            raise failure("a number too large for floating point") from None

    return run


def _equality(
    symbol: str, compare: Callable[[object, object], bool]
) -> Callable[[object, object], bool]:
    def run(left: object, right: object) -> bool:
        if type(left) is not type(right) and category(left) != category(right):
            hint = ""
            if {category(left), category(right)} == {"a number", "a text"}:
                hint = "quoted is text, unquoted a number: quote both or none"
            raise failure(
                f"{symbol} compares {describe(left)} with {describe(right)}, "
                "which can never be equal",
                hint,
            )
        return compare(left, right)

    return run


def _ordering(
    symbol: str, compare: Callable[[Number, Number], bool]
) -> Callable[[object, object], bool]:
    def run(left: object, right: object) -> bool:
        return compare(number(left, symbol), number(right, symbol))

    return run


def _member(item: object, items: object) -> bool:
    if not isinstance(items, list):
        raise failure(f"in looks into a list, not into {describe(items)}")
    sort = category(item)
    alike = [other for other in items if category(other) == sort]
    if items and not alike:
        raise failure(f"{describe(item)} can never be in a list that holds {category(items[0])}")
    return item in alike


#: What each operator of Python's syntax tree does here.
OPERATORS = {node: _operator(*row) for node, row in _ARITHMETIC.items()}
COMPARISONS: dict[type[ast.cmpop], Callable[[object, object], bool]] = {
    ast.Eq: _equality("==", eq),
    ast.NotEq: _equality("!=", ne),
    ast.Lt: _ordering("<", lt),
    ast.LtE: _ordering("<=", le),
    ast.Gt: _ordering(">", gt),
    ast.GtE: _ordering(">=", ge),
    ast.In: _member,
    ast.NotIn: lambda item, items: not _member(item, items),
}


def make_divisible(x: Number, divisor: int = 8) -> int:
    """``x`` rounded to a multiple of ``divisor``, never by more than 10 % down.

    As in torchvision (``models/_utils.py``), which has it from the MobileNet reference code.
    """
    if divisor < 1:
        raise failure(f"make_divisible by {divisor}; allowed: 1 or more")
    rounded = max(divisor, int(x + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * x else rounded


def _spread(name: str, values: tuple[object, ...]) -> list[Number]:
    """The numbers of ``min(a, b, …)`` or ``min(list)``."""
    items = values[0] if len(values) == 1 and isinstance(values[0], list) else list(values)
    assert isinstance(items, list)
    if not items:
        raise failure(f"{name} of an empty list")
    return [number(item, name) for item in items]


def _list(name: str, value: object) -> list[object]:
    if isinstance(value, list):
        return value
    raise failure(f"{name} takes a list, not {describe(value)}")


#: Every function: the fewest and most arguments, and what it does.
_FUNCTIONS: dict[str, tuple[int, int, Callable[..., Number]]] = {
    "min": (1, MAX_VALUES, lambda *values: min(_spread("min", values))),
    "max": (1, MAX_VALUES, lambda *values: max(_spread("max", values))),
    "abs": (1, 1, lambda x: abs(number(x, "abs"))),
    "ceil": (1, 1, lambda x: math.ceil(number(x, "ceil"))),
    "floor": (1, 1, lambda x: math.floor(number(x, "floor"))),
    "round": (1, 1, lambda x: round(number(x, "round"))),
    "len": (1, 1, lambda items: len(_list("len", items))),
    "sum": (1, 1, lambda items: sum(number(item, "sum") for item in _list("sum", items))),
    "make_divisible": (
        1,
        2,
        lambda x, divisor=8: make_divisible(
            number(x, "make_divisible"), whole(divisor, "make_divisible")
        ),
    ),
}


def _function(
    name: str, least: int, most: int, compute: Callable[..., Number]
) -> Callable[..., Number]:
    def run(*arguments: object) -> Number:
        if not least <= len(arguments) <= most:
            allowed = str(least) if least == most else f"{least} or {most}"
            if most == MAX_VALUES:
                allowed = f"{least} or more"
            raise ExpressionError(
                "expression", f"{name} with {len(arguments)} values; allowed: {allowed}"
            )
        try:
            return bounded(compute(*arguments))
        except OverflowError:
            raise failure("a number too large for floating point") from None

    return run


FUNCTIONS = {name: _function(name, *row) for name, row in _FUNCTIONS.items()}
