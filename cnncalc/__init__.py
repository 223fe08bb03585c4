"""Shapes, parameters, MACs, memory and receptive fields of convolutional networks.

>>> import cnncalc
>>> cnncalc.summarize("vgg16").totals.macs
15470264320

`summarize` and `check` take a path to a spec or the name of a built-in architecture. Everything
is imported when it is first used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import Checked, Network, SpecError, check, load, summarize

__version__ = "0.1.0"
__all__ = ["Checked", "Network", "SpecError", "check", "load", "summarize"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from . import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
