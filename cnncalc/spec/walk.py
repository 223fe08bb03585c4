"""Walk a spec: expansion and shape inference in one pass, since ``channels`` may be used.

Each entry takes what arrives (`Values`; None is poison) and gives what goes on. A failed entry
makes one finding and poisons what depends on it.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ..diagnostics import Findings, Span, did_you_mean
from ..graph import Builder
from ..layers import Layer, LayerError, decode, find
from ..layers.options import show
from .channels import Channels
from .failures import Failures
from .formula import EvaluationError, Poisoned
from .model import Block, Entry, Kind
from .modifiers import condition, own_label, poison_label, share, source
from .namespace import POISONED, Label, Values
from .rounds import count, rounds
from .scope import Scope
from .words import MERGES

MAX_DEPTH = 50
#: Entries walked and rounds of repeats, together: what blocks and repeats multiply to.
MAX_STEPS = 500_000
#: What a call of a block counts beside its entries, as it takes that much longer.
CALL_STEPS = 10
#: From here on, entries that fail no longer get a name each: any name may be one of theirs.
MANY_STEPS = 10_000

T = TypeVar("T")


class TooManySteps(Exception):
    """The walk took more than `MAX_STEPS` steps."""


class Walk:
    """One walk over one file."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.failures = Failures(findings)
        self.builder = Builder(self.failures.fresh)
        self.channels = Channels(self.builder)
        self.heads: list[tuple[Values, bool]] = []
        self.frozen = self.training = 0
        self.head_number: int | None = None
        self.steps = 0
        #: Where the walk is, for findings that end it.
        self.place: Entry | None = None
        #: Blocks whose calls go too deep: what they make is poison from then on.
        self._endless: set[Block] = set()
        self._layers: dict[Any, tuple[Layer | None, list[LayerError]]] = {}

    # ------------------------------------------------------------------------- entries in order

    def entries(
        self, entries: Sequence[Entry], scope: Scope, values: Values
    ) -> tuple[Values, bool]:
        """Walk entries in order; the values, and whether any of the entries was there at all."""
        there = False
        for entry in entries:
            values, present = self.entry(entry, scope, values)
            there = there or present
        return values, there

    def entry(self, entry: Entry, scope: Scope, values: Values) -> tuple[Values, bool]:
        """An entry with its modifiers, in their order: times → when → from → name → options."""
        if entry.times is None:
            return self.once(entry, scope, values)
        scope.arriving = values
        times = self.guarded(entry, scope, lambda: count(entry.times, scope, "times"))
        if times is None:
            return POISONED, True
        there = False
        for index in range(times):
            values, present = self.once(entry, scope.inner({"index": index}), values)
            there = there or present
        return values, there

    def once(self, entry: Entry, scope: Scope, values: Values) -> tuple[Values, bool]:
        self.step(entry)
        scope.arriving = values
        result = None
        if not entry.broken and not self.failures.known(entry, scope):
            result = self.guarded(entry, scope, lambda: self.modified(entry, scope, values))
        if result is None:
            if self.steps < MANY_STEPS:
                poison_label(entry, scope, len(self.builder.nodes))
            else:
                scope.space.incomplete = True
            return (values if entry.word == "head" else POISONED), True
        return result

    def step(self, entry: Entry) -> None:
        self.place = entry
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise TooManySteps

    def guarded(self, entry: Entry, scope: Scope, work: Callable[[], T]) -> T | None:
        """What ``work`` gives, or None with one finding for an entry that fails."""
        try:
            return work()
        except EvaluationError as error:
            self.failures.add(entry, scope, error)
        except Poisoned:
            pass
        return None

    def modified(self, entry: Entry, scope: Scope, values: Values) -> tuple[Values, bool]:
        if entry.when is not None and not condition(entry.when, scope):
            return values, False
        arrived = values
        if entry.sources:
            arrived = tuple(v for place, text in entry.sources for v in source(place, text, scope))
            scope.arriving = arrived
        label = own_label(entry, scope)
        first = len(self.builder.nodes)
        self.frozen += entry.freeze
        try:
            result, there = self.dispatch(entry, scope, arrived, label)
        finally:
            self.frozen -= entry.freeze
        if entry.share is not None:
            share(entry, scope, self.builder.nodes, first)
        if label is not None:
            scope.space.labels[label] = Label(result, first, len(self.builder.nodes))
        if entry.word == "head":
            return values, True
        return result, there

    def dispatch(
        self, entry: Entry, scope: Scope, values: Values, label: str | None
    ) -> tuple[Values, bool]:
        word = entry.word
        if word == "repeat":
            return self.repeat(entry, self.group_scope(entry, scope, label), values)
        if word == "sequential":
            return self.entries(entry.body, self.group_scope(entry, scope, label), values)
        if word == "head":
            return self.head(entry, self.group_scope(entry, scope, label), values), True
        if word in MERGES:
            return self.merge(entry, scope, values, label)
        kind = self.kind(entry, scope)
        if kind.block is not None:
            return self.call(entry, kind.block, scope, values, label), True
        assert kind.layer is not None
        if kind.name == "identity":
            return values, True
        return self.layer(entry, kind.layer, scope, values, label), True

    def kind(self, entry: Entry, scope: Scope) -> Kind:
        """The kind of an entry: what a name in scope holds, else a block, else a layer kind."""
        try:
            held = scope.held(entry.word)
        except KeyError:
            held = None
        if isinstance(held, Kind):
            return held
        kind = scope.kind(entry.word)
        if kind is None:
            message = f"{entry.word} is {show(held)}, and a kind belongs here"
            raise EvaluationError("unknown-kind", message, entry.span)
        return kind

    # ------------------------------------------------------------------------ layers and blocks

    def layer(
        self, entry: Entry, cls: type[Layer], scope: Scope, values: Values, label: str | None
    ) -> Values:
        options = {a.key.text: choice(a.formula.evaluate(scope.lookup)) for a in entry.arguments}
        layer = self.make(entry, cls, options, scope)
        if layer is None:
            return POISONED
        space = scope.space
        name = space.full(label or space.numbered(cls.kind))
        result = self.builder.add(
            layer, values, name,
            span=shown_at(entry, scope), where=lambda option: place(entry, option),
            frozen=self.frozen > 0, training=self.training > 0, head=self.head_number,
        )  # fmt: skip
        if self.failures.fresh:
            self.failures.settle(entry, scope)
        self.channels.follow(layer, values, result)
        return result

    def make(
        self, entry: Entry, cls: type[Layer], options: dict[str, Any], scope: Scope
    ) -> Layer | None:
        """The layer of these options, each made once; None with a finding for each error."""
        try:
            key = (cls, tuple((name, type(value), value) for name, value in options.items()))
            made = self._layers.get(key)
        except TypeError:  # a list
            key, made = None, None
        if made is None:
            made = decode(cls, options)
            if key is not None:
                self._layers[key] = made
        layer, errors = made
        if errors:
            for error in errors:
                self.builder.report(error, place(entry, error.option))
            self.failures.settle(entry, scope)
        return layer

    def call(
        self, entry: Entry, block: Block, scope: Scope, values: Values, label: str | None
    ) -> Values:
        self.steps += CALL_STEPS
        if block.broken or block in self._endless:
            raise Poisoned
        if len(scope.site) >= MAX_DEPTH:
            self._endless.add(block)
            again = any(call.word == entry.word for call in scope.site)
            message = f"calls of blocks are more than {MAX_DEPTH} deep here"
            hint = f"{block.name} calls itself: end it with a when" if again else ""
            raise EvaluationError("recursion", message, entry.span, hint)
        if None in values:  # of poison nobody knows how many would arrive
            values = POISONED * max(1, len(block.inputs))
        if block.inputs and len(block.inputs) != len(values):
            message = (
                f"{block.name} has {len(block.inputs)} inputs, {' and '.join(block.inputs)}; "
                f"{len(values)} arrive here"
            )
            hint = (
                f"choose them with from: [{', '.join(block.inputs)}], by the names they have here"
            )
            raise EvaluationError("input-count", message, entry.span, hint)
        given = {a.key.text: a for a in entry.arguments}
        for name, argument in given.items():
            if name not in block.parameters:
                hint = did_you_mean(name, block.parameters) or f"{block.name} takes no options"
                message = f"{block.name} has no option {name}"
                raise EvaluationError("unknown-option", message, argument.key.span, hint)
        names: dict[str, Any] = {}
        if label is None and block.named_inside:
            label = scope.space.numbered(block.name)
        # A plain chain adds nothing to names.
        space = scope.space.chain() if label is None else scope.space.inside(label, edge=True)
        inner = Scope(
            names, block.home, values, space, self.channels.of, words=block.inputs,
            site=(*scope.site, entry),
            caller=scope.caller if scope.home.library else entry,
        )  # fmt: skip
        for name, default in block.parameters.items():
            if name in given:
                names[name] = given[name].formula.evaluate(scope.lookup)
            elif default is not None:
                names[name] = default.evaluate(inner.lookup)
            else:
                message = f"{block.name} needs {name}"
                raise EvaluationError("missing-option", message, entry.span)
        result, _ = self.entries(block.entries, inner, values)
        return result

    # ------------------------------------------------------------------------------------ groups

    def group_scope(self, entry: Entry, scope: Scope, label: str | None) -> Scope:
        """The scope inside a group: a namespace of its own if it has a name."""
        if label is None:
            return scope
        return scope.inner({}, scope.space.inside(label))

    def repeat(self, entry: Entry, scope: Scope, values: Values) -> tuple[Values, bool]:
        there = False
        for names in rounds(entry, scope):
            self.step(entry)
            values, present = self.entries(entry.body, scope.inner(names), values)
            there = there or present
        return values, there

    def head(self, entry: Entry, scope: Scope, values: Values) -> Values:
        outside, self.head_number = self.head_number, len(self.heads)
        self.heads.append((POISONED, False))  # its number is taken before heads inside it
        number = self.head_number
        self.training += entry.training
        result, _ = self.entries(entry.body, scope, values)
        self.heads[number] = result, self.training > 0
        self.training -= entry.training
        self.head_number = outside
        return result

    def merge(
        self, entry: Entry, scope: Scope, values: Values, label: str | None
    ) -> tuple[Values, bool]:
        if entry.branches is not None:
            present: list[Values] = []
            identity_gone = False
            for branch in entry.branches:
                inner = scope.inner({}, scope.space.branch(branch.name))
                result, there = self.entries(branch.entries, inner, values)
                if there:
                    present.append(result)
                else:
                    identity_gone |= branch.identity
            if not present:
                return values, False
            if len(present) == 1 < len(entry.branches):
                if not identity_gone:
                    message = f"only one branch of {entry.word} is left, so it merges nothing"
                    hint = "a shortcut with nothing in it is written, too: identity"
                    self.findings.report("single-branch", message, entry.span, hint=hint)
                return present[0], True
            values = tuple(value for result in present for value in result)
        cls = find(entry.word)
        assert cls is not None
        return self.layer(entry, cls, scope, values, label), True


def shown_at(entry: Entry, scope: Scope) -> Span:
    """Where a layer's findings are shown: its entry, or the call of the library it is from."""
    return scope.caller.span if scope.home.library and scope.caller else entry.span


def choice(value: Any) -> Any:
    """The value of a layer's option: options never hold kinds, so a kind's name is a word."""
    return value.name if isinstance(value, Kind) else value


def place(entry: Entry, option: str | None) -> Span:
    """Where an option of an entry is written; the kind's place if it is not."""
    for argument in entry.arguments:
        if argument.key.text == option:
            return argument.formula.span
    return entry.span
