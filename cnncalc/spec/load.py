"""Load a spec: from a path, standard input or a built-in name to a graph and findings."""

from collections.abc import Mapping as Mappable
from typing import Any, NamedTuple

from ..diagnostics import Findings, Span, TooManyErrors
from ..graph import Graph
from .document import Document, Node
from .files import Files
from .formula import EvaluationError, Poisoned
from .model import File
from .namespace import Namespace
from .network import Given, build
from .reader import SpecReader, is_library
from .scope import Scope
from .yaml_text import parse

#: Nobody reads more of one spec; a file of nonsense has millions.
MAX_ERRORS = 1_000


class Loaded(NamedTuple):
    """A spec that was loaded: its graph, if it has one, and everything there is to say of it.

    ``graph`` is None if there are errors, or if the spec is a template: then ``missing`` names
    the parameters that have no value; or if it is a ``library`` of blocks. ``expect`` holds its
    contracts, flat (``params``, ``training.macs``, ``output``), each with its place. ``sources``
    are the texts read, by path.
    """

    name: str
    citation: str | None
    graph: Graph | None
    findings: Findings
    missing: tuple[str, ...]
    expect: dict[str, tuple[Any, Span]]
    sources: dict[str, str]
    library: bool = False


def load(
    spec: str,
    *,
    values: Mappable[str, str] | None = None,
    shape: Given | None = None,
    stdin: str | None = None,
) -> Loaded:
    """Load a spec by path, ``-`` or built-in name.

    ``values`` sets parameters (--set name=value; each value as it would be written in a spec);
    ``shape`` replaces the shape [C, H, W] of the only input, or those of inputs by their names.
    ``stdin`` is what standard input holds, if that was read before.
    Never raises for what a spec may hold: see the findings.
    """
    findings = Findings(limit=MAX_ERRORS)
    files = Files(findings, stdin)
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
        return Loaded(file.name, file.citation, None, findings, missing, {}, files.sources)
    graph = build(file, findings, shape)
    expect = contracts(file, findings)
    return Loaded(
        file.name or spec, file.citation, None if findings.failed else graph, findings,
        (), expect, files.sources,
    )  # fmt: skip


def contracts(file: File, findings: Findings) -> dict[str, tuple[Any, Span]]:
    """The values of ``expect``."""
    scope = Scope({}, file, (), Namespace(), lambda values: 0)
    found: dict[str, tuple[Any, Span]] = {}
    for name, formula in file.expect.items():
        try:
            found[name] = formula.evaluate(scope.lookup), formula.span
        except EvaluationError as error:
            findings.report(error.rule, error.message, error.span, hint=error.hint)
        except Poisoned:
            pass
    return found
