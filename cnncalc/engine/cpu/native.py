"""The native backend: blocked layout, kernels as machine code, and which of them runs a step."""

from collections.abc import Iterable

from ...graph import Node, Value
from ...layers import Layer
from ...layers.activation import Activation
from ...layers.adaptive_pooling import Bins
from ...layers.convolution import Conv
from ...layers.layer import axis_number
from ...layers.linear import RBF, Linear
from ...layers.merge import Add, Concat, Mul, Sub
from ...layers.pooling import AvgPool, MaxPool
from ...layers.softmax import Softmax
from ..fits import Footprint
from ..fused import PRODUCTS, is_affine
from ..fusion import FusedGraph
from ..plan import Algorithm, Cost, Kernel, Plan, Step
from ..strided import packed
from ..weights import Arrays
from . import lower
from .blocked import Halo
from .compile import Target, host
from .footprint import footprint
from .forms import Forms, joins_blocks
from .geometry import active, bins_of, fused_pool, is_plain_pool, schemes_of, sliding_of
from .ir import LANES
from .numpy_kernels import dear, moves
from .program import NativeProgram
from .sweep import Machine
from .waves import images_at_a_time


class Unsupported(Exception):
    """A processor that no native kernel is for."""


class NativeBackend:
    """Blocked layout, kernels as machine code, threads that stay. For one plan."""

    name = "native"
    packing = staticmethod(packed)

    def __init__(self, algorithm: Algorithm = "auto", target: Target | None = None) -> None:
        """Raises Unsupported if no kernel runs on the processor ``target``, by default this one."""
        self.algorithm = algorithm
        self.target = target or host()
        registers = self.target.registers()
        if registers is None:
            raise Unsupported(f"{self.target.cpu} has neither AVX2 with FMA, nor AVX-512, nor NEON")
        self.machine = Machine(*registers)
        self._forms: tuple[FusedGraph, Forms] | None = None
        own = (
            Kernel("winograd", "winograd", self.can_winograd, winograd_cost, lower.winograd),
            Kernel("direct", "direct", self.can_direct, moves, lower.direct),
            Kernel("linear", "direct", self.can_linear, moves, lower.linear),
            Kernel("pool", "none", self.can_pool, moves, lower.pooling),
            Kernel("pointwise", "none", self.can_pointwise, moves, lower.pointwise),
            Kernel("gate", "none", self.can_gate, moves, lower.gating),
            Kernel("concat", "none", self.can_concat, moves, lower.concat),
            Kernel("softmax", "none", self.can_softmax, moves, lower.softmax),
        )
        self.kernels = (
            *(kernel._replace(layout=f"nChw{LANES}c") for kernel in own),
            Kernel("numpy", "reference", lambda step: True, dear, None),  # type: ignore[arg-type]
        )

    def forms(self, fused: FusedGraph) -> Forms:
        """How the values of a fused graph lie."""
        if self._forms is None or self._forms[0] is not fused:
            self._forms = fused, Forms(fused.graph, self.algorithm != "direct")
        return self._forms[1]

    # what a plan asks

    def fuses(self, body: Layer, epilogue: tuple[Layer, ...], layer: Layer) -> bool:
        """One residual behind products, then one activation, then a pooling behind Winograd."""
        if isinstance(layer, Add):
            return isinstance(body, PRODUCTS) and not epilogue
        if is_plain_pool(layer):
            return self.algorithm != "direct" and is_tiled(body) and not pooled(epilogue)
        activated = any(active(one) for one in epilogue) or pooled(epilogue)
        return active(layer) is not None and not activated

    def values(self, fused: FusedGraph, value: Value) -> int:
        return self.forms(fused).floats(value)

    def placeable(self, fused: FusedGraph, concat: Node, number: int) -> bool:
        forms = self.forms(fused)
        return joins_blocks(concat) and forms.place(concat.inputs[number]) is not None

    def prepare(
        self, plan: Plan, arrays: Iterable[Arrays], batch: int, threads: int = 0
    ) -> NativeProgram:
        """``arrays``: the folded weights of each step. ``threads`` 0: one per processor."""
        forms = self.forms(plan.fused)
        images = self.images_at_a_time(plan, batch)
        return NativeProgram(plan, forms, self.machine, self.target, arrays, batch, images, threads)

    def images_at_a_time(self, plan: Plan, batch: int) -> int:
        """How many images of a batch run at a time."""
        packed = footprint(plan, self.forms(plan.fused), self.machine, 1).weights
        return images_at_a_time(plan, packed, batch)

    def footprint(self, plan: Plan, batch: int, threads: int) -> Footprint:
        """What a program of the plan takes beside its arena."""
        machine = self.machine._replace(threads=threads)
        return footprint(plan, self.forms(plan.fused), machine, self.images_at_a_time(plan, batch))

    # what kernels can

    def reads(self, step: Step, count: int | None = None) -> bool:
        """Whether the output and the first inputs lie in blocks."""
        forms, node = self._known(), step.node
        values = [*node.inputs[:count], Value(node.index)]
        if step.epilogue and isinstance(step.epilogue[0], Add):
            values.append(node.inputs[-1])
        return all(forms.place(v) and forms.image(v) for v in values)

    def _known(self) -> Forms:
        assert self._forms is not None, "a plan asks for the sizes of values first"
        return self._forms[1]

    def is_blocked(self, step: Step) -> bool:
        """Whether what is read does not lie in planes."""
        return all(self._known().lanes(value) == LANES for value in step.node.inputs)

    def can_winograd(self, step: Step) -> bool:
        return (
            self.algorithm != "direct"
            and bool(schemes_of(step.node))
            and self.reads(step)
            and self.is_blocked(step)
        )

    def can_direct(self, step: Step) -> bool:
        plain = sliding_of(step.node) is not None and fused_pool(step.node) is None
        return plain and self.reads(step)

    def can_linear(self, step: Step) -> bool:
        forms, node = self._known(), step.node
        if not isinstance(step.body, Linear | RBF) or len(node.output_shapes[0]) != 1:
            return False
        source = lower.source_of(forms, node)
        plain = forms.place(source) and forms.image(source) and forms.halo(source) == Halo()
        return bool(plain) and forms.lanes(source) == LANES and self.reads(step, 0)

    def can_pool(self, step: Step) -> bool:
        if not isinstance(step.body, MaxPool | AvgPool | Bins):
            return False
        flat = len(step.node.output_shapes[0]) == 3 and step.body.spatial == 2
        return (
            flat
            and self.reads(step)
            and self.is_blocked(step)
            and bool(bins_of(step.body, step.node))
        )

    def can_pointwise(self, step: Step) -> bool:
        body, shapes = step.body, step.node.input_shapes
        if isinstance(body, Add | Sub):
            fits = len(shapes) == 2 and shapes[0] == shapes[1]
        elif isinstance(body, Activation):
            fits = active(body) is not None and not step.epilogue
        else:
            fits = is_affine(body) and getattr(body, "axis", 0) % len(shapes[0]) == 0
        return fits and self.reads(step) and self.is_blocked(step)

    def can_gate(self, step: Step) -> bool:
        shapes = step.node.input_shapes
        if not isinstance(step.body, Mul) or len(shapes) != 2 or len(shapes[0]) != 3:
            return False
        image, gate = lower.gated(step.node)
        factor = step.node.inputs[gate]
        fits = shapes[gate] == (shapes[image][0], 1, 1) and shapes[image][1:] != (1, 1)
        plain = self._known().halo(factor) == Halo()
        return fits and plain and self.reads(step) and self.is_blocked(step)

    def can_softmax(self, step: Step) -> bool:
        if not isinstance(step.body, Softmax) or step.epilogue:
            return False
        forms, shape = self._known(), step.node.input_shapes[0]
        source = lower.source_of(forms, step.node)
        image = forms.image(source) if forms.place(source) else None
        alike = image is not None and (len(shape) == 3 or image[1:] == (1, 1))
        along = axis_number(step.body.axis, shape) == 0
        return alike and along and forms.lanes(source) == LANES and self.reads(step, 0)

    def can_concat(self, step: Step) -> bool:
        fits = isinstance(step.body, Concat) and joins_blocks(step.node)
        return fits and self.reads(step) and self.is_blocked(step)


def is_tiled(body: Layer) -> bool:
    """Whether a layer is a convolution that Winograd can do whatever its input is."""
    if not isinstance(body, Conv) or body.spatial != 2 or body.connections is not None:
        return False
    wanted = {"kernel_size": 3, "stride": 1, "dilation": 1}
    same = all(body.axis(option, axis) == v for option, v in wanted.items() for axis in (0, 1))
    return same and body.groups == 1


def pooled(epilogue: tuple[Layer, ...]) -> bool:
    return any(isinstance(layer, MaxPool) for layer in epilogue)


def winograd_cost(step: Step) -> Cost:
    """Places of a tile where direct convolution has m·n·r² products."""
    scheme = schemes_of(step.node)[0]
    products = step.macs * scheme.places // (scheme.m * scheme.n * scheme.r**2)
    return Cost(products, step.traffic + step.weights, 1)
