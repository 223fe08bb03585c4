"""A `Summary` as text, in many formats. Pure functions; each format is imported when asked for."""

from collections.abc import Sequence

from ..analysis.summary import Summary
from ..diagnostics import did_you_mean
from .error import ReportError

__all__ = ["FORMATS", "ReportError", "render"]

#: The formats, and what each is for.
FORMATS = {
    "table": "for a terminal",
    "plain": "aligned text, for pipes and logs",
    "markdown": "a table for GitHub and friends",
    "csv": "for spreadsheets: one line per layer, whole numbers without separators",
    "json": "everything, for programs (docs/json.md)",
    "latex": "a booktabs table",
    "html": "for notebooks",
}


def render(
    summary: Summary,
    format: str = "plain",  # noqa: A002 - the word of the command line
    *,
    width: int | None = None,
    columns: Sequence[str] | None = None,
    depth: int | None = None,
    formulas: bool = False,
    color: bool = False,
) -> str:
    """The summary in one of `FORMATS`, ending in a newline.

    ``width``: columns of the terminal, for table only; None never leaves a column out.
    ``columns``: keys of the columns to show. ``depth``: fold blocks whose names share so many
    segments. ``formulas``: the lecture's view, each row with its arithmetic. ``color``: with
    ANSI colours, for table only. Raises ReportError for what cannot be.
    """
    if format not in FORMATS:
        hint = did_you_mean(format, FORMATS)
        raise ReportError(f"there is no format {format}", hint)
    if formulas:
        if format not in ("table", "plain") or columns is not None or depth is not None:
            raise ReportError(
                "formulas are text with a row for each layer",
                "leave out columns and depth; formats: table, plain",
            )
        from . import formulas as lecture

        return lecture.render(summary)
    match format:
        case "table":
            from . import table

            return table.render(summary, columns, depth, width, color)
        case "plain":
            from . import plain

            return plain.render(summary, columns, depth)
        case "markdown":
            from . import markdown

            return markdown.render(summary, columns, depth)
        case "csv":
            from . import csv

            return csv.render(summary, columns, depth)
        case "latex":
            from . import latex

            return latex.render(summary, columns, depth)
        case "html":
            from . import html

            return html.render(summary, columns, depth)
        case _:
            from . import json

            if columns is not None or depth is not None:
                raise ReportError("json has every layer and number", "leave out columns and depth")
            return json.render(summary)
