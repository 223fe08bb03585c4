"""CNN511 unused-block, CNN512 unused-parameter, CNN513 unused-column, CNN514 unused-include."""

from collections.abc import Iterable, Iterator

from ..diagnostics import Findings
from ..spec.document import Mapping, Node, Scalar, Sequence
from ..spec.formula import Formula
from ..spec.load import Loaded
from ..spec.model import Block, Entry, File
from ..spec.reader import keys


class Local:
    """The parameters of a block or the columns of a repeat, and which of them are read."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = set(names)
        self.read = set[str]()


class Uses:
    """Everything that the entries, inputs and contracts of a file need, directly or not.

    What a name means is decided as in a walk: the innermost wins. An entry's word may be a name
    that holds no kind (``dropout: 0.2`` beside ``- dropout``): then both are used.
    """

    def __init__(self, file: File) -> None:
        self.file = file
        self.parameters = set[str]()
        self.blocks = set[Block]()
        #: Blocks that are passed on as kinds, so that others decide how they are called.
        self.passed = set[Block]()
        self.of_block: dict[Block, Local] = {}
        self.of_repeat: dict[Entry, Local] = {}
        self._waiting: list[Block] = []
        self._entries(file.entries, ())
        for formula, _ in file.inputs.values():
            self._values(formula, ())
        for expectation in file.expect.values():
            for formula in expectation.formulas():
                self._values(formula, ())
        while self._waiting:
            self._block(self._waiting.pop())

    def _block(self, block: Block) -> None:
        local = self.of_block[block] = Local(())
        for name, default in block.parameters.items():
            self._values(default, (local,))  # sees the parameters before it
            local.names.add(name)
        self._entries(block.entries, (local,))

    def _entries(self, entries: Iterable[Entry], scopes: tuple[Local, ...]) -> None:
        for entry in entries:
            self._word(entry.word, scopes)
            for formula in (entry.times, entry.when, entry.rounds):
                self._values(formula, scopes)
            for argument in entry.arguments:
                self._values(argument.formula, scopes)
            for text in (*entry.sources, entry.name, entry.share):
                if text is not None:
                    self._names(text[1].names, scopes)
            for branch in entry.branches or ():
                self._entries(branch.entries, scopes)
            inner = scopes
            if entry.columns is not None:
                for formula in (*entry.columns.formulas, entry.columns.rows):
                    self._values(formula, scopes)
                local = self.of_repeat[entry] = Local(entry.columns.names)
                inner = (*scopes, local)
            self._entries(entry.body, inner)

    def _values(self, formula: Formula | None, scopes: tuple[Local, ...]) -> None:
        if formula is not None:
            self._names(formula.names(), scopes)

    def _names(self, names: Iterable[str], scopes: tuple[Local, ...]) -> None:
        waiting = [(name, scopes) for name in names]
        while waiting:
            name, scopes = waiting.pop()
            if self._read_local(name, scopes):
                continue
            if name in self.file.parameters:
                if name not in self.parameters:
                    self.parameters.add(name)
                    value = self.file.parameters[name]
                    waiting += [(below, ()) for below in value.names()] if value else []
            elif name in self.file.blocks:
                self.passed.add(self.file.blocks[name])
                self._call(name)

    def _word(self, word: str, scopes: tuple[Local, ...]) -> None:
        self._names([word] if word in self.file.parameters else [], scopes)
        self._read_local(word, scopes)
        self._call(word)

    def _read_local(self, name: str, scopes: tuple[Local, ...]) -> bool:
        for local in reversed(scopes):
            if name in local.names:
                local.read.add(name)
                return True
        return False

    def _call(self, name: str) -> None:
        block = self.file.blocks.get(name)
        if block is not None and block not in self.blocks:
            self.blocks.add(block)
            if block.home is self.file:
                self._waiting.append(block)


def unused_names(loaded: Loaded) -> Iterator[tuple[str, str, Scalar, str]]:
    """What a spec defines and does not need, as (rule, message, place, hint).

    Only of what stands in the spec itself; of a template, only what is local to its blocks and
    repeats, because a spec that extends it may use the rest.
    """
    file = loaded.file
    if file is None or file.tree is None:
        return
    uses, own = Uses(file), keys(file.tree)
    blocks = own["blocks"][1] if "blocks" in own else None
    if not loaded.missing:
        yield from unused_definitions(file, uses, own)
    if isinstance(blocks, Mapping):
        for key, body in blocks.pairs:
            block = file.blocks[key.text]
            if block in uses.of_block and block not in uses.passed and isinstance(body, Mapping):
                read = uses.of_block[block].read
                for name in defined(keys(body).get("parameters")):
                    if name.text not in read:
                        message = f"the layers of {key.text} do not read its parameter {name.text}"
                        yield "unused-parameter", message, name, "read it, or remove it"
    for entry, local in uses.of_repeat.items():
        if entry.key.document is file.tree.document:
            for name in columns(entry):
                if name.text not in local.read:
                    message = f"the entries of this repeat do not read the column {name.text}"
                    hint = "read it, or remove it" if local.read else "times: counts rounds"
                    yield "unused-column", message, name, hint


def unused_definitions(
    file: File, uses: Uses, own: dict[str, tuple[Scalar, Node]]
) -> Iterator[tuple[str, str, Scalar, str]]:
    """The includes, parameters and blocks of a spec that nothing in it needs."""
    if "include" in own:
        for name, library in file.includes:
            here = name.document is own["include"][0].document
            if here and library and uses.blocks.isdisjoint(library.blocks.values()):
                message = f"no block of {name.text} is used here"
                yield "unused-include", message, name, "remove the include"
    if "extends" not in own:  # else they are values of its parent's parameters
        for name in defined(own.get("parameters")):
            if name.text not in uses.parameters:
                message = f"nothing depends on the parameter {name.text}"
                yield "unused-parameter", message, name, "read it, or remove it"
    blocks = own["blocks"][1] if "blocks" in own else None
    if isinstance(blocks, Mapping):
        for key, _ in blocks.pairs:
            if file.blocks[key.text] not in uses.blocks:
                yield "unused-block", f"the block {key.text} is never used", key, "remove it"


def defined(pair: tuple[Scalar, Node] | None) -> list[Scalar]:
    """The names of parameters, from their mapping or list."""
    node = pair[1] if pair else None
    if isinstance(node, Mapping):
        return [key for key, _ in node.pairs]
    return [i for i in node.items if isinstance(i, Scalar)] if isinstance(node, Sequence) else []


def columns(entry: Entry) -> list[Scalar]:
    """Where the names of a repeat's columns stand."""
    assert isinstance(entry.node, Mapping)
    body = keys(entry.node)["repeat"][1]
    assert isinstance(body, Mapping)
    inside = keys(body)
    return defined(inside.get("columns", inside["over"]))


def report(loaded: Loaded, wanted: frozenset[str], findings: Findings) -> None:
    """Make findings for those of the rules that are wanted."""
    for rule, message, place, hint in unused_names(loaded):
        if rule in wanted:
            findings.report(rule, message, place.span, hint=hint)
