"""Misspelt words: the one that was meant, and patterns of how a word is misspelt.

A slip is one letter too many, too few, wrong, or two in the wrong order; another case or other
underscores are no slip at all: ``BatchNorm2d`` can only be ``batch_norm2d``. A digit is never a
slip: nobody knows whether ``relu7`` was meant to be ``relu`` or ``relu6``.
"""

import re
from collections.abc import Collection, Iterable

from ..diagnostics import Edit, Fix, Span, closest

#: In shorter words every slip is another word, as ``drop`` is none of ``crop``; only letters in
#: the wrong order are one, and not even those in words of three.
SHORTEST = 5


def meant(word: str, choices: Iterable[str]) -> str | None:
    """The one choice that a word can only be meant to be; None if there is none, or two."""
    choices = list(choices)
    plain = _plain(word)
    same = [choice for choice in choices if _plain(choice) == plain]
    near = same or [choice for choice in choices if is_slip(plain, _plain(choice))]
    if len(near) != 1 or word in choices:
        return None
    found = near[0]
    alike = same or (
        (min(len(plain), len(found)) >= SHORTEST or sorted(plain) == sorted(found))
        and len(plain) > 3
        and _digits(plain) == _digits(found)
        and closest(word, choices) == found
    )
    return found if alike else None


def respelt(word: str, span: Span, choices: Iterable[str]) -> Fix | None:
    """The fix that writes the one word that was meant; None if there is no such word."""
    found = meant(word, choices)
    one_line = span.line == span.end_line and span.end_column - span.column == len(word)
    return Fix(f"write {found}", (Edit(span, found),)) if found and one_line else None


def is_slip(word: str, other: str) -> bool:
    """Whether two words differ by one letter added, left out, replaced or swapped."""
    if word == other or abs(len(word) - len(other)) > 1:
        return False
    start = next(
        (i for i, (a, b) in enumerate(zip(word, other, strict=False)) if a != b),
        min(len(word), len(other)),
    )
    rest, wanted = word[start:], other[start:]
    return (
        rest[1:] == wanted
        or rest == wanted[1:]
        or rest[1:] == wanted[1:]
        or (rest[:2] == wanted[1::-1] and rest[2:] == wanted[2:])
    )


def _plain(word: str) -> str:
    return word.casefold().replace("_", "")


def _digits(word: str) -> list[str]:
    return sorted(re.findall(r"\d", word))


def misspellings(word: str, known: Collection[str]) -> str:
    """A regular expression, of JavaScript and Python, of how a word is misspelt, but for the
    words that are known. In the word, ``[123]`` stands for one of the digits."""
    letters = re.findall(r"\[[^]]*\]|.", word)
    cases = "".join(_any_case(letter) for letter in letters)
    forms = [cases]
    if len(letters) > 3:
        slips = "|".join(_slips(letters))
        forms.append(rf"(?!\w*[0-9]$)(?:{slips})")
    pattern = f"(?:{'|'.join(forms)})$"
    taken = "|".join(sorted(other for other in known if re.match(pattern, other)))
    return f"^(?!(?:{taken})$){pattern}" if taken else f"^{pattern}"


def _any_case(letter: str) -> str:
    if letter == "_":
        return "_?"
    return f"[{letter}{letter.upper()}]" if letter.isalpha() else letter


def _slips(letters: list[str]) -> Iterable[str]:
    for place, letter in enumerate(letters):
        start, rest = "".join(letters[:place]), letters[place + 1 :]
        if len(letters) >= SHORTEST:
            yield rf"{start}\w?{letter}?{''.join(rest)}"  # one more, another one, or none
        if rest:
            yield start + rest[0] + letter + "".join(rest[1:])
    if len(letters) >= SHORTEST:
        yield "".join(letters) + r"\w"
