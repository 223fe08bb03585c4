"""Read the entries of a list of layers, and find what can be found before anything is evaluated."""

from collections.abc import Mapping as Mappable

from ..diagnostics import Findings, did_you_mean
from ..layers import Layer, LayerError, find, kinds, options
from ..layers.options import convert
from .document import Broken, Mapping, Node, Scalar, Sequence
from .expression_fixes import unquoted
from .model import Argument, Block, Branch, Columns, Entry
from .namespace import is_label
from .spelling import respelt
from .values import Names, ValueReader, is_empty, nothing
from .words import GROUPS, MERGES, MODIFIERS

#: What a name in a list may stand for, by its depth: a number or a list.
_FILLS = ((1, 1), ([1, 1], 1), (1, [1, 1]), ([1, 1], [1, 1]))
_REPEAT_KEYS = ("times", "over", "columns", "layers")


class EntryReader(ValueReader):
    """Reads entries in the scope of one file, whose blocks are known already."""

    def __init__(self, findings: Findings, blocks: Mappable[str, Block]) -> None:
        super().__init__(findings, blocks)
        #: Set while a block is read: whether it has names, branches or heads inside.
        self.named_inside = False
        #: Whether blocks could not be read, so that any unknown word may be one of them.
        self.blocks_lost = False

    def entries(self, node: Node, names: Names, *, what: str = "layers") -> tuple[Entry, ...]:
        """A list of entries. ``names``: parameters and columns that are in scope."""
        if not isinstance(node, Sequence):
            hint = "write one entry on each line, each after a dash"
            self.structure(node, f"{what} is a list of entries", hint)
            return ()
        if not node.items:
            self.structure(node, f"{what} has no entries", "the identity is written: identity")
        return tuple(self.entry(item, names) for item in node.items)

    def entry(self, node: Node, names: Names) -> Entry:
        """One entry: a kind, or a mapping of a kind to its options, with modifiers.

        One that cannot be read is `Entry.broken`: it poisons what follows it.
        """
        entry = Entry(node, nothing(node))
        entry.broken = True
        if isinstance(node, Broken):
            return entry
        if isinstance(node, Sequence):
            hint = (
                "a single dash is enough; the branches of a merge are a mapping of names to lists"
            )
            self.structure(node, "an entry is a kind, or a kind with its options, not a list", hint)
            return entry
        if isinstance(node, Scalar):
            if node.quoted or not node.text:
                fix = unquoted(node) if node.text.isidentifier() else None
                self.structure(node, "an entry is the plain name of a kind", "write: - relu", fix)
                return entry
            entry = Entry(node, node)
            self.kind(entry, nothing(node), names)
            return entry
        assert isinstance(node, Mapping)
        own = [(key, value) for key, value in node.pairs if key.text not in MODIFIERS]
        entry = Entry(node, own[0][0] if own else nothing(node))
        names = self.modifiers(entry, node, names)
        if len(own) == 1:
            self.kind(entry, own[0][1], names)
        else:
            entry.broken = True
            self.not_one_kind(node, own)
        return entry

    def modifiers(self, entry: Entry, node: Mapping, names: Names) -> Names:
        """Read the modifiers of an entry; the names that are in scope for what follows them."""
        given = {key.text: (key, value) for key, value in node.pairs if key.text in MODIFIERS}
        if "times" in given:
            entry.times = self.value(*given["times"], names, entry)
            names |= {"index"}
        if "when" in given:
            entry.when = self.value(*given["when"], names, entry)
        if "from" in given:
            entry.sources = self.sources(given["from"][1], names)
            entry.broken |= not entry.sources
        if "name" in given:
            self.named_inside = True
            entry.name = self.text(given["name"][1], names)
            entry.nameless = entry.name is None
            entry.broken |= entry.nameless
        if "share" in given:
            entry.share = self.text(given["share"][1], names)
            entry.broken |= entry.share is None
        for flag in ("freeze", "training"):
            if flag in given:
                setattr(entry, flag, self.flag(*given[flag]))
        if entry.training and entry.word not in ("head", ""):
            self.structure(
                given["training"][0], "only a head may be for training only",
                "write head: with the entries inside, and training: true beside it",
            )  # fmt: skip
        return names

    def not_one_kind(self, node: Mapping, own: list[tuple[Scalar, Node]]) -> None:
        if not own:
            self.structure(
                node, "this entry has modifiers but no kind",
                "name the kind first, with a colon even without options: relu:",
            )  # fmt: skip
            return
        first, second = own[0][0], own[1][0]
        known = find(first.text)
        hint = (
            f"{second.text} is an option of {first.text}: write it inside its options, "
            f"{first.text}: {{{second.text}: …}}, or on lines of their own, indented deeper"
            if known and second.text in options(known)
            else "start the second with a dash of its own; modifiers are " + ", ".join(MODIFIERS)
        )
        fix = None
        if known and len(own) == 2 and not find(second.text):
            given = {key.text for key, _ in node.pairs}
            fix = respelt(second.text, second.span, {*MODIFIERS} - given)
        message = f"one entry has one kind; here are {first.text} and {second.text}"
        self.structure(second, message, hint, fix)

    # ------------------------------------------------------------------ what an entry is made of

    def kind(self, entry: Entry, value: Node, names: Names) -> None:
        """Read what stands behind the kind, by what the kind is."""
        word = entry.word
        if word == "repeat":
            self.repeat(entry, value, names)
        elif word in ("sequential", "head"):
            self.named_inside |= word == "head"
            entry.body = self.entries(value, names, what=word)
            entry.broken = not entry.body
        elif word in MERGES:
            self.merge(entry, value, names)
        else:
            self.call(entry, value, names)

    def call(self, entry: Entry, value: Node, names: Names) -> None:
        """A layer or a block with its options."""
        word = entry.word
        if isinstance(value, Mapping):
            entry.arguments = self.arguments(value, names, entry)
        elif not is_empty(value):
            self.wrong_options(entry, value)
        if word in names:
            return  # it may hold a kind: known when it is evaluated
        given = {argument.key.text: argument.key for argument in entry.arguments}
        if word in self.blocks:
            known: dict[str, bool] = {
                name: default is None for name, default in self.blocks[word].parameters.items()
            }
        elif layer := find(word):
            known = {name: option.required for name, option in options(layer).items()}
        else:
            entry.broken = True
            if not self.blocks_lost:
                hint = did_you_mean(word, {*self.blocks, *kinds(), *GROUPS})
                hint = hint or "see the kinds with: cnncalc explain"
                message = f"there is no kind {word}"
                fix = respelt(word, entry.span, {*names, *self.blocks, *kinds(), *GROUPS})
                self.findings.report("unknown-kind", message, entry.span, hint=hint, fix=fix)
            return
        for name, key in given.items():
            if name not in known:
                message = f"{word} has no option {name}"
                hint = did_you_mean(name, known) or f"{word} takes no options"
                fix = respelt(name, key.span, known.keys() - given)
                self.findings.report("unknown-option", message, key.span, hint=hint, fix=fix)
                entry.broken = True
        if word not in self.blocks:
            self.literals(entry)
        missing = [name for name, required in known.items() if required and name not in given]
        if missing and not entry.broken:
            message = f"{word} needs {' and '.join(missing)}"
            self.findings.report("missing-option", message, entry.span, hint=example(find(word)))
            entry.broken = True

    def literals(self, entry: Entry) -> None:
        """Find the values of a layer's options that are wrong whatever any name stands for."""
        layer = find(entry.word)
        known = options(layer) if layer else {}
        for key, formula in entry.arguments:
            if layer is None or key.text not in known or formula.literal() is None:
                continue
            error = None
            for fill in _FILLS:
                try:
                    convert(known[key.text], formula.literal(fill), layer.spatial)
                    break
                except LayerError as wrong:
                    error = error or wrong
            else:
                assert error is not None
                fix = unquoted(formula.node) if error.hint.startswith("quoted") else None
                self.findings.report(
                    error.rule, error.message, formula.span, hint=error.hint, fix=fix
                )
                entry.broken = True

    def wrong_options(self, entry: Entry, value: Node) -> None:
        entry.broken = True
        layer = find(entry.word)
        hint = example(layer) if layer else "write the options as {name: value, …}"
        self.structure(value, f"the options of {entry.word} are a mapping of names to values", hint)

    def arguments(self, value: Mapping, names: Names, entry: Entry) -> tuple[Argument, ...]:
        read = []
        for key, node in value.pairs:
            argument = self.value(key, node, names, entry)
            if argument is not None:
                read.append(Argument(key, argument))
        return tuple(read)

    def merge(self, entry: Entry, value: Node, names: Names) -> None:
        self.named_inside = True
        if is_empty(value):
            return
        if not isinstance(value, Mapping):
            entry.broken = True
            self.structure(
                value, f"the branches of {entry.word} are a mapping of names to lists of entries",
                "give each branch a name: residual: on a line, and its entries below it; without "
                f"branches write {{{entry.word}, from: [a, b]}}",
            )  # fmt: skip
            return
        layer = find(entry.word)
        own = options(layer) if layer else {}
        branches = []
        for key, node in value.pairs:
            if key.text in own and isinstance(node, Scalar) and not find(node.text):
                argument = self.value(key, node, names, entry)
                entry.arguments += (Argument(key, argument),) if argument else ()
                continue
            branch = self.branch(key, node, names)
            if branch is None:
                entry.broken = True
            else:
                branches.append(branch)
        self.literals(entry)
        entry.branches = tuple(branches) if branches or entry.broken else None

    def branch(self, key: Scalar, node: Node, names: Names) -> Branch | None:
        if not is_label(key.text):
            self.structure(key, f"{key.text!r} cannot be a branch's name", "for example: shortcut")
            return None
        if is_empty(node) or (isinstance(node, Sequence) and not node.items):
            message = f"the branch {key.text} has no entries"
            hint = f"the identity is written: {key.text}: identity"
            self.findings.report("empty-branch", message, key.span, hint=hint)
            return None
        if isinstance(node, Sequence):
            entries = self.entries(node, names)
        else:
            entries = (self.entry(node, names),)
        return Branch(key.text, entries, all(entry.word == "identity" for entry in entries))

    def repeat(self, entry: Entry, value: Node, names: Names) -> None:
        if not isinstance(value, Mapping):
            self.wrong_options(entry, value)
            return
        given = {key.text: (key, node) for key, node in value.pairs}
        for name, (key, _) in given.items():
            if name not in _REPEAT_KEYS:
                hint = did_you_mean(name, _REPEAT_KEYS)
                fix = respelt(name, key.span, {*_REPEAT_KEYS} - given.keys())
                message = f"repeat has no key {name}"
                self.findings.report("unknown-key", message, key.span, hint=hint, fix=fix)
                entry.broken = True
        inner = names | {"index"}
        if ("times" in given) == ("over" in given):
            self.structure(
                entry.key, "repeat needs either times or over", "times: 3, or over: {a: list}"
            )
            entry.broken = True
        elif "times" in given:
            entry.rounds = self.value(*given["times"], names, entry)
            if "columns" in given:
                hint = "write over: and rows of values, or leave columns out"
                message = "columns name the values of over, not of times"
                self.structure(given["columns"][0], message, hint)
                entry.broken = True
        else:
            entry.columns = self.columns(given, names, entry)
            inner |= frozenset(entry.columns.names)
        if "layers" not in given:
            hint = "layers: and below it one entry on each line, after a dash"
            self.findings.report("missing-key", "repeat needs layers", entry.span, hint=hint)
            entry.broken = True
        else:
            entry.body = self.entries(given["layers"][1], inner)
            entry.broken |= not entry.body

    def columns(self, given: dict[str, tuple[Scalar, Node]], names: Names, entry: Entry) -> Columns:
        """The columns of ``over``, also if their values cannot be read: the names are known."""
        key, over = given["over"]
        if "columns" in given:
            words = self.words(given["columns"][1])
            rows = self.value(key, over, names, entry)
            entry.broken |= not words
            return Columns(words, (), rows)
        if not isinstance(over, Mapping) or not over.pairs:
            entry.broken = True
            self.structure(
                over, "over is a mapping of column names to lists",
                "write over: {width: [64, 128]}, or columns: [a, b] beside it for a table of rows",
            )  # fmt: skip
            return Columns((), (), None)
        formulas = []
        for name, node in over.pairs:
            self.check_name(name)
            formulas.append(self.value(name, node, names, entry))
        known = tuple(item for item in formulas if item is not None)
        return Columns(tuple(name.text for name, _ in over.pairs), known, None)


def example(layer: type[Layer] | None) -> str:
    """How a kind is written, as a hint."""
    return f"for example: {layer.example}" if layer and layer.example else ""
