"""How a layer looks at its input along one axis."""

from math import gcd
from typing import NamedTuple

from .errors import LayerError

Span = tuple[int, int] | None


class Window(NamedTuple):
    """What the positions of an output axis read of an input axis.

    Written as *quasi-affine*: output position ``o = period*m + r`` reads the input positions
    ``first_r + advance*m .. last_r + advance*m`` where ``(first_r, last_r) = spans[r]``, in
    steps of ``step`` (a dilated kernel leaves out the ones between). Positions outside the
    input are padding. A span of `None` reads nothing (a transposed convolution whose stride
    exceeds its kernel). ``axis`` is the input axis that is read; -1 is the axis of the same
    number as the output's own.

    A convolution has period 1 and advance = stride; upsampling by 2 has period 2, advance 1.
    """

    period: int
    advance: int
    spans: tuple[Span, ...]
    step: int = 1
    axis: int = -1

    def span(self, position: int) -> Span:
        """The first and last input position that an output position reads."""
        turns, phase = divmod(position, self.period)
        span = self.spans[phase]
        return span and (span[0] + self.advance * turns, span[1] + self.advance * turns)


SAME_POSITION = Window(1, 1, ((0, 0),))
#: An axis of size 1 that is stretched: all positions read the only one.
STRETCHED = Window(1, 0, ((0, 0),))
#: An input whose values are not looked at, only its shape.
NOT_READ = Window(1, 0, (None,))
#: A pattern that repeats after more positions than this is refused.
MAX_PERIOD = 1 << 16


def sliding(kernel: int, stride: int, dilation: int, before: int) -> Window:
    """A kernel that slides: convolution and pooling."""
    return Window(1, stride, ((-before, dilation * (kernel - 1) - before),), dilation)


def shifted(offset: int) -> Window:
    """Position o reads position o + offset: cropping (> 0) and padding (< 0)."""
    return Window(1, 1, ((offset, offset),))


def check_period(period: int, option: str) -> None:
    """Raise LayerError if a window's pattern is too long to write down."""
    if period > MAX_PERIOD:
        raise LayerError(
            "limit",
            f"the windows along an axis repeat only after {period} positions; "
            f"allowed: {MAX_PERIOD} or fewer",
            option=option,
        )


def grouped(size: int, output: int, groups: int) -> Window | None:
    """Equal blocks of channels that do not see each other; None where there is only one."""
    period = output // groups
    if groups == 1 or period > MAX_PERIOD:
        return None
    return Window(period, size // groups, ((0, size // groups - 1),) * period)


def adaptive(size: int, output: int) -> Window:
    """Adaptive pooling's bins: from floor(o·n/m) to ceil((o+1)·n/m) − 1."""
    period = output // gcd(size, output)
    advance = size // gcd(size, output)
    spans = tuple((o * size // output, -(-(o + 1) * size // output) - 1) for o in range(period))
    return Window(period, advance, spans)
