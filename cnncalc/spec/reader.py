"""Read a spec with all it extends and includes into one `File`; all static findings at once."""

from ..diagnostics import Findings, Related, did_you_mean
from ..layers import find
from .document import Broken, Mapping, Node, Scalar, Sequence
from .entries import EntryReader
from .expectation import ExpectReader
from .files import Files
from .formula import Formula
from .model import Block, File
from .spelling import respelt
from .values import nothing
from .words import ARRIVING, BLOCK_KEYS, LIBRARY_KEYS, SPEC_KEYS

#: Libraries that include libraries.
MAX_DEPTH = 50


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
            if content is not base and "layers" in content:
                message = "a spec that extends another has no layers of its own"
                hint = "replace its parameters, or write the spec without extends"
                self.structure(content["layers"][0], message, hint)
            if "input" in content and "inputs" in content:
                message = "a spec has input or inputs, not both"
                self.structure(content["inputs"][0], message, "inputs: {image: [3, 224, 224], …}")
        merged: dict[str, tuple[Scalar, Node]] = {}
        for content in levels:
            if "input" in content or "inputs" in content:
                merged.pop("input", None)
                merged.pop("inputs", None)
            merged |= content
        file = File(self.title(merged, tree))
        file.citation = self.one_text(merged.get("source"))
        file.tree = tree
        reader = self.environment(file, levels, settings)
        names = frozenset(file.parameters)
        if "layers" in base:
            file.entries = reader.entries(base["layers"][1], names | ARRIVING)
        else:
            self.missing("layers", chain[-1])
        self.inputs(file, merged, reader, names, tree)
        if "freeze" in merged:
            file.freeze = tuple((item, item.text) for item in self.texts(merged["freeze"][1]))
        own = keys(tree)
        if "expect" in own:
            file.expect = ExpectReader(reader, self.findings, names).read(own["expect"][1])
        return file

    # ------------------------------------------------------------------------------ its parts

    def chain(self, tree: Mapping) -> list[Mapping] | None:
        """The tree and all it extends, the base of the family last."""
        chain, seen = [tree], {tree.document.path}
        while "extends" in (content := keys(chain[-1])):
            name = content["extends"][1]
            if not isinstance(name, Scalar) or not is_text(name):
                self.structure(name, "extends names one spec", "extends: vgg")
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
                node = content["include"][1]
                names = self.texts(node)
                libraries = [self.library(name) for name in names]
                file.includes += zip(names, libraries, strict=True)
                wanted = len(node.items) if isinstance(node, Sequence) else 1
                file.blocks_lost |= len(libraries) < wanted
                for library in libraries:
                    file.blocks_lost |= library is None or library.blocks_lost
                    visible |= library.blocks if library else {}
        own: dict[str, Block] = {}
        bodies: list[tuple[Block, Node, Node | None]] = []
        reader = EntryReader(self.findings, visible)
        for content in levels:
            if "blocks" in content:
                bodies += self.blocks(content["blocks"][1], file, own, reader)
        visible |= own
        file.blocks = visible
        reader.blocks_lost = file.blocks_lost
        for depth, content in enumerate(levels):
            if "parameters" in content:
                self.parameters(file, content["parameters"][1], reader, inherited=depth > 0)
        for setting, node in settings.items():
            self.replace(file, setting, node, nothing(node), reader)
        known = frozenset(file.parameters) | ARRIVING
        for block, _, parameters in bodies:
            if parameters is not None:
                block.parameters = reader.block_parameters(parameters, known)
        names_lost = reader.names_lost
        for block, layers, parameters in bodies:
            reader.named_inside = False
            reader.names_lost = names_lost or (bool(parameters) and not block.parameters)
            block.entries = reader.entries(layers, known | frozenset(block.parameters))
            block.named_inside = reader.named_inside
            block.broken = not block.entries
        reader.names_lost = names_lost
        return reader

    def library(self, name: Scalar) -> File | None:
        """A file of blocks for include; its blocks see nothing of who includes it."""
        opened = self.files.refer(name, "include")
        if opened is None:
            return None
        path = opened[0].path
        if {"layers", "input", "inputs", "extends"} & keys(opened[1]).keys():
            message = f"{name.text} is a whole spec, and include takes a library of blocks"
            self.structure(name, message, "move the blocks to a file that has nothing else")
            return None
        if path in self._including:
            self.findings.report("recursion", f"{name.text} includes itself in the end", name.span)
            return None
        if len(self._including) >= MAX_DEPTH:
            message = f"libraries include each other more than {MAX_DEPTH} deep"
            self.findings.report("limit", message, name.span)
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
            self.structure(node, "blocks is a mapping of names to blocks", "conv: and its layers")
            file.blocks_lost = True
            return []
        bodies: list[tuple[Block, Node, Node | None]] = []
        for key, value in node.pairs:
            allowed = reader.check_name(key)
            if key.text in own:
                first = Related(own[key.text].key.span, "it stands here first")
                message = f"the block {key.text} stands in a spec that this one extends"
                self.findings.report("duplicate-name", message, key.span, related=[first])
                continue
            if allowed and find(key.text):
                message = f"the block {key.text} hides the layer kind of the same name"
                hint = f"rename the block: below, {key.text} is not the layer"
                self.findings.report("shadowed-kind", message, key.span, hint=hint)
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
                block.broken = True
                self.missing("layers", value, key)
        return bodies

    # ----------------------------------------------------------------------------- parameters

    def parameters(self, file: File, node: Node, reader: EntryReader, *, inherited: bool) -> None:
        """Parameters of a spec, or of a child the values that replace its parent's."""
        for key, value in reader.definitions(node):
            if inherited:
                self.replace(file, key.text, value, key, reader)
            else:
                reader.check_name(key)
                file.parameters[key.text] = reader.default(value, frozenset(file.parameters))

    def replace(
        self, file: File, name: str, value: Node | None, key: Scalar, reader: EntryReader
    ) -> None:
        """Replace the value of a parameter that exists."""
        if name not in file.parameters:
            hint = did_you_mean(name, file.parameters) or "it has no parameters"
            message = f"the spec has no parameter {name}"
            fix = respelt(name, key.span, file.parameters)
            self.findings.report("unknown-parameter", message, key.span, hint=hint, fix=fix)
            file.parameters[name] = Formula(key, None)
            return
        if value is None:
            message = f"{name} needs a value here"
            self.structure(key, message, "write it after the colon, or leave the name out")
            return
        before = frozenset(list(file.parameters)[: list(file.parameters).index(name)])
        file.parameters[name] = reader.formula(value, before)

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
        elif isinstance(merged["inputs"][1], Mapping) and merged["inputs"][1].pairs:
            found = merged["inputs"][1].pairs
        else:
            node = merged["inputs"][1]
            message = "inputs is a mapping of names to shapes"
            hint = "inputs: {left: [1, 105, 105], right: [1, 105, 105]}"
            self.structure(node, message, hint)
        for key, node in found:
            if key.text != "input":
                reader.check_name(key)
            file.inputs[key.text] = reader.formula(node, names), key.span

    def texts(self, node: Node) -> list[Scalar]:
        """One text or a list of texts."""
        items = node.items if isinstance(node, Sequence) else [node]
        texts = [item for item in items if is_text(item)]
        for item in items:
            if not is_text(item):
                self.structure(item, "a name or a list of names belongs here", "for example: vgg")
        return [item for item in texts if isinstance(item, Scalar)]

    def one_text(self, pair: tuple[Scalar, Node] | None) -> str | None:
        if pair is None:
            return None
        key, node = pair
        text = " ".join(node.text.split()) if isinstance(node, Scalar) else ""
        if not text or isinstance(node, Broken):
            self.structure(node, f"{key.text} is a text", f"{key.text}: and the text behind it")
        elif not text.isprintable():
            code = next(ord(sign) for sign in text if not sign.isprintable())
            message = f"{key.text} holds the character U+{code:04X}, which cannot be shown"
            self.findings.report("bad-value", message, node.span, hint="remove it")
        else:
            return text
        return None

    def structure(self, node: Node, message: str, hint: str = "") -> None:
        if not isinstance(node, Broken):  # else it has its finding
            self.findings.report("structure", message, node.span, hint=hint)

    def check_keys(
        self, node: Mapping, allowed: tuple[str, ...], what: str, hint: str = ""
    ) -> None:
        for key, _ in node.pairs:
            if key.text not in allowed:
                message = f"{what} has no key {key.text}"
                close = did_you_mean(key.text, allowed) or hint
                fix = respelt(key.text, key.span, {*allowed} - keys(node).keys())
                self.findings.report("unknown-key", message, key.span, hint=close, fix=fix)

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


def is_text(node: Node) -> bool:
    return isinstance(node, Scalar) and bool(node.text) and not isinstance(node, Broken)


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
