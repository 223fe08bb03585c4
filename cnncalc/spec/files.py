"""Find and open spec files: paths, standard input, the built-in zoo, ``extends``, ``include``.

``extends`` and ``include`` reach only files below the folder of the spec that was asked for, and
the built-in architectures: a spec from somewhere else cannot make cnncalc read other files.
"""

from collections.abc import Iterable
from pathlib import Path

from ..diagnostics import Findings, did_you_mean
from .document import Document, Mapping, Scalar
from .text_file import read
from .yaml_text import parse

SUFFIX = ".yaml"


def zoo() -> Path:
    """The folder of the built-in architectures: in the package, or beside it in a checkout."""
    package = Path(__file__).parent.parent
    inside = package / "architectures"
    return inside if inside.is_dir() else package.parent / "architectures"


def builtin_names() -> list[str]:
    """The names of the built-in architectures, families and libraries included."""
    return sorted(path.stem for path in zoo().glob("*" + SUFFIX))


class Files:
    """The files that one spec is made of, each read once."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        #: The text of each file read, by its path as shown, for excerpts.
        self.sources: dict[str, str] = {}
        self._trees: dict[str, tuple[Document, Mapping | None]] = {}
        self._root: Path | None = None

    def open(self, spec: str) -> tuple[Document, Mapping] | None:
        """The spec a user names: a path, ``-`` for standard input, or a built-in name."""
        if spec == "-":
            return self._read("-")
        path = Path(spec)
        builtin = zoo() / (spec.replace("-", "_") + SUFFIX)
        if not path.is_file() and is_plain_name(spec) and builtin.is_file():
            path = builtin
        elif is_plain_name(spec) and not path.exists() and not path.suffix:
            message = f"there is no file and no built-in architecture called {spec}"
            hint = did_you_mean(spec, builtin_names()) or "see them with: cnncalc list"
            self.findings.report("cannot-read", message, hint=hint)
            return None
        self._root = path.parent.resolve()
        return self._read(shown(path))

    def refer(self, name: Scalar, word: str) -> tuple[Document, Mapping] | None:
        """The file that ``extends`` or ``include`` (the word) names."""
        origin = name.document.path
        folder = None if origin == "-" else Path(origin).parent
        text = name.text if name.text.endswith(SUFFIX) else name.text + SUFFIX
        if Path(text).is_absolute() or ".." in Path(text).parts:
            self._outside(name, word)
            return None
        if folder is not None and (folder / text).is_file():
            path = folder / text
            real = path.resolve()
            inside = self._root is not None and real.is_relative_to(self._root)
            if not inside and not real.is_relative_to(zoo().resolve()):
                self._outside(name, word)
                return None
            return self._read(shown(path))
        if (zoo() / text).is_file():
            return self._read(shown(zoo() / text))
        beside = [] if folder is None else [path.stem for path in folder.glob("*" + SUFFIX)]
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
            text, problems = read(path)
            self.findings.extend(problems)
            if text is None:
                return None
            self.sources[path] = text
            document = Document(path, text)
            tree = parse(document, self.findings)
            if tree is not None and not isinstance(tree, Mapping):
                message = "a spec is a mapping of keys such as name, input and layers"
                self.findings.report("structure", message, tree.span)
                tree = None
            self._trees[path] = document, tree
        document, tree = self._trees[path]
        return (document, tree) if tree is not None else None


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
        if path != "-" and folder.is_dir():
            below = (item for item in folder.rglob("*") if item.suffix in (".yaml", ".yml"))
            found += sorted(str(item) for item in below if item.is_file())
        else:
            found.append(path)
    return list(dict.fromkeys(found))
