"""A table for a paper, with the rules of the package booktabs."""

from collections.abc import Sequence

from ..analysis.summary import Summary
from . import header
from .grid import UNICODE, grid

_ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "×": r"$\times$",
        "–": "--",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "[": "{[}",  # after the end of a row it would open an option
        **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    }
)


def render(summary: Summary, columns: Sequence[str] | None = None, depth: int | None = None) -> str:
    """A tabular environment; what stands above other tables is in comments."""
    table = grid(summary, UNICODE, columns, depth)
    about = [header.title(summary), *header.lines(summary), r"Needs \usepackage{booktabs}."]
    lines = [f"% {line}" for line in about]
    lines.append(rf"\begin{{tabular}}{{{''.join('rl'[c.left] for c in table.columns)}}}")
    lines += [r"\toprule", _line(table.headings)]
    if any(table.units):
        lines.append(_line(table.units))
    lines += [r"\midrule", *map(_line, table.rows), r"\midrule", *map(_line, table.sums)]
    lines += [r"\bottomrule", r"\end{tabular}"]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return " & ".join(cell.translate(_ESCAPES) for cell in cells) + r" \\"
