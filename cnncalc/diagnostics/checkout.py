"""Where a file stands in its repository: what annotations and reports of CI name it by."""

import os
from collections.abc import Mapping
from pathlib import PurePath
from typing import NamedTuple

#: Where CI says that the repository is, for checkouts without a ``.git``.
_VARIABLES = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")


class Checkout(NamedTuple):
    """The top of a repository, and the folder inside it that paths are relative to."""

    top: str = os.sep
    folder: str = os.sep

    @classmethod
    def around(cls, folder: str, environ: Mapping[str, str]) -> "Checkout":
        """The repository that an absolute folder is in; the folder itself if in none."""
        here = PurePath(folder)
        for top in (here, *here.parents):
            if os.path.exists(top / ".git"):
                return cls(str(top), folder)
        for name in _VARIABLES:
            if environ.get(name) and here.is_relative_to(environ[name]):
                return cls(environ[name], folder)
        return cls(folder, folder)

    def path(self, shown: str) -> str | None:
        """The path of a span, from the top and with / between folders; None for what is no file
        of the repository: standard input, ``--set``, a built-in architecture."""
        if shown.startswith("-"):
            return None
        whole = PurePath(os.path.normpath(os.path.join(self.folder, shown)))
        return whole.relative_to(self.top).as_posix() if whole.is_relative_to(self.top) else None


#: A repository nobody knows the place of: relative paths stay as they are.
UNKNOWN = Checkout()
