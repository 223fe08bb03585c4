"""Specs as they were at a git revision, to compare the present ones with."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from .files import is_file, zoo
from .load import Loaded, load
from .revision import Revision, RevisionError


class Before(NamedTuple):
    """What a spec was: called ``vgg16.yaml@main``; ``loaded`` is None if it is the same to the
    byte, with all that it extends and includes."""

    name: str
    loaded: Loaded | None


class NoBaseline(Exception):
    """A spec that was not there, or was no network."""


class Baseline:
    """A revision, in each of the repositories that the specs lie in."""

    def __init__(self, revision: str) -> None:
        self.revision = revision
        self._revisions: dict[Path, Revision | RevisionError] = {}
        self._renamed: dict[Revision, dict[Path, Path]] = {}

    def before(self, spec: str, now: Loaded, values: Mapping[str, str]) -> Before:
        """What a spec was. Raises NoBaseline, or RevisionError if there is no such revision."""
        path = Path(spec)
        if not is_file(path):
            raise NoBaseline("it is no file in a repository")
        revision = self._at(path)
        place = path if revision.is_file(path) else self._old_place(revision, path)
        if place == path and unchanged(now, revision):
            return Before(f"{spec}@{self.revision}", None)
        loaded = load(str(place), values=values, revision=revision)
        if loaded.graph is None:
            raise NoBaseline("it was no network then" if loaded.missing else "it had errors then")
        return Before(f"{place}@{self.revision}", loaded)

    def _at(self, path: Path) -> Revision:
        """The revision in the repository of a file, looked up once. Raises RevisionError."""
        top = repository(path)
        if top not in self._revisions:
            try:
                self._revisions[top] = Revision(self.revision, path.parent)
            except RevisionError as error:
                self._revisions[top] = error
        revision = self._revisions[top]
        if isinstance(revision, RevisionError):
            raise revision
        return revision

    def _old_place(self, revision: Revision, path: Path) -> Path:
        """Where a file was before it was renamed. Raises NoBaseline."""
        if revision not in self._renamed:
            self._renamed[revision] = revision.renamed()
        old = self._renamed[revision].get(path.parent.resolve() / path.name)
        if old is None:
            raise NoBaseline("it is new")
        return Path(os.path.relpath(old))


def repository(path: Path) -> Path:
    """The top of the repository that a file lies in; its folder where it lies in none."""
    folder = path.parent.resolve()
    around = (folder, *folder.parents)
    return next((above for above in around if (above / ".git").exists()), folder)


def unchanged(now: Loaded, revision: Revision) -> bool:
    """Whether all files that a spec is made of are the same at a revision.

    A built-in architecture is, unless a file of its name could have come before it then.
    """
    for source in now.sources:
        path = Path(source)
        if not is_file(path):  # --set
            continue
        if path.parent.resolve() == zoo().resolve() and not revision.is_file(path):
            if revision.has_name(path.name):
                return False
        elif not revision.holds(path, path.read_bytes()):
            return False
    return True
