"""Names by pattern: ``stage4.*``."""

from fnmatch import fnmatchcase

#: Of longer patterns fnmatch's time grows with the square.
LONGEST = 500


def matches(name: str, pattern: str) -> bool:
    """Whether a pattern of fnmatch means a name; one of more than 500 characters means none."""
    return len(pattern) <= LONGEST and fnmatchcase(name, pattern)
