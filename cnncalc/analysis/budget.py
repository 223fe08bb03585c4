"""Budgets as data: what ``expect`` of a spec, a configuration and ``--budget`` say alike.

Read from `Located` values, whoever wrote them, so that they mean the same everywhere.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Any, Literal, NamedTuple, TypeVar

from ..diagnostics import Findings, Span, did_you_mean
from ..diagnostics.located import Located
from ..layers import Shape
from ..metrics import GROWABLE, GROWING, GROWTH, METRICS, PartKind, Unit, allowed_keys, meant
from .limit import Allowance, Condition, LimitError, parse_growth, parse_limit
from .measured import Part, Setting
from .summary import DTYPES, OPTIMIZERS

T = TypeVar("T")


class Limit(NamedTuple):
    """What a number must be; ``span`` is where the limit stands, None on the command line."""

    metric: str
    conditions: tuple[Condition, ...]
    part: Part
    setting: Setting = Setting()
    span: Span | None = None


class OutputLimit(NamedTuple):
    """The shape, or the shapes, that an output must have."""

    shapes: tuple[Shape, ...]
    #: Whether a list of shapes is given, one for each output.
    several: bool
    part: Part
    span: Span | None = None


class GrowthLimit(NamedTuple):
    """How much a metric of the network may grow against a baseline."""

    metric: str
    allowance: Allowance
    span: Span | None = None


class Budget(NamedTuple):
    """All limits that come from one place."""

    limits: tuple[Limit, ...] = ()
    outputs: tuple[OutputLimit, ...] = ()
    growth: tuple[GrowthLimit, ...] = ()

    def __bool__(self) -> bool:
        return any(self[:])


def joined(budgets: Iterable[Budget]) -> Budget:
    """The limits of several budgets, all of which hold."""
    parts = list(zip(*budgets, strict=True))
    return Budget(*(tuple(chain.from_iterable(part)) for part in parts))


def read_budget(written: Mapping[str, Located], findings: Findings) -> Budget:
    """The budget that keys and values say; findings for what means nothing."""
    reader = _Reader(findings)
    reader.part(written, Part("network"))
    return Budget(tuple(reader.limits), tuple(reader.outputs), tuple(reader.growth))


class _Reader:
    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.limits: list[Limit] = []
        self.outputs: list[OutputLimit] = []
        self.growth: list[GrowthLimit] = []

    def part(self, written: Mapping[str, Located], part: Part) -> None:
        """What is said of one part."""
        for key, item in written.items():
            if key == "output" and part.kind in ("network", "layers"):
                self.output(item, part)
            elif part.kind == "network" and key == "training":
                self.part(self.mapping(item, key), Part("training", span=item.place))
            elif part.kind == "network" and key in ("blocks", "layers"):
                for pattern, below in self.mapping(item, key).items():
                    kind: PartKind = "blocks" if key == "blocks" else "layers"
                    self.part(self.mapping(below, pattern), Part(kind, pattern, below.place))
            elif part.kind == "network" and key == GROWTH:
                self.growths(item)
            elif key in METRICS and part.kind in METRICS[key].parts:
                self.limit(key, item, part)
            else:
                self.unknown(key, item, part.kind)

    def unknown(self, key: str, item: Located, kind: PartKind | Literal["growth"]) -> None:
        what = {
            "network": "a budget", "training": "training", "blocks": "a block", "layers": "a layer",
            "growth": GROWTH,
        }[kind]  # fmt: skip
        allowed = GROWABLE if kind == "growth" else allowed_keys(kind)
        hint = meant(key, allowed) or did_you_mean(key, allowed)
        message = f"{what} has no {key}"
        self.findings.report("unknown-key", message, item.place, hint=hint)

    def limit(self, metric: str, item: Located, part: Part) -> None:
        """``"<= 5M"``, or ``{batch: 32, limit: "<= 8 GiB"}``."""
        setting = Setting()
        if isinstance(item.value, dict):
            settings = {key: value for key, value in item.value.items() if key != "limit"}
            if "limit" not in item.value:
                message = f"{metric} has no limit"
                hint = f'for example: {metric}: {{batch: 32, limit: "<= 8 GiB"}}'
                self.findings.report("missing-key", message, item.place, hint=hint)
                return
            known = self.setting(metric, settings)
            item = item.value["limit"]
            if known is None:
                return
            setting = known
        conditions = self.parsed(parse_limit, metric, item)
        if conditions is not None:
            self.limits.append(Limit(metric, conditions, part, setting, item.span))

    def setting(self, metric: str, written: Mapping[str, Located]) -> Setting | None:
        values: dict[str, Any] = {}
        allowed = METRICS[metric].settings
        for key, item in written.items():
            value = item.plain()
            if key not in allowed:
                message = f"{metric} does not depend on {key}"
                if key not in Setting._fields:
                    message = f"a limit has no {key}"
                hint = did_you_mean(key, (*allowed, "limit"))
                self.findings.report("unknown-key", message, item.place, hint=hint)
            elif key == "batch" and (type(value) is not int or not 1 <= value <= 10**6):
                message = f"batch is {value!r}; allowed: a whole number, 1 to 1,000,000"
                self.findings.report("bad-value", message, item.span)
            elif key != "batch" and value not in (choices := choices_of(key, metric)):
                message = f"{key} is {value!r}; allowed: {', '.join(choices)}"
                self.findings.report("bad-value", message, item.span)
            else:
                values[key] = value
        return Setting(**values) if len(values) == len(written) else None

    def growths(self, item: Located) -> None:
        """``max-growth: "2%"``, or ``max-growth: {params: "2%", macs: 0}``."""
        by_metric = dict.fromkeys(GROWING, item)
        if isinstance(item.value, dict):
            by_metric = item.value
        for metric, written in by_metric.items():
            if metric not in GROWABLE:
                self.unknown(metric, written, "growth")
                continue
            allowance = self.parsed(parse_growth, metric, written)
            if allowance is None:
                return
            self.growth.append(GrowthLimit(metric, allowance, written.span))

    def parsed(self, parse: Callable[[Any, Unit], T], metric: str, item: Located) -> T | None:
        try:
            return parse(item.plain(), METRICS[metric].unit)
        except LimitError as error:
            message = f"{metric}: {error.message}"
            self.findings.report("bad-value", message, item.span, hint=error.hint)
            return None

    def output(self, item: Located, part: Part) -> None:
        wanted = item.plain()
        several = isinstance(wanted, list) and bool(wanted) and isinstance(wanted[0], list)
        shapes = wanted if several else [wanted]
        if all(isinstance(s, list) and all(type(size) is int for size in s) for s in shapes):
            limit = OutputLimit(tuple(map(tuple, shapes)), several, part, item.span)
            self.outputs.append(limit)
        else:
            message = "output is no shape; allowed: [channels, height, width], or a list of shapes"
            self.findings.report("bad-value", message, item.span)

    def mapping(self, item: Located, what: str) -> Mapping[str, Located]:
        if isinstance(item.value, dict):
            return item.value
        message = f"{what} is a mapping of numbers to their limits"
        hint = 'for example: params: "<= 5M"'
        self.findings.report("structure", message, item.span, hint=hint)
        return {}


def choices_of(setting: str, metric: str) -> list[str]:
    """The dtypes or the optimizers that a metric can be asked for."""
    if setting == "optimizer":
        return list(OPTIMIZERS)
    trained = metric in ("saved_bytes", "training_bytes")
    return [dtype for dtype in DTYPES if not (trained and dtype == "int8")]
