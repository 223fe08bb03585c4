"""Softmax over the channels of each pixel: a micro-kernel that walks the blocks three times."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from .blocked import Blocked
from .ir import LANES, VECTOR, Writer, constant
from .kernel import PIXEL
from .memory import Memory
from .table import Dimension, Group, Task

INFINITY = float("inf")


class SoftmaxKernel(NamedTuple):
    """eˣ⁻ᵐᵃˣ over its sum, of one pixel of ``tiles`` blocks of channels. ``b`` is added to x
    first: 0, and minus infinity where a lane is no channel."""

    def ir(self) -> str:
        w = Writer()
        largest = w.variable(VECTOR, constant(-INFINITY))
        with self.blocks(w) as (x, _):
            w.set(VECTOR, largest, w.larger(w.get(VECTOR, largest), x))
        top = w.across(w.larger, w.get(VECTOR, largest))
        total = w.variable(VECTOR, constant(0.0))
        with self.blocks(w) as (x, out):
            power = w.exp(w.binary("fsub", x, top))
            w.store(power, out)
            w.set(VECTOR, total, w.binary("fadd", w.get(VECTOR, total), power))
        whole = w.across(lambda a, b: w.binary("fadd", a, b), w.get(VECTOR, total))
        share = w.binary("fdiv", constant(1.0), whole)
        with self.blocks(w) as (_, out):
            w.store(w.binary("fmul", w.load(out), share), out)
        return w.text()

    @contextmanager
    def blocks(self, w: Writer) -> Iterator[tuple[str, str]]:
        """A loop over the blocks: x of each, and where its output stands."""
        a, b, out = (w.variable("ptr", w.pointer(name)) for name in ("a", "b", "out"))
        with w.repeat(w.job("tiles")):
            place = w.get("ptr", out)
            yield w.binary("fadd", w.load(w.get("ptr", a)), w.load(w.get("ptr", b))), place
            for pointer, distance in (
                (a, w.job("a_tile")),
                (b, str(PIXEL)),
                (out, w.job("out_tile")),
            ):
                w.advance(pointer, distance)


def softmax(memory: Memory, x: Blocked, y: Blocked, images: int) -> list[Group]:
    """Softmax over the channels. A row of an image is the work of one thread."""
    added = memory.xp.full(x.blocks * LANES, -INFINITY)
    added[: x.channels] = 0.0
    job = {
        "a": x.address,
        "b": memory.floats(added),
        "out": y.address,
        "tiles": x.blocks,
        "a_tile": x.block,
        "out_tile": y.block,
    }
    units = (Dimension(images, a=x.image, out=y.image), Dimension(x.height, a=x.row, out=y.row))
    pixels = Dimension(x.width, a=x.pixel, out=y.pixel)
    return [Group((Task(SoftmaxKernel(), job, units=units, loops=(pixels,)),), barrier=False)]
