"""Read ``expect``: what a spec says its own numbers must be."""

import re

from ..diagnostics import Findings, did_you_mean
from ..metrics import GROWABLE, GROWTH, allowed_keys, meant
from .document import Broken, Mapping, Node, Scalar
from .formula import Formula
from .model import Expectation
from .spelling import respelt
from .values import Names, ValueReader

#: Plain text that is meant as a limit: ``<= 5M``, ``5M``, ``2%``.
_LIMIT = r"[<>=≤≥].*|\d[\d_.]*\s*(%|k|[MGT]|[kMGT]B|[KMGT]iB|px)(,.*)?"
#: What a limit may be given with, beside itself.
_SETTINGS = ("batch", "dtype", "optimizer", "limit")


class ExpectReader:
    """Reads ``expect``; the values wait for the parameters of the file."""

    def __init__(self, reader: ValueReader, findings: Findings, names: Names) -> None:
        self.reader = reader
        self.findings = findings
        self.names = names

    def read(self, node: Node) -> dict[str, Expectation]:
        """What stands below ``expect:``, by its keys."""
        found = {}
        for key, value in self.pairs(node, "expect", allowed_keys("network")):
            match key.text:
                case "training":
                    content = self.limits(value, "training", allowed_keys("training"))
                case "blocks":
                    content = self.patterns(value, "blocks", allowed_keys("blocks"))
                case "layers":
                    content = self.patterns(value, "layers", allowed_keys("layers"))
                case word if word == GROWTH and isinstance(value, Mapping):
                    content = self.limits(value, GROWTH, GROWABLE)
                case _:
                    found[key.text] = self.limit(key, value)
                    continue
            found[key.text] = Expectation(key, content)
        return found

    def patterns(self, node: Node, what: str, keys: tuple[str, ...]) -> dict[str, Expectation]:
        """Limits by the pattern of the blocks or layers that they are for."""
        return {
            key.text: Expectation(key, self.limits(value, key.text, keys))
            for key, value in self.pairs(node, what)
        }

    def limits(self, node: Node, what: str, keys: tuple[str, ...]) -> dict[str, Expectation]:
        return {key.text: self.limit(key, value) for key, value in self.pairs(node, what, keys)}

    def limit(self, key: Scalar, node: Node) -> Expectation:
        """A limit alone, or with what it depends on: ``{batch: 32, limit: "<= 8 GiB"}``."""
        if not isinstance(node, Mapping):
            return Expectation(key, self.value(node))
        content = {}
        for word, value in self.pairs(node, key.text, _SETTINGS):
            if word.text in ("dtype", "optimizer") and isinstance(value, Scalar):
                content[word.text] = Expectation(word, value)
            else:
                content[word.text] = Expectation(word, self.value(value))
        return Expectation(key, content)

    def value(self, node: Node) -> Formula:
        plain = isinstance(node, Scalar) and not node.quoted and not node.text.isdecimal()
        if isinstance(node, Scalar) and plain and re.fullmatch(_LIMIT, node.text):
            message = f"{node.text} is a limit, and limits are quoted"
            self.findings.report("expression", message, node.span, hint=f'write "{node.text}"')
            return Formula(node, None)
        return self.reader.formula(node, self.names)

    def pairs(
        self, node: Node, what: str, allowed: tuple[str, ...] = ()
    ) -> list[tuple[Scalar, Node]]:
        """The keys of a mapping with their values; findings for keys that are not allowed."""
        if not isinstance(node, Mapping):
            if not isinstance(node, Broken):
                message = f"{what} is a mapping of numbers to their values"
                hint = "for example: {params: 60000, macs: 325680}"
                self.findings.report("structure", message, node.span, hint=hint)
            return []
        good = []
        for key, value in node.pairs:
            if allowed and key.text not in allowed:
                hint = meant(key.text, allowed) or did_you_mean(key.text, allowed)
                message = f"{what} has no key {key.text}"
                fix = respelt(key.text, key.span, allowed)
                self.findings.report("unknown-key", message, key.span, hint=hint, fix=fix)
            else:
                good.append((key, value))
        return good
