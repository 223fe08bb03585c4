"""A writer of LLVM IR: values with fresh names, loops, and the arithmetic of 16 floats at once.

All kernels work on ``<16 x float>``, the block of channels of the layout. On AVX-512 it is one
register; LLVM splits it into two on AVX2 and four on NEON, so the same text serves every machine
and only the number of accumulators that fit (`cnncalc.engine.cpu.kernel.tile`) depends on it.

LLVM's own vectoriser does not keep an array of accumulators in registers; here each of them is a
variable (``alloca``), which the pass SROA turns into a register.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count

#: Floats in a vector, and channels in a block of the layout.
LANES = 16
VECTOR = f"<{LANES} x float>"
INTEGERS = f"<{LANES} x i32>"
#: (eˣ − 1 − x)/x² for |x| ≤ ½·ln 2, the constant first (Cephes, expf.c).
EXPONENTIAL = (
    5.0000001201e-1,
    1.6666665459e-1,
    4.1665795894e-2,
    8.3334519073e-3,
    1.3981999507e-3,
    1.9875691500e-4,
)

#: The one argument of every kernel: a record of 64-bit words, by name. Pointers and distances
#: are in bytes. ``lo`` and ``hi`` are float32 in the low half of their word.
JOB = (
    "a",  # the input, at the first tap of the first pixel
    "b",  # packed weights
    "bias",
    "out",
    "residual",  # 0: none
    "entries",  # pairs (distance from a, channels): the taps
    "entry_count",
    "a_row",  # from a row of the tile to the next
    "out_row",
    "out_block",  # from a block of 16 channels to the next
    "residual_row",
    "residual_block",
    "tiles",  # tiles in this call, with the distances from one to the next
    "a_tile",
    "out_tile",
    "residual_tile",
    "lo",
    "hi",
)


class Writer:
    """Writes the body of ``void kernel(ptr job)``, one instruction after the other."""

    def __init__(self) -> None:
        self.variables: list[str] = []
        self.lines: list[str] = []
        self.names = count()

    def let(self, instruction: str) -> str:
        """A new value."""
        name = f"%v{next(self.names)}"
        self.lines.append(f"{name} = {instruction}")
        return name

    def variable(self, kind: str, value: str) -> str:
        """A place for a value that changes, with its first value."""
        name = f"%v{next(self.names)}"
        self.variables.append(f"{name} = alloca {kind}")
        self.set(kind, name, value)
        return name

    def set(self, kind: str, variable: str, value: str) -> None:
        self.lines.append(f"store {kind} {value}, ptr {variable}")

    def get(self, kind: str, variable: str) -> str:
        return self.let(f"load {kind}, ptr {variable}")

    def job(self, field: str) -> str:
        return self.word("%job", JOB.index(field))

    def word(self, pointer: str, index: int) -> str:
        """The 64-bit word number ``index``."""
        return self.let(f"load i64, ptr {self.at(pointer, str(8 * index))}")

    def pointer(self, field: str) -> str:
        return self.let(f"inttoptr i64 {self.job(field)} to ptr")

    def at(self, pointer: str, distance: str) -> str:
        return self.let(f"getelementptr i8, ptr {pointer}, i64 {distance}")

    def advance(self, variable: str, distance: str) -> None:
        """Move a pointer that is a variable."""
        self.set("ptr", variable, self.at(self.get("ptr", variable), distance))

    def times(self, number: str, factor: int) -> str:
        return self.let(f"mul i64 {number}, {factor}")

    @contextmanager
    def repeat(self, times: str) -> Iterator[None]:
        """A loop that runs once or more."""
        label = f"loop{next(self.names)}"
        index = self.variable("i64", "0")
        self.lines += [f"br label %{label}", f"{label}:"]
        yield
        after = self.let(f"add i64 {self.get('i64', index)}, 1")
        self.set("i64", index, after)
        more = self.let(f"icmp slt i64 {after}, {times}")
        self.lines += [f"br i1 {more}, label %{label}, label %{label}.end", f"{label}.end:"]

    @contextmanager
    def unless_zero(self, number: str) -> Iterator[None]:
        label = f"if{next(self.names)}"
        there = self.let(f"icmp ne i64 {number}, 0")
        self.lines += [f"br i1 {there}, label %{label}, label %{label}.end", f"{label}:"]
        yield
        self.lines += [f"br label %{label}.end", f"{label}.end:"]

    # vectors

    def load(self, pointer: str, distance: int | str = 0) -> str:
        return self.let(f"load {VECTOR}, ptr {self.at(pointer, str(distance))}, align 4")

    def store(self, value: str, pointer: str, distance: int | str = 0) -> None:
        self.lines.append(f"store {VECTOR} {value}, ptr {self.at(pointer, str(distance))}, align 4")

    def splat(self, scalar: str) -> str:
        """The same float in every lane."""
        one = self.let(f"insertelement {VECTOR} poison, float {scalar}, i32 0")
        return self.let(
            f"shufflevector {VECTOR} {one}, {VECTOR} poison, {INTEGERS} zeroinitializer"
        )

    def binary(self, operation: str, a: str, b: str) -> str:
        """``fadd``, ``fsub``, ``fmul`` or ``fdiv``."""
        return self.let(f"{operation} {VECTOR} {a}, {b}")

    def fma(self, a: str, b: str, c: str) -> str:
        """a·b + c, rounded once."""
        return self.let(
            f"call {VECTOR} @llvm.fma.v{LANES}f32({VECTOR} {a}, {VECTOR} {b}, {VECTOR} {c})"
        )

    def larger(self, bound: str, x: str) -> str:
        """The larger one; x where x is not a number, so that poison stays visible."""
        return self.choose("ogt", bound, x)

    def smaller(self, bound: str, x: str) -> str:
        return self.choose("olt", bound, x)

    def choose(self, comparison: str, a: str, b: str) -> str:
        """Lane by lane a where ``a comparison b`` holds, else b."""
        return self.select(comparison, a, b, a, b)

    def select(self, comparison: str, a: str, b: str, then: str, otherwise: str) -> str:
        """Lane by lane ``then`` where ``a comparison b`` holds, else ``otherwise``."""
        mask = self.let(f"fcmp {comparison} {VECTOR} {a}, {b}")
        return self.let(f"select <{LANES} x i1> {mask}, {VECTOR} {then}, {VECTOR} {otherwise}")

    def across(self, operation: Callable[[str, str], str], x: str) -> str:
        """An operation on all lanes of a vector, in every lane."""
        half = LANES // 2
        while half:
            turned = ", ".join(f"i32 {(lane + half) % LANES}" for lane in range(LANES))
            other = self.let(f"shufflevector {VECTOR} {x}, {VECTOR} poison, {INTEGERS} <{turned}>")
            x, half = operation(x, other), half // 2
        return x

    def polynomial(self, coefficients: Sequence[float], x: str) -> str:
        """Σ coefficient·xⁿ, the constant first."""
        y = constant(coefficients[-1])
        for coefficient in coefficients[-2::-1]:
            y = self.fma(y, x, constant(coefficient))
        return y

    def exp(self, x: str, minus_one: bool = False) -> str:
        """eˣ, or eˣ − 1, to 1e-7 relative: 2ⁿ·eʳ with r = x − n·ln 2 in two parts, and eʳ − 1 by
        a polynomial (Cephes, expf.c)."""
        x = self.larger(constant(-87.3), self.smaller(constant(88.3), x))
        n = self.let(
            f"call {VECTOR} @llvm.rint.v{LANES}f32("
            f"{VECTOR} {self.binary('fmul', x, constant(1.44269504088896341))})"
        )
        r = self.fma(n, constant(-0.693359375), x)
        r = self.fma(n, constant(2.12194440e-4), r)
        y = self.fma(self.polynomial(EXPONENTIAL, r), self.binary("fmul", r, r), r)
        whole = self.let(f"fptosi {VECTOR} {n} to {INTEGERS}")
        biased = self.let(f"add {INTEGERS} {whole}, splat (i32 127)")
        bits = self.let(f"shl {INTEGERS} {biased}, splat (i32 23)")
        power = self.let(f"bitcast {INTEGERS} {bits} to {VECTOR}")
        rest = self.binary("fadd", power, constant(-1.0)) if minus_one else power
        return self.fma(power, y, rest)

    def text(self) -> str:
        """The whole module."""
        body = "\n  ".join([*self.variables, "br label %start", "start:", *self.lines, "ret void"])
        return (
            f"declare {VECTOR} @llvm.fma.v{LANES}f32({VECTOR}, {VECTOR}, {VECTOR})\n"
            f"declare {VECTOR} @llvm.rint.v{LANES}f32({VECTOR})\n"
            f"define void @kernel(ptr noalias %job) #0 {{\n  {body}\n}}\n"
            'attributes #0 = { nounwind "prefer-vector-width"="512" '
            '"min-legal-vector-width"="512" }\n'
        )


def constant(value: float) -> str:
    """A vector of the same constant, rounded to float32 (IR writes floats as doubles in hex)."""
    (single,) = struct.unpack("<f", struct.pack("<f", value))
    return f"splat (float 0x{struct.pack('>d', single).hex().upper()})"
