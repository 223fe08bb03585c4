"""Load a spec: from a path, standard input or a built-in name to a graph and findings."""

from collections.abc import Mapping as Mappable
from typing import TYPE_CHECKING, NamedTuple

from ..diagnostics import Findings, TooManyErrors
from ..diagnostics.located import Located
from ..graph import Graph
from .document import Document, Node
from .files import Files
from .model import File
from .namespace import Namespace
from .network import Given, build, check_literal_inputs
from .reader import SpecReader, is_library
from .scope import Scope
from .yaml_text import parse

if TYPE_CHECKING:
    from .revision import Revision

#: Nobody reads more of one spec; a file of nonsense has millions.
MAX_ERRORS = 1_000


class Loaded(NamedTuple):
    """A spec that was loaded: its graph, if it has one, and everything there is to say of it.

    ``graph`` is None if there are errors, or if the spec is a template: then ``missing`` names
    the parameters that have no value; or if it is a ``library`` of blocks. ``expect`` holds its
    contracts by their keys, each with its place. ``sources``
    are the texts read, by path. ``file`` is the spec as read, for rules about its text; None if it
    has errors or is a library.
    """

    name: str
    citation: str | None
    graph: Graph | None
    findings: Findings
    missing: tuple[str, ...]
    expect: dict[str, Located]
    sources: dict[str, str]
    library: bool = False
    file: File | None = None


def load(
    spec: str,
    *,
    values: Mappable[str, str] | None = None,
    shape: Given | None = None,
    stdin: str | None = None,
    revision: "Revision | None" = None,
    texts: Mappable[str, str] | None = None,
) -> Loaded:
    """Load a spec by path, ``-`` or built-in name.

    ``values`` sets parameters (--set name=value; each value as it would be written in a spec);
    ``shape`` replaces the shape [C, H, W] of the only input, or those of inputs by their names.
    ``stdin`` is what standard input holds, if that was read before. With a ``revision`` the path
    is read as it was there, and all that the file extends and includes. ``texts`` take the place
    of those of files, by path as shown.
    Never raises for what a spec may hold: see the findings.
    """
    findings = Findings(limit=MAX_ERRORS)
    files = Files(findings, stdin, revision, texts or {})
    try:
        return _load(spec, files, values or {}, shape)
    except TooManyErrors:
        return Loaded(spec, None, None, findings, (), {}, files.sources)


def _load(spec: str, files: Files, values: Mappable[str, str], shape: Given | None) -> Loaded:
    findings = files.findings
    opened = files.open(spec)
    if opened is None:
        return Loaded(spec, None, None, findings, (), {}, files.sources)
    settings: dict[str, Node] = {}
    for name, text in values.items():
        document = Document(f"--set {name}", text)
        files.sources[document.path] = text
        node = parse(document, findings)
        if node is not None:
            settings[name] = node
    reader = SpecReader(files, findings)
    if is_library(opened[1]):
        reader.read_library(opened[1])
        return Loaded(spec, None, None, findings, (), {}, files.sources, library=True)
    file = reader.read(opened[1], settings)
    if file is None:
        return Loaded(spec, None, None, findings, (), {}, files.sources)
    missing = tuple(name for name, formula in file.parameters.items() if formula is None)
    if missing and not findings.failed:
        check_literal_inputs(file, findings)
        return Loaded(
            file.name, file.citation, None, findings, missing, {}, files.sources, file=file
        )
    graph = build(file, findings, shape)
    expect = contracts(file, findings)
    return Loaded(
        file.name or spec, file.citation, None if findings.failed else graph, findings,
        (), expect, files.sources, file=None if findings.failed else file,
    )  # fmt: skip


def contracts(file: File, findings: Findings) -> dict[str, Located]:
    """The values of ``expect``."""
    scope = Scope({}, file, (), Namespace(), lambda values: 0)
    read = {key: item.located(scope.lookup, findings) for key, item in file.expect.items()}
    return {key: item for key, item in read.items() if item is not None}
