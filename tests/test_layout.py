"""The house: imports run one way, nothing in a circle, no file too long, no drawer for all.

    layers, diagnostics <- graph <- spec, analysis <- report, formats, engine <- api <- cli
                                    spec, analysis <- lint <- config <- checking <- api

``terminal``, ``units``, ``metrics``, ``jobs`` and ``patterns`` are leaves: anybody may import them,
they import nothing.
"""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "cnncalc"
FILES = sorted(path for path in PACKAGE.rglob("*.py"))

#: What each part may import beside itself and the leaves.
LEAVES = {"terminal", "units", "metrics", "jobs", "patterns"}
BELOW: dict[str, set[str]] = {
    "terminal": set(),
    "units": set(),
    "metrics": set(),
    "jobs": set(),
    "patterns": set(),
    "layers": set(),
    "diagnostics": set(),
    "graph": {"layers", "diagnostics"},
    "spec": {"graph", "layers", "diagnostics"},
    "analysis": {"graph", "layers", "diagnostics"},
    "lint": {"spec", "analysis", "graph", "layers", "diagnostics"},
    "report": {"analysis", "graph", "layers", "diagnostics"},
    "formats": {"analysis", "graph", "layers", "diagnostics"},
    "engine": {"analysis", "graph", "layers", "diagnostics"},
    "config": {"lint", "spec", "analysis", "graph", "layers", "diagnostics"},
    "checking": {"config", "lint", "spec", "analysis", "graph", "layers", "diagnostics"},
    "fixing": {"checking", "spec", "diagnostics"},
    "api": {"checking", "report", "formats", "engine", "spec", "analysis", "graph", "layers",
            "diagnostics"},
    "cli": {"api", "checking", "fixing", "lint", "report", "formats", "engine", "spec", "analysis",
            "graph", "layers", "diagnostics", "__init__"},
    "__init__": {"api"},  # when a name of it is first used
    "__main__": {"cli"},
}  # fmt: skip

MOST_LINES = 350
#: Tables, one row below the other, grow with what they list.
TABLES = {"diagnostics/rules.py", "spec/yaml_hints.py"}


def module_of(path: Path) -> tuple[str, ...]:
    """The dotted name below the package, in parts: ("spec", "load"); () for the package."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts


def part_of(path: Path) -> str:
    return module_of(path)[0]


def imports(path: Path) -> set[tuple[str, ...]]:
    """The modules of this package that a file imports anywhere in it, functions included."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            absolute = [tuple(alias.name.split(".")) for alias in node.names]
            found |= {name[1:] for name in absolute if name[0] == "cnncalc"}
        elif isinstance(node, ast.ImportFrom):
            named = tuple(node.module.split(".")) if node.module else ()
            if node.level:
                base = (*parts[: len(parts) - node.level], *named)
            elif named[:1] == ("cnncalc",):
                base = named[1:]
            else:
                continue
            found |= {target(base, alias.name) for alias in node.names}
    return found


def target(base: tuple[str, ...], name: str) -> tuple[str, ...]:
    """The module that ``from base import name`` reads: a module of that name, or base."""
    inside = PACKAGE.joinpath(*base, name)
    is_module = inside.with_suffix(".py").is_file() or (inside / "__init__.py").is_file()
    return (*base, name) if is_module else base


def test_every_part_of_the_package_has_its_place() -> None:
    assert {part_of(path) for path in FILES} <= set(BELOW)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_one_way(path: Path) -> None:
    part = part_of(path)
    found = {name[0] if name else "__init__" for name in imports(path)}
    allowed = {part} | BELOW[part] | (LEAVES if part not in LEAVES else set())
    assert found - allowed == set()


def test_the_parts_make_no_circle() -> None:
    order: list[str] = []
    remaining = dict(BELOW)
    while remaining:
        free = [part for part, below in remaining.items() if below <= set(order)]
        assert free, f"a circle among {sorted(remaining)}"
        order += free
        for part in free:
            del remaining[part]
    assert order.index("layers") < order.index("graph") < order.index("spec") < order.index("cli")


def test_modules_make_no_circle() -> None:
    """Within a part, too: a module is understood from what stands before it.

    What a package's ``__init__`` gathers is not counted as being imported by its modules.
    """
    modules = {module_of(path): imports(path) for path in FILES if path.name != "__init__.py"}
    remaining = {name: {other for other in found if other in modules and other != name}
                 for name, found in modules.items()}  # fmt: skip
    while free := [name for name, found in remaining.items() if not found & remaining.keys()]:
        for name in free:
            del remaining[name]
    assert sorted(".".join(name) for name in remaining) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_is_read_in_one_go(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= MOST_LINES or path.relative_to(PACKAGE).as_posix() in TABLES


@pytest.mark.parametrize("word", ["utils", "util", "helpers", "common", "manager", "misc"])
def test_no_drawer_for_all(word: str) -> None:
    assert [path for path in FILES if word in path.stem.split("_")] == []


def test_a_relative_import_in_a_function_is_seen() -> None:
    assert ("diagnostics", "text") in imports(PACKAGE / "cli" / "output.py")
    assert ("report",) in imports(PACKAGE / "api.py")
