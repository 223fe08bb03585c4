"""Growth against a baseline: how much more a network costs than it did, and which layers do."""

from collections.abc import Sequence

from ..diagnostics import Findings, Related, Span
from ..metrics import METRICS
from .budget import GrowthLimit
from .contracts import Subject
from .difference import Change, Side, difference
from .limit import percent, shown
from .measured import total
from .summary import DTYPES

#: Layers that are named; more are counted.
MOST_NAMED = 5
_PARAMS, _VALUES, _BYTES = (
    ("params", "params"),
    ("memory_bytes", "values"),
    ("memory_bytes", "bytes"),
)
#: Which number of a layer tells why a metric of the network grew, and what it counts; where not
#: the metric itself.
_FIGURES = {
    "weights": _PARAMS, "biases": _PARAMS, "frozen": _PARAMS, "buffers": _PARAMS,
    "params_bytes": _PARAMS, "training_bytes": _PARAMS, "activations": _VALUES,
    "activations_bytes": _BYTES, "peak_bytes": _BYTES, "saved_bytes": _BYTES,
    "macs": ("macs", "MACs"), "flops": ("flops", "FLOPs"),
}  # fmt: skip


def check_growth(
    limits: Sequence[tuple[GrowthLimit, Subject]], before: Side, after: Side, findings: Findings
) -> None:
    """Add a finding for each metric that grew too much, with the layers that did.

    ``before.spec`` is how the baseline is called: ``vgg16.yaml@main``.
    """
    changes: Sequence[Change] | None = None
    spans = {node.name: node.span for node in after.graph.nodes}
    for limit, subject in limits:
        old, new = (total(limit.metric, side.summary.totals) or 0 for side in (before, after))
        if new - old <= limit.allowance.most(old):
            continue
        if changes is None:
            changes = difference(before, after).changes
        share = percent(new - old, old)
        by = f"{new - old:,} ({share})" if share else f"{new - old:,}"
        message = (
            f"{subject.prefix}{limit.metric} grew by {by}, from {old:,} to "
            f"{shown(new, METRICS[limit.metric].unit)}; allowed: {_allowed(limit, old)}"
        )
        layers, related = _layers(changes, limit.metric, spans)
        if subject.name and subject.span:
            related.insert(0, Related(subject.span, "the spec"))
        hint = f"compared with {before.spec}{layers}"
        findings.report("growth", message, limit.span or subject.span, hint=hint, related=related)


def _allowed(limit: GrowthLimit, before: int) -> str:
    most = limit.allowance.most(before)
    if not most:
        return "no growth"
    text = limit.allowance.text
    return f"{text} ({most:,})" if text != f"{most:,}" else text


def _layers(
    changes: Sequence[Change], metric: str, spans: dict[str, Span | None]
) -> tuple[str, list[Related]]:
    """The layers that made a metric grow, the largest first: how many, and where."""
    field, what = _FIGURES.get(metric, (metric, metric))
    more = sorted((c for c in changes if c.delta(field) > 0), key=lambda c: -c.delta(field))
    unit = DTYPES["float32"] if what == "values" else 1
    related, unplaced = list[Related](), list[str]()
    for change in more[:MOST_NAMED]:
        old = getattr(change.before, field) // unit if change.before else None
        text = f"{change.name}: {change.delta(field) // unit:+,} {what}"
        text += ", new" if old is None else f", {old:,} before"
        span = spans.get(change.name)
        if span is None:
            unplaced.append(text)
        else:
            related.append(Related(span, text))
    if not more:
        return "", []
    count = f"; {len(more):,} layer{'s' * (len(more) != 1)} grew"
    count += ", most of all:" if len(more) > MOST_NAMED else ":"
    return "\n".join([count, *unplaced]), related
