"""What the modifiers of an entry mean where it stands: when, times, from, name, share."""

from collections.abc import Sequence

from ..diagnostics import did_you_mean
from ..graph import Node
from ..layers import Shape, show_shape
from ..layers.options import show
from .document import Scalar
from .expression import ExpressionError, Template
from .formula import EvaluationError, Formula, Poisoned
from .model import Entry
from .namespace import MAX_LABEL, MAX_NAME, POISONED, Label, Values, is_label
from .scope import Scope

SAME_WEIGHTS = "allowed: the same kinds with weights of the same shapes, in the same order"


def condition(formula: Formula, scope: Scope) -> bool:
    value = formula.evaluate(scope.lookup)
    if not isinstance(value, bool):
        message = f"when is {show(value)}; allowed: true or false"
        raise EvaluationError("bad-value", message, formula.span, "compare it: x > 0")
    return value


def own_label(entry: Entry, scope: Scope) -> str | None:
    """The entry's own name, used up in its namespace."""
    if entry.name is None:
        return None
    node, text = entry.name
    label = computed(node, text, scope)
    if not is_label(label):
        shown = label if len(label) <= MAX_LABEL else f"a text of {len(label):,} characters"
        message = f"{shown!r} cannot be a layer's name"
        hint = "allowed: letters, digits and signs such as _ . - + /, no spaces or brackets"
        hint += f", up to {MAX_LABEL} of them"
        raise EvaluationError("bad-value", message, node.span, hint)
    if len(scope.space.full(label)) > MAX_NAME:
        message = f"with those of its blocks, this name has more than {MAX_NAME:,} characters"
        raise EvaluationError("limit", message, node.span, "shorten the names of the calls")
    if label in ("previous", "input"):
        message = f"{label} cannot be a name: it is a word of the language"
        hint = "in from, previous is the layer before, and input what arrives at the block"
        raise EvaluationError("reserved-name", message, node.span, hint)
    if label in scope.words:
        message = f"the name {label} is that of an input here"
        raise EvaluationError("duplicate-name", message, node.span, f"for example {label}_")
    if not scope.space.take(label):
        if label in scope.space.labels:
            message = f"the name {label} stands twice here"
            hint = "compute a part of it: conv(index + 1)"
        else:
            message = f"the name {scope.space.full(label)} is taken by a layer before this one"
            hint = "choose another; layers without a name are called by their kind"
        raise EvaluationError("duplicate-name", message, node.span, hint)
    return label


def poison_label(entry: Entry, scope: Scope, here: int) -> None:
    """Let the name of an entry that failed stand for poison, so that who reads it is silent."""
    if entry.name is None:
        scope.space.incomplete |= entry.nameless
        return
    try:
        label = entry.name[1].evaluate(scope.lookup)
    except (ExpressionError, Poisoned):
        scope.space.incomplete = True
        return
    if is_label(label):
        scope.space.take(label)
        scope.space.labels.setdefault(label, Label(POISONED, here, here))


def source(node: Scalar, text: Template, scope: Scope) -> Values:
    """What one of the names of ``from`` stands for."""
    name = computed(node, text, scope)
    if name == "previous":
        return scope.arriving
    if name in scope.words:
        return (scope.inputs[scope.words.index(name)],)
    if name == "input" and not scope.words:
        return scope.inputs
    found = scope.space.resolve(name)
    if found is None:
        unknown_source(name, node, scope, "from")
    assert found is not None
    return found.values


def unknown_source(name: str, node: Scalar, scope: Scope, word: str) -> None:
    if scope.space.may_hold(name):
        raise Poisoned
    words = {*scope.space.names(), *(scope.words or ("input",)), "previous"}
    message = f"{word} names {name}, but no layer before this one is called so"
    raise EvaluationError("unknown-from", message, node.span, did_you_mean(name, words))


def share(entry: Entry, scope: Scope, nodes: Sequence[Node], first: int) -> None:
    """Give the nodes made since ``first`` the weights of an earlier entry's nodes."""
    assert entry.share is not None
    node, text = entry.share
    name = computed(node, text, scope)
    found = scope.space.resolve(name)
    if found is None or found.last > first:
        unknown_source(name, node, scope, "share")
        return
    own, owners = nodes[first:], nodes[found.first : found.last]
    for mine, theirs in zip(own, owners, strict=False):
        ours, given = (
            mine.layer.weights(mine.input_shapes),
            theirs.layer.weights(theirs.input_shapes),
        )
        if mine.layer.kind != theirs.layer.kind or ours != given:
            message = (
                f"{mine.name} ({mine.layer.kind}, {weight_shapes(ours)}) cannot share the weights "
                f"of {theirs.name} ({theirs.layer.kind}, {weight_shapes(given)})"
            )
            raise EvaluationError("share-mismatch", message, node.span, SAME_WEIGHTS)
        if ours:
            mine.shares = theirs.index if theirs.shares is None else theirs.shares
    if len(own) != len(owners) and None not in found.values:
        message = f"{len(own)} layers here cannot share the weights of {len(owners)} in {name}"
        raise EvaluationError("share-mismatch", message, node.span, SAME_WEIGHTS)


def weight_shapes(weights: dict[str, Shape]) -> str:
    """``weight [64, 3, 3, 3], bias [64]``, or ``no weights``."""
    return ", ".join(f"{name} {show_shape(s)}" for name, s in weights.items()) or "no weights"


def computed(node: Scalar, text: Template, scope: Scope) -> str:
    try:
        return text.evaluate(scope.lookup)
    except ExpressionError as error:
        raise EvaluationError(error.rule, error.message, node.span, error.hint) from None
