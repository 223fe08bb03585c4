"""Walk a spec: expansion and shape inference in one pass, since ``channels`` may be used.

Each entry takes what arrives (`Values`; None is poison) and gives what goes on. A failed entry
makes one finding and poisons what depends on it.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from ..diagnostics import Findings, Related, Span, did_you_mean
from ..graph import Builder
from ..layers import Layer, LayerError, decode, find
from ..layers.options import show
from .channels import Channels
from .formula import EvaluationError, Formula
from .model import Block, Entry, Kind
from .modifiers import (
    MAX_ROUNDS,
    condition,
    count,
    list_of,
    own_label,
    poison_label,
    share,
    source,
)
from .namespace import POISONED, Label, Namespace, Values
from .scope import Poisoned, Scope
from .words import MERGES

MAX_DEPTH = 50

T = TypeVar("T")


class LimitReached(Exception):
    """More rounds than any network has."""


class Walk:
    """One walk over one file."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.builder = Builder(findings)
        self.channels = Channels(self.builder)
        self.heads: list[tuple[Values, bool]] = []
        self.frozen = self.training = 0
        self.head_number: int | None = None
        self.rounds = 0
        #: Where the walk is, for findings that end it.
        self.place: Entry | None = None
        self._failed: set[tuple[Entry, ...]] = set()
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
        rounds = self.guarded(entry, scope, lambda: count(entry.times, scope, "times"))
        if rounds is None:
            return POISONED, True
        there = False
        for index in range(rounds):
            values, present = self.once(entry, scope.inner({"index": index}), values)
            there = there or present
        return values, there

    def once(self, entry: Entry, scope: Scope, values: Values) -> tuple[Values, bool]:
        self.rounds += 1
        self.place = entry
        if self.rounds > 5 * MAX_ROUNDS:
            raise LimitReached
        scope.arriving = values
        result = None
        if not entry.broken:
            result = self.guarded(entry, scope, lambda: self.modified(entry, scope, values))
        if result is None:
            poison_label(entry, scope, len(self.builder.nodes))
            return (values if entry.word == "head" else POISONED), True
        return result

    def guarded(self, entry: Entry, scope: Scope, work: Callable[[], T]) -> T | None:
        """What ``work`` gives, or None with one finding for an entry that fails."""
        try:
            return work()
        except EvaluationError as error:
            self.fail(entry, scope, error.rule, error.message, error.span, error.hint)
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
        before = len(self.findings)
        key = (*scope.site, entry)
        if key in self._failed:
            return POISONED
        result = self.builder.add(
            layer, values, name,
            span=shown_at(entry, scope), where=lambda option: place(entry, option),
            frozen=self.frozen > 0, training=self.training > 0, head=self.head_number,
        )  # fmt: skip
        if len(self.findings) > before:
            self._failed.add(key)
            self.trace_back(entry, scope, before)
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
        if errors and (*scope.site, entry) not in self._failed:
            self._failed.add((*scope.site, entry))
            for error in errors:
                before = len(self.findings)
                self.builder.report(error, place(entry, error.option))
                self.trace_back(entry, scope, before)
        return layer

    def call(
        self, entry: Entry, block: Block, scope: Scope, values: Values, label: str | None
    ) -> Values:
        if len(scope.site) >= MAX_DEPTH:
            message = f"{block.name} calls itself more than {MAX_DEPTH} deep"
            hint = "end it with a when"
            raise EvaluationError("recursion", message, entry.span, hint)
        if block.inputs and len(block.inputs) != len(values):
            message = (
                f"{block.name} has {len(block.inputs)} inputs, {' and '.join(block.inputs)}; "
                f"{len(values)} arrive here"
            )
            raise EvaluationError("input-count", message, entry.span, "from: [a, b]")
        given = {a.key.text: a for a in entry.arguments}
        for name, argument in given.items():
            if name not in block.parameters:
                hint = did_you_mean(name, block.parameters) or f"{block.name} takes no options"
                message = f"{block.name} has no option {name}"
                raise EvaluationError("unknown-option", message, argument.key.span, hint)
        names: dict[str, Any] = {}
        if label is None and block.named_inside:
            label = scope.space.numbered(block.name)
        if label is None:  # a plain chain adds nothing to names
            space = scope.space
        else:
            space = scope.space.spaces[label] = Namespace(scope.space.full(label))
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
        space = scope.space.spaces[label] = Namespace(scope.space.full(label), scope.space)
        return scope.inner({}, space)

    def repeat(self, entry: Entry, scope: Scope, values: Values) -> tuple[Values, bool]:
        there = False
        for names in self.repeat_rounds(entry, scope):
            self.rounds += 1
            if self.rounds > 5 * MAX_ROUNDS:
                raise LimitReached
            values, present = self.entries(entry.body, scope.inner(names), values)
            there = there or present
        return values, there

    def repeat_rounds(self, entry: Entry, scope: Scope) -> Iterator[dict[str, Any]]:
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
                    self.findings.report("single-branch", message, entry.span)
                return present[0], True
            values = tuple(value for result in present for value in result)
        cls = find(entry.word)
        assert cls is not None
        return self.layer(entry, cls, scope, values, label), True

    # ----------------------------------------------------------------------------------- findings

    def fail(
        self, entry: Entry, scope: Scope, rule: str, message: str, span: Span, hint: str = ""
    ) -> None:
        """One finding for an entry that fails, however often it is walked on one way."""
        key = (*scope.site, entry)
        if key not in self._failed:
            self._failed.add(key)
            before = len(self.findings)
            self.findings.report(rule, message, span, hint=hint)
            self.trace_back(entry, scope, before)

    def trace_back(self, entry: Entry, scope: Scope, before: int) -> None:
        """Say of findings that are new by which calls they were reached, the innermost first.

        One inside a library is shown at the call, which is where its reader can mend it.
        """
        for number in range(before, len(self.findings)):
            finding = self.findings[number]
            span, related = finding.span, list(finding.related)
            if scope.home.library and scope.caller is not None:
                inside = span if span and span != scope.caller.span else entry.span
                related.append(Related(inside, f"in the block {scope.site[-1].word}, {entry.word}"))
                span = scope.caller.span
            related += [
                Related(call.span, f"called as {call.word} from here")
                for call in scope.site[:-4:-1]
                if call.span != span
            ]
            self.findings[number] = finding._replace(span=span, related=tuple(related))


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


def row_span(rows: Formula, index: int) -> Span:
    content = rows.content
    return content[index].span if isinstance(content, list) and index < len(content) else rows.span
