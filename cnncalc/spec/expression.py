"""Expressions: parsed once by Python's own parser, walked once over a whitelist into closures.

Nothing is ever passed to ``eval``; what is not in the tables of `operations` does not exist.
Values are int, float, bool, str, list, or any other object, which is opaque (a layer kind): it
can be handed on and compared, nothing else. Numbers are Python's, so `1_000` and `1e-6` are
numbers, and `010` is none.
"""

import ast
import re
from collections.abc import Callable
from functools import lru_cache
from keyword import iskeyword
from typing import Any

from ..diagnostics import did_you_mean
from .expression_syntax import (
    PYTHON_WORDS,
    excerpt,
    refusal,
    syntax_tree,
    unreadable,
)
from .operations import (
    COMPARISONS,
    FUNCTIONS,
    OPERATORS,
    ExpressionError,
    bounded,
    bounded_list,
    describe,
    index,
    negate,
    part,
    truth,
)

__all__ = ["Expression", "ExpressionError", "Template", "bounded_list", "parse", "template"]

MAX_DEPTH = 50

Lookup = Callable[[str], object]
Evaluate = Callable[[Lookup], object]

_WHOLE = re.compile(r"0|[1-9][0-9]{0,99}")

UNKNOWN_WORDS = {
    **dict.fromkeys(
        ["on", "yes", "On", "Yes", "ON", "YES", "TRUE"], "it is a name here; write `true`"
    ),
    **dict.fromkeys(
        ["off", "no", "Off", "No", "OFF", "NO", "FALSE"], "it is a name here; write `false`"
    ),
    **dict.fromkeys(["null", "none", "nil", "Null", "NULL"], "leave the option out"),
    **dict.fromkeys(["inf", "nan"], "numbers are finite here"),
}


class Expression:
    """A parsed expression. ``names`` are the names it needs a value for.

    ``evaluate(lookup)`` is its value; ``lookup`` gives the value of a name and raises KeyError
    for one it does not know, which becomes an ExpressionError; any other exception of its own
    passes through. Raises ExpressionError.
    """

    __slots__ = ("evaluate", "names", "text")

    def __init__(self, text: str, names: frozenset[str], evaluate: Evaluate) -> None:
        self.text = text
        self.names = names
        self.evaluate = evaluate

    def __repr__(self) -> str:
        return f"<expression {self.text}>"


class Template:
    """A text with computed parts in parentheses: ``conv(stage)_(index + 1)``.

    ``names`` are the names it needs a value for.
    """

    __slots__ = ("names", "parts", "text")

    def __init__(self, text: str, parts: tuple[str | Expression, ...]) -> None:
        self.text = text
        self.parts = parts
        self.names: frozenset[str] = frozenset().union(
            *(part.names for part in parts if isinstance(part, Expression))
        )

    def evaluate(self, lookup: Lookup) -> str:
        """The text with its parts computed. Raises ExpressionError, and what lookup raises."""
        if len(self.parts) == 1 and isinstance(self.parts[0], str):
            return self.parts[0]
        return "".join(
            part if isinstance(part, str) else _in_name(part, part.evaluate(lookup))
            for part in self.parts
        )


def _in_name(part: Expression, value: object) -> str:
    if isinstance(value, str):
        return value
    if type(value) is int or type(value) is float:
        return str(int(value)) if value == int(value) else str(value)
    raise ExpressionError(
        "evaluation",
        f"({part.text}) is {describe(value)}; in a name stands a number or a text",
    )


@lru_cache(maxsize=65_536)
def parse(text: str) -> Expression:
    """Read an expression; the same text is read once. Raises ExpressionError."""
    text = text.strip()
    if _WHOLE.fullmatch(text):
        return Expression(text, frozenset(), _constant(int(text)))
    walk = _Walk()
    if text.isidentifier() and not iskeyword(text):
        evaluate = walk.name(text)
    else:
        evaluate = walk.walk(syntax_tree(text), 0)
    return Expression(text, frozenset(walk.names), evaluate)


@lru_cache(maxsize=65_536)
def template(text: str) -> Template:
    """Read a text with computed parts; the same text is read once. Raises ExpressionError."""
    parts: list[str | Expression] = []
    depth = start = 0
    quote = ""
    for place, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif depth and character in "\"'":
            quote = character
        elif character == "(":
            if not depth:
                parts.append(text[start:place])
                start = place + 1
            depth += 1
        elif character == ")":
            depth -= 1
            if depth < 0:
                raise unreadable(f"a ) without its ( in {excerpt(text)}")
            if not depth:
                parts.append(parse(text[start:place]))
                start = place + 1
    if depth:
        raise unreadable(f"a ( without its ) in {excerpt(text)}")
    parts.append(text[start:])
    return Template(text, tuple(part for part in parts if part != "") or ("",))


def _constant(value: object) -> Evaluate:
    return lambda lookup: value


class _Walk:
    """Turns a syntax tree into one closure, and collects the names in it."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def walk(self, node: ast.expr, depth: int) -> Evaluate:
        if depth > MAX_DEPTH:
            raise unreadable(f"an expression more than {MAX_DEPTH} deep")
        visit = _VISITORS.get(type(node))
        if visit is None:
            raise unreadable(*refusal(node))
        return visit(self, node, depth + 1)

    def name(self, name: str) -> Evaluate:
        if name in ("true", "false"):
            return _constant(name == "true")
        self.names.add(name)

        def run(lookup: Lookup) -> object:
            try:
                return lookup(name)
            except KeyError:
                pass
            hint = UNKNOWN_WORDS.get(name, "")
            if name in FUNCTIONS:
                hint = f"{name} is a function; write {name}( )"
            raise ExpressionError("unknown-name", f"nothing here is called {name}", hint, name)

        return run

    def visit_name(self, node: ast.Name, depth: int) -> Evaluate:
        return self.name(node.id)

    def visit_constant(self, node: ast.Constant, depth: int) -> Evaluate:
        value = node.value
        if isinstance(value, bool) or value is None:
            raise unreadable(f"{value} is not written so here", PYTHON_WORDS[str(value)])
        if isinstance(value, int | float):
            return _constant(bounded(value))
        if isinstance(value, str):
            return _constant(value)
        raise unreadable(f"{ast.unparse(node)} is no number, text, true or false")

    def visit_list(self, node: ast.List, depth: int) -> Evaluate:
        items = [self.walk(item, depth) for item in node.elts]
        return lambda lookup: bounded_list([item(lookup) for item in items])

    def visit_operator(self, node: ast.BinOp, depth: int) -> Evaluate:
        operate = OPERATORS.get(type(node.op))
        if operate is None:
            raise unreadable(*refusal(node.op))
        left, right = self.walk(node.left, depth), self.walk(node.right, depth)
        return lambda lookup: operate(left(lookup), right(lookup))

    def visit_unary(self, node: ast.UnaryOp, depth: int) -> Evaluate:
        operand = self.walk(node.operand, depth)
        if isinstance(node.op, ast.USub):
            return lambda lookup: negate(operand(lookup))
        if isinstance(node.op, ast.Not):
            return lambda lookup: not truth(operand(lookup), "not")
        raise unreadable(*refusal(node.op))

    def visit_and_or(self, node: ast.BoolOp, depth: int) -> Evaluate:
        operands = [self.walk(operand, depth) for operand in node.values]
        if isinstance(node.op, ast.And):
            return lambda lookup: all(truth(operand(lookup), "and") for operand in operands)
        return lambda lookup: any(truth(operand(lookup), "or") for operand in operands)

    def visit_choice(self, node: ast.IfExp, depth: int) -> Evaluate:
        then, test, other = (self.walk(n, depth) for n in (node.body, node.test, node.orelse))
        return lambda lookup: (then if truth(test(lookup), "if") else other)(lookup)

    def visit_comparison(self, node: ast.Compare, depth: int) -> Evaluate:
        first = self.walk(node.left, depth)
        links = []
        for operator, operand in zip(node.ops, node.comparators, strict=True):
            compare = COMPARISONS.get(type(operator))
            if compare is None:
                raise unreadable(*refusal(operator))
            links.append((compare, self.walk(operand, depth)))

        def run(lookup: Lookup) -> bool:
            left = first(lookup)
            for compare, operand in links:
                right = operand(lookup)
                if not compare(left, right):
                    return False
                left = right
            return True

        return run

    def visit_index(self, node: ast.Subscript, depth: int) -> Evaluate:
        items = self.walk(node.value, depth)
        if not isinstance(node.slice, ast.Slice):
            at = self.walk(node.slice, depth)
            return lambda lookup: index(items(lookup), at(lookup))
        if node.slice.step is not None:
            raise unreadable("a part of a list has no step", "write xs[first:end]")
        first, end = (
            _constant(None) if bound is None else self.walk(bound, depth)
            for bound in (node.slice.lower, node.slice.upper)
        )
        return lambda lookup: part(items(lookup), first(lookup), end(lookup))

    def visit_call(self, node: ast.Call, depth: int) -> Evaluate:
        if not isinstance(node.func, ast.Name):
            raise unreadable("a call of something that is no function")
        name = node.func.id
        function = FUNCTIONS.get(name)
        if function is None:
            raise unreadable(f"{name} is no function", did_you_mean(name, FUNCTIONS))
        if node.keywords:
            raise unreadable(f"{name} takes values in order, without names for them")
        arguments = [self.walk(argument, depth) for argument in node.args]
        return lambda lookup: function(*[argument(lookup) for argument in arguments])


_VISITORS: dict[type[ast.expr], Callable[[_Walk, Any, int], Evaluate]] = {
    ast.Name: _Walk.visit_name,
    ast.Constant: _Walk.visit_constant,
    ast.List: _Walk.visit_list,
    ast.BinOp: _Walk.visit_operator,
    ast.UnaryOp: _Walk.visit_unary,
    ast.BoolOp: _Walk.visit_and_or,
    ast.IfExp: _Walk.visit_choice,
    ast.Compare: _Walk.visit_comparison,
    ast.Subscript: _Walk.visit_index,
    ast.Call: _Walk.visit_call,
}
