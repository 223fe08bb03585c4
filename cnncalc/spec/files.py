"""Find and open spec files: paths, standard input, the built-in zoo, ``extends``, ``include``.

A path may name a git revision, ``vgg16.yaml@main``: then what that file extends and includes is
read at the revision too, but for built-in architectures, which are those of this cnncalc.

``extends`` and ``include`` reach only files below the folder of the spec that was asked for, and
the built-in architectures: a spec from somewhere else cannot make cnncalc read other files.
"""

import os
from collections.abc import Iterable
from collections.abc import Mapping as Mappable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..diagnostics import Diagnostic, Findings, did_you_mean
from .document import Document, Mapping, Node, Scalar
from .text_file import MAX_BYTES, decode, read, report_size
from .yaml_text import parse

if TYPE_CHECKING:
    from .revision import Revision

SUFFIX = ".yaml"
#: Of larger texts the trees are not kept for the next spec.
SHARED_TEXT = 2**16


def zoo() -> Path:
    """The folder of the built-in architectures: in the package, or beside it in a checkout."""
    package = Path(__file__).parent.parent
    inside = package / "architectures"
    return inside if inside.is_dir() else package.parent / "architectures"


def builtin_names() -> list[str]:
    """The names of the built-in architectures, families and libraries included."""
    return sorted(path.stem for path in zoo().glob("*" + SUFFIX))


class Files:
    """The files that one spec is made of, each read once.

    ``stdin`` is what standard input holds, if that was read before; ``texts`` take the place of
    those of files, by path as shown. With a ``revision``, paths are looked up there.
    """

    def __init__(
        self, findings: Findings, stdin: str | None = None, revision: "Revision | None" = None,
        texts: Mappable[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.findings = findings
        self._texts = {**(texts or {}), **({} if stdin is None else {"-": stdin})}
        self._revision = revision
        #: The files of a revision by their paths as shown: where each is, and at which.
        self._revised: dict[str, tuple[Path, Revision]] = {}
        #: The text of each file read, by its path as shown, for excerpts.
        self.sources: dict[str, str] = {}
        self._trees: dict[str, tuple[Document, Mapping | None]] = {}
        self._root: Path | None = None

    def open(self, spec: str) -> tuple[Document, Mapping] | None:
        """The spec a user names: a path, ``-`` for standard input, or a built-in name."""
        if spec == "-":
            return self._read("-")
        path = Path(spec)
        if self._revision is not None:
            self._root = resolved(path.parent)
            return self._read(self._revise(path, self._revision))
        builtin = zoo() / (spec.replace("-", "_") + SUFFIX)
        if not is_file(path) and is_plain_name(spec) and is_file(builtin):
            path = builtin
        elif "@" in spec and not os.path.exists(path):
            found = self._at_revision(spec)
            return None if found is None else self._read(found)
        elif is_plain_name(spec) and not os.path.exists(path) and not path.suffix:
            message = f"there is no file and no built-in architecture called {spec}"
            hint = did_you_mean(spec, builtin_names()) or "see them with: cnncalc list"
            self.findings.report("cannot-read", message, hint=hint)
            return None
        self._root = resolved(path.parent)
        return self._read(shown(path))

    def refer(self, name: Scalar, word: str) -> tuple[Document, Mapping] | None:
        """The file that ``extends`` or ``include`` (the word) names."""
        origin = name.document.path
        place, revision = self._revised.get(origin, (Path(origin), None))
        folder = None if origin == "-" else place.parent
        text = name.text if name.text.endswith(SUFFIX) else name.text + SUFFIX
        if Path(text).is_absolute() or ".." in Path(text).parts:
            self._outside(name, word)
            return None
        if folder is not None and revision is not None:
            if revision.is_file(folder / text):
                return self._read(self._revise(folder / text, revision))
        elif folder is not None and is_file(folder / text):
            path = folder / text
            real = resolved(path)
            inside = self._root is not None and real.is_relative_to(self._root)
            if not inside and not real.is_relative_to(zoo().resolve()):
                self._outside(name, word)
                return None
            return self._read(shown(path))
        if is_file(zoo() / text):
            return self._read(shown(zoo() / text))
        beside: list[str] = []
        if folder is not None and revision is not None:
            beside = revision.beside(folder, SUFFIX)
        elif folder is not None:
            beside = [path.stem for path in folder.glob("*" + SUFFIX)]
        message = f"{word} finds no {text} beside the file, and no such built-in architecture"
        hint = did_you_mean(name.text, {*beside, *builtin_names()})
        self.findings.report("not-found", message, name.span, hint=hint)
        return None

    def _outside(self, name: Scalar, word: str) -> None:
        message = f"{word} may not leave the spec's own folder: {name.text}"
        hint = "allowed: files below the folder of the spec, and built-in architectures"
        self.findings.report("outside", message, name.span, hint=hint)

    def _read(self, path: str) -> tuple[Document, Mapping] | None:
        if path not in self._trees:
            text = self._text(path)
            if text is None:
                return None
            self.sources[path] = text
            if self._trees and len(text) <= SHARED_TEXT:
                document, tree, findings = shared_tree(path, text)
                self.findings.extend(findings)
            else:
                document = Document(path, text)
                tree = parse(document, self.findings)
            if tree is not None and not isinstance(tree, Mapping):
                message = "a spec is a mapping of keys such as name, input and layers"
                self.findings.report("structure", message, tree.span)
                tree = None
            self._trees[path] = document, tree
        document, tree = self._trees[path]
        return (document, tree) if tree is not None else None

    def _text(self, path: str) -> str | None:
        """The text of a file by its path as shown, or None with findings."""
        if path in self._texts:
            return self._texts[path]
        if path not in self._revised:
            text, problems = read(path)
            self.findings.extend(problems)
            return text
        place, revision = self._revised[path]
        tracked = revision.find(place)
        if tracked.size > MAX_BYTES:
            report_size(path, tracked.size, self.findings)
            return None
        return decode(path, revision.read(tracked), self.findings)

    def _at_revision(self, spec: str) -> str | None:
        """The path as shown of ``path@revision``; None with a finding if there is no such file."""
        from .revision import Revision, RevisionError, split

        try:
            place, name = split(spec)
            revision = Revision(name, place.parent)
            revision.find(place)
        except RevisionError as error:
            self.findings.report("cannot-read", error.message, hint=error.hint)
            return None
        self._root = resolved(place.parent)
        return self._revise(place, revision)

    def _revise(self, place: Path, revision: "Revision") -> str:
        path = f"{shown(place)}@{revision.name}"
        self._revised[path] = place, revision
        return path


@lru_cache(maxsize=64)
def shared_tree(path: str, text: str) -> tuple[Document, Node | None, list[Diagnostic]]:
    """The tree of a file that a spec extends or includes, and its findings: the specs of a folder
    share a few of them. Trees do not change once they are made."""
    document, findings = Document(path, text), Findings()
    tree = parse(document, findings)
    return document, tree, list(findings)


def is_file(path: Path) -> bool:
    """Whether there is such a file; no error for a name that no file can have."""
    return os.path.isfile(path)


def resolved(path: Path) -> Path:
    """The path without links; one that leads in circles stays as it is."""
    return Path(os.path.realpath(path))


def is_plain_name(spec: str) -> bool:
    """Whether a spec may be the name of a built-in: no folder in it."""
    return "/" not in spec and "\\" not in spec and spec not in ("", ".", "..")


def shown(path: Path) -> str:
    """A path as it is shown: relative to the working folder where it lies below it."""
    if path.is_absolute():
        try:
            return str(path.relative_to(Path.cwd()))
        except (ValueError, OSError):
            return str(path)
    return str(path)


def spec_files(paths: Iterable[str]) -> list[str]:
    """The spec files that paths name: files as they are, of folders all *.yaml and *.yml below."""
    found: list[str] = []
    for path in paths:
        folder = Path(path)
        if path != "-" and os.path.isdir(path):
            below = (item for item in folder.rglob("*") if item.suffix in (".yaml", ".yml"))
            found += sorted(str(item) for item in below if item.is_file())
        else:
            found.append(path)
    return list(dict.fromkeys(found))
