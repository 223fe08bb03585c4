"""The activations of the epilogues, written for vectors of 16 floats.

All come from eˣ and eˣ − 1 (`ir.Writer`). Errors are below 1e-6 relative to the largest value;
those that are nearly linear at 0 (tanh, ELU) keep their relative accuracy there.
"""

from typing import Literal

from .ir import JOB, VECTOR, Writer, constant

Activation = Literal[
    "none",
    "clamp",
    "leaky",
    "sigmoid",
    "silu",
    "hardsigmoid",
    "hardswish",
    "tanh",
    "elu",
    "gelu",
    "gelu_tanh",
    "mish",
    "softplus",
    "abs",
]

#: log(erfc(t))/t on 0 ≤ t ≤ 4, the constant first: the polynomial of degree 7 with the least
#: error of erfc, 1.6e-8 (least squares at Chebyshev's points, reweighted by Lawson's method).
#: Exponentials of polynomials for erfc: Abramowitz & Stegun, 1964, §7.1; N. Juffa, erff, 2016.
ERFC = (
    -1.128380251,
    -6.365977336e-1,
    -1.029196128e-1,
    1.958395929e-2,
    -5.369322930e-4,
    -1.032402291e-3,
    3.088023707e-4,
    -3.144018418e-5,
)
#: (log(1 + x) − x + x²/2)/x³ for √½ ≤ 1 + x ≤ √2, the constant first (Cephes, logf.c).
LOGARITHM = (
    3.3333331174e-1,
    -2.4999993993e-1,
    2.0000714765e-1,
    -1.6668057665e-1,
    1.4249322787e-1,
    -1.2420140846e-1,
    1.1676998740e-1,
    -1.1514610310e-1,
    7.0376836292e-2,
)


def bounds(w: Writer) -> tuple[str, str]:
    """The job's ``lo`` and ``hi`` in all lanes."""
    lo, hi = (w.at("%job", str(8 * JOB.index(name))) for name in ("lo", "hi"))
    return w.splat(w.let(f"load float, ptr {lo}")), w.splat(w.let(f"load float, ptr {hi}"))


def activate(w: Writer, activation: Activation, x: str, lo: str, hi: str) -> str:
    """The activation of a vector; ``lo`` and ``hi`` bound a clamp, ``lo`` is leaky's slope and
    ELU's alpha, and both are softplus's beta and threshold."""
    match activation:
        case "none":
            return x
        case "clamp":
            return w.smaller(hi, w.larger(lo, x))
        case "leaky":
            return w.choose("ogt", x, w.binary("fmul", x, lo))
        case "sigmoid":
            return w.binary("fdiv", constant(1.0), divisor(w, x))
        case "silu":
            return w.binary("fdiv", x, divisor(w, x))
        case "hardsigmoid":
            return gate(w, x)
        case "hardswish":
            return w.binary("fmul", x, gate(w, x))
        case "tanh":  # (e²ˣ − 1)/(e²ˣ − 1 + 2)
            powers = w.exp(w.binary("fadd", x, x), minus_one=True)
            return w.binary("fdiv", powers, w.binary("fadd", powers, constant(2.0)))
        case "elu":
            below = w.exp(w.smaller(constant(0.0), x), minus_one=True)
            return w.select("ogt", x, constant(0.0), x, w.binary("fmul", below, lo))
        case "gelu":
            return gelu(w, x)
        case "gelu_tanh":  # ½·x·(1 + tanh u) = x·sigmoid(2u)
            cubic = w.fma(
                w.binary("fmul", x, x), constant(0.0713548162726), constant(1.595769121606)
            )
            return w.binary("fdiv", x, divisor(w, w.binary("fmul", x, cubic)))
        case (
            "mish"
        ):  # tanh(log(1 + e)) = e(e + 2)/(e(e + 2) + 2); 1 from 20 on, before e² overflows
            power = w.exp(w.smaller(constant(20.0), x))
            share = w.binary("fmul", power, w.binary("fadd", power, constant(2.0)))
            share = w.binary("fdiv", share, w.binary("fadd", share, constant(2.0)))
            return w.binary("fmul", x, share)
        case "softplus":
            return softplus(w, x, lo, hi)
        case "abs":
            return magnitude(w, x)


def negative(w: Writer, x: str) -> str:
    return w.let(f"fneg {VECTOR} {x}")


def magnitude(w: Writer, x: str) -> str:
    """|x|."""
    return w.larger(negative(w, x), x)


def divisor(w: Writer, x: str) -> str:
    """1 + e⁻ˣ."""
    return w.binary("fadd", constant(1.0), w.exp(negative(w, x)))


def gate(w: Writer, x: str) -> str:
    """relu6(x + 3)/6."""
    bounded = w.larger(constant(0.0), w.binary("fadd", x, constant(3.0)))
    return w.binary("fmul", w.smaller(constant(6.0), bounded), constant(1 / 6))


def gelu(w: Writer, x: str) -> str:
    """x·Φ(x) = max(x, 0) − ½·|x|·erfc(|x|/√2): the same for both signs, and exact far left.

    Beyond its interval the polynomial falls on, and takes erfc to 0.
    """
    size = magnitude(w, x)
    t = w.binary("fmul", size, constant(0.5**0.5))
    tail = w.exp(w.binary("fmul", w.polynomial(ERFC, t), t))
    half = w.binary("fmul", size, constant(-0.5))
    return w.fma(half, tail, w.larger(constant(0.0), x))


def softplus(w: Writer, x: str, beta: str, threshold: str) -> str:
    """log(1 + e^(beta·x))/beta, and x above the threshold: with s = beta·x, the logarithm is
    max(s, 0) + log(1 + e^−|s|)."""
    s = w.binary("fmul", x, beta)
    power = w.exp(negative(w, magnitude(w, s)))
    log = w.binary("fadd", w.larger(constant(0.0), s), log_of_one_and(w, power))
    return w.select("ogt", s, threshold, x, w.binary("fdiv", log, beta))


def log_of_one_and(w: Writer, x: str) -> str:
    """log(1 + x) for 0 ≤ x ≤ 1, to 1e-7 relative; where 1 + x > √2, as log 2 + log(½ + x/2)."""
    border = constant(2**0.5 - 1)
    rest = w.fma(x, constant(0.5), constant(-0.5))
    rest = w.select("ogt", x, border, rest, x)
    whole = w.select("ogt", x, border, constant(0.69314718056), constant(0.0))
    square = w.binary("fmul", rest, rest)
    cubic = w.fma(w.polynomial(LOGARITHM, rest), rest, constant(-0.5))
    return w.binary("fadd", whole, w.fma(cubic, square, rest))
