"""Whole numbers that remember how they were made.

A `Traced` is an int, so any layer's arithmetic runs on it unchanged; beside its value it holds
the expression it came from, which can be written with symbols, ``C_in/G``, or with the values
put in, ``64/2``.
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec


class Number(msgspec.Struct, frozen=True):
    """A number that stands in the code itself, or that has no symbol."""

    value: int


class Symbol(msgspec.Struct, frozen=True):
    """A named number. ``definition`` is the expression that made it, where there is one."""

    name: str
    value: int
    definition: "Expression | None" = None


class Operation(msgspec.Struct, frozen=True):
    """``operator`` is one of + - * // ceil % ** neg group; ceil(a, b) is a/b rounded up."""

    operator: str
    operands: tuple["Expression", ...]
    value: int


Expression = Number | Symbol | Operation


def _operator(
    operator: str, calculate: Callable[..., Any], reflected: bool = False
) -> Callable[..., Any]:
    """A method of `Traced`: the operator on the values, and on the expressions."""

    def method(self: int, other: Any) -> Any:
        if not isinstance(other, int):
            return NotImplemented
        left, right = (other, self) if reflected else (self, other)
        value = calculate(int(left), int(right))
        if not isinstance(value, int):  # a negative exponent
            return value
        return Traced(_combine(operator, expression_of(left), expression_of(right), value))

    return method


class Traced(int):
    """An int with the expression that made it. Comparisons are those of plain numbers."""

    expression: Expression

    def __new__(cls, expression: Expression) -> "Traced":
        self = super().__new__(cls, expression.value)
        self.expression = expression
        return self

    __add__ = _operator("+", int.__add__)
    __radd__ = _operator("+", int.__add__, reflected=True)
    __sub__ = _operator("-", int.__sub__)
    __rsub__ = _operator("-", int.__sub__, reflected=True)
    __mul__ = _operator("*", int.__mul__)
    __rmul__ = _operator("*", int.__mul__, reflected=True)
    __floordiv__ = _operator("//", int.__floordiv__)
    __rfloordiv__ = _operator("//", int.__floordiv__, reflected=True)
    __mod__ = _operator("%", int.__mod__)
    __rmod__ = _operator("%", int.__mod__, reflected=True)
    __pow__ = _operator("**", pow)
    __rpow__ = _operator("**", pow, reflected=True)

    def __divmod__(self, other: int) -> tuple[int, int]:
        return self // other, self % other

    def __rdivmod__(self, other: int) -> tuple[int, int]:
        return other // self, other % self

    def __neg__(self) -> "Traced":
        inner = self.expression
        if isinstance(inner, Operation) and inner.operator == "//":  # −(−a // b) rounds a/b up
            above, below = inner.operands
            if isinstance(above, Operation) and above.operator == "neg":
                return Traced(Operation("ceil", (above.operands[0], below), -int(self)))
        return Traced(Operation("neg", (inner,), -int(self)))

    def __pos__(self) -> "Traced":
        return self


def symbol(name: str, value: int) -> Traced:
    """A traced number with a name. A Traced value becomes the definition of that name."""
    definition = value.expression if isinstance(value, Traced) else None
    return Traced(Symbol(name, int(value), definition))


def grouped(value: int) -> Traced:
    """The same number, in parentheses of its own: ``(3·3·3)``·64."""
    return Traced(Operation("group", (expression_of(value),), int(value)))


def expression_of(value: int) -> Expression:
    """The expression of a number, traced or not."""
    return value.expression if isinstance(value, Traced) else Number(int(value))


def _combine(operator: str, left: Expression, right: Expression, value: int) -> Expression:
    """The expression of an operation, less what does nothing: ·1, /1 and + 0."""
    if operator in ("*", "//") and right == Number(1):
        return left
    if operator in ("+", "-") and right == Number(0):
        return left
    if operator == "*" and isinstance(right, Number) and not _is(left, "group"):
        left, right = right, left  # 4·H reads better than H·4
    if (operator, left) in (("*", Number(1)), ("+", Number(0))):
        return right
    if isinstance(left, Operation) and left.operator == "+" and left.operands[1] == right:
        if operator == "-":
            return left.operands[0]
        if operator == "+" and isinstance(right, Symbol):  # W + P + P is W + 2·P
            return Operation("+", (left.operands[0], _twice(right)), value)
    if operator == "//" and _is_rounded_up(left, right):
        return Operation("ceil", (left.operands[0].operands[0], right), value)  # type: ignore[union-attr]
    return Operation(operator, (left, right), value)


def _twice(term: Expression) -> Operation:
    return Operation("*", (Number(2), term), 2 * term.value)


def _is_rounded_up(above: Expression, below: Expression) -> bool:
    """Whether above is (a + below − 1), so that above // below rounds a/below up."""
    if not isinstance(above, Operation) or above.operator != "-":
        return False
    terms, one = above.operands
    return (
        one == Number(1)
        and isinstance(terms, Operation)
        and terms.operator == "+"
        and terms.operands[1] == below
    )


def symbols(expression: Expression) -> Iterator[Symbol]:
    """The symbols in an expression, from left to right, not those in their definitions."""
    if isinstance(expression, Symbol):
        yield expression
    elif isinstance(expression, Operation):
        for operand in expression.operands:
            yield from symbols(operand)


def substitute(expression: Expression, part: Expression, name: Symbol) -> Expression:
    """The expression with a name in place of one of its parts."""
    if expression == part:
        return name
    if not isinstance(expression, Operation):
        return expression
    operands = tuple(substitute(operand, part, name) for operand in expression.operands)
    return Operation(expression.operator, operands, expression.value)


# ------------------------------------------------------------------------------ as text

# How tightly a text holds together, for minimal parentheses.
_MODULO, _SUM, _PRODUCT, _SIGN, _POWER, _ATOM = range(6)


def write(expression: Expression, *, numbers: bool) -> str:
    """The expression as text, with its symbols or with the numbers they stand for.

    A quotient that is rounded is ``floor(a/b)``; where b divides a it is written a/b: always in
    numbers, and in symbols where a is no sum, because then the layer demands that b divides.
    """
    return _write(expression, numbers)[0]


def _write(expression: Expression, numbers: bool) -> tuple[str, int]:
    if isinstance(expression, Symbol) and not numbers:
        return expression.name, _ATOM
    if not isinstance(expression, Operation):
        value = expression.value
        return (f"{value:,}", _ATOM) if value >= 0 else (f"−{-value:,}", _SIGN)

    def part(index: int, level: int, first: bool = False) -> str:
        text, tightness = _write(expression.operands[index], numbers)
        bare = tightness >= level and (first or not text.startswith("−"))
        return text if bare else f"({text})"

    match expression.operator:
        case "+":
            return f"{part(0, _SUM, True)} + {part(1, _SUM)}", _SUM
        case "-":
            return f"{part(0, _SUM, True)} − {part(1, _PRODUCT)}", _SUM
        case "*":
            return f"{part(0, _PRODUCT, True)}·{part(1, _PRODUCT)}", _PRODUCT
        case "%":
            return f"{part(0, _PRODUCT)} mod {part(1, _SIGN)}", _MODULO
        case "**":
            return f"{part(0, _ATOM)}^{part(1, _ATOM)}", _POWER
        case "neg":
            return f"−{part(0, _SIGN)}", _SIGN
        case "group":
            text, tightness = _write(expression.operands[0], numbers)
            return (text if tightness == _ATOM else f"({text})"), _ATOM
    quotient = f"{part(0, _PRODUCT, True)}/{part(1, _SIGN)}"
    above, below = expression.operands
    exact = above.value % below.value == 0
    if exact and (numbers or not _is(above, "+", "-")) and (numbers or expression.operator == "//"):
        return quotient, _PRODUCT
    return f"{'ceil' if expression.operator == 'ceil' else 'floor'}({quotient})", _ATOM


def _is(expression: Expression, *operators: str) -> bool:
    return isinstance(expression, Operation) and expression.operator in operators
