"""Whether a network keeps to its limits: those of its spec's ``expect``, and budgets."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..diagnostics import Findings, Related, Span, did_you_mean
from ..layers import Shape, show_shape
from ..layers.layer import AXES
from ..metrics import METRICS
from .budget import Budget, Limit, OutputLimit
from .limit import Condition, percent, shown
from .measured import Figure, Measured, Part, Setting

#: Exact numbers in ``expect`` have rules of their own.
_EXACT = {"params": "expect-params", "macs": "expect-macs"}


class Subject(NamedTuple):
    """The spec a budget from elsewhere is held against: what findings call it, which is empty for
    limits in the spec itself, and where it starts."""

    name: str = ""
    span: Span | None = None

    @property
    def prefix(self) -> str:
        return f"{self.name}: " if self.name else ""


#: The spec itself.
ITSELF = Subject()


def check_budget(
    budget: Budget, measured: Measured, findings: Findings, subject: Subject = ITSELF
) -> None:
    """Add a finding for each limit that is broken, and for each that limits nothing.

    A finding stands at its limit; at the layer or the spec it is about if that has no place.
    """
    for limit in budget.limits:
        figures = measured.figures(limit.metric, limit.part, limit.setting)
        if not figures:
            _report_nothing(limit.part, limit.span, measured, findings, subject)
        for figure in figures:
            for message, rule in _broken(limit, figure, bool(subject.name)):
                _report(rule, message, limit.span, figure.span, findings, subject)
    for output in budget.outputs:
        outputs = measured.outputs(output.part)
        if not outputs:
            _report_nothing(output.part, output.span, measured, findings, subject)
        for name, shapes, span in outputs:
            if message := _wrong_output(output, name, shapes):
                _report("expect-output", message, output.span, span, findings, subject)


def _report(
    rule: str, message: str, place: Span | None, layer: Span | None, findings: Findings,
    subject: Subject,
) -> None:  # fmt: skip
    related = []
    if place and layer:
        related = [Related(layer, "the layer is made here")]
    elif subject.name and subject.span:
        related = [Related(subject.span, "the spec")]
    place = place or layer or subject.span
    findings.report(rule, subject.prefix + message, place, related=related)


def _report_nothing(
    part: Part, span: Span | None, measured: Measured, findings: Findings, subject: Subject
) -> None:
    what = part.kind.removesuffix("s")
    message = f"{subject.prefix}no {what} is called {part.pattern}: this limits nothing"
    hint = did_you_mean(part.pattern, measured.names(part.kind))
    hint = hint or "see what they are called: cnncalc summarize"
    findings.report("budget-nothing", message, part.span or span or subject.span, hint=hint)


def _broken(limit: Limit, figure: Figure, foreign: bool) -> Iterator[tuple[str, str]]:
    """What is wrong with a number, and the rule it breaks."""
    who = _who(limit.metric, limit.part, figure.name)
    if not figure.numbers:
        yield f"{who} is not known: what arrives there is no image", "budget"
    for condition in limit.conditions:
        axes = _axes(figure.numbers, condition)
        for number, axis in axes.items():
            rule = _EXACT.get(limit.metric, "budget")
            if foreign or figure.name or condition.relation != "==":
                rule = "budget"
            if rule == "budget":
                message = _outside(who, number, axis, condition, limit)
            else:
                bound = condition.bound
                message = f"{who} is {number:,}, and {bound:,} is expected ({number - bound:+,})"
            yield message, rule


def _who(metric: str, part: Part, name: str) -> str:
    if part.kind == "training":
        return f"training.{metric}"
    return f"{metric} of {name}" if name else metric


def _axes(numbers: Sequence[int], condition: Condition) -> dict[int, str]:
    """The numbers that break a condition, each with the axes it is along, if not all of them."""
    broken: dict[int, str] = {}
    for number, axis in zip(numbers, AXES.get(len(numbers), "?" * len(numbers)), strict=True):
        if condition.excess(number):
            broken[number] = broken.get(number, "") + axis
    whole = len(set(numbers)) == 1
    return {
        number: "" if whole else f" along {' and '.join(axes)}" for number, axes in broken.items()
    }


def _outside(who: str, number: int, axis: str, condition: Condition, limit: Limit) -> str:
    """``params is 25,557,032; allowed: <= 5M (5,000,000), so 20,557,032 too many (411.1%)``."""
    unit = METRICS[limit.metric].unit
    excess = condition.excess(number)
    share = percent(excess, condition.bound)
    by = f"{abs(excess):,} {'too many' if excess > 0 else 'too few'}"
    return (
        f"{who}{_at(limit.setting)} is {shown(number, unit)}{axis}; allowed: {condition}, so {by}"
        + (f" ({share})" if share else "")
    )


def _at(setting: Setting) -> str:
    """`` at batch 32, float16``: what differs from what is assumed without saying."""
    said = [f"batch {setting.batch:,}"] if setting.batch != 1 else []
    for value, default in zip(setting[1:], Setting()[1:], strict=True):
        said += [str(value)] if value != default else []
    return f" at {', '.join(said)}" if said else ""


def _wrong_output(limit: OutputLimit, name: str, shapes: tuple[Shape, ...]) -> str:
    """What is wrong with an output; empty if nothing is."""
    found = shapes if limit.several or len(shapes) > 1 else shapes[:1]
    if limit.shapes == found:
        return ""
    is_, expected = (", ".join(map(show_shape, some)) for some in (found, limit.shapes))
    whose = f"the output of {name}" if name else "the output"
    return f"{whose} is {is_}, and {expected} is expected"
