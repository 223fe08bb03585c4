"""Which rules are looked for, how much their findings weigh, and what the rules are told.

Errors always are: what is wrong with a spec cannot be ignored, weighed down or suppressed. What a
user can choose is about warnings and notes.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ..diagnostics import RULES, Rule, Severity, did_you_mean

#: Selects every rule, those too that are off by default.
ALL = "ALL"


class SettingError(ValueError):
    """A setting that means nothing: what is wrong, and what is allowed."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Settings(NamedTuple):
    """What a user chooses. Rules are named by code (``CNN501``), name (``bias-before-norm``) or
    the beginning of codes (``CNN5``); `check` says what is wrong with them.

    ``select``: only these warnings and notes; empty, those that are on by default. ``ignore``:
    not these. Where both name a rule, the more exact one wins, as in ruff. ``severity``: other
    severities; a rule that is given one is on. ``options``: by rule, then by option.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    severity: Mapping[str, Severity] = {}
    options: Mapping[str, Mapping[str, int]] = {}

    def enabled(self, rule: Rule) -> bool:
        """Whether findings of a rule are wanted."""
        if is_error(rule):
            return True
        wanted = exactness(rule, self.select) if self.select else int(RULES[rule.name].default)
        wanted = max(wanted, exactness(rule, self.severity))
        return wanted > exactness(rule, self.ignore)

    def weigh(self, rule: Rule) -> Rule:
        """The rule with the severity that it is given here."""
        if is_error(rule):
            return rule
        word = max(self.severity, key=lambda word: exactness(rule, [word]), default="")
        return rule._replace(severity=self.severity[word]) if matches(word, rule) else rule

    def option(self, rule: str, name: str) -> int:
        """The value of an option of a rule, by their names."""
        for word, values in self.options.items():
            if name in values and matches(word, RULES[rule]):
                return values[name]
        return next(option.default for option in RULES[rule].options if option.name == name)


def is_error(rule: Rule) -> bool:
    """Whether findings of a rule are errors by nature, whatever the settings made of them."""
    return RULES[rule.name].severity == "error"


def matches(word: str, rule: Rule) -> bool:
    """Whether a code, a beginning of codes or a name means a rule."""
    return word == ALL or word == rule.name or (bool(word) and rule.code.startswith(word.upper()))


def exactness(rule: Rule, words: Iterable[str]) -> int:
    """How exactly the words name a rule: 0 not at all, 1 by ALL, then the letters of the code."""
    exact = len(rule.code)
    lengths = (
        1 if word == ALL else exact if word == rule.name else len(word)
        for word in words
        if matches(word, rule)
    )  # fmt: skip
    return max(lengths, default=0)


def rules_of(word: str) -> list[Rule]:
    """The rules that a code, a beginning of codes or a name means. Raises SettingError."""
    found = [rule for rule in RULES.values() if matches(word, rule)]
    if not found:
        codes = [rule.code for rule in RULES.values()]
        close = did_you_mean(word.upper() if word[:3].upper() == "CNN" else word, [*codes, *RULES])
        raise SettingError(f"no rule is called {word}", close or "see the rules: cnncalc explain")
    return found


def check_choice(word: str) -> None:
    """Raise SettingError unless a word names rules that a user can switch off, or weigh."""
    if all(is_error(rule) for rule in rules_of(word)):
        raise SettingError(
            f"{word} means errors, and errors can neither be ignored nor made less",
            "warnings and notes can: cnncalc explain lists them",
        )


def check_severity(word: str, severity: Any) -> None:
    """Raise SettingError unless the rules of a word can have this severity."""
    check_choice(word)
    if severity not in ("error", "warning", "note"):
        raise SettingError(
            f"the severity of {word} is {severity!r}; allowed: error, warning, note",
            f"ignore = [{word!r}] switches it off" if severity in ("off", "none", False) else "",
        )


def check_option(word: str, name: str, value: Any) -> None:
    """Raise SettingError unless a rule has such an option, and it can have this value."""
    found = rules_of(word)
    if len(found) > 1:
        raise SettingError(f"{word} names {len(found)} rules; options are of one rule")
    options = {option.name: option for option in found[0].options}
    if name not in options:
        hint = did_you_mean(name, options) or f"{found[0].name} has no options"
        raise SettingError(f"{found[0].name} has no option {name}", hint)
    if type(value) is not int or value < options[name].least:
        least = options[name].least
        raise SettingError(
            f"{name} of {found[0].name} is {value!r}; allowed: a whole number from {least}"
        )


def check(settings: Settings) -> None:
    """Raise SettingError for the first setting that means nothing."""
    for word in settings.select:
        rules_of(word)
    for word in settings.ignore:
        check_choice(word)
    for word, severity in settings.severity.items():
        check_severity(word, severity)
    for word, values in settings.options.items():
        for name, value in values.items():
            check_option(word, name, value)
