"""How other tools count: a layer as they see it, and the formulas of their rows.

A formula says how much a tool adds to the exact MACs of one layer, for one image; the tables in
`conventions` say which tool has which. Each was read in the tool's source.
"""

from collections.abc import Callable, Mapping
from math import prod
from typing import Any, NamedTuple

from ..layers import Shape

#: How code writes a layer, from what every tool sees to what few do: as a module, as a call of
#: torch.nn.functional (`F.relu`), as a method of a tensor (`x.mean`).
MODULE, FUNCTION, METHOD = range(3)


class Site(NamedTuple):
    """A layer where it stands, with the facts that some tool looks at.

    ``behind``: the layer it alone reads. ``zero_biases``: its biases are zeros until the network
    is trained.
    """

    layer: Any
    input: Shape
    output: Shape
    inputs: int
    macs: int
    behind: Any = None
    written: int = MODULE
    zero_biases: bool = False


#: How much a cause adds for one layer and one image. It may be negative.
Formula = Callable[[Site], int]


class Cause(NamedTuple):
    """A row of a ledger. ``formulas`` go by kind (``max_pool2d``) or by family (``max_pool``);
    ``sees``: layers written in a way further from modules are not counted."""

    title: str
    formulas: Mapping[str, Formula]
    sees: int = FUNCTION


def family(kind: str) -> str:
    """The kind without its number of axes, conv for conv2d; global pooling is adaptive."""
    stem = kind[:-2] if kind[-2:] in ("1d", "2d", "3d") and kind != "layer_norm2d" else kind
    return stem.replace("global_", "adaptive_")


#: Kinds for which torch.nn has no module, or one that is a chain of functions: everybody writes
#: them in another way, and the tools count what is written.
NO_MODULE = frozenset(
    ["locally_connected", "rbf", "scale", "depth_to_space", "space_to_depth", "lp_pool",
     "local_response_norm"]
)  # fmt: skip


# ------------------------------------------------------------------------------------ the formulas


def inputs(site: Site) -> int:
    return prod(site.input)


def outputs(site: Site) -> int:
    return prod(site.output)


def macs(site: Site) -> int:
    return site.macs


def times(factor: int, formula: Formula = outputs) -> Formula:
    return lambda site: factor * formula(site)


def biases(site: Site) -> int:
    """One for each output value, if there is a bias."""
    return outputs(site) if site.layer.bias else 0


def params(site: Site) -> int:
    return sum(map(prod, site.layer.weights((site.input,)).values()))


def weights(site: Site) -> int:
    return prod(site.layer.weights((site.input,))["weight"])


def is_affine(layer: Any) -> bool:
    return bool(getattr(layer, "affine", True) and getattr(layer, "elementwise_affine", True))


def is_same(layer: Any) -> bool:
    """Whether PyTorch would be told `padding="same"`: it does not take that with a stride."""
    strides = (layer.axis("stride", axis) for axis in range(layer.spatial))
    return bool(layer.padding == "same" and all(stride == 1 for stride in strides))


def always(site: Site) -> bool:
    return True


def affine(plain: int, learned: int) -> Formula:
    """So much for each value, more where γ and β are learned."""
    return lambda site: (learned if is_affine(site.layer) else plain) * inputs(site)


def by_statistics(site: Site) -> int:
    """Batch norm: 2 for each value (1 without γ and β), 5 (4) where no statistics are kept."""
    return (affine(1, 2) if site.layer.track_running_stats else affine(4, 5))(site)


def by_mode(axes: int | None = None, **factors: int) -> Formula:
    """So much for each output value of an upsampling, by its mode; on so many axes only."""

    def formula(site: Site) -> int:
        fits = axes is None or len(site.output) == axes + 1
        factor: int = factors.get(site.layer.mode, 0)
        return factor * outputs(site) if fits else 0

    return formula


def each(formula: Formula, *families: str) -> dict[str, Formula]:
    return dict.fromkeys(families, formula)


POOLS = ("max_pool", "avg_pool", "adaptive_max_pool", "adaptive_avg_pool")
NORMS = ("batch_norm", "instance_norm", "group_norm", "layer_norm", "layer_norm2d")
MULTIPLYING = ("conv", "conv_transpose", "linear")


# --------------------------------------------------------------------------------------- torchinfo


def bias_once(site: Site) -> int:
    return params(site) - weights(site)


def other_positions(site: Site) -> int:
    """Minus the MACs of a linear layer at all positions but one."""
    return weights(site) - site.macs


def surplus_at_outputs(site: Site) -> int:
    """The weights of a transposed convolution at each output position, less its MACs."""
    return weights(site) * prod(site.output[1:]) - site.macs


# ------------------------------------------------------------------------------------------ fvcore


def unseen_if_same(site: Site) -> int:
    """`padding="same"` runs another operator, of which the tool knows nothing."""
    return -site.macs if is_same(site.layer) else 0


# -------------------------------------------------------------------------------------------- thop


def ratio_plus_one(site: Site) -> int:
    """(input size / output size + 1) per output value, in the tool's own floating point."""
    ratio = prod(n / m for n, m in zip(site.input[1:], site.output[1:], strict=True))
    return int((ratio + 1) * outputs(site))


def softmax_steps(site: Site) -> int:
    """eˣ and ÷ for each value, + for all but one of those that are summed."""
    features: int = site.input[site.layer.axis]
    return inputs(site) // features * (3 * features - 1)


def surplus_as_convolution(site: Site) -> int:
    """Input channels times kernel for each output value, less the MACs."""
    window: int = site.input[0] // site.layer.groups * prod(site.layer.kernel())
    return window * outputs(site) - site.macs


# --------------------------------------------------------------------------------------- onnx-tool

#: onnx_tool/node.py: what a division, eˣ, ln and a square root count as.
DIVISION, EXPONENTIAL, LOGARITHM, ROOT = 4, 32, 43, 24


def is_folded(site: Site) -> bool:
    """Whether the export folds this batch norm into the layer before it."""
    before = site.behind
    return before is not None and family(before.kind) in MULTIPLYING


def unless_folded(formula: Formula) -> Formula:
    return lambda site: 0 if is_folded(site) else formula(site)


def zero_biases(site: Site) -> int:
    """Those the export leaves out; it keeps the addition behind a product at many positions."""
    return biases(site) if site.zero_biases and is_one_operator(site) else 0


def is_one_operator(site: Site) -> bool:
    return site.layer.kind != "linear" or len(site.input) == 1


def nonzero_biases(site: Site) -> int:
    return biases(site) - zero_biases(site)


def folded_biases(site: Site) -> int:
    """The bias that a layer without one gets from its batch norm."""
    return outputs(site) if is_folded(site) and not site.behind.bias else 0


def is_uneven(site: Site) -> bool:
    """Adaptive pooling whose windows are not all the same, or on three axes, is not exported."""
    pairs = zip(site.input[1:], site.output[1:], strict=True)
    return len(site.input) == 4 or any(size % bins for size, bins in pairs)


def pool_windows(site: Site) -> int:
    """The values under all windows; on three axes those of the first only."""
    kernel: Shape = site.layer.kernel()
    return outputs(site) * prod(kernel[:1] if len(kernel) == 3 else kernel)


def merges(site: Site) -> int:
    return (site.inputs - 1) * outputs(site)


def layer_norm_steps(site: Site) -> int:
    """7 for each value and +, ÷ and a root for each mean, were it over the first axis only."""
    over: int = site.input[0 if site.layer.kind == "layer_norm2d" else -site.layer.axes]
    return 7 * inputs(site) + (1 + ROOT + DIVISION) * (inputs(site) // over)


def surplus_with_outputs_as_inputs(site: Site) -> int:
    """Output channels times kernel for each output value, less the MACs."""
    window: int = site.layer.out_channels // site.layer.groups * prod(site.layer.kernel())
    return window * outputs(site) - site.macs


# ---------------------------------------------------------------------------------------- calflops


def short_if_same(site: Site) -> int:
    """An even kernel with `padding="same"`: the output is taken for one smaller on that axis."""
    if not is_same(site.layer):
        return 0
    extents = (site.layer.extent(axis) for axis in range(len(site.output) - 1))
    sizes = zip(site.output[1:], extents, strict=True)
    lost: int = prod(site.output[1:]) - prod(size - 1 + extent % 2 for size, extent in sizes)
    per_position = (2 * site.macs + biases(site)) // prod(site.output[1:])
    return -lost * per_position


def groups_divided_twice(site: Site) -> int:
    """Twice the MACs that are lost where the output channels of a group are divided again."""
    groups: int = site.layer.groups
    channels: int = site.layer.out_channels
    return 2 * site.macs // channels * (channels // groups // groups * groups) - 2 * site.macs


def biases_at_wrong_size(site: Site) -> int:
    """The output is taken for that of a convolution, and its channels for those of a group."""
    if not site.layer.bias:
        return 0
    total: int = site.layer.out_channels // site.layer.groups
    for axis, size in enumerate(site.input[1:]):
        room = size + 2 * site.layer.axis("padding", axis) - site.layer.extent(axis)
        total *= room // site.layer.axis("stride", axis) + 1
    return total


def upsampling_without_factor(site: Site) -> int:
    """Each input value for a scale factor; for a size, the positions of one channel."""
    size: int | tuple[int, ...] | None = site.layer.size
    if size is None:
        return inputs(site)
    return prod(size) if isinstance(size, tuple) else size
