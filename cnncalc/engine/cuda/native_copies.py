"""Copies on our own kernels: views that cannot be views, concatenations, padding, shuffles."""

from typing import Any, cast

from ...layers import Shape
from ...layers.layer import axis_number
from ...layers.merge import Concat
from ...layers.rearrange import Flatten, Reshape
from ...layers.rearrange import View as Seen
from ...layers.resampling import Pad
from ...layers.shuffle import (
    ChannelShuffle,
    DepthToSpace,
    PixelShuffle,
    PixelUnshuffle,
    SpaceToDepth,
)
from ..plan import Step
from .arguments import View, finishes, view
from .bound import Bound, Call
from .native_pointwise import AXES, Work, fits, in_order, pointwise
from .native_windows import ends
from .nvrtc import Launcher


def can_copy(step: Step) -> bool:
    body, shape = step.body, step.inputs[0].shape
    if isinstance(body, Flatten | Reshape):
        sizes = refinement(shape, step.outputs[0].shape)
        return sizes is not None and len(sizes) <= AXES and finishes(step.epilogue)
    return isinstance(body, Seen) and fits(step)


def copy(launch: Launcher, bound: Bound) -> Call:
    """Views that must be copied."""
    body, layers, xp = bound.step.body, bound.step.epilogue, bound.xp
    if isinstance(body, Flatten | Reshape):
        x, y = ends(bound)
        sizes = refinement(x.shape[1:], y.shape[1:])
        assert sizes is not None
        return pointwise(launch, bound, split(y, sizes), Work((split(x, sizes),), layers))
    pieces = body.forward(xp.module, bound.inputs, {})
    return in_order(
        [
            pointwise(launch, bound, view(xp, y), Work((view(xp, piece),), layers))
            for y, piece in zip(bound.outputs, pieces, strict=True)
        ]
    )


def refinement(one: Shape, other: Shape) -> Shape | None:
    """The shape with the fewest axes from which both follow by joining axes; None if none does."""
    left, right, sizes = list(one), list(other), list[int]()
    while left and right:
        a, b = left.pop(), right.pop()
        size = min(a, b)
        if a % size or b % size:
            return None
        sizes.append(size)
        left += [a // size] * (a > size)
        right += [b // size] * (b > size)
    return tuple(size for size in reversed(sizes) if size > 1)


def split(one: View, sizes: Shape) -> View:
    """A view with the axes of its images split into these."""
    rest, steps = list(sizes), list[int]()
    for size, stride in zip(reversed(one.shape[1:]), reversed(one.strides[1:]), strict=True):
        step, left = stride, size
        while left > 1:
            steps.append(step)
            step *= rest[-1]
            left //= rest.pop()
    return one._replace(shape=(one.shape[0], *sizes), strides=(one.strides[0], *reversed(steps)))


def can_concat(step: Step) -> bool:
    return isinstance(step.body, Concat) and fits(step) and not step.epilogue


def concat(launch: Launcher, bound: Bound) -> Call:
    """Copies what does not lie in the output already."""
    y, xp = bound.outputs[0], bound.xp
    axis = axis_number(cast(Concat, bound.step.body).axis, bound.step.outputs[0].shape) + 1
    calls, first = list[Call](), 0
    for x, lies in zip(bound.inputs, bound.step.placed, strict=True):
        part = y[(slice(None),) * axis + (slice(first, first + x.shape[axis]),)]
        first += x.shape[axis]
        if not lies:
            calls.append(pointwise(launch, bound, view(xp, part), Work((view(xp, x),))))
    return in_order(calls)


def can_pad(step: Step) -> bool:
    return isinstance(step.body, Pad) and fits(step)


def pad(launch: Launcher, bound: Bound) -> Call:
    """Zeros everywhere, then the image into the middle."""
    y, xp, layers = bound.outputs[0], bound.xp, bound.step.epilogue
    amounts = cast(Pad, bound.step.body).amounts(bound.step.inputs[0].shape)
    inside = tuple(slice(before, n - after) for (before, after), n in
                   zip(amounts, y.shape[1:], strict=True))  # fmt: skip
    middle = view(xp, y[(slice(None), *inside)])
    work = Work((view(xp, bound.inputs[0]),), layers)
    return in_order(
        [
            pointwise(launch, bound, view(xp, y), Work(layers=layers)),
            pointwise(launch, bound, middle, work),
        ]
    )


def can_shuffle(step: Step) -> bool:
    kinds = ChannelShuffle | PixelShuffle | DepthToSpace | PixelUnshuffle | SpaceToDepth
    return isinstance(step.body, kinds) and fits(step) and len(step.inputs[0].shape) <= 4


def shuffle(launch: Launcher, bound: Bound) -> Call:
    """Axes split, and copied in another order; as the layers' own forward reshapes them."""
    body = cast(Any, bound.step.body)
    x, y = ends(bound)
    if isinstance(body, ChannelShuffle):
        rest = range(3, len(x.shape) + 1)
        x = x.split(1, body.groups, -1).permuted(0, 2, 1, *rest)
        y = y.split(1, -1, body.groups)
    else:
        r = body.factor
        small, large = (x, y) if y.shape[2] == r * x.shape[2] else (y, x)
        large = large.split(3, -1, r).split(2, -1, r)  # [N, C, H, r, W, r]
        if isinstance(body, PixelShuffle | PixelUnshuffle):
            small = small.split(1, -1, r, r).permuted(0, 1, 4, 2, 5, 3)
        else:
            small = small.split(1, r, r, -1).permuted(0, 3, 4, 1, 5, 2)
        x, y = (small, large) if isinstance(body, PixelShuffle | DepthToSpace) else (large, small)
    return pointwise(launch, bound, y, Work((x,), bound.step.epilogue))
