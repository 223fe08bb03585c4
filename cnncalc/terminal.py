"""Text on a terminal: how wide it is, and that it cannot drive the terminal.

Names and excerpts come out of files that anybody may have written.
"""

from collections.abc import Iterator
from unicodedata import category, combining, east_asian_width


def printable(text: str) -> str:
    """The text with every character that is not to be seen written as an escape: ``\\x1b``."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(cells(text))


def cells(text: str) -> Iterator[str]:
    """What to print for each character of the text.

    Not printable are controls, formats (which turn the direction of text), separators but the
    blank (a no-break space looks like one, and is none to YAML), surrogates and the unassigned.
    """
    for char in text:
        if char.isprintable():
            yield char
        elif ord(char) < 0x100:
            yield {"\t": "\\t", "\n": "\\n", "\r": "\\r"}.get(char, f"\\x{ord(char):02x}")
        else:
            yield f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def width(text: str) -> int:
    """The columns that printable text takes: two for a wide character, none for an accent."""
    if text.isascii():
        return len(text)
    return sum(
        0 if combining(char) or category(char) == "Me" else 1 + (east_asian_width(char) in "WF")
        for char in text
    )


def pad(text: str, columns: int, *, left: bool = True) -> str:
    """The text, aligned left or right in so many columns."""
    blank = " " * (columns - width(text))
    return text + blank if left else blank + text
