"""Poolings, upsampling and local response normalisation on our own kernels."""

from math import prod
from typing import Any, cast

import numpy as np

from ...layers.adaptive_pooling import Bins, MaxBins
from ...layers.local_response import LocalResponseNorm
from ...layers.pooling import AvgPool, LPPool, MaxPool, Pool
from ...layers.resampling import Upsample
from ..plan import Step
from .arguments import (
    Epilogue,
    Float,
    Image,
    Number,
    Pointer,
    Structure,
    View,
    defines,
    epilogue,
    finishes,
    neighbours,
    per_axis,
    view,
)
from .bound import Bound, Call
from .native_products import power_of_two, windows
from .nvrtc import Grid, Launcher, Source

THREADS = 256
#: Windows of so many values, with so many columns, are shared by the threads of a block.
MANY_VALUES, MANY_COLUMNS, SHARING = 32, 4, 8
#: Of pooling.cu.
MAX, MEAN, POWER = range(3)


class Pooling(Structure):
    _fields_ = (
        ("x", Image), ("y", Image),
        *((name, Number) for name in ("channels", "kind", "adaptive")),
        *((name, Number * 3) for name in ("size", "output", "kernel", "stride", "before",
                                          "dilation", "counted_before", "counted_after")),
        ("divisor", Float), ("power", Float), ("epilogue", Epilogue),
    )  # fmt: skip


class Resampling(Structure):
    _fields_ = (
        ("x", Image), ("y", Image), ("channels", Number), ("output", Number * 3),
        ("taps", Number * 3), ("places", Pointer * 3), ("shares", Pointer * 3),
        ("epilogue", Epilogue),
    )  # fmt: skip


class Response(Structure):
    _fields_ = (
        ("x", Image), ("y", Image), ("channels", Number), ("output", Number * 3),
        ("before", Number), ("after", Number),
        ("alpha", Float), ("beta", Float), ("k", Float), ("epilogue", Epilogue),
    )  # fmt: skip


def can_pool(step: Step) -> bool:
    return isinstance(step.body, Pool | Bins) and finishes(step.epilogue)


def pool(launch: Launcher, bound: Bound) -> Call:
    body, x, y = bound.step.body, *ends(bound)
    vector = neighbours([x, y], 1)
    arguments = Pooling(
        x=Image.of(x), y=Image.of(y), channels=x.shape[1], adaptive=isinstance(body, Bins),
        kind=MAX if isinstance(body, MaxPool | MaxBins) else
        POWER if isinstance(body, LPPool) else MEAN,
        size=per_axis(x.shape[2:], 1), output=per_axis(y.shape[2:], 1),
        power=getattr(body, "norm_type", 1), divisor=getattr(body, "divisor_override", None) or 0,
        epilogue=epilogue(bound.step.epilogue),
    )  # fmt: skip
    if isinstance(body, Pool):
        for name, field in windows(body, x.shape[1:], 3).items():
            setattr(arguments, name, field)
        window = body.kernel()
    else:  # about so many values are in a bin
        window = tuple(-(-n // m) for n, m in zip(x.shape[2:], y.shape[2:], strict=True))
    if isinstance(body, AvgPool) and body.count_include_pad:
        sides = [body.sides(axis, size) for axis, size in enumerate(x.shape[2:])]
        arguments.counted_before = per_axis((before for before, _ in sides), 0)
        arguments.counted_after = per_axis((after for _, after in sides), 0)
    shared = prod(window) >= MANY_VALUES and window[-1] >= MANY_COLUMNS
    vectors = prod(y.shape[1:]) // vector
    grid, block = line(vectors, y.shape[0])
    if shared:
        grid, block = (-(-vectors // 32), y.shape[0], 1), (32, SHARING, 1)
    source = Source("pooling", defines(bound.xp, bound.step.epilogue, VEC=vector))
    return launch(bound, source, arguments, grid, block)


def ends(bound: Bound) -> tuple[View, View]:
    """Where the first input and the output lie."""
    return view(bound.xp, bound.inputs[0]), view(bound.xp, bound.outputs[0])


def line(vectors: int, images: int) -> tuple[Grid, Grid]:
    """A grid and its blocks for so many threads for each image."""
    block = min(THREADS, max(32, power_of_two(vectors)))
    return (-(-vectors // block), images, 1), (block, 1, 1)


def can_resample(step: Step) -> bool:
    return isinstance(step.body, Upsample) and finishes(step.epilogue)


def resample(launch: Launcher, bound: Bound) -> Call:
    body, x, y = cast(Upsample, bound.step.body), *ends(bound)
    vector = neighbours([x, y], 1)
    xp, module = bound.xp, bound.xp.module
    places, shares, taps = list[Any](), list[Any](), list[int]()
    for size, new in zip(x.filled(5).shape[2:], y.filled(5).shape[2:], strict=True):
        table = [body.taps(o, size, new) for o in range(new)]
        taps.append(len(table[0]))
        places.append(module.asarray(np.array([[i for i, _ in row] for row in table], np.int32)))
        shares.append(module.asarray(np.array([[s for _, s in row] for row in table], np.float32)))
    arguments = Resampling(
        x=Image.of(x), y=Image.of(y), channels=x.shape[1], output=per_axis(y.shape[2:], 1),
        taps=per_axis(taps, 1), places=(Pointer * 3)(*map(xp.pointer, places)),
        shares=(Pointer * 3)(*map(xp.pointer, shares)), epilogue=epilogue(bound.step.epilogue),
    )  # fmt: skip
    source = Source("resample", defines(bound.xp, bound.step.epilogue, VEC=vector))
    grid, block = line(prod(y.shape[1:]) // vector, y.shape[0])
    return launch(bound, source, arguments, grid, block, keeps=(places, shares))


def can_respond(step: Step) -> bool:
    fits = isinstance(step.body, LocalResponseNorm) and len(step.inputs[0].shape) <= 4
    return fits and finishes(step.epilogue)


def respond(launch: Launcher, bound: Bound) -> Call:
    body, x, y = cast(LocalResponseNorm, bound.step.body), *ends(bound)
    arguments = Response(
        x=Image.of(x), y=Image.of(y), channels=x.shape[1], output=per_axis(y.shape[2:], 1),
        before=body.size // 2, after=(body.size - 1) // 2, alpha=body.alpha / body.size,
        beta=body.beta, k=body.k, epilogue=epilogue(bound.step.epilogue),
    )  # fmt: skip
    source = Source("response", defines(bound.xp, bound.step.epilogue))
    return launch(bound, source, arguments, *line(prod(y.shape[1:]), y.shape[0]))
