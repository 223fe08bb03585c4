"""The configuration of a project: ``cnncalc.toml``, or ``[tool.cnncalc]`` in ``pyproject.toml``."""

from .discovery import Configs

__all__ = ["Configs"]
