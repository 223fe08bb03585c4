"""Budgets on the command line: ``--budget "params<=5M"``, ``--max-growth 2%``."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from ..diagnostics import Findings
from ..diagnostics.located import Located
from ..metrics import GROWTH
from .budget import Budget, joined, read_budget
from .limit import LimitError


def options(budgets: Iterable[str] = (), max_growth: Iterable[str] = ()) -> Budget:
    """The budget of a command line. Raises LimitError."""
    return joined([*map(parse_option, budgets), *map(parse_growth_option, max_growth)])


_OPTION = re.compile(
    r"""\s* (?: (?P<kind>blocks?|layers?) \s+ (?P<pattern>[^:]+?) \s*:\s* )?
        (?P<training>training\.)? (?P<metric>[A-Za-z_-]+) \s* (?:\( (?P<settings>[^()]*) \))? \s*
        (?P<limit> [<>=≤≥].* )""",
    re.X,
)


def parse_option(text: str) -> Budget:
    """What ``--budget`` says: ``params<=5M``, ``training_bytes(batch=32) <= 8GiB``,
    ``layers stage4.*: params <= 2M``. Raises LimitError with the first thing that is wrong."""
    match = _OPTION.fullmatch(text)
    if match is None:
        raise LimitError(f"{text!r} is no budget", "for example: params<=5M, peak_bytes<=12MiB")
    limit: Any = match["limit"].strip()
    if re.fullmatch(r"==?\s*\[[\d,\s]*\]", limit):
        limit = [int(size) for size in re.findall(r"\d+", limit)]
    if match["settings"] is not None:
        limit = dict(_settings(match["settings"])) | {"limit": Located(limit)}
    written: Any = {match["metric"]: Located(limit)}
    if match["kind"]:
        kind = match["kind"].rstrip("s") + "s"
        written = {kind: Located({match["pattern"]: Located(written)})}
    elif match["training"]:
        written = {"training": Located(written)}
    findings = Findings()
    budget = read_budget(written, findings)
    for finding in findings:
        raise LimitError(finding.message, finding.hint)
    return budget


def _settings(text: str) -> Iterator[tuple[str, Located]]:
    for part in text.split(","):
        key, _, value = (word.strip() for word in part.partition("="))
        yield key, Located(int(value) if value.isdecimal() and len(value) < 10 else value)


def parse_growth_option(text: str) -> Budget:
    """What ``--max-growth`` says: ``2%``, or ``params=2%``. Raises LimitError."""
    metric, equals, amount = text.rpartition("=")
    written = Located(int(amount) if amount.strip().isdecimal() and len(amount) < 20 else amount)
    findings = Findings()
    growth = Located({metric.strip(): written}) if equals else written
    budget = read_budget({GROWTH: growth}, findings)
    for finding in findings:
        raise LimitError(finding.message, finding.hint)
    return budget
