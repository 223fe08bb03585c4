"""Where cnncalc refuses what PyTorch takes, on purpose: each with its reason."""

from collections.abc import Callable
from typing import Any, NamedTuple

from graph_strategies import Refused, sides_differ
from torch_windows import family

from cnncalc.layers import Shapes


class Stricter(NamedTuple):
    """What cnncalc refuses knowingly. ``applies`` looks at one refusal; ``example`` is one: a
    kind, its options and the shapes of its inputs."""

    name: str
    reason: str
    applies: Callable[[Refused], bool]
    example: tuple[str, dict[str, Any], Shapes]


STRICTER = (
    Stricter(
        "number of axes",
        "PyTorch also takes an image without a batch, so an axis too few or too many is read as "
        "another layout; activations, dropout and means to 1×1 do not look at the number at all",
        lambda refused: refused.error.rule == "rank",
        ("global_avg_pool2d", {}, ((8, 5, 5, 5),)),
    ),
    Stricter(
        "empty output",
        "PyTorch makes a tensor with no values, which is a mistake in a network",
        lambda refused: (
            (family(refused.kind), refused.error.rule)
            in {("conv_transpose", "shape"), ("slice", "shape"), ("crop", "shape")}
        ),
        ("slice", {"start": 2}, ((2, 4, 12),)),
    ),
    Stricter(
        "padding in words or for each side",
        "PyTorch has no such option: it pads first, and knows nothing of the limits",
        lambda refused: (
            refused.error.option in ("padding", "kernel_size") and sides_differ(refused.layer)
        ),
        (
            "avg_pool2d",
            {"kernel_size": (2, 2), "padding": ((0, 2), (0, 2))},
            ((3, 5, 5),),
        ),
    ),
    Stricter(
        "a value for each spatial axis",
        "PyTorch pads and crops as many of the last axes as there are values",
        lambda refused: refused.kind in ("pad", "crop") and refused.error.rule == "bad-value",
        ("pad", {"padding": (0, 2)}, ((4, 4, 4, 4),)),
    ),
    Stricter(
        "the batch is no axis",
        "PyTorch counts the batch as an axis, and may flatten, cut or join along it",
        lambda refused: (
            f"is {-len(refused.inputs[0]) - 1}, but" in str(refused.error)
            and refused.error.option in ("axis", "start_dim", "end_dim")
        ),
        ("flatten", {"start_dim": -4}, ((1, 4, 4),)),
    ),
    Stricter(
        "not PyTorch's layer",
        "built of operations that take an empty window, or that ignore a second input",
        lambda refused: (
            (family(refused.kind), refused.error.rule)
            in {("locally_connected", "bad-value"), ("center_crop", "input-count")}
        ),
        ("center_crop", {"size": 4}, ((3, 4, 7), (3, 4, 7))),
    ),
    Stricter(
        "merging other numbers of axes",
        "PyTorch would line up the channels of one with the rows of another, or with the batch",
        lambda refused: (
            refused.error.rule == "merge-mismatch" and len(set(map(len, refused.inputs))) > 1
        ),
        ("add", {}, ((2, 4, 4), (4, 4))),
    ),
)


def stricter(refused: Refused) -> Stricter | None:
    """Why cnncalc may refuse this though PyTorch takes it."""
    return next((row for row in STRICTER if row.applies(refused)), None)
