"""Walk a spec: expansion and shape inference in one pass, since ``channels`` may be used.

Each entry takes what arrives (`Values`; None is poison) and gives what goes on. A failed entry
makes one finding and poisons what depends on it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from ..diagnostics import Findings, Related, Span, did_you_mean
from ..graph import Builder, Graph, TooManyLayers, Value
from ..layers import Layer, LayerError, decode, find
from ..layers.options import show
from .document import Scalar
from .expression import ExpressionError, Template
from .formula import EvaluationError, Formula
from .model import Block, Entry, File, Kind
from .namespace import Label, Namespace, Values, is_label
from .scope import POISON, Poisoned, Scope
from .words import MERGES

MAX_ROUNDS = 200_000
MAX_DEPTH = 50
POISONED: Values = (None,)


class LimitReached(Exception):
    """More rounds than any network has."""


class Walk:
    """One walk over one file."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.builder = Builder(findings)
        self.heads: list[tuple[Values, bool]] = []
        self.frozen = self.training = 0
        self.head_number: int | None = None
        self.rounds = 0
        #: Where the walk is, for findings that end it.
        self._place: Entry | None = None
        self._failed: set[tuple[Entry, ...]] = set()
        #: Values whose channels are not on the first axis: where they are, None if nowhere.
        self._moved: dict[Value, int | None] = {}
        self._layers: dict[Any, tuple[Layer | None, list[LayerError]]] = {}

    # -------------------------------------------------------------------------------- the whole

    def run(self, file: File, shape: tuple[int, ...] | None = None) -> Graph | None:
        """The graph of a file, or None with findings. ``shape`` replaces that of the input."""
        scope = Scope({}, file, (), Namespace(), self.channels_of)
        self.evaluate_parameters(file, scope)
        inputs = self.make_inputs(file, scope, shape)
        scope.inputs = scope.arriving = inputs
        scope.words = tuple(name for name in file.inputs if name != "input")
        try:
            values, _ = self.entries(file.entries, scope, inputs)
        except (TooManyLayers, LimitReached, RecursionError) as error:
            message = {
                TooManyLayers: "the network has more than 200,000 layers",
                LimitReached: "the repeats make more than 1,000,000 rounds",
            }.get(type(error), "blocks and groups are nested too deep")
            self.findings.report("limit", message, self._place and self._place.span)
            return None
        self.freeze(file)
        if self.findings.failed or None in values:
            return None
        return self.finish(file, [value for value in values if value is not None])

    def evaluate_parameters(self, file: File, scope: Scope) -> None:
        for name, formula in file.parameters.items():
            try:
                file.values[name] = POISON
                if formula is not None:
                    file.values[name] = formula.evaluate(scope.lookup)
            except EvaluationError as error:
                self.findings.report(error.rule, error.message, error.span, hint=error.hint)
            except Poisoned:
                pass

    def make_inputs(self, file: File, scope: Scope, shape: tuple[int, ...] | None) -> Values:
        values: list[Value | None] = []
        for name, (formula, span) in file.inputs.items():
            try:
                given = formula.evaluate(scope.lookup) if shape is None else list(shape)
            except EvaluationError as error:
                self.findings.report(error.rule, error.message, error.span, hint=error.hint)
                values.append(None)
                continue
            except Poisoned:
                values.append(None)
                continue
            given = [whole(item) for item in given] if isinstance(given, list) else given
            if (
                isinstance(given, list)
                and 1 <= len(given) <= 4
                and all(type(size) is int and 0 < size < 2**31 for size in given)
            ):
                values.append(self.builder.input(name, tuple(given), span))
                continue
            message = f"{name} is {show(given)}; allowed: 1 to 4 whole numbers, 1 or more"
            hint = "channels first: [3, 224, 224] is channels, height, width"
            self.findings.report("bad-value", message, formula.span, hint=hint)
            values.append(None)
        return tuple(values) or POISONED

    def finish(self, file: File, last: list[Value]) -> Graph:
        heads = [value for values, _ in self.heads for value in values if value is not None]
        inference = [
            value for values, training in self.heads if not training
            for value in values if value is not None
        ]  # fmt: skip
        readers = [
            node for node in self.builder.nodes
            if not node.training and any(value in last for value in node.inputs)
        ]  # fmt: skip
        only_heads = bool(readers) and all(node.head is not None for node in readers)
        outputs = inference if inference and only_heads else last
        return self.builder.finish(file.name, outputs, heads)

    def freeze(self, file: File) -> None:
        if not file.freeze:
            return
        from fnmatch import fnmatchcase

        for place, pattern in file.freeze:
            hits = [
                node for node in self.builder.nodes
                if fnmatchcase(node.name, pattern) or node.name.startswith(pattern + ".")
            ]  # fmt: skip
            for node in hits:
                node.frozen = True
            if not hits and not self.findings.failed:
                hint = did_you_mean(pattern, [node.name for node in self.builder.nodes])
                self.findings.report(
                    "freeze-nothing", f"no layer is called {pattern}", place.span, hint=hint
                )

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
        rounds = self.guarded(entry, scope, lambda: self.count(entry.times, scope, "times"))
        if rounds is None:
            return POISONED, True
        there = False
        for index in range(rounds):
            values, present = self.once(entry, scope.inner({"index": index}), values)
            there = there or present
        return values, there

    def once(self, entry: Entry, scope: Scope, values: Values) -> tuple[Values, bool]:
        self.rounds += 1
        self._place = entry
        if self.rounds > 5 * MAX_ROUNDS:
            raise LimitReached
        scope.arriving = values
        result = None
        if not entry.broken:
            result = self.guarded(entry, scope, lambda: self.modified(entry, scope, values))
        if result is None:
            self.poison_label(entry, scope)
            return (values if entry.word == "head" else POISONED), True
        return result

    def guarded(self, entry: Entry, scope: Scope, work: Any) -> Any:
        """What ``work`` gives, or None with one finding for an entry that fails."""
        try:
            return work()
        except EvaluationError as error:
            self.fail(entry, scope, error.rule, error.message, error.span, error.hint)
        except Poisoned:
            pass
        return None

    def modified(self, entry: Entry, scope: Scope, values: Values) -> tuple[Values, bool]:
        if entry.when is not None and not self.condition(entry.when, scope):
            return values, False
        arrived = values
        if entry.sources:
            arrived = tuple(
                v for place, text in entry.sources for v in self.source(place, text, scope)
            )
            scope.arriving = arrived
        label = self.label(entry, scope)
        first = len(self.builder.nodes)
        self.frozen += entry.freeze
        result, there = self.dispatch(entry, scope, arrived, label)
        self.frozen -= entry.freeze
        if entry.share is not None:
            self.share(entry, scope, first)
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
            layer, values, name, where=lambda option: place(entry, option),
            frozen=self.frozen > 0, training=self.training > 0, head=self.head_number,
        )  # fmt: skip
        if len(self.findings) > before:
            self._failed.add(key)
            self.trace_back(scope, before)
        self.follow_channels(layer, values, result)
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
                self.trace_back(scope, before)
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
            names, block.home, values, space, self.channels_of, words=block.inputs,
            site=(*scope.site, entry),
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
            for index in range(self.count(entry.rounds, scope, "times")):
                yield {"index": index}
            return
        if columns.rows is None:
            lists = [self.list_of(formula, scope) for formula in columns.formulas]
            lengths = [len(items) for items in lists]
            if len(set(lengths)) > 1:
                message = "the columns of over have different lengths: " + ", ".join(
                    f"{name} {length}" for name, length in zip(columns.names, lengths, strict=True)
                )
                raise EvaluationError("bad-value", message, entry.span)
            rows: list[Any] = [list(row) for row in zip(*lists, strict=True)]
        else:
            rows = self.list_of(columns.rows, scope)
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

    # ---------------------------------------------------------------------------------- modifiers

    def condition(self, formula: Formula, scope: Scope) -> bool:
        value = formula.evaluate(scope.lookup)
        if not isinstance(value, bool):
            message = f"when is {show(value)}; allowed: true or false"
            raise EvaluationError("bad-value", message, formula.span, "compare it: x > 0")
        return value

    def count(self, formula: Formula | None, scope: Scope, what: str) -> int:
        assert formula is not None
        value = whole(formula.evaluate(scope.lookup))
        if type(value) is not int or not 0 <= value <= MAX_ROUNDS:
            rule = "limit" if type(value) is int and value > 0 else "bad-value"
            message = f"{what} is {show(value)}; allowed: a whole number from 0 to {MAX_ROUNDS:,}"
            raise EvaluationError(rule, message, formula.span)
        return value

    def list_of(self, formula: Formula, scope: Scope) -> list[Any]:
        value = formula.evaluate(scope.lookup)
        if not isinstance(value, list):
            message = f"over is {show(value)}; allowed: a list"
            raise EvaluationError("bad-value", message, formula.span, "times: counts rounds")
        if len(value) > MAX_ROUNDS:
            message = f"over has {len(value)} items; allowed: at most {MAX_ROUNDS:,}"
            raise EvaluationError("limit", message, formula.span)
        return value

    def label(self, entry: Entry, scope: Scope) -> str | None:
        """The entry's own name, used up in its namespace."""
        if entry.name is None:
            return None
        node, text = entry.name
        label = computed(node, text, scope)
        if not is_label(label):
            message = f"{label!r} cannot be a layer's name"
            hint = "allowed: letters, digits and signs such as _ . - + /, no spaces or brackets"
            raise EvaluationError("bad-value", message, node.span, hint)
        if label in ("previous", "input"):
            message = f"{label} cannot be a name: it is a word of the language"
            raise EvaluationError("reserved-name", message, node.span)
        if not scope.space.take(label):
            message = f"the name {label} stands twice here"
            hint = "compute a part of it: conv(index + 1)"
            raise EvaluationError("duplicate-name", message, node.span, hint)
        return label

    def poison_label(self, entry: Entry, scope: Scope) -> None:
        """Let the name of an entry that failed stand for poison, so that who reads it is silent."""
        if entry.name is None:
            return
        try:
            label = entry.name[1].evaluate(scope.lookup)
        except (ExpressionError, Poisoned):
            scope.space.incomplete = True
            return
        scope.space.take(label)
        here = len(self.builder.nodes)
        scope.space.labels.setdefault(label, Label(POISONED, here, here))

    def source(self, node: Scalar, text: Template, scope: Scope) -> Values:
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
            self.unknown_source(name, node, scope, "from")
        assert found is not None
        return found.values

    def unknown_source(self, name: str, node: Scalar, scope: Scope, word: str) -> None:
        if scope.space.may_hold(name):
            raise Poisoned
        words = {*scope.space.names(), *(scope.words or ("input",)), "previous"}
        message = f"{word} names {name}, but no layer before this one is called so"
        raise EvaluationError("unknown-from", message, node.span, did_you_mean(name, words))

    def share(self, entry: Entry, scope: Scope, first: int) -> None:
        """Give the nodes made since ``first`` the weights of an earlier entry's nodes."""
        assert entry.share is not None
        node, text = entry.share
        name = computed(node, text, scope)
        found = scope.space.resolve(name)
        if found is None or found.last > first:
            self.unknown_source(name, node, scope, "share")
            return
        nodes = self.builder.nodes
        own, owners = nodes[first:], nodes[found.first : found.last]
        for mine, theirs in zip(own, owners, strict=False):
            ours = mine.layer.weights(mine.input_shapes)
            if mine.layer.kind != theirs.layer.kind or ours != theirs.layer.weights(
                theirs.input_shapes
            ):
                message = f"{mine.name} cannot share the weights of {theirs.name}: {ours or 'none'} here, {theirs.layer.weights(theirs.input_shapes) or 'none'} there"
                raise EvaluationError("share-mismatch", message, node.span)
            if ours:
                mine.shares = theirs.index if theirs.shares is None else theirs.shares
        if len(own) != len(owners) and None not in found.values:
            message = f"{len(own)} layers here cannot share the weights of {len(owners)} in {name}"
            raise EvaluationError("share-mismatch", message, node.span)

    # ----------------------------------------------------------------------------------- channels

    def channels_of(self, values: Values) -> int:
        """``channels``: the first axis of what arrives. Raises Poisoned, ExpressionError."""
        if not values or values[0] is None:
            raise Poisoned
        value = values[0]
        shape = self.builder.shape(value)
        axis = self._moved.get(value, 0)
        if axis != 0 or not shape:
            message = "channels has no meaning here: the axes were rearranged by permute or reshape"
            hint = "permute back first, or name the number by a parameter"
            raise ExpressionError("evaluation", message, hint)
        return shape[0]

    def follow_channels(self, layer: Layer, values: Values, result: Values) -> None:
        """Keep account of where permute and reshape leave the channels."""
        kind = layer.kind
        if not self._moved and kind not in ("permute", "reshape"):
            return
        axis = self._moved.get(values[0], 0) if values and values[0] is not None else 0
        if kind == "permute" and axis is not None:
            axis = layer.dims.index(axis)  # type: ignore[attr-defined]
        elif kind == "reshape":
            axis = None
        elif kind == "flatten":
            axis = 0
        for value in result:
            if value is not None and axis != 0:
                self._moved[value] = axis

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
            self.trace_back(scope, before)

    def trace_back(self, scope: Scope, before: int) -> None:
        """Say of a finding that is new by which calls it was reached, the innermost first."""
        if not scope.site or len(self.findings) == before:
            return
        calls = tuple(
            Related(entry.span, f"called as {entry.word} from here") for entry in scope.site[:-4:-1]
        )
        finding = self.findings[-1]
        self.findings[-1] = finding._replace(related=finding.related + calls)


def whole(value: Any) -> Any:
    """A whole float counts as whole."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def choice(value: Any) -> Any:
    """The value of a layer's option: options never hold kinds, so a kind's name is a word."""
    return value.name if isinstance(value, Kind) else value


def computed(node: Scalar, text: Template, scope: Scope) -> str:
    try:
        return text.evaluate(scope.lookup)
    except ExpressionError as error:
        raise EvaluationError(error.rule, error.message, node.span, error.hint) from None


def place(entry: Entry, option: str | None) -> Span:
    """Where an option of an entry is written; the kind's place if it is not."""
    for argument in entry.arguments:
        if argument.key.text == option:
            return argument.formula.span
    return entry.span


def row_span(rows: Formula, index: int) -> Span:
    content = rows.content
    return content[index].span if isinstance(content, list) and index < len(content) else rows.span
