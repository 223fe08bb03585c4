"""A step → a graph for cuDNN: convolution [+ residual] + bias [+ ReLU], stored once.

A `Pattern` says all that the graph, and so the plans that cuDNN has for it, depend on. The same
code makes it from a step's arrays on a device, and from a plan alone where there is none.

What cuDNN 9 wants, found by asking it for plans (``benchmarks/cudnn_plans.py``):

* The residual is added *before* the bias, and the bias has the type of the images: then its
  engines for the fused convolution are compiled already. Otherwise one is compiled at run time.
* ReLU6 right behind a bias is refused; with an identity between them it is taken.
* Pointers are multiples of 16 bytes (`ALIGNMENT`).
"""

from math import inf
from typing import Any, NamedTuple, cast

from ...layers import Layer
from ...layers.activation import Hardtanh, ReLU, ReLU6
from ...layers.convolution import Conv
from ...layers.linear import Linear
from ...layers.merge import Add
from ..plan import Step
from .arrays import Dtype
from .bound import CannotBind

#: What tensors are called when a graph runs.
X, WEIGHT, RESIDUAL, BIAS, Y = range(1, 6)
#: Bytes that cuDNN takes every pointer to be a multiple of.
ALIGNMENT = 16
#: Names of `cudnn.data_type`.
STORED: dict[Dtype, str] = {
    "float32": "FLOAT", "tf32": "FLOAT", "float16": "HALF", "bfloat16": "BFLOAT16",
}  # fmt: skip


class Lies(NamedTuple):
    """The four axes [N, C, H, W] of a tensor, and its strides in values."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]


class Pattern(NamedTuple):
    """x → convolution → + residual → + bias → up to ``clamp``, and not below 0 → y.

    What is None or False is left out; without ``weight`` there is no convolution. ``clamp`` is
    inf for ReLU and 6 for ReLU6. Padding, stride and dilation are along height and width.
    """

    dtype: Dtype
    x: Lies
    y: Lies
    weight: Lies | None = None
    residual: Lies | None = None
    bias: bool = False
    clamp: float | None = None
    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    dilation: tuple[int, ...] = ()

    @property
    def operands(self) -> tuple[int, ...]:
        """What the graph runs on."""
        given = {
            X: True,
            WEIGHT: self.weight is not None,
            RESIDUAL: self.residual is not None,
            BIAS: self.bias,
            Y: True,
        }
        return tuple(number for number, there in given.items() if there)

    @property
    def fused(self) -> bool:
        """Whether there is anything behind the convolution."""
        return self.residual is not None or self.bias or self.clamp is not None

    def split(self) -> "tuple[Pattern, Pattern]":
        """The convolution alone, and what comes behind it; between them lies a packed image."""
        between = packed(self.y.shape)
        alone = self._replace(y=between, residual=None, bias=False, clamp=None)
        rest = Pattern(self.dtype, between, self.y, None, self.residual, self.bias, self.clamp)
        return alone, rest


# ------------------------------------------------------------------------------ steps → patterns


def can_fuse(epilogue: tuple[Layer, ...]) -> bool:
    """Whether an epilogue is [Add] [ReLU, ReLU6 or another clamp from 0]."""
    behind = epilogue[1:] if epilogue and isinstance(epilogue[0], Add) else epilogue
    return not behind or (len(behind) == 1 and ceiling(behind[0]) is not None)


def ceiling(layer: Layer) -> float | None:
    """The value above which a clamp from 0 cuts off; None if a layer is none."""
    match layer:
        case ReLU():
            return inf
        case ReLU6():
            return 6.0
        case Hardtanh() if layer.min_val == 0:
            return float(layer.max_val)
    return None


def can_run(step: Step) -> bool:
    """Convolutions of images, and linear layers on one axis or two."""
    body, (output,) = step.body, step.outputs
    residuals = step.inputs[1:]
    fits = (
        (isinstance(body, Conv) and body.spatial == 2 and body.connections is None)
        or (isinstance(body, Linear) and len(output.shape) <= 2)
    )  # fmt: skip
    same = all(residual.shape == output.shape for residual in residuals)
    return fits and same and can_fuse(step.epilogue)


def pattern(step: Step, dtype: Dtype, inputs: tuple[Lies, ...], output: Lies) -> Pattern:
    """What a step does, given where its inputs and its output lie, [N, *shape] as they are.

    Raises CannotBind where the channels of a pixel are not side by side.
    """
    body, bias = step.body, bool(getattr(step.body, "bias", False))
    x, *residuals = (image(one) for one in inputs)
    y = image(output)
    for one in (x, y, *residuals):
        if one.shape[1] > 1 and one.strides[1] != 1:
            raise CannotBind("cuDNN's graphs want the channels of a pixel side by side")
    clamp = ceiling(step.epilogue[-1]) if step.epilogue else None
    common = Pattern(
        dtype, x, y, None, residuals[0] if residuals else None, bias, clamp,
        before=(0, 0), after=(0, 0), stride=(1, 1), dilation=(1, 1),
    )  # fmt: skip
    if isinstance(body, Linear):
        return common._replace(weight=packed((y.shape[1], x.shape[1], 1, 1)))
    body = cast(Conv, body)
    sides = [body.sides(axis, x.shape[2 + axis]) for axis in range(2)]
    return common._replace(
        weight=packed((y.shape[1], x.shape[1] // body.groups, *body.kernel())),
        before=tuple(before for before, _ in sides),
        after=tuple(after for _, after in sides),
        stride=tuple(body.axis("stride", axis) for axis in range(2)),
        dilation=tuple(body.axis("dilation", axis) for axis in range(2)),
    )


def image(array: Lies) -> Lies:
    """[N, C, H, W] as it is; rows [N, C] or [N, H, C] as images of width 1."""
    if len(array.shape) == 4:
        return array
    images, *height, channels = array.shape
    steps = array.strides
    row = steps[1] if height else channels
    return Lies((images, channels, *(height or [1]), 1), (steps[0], steps[-1], row, channels))


def packed(shape: tuple[int, ...]) -> Lies:
    """Images without gaps, channels last."""
    _, channels, height, width = shape
    return Lies(shape, (channels * height * width, 1, width * channels, channels))


# ------------------------------------------------------------------------------ patterns → graphs


def describe(cudnn: Any, wanted: Pattern, place: dict[str, Any]) -> Any:
    """The operations of a pattern, sums in float32."""
    stored, wide = getattr(cudnn.data_type, STORED[wanted.dtype]), cudnn.data_type.FLOAT
    graph = cudnn.pygraph(
        name="cnncalc", io_data_type=stored, intermediate_data_type=wide, compute_data_type=wide,
        **place,
    )  # fmt: skip

    def tensor(number: int, lies: Lies) -> Any:
        shape, strides = list(lies.shape), list(lies.strides)
        return graph.tensor(dim=shape, stride=strides, data_type=stored, uid=number)

    y = tensor(X, wanted.x)
    if wanted.weight is not None:
        y = graph.conv_fprop(
            image=y,
            weight=tensor(WEIGHT, wanted.weight),
            pre_padding=list(wanted.before),
            post_padding=list(wanted.after),
            stride=list(wanted.stride),
            dilation=list(wanted.dilation),
            compute_data_type=wide,
        )
    if wanted.residual is not None:
        y = graph.add(a=y, b=tensor(RESIDUAL, wanted.residual))
    if wanted.bias:
        channels = wanted.y.shape[1]
        y = graph.bias(input=y, bias=tensor(BIAS, packed((1, channels, 1, 1))))
    if wanted.clamp == inf:
        y = graph.relu(input=y)
    elif wanted.clamp is not None:
        y = graph.identity(input=y)
        y = graph.relu(input=y, lower_clip=0.0, upper_clip=wanted.clamp)
    y.set_output(True).set_data_type(stored).set_uid(Y)
    y.set_dim(list(wanted.y.shape)).set_stride(list(wanted.y.strides))
    return graph
