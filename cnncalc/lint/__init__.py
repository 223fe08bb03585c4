"""Rules about valid specs that could be better, and what users may choose about all rules."""

from .rules import lint
from .settings import SettingError, Settings, check, rules_of
from .suppression import suppressed

__all__ = ["SettingError", "Settings", "check", "lint", "rules_of", "suppressed"]
