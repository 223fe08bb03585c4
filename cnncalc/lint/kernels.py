"""CNN503 dead-kernel."""

from collections.abc import Iterator
from math import prod

from ..graph import Node
from ..layers import Shapes, show_shape
from ..layers.convolution import Conv
from ..layers.layer import AXES
from ..layers.locally_connected import LocallyConnected
from ..layers.sliding import Sliding
from ..layers.transposed_convolution import ConvTranspose
from .network import Found, Network

#: Kernels that are larger are not looked at, weight by weight.
LARGEST = 4096


def dead_kernel(network: Network) -> Iterator[Found]:
    """A kernel with weights that lie in the padding (of a transposed convolution: in what is cut
    off) wherever the window stands."""
    alive = set[tuple[int, Shapes]]()  # equal layers are mostly the same object
    for node in network.layers(Conv, ConvTranspose, LocallyConnected):
        assert isinstance(node.layer, Sliding)
        if (id(node.layer), node.input_shapes) in alive:
            continue
        kernel = node.layer.kernel()
        live = kernel
        if 1 < max(kernel) <= LARGEST:
            live = tuple(live_weights(node, axis) for axis in range(len(kernel)))
        if live == kernel:
            alive.add((id(node.layer), node.input_shapes))
            continue
        names = AXES[len(kernel)]
        axes = " and ".join(
            f"{used} of {size} along {name}"
            for used, size, name in zip(live, kernel, names, strict=True)
            if used < size
        )
        dead, total = prod(kernel) - prod(live), prod(kernel)
        yield Found(
            node,
            f"{dead} of the {total} weights of each kernel only ever meet padding: on "
            f"{show_shape(node.input_shapes[0])}, only {axes} ever read it",
            f"kernel_size: {show_shape(live) if len(set(live)) > 1 else live[0]} and less padding "
            "compute the same; or is the input smaller than it should be?",
        )  # fmt: skip


def live_weights(node: Node, axis: int) -> int:
    """How many of the kernel's weights on an axis meet the image at some position.

    Weight k of a convolution reads row o·S − P + D·k for an output row o; of a transposed
    convolution, it writes row i·S − P + D·k for an input row i.
    """
    layer = node.layer
    assert isinstance(layer, Sliding)
    size, output = node.input_shapes[0][1 + axis], node.output_shapes[0][1 + axis]
    if isinstance(layer, ConvTranspose):
        before, steps, rows = layer.axis("padding", axis), size, output
    else:
        before, steps, rows = layer.sides(axis, size)[0], output, size
    stride, dilation = layer.axis("stride", axis), layer.axis("dilation", axis)
    live = 0
    for weight in range(layer.axis("kernel_size", axis)):
        offset = before - dilation * weight  # row = step·stride − offset
        first = max(0, -(-offset // stride))
        live += first < steps and first * stride - offset < rows
    return live
