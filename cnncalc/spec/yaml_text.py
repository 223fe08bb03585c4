"""YAML text → the located tree of `document`, with a finding for what specs do not use.

The tree is built from YAML's *events*, in a loop: composing nodes recurses, and 100,000 brackets
then end the process. YAML's own typing is never consulted, aliases are never followed. One
mistake is one finding, and reading goes on after it, except after an error of YAML itself.
"""

import gc
from collections.abc import Callable, Iterator
from typing import Any

import yaml
from yaml.reader import ReaderError

from ..diagnostics import Findings, Related, Span
from .document import Broken, Document, Mapping, Node, Scalar, Sequence
from .text_file import read
from .yaml_mending import mend_mapping, mend_sequence, space_item, space_pair

__all__ = ["parse", "read"]

#: The loader that reads with libyaml, which is ten times as fast, or else the one in Python.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MAX_NESTING = 100

_NULLS = frozenset(["~", "null", "Null", "NULL"])
_BLOCKS = "specs share layers through blocks and values through parameters"


class _TooDeep(Exception):
    pass


def parse(document: Document, findings: Findings) -> Node | None:
    """The tree of a document; None, with a finding, if it has none."""
    tree = _Tree(document, findings)
    collecting = gc.isenabled()
    # A tree has no cycles; looking for them takes longer than reading a large file.
    gc.disable()
    try:
        for event in yaml.parse(document.text, Loader=LOADER):
            handle = tree.handlers.get(type(event))
            if handle is not None:
                handle(event)
            if tree.finished:
                break
    except yaml.MarkedYAMLError as error:
        from .yaml_errors import explain  # a table of a hundred patterns, for broken YAML only

        span, message, hint, fix = explain(document, error)
        findings.report("yaml-syntax", message, span, hint=hint, fix=fix)
        return None
    except ReaderError as error:
        _report_character(document, findings, error)
        return None
    except UnicodeEncodeError as error:
        line, column = document.position(error.start)
        message = "half of a surrogate pair, which is no character"
        findings.report("yaml-syntax", message, document.span(line, column), hint="remove it")
        return None
    except _TooDeep:
        return None
    finally:
        if collecting:
            gc.enable()
    if tree.root is None or (isinstance(tree.root, Scalar) and not tree.root.text):
        findings.report(
            "structure",
            "the file is empty",
            document.span(1, 1, 0),
            hint="a spec has name, input and layers",
        )
        return None
    return tree.root


def _report_character(document: Document, findings: Findings, error: ReaderError) -> None:
    # The position is in bytes or in characters, by loader; the character itself is certain.
    code = error.character if isinstance(error.character, int) else ord(error.character[:1])
    line, column = document.position(max(document.text.find(chr(code)), 0))
    findings.report(
        "yaml-syntax",
        f"the control character U+{code:04X}, which YAML does not allow",
        document.span(line, column),
        hint="remove it",
    )


class _Frame:
    """A collection that is still open: ``parts`` are its items, or keys and values by turns."""

    __slots__ = ("event", "is_mapping", "lopsided", "parts")

    def __init__(self, event: Any, is_mapping: bool) -> None:
        self.event = event
        self.is_mapping = is_mapping
        self.parts: list[Node] = []
        #: Whether something in it has a parenthesis too many: a comma may have cut it in two.
        self.lopsided = False


class _Tree:
    """The tree while it grows, event by event."""

    def __init__(self, document: Document, findings: Findings) -> None:
        self.document = document
        self.findings = findings
        self.root: Node | None = None
        self.finished = False
        self.stack: list[_Frame] = []
        self.words: dict[str, str] = {}
        self.handlers: dict[type, Callable[[Any], None]] = {
            yaml.ScalarEvent: self.scalar,
            yaml.MappingStartEvent: self.open,
            yaml.SequenceStartEvent: self.open,
            yaml.MappingEndEvent: self.close,
            yaml.SequenceEndEvent: self.close,
            yaml.AliasEvent: self.alias,
            yaml.DocumentStartEvent: self.document_start,
        }

    def span(self, event: Any) -> Span:
        start, end = event.start_mark, event.end_mark
        return Span(
            self.document.path, start.line + 1, start.column + 1, end.line + 1, end.column + 1
        )

    def unused(self, message: str, span: Span, hint: str) -> None:
        self.findings.report("yaml-feature", message, span, hint=hint)

    def add(self, node: Node) -> None:
        if self.stack:
            self.stack[-1].parts.append(node)
        else:
            self.root = node

    def scalar(self, event: Any) -> None:
        start, end = event.start_mark, event.end_mark
        # The words of a spec are few: each is kept once.
        text = self.words.setdefault(event.value, event.value)
        quoted = bool(event.style)
        line = start.line + 1
        end_line = line if end.line == start.line else end.line + 1
        place = (self.document, line, start.column + 1, end_line, end.column + 1)
        node = Scalar(*place, text, quoted)
        if event.tag is not None or event.anchor is not None:
            self.properties(event)
            if not text and not quoted:
                node = Broken(*place, text)
        if not quoted:
            if text in _NULLS:
                self.unused(f"{text} is no value of the language", node.span, "leave the key out")
                node = Broken(*place, text)
            elif "(" in text or ")" in text:
                self.parentheses(node)
            elif not text and self.stack:
                frame = self.stack[-1]
                if frame.is_mapping and len(frame.parts) % 2:
                    key = frame.parts[-1]
                    node.line, node.column = key.line, key.column
                    node.end_line, node.end_column = key.end_line, key.end_column
        self.add(node)

    def parentheses(self, node: Scalar) -> None:
        if node.text.count("(") == node.text.count(")"):
            return
        if self.stack and self.stack[-1].event.flow_style:
            self.stack[-1].lopsided = True
            return
        rest = self.document.line(node.end_line)[node.end_column - 1 :]
        if rest.lstrip().startswith("#"):
            self.findings.report(
                "yaml-syntax",
                f"the # starts a comment and cuts off the rest: {node.text} is all that is read",
                self.document.span(node.end_line, node.end_column + rest.index("#")),
                hint="quote the text, or move the comment to a line of its own",
            )

    def properties(self, event: Any) -> None:
        """Anchors and tags, also those that were meant as operators."""
        span = self.span(event)
        if event.anchor is not None:
            self.unused(
                f"&{event.anchor} is an anchor of YAML, which specs do not use",
                span._replace(end_line=span.line, end_column=span.column + len(event.anchor) + 1),
                f"{_BLOCKS}; `and` is written as a word",
            )
        if event.tag is not None:
            word = self.document.line(span.line)[span.column - 1 :].split(" ")[0]
            self.unused(
                f"{word} is a tag of YAML, which specs do not use",
                span._replace(end_line=span.line, end_column=span.column + len(word)),
                "leave it out; `not` is written as a word, and a text that starts with ! is quoted",
            )

    def alias(self, event: Any) -> None:
        span = self.span(event)
        self.unused(
            f"*{event.anchor} is an alias of YAML, which specs do not use",
            span,
            f'{_BLOCKS}; a text that starts with * is quoted: "*{event.anchor}"',
        )
        self.add(Broken(self.document, *span[1:], "*" + event.anchor))

    def document_start(self, event: Any) -> None:
        if event.version or event.tags:
            self.unused(
                "a directive of YAML, which specs do not use",
                self.document.span(event.start_mark.line + 1, event.start_mark.column + 1),
                "remove the lines that start with %",
            )
        if self.root is not None:
            self.unused("a second document in one file", self.span(event), "one file, one spec")
            self.finished = True

    def open(self, event: Any) -> None:
        if len(self.stack) == MAX_NESTING:
            self.findings.report(
                "limit",
                f"more than {MAX_NESTING} collections within each other",
                self.document.span(event.start_mark.line + 1, event.start_mark.column + 1),
                hint="a block of its own makes it flat",
            )
            raise _TooDeep
        if event.tag is not None or event.anchor is not None:
            self.properties(event)
        self.stack.append(_Frame(event, type(event) is yaml.MappingStartEvent))

    def close(self, event: Any) -> None:
        frame = self.stack.pop()
        start, parts, flow = frame.event.start_mark, frame.parts, bool(frame.event.flow_style)
        # A collection of lines ends with its last value, not where the next thing starts.
        last = parts[-1] if parts and not flow else None
        end = event.end_mark
        place = (
            self.document,
            start.line + 1,
            start.column + 1,
            last.end_line if last else end.line + 1,
            last.end_column if last else end.column + 1,
        )
        if frame.is_mapping:
            pairs = list(self.pairs(parts))
            if frame.lopsided:
                pairs = mend_mapping(pairs, self.findings)
            pairs = [space_pair(pair, flow, self.findings) for pair in pairs]
            self.add(Mapping(*place, self.unique(pairs), flow))
        else:
            if frame.lopsided:
                parts = mend_sequence(parts, self.findings)
            parts = [space_item(part, self.findings) for part in parts]
            self.add(Sequence(*place, parts, flow))

    def pairs(self, parts: list[Node]) -> Iterator[tuple[Scalar, Node]]:
        """The pairs whose keys are words."""
        for key, value in zip(parts[::2], parts[1::2], strict=True):
            if not isinstance(key, Scalar):
                self.unused("a list or mapping as a key", key.span, "a key is a word")
            elif key.text == "<<" and not key.quoted:
                self.unused("<< is a merge key of YAML, which specs do not use", key.span, _BLOCKS)
            elif not isinstance(key, Broken):
                yield key, value

    def unique(self, pairs: list[tuple[Scalar, Node]]) -> list[tuple[Scalar, Node]]:
        """The pairs, each key once: the first stays."""
        if len({key.text for key, _ in pairs}) == len(pairs):
            return pairs
        first: dict[str, tuple[Scalar, Node]] = {}
        for pair in pairs:
            key = pair[0]
            if first.setdefault(key.text, pair) is not pair:
                self.findings.report(
                    "duplicate-key",
                    f"{key.text} stands here a second time",
                    key.span,
                    hint="remove or rename one of the two",
                    related=[Related(first[key.text][0].span, "the first")],
                )
        return list(first.values())
