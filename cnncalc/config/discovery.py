"""Find the configuration of a spec: the nearest from its folder upwards.

A folder's configuration is ``cnncalc.toml``, or else ``pyproject.toml`` if that has a table
``[tool.cnncalc]``. The search ends at the top of a repository. A folder that has neither costs
three looks at the disk; TOML is read only where there is a configuration.
"""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ..diagnostics import Findings
from ..diagnostics.located import Located
from ..spec.document import Document
from ..spec.files import shown
from ..spec.text_file import read, straying

if TYPE_CHECKING:
    from .config import Config

OWN = "cnncalc.toml"
SHARED = "pyproject.toml"
#: How TOML can say ``tool.cnncalc``.
_MENTIONED = r"(?m)tool[\"']?\s*\.\s*[\"']?cnncalc|^[ \t]*\[\s*[\"']?tool[\"']?\s*\]"


class Configs:
    """The configurations of specs, each found and read once."""

    def __init__(self) -> None:
        self._of_folder: dict[str, Config | None] = {}

    def of(self, folder: str) -> "Config | None":
        """The configuration for the specs of a folder, an absolute path; None without one."""
        if folder in self._of_folder:
            return self._of_folder[folder]
        config = configuration(folder)
        if config is None and not os.path.exists(os.path.join(folder, ".git")):
            above = os.path.dirname(folder)
            config = self.of(above) if above != folder else None
        self._of_folder[folder] = config
        return config


def configuration(folder: str) -> "Config | None":
    """The configuration in a folder itself."""
    for name in (OWN, SHARED):
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            config = _read(path, name)
            if config is not None:
                return config
    return None


def _read(path: str, name: str) -> "Config | None":
    """The configuration in a file; None for a pyproject.toml that has none."""
    place = shown(Path(path))
    problems = straying(place)
    text, problems = (None, problems) if problems else read(place)
    if name == SHARED and (text is None or not re.search(_MENTIONED, text)):
        return None  # most have nothing for us, and are not even parsed
    from .config import Config, read_config
    from .toml_text import parse

    folder = Path(path).parent
    findings = Findings(problems)
    tables = None if text is None else parse(Document(place, text), findings)
    if tables is not None and name == SHARED:
        tool = tables.get("tool", Located({})).value
        own = tool.get("cnncalc") if isinstance(tool, dict) else None
        if own is None or not isinstance(own.value, dict):
            return None
        tables = own.value
    if tables is None:
        ours = name == OWN or "[tool.cnncalc" in (text or "")  # broken, and meant for us
        return Config(place, folder, text or "", tuple(findings)) if ours else None
    return read_config(place, folder, text or "", tables, findings)
