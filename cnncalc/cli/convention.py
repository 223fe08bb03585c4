"""``cnncalc summarize --convention``: what another tool would print, and why."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from ..spec import Loaded
from ..spec.files import zoo
from .output import usage_error

if TYPE_CHECKING:
    from ..analysis.reconciliation import Code, Reconciliation

#: Options that shape the table of layers, or what memory is counted for.
OTHERS = ("columns", "depth", "formulas", "batch", "dtype", "optimizer", "memory")


class ConventionType(click.ParamType):  # type: ignore[type-arg]
    """The name of a tool; the table is read when one is given."""

    name = "tool"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from ..analysis.conventions import CONVENTIONS

        return click.Choice(list(CONVENTIONS)).convert(value, param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from ..analysis.conventions import CONVENTIONS

        return [CompletionItem(name) for name in CONVENTIONS if name.startswith(incomplete)]


def reconciliation(loaded: Loaded, convention: str) -> "Reconciliation":
    """The ledger of a spec that has a graph. Raises click.UsageError."""
    from ..analysis.reconciliation import NotComparable, reconcile

    assert loaded.graph is not None
    context = click.get_current_context()
    for name in OTHERS:
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
            raise usage_error(f"--convention prints a ledger for one image, without --{name}")
    try:
        return reconcile(loaded.graph, convention, torchvision_code(loaded))
    except NotComparable as error:
        raise usage_error(str(error)) from None


def torchvision_code(loaded: Loaded) -> "Code":
    """How torchvision writes the built-in family that the spec is, or extends."""
    from ..analysis.reconciliation import TORCHVISION, Code

    for path in map(Path, loaded.sources):
        if path.stem in TORCHVISION and path.resolve().parent == zoo().resolve():
            return TORCHVISION[path.stem]
    return Code()
