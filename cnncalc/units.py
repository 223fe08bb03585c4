"""Numbers as people read them. M is 10^6, G is 10^9 and MiB is 2^20, always.

A scaled number is only ever a remark beside the exact one.
"""

MEGA = 10**6
GIGA = 10**9
TERA = 10**12
MIB = 2**20


def thousands(number: int) -> str:
    """All digits, in groups of three: ``15,470,264,320``."""
    return f"{number:,}"


def scaled(number: int) -> str:
    """Two decimals of G or M: ``15.47 G``; nothing below a million."""
    if number < MEGA:
        return ""
    unit, symbol = (GIGA, "G") if number >= GIGA else (MEGA, "M")
    return f"{_decimal(number, unit, 2)} {symbol}"


def mebibytes(number: int) -> str:
    """A number of bytes in MiB, with three digits or more: ``58.1 MiB``, ``0.0293 MiB``."""
    decimals = 1
    while number > 0 and decimals < 6 and number * 10**decimals < 100 * MIB:
        decimals += 1
    return f"{_decimal(number, MIB, decimals)} MiB"


def milliseconds(value: float) -> str:
    """Three digits or more: ``0.0123``, ``4.56``, ``1,234``."""
    for decimals, limit in ((0, 100), (1, 10), (2, 1), (3, 0.1)):
        if value >= limit:
            return f"{value:,.{decimals}f}"
    return f"{value:.4f}"


def _decimal(number: int, unit: int, decimals: int) -> str:
    """number / unit, rounded half up, in whole-number arithmetic."""
    scale: int = 10**decimals
    whole, fraction = divmod((2 * number * scale + unit) // (2 * unit), scale)
    return f"{whole:,}.{fraction:0{decimals}d}"
