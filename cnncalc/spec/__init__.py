"""The spec language: YAML text → located tree → model → graph."""

from .files import builtin_names, spec_files, zoo
from .load import Loaded, load

__all__ = ["Loaded", "builtin_names", "load", "spec_files", "zoo"]
