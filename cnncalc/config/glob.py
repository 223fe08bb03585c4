"""Which files a pattern means, as in .gitignore (but without exceptions)."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from ..patterns import matches


def means(pattern: str, path: str) -> bool:
    """Whether a pattern means a path; both are relative to the configuration, with slashes.

    ``*``, ``?`` and ``[abc]`` stand for text within a name, ``**`` for any folders. A pattern
    without a slash means names in any folder, and a folder means all that is in it.
    """
    parts = PurePosixPath(pattern).parts
    if "/" not in pattern.rstrip("/"):
        parts = ("**", *parts)
    return _means(parts, PurePosixPath(path).parts)


def _means(patterns: Sequence[str], names: Sequence[str]) -> bool:
    ends = {0}  # where the names may go on after the patterns so far; all ways in step
    for pattern in patterns:
        if pattern == "**":
            ends = set(range(min(ends, default=len(names) + 1), len(names) + 1))
        else:
            inside = (end for end in ends if end < len(names))
            ends = {end + 1 for end in inside if matches(names[end], pattern)}
    return bool(ends)


def specs_below(folder: Path) -> Iterator[str]:
    """The paths of all specs below a folder, relative to it; not those in hidden folders."""
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        below = Path(place).relative_to(folder)
        yield from ((below / name).as_posix() for name in files if name.endswith((".yaml", ".yml")))
