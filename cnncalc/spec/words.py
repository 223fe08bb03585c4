"""The words that the language itself uses."""

from keyword import kwlist

MODIFIERS = ("times", "when", "from", "name", "share", "freeze", "training")
MERGES = ("add", "sub", "mul", "max", "concat")
GROUPS = ("repeat", "sequential", "head", *MERGES)

#: In scope wherever layers stand: the channels of what arrives at the entry, and at the block.
ARRIVING = frozenset(["channels", "in_channels"])

FUNCTIONS = ("min", "max", "abs", "ceil", "floor", "round", "len", "sum", "make_divisible")

#: The words that options choose from; a test holds them against the layer classes.
CHOICES = frozenset(
    [
        "half",
        "same",
        "valid",
        "zeros",
        "none",
        "tanh",
        "nearest",
        "linear",
        "bilinear",
        "bicubic",
        "trilinear",
        "area",
    ]
)

#: What YAML takes for nothing.
NULLS = frozenset(["~", "null", "Null", "NULL"])

#: Names that keep their meaning everywhere.
RESERVED = frozenset(
    {*GROUPS, *ARRIVING, *FUNCTIONS, "index", "previous", "input", "true", "false", *kwlist}
) | (CHOICES - {"tanh", "linear"})

SPEC_KEYS = (
    "extends", "name", "source", "input", "inputs", "include", "parameters", "blocks", "layers",
    "freeze", "expect",
)  # fmt: skip
LIBRARY_KEYS = ("name", "source", "include", "blocks")
BLOCK_KEYS = ("inputs", "parameters", "layers")
