"""The rounds of ``times`` and ``repeat``, and the names of each: its columns and its index."""

from collections.abc import Iterator
from typing import Any

from ..diagnostics import Span
from ..layers.options import show
from .formula import EvaluationError, Formula
from .model import Entry
from .scope import Scope

MAX_ROUNDS = 200_000


def rounds(entry: Entry, scope: Scope) -> Iterator[dict[str, Any]]:
    """The names of each round: the columns and the index."""
    columns = entry.columns
    if columns is None:
        assert entry.rounds is not None
        for index in range(count(entry.rounds, scope, "times")):
            yield {"index": index}
        return
    if columns.rows is None:
        lists = [list_of(formula, scope) for formula in columns.formulas]
        lengths = [len(items) for items in lists]
        if len(set(lengths)) > 1:
            message = "the columns of over have different lengths: " + ", ".join(
                f"{name} {length}" for name, length in zip(columns.names, lengths, strict=True)
            )
            raise EvaluationError("bad-value", message, entry.span)
        rows: list[Any] = [list(row) for row in zip(*lists, strict=True)]
    else:
        rows = list_of(columns.rows, scope)
    for index, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(columns.names):
            assert columns.rows is not None
            message = (
                f"row {index + 1} of over is {show(row)}; allowed: a list of "
                f"{len(columns.names)} values, {', '.join(columns.names)}"
            )
            raise EvaluationError("bad-value", message, row_span(columns.rows, index))
        yield {**dict(zip(columns.names, row, strict=True)), "index": index}


def count(formula: Formula | None, scope: Scope, what: str) -> int:
    assert formula is not None
    value = whole(formula.evaluate(scope.lookup))
    if type(value) is not int or not 0 <= value <= MAX_ROUNDS:
        rule = "limit" if type(value) is int and value > 0 else "bad-value"
        message = f"{what} is {show(value)}; allowed: a whole number from 0 to {MAX_ROUNDS:,}"
        raise EvaluationError(rule, message, formula.span)
    return value


def list_of(formula: Formula, scope: Scope) -> list[Any]:
    value = formula.evaluate(scope.lookup)
    if not isinstance(value, list):
        message = f"over is {show(value)}; allowed: a list"
        raise EvaluationError("bad-value", message, formula.span, "times: counts rounds")
    if len(value) > MAX_ROUNDS:
        message = f"over has {len(value)} items; allowed: at most {MAX_ROUNDS:,}"
        raise EvaluationError("limit", message, formula.span)
    return value


def row_span(rows: Formula, index: int) -> Span:
    content = rows.content
    return content[index].span if isinstance(content, list) and index < len(content) else rows.span


def whole(value: Any) -> Any:
    """A whole float counts as whole."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
