"""Read the entries of a list of layers, and find what can be found before anything is evaluated."""

from collections.abc import Mapping as Mappable

from ..diagnostics import Findings, did_you_mean
from ..layers import Layer, find, kinds, options
from .document import Broken, Mapping, Node, Scalar, Sequence
from .expression import ExpressionError, Template, template
from .formula import Formula, formula
from .model import Argument, Block, Branch, Columns, Entry
from .namespace import is_label
from .words import CHOICES, GROUPS, MERGES, MODIFIERS, RESERVED

Names = frozenset[str]


class EntryReader:
    """Reads entries in the scope of one file, whose blocks are known already."""

    def __init__(self, findings: Findings, blocks: Mappable[str, Block]) -> None:
        self.findings = findings
        self.blocks = blocks
        #: Set while a block is read: whether it has names, branches or heads inside.
        self.named_inside = False

    def entries(self, node: Node, names: Names, *, what: str = "layers") -> tuple[Entry, ...]:
        """A list of entries. ``names``: parameters and columns that are in scope."""
        if not isinstance(node, Sequence):
            hint = "write one entry on each line, each after a dash"
            self.structure(node, f"{what} is a list of entries", hint)
            return ()
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
                self.structure(node, "an entry is the plain name of a kind", "write: - relu")
                return entry
            entry = Entry(node, node)
            self.kind(entry, nothing(node), names)
            return entry
        assert isinstance(node, Mapping)
        own = [(key, value) for key, value in node.pairs if key.text not in MODIFIERS]
        if len(own) != 1:
            self.not_one_kind(node, own)
            return entry
        key, value = own[0]
        entry = Entry(node, key)
        modifiers = {key.text: (key, value) for key, value in node.pairs if key.text in MODIFIERS}
        if "times" in modifiers:
            entry.times = self.value(*modifiers["times"], names, entry)
            names |= {"index"}
        if "when" in modifiers:
            entry.when = self.value(*modifiers["when"], names, entry)
        if "from" in modifiers:
            entry.sources = self.sources(modifiers["from"][1], names)
        if "name" in modifiers:
            self.named_inside = True
            entry.name = self.text(modifiers["name"][1], names)
        if "share" in modifiers:
            entry.share = self.text(modifiers["share"][1], names)
        for flag in ("freeze", "training"):
            if flag in modifiers:
                setattr(entry, flag, self.flag(*modifiers[flag]))
        if entry.training and key.text != "head":
            self.structure(
                modifiers["training"][0], "only a head may be for training only",
                "write head: with the entries inside, and training: true beside it",
            )  # fmt: skip
        self.kind(entry, value, names)
        return entry

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
        self.structure(
            second, f"one entry has one kind; here are {first.text} and {second.text}", hint
        )

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
            words = {*self.blocks, *kinds(), *GROUPS}
            hint = did_you_mean(word, words) or "see the kinds with: cnncalc explain"
            self.findings.report("unknown-kind", f"there is no kind {word}", entry.span, hint=hint)
            entry.broken = True
            return
        for name, key in given.items():
            if name not in known:
                message = f"{word} has no option {name}"
                hint = did_you_mean(name, known) or f"{word} takes no options"
                self.findings.report("unknown-option", message, key.span, hint=hint)
                entry.broken = True
        missing = [name for name, required in known.items() if required and name not in given]
        if missing and not entry.broken:
            message = f"{word} needs {' and '.join(missing)}"
            self.findings.report("missing-option", message, entry.span, hint=example(find(word)))
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
            if name not in ("times", "over", "columns", "layers"):
                hint = did_you_mean(name, ("times", "over", "columns", "layers"))
                self.findings.report(
                    "unknown-key", f"repeat has no key {name}", key.span, hint=hint
                )
                entry.broken = True
        inner = names | {"index"}
        if ("times" in given) == ("over" in given):
            self.structure(
                entry.key, "repeat needs either times or over", "times: 3, or over: {a: list}"
            )
            entry.broken = True
        elif "times" in given:
            entry.rounds = self.value(*given["times"], names, entry)
        else:
            entry.columns = self.columns(given, names, entry)
            inner |= frozenset(entry.columns.names if entry.columns else ())
        if "layers" not in given:
            self.findings.report("missing-key", "repeat needs layers", entry.span)
            entry.broken = True
        else:
            entry.body = self.entries(given["layers"][1], inner)

    def columns(
        self, given: dict[str, tuple[Scalar, Node]], names: Names, entry: Entry
    ) -> Columns | None:
        key, over = given["over"]
        if "columns" in given:
            head = given["columns"][1]
            words = self.words(head)
            rows = self.value(key, over, names, entry)
            return Columns(words, (), rows) if words and rows else None
        if not isinstance(over, Mapping):
            entry.broken = True
            self.structure(
                over, "over is a mapping of column names to lists",
                "write over: {width: [64, 128]}, or columns: [a, b] beside it for a table of rows",
            )  # fmt: skip
            return None
        formulas = {}
        for name, node in over.pairs:
            self.check_name(name)
            formulas[name.text] = self.value(name, node, names, entry)
        known = tuple(item for item in formulas.values() if item is not None)
        return Columns(tuple(formulas), known, None) if len(known) == len(formulas) else None

    # ------------------------------------------------------------------------- values and texts

    def value(self, key: Scalar, node: Node, names: Names, entry: Entry) -> Formula | None:
        """The value of a key, its names checked; a finding breaks the entry."""
        read = formula(node, self.findings, itself=key)
        if read is None or not self.check_names(read, names):
            entry.broken = True
            return None
        return read

    def check_names(self, read: Formula, names: Names) -> bool:
        """Whether every name it needs means something here; a finding for each that does not."""
        missing = [name for name in read.names() if not self.means(name, names)]
        for name in missing:
            hint = self.name_hint(name, names)
            self.findings.report("unknown-name", f"{name} means nothing here", read.span, hint=hint)
        return not missing

    def means(self, name: str, names: Names) -> bool:
        always = name in ("channels", "in_channels") or name in CHOICES
        return always or name in names or name in self.blocks or find(name) is not None

    def name_hint(self, name: str, names: Names) -> str:
        if name == "index":
            return "index counts the rounds of times or repeat; there is none around this entry"
        words = {
            *names,
            *self.blocks,
            *kinds(),
            *CHOICES,
            "channels",
            "in_channels",
            "true",
            "false",
        }
        close = did_you_mean(name, words)
        return close or f'a parameter, a column or a kind stands here; a text is quoted: "{name}"'

    def text(self, node: Node, names: Names) -> tuple[Scalar, Template] | None:
        """A text with computed parts: a name, or one of ``from`` and ``share``."""
        if not isinstance(node, Scalar) or not node.text:
            self.structure(node, "a name belongs here", "for example: conv(index + 1)")
            return None
        try:
            read = template(node.text)
        except ExpressionError as error:
            self.findings.report(error.rule, error.message, node.span, hint=error.hint)
            return None
        missing = [name for name in read.names if not self.means(name, names)]
        for name in missing:
            hint = self.name_hint(name, names)
            self.findings.report("unknown-name", f"{name} means nothing here", node.span, hint=hint)
        return None if missing else (node, read)

    def sources(self, node: Node, names: Names) -> tuple[tuple[Scalar, Template], ...]:
        nodes = node.items if isinstance(node, Sequence) else [node]
        read = (self.text(item, names) for item in nodes)
        return tuple(item for item in read if item is not None)

    def flag(self, key: Scalar, node: Node) -> bool:
        if isinstance(node, Scalar) and not node.quoted and node.text in ("true", "false"):
            return node.text == "true"
        self.structure(node, f"{key.text} is true or false", f"write {key.text}: true")
        return False

    def words(self, node: Node) -> tuple[str, ...]:
        """A list of new names."""
        items = node.items if isinstance(node, Sequence) else []
        names = [item for item in items if isinstance(item, Scalar) and self.check_name(item)]
        if not names or len(names) != len(items):
            if not items:
                self.structure(node, "a list of names belongs here", "for example: [width, depth]")
            return ()
        return tuple(name.text for name in names)

    def check_name(self, name: Scalar) -> bool:
        """Whether a parameter, column or block may bear this name."""
        if name.text in RESERVED:
            message = f"{name.text} cannot be a name: it is a word of the language"
            self.findings.report(
                "reserved-name", message, name.span, hint=f"for example {name.text}_"
            )
            return False
        if not name.text.isidentifier():
            message = f"{name.text!r} cannot be a name"
            hint = "allowed: letters, digits and _, not starting with a digit"
            self.findings.report("reserved-name", message, name.span, hint=hint)
            return False
        return True

    def structure(self, node: Node, message: str, hint: str = "") -> None:
        if isinstance(node, Broken):
            return  # it has its finding
        self.findings.report("structure", message, node.span, hint=hint)


def is_empty(node: Node) -> bool:
    """Whether nothing is written: ``key:``, or a name alone in ``{stride}``."""
    return isinstance(node, Scalar) and not node.text and not node.quoted


def nothing(node: Node) -> Scalar:
    """An empty scalar in the place of a node."""
    return Scalar(node.document, node.line, node.column, node.end_line, node.end_column, "")


def example(layer: type[Layer] | None) -> str:
    """How a kind is written, as a hint."""
    return f"for example: {layer.example}" if layer and layer.example else ""
