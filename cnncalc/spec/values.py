"""Read values, computed texts and new names, and find which of their names mean nothing."""

from collections.abc import Iterable
from collections.abc import Mapping as Mappable

from ..diagnostics import Edit, Findings, Fix, Related, Span, did_you_mean
from ..layers import find, kinds
from .document import Broken, Mapping, Node, Scalar, Sequence
from .expression import UNKNOWN_WORDS, ExpressionError, Template, template
from .expression_fixes import renamed
from .expression_syntax import MAX_LENGTH
from .formula import Formula, formula
from .model import Block, Entry
from .words import ARRIVING, CHOICES, RESERVED

#: The parameters, columns and other names that are in scope at a place.
Names = frozenset[str]


class ValueReader:
    """Reads values in the scope of one file."""

    def __init__(self, findings: Findings, blocks: Mappable[str, Block]) -> None:
        self.findings = findings
        self.blocks = blocks
        #: Whether parameters could not be read, so that any unknown name may be one of them.
        self.names_lost = False

    def value(self, key: Scalar, node: Node, names: Names, entry: Entry) -> Formula | None:
        """The value of a key, its names checked; a finding breaks the entry."""
        read = formula(node, self.findings, itself=key)
        if read is None or not self.check_names(read, names, is_key=read.node is key):
            entry.broken = True
            return None
        return read

    def check_names(self, read: Formula, names: Names, *, is_key: bool = False) -> bool:
        """Whether every name it needs means something here; a finding for each that does not.

        ``is_key``: it is written as the key that it belongs to, ``{stride}``.
        """
        return self.names_mean(read.names(), read.span, names, None if is_key else read)

    def names_mean(
        self, used: Iterable[str], span: Span, names: Names, read: Formula | None = None
    ) -> bool:
        missing = [name for name in used if not self.means(name, names)]
        if not self.names_lost:
            for name in missing:
                hint = self.name_hint(name, names)
                fix = renamed(read.scalars(), name, self.words_at(names)) if read else None
                self.findings.report(
                    "unknown-name", f"{name} means nothing here", span, hint=hint, fix=fix
                )
        return not missing

    def words_at(self, names: Names) -> set[str]:
        """The words that mean something as a value."""
        return {*names, *self.blocks, *kinds(), *CHOICES, "true", "false"}

    def means(self, name: str, names: Names) -> bool:
        return name in names or name in CHOICES or name in self.blocks or find(name) is not None

    def name_hint(self, name: str, names: Names) -> str:
        if name == "index":
            return "index counts the rounds of times or repeat; there is none around this place"
        if name in ARRIVING:
            return f"{name} is known where layers stand; here, write the number or a parameter"
        if name in UNKNOWN_WORDS:
            return UNKNOWN_WORDS[name]
        close = did_you_mean(name, self.words_at(names))
        return close or f'a parameter, a column or a kind stands here; a text is quoted: "{name}"'

    def text(self, node: Node, names: Names) -> tuple[Scalar, Template] | None:
        """A text with computed parts: a name, or one of ``from`` and ``share``."""
        if not isinstance(node, Scalar) or not node.text:
            self.structure(node, "a name belongs here", "for example: conv(index + 1)")
            return None
        if len(node.text) > MAX_LENGTH:
            message = f"a name of {len(node.text):,} characters; allowed: {MAX_LENGTH:,}"
            self.findings.report("limit", message, node.span)
            return None
        try:
            read = template(node.text)
        except ExpressionError as error:
            self.findings.report(error.rule, error.message, node.span, hint=error.hint)
            return None
        return (node, read) if self.names_mean(read.names, node.span, names) else None

    def sources(self, node: Node, names: Names) -> tuple[tuple[Scalar, Template], ...]:
        """What ``from`` names; empty, with a finding, if a part of it cannot be read."""
        nodes = node.items if isinstance(node, Sequence) else [node]
        if not nodes:
            self.structure(node, "from names no layer", "leave it out to read the layer before")
        read = [self.text(item, names) for item in nodes]
        return () if None in read else tuple(item for item in read if item is not None)

    def flag(self, key: Scalar, node: Node) -> bool:
        if isinstance(node, Scalar) and not node.quoted and node.text in ("true", "false"):
            return node.text == "true"
        word = node.text.lower() if isinstance(node, Scalar) else ""
        fix = Fix(f"write {word}", (Edit(node.span, word),)) if word in ("true", "false") else None
        self.structure(node, f"{key.text} is true or false", f"write {key.text}: true", fix)
        return False

    def words(self, node: Node) -> tuple[str, ...]:
        """A list of new names; empty, with a finding, if it is none."""
        items = node.items if isinstance(node, Sequence) else []
        scalars = [item for item in items if isinstance(item, Scalar)]
        if not items or len(scalars) < len(items):
            self.structure(node, "a list of names belongs here", "for example: [width, depth]")
            return ()
        first: dict[str, Scalar] = {}
        for item in scalars:
            if first.setdefault(item.text, item) is not item:
                related = [Related(first[item.text].span, "the first")]
                message = f"{item.text} stands twice in this list"
                self.findings.report("duplicate-name", message, item.span, related=related)
            else:
                self.check_name(item)
        return tuple(item.text for item in scalars)

    def check_name(self, name: Scalar) -> bool:
        """Whether a parameter, column or block may bear this name; a finding if not."""
        if isinstance(name, Broken):
            return False
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

    def block_parameters(self, node: Node, names: Names) -> dict[str, Formula | None]:
        """The parameters of a block with their defaults; a default may use those before it."""
        parameters: dict[str, Formula | None] = {}
        for key, value in self.definitions(node):
            self.check_name(key)
            parameters[key.text] = self.default(value, names | frozenset(parameters))
        return parameters

    def definitions(self, node: Node) -> list[tuple[Scalar, Node | None]]:
        """Parameters as (name, default), of the list or of the mapping form."""
        if isinstance(node, Mapping):
            return [(key, None if is_empty(value) else value) for key, value in node.pairs]
        first: dict[str, Scalar] = {}
        items = node.items if isinstance(node, Sequence) else [node]
        for item in items:
            if not isinstance(item, Scalar) or items == [node]:
                message = "parameters are a list of names, or a mapping of names to defaults"
                self.structure(item, message, "parameters: {width, classes: 1000}")
                self.names_lost = True
            elif first.setdefault(item.text, item) is not item:
                related = [Related(first[item.text].span, "the first")]
                message = f"{item.text} stands twice in this list"
                self.findings.report("duplicate-name", message, item.span, related=related)
        return [(name, None) for name in first.values()]

    def default(self, value: Node | None, names: Names) -> Formula | None:
        """The default of a parameter; None if it is required."""
        return None if value is None else self.formula(value, names)

    def formula(self, value: Node, names: Names) -> Formula:
        """A value that may use these names; one that gives poison if it cannot be read."""
        read = formula(value, self.findings)
        good = read is not None and self.check_names(read, names)
        return read if read is not None and good else Formula(value, None)

    def structure(self, node: Node, message: str, hint: str = "", fix: Fix | None = None) -> None:
        if isinstance(node, Broken):
            return  # it has its finding
        self.findings.report("structure", message, node.span, hint=hint, fix=fix)


def is_empty(node: Node) -> bool:
    """Whether nothing is written: ``key:``, or a name alone in ``{stride}``."""
    written = isinstance(node, Broken) or not isinstance(node, Scalar) or node.text or node.quoted
    return not written


def nothing(node: Node) -> Scalar:
    """An empty scalar in the place of a node."""
    return Scalar(node.document, node.line, node.column, node.end_line, node.end_column, "")
