"""Files as they were at a git revision: what ``vgg16.yaml@main`` names.

Git is run without a shell, only to look: nothing is checked out, no hook or filter runs, and
nothing is fetched.
"""

import os
from pathlib import Path
from typing import NamedTuple

from ..diagnostics import did_you_mean

#: Longer than this git does not take to look something up.
SECONDS = 30

#: Git speaks English, changes nothing, asks nobody and fetches nothing.
ENVIRONMENT = {
    "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1",
    "GIT_TERMINAL_PROMPT": "0",
}  # fmt: skip

#: What helps where git has the last commits only.
SHALLOW = "this is a shallow clone: fetch-depth: 0 for actions/checkout, or git fetch --unshallow"


class RevisionError(Exception):
    """A revision, or a file at a revision, that is not there. ``hint`` says what could help."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Tracked(NamedTuple):
    """A file in a commit: git's name of its content, and how many bytes that has."""

    blob: str
    size: int


class Revision:
    """All files of the commit that a revision (a branch, a tag, ``HEAD~2``) stands for."""

    def __init__(self, name: str, folder: Path) -> None:
        """The revision in the repository around a folder. Raises RevisionError."""
        self.name = name
        while not folder.is_dir():  # one that was there at the time
            folder = folder.parent
        self._folder = folder
        try:
            self._top = Path(os.fsdecode(self._git("rev-parse", "--show-toplevel")).rstrip("\n"))
        except GitFailed as error:
            raise RevisionError(
                f"{folder.resolve()} is not in a git repository, so it has no revision {name}",
                error.said,
            ) from None
        try:
            wanted = f"{name}^{{commit}}"
            commit = self._git("rev-parse", "--verify", "--quiet", "--end-of-options", wanted)
        except GitFailed:
            hint = SHALLOW if self._is_shallow() else did_you_mean(name, self._branches())
            raise RevisionError(f"git knows no revision {name} here", hint) from None
        self._commit = commit.decode().strip()
        self._files = self._listed(self._commit)

    def _listed(self, commit: str) -> dict[str, Tracked]:
        listing = self._git("ls-tree", "-r", "-z", "-l", "--full-tree", commit)
        files = {}
        for entry in filter(None, listing.split(b"\0")):
            kind, _, path = entry.partition(b"\t")
            mode, _, blob, size = kind.split()
            if mode.startswith(b"100"):  # no links, no submodules
                files[os.fsdecode(path)] = Tracked(blob.decode(), int(size))
        return files

    def _branches(self) -> list[str]:
        kinds = ("refs/heads", "refs/tags", "refs/remotes")
        return os.fsdecode(self._git("for-each-ref", "--format=%(refname:short)", *kinds)).split()

    def _is_shallow(self) -> bool:
        return self._git("rev-parse", "--is-shallow-repository").strip() == b"true"

    def _key(self, path: Path) -> str:
        """A path as git writes it: from the top of the repository."""
        real = path.parent.resolve() / path.name
        return real.relative_to(self._top.resolve()).as_posix()

    def is_file(self, path: Path) -> bool:
        try:
            return self._key(path) in self._files
        except ValueError:  # outside the repository
            return False

    def beside(self, folder: Path, suffix: str) -> list[str]:
        """The names, without the suffix, of the files in a folder that have it."""
        paths = map(Path, self._files)
        here = self._key(folder / "any").removesuffix("any")
        return [
            path.stem for path in paths if path.suffix == suffix and here + path.name in self._files
        ]

    def find(self, path: Path) -> Tracked:
        """A file of the commit. Raises RevisionError."""
        if not self.is_file(path):
            hint = did_you_mean(path.name, {Path(file).name for file in self._files})
            raise RevisionError(f"{path} is not a tracked file at {self.name}", hint)
        return self._files[self._key(path)]

    def holds(self, path: Path, data: bytes) -> bool:
        """Whether a file has exactly this content at the revision."""
        from hashlib import new

        if not self.is_file(path):
            return False
        blob = self.find(path).blob
        content = b"blob %d\0" % len(data) + data
        return new("sha1" if len(blob) == 40 else "sha256", content).hexdigest() == blob

    def has_name(self, name: str) -> bool:
        """Whether any file of the commit is called so, in whatever folder."""
        return any(path.rpartition("/")[2] == name for path in self._files)

    def renamed(self) -> dict[Path, Path]:
        """Files that git takes for renamed since, as far as they are in its index: now → then."""
        words = ("diff-index", "--cached", "-z", "-M", "--name-status", "--diff-filter=R")
        said = os.fsdecode(self._git(*words, self._commit, "--")).split("\0")
        top = self._top.resolve()
        return {top / now: top / then for then, now in zip(said[1::3], said[2::3], strict=True)}

    def read(self, tracked: Tracked) -> bytes:
        return self._git("cat-file", "blob", tracked.blob)

    def _git(self, *words: str) -> bytes:
        """What git prints. Raises GitFailed, or RevisionError if it cannot be run at all."""
        from subprocess import DEVNULL, CalledProcessError, TimeoutExpired, run

        environment = os.environ | ENVIRONMENT
        command = ["git", "-C", os.fspath(self._folder), *words]
        try:
            ended = run(
                command, env=environment, stdin=DEVNULL, capture_output=True, check=True,
                timeout=SECONDS,
            )  # fmt: skip
        except FileNotFoundError:
            message = f"git is not installed, so there is no looking at {self.name}"
            raise RevisionError(message) from None
        except TimeoutExpired:
            raise RevisionError(f"git did not answer in {SECONDS} seconds") from None
        except CalledProcessError as error:
            raise GitFailed(error.stderr.decode("utf-8", "replace").strip()) from None
        return ended.stdout


class GitFailed(RevisionError):
    """Git ended with an error; ``said`` is what it printed."""

    def __init__(self, said: str) -> None:
        super().__init__(f"git failed: {said}")
        self.said = said


def split(spec: str) -> tuple[Path, str]:
    """The path and the revision in ``path@revision``. Raises RevisionError.

    A revision may hold an @ (``HEAD@{1}``), and so may a path before its suffix.
    """
    for mark in (".yaml@", ".yml@", "@"):
        if mark in spec:
            start = spec.index(mark) + len(mark) - 1
            break
    path, revision = spec[:start], spec[start + 1 :]
    if not path or not revision:
        message = f"there is no file {spec}"
        raise RevisionError(message, "a file at a git revision is written vgg16.yaml@main")
    return Path(path), revision
