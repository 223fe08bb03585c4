"""The child that compiles kernels, tries them, and stores the object code of the good ones.

Run as ``python -m cnncalc.engine.cpu.trial DIRECTORY``, with pickled kernels on standard input.
It stops at the first that fails; a crash of LLVM or of the kernel ends this process only.
"""

import ctypes
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite.binding import ObjectFileRef

from ...layers.activation import ELU, GELU, Mish, Softplus
from .compile import host, new_engine, object_code, store, symbol
from .ir import JOB, LANES
from .kernel import PIXEL, MicroKernel
from .peak import Ceiling
from .softmax import SoftmaxKernel
from .table import float_word
from .winograd import InputTransform, OutputTransform, input_matrix, output_matrix

#: The largest error of float32 sums of a few hundred products, relative to the largest value.
TOLERANCE = 1e-5
TILES = 2
#: ``lo`` and ``hi`` of the activations to which they are not the bounds of a clamp.
CONSTANTS = {"leaky": (0.1, 0.0), "elu": (0.7, 0.0), "softplus": (1.5, 5.0)}


def run(code: bytes, name: str, job: dict[str, int]) -> None:
    """Load object code and call its kernel once."""
    engine = new_engine(host())
    engine.add_object_file(ObjectFileRef.from_data(code))
    engine.finalize_object()
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(engine.get_function_address(name))
    record = np.array([job.get(field, 0) for field in JOB], dtype=np.int64)
    function(record.ctypes.data)


def deviation(kernel: Any, code: bytes, name: str) -> float:
    """The largest error of a kernel on random numbers, relative to the largest value."""
    random = np.random.default_rng(0)

    def values(*shape: int) -> Any:
        return random.standard_normal(shape).astype(np.float32)

    if isinstance(kernel, MicroKernel):
        return gap(*tile(kernel, code, name, values))
    if isinstance(kernel, SoftmaxKernel):
        return gap(*softmax(code, name, values))
    if isinstance(kernel, Ceiling):
        return gap(*sums(kernel, code, name, values))
    return gap(*transform(kernel, code, name, values))


def gap(found: Any, wanted: Any) -> float:
    worst = float(np.max(np.abs(found - wanted)) / max(1.0, float(np.max(np.abs(wanted)))))
    return worst if worst == worst else float("inf")


def tile(kernel: MicroKernel, code: bytes, name: str, values: Any) -> tuple[Any, Any]:
    """What a micro-kernel stores and what it should."""
    pixels = kernel.rows * kernel.columns
    row = kernel.columns * kernel.step + 256
    taps = [(0, 5), (64, 3), (kernel.step, 7)]
    across = kernel.columns * kernel.step
    a = values((kernel.rows * row + TILES * across + 4096) // 4)
    b = values(sum(count for _, count in taps), kernel.blocks, LANES)
    bias, residual = values(kernel.blocks, LANES), values(kernel.blocks, pixels * TILES, LANES)
    out = np.full_like(residual, np.nan)
    entries = np.array(taps, dtype=np.int64)
    lo, hi = CONSTANTS.get(kernel.activation, (-3.0, 4.0))
    width = kernel.columns * PIXEL
    job = {"a": a, "b": b, "bias": bias, "out": out, "residual": residual, "entries": entries}
    run(
        code,
        name,
        {field: array.ctypes.data for field, array in job.items()}
        | {"entry_count": len(taps), "a_row": row, "tiles": TILES, "a_tile": across}
        | {f"{n}_row": width * TILES for n in ("out", "residual")}
        | {f"{n}_block": out.strides[0] for n in ("out", "residual")}
        | {f"{n}_tile": width for n in ("out", "residual")}
        | {"lo": float_word(lo), "hi": float_word(hi)},
    )
    wanted = np.zeros(out.shape)
    for r in range(kernel.rows):
        for c in range(TILES * kernel.columns):
            at = (r * row + c * kernel.step) // 4
            wanted[:, r * TILES * kernel.columns + c] = pixel(kernel, a[at:].astype(float), b, taps)
    begun = np.maximum if kernel.kind == "max" else np.add
    return out, activated(kernel, begun(wanted, bias[:, None]) + residual, lo, hi)


def pixel(kernel: MicroKernel, a: Any, b: Any, taps: list[tuple[int, int]]) -> Any:
    """The sums of one pixel, [blocks, 16]."""
    if kernel.kind == "fill":
        return 0.0
    if kernel.kind in ("multiply", "distance"):
        read = np.concatenate([a[at // 4 : at // 4 + count] for at, count in taps])
        if kernel.kind == "distance":
            return ((read[:, None, None] - b) ** 2).sum(0)
        return np.tensordot(read, b, 1)
    vectors = [a[at // 4 : at // 4 + LANES] for at, _ in taps]
    if kernel.kind == "max":
        return np.max(vectors, axis=0)
    return np.sum([v * b[n, 0] for n, v in enumerate(vectors)], axis=0)


def activated(kernel: MicroKernel | OutputTransform, x: Any, lo: float, hi: float) -> Any:
    """The activation in float64."""
    match kernel.activation:
        case "none":
            return x
        case "clamp":
            return np.clip(x, lo, hi)
        case "leaky":
            return np.where(x > 0, x, lo * x)
        case "sigmoid":
            return 1 / (1 + np.exp(-x))
        case "silu":
            return x / (1 + np.exp(-x))
        case "hardsigmoid":
            return np.clip(x + 3, 0, 6) / 6
        case "hardswish":
            return x * np.clip(x + 3, 0, 6) / 6
        case "tanh":
            return np.tanh(x)
        case "elu":
            return ELU(alpha=lo).function(np, x)
        case "gelu":
            return GELU().function(np, x)
        case "gelu_tanh":
            return GELU(approximate="tanh").function(np, x)
        case "mish":
            return Mish().function(np, x)
        case "softplus":
            return Softplus(beta=lo, threshold=hi).function(np, x)
        case "abs":
            return np.abs(x)


def softmax(code: bytes, name: str, values: Any) -> tuple[Any, Any]:
    """The softmax of some blocks, the last of them with lanes that are no channels."""
    a, out, added = values(3, LANES), np.full((3, LANES), np.nan, "f"), np.zeros((3, LANES), "f")
    added[-1, 5:] = -np.inf
    job = {"a": a.ctypes.data, "b": added.ctypes.data, "out": out.ctypes.data}
    run(code, name, job | {"tiles": len(a), "a_tile": PIXEL, "out_tile": PIXEL})
    powers = np.exp(a.astype(float) + added)
    return out, powers / powers.sum()


def sums(kernel: Ceiling, code: bytes, name: str, values: Any) -> tuple[Any, Any]:
    """What a loop of `peak` stores and what it should."""
    a, out = values(TILES, kernel.vectors, LANES), np.full(LANES, np.nan, "f")
    step = a.strides[0] if kernel.kind == "read" else 0
    run(code, name, {"a": a.ctypes.data, "out": out.ctypes.data, "tiles": TILES, "a_tile": step})
    wide = a.astype(float)
    if kernel.kind == "read":
        return out, wide.sum((0, 1))
    return out, TILES * kernel.vectors * wide[0, 0] ** 2


def transform(
    kernel: InputTransform | OutputTransform, code: bytes, name: str, values: Any
) -> tuple[Any, Any]:
    """What a transform of Winograd stores and what it should."""
    alpha, beta = kernel.alpha
    if isinstance(kernel, InputTransform):
        a, out = values(alpha, 2 * beta, LANES), np.full((alpha * beta, TILES, LANES), np.nan, "f")
        job = {"a": a.ctypes.data, "out": out.ctypes.data, "a_row": a.strides[0]}
        job |= {"out_block": out.strides[0], "tiles": TILES}
        run(code, name, job | {"a_tile": beta * PIXEL, "out_tile": PIXEL})
        left, right = (np.array(input_matrix(size), float) for size in kernel.alpha)
        tiles = a.astype(float).reshape(alpha, TILES, beta, LANES)
        wanted = np.einsum("pi,itjc,qj->pqtc", left, tiles, right)
        return out, wanted.reshape(out.shape)
    a, bias = values(alpha * beta, TILES, LANES), values(LANES)
    residual = values(kernel.rows, TILES * kernel.columns, LANES)
    rows, columns = kernel.rows // kernel.pool, kernel.columns // kernel.pool
    out = np.full((rows, TILES * columns, LANES), np.nan, "f")
    job = {"a": a, "bias": bias, "out": out, "residual": residual}
    run(
        code,
        name,
        {field: array.ctypes.data for field, array in job.items()}
        | {"a_row": a.strides[0], "a_tile": PIXEL, "tiles": TILES}
        | {"out_row": out.strides[0], "out_tile": columns * PIXEL}
        | {"residual_row": residual.strides[0], "residual_tile": kernel.columns * PIXEL}
        | {"lo": float_word(0.1), "hi": float_word(40.0)},
    )
    left, right = (np.array(m, float) for m in map(output_matrix, kernel.alpha, kernel.size))
    tiles = a.astype(float).reshape(alpha, beta, TILES, LANES)
    sums = np.einsum("ip,pqtc,jq->itjc", left, tiles, right)
    sums = sums[: kernel.rows, :, : kernel.columns].reshape(residual.shape) + bias + residual
    wanted = activated(kernel, sums, 0.1, 40.0)[: rows * kernel.pool]
    shape = (rows, kernel.pool, TILES, -1, LANES)
    wanted = wanted.reshape(shape)[:, :, :, : columns * kernel.pool]
    return out, wanted.reshape(rows, kernel.pool, -1, kernel.pool, LANES).max(axis=(1, 3))


def main() -> int:
    """Try the kernels on standard input, in order."""
    where = Path(sys.argv[1])
    target, kernels = pickle.load(sys.stdin.buffer)
    for kernel in kernels:
        name, code = symbol(kernel, target), object_code(kernel, target)
        if deviation(kernel, code, name) > TOLERANCE:
            return 1
        store(name, code, where)
    return 0


if __name__ == "__main__":
    sys.exit(main())
