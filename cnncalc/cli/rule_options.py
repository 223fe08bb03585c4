"""``--select`` and ``--ignore``: rules by code, by name, or by the beginning of codes."""

from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from ..diagnostics import RULES
from ..lint.settings import SettingError, check_choice, is_error, rules_of

F = TypeVar("F", bound=Callable[..., Any])


class RulesType(click.ParamType):  # type: ignore[type-arg]
    """Rules with commas between them, each known to the check given."""

    name = "rules"

    def __init__(self, check: Callable[[str], object]) -> None:
        self.check = check

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        words = tuple(word.strip() for word in value.split(",") if word.strip())
        if not words:
            self.fail("it names no rule; write for example CNN5,unread", param)
        for word in words:
            try:
                self.check(word)
            except SettingError as error:
                self.fail("; ".join(filter(None, (error.message, error.hint))), param)
        return words

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        *chosen, last = incomplete.split(",")
        return [
            CompletionItem(",".join([*chosen, word]), help=rule.summary)
            for rule in RULES.values()
            if not is_error(rule)
            for word in (rule.code, rule.name)
            if word.startswith(last) and word not in chosen
        ]


def joined(
    ctx: click.Context, param: click.Parameter, value: tuple[tuple[str, ...], ...]
) -> tuple[str, ...]:
    return tuple(word for words in value for word in words)


def rule_options(function: F) -> F:
    """``select`` and ``ignore``, each a flat tuple of words."""
    ignore = click.option(
        "--ignore", type=RulesType(check_choice), metavar="RULES", multiple=True, callback=joined,
        help="Leave out these warnings and notes, beside those that the configuration leaves out.",
    )(function)  # fmt: skip
    return click.option(
        "--select", type=RulesType(rules_of), metavar="RULES", multiple=True, callback=joined,
        help="Of warnings and notes, look for these only, and show them: CNN5,unread. Codes, "
        "beginnings of codes and names; ALL also for those that are off by default.",
    )(ignore)  # fmt: skip
