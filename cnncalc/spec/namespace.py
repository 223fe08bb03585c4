"""What layers are called, and who can read whom.

A named call, a named ``sequential`` or ``head`` and every branch is a namespace:
``layer1.0.shortcut.conv2d``. ``from`` looks in its own namespace, then outwards up to the edge of
the call; from outside, ``call`` is a call's output and ``call.inner`` a named layer in it.
"""

import re
from typing import NamedTuple

from ..graph import Value
from .words import NULLS

#: What flows into and out of an entry; None is poison.
Values = tuple[Value | None, ...]
POISONED: Values = (None,)


#: No spaces, nothing that means something in YAML or in computed names, no empty parts.
_LABEL = re.compile(
    r"""(?!-)[^\s()\[\]{},:#&*!|<>'"%@`?\\.]+(\.[^\s()\[\]{},:#&*!|<>'"%@`?\\.]+)*"""
)


#: Longer names are a mistake: no report could show them, and 200,000 of them fill the memory.
MAX_LABEL, MAX_NAME = 100, 1_000


def is_label(text: str) -> bool:
    """Whether a layer or a branch may be called so."""
    fits = len(text) <= MAX_LABEL and text.isprintable() and text not in NULLS
    return fits and _LABEL.fullmatch(text) is not None


class Label(NamedTuple):
    """What a name stands for: the values, and the nodes that were made for it."""

    values: Values
    first: int
    last: int


class Namespace:
    """The names of one call, branch or named group."""

    __slots__ = (
        "_chain", "branches", "counts", "incomplete", "labels", "outward", "prefix", "spaces",
        "used",
    )  # fmt: skip

    def __init__(
        self, prefix: str = "", outward: "Namespace | None" = None, used: set[str] | None = None
    ) -> None:
        self.prefix = prefix
        #: Where ``from`` looks next; None at the edge of a call.
        self.outward = outward
        self.labels: dict[str, Label] = {}
        #: The full names that are taken, in the whole network.
        self.used: set[str] = set() if used is None else used
        self.counts: dict[str, int] = {}
        self.branches: dict[str, Namespace] = {}
        #: Whether an entry failed before its name was known.
        self.incomplete = False
        self._chain: Namespace | None = None
        #: The insides of named calls and groups.
        self.spaces: dict[str, Namespace] = {}

    def full(self, label: str) -> str:
        return f"{self.prefix}.{label}" if self.prefix else label

    def numbered(self, kind: str) -> str:
        """A label for an entry without a name: its kind, from the second on numbered."""
        while True:
            count = self.counts.get(kind, 0) + 1
            self.counts[kind] = count
            label = kind if count == 1 else f"{kind}_{count}"
            if self.take(label):
                return label

    def take(self, label: str) -> bool:
        """Use a label up; False if it is used already."""
        name = self.full(label)
        if name in self.used:
            return False
        self.used.add(name)
        return True

    def inside(self, label: str, *, edge: bool = False) -> "Namespace":
        """The namespace inside a named group, or (``edge``) inside a call, which sees no more."""
        space = Namespace(self.full(label), None if edge else self, self.used)
        self.spaces[label] = space
        return space

    def chain(self) -> "Namespace":
        """The namespace inside a plain chain: layers are called and numbered as here, but ``from``
        sees nothing of what is around the call."""
        if self._chain is None:
            self._chain = Namespace(self.prefix, None, self.used)
            self._chain.counts = self.counts
        return self._chain

    def branch(self, name: str) -> "Namespace":
        """The namespace of a branch; two merges with equal branch names share it."""
        if name not in self.branches:
            self.branches[name] = Namespace(self.full(name), self, self.used)
        return self.branches[name]

    def resolve(self, path: str) -> Label | None:
        """What a name means here: looked up in this namespace, then outwards."""
        space: Namespace | None = self
        while space is not None:
            if found := space.find(path):
                return found
            space = space.outward
        return None

    def find(self, path: str) -> Label | None:
        """What a dotted name means inside this namespace alone."""
        if path in self.labels:
            return self.labels[path]
        dot = path.find(".")
        while dot > 0:
            head, rest = path[:dot], path[dot + 1 :]
            label = self.labels.get(head)
            if head in self.spaces and (found := self.spaces[head].find(rest)):
                return found
            if label and rest.isdecimal() and int(rest) < len(label.values) > 1:
                return label._replace(values=(label.values[int(rest)],))
            if head in self.branches and (found := self.branches[head].find(rest)):
                return found
            dot = path.find(".", dot + 1)
        return None

    def may_hold(self, path: str) -> bool:
        """Whether a name that is not found may belong to something that failed."""
        heads = [path[:end] for end in range(1, len(path) + 1) if path[end : end + 1] in ("", ".")]
        space: Namespace | None = self
        while space is not None:
            labels = (space.labels.get(head) for head in heads)
            if space.incomplete or any(label and None in label.values for label in labels):
                return True
            space = space.outward
        return False

    def names(self) -> set[str]:
        """Every name that could be written here, for a did-you-mean."""
        return set(self.labels) | (self.outward.names() if self.outward else set())
