"""Expressions: their values, their bounds, and what is said of those that are none."""

import contextlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cnncalc.spec.expression import ExpressionError, bounded_list, parse, template

RELU, IDENTITY = object(), object()
SCOPE = {
    "n": 7,
    "width": 64,
    "ratio": 0.25,
    "depths": [3, 4, 6, 3],
    "row": "4a",
    "se": True,
    "empty": [],
    "relu": RELU,
    "identity": IDENTITY,
    "huge": 2**4_000,
}


def value(text: str):
    return parse(text).evaluate(SCOPE.__getitem__)


def error(text: str) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        value(text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("3", 3),
        ("0", 0),
        ("-3", -3),
        ("1_000", 1000),
        ("1e-6", 1e-6),
        (".5", 0.5),
        ("width", 64),
        (" width\n", 64),
        ("4 * width", 256),
        ("width - n", 57),
        ("width / 2", 32.0),
        ("width // 3", 21),
        ("-n // 2", -4),
        ("n % 4", 3),
        ("2 ** n", 128),
        ("2 ** -1", 0.5),
        ("-2 ** 2", -4),
        ("(n + 1) * 2", 16),
        ("7.5 // 2", 3.0),
        ("true", True),
        ("false", False),
        ("not se", False),
        ("se and n > 3", True),
        ("n > 9 or se", True),
        ("false and 1 / 0 == 0", False),
        ("true or 1 / 0 == 0", True),
        ("1 < n <= 7", True),
        ("1 < n < 7", False),
        ("n != 7", False),
        ("n == 7.0", True),
        ('row == "4a"', True),
        ("row == '4b'", False),
        ("se == true", True),
        ("relu == relu", True),
        ("relu != identity", True),
        ("depths == [3, 4, 6, 3]", True),
        ("n in [1, 7]", True),
        ("n not in [1, 7]", False),
        ("n in empty", False),
        ('row in ["3a", "4a"]', True),
        ("2 if n > 3 else 1", 2),
        ("1 / 0 if n > 9 else 1", 1),
        ("depths[0]", 3),
        ("depths[1:3]", [4, 6]),
        ("sum(depths[:2])", 7),
        ("depths[-1:]", [3]),
        ("depths[:0]", []),
        ("len(depths[:])", 4),
        ("depths[n - 4]", 3),
        ("depths[-2]", 6),
        ("depths[4 / 2]", 6),
        ("[n, ratio]", [7, 0.25]),
        ("[]", []),
        ('"a b"', "a b"),
        ("relu", RELU),
        ("relu if se else identity", RELU),
        ("min(n, 3)", 3),
        ("max(depths)", 6),
        ("max(1, 2.5)", 2.5),
        ("abs(-n)", 7),
        ("ceil(25 * 2.2)", 56),
        ("floor(2.9)", 2),
        ("round(2.5)", 2),
        ("round(3.5)", 4),
        ("len(depths)", 4),
        ("sum(depths)", 16),
        ("sum([])", 0),
        # torchvision.models._utils._make_divisible
        ("make_divisible(16 * 0.75)", 16),
        ("make_divisible(3)", 8),
        ("make_divisible(17)", 16),
        ("make_divisible(19)", 24),
        ("make_divisible(100)", 104),
        ("make_divisible(10, 4)", 12),
        ("make_divisible(32 * 1.4)", 48),
    ],
)
def test_values(text, result):
    assert value(text) == result
    assert type(value(text)) is type(result)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("3", set()),
        ("width", {"width"}),
        ("2 if stage > 1 and index == 0 else 1", {"stage", "index"}),
        ("max(a, b[c])", {"a", "b", "c"}),
        ("true", set()),
        ('row == "x"', {"row"}),
    ],
)
def test_names_are_those_that_need_a_value(text, names):
    assert parse(text).names == names


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("010", "write 10"),
        ("1:30", "quote it"),
        ("out:64", "a space after the colon"),
        ("a && b", "`and`"),
        ("a || b", "`or`"),
        ("a & b", "`and`"),
        ("a | b", "`or`"),
        ("!se", "`not`"),
        ("~se", "`not`"),
        ("n ^ 2", "`**`"),
        ("a ? b : c", "`a if condition else b`"),
        ("n = 3", "`==`"),
        ("n => 3", "`>=`"),
        ("n <> 3", "`!=`"),
        ("n is 3", "`==`"),
        ("3 × n", "`*`"),
        ("n − 1", "`-`"),
        ("(1, 7)", "[1, 7]"),
        ("max(8, n", "close"),
        ("depths[0", "close"),
        ("conv{n}", "( )"),
        ("True", "`true`"),
        ("False", "`false`"),
        ("None", "leave the option out"),
        ("class", "word of Python"),
        ("depths[0:2:1]", "xs[first:end]"),
        ("+n", "leave it out"),
        ("mx(3)", "max"),
        ("two words", "quote it"),
    ],
)
def test_what_is_no_expression_gets_the_right_word(text, hint):
    failure = error(text)
    assert failure.rule == "expression"
    assert hint in failure.hint


@pytest.mark.parametrize(
    "text",
    [
        "", "()", "n.real", "n.__class__", "__import__('os')", "(lambda: 3)()", "eval('3')",
        "[x for x in depths]", "f'{n}'", "b'x'", "3j", "min(*depths)", "max(a=3)", "(n := 3)",
        "await n", "{1: 2}", "{1, 2}", "...", "3 # x", "3 \\\n + 4", "n; n", "n @ n", "n << 2",
        "min()", "len(1, 2)", "depths[0]()", "1if", "\0", "\ud800", "a" + ".b" * 480 + "()",
        "1" * 1_001, "-" * 999 + "1", "(" * 400 + "1" + ")" * 400, "1" + "+1" * 400,
        "[" * 90 + "]" * 90, "not " * 200 + "se",
    ],
)  # fmt: skip
def test_nothing_else_is_an_expression(text):
    assert error(text).rule == "expression"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 / 0", "division by zero"),
        ("1 // 0", "division by zero"),
        ("n % 0.0", "division by zero"),
        ("0 ** -1", "division by zero"),
        ("9 ** 9 ** 9", "4,096 bits"),
        ("2 ** 100000", "4,096 bits"),
        ("2 ** 4096", "4,096 bits"),
        ("huge * huge", "4,096 bits"),
        ("huge / 3", "too large"),
        ("huge * 1.5", "too large"),
        ("make_divisible(huge)", "too large"),
        ("1e308 * 10", "too large"),
        ("10.0 ** 400", "too large"),
        ("1e308 // 1e-308", "too large"),
        ("(0 - 8) ** 0.5", "no real number"),
        ("true + 1", "takes numbers, not true"),
        ("-se", "takes numbers"),
        ("row * 1000", "takes numbers"),
        ("depths * 2", "takes numbers"),
        ("depths + [1]", "takes numbers"),
        ("relu + 1", "a layer kind"),
        ('row < "5a"', "takes numbers"),
        ("row == 4", "never be equal"),
        ("se == 1", "never be equal"),
        ("relu == 1", "never be equal"),
        ("row in [4]", "can never be in"),
        ("n in row", "looks into a list"),
        ("not n", "takes true or false"),
        ("n and se", "takes true or false"),
        ("1 if n else 2", "takes true or false"),
        ("depths[4]", "0 to 3"),
        ("depths[-5]", "0 to 3"),
        ("empty[0]", "empty"),
        ("depths[0.5]", "whole number"),
        ("depths[:0.5]", "whole number"),
        ("n[1:]", "part of a list"),
        ("row[0]", "picks from a list"),
        ("max(empty)", "empty"),
        ("max(row, 3)", "takes numbers"),
        ("sum(3)", "takes a list"),
        ("len(row)", "takes a list"),
        ("make_divisible(3, 0)", "1 or more"),
    ],
)
def test_what_has_no_value_says_why(text, message):
    failure = error(text)
    assert failure.rule == "evaluation"
    assert message in failure.message


def test_the_largest_numbers_are_still_numbers():
    assert value("2 ** 4095 + (2 ** 4095 - 1)") == 2**4096 - 1
    assert value("(0 - 1) ** 99999999999") == -1
    assert value("0 ** 99999999999") == 0


@pytest.mark.parametrize(
    ("text", "name", "hint"),
    [
        ("widht", "widht", ""),
        ("4 * widht", "widht", ""),
        ("on", "on", "`true`"),
        ("no", "no", "`false`"),
        ("null", "null", "leave the option out"),
        ("min", "min", "function"),
        ("make_divisible + 1", "make_divisible", "function"),
    ],
)
def test_an_unknown_name_is_named(text, name, hint):
    failure = error(text)
    assert (failure.rule, failure.name) == ("unknown-name", name)
    assert hint in failure.hint


def test_other_exceptions_of_the_lookup_pass_through():
    class Poison(Exception):
        pass

    def lookup(name):
        raise Poison

    with pytest.raises(Poison):
        parse("max(3, 4 * width)").evaluate(lookup)


def test_the_same_text_is_read_once():
    assert parse("4 * width + 1") is parse("4 * width + 1")
    assert template("conv(n)") is template("conv(n)")


def test_lists_of_lists_cannot_grow_without_end():
    items: list[object] = [1, 1]
    for _ in range(14):
        items = bounded_list([items, items])
    with pytest.raises(ExpressionError, match="100,000 values"):
        bounded_list([items, items])
    scope: dict[str, object] = {"xs": [1] * 60_000}
    assert parse("[1, xs]").evaluate(scope.__getitem__) == [1, scope["xs"]]
    with pytest.raises(ExpressionError, match="100,000 values"):
        parse("[xs, xs]").evaluate(scope.__getitem__)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("conv", "conv"),
        ("", ""),
        ("conv(n)", "conv7"),
        ("conv(n)_(depths[(0)] + 1)", "conv7_4"),
        ("inception_(row)", "inception_4a"),
        ("x(width / 2)", "x32"),
        ("x(ratio)", "x0.25"),
        ("(')')x", ")x"),
        ('(row == "(" and se)', None),
        ("block(n).(n + 1)", "block7.8"),
    ],
)
def test_names_are_computed_in_parentheses(text, result):
    if result is None:
        with pytest.raises(ExpressionError, match="in a name stands"):
            template(text).evaluate(SCOPE.__getitem__)
    else:
        assert template(text).evaluate(SCOPE.__getitem__) == result


def test_a_computed_name_knows_its_names():
    assert template("conv(stage)_(index + 1)").names == {"stage", "index"}


@pytest.mark.parametrize("text", ["a(b", "a)b", "a()", "a(1 +)", "a(se)", "a(depths)", "a(relu)"])
def test_names_that_cannot_be_computed(text):
    with pytest.raises(ExpressionError):
        template(text).evaluate(SCOPE.__getitem__)


_WORDS = st.sampled_from(
    [*"+-*/%()[],<>=!&|^~?:#'\".0123456789 \\\n…", *SCOPE, "**", "//", "==", " in ", " if ", "max(",
     " else ", " and ", " or ", " not ", "round(", "sum(", "make_divisible(", "true", "1e308"]
)  # fmt: skip


@given(st.one_of(st.text(), st.lists(_WORDS, max_size=20).map("".join)))
@settings(max_examples=500, deadline=None)
@example("9**9**9**9")
@example("1if 2else 3")
@example('"\\d"')
@example("0x")
def test_any_text_has_a_value_or_an_error(text):
    for read in (parse, template):
        with contextlib.suppress(ExpressionError):
            read(text).evaluate(SCOPE.__getitem__)
