"""The syntax of expressions: Python's, with a hint where people write another language's.

An expression that cannot be read is an ExpressionError with the right word in its hint.
"""

import ast
import re
import warnings
from keyword import iskeyword

from .operations import ExpressionError

#: Longer is a mistake, and would be a way to exhaust Python's parser.
MAX_LENGTH = 1_000

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
PYTHON_WORDS = {
    "True": "write `true`",
    "False": "write `false`",
    "None": "leave the option out",
}


def excerpt(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"


def unreadable(message: str, hint: str = "") -> ExpressionError:
    return ExpressionError("expression", message, hint)


def syntax_tree(text: str) -> ast.expr:
    if not text:
        raise unreadable("an empty expression")
    if len(text) > MAX_LENGTH:
        raise unreadable(f"an expression of {len(text):,} characters; allowed: {MAX_LENGTH:,}")
    bare = _QUOTED.sub("''", text)
    # Python would take the rest for a comment, or two lines for one.
    for character in "#\\;\n\r":
        if character in bare:
            raise unreadable(f"{character!r} has no meaning in an expression: {excerpt(text)}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise unreadable(f"{excerpt(text)} is no expression", _hint(text, bare, error)) from None


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


_REFUSED: dict[type[ast.AST], tuple[str, str]] = {
    ast.Tuple: ("( , ) is no list", "write [ ] for a list, as in [1, 7]"),
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


def refusal(node: ast.AST) -> tuple[str, str]:
    return _REFUSED.get(
        type(node),
        (
            f"{type(node).__name__} of Python is not part of the language",
            "allowed: numbers, names, + - * / // % **, comparisons, and or not, "
            "a if c else b, in, xs[i], lists, functions",
        ),
    )
