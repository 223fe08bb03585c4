"""Winograd's minimal filtering: fewer multiplications for small kernels of stride 1.

F(m×n, r×r) makes m×n outputs from a tile of α×β inputs, α = m + r − 1, β = n + r − 1, by α·β
multiplications per pair of channels instead of m·n·r²: Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A, each side
with the matrices of its own axis. These follow from α − 1 points (and infinity) by Toom and
Cook's polynomial interpolation, transposed. F(4×4, 3×3) and F(2×2, 5×5) have the same points,
hence the same Bᵀ.

Lavin & Gray, Fast algorithms for convolutional neural networks, CVPR 2016. The points
0, ±1, 1/2, −2 lose half as many digits as 0, ±1, ±2 (Barabasz et al., Error analysis and
improving the accuracy of Winograd convolution, 2018).
"""

from fractions import Fraction
from itertools import chain, combinations
from math import prod
from operator import eq
from typing import Any, Literal, NamedTuple

from .activations import Activation, activate, bounds
from .ir import VECTOR, Writer, constant
from .kernel import PIXEL

Row = tuple[Fraction, ...]
Matrix = tuple[Row, ...]

#: The points by α.
POINTS: dict[int, tuple[Fraction, ...]] = {
    4: tuple(map(Fraction, (0, 1, -1))),
    6: tuple(map(Fraction, ("0", "1", "-1", "1/2", "-2"))),
    7: tuple(map(Fraction, ("0", "1", "-1", "1/2", "-1/2", "-2"))),
    8: tuple(map(Fraction, ("0", "1", "-1", "3/5", "-3/5", "5/3", "-5/3"))),
}


def polynomial(roots: tuple[Fraction, ...]) -> list[Fraction]:
    """The coefficients of Π(x − root), the constant one first."""
    coefficients = [Fraction(1)]
    for root in roots:
        shifted = [Fraction(0), *coefficients]
        coefficients = [
            s - root * c for s, c in zip(shifted, [*coefficients, Fraction(0)], strict=True)
        ]
    return coefficients


def input_matrix(alpha: int) -> Matrix:
    """Bᵀ, α×α: row j holds the coefficients of Π(x − p) over the other points."""
    points = POINTS[alpha]
    rows = [[*polynomial(points[:j] + points[j + 1 :]), Fraction(0)] for j in range(len(points))]
    return tuple(map(tuple, [*rows, polynomial(points)]))


def weight_matrix(alpha: int, r: int) -> Matrix:
    """G, α×r: powers of the points over Π of their differences; infinity takes the last tap."""
    points = POINTS[alpha]
    rows = []
    for j, p in enumerate(points):
        scale = prod((p - q for q in points[:j] + points[j + 1 :]), start=Fraction(1))
        rows.append(tuple(p**k / scale for k in range(r)))
    return (*rows, tuple(Fraction(k == r - 1) for k in range(r)))


def output_matrix(alpha: int, m: int) -> Matrix:
    """Aᵀ, m×α: powers of the points; infinity counts for the last output."""
    points = POINTS[alpha]
    return tuple((*(p**i for p in points), Fraction(i == m - 1)) for i in range(m))


def transformed_weights(xp: Any, weight: Any, alpha: tuple[int, int]) -> Any:
    """G g Gᵀ in float64: [C_out, C_in, r, r] → [α·β, C_in, C_out], by one product with G ⊗ G."""
    outputs, channels, r, _ = weight.shape
    g, h = (xp.asarray([[float(v) for v in row] for row in weight_matrix(a, r)]) for a in alpha)
    taps = weight.transpose(2, 3, 1, 0).reshape(r * r, -1).astype("float64")
    return (xp.kron(g, h) @ taps).reshape(prod(alpha), channels, outputs)


def combination(w: Writer, coefficients: tuple[Fraction, ...], vectors: list[str]) -> str:
    """Write Σ coefficient·vector, without multiplying by 0 and ±1."""
    terms = sorted(
        ((c, v) for c, v in zip(coefficients, vectors, strict=True) if c), key=lambda t: t[0] != 1
    )
    (first, total), *others = terms
    if first != 1:
        total = w.binary("fmul", total, constant(float(first)))
    for coefficient, vector in others:
        if abs(coefficient) == 1:
            total = w.binary("fadd" if coefficient > 0 else "fsub", total, vector)
        else:
            total = w.fma(vector, constant(float(coefficient)), total)
    return total


def both_sides(w: Writer, left: Matrix, right: Matrix, tile: list[list[str]]) -> list[list[str]]:
    """Write left · tile · rightᵀ, each entry a vector of 16 channels."""
    columns = [product(w, left, list(column)) for column in zip(*tile, strict=True)]
    return [product(w, right, list(line)) for line in zip(*columns, strict=True)]


def product(w: Writer, matrix: Matrix, vectors: list[str]) -> list[str]:
    """Write matrix · vectors. Points p and −p make columns (of Aᵀ) or rows (of Bᵀ) that differ by
    signs only; what they share is computed once."""
    matrix, vectors = paired(w, matrix, vectors)
    values: dict[int, str] = {}
    for number, row in enumerate(matrix):
        if number in values:
            continue
        twin = next((k for k, other in enumerate(matrix) if are_twins(row, other)), None)
        if twin is None:
            values[number] = combination(w, row, vectors)
            continue
        same, opposite = (combination(w, part, vectors) for part in split(row, matrix[twin]))
        values[number] = w.binary("fadd", same, opposite)
        values[twin] = w.binary("fsub", same, opposite)
    return [values[number] for number in range(len(matrix))]


def paired(w: Writer, matrix: Matrix, vectors: list[str]) -> tuple[Matrix, list[str]]:
    """The same product with the sum and the difference of the vectors of twin columns."""
    columns, vectors = list(zip(*matrix, strict=True)), list(vectors)
    for one, other in combinations(range(len(columns)), 2):
        if are_twins(columns[one], columns[other]):
            columns[one], columns[other] = split(columns[one], columns[other])
            x, y = vectors[one], vectors[other]
            vectors[one], vectors[other] = w.binary("fadd", x, y), w.binary("fsub", x, y)
    return tuple(zip(*columns, strict=True)), vectors


def are_twins(one: Row, other: Row) -> bool:
    """Whether coefficients differ by signs, some of them, but not all."""
    signs = {a == b for a, b in zip(one, other, strict=True) if a or b}
    return signs == {True, False} and all(map(eq, map(abs, one), map(abs, other)))


def split(row: Row, twin: Row) -> tuple[Row, Row]:
    """The coefficients that are equal, and those that are opposite."""
    zero = Fraction(0)
    same = tuple(a if a == b else zero for a, b in zip(row, twin, strict=True))
    return same, tuple(a - b for a, b in zip(row, same, strict=True))


class InputTransform(NamedTuple):
    """Bᵀ d B of tiles of one block of channels: ``out_block`` is from one of the α·β products
    to the next."""

    alpha: tuple[int, int]

    def ir(self) -> str:
        w = Writer()
        a, out = w.variable("ptr", w.pointer("a")), w.variable("ptr", w.pointer("out"))
        row, block = w.job("a_row"), w.job("out_block")
        with w.repeat(w.job("tiles")):
            start, place = w.get("ptr", a), w.get("ptr", out)
            rows = [w.at(start, w.times(row, i)) for i in range(self.alpha[0])]
            tile = [[w.load(r, PIXEL * j) for j in range(self.alpha[1])] for r in rows]
            down, across = map(input_matrix, self.alpha)
            values = both_sides(w, down, across, tile)
            for index, value in enumerate(chain.from_iterable(values)):
                w.store(value, w.at(place, w.times(block, index)))
            w.advance(a, w.job("a_tile"))
            w.advance(out, w.job("out_tile"))
        return w.text()


class OutputTransform(NamedTuple):
    """Aᵀ M A of tiles of one block of channels, then bias, residual, activation, and perhaps the
    maximum of each 2×2; the first ``rows`` × ``columns`` of the m×n outputs are stored.

    ``size``: m and n. ``a_row`` is from one of the α·β products to the next.
    """

    alpha: tuple[int, int]
    size: tuple[int, int]
    rows: int
    columns: int
    activation: Activation = "clamp"
    pool: Literal[1, 2] = 1

    def ir(self) -> str:
        w = Writer()
        names = ("a", "out", "residual")
        a, out, residual = (w.variable("ptr", w.pointer(name)) for name in names)
        place, bias = w.job("a_row"), w.load(w.pointer("bias"))
        lo, hi = bounds(w)
        places = [(i, j) for i in range(self.rows) for j in range(self.columns)]
        with w.repeat(w.job("tiles")):
            start = w.get("ptr", a)
            tile = [
                [
                    w.load(w.at(start, w.times(place, i * self.alpha[1] + j)))
                    for j in range(self.alpha[1])
                ]
                for i in range(self.alpha[0])
            ]
            down, across = map(output_matrix, self.alpha, self.size)
            sums = both_sides(w, down, across, tile)
            values = {
                (i, j): w.variable(VECTOR, w.binary("fadd", sums[i][j], bias)) for i, j in places
            }
            with w.unless_zero(w.job("residual")):
                there, row = w.get("ptr", residual), w.job("residual_row")
                for i, j in places:
                    added = w.load(w.at(there, w.times(row, i)), PIXEL * j)
                    total = w.binary("fadd", w.get(VECTOR, values[i, j]), added)
                    w.set(VECTOR, values[i, j], total)
            active = {
                place: activate(w, self.activation, w.get(VECTOR, value), lo, hi)
                for place, value in values.items()
            }
            target, row = w.get("ptr", out), w.job("out_row")
            for i in range(0, self.rows - self.pool + 1, self.pool):
                for j in range(0, self.columns - self.pool + 1, self.pool):
                    value = active[i, j]
                    if self.pool == 2:
                        left = w.larger(value, active[i + 1, j])
                        right = w.larger(active[i, j + 1], active[i + 1, j + 1])
                        value = w.larger(left, right)
                    line = w.at(target, w.times(row, i // self.pool))
                    w.store(value, line, PIXEL * (j // self.pool))
            for pointer, distance in (
                (a, "a_tile"),
                (out, "out_tile"),
                (residual, "residual_tile"),
            ):
                w.advance(pointer, w.job(distance))
        return w.text()
