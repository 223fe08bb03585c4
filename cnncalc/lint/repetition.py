"""CNN515 repeated-entries."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from ..diagnostics import Span
from ..spec.document import Mapping, Node, Scalar
from ..spec.document import Sequence as Items
from ..spec.load import Loaded
from ..spec.model import Block, Entry

#: Longer groups of entries are not compared.
LONGEST = 16
_INDEX = re.compile(r"\bindex\b")


def repeated_entries(loaded: Loaded, lines: int) -> Iterator[tuple[str, Span, str]]:
    """Entries that follow each other unchanged, as (message, place, hint), where the copies after
    the first take so many lines. The longest stretches first, so none is reported twice."""
    file = loaded.file
    if file is None or file.tree is None:
        return
    own = [block for block in file.blocks.values() if block.home is file]
    forms = Forms()
    for entries in bodies(file.entries, own):
        if len(entries) > 1 and entries[0].node.document is file.tree.document:
            yield from repeats(entries, forms, lines)


def bodies(entries: tuple[Entry, ...], blocks: Sequence[Block]) -> Iterator[tuple[Entry, ...]]:
    """Every list of entries: those of the file, its blocks, groups and branches."""
    waiting = [entries, *(block.entries for block in blocks)]
    while waiting:
        entries = waiting.pop()
        yield entries
        for entry in entries:
            if entry.body:
                waiting.append(entry.body)
            waiting += [branch.entries for branch in entry.branches or ()]


def repeats(
    entries: tuple[Entry, ...], forms: "Forms", lines: int
) -> Iterator[tuple[str, Span, str]]:
    """The stretches of one list."""
    numbers = [forms.number(entry.node) for entry in entries]
    runs = sorted(
        (run for length in range(1, LONGEST + 1) for run in runs_of(numbers, length)),
        key=lambda run: (-run[1] * run[2], run[1]),
    )
    taken = set[int]()
    for start, length, times in runs:
        covered = range(start, start + length * times)
        copies = entries[start + length : covered.stop]
        saved = len({n for e in copies for n in range(e.node.line, e.node.end_line + 1)})
        if saved < lines or not taken.isdisjoint(covered):
            continue
        if any(forms.counts_rounds(number) for number in numbers[start : start + length]):
            continue
        taken |= set(covered)
        yield described(entries[start : start + length], times)


def runs_of(numbers: list[int], length: int) -> Iterator[tuple[int, int, int]]:
    """Where groups of a length stand twice or more, as (start, length, times)."""
    start, same = 0, 0
    for at in range(length, len(numbers) + 1):
        if at < len(numbers) and numbers[at] == numbers[at - length]:
            start, same = (at - length if not same else start), same + 1
            continue
        if same >= length:
            yield start, length, 1 + same // length
        same = 0


def described(group: tuple[Entry, ...], times: int) -> tuple[str, Span, str]:
    first, last = group[0], group[-1].node
    what = first.word if len(group) == 1 else f"these {len(group)} entries"
    stands = "stands" if len(group) == 1 else "stand"
    span = first.key.span if len(group) == 1 else first.node.span._replace(
        end_line=last.end_line, end_column=last.end_column
    )  # fmt: skip
    hint = "add times: {0} to one of them" if len(group) == 1 else "repeat: {{times: {0}, …}}"
    message = f"{what} {stands} here {times} times, one after another, without a difference"
    return message, span, hint.format(times)


class Forms:
    """A number for each content of a tree, without its places; the order of keys is no matter."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}
        self._known: dict[Node, int] = {}
        self._indexed = set[int]()

    def number(self, node: Node) -> int:
        """The same for trees of the same content."""
        if node in self._known:
            return self._known[node]
        if isinstance(node, Scalar):
            content: Any = (node.text, node.quoted)
            inside = list[int]()
        else:
            assert isinstance(node, Items | Mapping)
            if isinstance(node, Items):
                inside = [self.number(item) for item in node.items]
                content = tuple(inside)
            else:
                pairs = [(key.text, self.number(value)) for key, value in node.pairs]
                inside = [value for _, value in pairs]
                content = frozenset(pairs)
        number = self._known[node] = self._numbers.setdefault(content, len(self._numbers))
        indexed = isinstance(node, Scalar) and _INDEX.search(node.text)
        if indexed or not self._indexed.isdisjoint(inside):
            self._indexed.add(number)
        return number

    def counts_rounds(self, number: int) -> bool:
        """Whether it reads ``index``, which in a repeat of its own would be another."""
        return number in self._indexed
