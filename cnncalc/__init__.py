"""Shapes, parameters, MACs, memory and receptive fields of convolutional networks.

A network is a YAML spec, or the name of a built-in architecture:

>>> import cnncalc
>>> vgg16 = cnncalc.summarize("vgg16")
>>> vgg16
<VGG-16: 138,357,544 params, 15,470,264,320 MACs>
>>> vgg16.totals.macs
15470264320
>>> vgg16.layers["conv1_1"].output
(64, 224, 224)
>>> cnncalc.summarize("vgg16", values={"classes": 10}, shape=(3, 128, 192)).totals.output
(10,)
>>> cnncalc.check("vgg16").ok
True

``print(vgg16)`` is the table of ``cnncalc summarize``, and a notebook shows it by itself. What
is wrong with a spec is raised as SpecError by `summarize` and `load`, and returned by `check`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import Checked, Loaded, Network, SpecError, bench, check, load, summarize

__version__ = "0.1.0"
__all__ = ["Checked", "Loaded", "Network", "SpecError", "bench", "check", "load", "summarize"]


def __getattr__(name: str) -> Any:
    # Each name is imported when it is first used: `import cnncalc` costs nothing.
    if name in __all__:
        from . import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
