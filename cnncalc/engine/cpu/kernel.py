"""The family of micro-kernels: a tile of pixels by some blocks of output channels, in registers.

One family serves convolution of any size, stride, dilation and groups, the products inside
Winograd, linear layers, depthwise convolution, pooling and whatever acts on single values:

* what it reads is a list of *taps*, (distance in bytes, channels) each;
* ``multiply`` multiplies a broadcast input channel by a vector of weights (K steps per tap),
  ``distance`` squares their difference,
  ``depthwise`` a vector of channels by one of weights, ``max`` takes the larger, and ``fill``
  reads nothing (it stores the bias: the zeros around a tensor);
* sums begin with the bias (for ``max``, minus infinity);
* the epilogue adds a residual, applies the activation and stores once.

So average pooling is depthwise with equal weights, an addition of two tensors is depthwise with
one tap of weight 1 and a residual, and squeeze-and-excitation multiplies by letting ``b`` point
to a tensor. Strides, counts and taps are arguments: kernels do not depend on the model.
"""

from typing import Literal, NamedTuple

from .activations import Activation, activate, bounds
from .ir import LANES, VECTOR, Writer

Kind = Literal["multiply", "distance", "depthwise", "max", "fill"]

#: Bytes of a vector: of one pixel in the layout of blocks of 16 channels.
PIXEL = 4 * LANES


class MicroKernel(NamedTuple):
    """A micro-kernel: ``rows`` × ``columns`` pixels by ``blocks`` of 16 output channels.

    ``step`` is the distance in bytes from a column of the tile to the next in the input;
    in the output columns are neighbours.  Kinds that keep channels apart have
    one block.
    """

    kind: Kind
    rows: int
    columns: int
    blocks: int = 1
    step: int = PIXEL
    activation: Activation = "clamp"

    def ir(self) -> str:
        w = Writer()
        a, out = w.variable("ptr", w.pointer("a")), w.variable("ptr", w.pointer("out"))
        residual = w.variable("ptr", w.pointer("residual"))
        with w.repeat(w.job("tiles")):
            sums = self.sums(w, w.get("ptr", a))
            self.epilogue(w, sums, w.get("ptr", out), w.get("ptr", residual))
            for pointer, distance in (
                (a, "a_tile"),
                (out, "out_tile"),
                (residual, "residual_tile"),
            ):
                w.advance(pointer, w.job(distance))
        return w.text()

    def sums(self, w: Writer, a: str) -> list[list[str]]:
        """Write the loops over taps and channels; the accumulators, [pixel][block], which begin
        with the bias."""
        bias = w.pointer("bias")
        first = [w.load(bias, PIXEL * block) for block in range(self.blocks)]
        sums = [
            [w.variable(VECTOR, value) for value in first] for _ in range(self.rows * self.columns)
        ]
        if self.kind == "fill":
            return [[w.get(VECTOR, s) for s in pixel] for pixel in sums]
        b = w.variable("ptr", w.pointer("b"))
        entry = w.variable("ptr", w.pointer("entries"))
        a_row = w.job("a_row")
        with w.repeat(w.job("entry_count")):
            here = w.get("ptr", entry)
            x = w.at(a, w.word(here, 0))
            if self.kind in ("multiply", "distance"):
                channel = w.variable("i64", "0")
                with w.repeat(w.word(here, 1)):
                    index = w.get("i64", channel)
                    self.multiply(w, w.at(x, w.times(index, 4)), a_row, w.get("ptr", b), sums)
                    w.advance(b, str(PIXEL * self.blocks))
                    w.set("i64", channel, w.let(f"add i64 {index}, 1"))
            else:
                self.take(w, x, a_row, w.get("ptr", b), sums)
                w.advance(b, str(PIXEL))
            w.advance(entry, "16")
        return [[w.get(VECTOR, s) for s in pixel] for pixel in sums]

    def pixels(self, w: Writer, start: str, row: str, step: int) -> list[str]:
        """Pointers to the pixels of the tile."""
        rows = [w.at(start, w.times(row, r)) if r else start for r in range(self.rows)]
        return [w.at(r, str(c * step)) for r in rows for c in range(self.columns)]

    def multiply(self, w: Writer, x: str, a_row: str, b: str, sums: list[list[str]]) -> None:
        """One input channel: a broadcast value per pixel times a vector of weights per block, or
        the square of their difference."""
        weights = [w.load(b, PIXEL * block) for block in range(self.blocks)]
        for pixel, place in zip(sums, self.pixels(w, x, a_row, self.step), strict=True):
            value = w.splat(w.let(f"load float, ptr {place}, align 4"))
            for total, weight in zip(pixel, weights, strict=True):
                one, other = value, weight
                if self.kind == "distance":
                    one = other = w.binary("fsub", value, weight)
                w.set(VECTOR, total, w.fma(one, other, w.get(VECTOR, total)))

    def take(self, w: Writer, x: str, a_row: str, b: str, sums: list[list[str]]) -> None:
        """One tap of a kind that keeps channels apart."""
        weight = w.load(b) if self.kind == "depthwise" else ""
        for (total,), place in zip(sums, self.pixels(w, x, a_row, self.step), strict=True):
            value, before = w.load(place), w.get(VECTOR, total)
            after = w.fma(value, weight, before) if weight else w.larger(before, value)
            w.set(VECTOR, total, after)

    def epilogue(self, w: Writer, sums: list[list[str]], out: str, residual: str) -> None:
        """Residual, activation, store."""
        values = [[w.variable(VECTOR, s) for s in pixel] for pixel in sums]
        with w.unless_zero(w.job("residual")):
            for pixel, place in self.places(w, values, residual, "residual"):
                for block, value in enumerate(pixel):
                    added = w.load(place[block])
                    w.set(VECTOR, value, w.binary("fadd", w.get(VECTOR, value), added))
        limits = bounds(w)
        for pixel, place in self.places(w, values, out, "out"):
            for block, value in enumerate(pixel):
                w.store(activate(w, self.activation, w.get(VECTOR, value), *limits), place[block])

    def places(
        self, w: Writer, values: list[list[str]], start: str, tensor: str
    ) -> list[tuple[list[str], list[str]]]:
        """Each pixel's values with where its blocks stand in a tensor."""
        block, row = w.job(f"{tensor}_block"), w.job(f"{tensor}_row")
        starts = [w.at(start, w.times(block, n)) if n else start for n in range(self.blocks)]
        places = zip(*(self.pixels(w, s, row, PIXEL) for s in starts), strict=True)
        return [(v, list(p)) for v, p in zip(values, places, strict=True)]
