"""What the tests of the native engine share: a poisoned run against the layers' own forward."""

import numpy as np
from engine_networks import images, reference

from cnncalc.engine.cpu.native import NativeBackend
from cnncalc.engine.cpu.program import NativeProgram
from cnncalc.engine.plan import Algorithm, plan
from cnncalc.engine.weights import Weights, folded
from cnncalc.graph import Graph


def native(
    graph: Graph, batch: int, threads: int = 2, backend: NativeBackend | None = None
) -> NativeProgram:
    backend = backend or NativeBackend()
    planned, weights = plan(graph, backend, backend.algorithm), Weights(graph)
    arrays = [folded(step, weights) for step in planned.steps]
    return backend.prepare(planned, arrays, batch, threads)


def assert_native(
    graph: Graph,
    batch: int = 2,
    algorithm: Algorithm = "auto",
    tolerance: float = 1e-5,
    backend: NativeBackend | None = None,
) -> NativeProgram:
    """Assert that the native engine gives in float32 what the layers give in float64, in an arena
    full of NaN: whatever is read before it is written shows. Runs twice."""
    program = native(graph, batch, backend=backend or NativeBackend(algorithm))
    given = images(graph, batch, np.float32)
    expected = reference(graph, Weights(graph), *(one.astype(np.float64) for one in given))
    for _ in range(2):
        program.arena.fill(np.nan)
        found = program.run(*given)
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert one.shape == other.shape
            scale = max(1e-30, float(np.abs(other).max()))
            np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * scale)
    program.close()
    return program
