"""Expressions: parsed once by Python's own parser, walked once over a whitelist into closures.

Nothing is ever passed to ``eval``; what is not in the tables of `operations` does not exist.
Values are int, float, bool, str, list, or any other object, which is opaque (a layer kind): it
can be handed on and compared, nothing else. Numbers are Python's, so `1_000` and `1e-6` are
numbers, and `010` is none.
"""

import ast
import re
import warnings
from collections.abc import Callable
from functools import lru_cache
from keyword import iskeyword
from typing import Any

from ..diagnostics import did_you_mean
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
    truth,
)

__all__ = ["Expression", "ExpressionError", "Template", "bounded_list", "parse", "template"]

#: Longer or deeper is a mistake, and would be a way to exhaust Python's parser.
MAX_LENGTH = 1_000
MAX_DEPTH = 50

Lookup = Callable[[str], object]
Evaluate = Callable[[Lookup], object]

_WHOLE = re.compile(r"0|[1-9][0-9]{0,99}")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")

#: What people write from other languages, and what it is called here.
_FOREIGN = [
    ("&&", "write `and`"),
    ("||", "write `or`"),
    ("?", "write `a if condition else b`"),
    ("=>", "write `>=`"),
    ("<>", "write `!=`"),
    ("^", "write `**` for a power"),
    ("×", "write `*`"),
    ("·", "write `*`"),
    ("÷", "write `/`"),
    ("−", "this minus sign is typographic; write `-`"),
    ("≤", "write `<=`"),
    ("≥", "write `>=`"),
    ("≠", "write `!=`"),
    ("{", "a value in `{ }` stands on a line of its own; computed parts of names stand in ( )"),
    ("%%", "write `%`"),
    ("++", "write `+ 1`"),
    ("&", "write `and`"),
    ("|", "write `or`"),
    ("~", "write `not`"),
]
_PYTHON_WORDS = {
    "True": "write `true`",
    "False": "write `false`",
    "None": "leave the option out",
}
_UNKNOWN_WORDS = {
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
        evaluate = walk.walk(_syntax_tree(text), 0)
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
                raise _unreadable(f"a ) without its ( in {_excerpt(text)}")
            if not depth:
                parts.append(parse(text[start:place]))
                start = place + 1
    if depth:
        raise _unreadable(f"a ( without its ) in {_excerpt(text)}")
    parts.append(text[start:])
    return Template(text, tuple(part for part in parts if part != "") or ("",))


def _excerpt(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"


def _unreadable(message: str, hint: str = "") -> ExpressionError:
    return ExpressionError("expression", message, hint)


def _syntax_tree(text: str) -> ast.expr:
    if not text:
        raise _unreadable("an empty expression")
    if len(text) > MAX_LENGTH:
        raise _unreadable(f"an expression of {len(text):,} characters; allowed: {MAX_LENGTH:,}")
    bare = _QUOTED.sub("''", text)
    # Python would take the rest for a comment, or two lines for one.
    for character in "#\\;\n\r":
        if character in bare:
            raise _unreadable(f"{character!r} has no meaning in an expression: {_excerpt(text)}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise _unreadable(f"{_excerpt(text)} is no expression", _hint(text, bare, error)) from None


def _hint(text: str, bare: str, error: Exception) -> str:
    """What to write instead of what Python's parser does not take."""
    for foreign, hint in _FOREIGN:
        if foreign in bare:
            return hint
    if zeros := re.fullmatch(r"0[0-9_]+", text):
        return f"write {zeros[0].lstrip('0_')}, or quote it if it is meant as text"
    if re.fullmatch(r"[A-Za-z_]\w*:\S.*", bare):
        return "write a space after the colon"
    if re.search(r"(?<![=!<>])=(?!=)", bare):
        return "write `==` to compare"
    if re.search(r"!(?!=)", bare):
        return "write `not`"
    if bare.count("(") != bare.count(")") or bare.count("[") != bare.count("]"):
        return "close what is open: ( and ), [ and ]"
    keyword = next((word for word in re.findall(r"\w+", bare) if _is_foreign_keyword(word)), "")
    if keyword:
        return f"{keyword} is a word of Python and cannot be a name"
    return "quote it if it is meant as text" if isinstance(error, SyntaxError) else ""


def _is_foreign_keyword(word: str) -> bool:
    return iskeyword(word) and word not in ("and", "or", "not", "if", "else", "in", "is")


def _constant(value: object) -> Evaluate:
    return lambda lookup: value


class _Walk:
    """Turns a syntax tree into one closure, and collects the names in it."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def walk(self, node: ast.expr, depth: int) -> Evaluate:
        if depth > MAX_DEPTH:
            raise _unreadable(f"an expression more than {MAX_DEPTH} deep")
        visit = _VISITORS.get(type(node))
        if visit is None:
            raise _unreadable(*_refusal(node))
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
            hint = _UNKNOWN_WORDS.get(name, "")
            if name in FUNCTIONS:
                hint = f"{name} is a function; write {name}( )"
            raise ExpressionError("unknown-name", f"nothing here is called {name}", hint, name)

        return run

    def visit_name(self, node: ast.Name, depth: int) -> Evaluate:
        return self.name(node.id)

    def visit_constant(self, node: ast.Constant, depth: int) -> Evaluate:
        value = node.value
        if isinstance(value, bool) or value is None:
            raise _unreadable(f"{value} is not written so here", _PYTHON_WORDS[str(value)])
        if isinstance(value, int | float):
            return _constant(bounded(value))
        if isinstance(value, str):
            return _constant(value)
        raise _unreadable(f"{ast.unparse(node)} is no number, text, true or false")

    def visit_list(self, node: ast.List, depth: int) -> Evaluate:
        items = [self.walk(item, depth) for item in node.elts]
        return lambda lookup: bounded_list([item(lookup) for item in items])

    def visit_operator(self, node: ast.BinOp, depth: int) -> Evaluate:
        operate = OPERATORS.get(type(node.op))
        if operate is None:
            raise _unreadable(*_refusal(node.op))
        left, right = self.walk(node.left, depth), self.walk(node.right, depth)
        return lambda lookup: operate(left(lookup), right(lookup))

    def visit_unary(self, node: ast.UnaryOp, depth: int) -> Evaluate:
        operand = self.walk(node.operand, depth)
        if isinstance(node.op, ast.USub):
            return lambda lookup: negate(operand(lookup))
        if isinstance(node.op, ast.Not):
            return lambda lookup: not truth(operand(lookup), "not")
        raise _unreadable(*_refusal(node.op))

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
                raise _unreadable(*_refusal(operator))
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
        items, at = self.walk(node.value, depth), self.walk(node.slice, depth)
        return lambda lookup: index(items(lookup), at(lookup))

    def visit_call(self, node: ast.Call, depth: int) -> Evaluate:
        name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
        function = FUNCTIONS.get(name)
        if function is None:
            raise _unreadable(f"{name} is no function", did_you_mean(name, FUNCTIONS))
        if node.keywords:
            raise _unreadable(f"{name} takes values in order, without names for them")
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

_REFUSED: dict[type[ast.AST], tuple[str, str]] = {
    ast.Tuple: ("( , ) is no list", "write [ ] for a list, as in [1, 7]"),
    ast.Slice: ("a part of a list cannot be taken", "pick one value, as in xs[0]"),
    ast.Attribute: ("a dot has no meaning in an expression", ""),
    ast.Is: ("is does not compare", "write `==`"),
    ast.IsNot: ("is not does not compare", "write `!=`"),
    ast.BitXor: ("^ is no operator", "write `**` for a power"),
    ast.BitAnd: ("& is no operator", "write `and`"),
    ast.BitOr: ("| is no operator", "write `or`"),
    ast.Invert: ("~ is no operator", "write `not`"),
    ast.UAdd: ("+ stands between two numbers", "leave it out"),
    ast.LShift: ("<< is no operator", "write `* 2 ** n`"),
    ast.RShift: (">> is no operator", "write `// 2 ** n`"),
    ast.Dict: ("{ } has no meaning in an expression", "write the mapping on lines of its own"),
    ast.Set: ("{ } has no meaning in an expression", "write [ ] for a list"),
}


def _refusal(node: ast.AST) -> tuple[str, str]:
    return _REFUSED.get(
        type(node),
        (
            f"{type(node).__name__} of Python is not part of the language",
            "allowed: numbers, names, + - * / // % **, comparisons, and or not, "
            "a if c else b, in, xs[i], lists, functions",
        ),
    )
