"""Read a spec with all it extends and includes into one `File`; all static findings at once."""

from ..diagnostics import Findings, Related, did_you_mean
from ..layers import find
from .document import Mapping, Node, Scalar, Sequence
from .entries import EntryReader, is_empty, nothing
from .files import Files
from .formula import Formula, formula
from .model import Block, File
from .words import BLOCK_KEYS, EXPECT_KEYS, LIBRARY_KEYS, SPEC_KEYS


class SpecReader:
    """Reads one spec. After `read`, the findings hold everything that is wrong before a walk."""

    def __init__(self, files: Files, findings: Findings) -> None:
        self.files = files
        self.findings = findings
        self._libraries: dict[str, File] = {}
        self._including: list[str] = []

    def read(self, tree: Mapping, settings: dict[str, Node]) -> File | None:
        """The file of a tree; ``settings`` are parameter values from outside (--set)."""
        chain = self.chain(tree)
        if chain is None:
            return None
        levels = [keys(level) for level in reversed(chain)]  # the base of the family first
        base = levels[0]
        for level, content in zip(reversed(chain), levels, strict=True):
            self.check_keys(level, SPEC_KEYS, "a spec")
            for key in ("layers", "input", "inputs", "parameters") if content is not base else ():
                if key == "layers" and key in content:
                    message = "a spec that extends another has no layers of its own"
                    hint = "replace its parameters, or write the spec without extends"
                    self.findings.report("structure", message, content[key][0].span, hint=hint)
        merged: dict[str, tuple[Scalar, Node]] = {}
        for content in levels:
            merged |= content
        file = File(self.title(merged, tree))
        file.citation = self.one_text(merged.get("source"))
        reader = self.environment(file, levels, settings)
        names = frozenset(file.parameters)
        if "layers" in base:
            file.entries = reader.entries(base["layers"][1], names)
            if (
                not file.entries
                and isinstance(base["layers"][1], Sequence)
                and not base["layers"][1].items
            ):
                self.findings.report(
                    "structure", "a spec needs at least one layer", base["layers"][0].span
                )
        else:
            self.missing("layers", chain[-1])
        self.inputs(file, merged, reader, names, tree)
        if "freeze" in merged:
            file.freeze = tuple((item, item.text) for item in self.texts(merged["freeze"][1]))
        own = keys(tree)
        if "expect" in own:
            self.expect(file, own["expect"][1])
        return file

    # ------------------------------------------------------------------------------ its parts

    def chain(self, tree: Mapping) -> list[Mapping] | None:
        """The tree and all it extends, the base of the family last."""
        chain, seen = [tree], {tree.document.path}
        while "extends" in (content := keys(chain[-1])):
            name = content["extends"][1]
            if not isinstance(name, Scalar) or not name.text:
                message = "extends names one spec"
                self.findings.report("structure", message, name.span, hint="extends: vgg")
                return None
            opened = self.files.refer(name, "extends")
            if opened is None:
                return None
            if opened[0].path in seen:
                message = f"{name.text} extends itself in the end"
                self.findings.report("recursion", message, name.span)
                return None
            seen.add(opened[0].path)
            chain.append(opened[1])
        return chain

    def title(self, merged: dict[str, tuple[Scalar, Node]], tree: Mapping) -> str:
        if "name" not in merged:
            self.missing("name", tree)
        return self.one_text(merged.get("name")) or ""

    def environment(
        self, file: File, levels: list[dict[str, tuple[Scalar, Node]]], settings: dict[str, Node]
    ) -> EntryReader:
        """Includes, parameters and blocks: what entries can see. Returns their reader."""
        visible: dict[str, Block] = {}
        for content in levels:
            if "include" in content:
                for name in self.texts(content["include"][1]):
                    library = self.library(name)
                    visible |= library.blocks if library else {}
        own: dict[str, Block] = {}
        bodies: list[tuple[Block, Node, Node | None]] = []
        reader = EntryReader(self.findings, visible)
        for content in levels:
            if "blocks" in content:
                bodies += self.blocks(content["blocks"][1], file, own, reader)
        visible |= own
        file.blocks = visible
        for depth, content in enumerate(levels):
            if "parameters" in content:
                self.parameters(file, content["parameters"][1], reader, inherited=depth > 0)
        for setting, node in settings.items():
            self.replace(file, setting, node, nothing(node), reader)
        names = frozenset(file.parameters)
        for block, _, parameters in bodies:
            if parameters is not None:
                block.parameters = self.block_parameters(parameters, reader, names)
        for block, layers, _ in bodies:
            reader.named_inside = False
            block.entries = reader.entries(layers, names | frozenset(block.parameters))
            block.named_inside = reader.named_inside
        return reader

    def library(self, name: Scalar) -> File | None:
        """A file of blocks for include; its blocks see nothing of who includes it."""
        opened = self.files.refer(name, "include")
        if opened is None:
            return None
        path = opened[0].path
        if path in self._including:
            self.findings.report("recursion", f"{name.text} includes itself in the end", name.span)
            return None
        if path not in self._libraries:
            self._including.append(path)
            self._libraries[path] = self.read_library(opened[1])
            self._including.pop()
        return self._libraries[path]

    def read_library(self, tree: Mapping) -> File:
        """The blocks of a library; they see each other and what it includes, no parameters."""
        self.check_keys(tree, LIBRARY_KEYS, "a library for include")
        library = File("", library=True)
        self.environment(library, [keys(tree)], {})
        return library

    def blocks(
        self, node: Node, file: File, own: dict[str, Block], reader: EntryReader
    ) -> list[tuple[Block, Node, Node | None]]:
        """The blocks of a file, without their entries: (block, layers, parameters)."""
        if not isinstance(node, Mapping):
            self.findings.report("structure", "blocks is a mapping of names to blocks", node.span)
            return []
        bodies: list[tuple[Block, Node, Node | None]] = []
        for key, value in node.pairs:
            if not reader.check_name(key):
                continue
            if key.text in own:
                first = Related(own[key.text].key.span, "it stands here first")
                message = f"the block {key.text} stands in a spec that this one extends"
                self.findings.report("duplicate-name", message, key.span, related=[first])
                continue
            if find(key.text):
                message = f"the block {key.text} hides the layer kind of the same name"
                self.findings.report("shadowed-kind", message, key.span)
            block = own[key.text] = Block(key, file)
            if not isinstance(value, Mapping):
                bodies.append((block, value, None))
                continue
            content = keys(value)
            self.check_keys(value, BLOCK_KEYS, "a block", "a single entry stands after a dash")
            if "inputs" in content:
                block.inputs = reader.words(content["inputs"][1])
            if "layers" in content:
                parameters = content.get("parameters")
                bodies.append((block, content["layers"][1], parameters and parameters[1]))
            else:
                self.missing("layers", value, key)
        return bodies

    # ----------------------------------------------------------------------------- parameters

    def parameters(self, file: File, node: Node, reader: EntryReader, *, inherited: bool) -> None:
        """Parameters of a spec, or of a child the values that replace its parent's."""
        for key, value in self.definitions(node, reader):
            if inherited:
                self.replace(file, key.text, value, key, reader)
            elif reader.check_name(key):
                file.parameters[key.text] = self.default(
                    key, value, reader, frozenset(file.parameters)
                )

    def block_parameters(
        self, node: Node, reader: EntryReader, names: frozenset[str]
    ) -> dict[str, Formula | None]:
        parameters: dict[str, Formula | None] = {}
        for key, value in self.definitions(node, reader):
            if reader.check_name(key):
                known = names | frozenset(parameters)
                parameters[key.text] = self.default(key, value, reader, known)
        return parameters

    def definitions(self, node: Node, reader: EntryReader) -> list[tuple[Scalar, Node | None]]:
        """Parameters as (name, default), of the list or of the mapping form."""
        if isinstance(node, Mapping):
            return [(key, None if is_empty(value) else value) for key, value in node.pairs]
        if isinstance(node, Sequence):
            return [(item, None) for item in node.items if isinstance(item, Scalar)]
        message = "parameters are a list of names, or a mapping of names to defaults"
        self.findings.report("structure", message, node.span)
        return []

    def default(
        self, key: Scalar, value: Node | None, reader: EntryReader, names: frozenset[str]
    ) -> Formula | None:
        read = formula(value, self.findings) if value is not None else None
        return read if read is not None and reader.check_names(read, names) else None

    def replace(
        self, file: File, name: str, value: Node | None, key: Scalar, reader: EntryReader
    ) -> None:
        """Replace the value of a parameter that exists."""
        if name not in file.parameters:
            hint = did_you_mean(name, file.parameters) or "it has no parameters"
            message = f"the spec has no parameter {name}"
            self.findings.report("unknown-parameter", message, key.span, hint=hint)
            return
        if value is None:
            self.findings.report("structure", f"{name} needs a value here", key.span)
            return
        before = frozenset(list(file.parameters)[: list(file.parameters).index(name)])
        read = self.default(key, value, reader, before)
        if read is not None:
            file.parameters[name] = read

    # ------------------------------------------------------------------------ the other keys

    def inputs(
        self, file: File, merged: dict[str, tuple[Scalar, Node]], reader: EntryReader,
        names: frozenset[str], tree: Mapping,
    ) -> None:  # fmt: skip
        found: list[tuple[Scalar, Node]] = []
        if "input" in merged:
            found = [merged["input"]]
        elif "inputs" not in merged:
            self.missing("input", tree)
        elif isinstance(merged["inputs"][1], Mapping):
            found = merged["inputs"][1].pairs
        else:
            message = "inputs is a mapping of names to shapes"
            hint = "inputs: {left: [1, 105, 105], right: [1, 105, 105]}"
            self.findings.report("structure", message, merged["inputs"][1].span, hint=hint)
        for key, node in found:
            if key.text != "input" and not reader.check_name(key):
                continue
            read = formula(node, self.findings)
            if read is not None and reader.check_names(read, names):
                file.inputs[key.text] = read, key.span

    def expect(self, file: File, node: Node, prefix: str = "") -> None:
        """Contracts, flat: ``params``, ``macs``, ``output``, ``training.params``, …"""
        if not isinstance(node, Mapping):
            message = "expect is a mapping such as {params: 60000, output: [10]}"
            self.findings.report("structure", message, node.span)
            return
        self.check_keys(node, EXPECT_KEYS if not prefix else ("params", "macs"), "expect")
        for key, value in node.pairs:
            if key.text == "training" and not prefix:
                self.expect(file, value, "training.")
                continue
            read = formula(value, self.findings)
            if read is not None:
                file.expect[prefix + key.text] = read

    def texts(self, node: Node) -> list[Scalar]:
        """One text or a list of texts."""
        items = node.items if isinstance(node, Sequence) else [node]
        texts = [item for item in items if isinstance(item, Scalar) and item.text]
        if len(texts) != len(items):
            self.findings.report("structure", "a name or a list of names belongs here", node.span)
        return texts

    def one_text(self, pair: tuple[Scalar, Node] | None) -> str | None:
        if pair is None:
            return None
        key, node = pair
        if isinstance(node, Scalar) and node.text:
            return node.text
        self.findings.report("structure", f"{key.text} is a text", node.span)
        return None

    def check_keys(
        self, node: Mapping, allowed: tuple[str, ...], what: str, hint: str = ""
    ) -> None:
        for key, _ in node.pairs:
            if key.text not in allowed:
                message = f"{what} has no key {key.text}"
                self.findings.report(
                    "unknown-key", message, key.span, hint=did_you_mean(key.text, allowed) or hint
                )

    def missing(self, key: str, node: Node, place: Scalar | None = None) -> None:
        hints = {
            "input": "input: [3, 224, 224]: channels, height, width",
            "layers": "layers: and below it one entry on each line, after a dash",
            "name": "name: the network's title",
        }
        span = (place or node).span
        if place is None:
            span = span._replace(end_line=span.line, end_column=span.column + 1)
        self.findings.report("missing-key", f"{key} is missing", span, hint=hints[key])


def is_library(tree: Mapping) -> bool:
    """Whether a file only has blocks to include: no network of its own, and no parent."""
    own = keys(tree)
    return "blocks" in own and not {"layers", "input", "inputs", "extends"} & own.keys()


def keys(node: Mapping) -> dict[str, tuple[Scalar, Node]]:
    """A mapping by its keys' texts; of a duplicate (a finding of its own) the first."""
    found: dict[str, tuple[Scalar, Node]] = {}
    for key, value in node.pairs:
        found.setdefault(key.text, (key, value))
    return found
