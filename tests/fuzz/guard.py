"""What a check may do to the machine: look at its folder and the zoo, and nothing else.

An audit hook sees what Python does (https://docs.python.org/3/library/audit_events.html) and lets
pass only what is known here. It can never be removed, so it sleeps outside of `guarded`.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

import cnncalc
from cnncalc.spec.files import zoo

#: Parsing an expression is a "compile"; running what was compiled would be an "exec".
HARMLESS = frozenset(["compile", "object.__getattr__", "sys._getframe", "builtins.id"])
LOOKS = frozenset(
    ["os.listdir", "os.scandir", "os.walk", "pathlib.Path.glob", "pathlib.Path.rglob"]
)
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

#: What `check` imports only when it needs it.
LAZY = (
    "difflib", "encodings.utf_8_sig", "encodings.utf_16_le", "encodings.unicode_escape",
    "encodings.latin_1", "encodings.idna", "hashlib", "importlib.metadata", "textwrap", "tomllib",
    "unicodedata", "xml.etree.ElementTree",
)  # fmt: skip
PARTS = ("analysis", "config", "diagnostics", "layers", "lint", "spec")


class Forbidden(BaseException):
    """Something that no text may make cnncalc do. No handler of ours may catch it."""


class _Guard:
    allowed: tuple[str, ...] = ()
    installed = False


def load_all() -> None:
    """Import what a check could: after this, an import is one that a text asked for."""
    for part in PARTS:
        package = import_module(f"cnncalc.{part}")
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    for name in ("cnncalc.fixing", "cnncalc.checking", "cnncalc.api", *LAZY):
        import_module(name)


@contextmanager
def guarded(folder: Path) -> Iterator[None]:
    """Within this, only files below the folder and in the zoo can be read. Raises Forbidden."""
    if not _Guard.installed:
        load_all()
        sys.addaudithook(_hook)
        _Guard.installed = True
    _Guard.allowed = (os.path.realpath(folder), os.path.realpath(zoo()))
    try:
        yield
    finally:
        _Guard.allowed = ()


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _Guard.allowed or event in HARMLESS:
        return
    allowed, _Guard.allowed = _Guard.allowed, ()  # what follows is our own doing
    try:
        if not _is_fine(event, arguments, allowed):
            raise Forbidden(f"{event}: {arguments!r}")
    finally:
        _Guard.allowed = allowed


def _is_fine(event: str, arguments: tuple[Any, ...], allowed: tuple[str, ...]) -> bool:
    if event == "open":
        path, _, flags = arguments
        if flags & WRITES:
            return False
    elif event in LOOKS:
        path = arguments[0]
    else:
        return False
    if isinstance(path, int):
        return False
    real = os.path.realpath(os.fsdecode(path))
    return any(real == root or real.startswith(root + os.sep) for root in allowed)


assert cnncalc  # the package itself is imported first
