"""Which backend runs: the native one where it can, else NumPy's, and why."""

from importlib.util import find_spec
from typing import Any, Literal

from .plan import Algorithm

Engine = Literal["auto", "native", "numpy"]


class NoBackend(ValueError):
    """The engine that was asked for cannot run here."""


def choose_backend(engine: Engine, algorithm: Algorithm) -> tuple[Any, list[str]]:
    """A backend (see `plan.Backend`), and what there is to say of the choice.

    Raises NoBackend if ``engine`` is native and cannot be.
    """
    from .cpu.numpy_backend import NumpyBackend

    if engine == "numpy":
        return NumpyBackend(), []
    reason = missing()
    if not reason:
        from .cpu.native import NativeBackend, Unsupported

        try:
            return NativeBackend(algorithm), []
        except Unsupported as unsupported:
            reason = str(unsupported)
    if engine == "native":
        raise NoBackend(reason)
    return NumpyBackend(), [
        f"{reason}: NumPy's kernels (im2col + BLAS) run everything, without Winograd and several "
        "times slower than native ones"
    ]


def missing() -> str:
    """Why native kernels cannot even be tried; empty if they can."""
    absent = [name for name in ("numba", "llvmlite") if find_spec(name) is None]
    if not absent:
        return ""
    return "Numba is not installed (pip install 'cnncalc[numba]')"
