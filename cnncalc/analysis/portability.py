"""Where frameworks would place a layer's windows otherwise, for one input.

A window's step does not always divide, and frameworks round in different ways. Compared is
layer by layer, each on the shape that it has here:

- *Caffe* rounds pooling up (``round_mode: CEIL``, its default) and drops a last window that
  starts in the padding only where there is padding; convolution is rounded down. Padding is the
  same on both sides. (BVLC, pooling_layer.cpp and conv_layer.cpp)
- *TensorFlow's* ``SAME`` makes ceil(n/S) windows and puts the odd row of padding behind. Without
  padding the network is ``VALID`` there, which rounds down, as here. (tf.nn.convolution)
- *ONNX* has explicit padding, so it agrees; but before release 1.16 (onnx/onnx#5741), and in
  runtimes that follow those, ``ceil_mode`` does not drop a last window that starts in the padding.

PyTorch agrees with cnncalc by definition.
"""

from typing import NamedTuple

import msgspec

from ..graph import Graph, Node
from ..layers.layer import AXES
from ..layers.pooling import Pool
from ..layers.sliding import Sliding
from ..layers.transposed_convolution import ConvTranspose


class Placing(msgspec.Struct, frozen=True):
    """Windows along an axis: how many, and the padding before and after the input."""

    windows: int
    before: int
    after: int


class Port(msgspec.Struct, frozen=True):
    """A layer along an axis (H, W, …) of so many rows: here and as each framework has it. None
    for one that agrees."""

    layer: str
    axis: str
    size: int
    here: Placing
    caffe: Placing | None
    tensorflow: Placing | None
    onnx: Placing | None

    @property
    def differs(self) -> bool:
        return bool(self.caffe or self.tensorflow or self.onnx)


class Slide(NamedTuple):
    """What decides where windows stand along one axis."""

    size: int
    extent: int
    stride: int
    before: int
    after: int
    ceil: bool
    pools: bool


def ports(graph: Graph) -> list[Port]:
    """The layers that some framework places otherwise, in the order in which they run."""
    found = (port for node in graph.nodes for port in ports_of(node))
    return [port for port in found if port.differs]


def ports_of(node: Node) -> list[Port]:
    """Each spatial axis of a layer with sliding windows; none for any other layer."""
    layer = node.layer
    if not isinstance(layer, Sliding) or isinstance(layer, ConvTranspose):
        return []
    sizes = node.input_shapes[0][1:]
    result = []
    for axis, (letter, size) in enumerate(zip(AXES[len(sizes)], sizes, strict=True)):
        slide = Slide(
            size, layer.extent(axis), layer.axis("stride", axis), *layer.sides(axis, size),
            layer.ceil_mode, isinstance(layer, Pool),
        )  # fmt: skip
        here = Placing(layer.output_size(axis, size), slide.before, slide.after)
        others = [
            None if same_windows(here, other) else other
            for other in (caffe(slide), tensorflow(slide), onnx(slide))
        ]
        result.append(Port(node.name, letter, size, here, *others))
    return result


def same_windows(one: Placing, other: Placing) -> bool:
    """Whether the windows are the same; rows of padding that none of them reads do not count."""
    return (one.windows, one.before) == (other.windows, other.before)


def caffe(slide: Slide) -> Placing:
    pad = max(slide.before, slide.after)
    room = slide.size + 2 * pad - slide.extent
    if not slide.pools:
        return Placing(room // slide.stride + 1, pad, pad)
    windows = -(-room // slide.stride) + 1
    if pad and (windows - 1) * slide.stride >= slide.size + pad:
        windows -= 1
    return Placing(windows, pad, pad)


def tensorflow(slide: Slide) -> Placing:
    if not (slide.before or slide.after or slide.ceil):
        return Placing((slide.size - slide.extent) // slide.stride + 1, 0, 0)
    windows = -(-slide.size // slide.stride)
    total = max((windows - 1) * slide.stride + slide.extent - slide.size, 0)
    return Placing(windows, total // 2, total - total // 2)


def onnx(slide: Slide) -> Placing:
    room = slide.size + slide.before + slide.after - slide.extent
    rounded = -(-room // slide.stride) if slide.ceil else room // slide.stride
    return Placing(rounded + 1, slide.before, slide.after)
