"""A step of a plan → groups of the step table, one function per kernel of the backend."""

from collections.abc import Callable

from ...graph import Node, Value
from ...layers.activation import Activation
from ...layers.convolution import Conv
from ...layers.linear import RBF
from ...layers.merge import Add, Sub
from ...layers.pooling import MaxPool
from ...layers.rearrange import Flatten
from ..plan import Step
from ..weights import Arrays, affine
from . import direct as sweeps
from .blocked import Blocked
from .forms import Forms
from .geometry import active, bins_of, convolved, fused_pool, is_mean, scheme_of, sliding_of
from .kernel import Kind
from .memory import Memory
from .numpy_convolution import dense
from .softmax import softmax as over_channels
from .sweep import Epilogue, Machine
from .table import Group
from .tiled import Winograd


class Lowering:
    """What lowering a step may use: where values lie, the step's arrays, memory for constants."""

    def __init__(
        self,
        forms: Forms,
        machine: Machine,
        images: int,
        memory: Memory,
        locate: Callable[[Value], Blocked],
    ) -> None:
        self.forms = forms
        self.machine = machine
        self.images = images
        self.memory = memory
        self.locate = locate

    def tensors(self, step: Step) -> tuple[Blocked, Blocked]:
        """The first input and the output."""
        return self.locate(step.node.inputs[0]), self.locate(Value(step.node.index))

    def epilogue(self, step: Step) -> Epilogue:
        """The epilogue of a step; its residual is the step's last input."""
        rest, found = None, None
        for layer in step.epilogue:
            if isinstance(layer, Add):
                rest = self.locate(step.node.inputs[-1])
            else:
                found = active(layer) or found
        return Epilogue(*found, rest) if found else Epilogue(residual=rest)


def direct(at: Lowering, step: Step, arrays: Arrays) -> list[Group]:
    x, y = at.tensors(step)
    sliding = sliding_of(step.node)
    assert sliding is not None
    assert isinstance(step.body, Conv)
    return sweeps.convolution(
        at.memory,
        at.machine,
        x,
        y,
        at.images,
        sliding,
        dense(step.body, arrays["weight"], x.channels)[0],
        arrays.get("bias"),
        step.body.groups,
        at.epilogue(step),
    )


def winograd(at: Lowering, step: Step, arrays: Arrays) -> list[Group]:
    x, y = at.tensors(step)
    sliding = sliding_of(step.node)
    assert sliding is not None
    assert isinstance(step.body, Conv)
    weight = dense(step.body, arrays["weight"], x.channels)[0]
    return Winograd(
        scheme_of(step.node, at.images),
        x,
        y,
        at.images,
        convolved(step.node),
        sliding.before,
        at.epilogue(step),
        2 if fused_pool(step.node) else 1,
        at.machine,
    ).lower(at.memory, weight, arrays.get("bias"))


def linear(at: Lowering, step: Step, arrays: Arrays) -> list[Group]:
    x, y = at.locate(source_of(at.forms, step.node)), at.locate(Value(step.node.index))
    kind: Kind = "distance" if isinstance(step.body, RBF) else "multiply"
    weight, bias = arrays["codes" if kind == "distance" else "weight"], arrays.get("bias")
    return sweeps.linear(
        at.memory, at.machine, x, y, at.images, weight, bias, at.epilogue(step), kind
    )


def pooling(at: Lowering, step: Step, arrays: Arrays) -> list[Group]:
    x, y = at.tensors(step)
    bins, layer = bins_of(step.body, step.node), step.body
    assert bins is not None
    dilation = (1, 1)
    if isinstance(layer, MaxPool):
        dilation = layer.axis("dilation", 0), layer.axis("dilation", 1)
    return sweeps.pooling(
        at.memory, at.machine, x, y, at.images, bins, dilation, is_mean(layer), at.epilogue(step)
    )


def pointwise(at: Lowering, step: Step, arrays: Arrays) -> list[Group]:
    """Activations, affine layers, sums and differences of two tensors: scale·x + bias, then the
    epilogue."""
    x, y = at.tensors(step)
    epilogue, scale, bias = at.epilogue(step), None, None
    if isinstance(step.body, Activation):
        found = active(step.body)
        assert found is not None
        epilogue = Epilogue(*found)
    elif isinstance(step.body, Add):
        epilogue = epilogue._replace(residual=at.locate(step.node.inputs[1]))
    elif isinstance(step.body, Sub):
        epilogue = epilogue._replace(residual=x)
        x = at.locate(step.node.inputs[1])
        scale = -at.memory.xp.ones(x.channels)
    else:
        scale, bias = affine(step.body, arrays)
    return sweeps.scaling(at.memory, at.machine, x, y, at.images, scale, bias, epilogue)


def gating(at: Lowering, step: Step, arrays: Arrays) -> list[Group]:
    image, gate = gated(step.node)
    x, factor = at.locate(step.node.inputs[image]), at.locate(step.node.inputs[gate])
    y = at.locate(Value(step.node.index))
    return sweeps.gating(at.memory, at.machine, x, factor, y, at.images, at.epilogue(step))


def concat(at: Lowering, step: Step, arrays: Arrays) -> list[Group]:
    """Copies what does not lie in the output already."""
    y, block, groups = at.locate(Value(step.node.index)), 0, []
    for value, lies in zip(step.node.inputs, step.placed, strict=True):
        x = at.locate(value)
        if not lies:
            part = y._replace(address=y.at(0, 0, block), channels=x.channels)
            groups += sweeps.scaling(
                at.memory, at.machine, x, part, at.images, None, None, at.epilogue(step)
            )
        block += x.blocks
    return groups


def softmax(at: Lowering, step: Step, arrays: Arrays) -> list[Group]:
    x, y = at.locate(source_of(at.forms, step.node)), at.locate(Value(step.node.index))
    return over_channels(at.memory, x, y, at.images)


def gated(node: Node) -> tuple[int, int]:
    """Which input of a product is the image, and which the factor per channel."""
    return (0, 1) if node.input_shapes[1][1:] == (1, 1) else (1, 0)


def source_of(forms: Forms, node: Node) -> Value:
    """What a linear layer or a softmax reads: its input, or the image of which that is the flat
    view."""
    value = node.inputs[0]
    maker = forms.graph.nodes[value.node]
    return maker.inputs[0] if isinstance(maker.layer, Flatten) else value
