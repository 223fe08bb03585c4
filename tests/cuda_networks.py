"""What the tests of our CUDA kernels share: networks whose every step they run on the processor."""

from collections.abc import Collection
from typing import Any

import numpy as np
from cuda_on_cpu import FORWARDS, Launcher
from engine_networks import images, reference

from cnncalc.engine.cuda import native
from cnncalc.engine.cuda.arrays import Arrays, Dtype
from cnncalc.engine.cuda.backend import CudaBackend
from cnncalc.engine.cuda.check import LIMITS, errors, poison
from cnncalc.engine.cuda.device import H200
from cnncalc.engine.cuda.program import Program
from cnncalc.engine.plan import Plan, plan
from cnncalc.engine.weights import Weights, folded
from cnncalc.graph import Graph


class NativeBackend(CudaBackend):
    """The backend for a device, with our own kernels only, launched on the processor."""

    def __init__(self, dtype: Dtype, order: int = FORWARDS) -> None:
        super().__init__(H200, Arrays(dtype), dtype, "native")
        self.launcher = Launcher(order)
        self.kernels = (*native.kernels(dtype, H200, self.launcher), self.kernels[-1])

    def fuses(self, *layers: Any) -> bool:
        return native.fuses(*layers)


def fallen_back(planned: Plan) -> set[str]:
    """The kinds of the steps that the layers' own forward has to run."""
    kernels = zip(planned.steps, planned.kernels, strict=True)
    return {step.body.kind for step, kernel in kernels if kernel.name == "reference"}


def assert_native(
    graph: Graph,
    dtype: Dtype = "float32",
    batch: int = 2,
    falls: Collection[str] | None = (),
    order: int = FORWARDS,
) -> Program:
    """Assert that each step is right to within the limit of the dtype on the inputs that it has,
    in an arena full of NaN; that it writes its outputs and nothing else; that the network's
    outputs are right; and which kinds fall back to the layers' own forward (None: any)."""
    backend = NativeBackend(dtype, order)
    planned, weights = plan(graph, backend), Weights(graph)
    arrays = [folded(step, weights) for step in planned.steps]
    assert falls is None or fallen_back(planned) == set(falls)
    program = backend.prepare(planned, arrays, batch)
    given = images(graph, batch, np.float32)
    program.load(*given)
    poison(program.arena)
    for name, error in errors(program.steps, arrays):
        assert error <= LIMITS[dtype], f"{name}: {error}"
    for bound, call in program.steps:
        assert_writes_outputs(program.arena, bound.outputs, call)
    wide = [one.astype(np.float64) for one in given]
    for found, right in zip(program.run(*given), reference(graph, weights, *wide), strict=True):
        norm = np.linalg.norm(right) or 1
        assert found.shape == right.shape
        assert np.linalg.norm(found - right) / norm < 20 * LIMITS[dtype]
    return program


def assert_writes_outputs(arena: Any, outputs: Any, call: Any) -> None:
    before, old = arena.copy(), [y.copy() for y in outputs]
    call()
    new = [y.copy() for y in outputs]
    for y, values in zip(outputs, old, strict=True):
        y[...] = values
    assert np.array_equal(arena.view(np.uint8), before.view(np.uint8))
    for y, values in zip(outputs, new, strict=True):
        y[...] = values
