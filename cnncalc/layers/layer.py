"""One layer, one class, one place: the base of every layer kind, and the table of kinds.

A class states its options as typed fields and answers what is asked of every layer: shapes,
weights, multiply-accumulates, the other operations, how it looks at its input, what its
backward pass must keep, and a reference ``forward``. Everything else (params, bytes, receptive
fields, schema, documentation, the generic tests) is derived. Formulas are plain arithmetic on
the options and shapes, so that ``cnncalc explain`` can run the very same code on numbers that
remember how they were made.

Shapes are of one image, without the batch: ``(channels, height, width)`` for an image.
``inputs`` is always a tuple, also for one.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Literal, NamedTuple, TypeVar

import msgspec

from .errors import LayerError
from .window import SAME_POSITION, Window

Shape = tuple[int, ...]
Shapes = tuple[Shape, ...]

#: What a layer's output costs in memory. ``own``: a tensor of its own. ``in place``: it may
#: overwrite its input once nobody else needs that. ``view``: the same bytes, seen differently.
Memory = Literal["own", "in place", "view"]

#: The names of the spatial axes in formulas, by their number.
AXES = {1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}


class Saved(NamedTuple):
    """What autograd keeps of a layer for its backward pass, beside its weights.

    ``extra`` holds further tensors as (number of values per image, bytes of each); bytes 0
    stands for the bytes of the dtype the network runs in. ``per_batch`` holds those whose size
    does not grow with the batch (batch norm's statistics), written the same way.
    """

    inputs: bool = False
    output: bool = False
    extra: tuple[tuple[int, int], ...] = ()
    per_batch: tuple[tuple[int, int], ...] = ()


class Layer(msgspec.Struct, frozen=True):
    """The base of every layer kind. A subclass without overrides is a free pointwise layer."""

    #: The kind's name in a spec: torch.nn's class name in snake case.
    kind: ClassVar[str] = ""
    #: The number of spatial axes, where the kind's name says it (conv2d: 2), else None.
    spatial: ClassVar[int | None] = None
    #: The least and the most inputs; None is no limit.
    arity: ClassVar[tuple[int, int | None]] = (1, 1)
    #: The fewest axes of an input, for kinds whose name does not fix their number.
    least_rank: ClassVar[int] = 1
    #: Memory of the output in inference, and in training by PyTorch's rules.
    memory: ClassVar[Memory] = "own"
    training_memory: ClassVar[Memory] = "own"
    #: An example entry for the documentation.
    example: ClassVar[str] = ""
    #: Where the formulas come from.
    source: ClassVar[str] = ""

    def validate(self) -> None:
        """Raise LayerError if options contradict each other. Shapes are not known yet."""

    def check_inputs(self, inputs: Shapes) -> None:
        """Raise LayerError if the layer cannot take inputs of these shapes.

        The base checks the number of inputs and, for a kind with spatial axes, their rank.
        """
        least, most = self.arity
        if len(inputs) < least or (most is not None and len(inputs) > most):
            wanted = (
                f"{least}"
                if least == most
                else f"{least} or more"
                if most is None
                else f"{least} to {most}"
            )
            raise LayerError(
                "input-count",
                f"{self.kind} takes {wanted} input{'s' if wanted != '1' else ''}, "
                f"but {len(inputs)} arrive{'s' if len(inputs) == 1 else ''} here",
                hint="choose them with from: [a, b]"
                if len(inputs) < least
                else "choose one with from: name",
            )
        for shape in inputs:
            self.check_rank(shape)

    def check_rank(self, shape: Shape) -> None:
        """Raise LayerError unless an input has as many axes as the kind wants."""
        if self.spatial is None:
            wanted = f"{self.least_rank} axes or more" if self.least_rank > 1 else "an axis"
            fits = len(shape) >= self.least_rank
        else:
            wanted = f"{self.spatial + 1} axes [C, {', '.join(AXES[self.spatial])}]"
            fits = len(shape) == self.spatial + 1
        if not fits:
            raise LayerError(
                "rank",
                f"{self.kind} wants an input of {wanted}; {show_shape(shape)} has {len(shape)}",
            )

    def shapes(self, inputs: Shapes) -> Shapes:
        """The shapes of the outputs. Raises LayerError where PyTorch would refuse."""
        return (inputs[0],)

    def weights(self, inputs: Shapes) -> dict[str, Shape]:
        """The learned tensors by name; the one called ``bias`` counts as biases."""
        return {}

    def buffers(self, inputs: Shapes) -> dict[str, Shape]:
        """Tensors that are kept but not learned (batch norm's statistics)."""
        return {}

    def macs(self, inputs: Shapes, outputs: Shapes) -> int:
        """Multiply-accumulates for one image, padding included, bias not."""
        return 0

    def operations(self, inputs: Shapes, outputs: Shapes) -> int:
        """Floating-point operations that are no multiply-accumulates, as `forward` does them.

        One for each +, −, ×, ÷, comparison, min, max, exp, log, tanh, erf, sqrt and power of a
        value; moving values is free. FLOPs are 2·MACs plus these.
        """
        return 0

    def windows(self, inputs: Shapes) -> tuple[Window | None, ...] | None:
        """For each output axis, how it reads the input; None on an axis sees all of it.

        None for the whole: every output may depend on every input (flatten, reshape). With
        several inputs, each is read the same way (merges), broadcast axes aside.
        """
        return (SAME_POSITION,) * len(inputs[0])

    def windows_between(
        self, inputs: Shapes, source: int, target: int
    ) -> tuple[Window | None, ...] | None:
        """As `windows`: how output number ``target`` reads input number ``source``.

        Only kinds that treat their inputs or outputs differently override it: concat, split,
        merges that stretch an axis, center_crop, whose second input is not read at all.
        """
        return self.windows(inputs)

    def remainder(self, inputs: Shapes) -> tuple[int, ...]:
        """Per spatial axis, rows or columns of the padded input that no output reads because
        the stride does not divide. () for kinds that have no stride."""
        return ()

    def saved(self, inputs: Shapes, outputs: Shapes) -> Saved:
        """What autograd saves for the backward pass (PyTorch's derivatives.yaml)."""
        return Saved()

    def memory_of(self, inputs: Shapes) -> Memory:
        """Memory of the outputs in inference, for kinds where it depends on options or shapes."""
        return self.memory

    def training_memory_of(self, inputs: Shapes) -> Memory:
        """Memory of the outputs in training."""
        return self.training_memory

    def label(self) -> str:
        """The layer as the lectures write it, e.g. ``CONV3-64``."""
        name = self.kind[:-2] if self.kind.endswith(("1d", "2d", "3d")) else self.kind
        return name.upper().replace("_", "")

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        """The layer on real arrays of ``xp`` (numpy, cupy), each with a batch axis in front.

        A readable reference of what is counted, not a fast one. ``weights`` holds the arrays of
        `weights` and `buffers`. Stochastic layers behave as in inference.
        """
        raise NotImplementedError(self.kind)


def show_shape(shape: Shape) -> str:
    """A shape as the specs write it: [3, 224, 224]."""
    return f"[{', '.join(map(str, shape))}]"


def axis_number(axis: int, shape: Shape, option: str = "axis") -> int:
    """The number of an axis, counted from 0; -1 is the last. Raises LayerError if there is none.

    The batch is no axis here: 0 is the channels, which frameworks call 1.
    """
    rank = len(shape)
    if not -rank <= axis < rank:
        raise LayerError(
            "shape",
            f"{option} is {axis}, but {show_shape(shape)} has {rank} axes; "
            f"allowed: {-rank} to {rank - 1}",
            hint="the batch is not an axis of a shape: 0 is the channels",
            option=option,
        )
    return axis % rank


# ------------------------------------------------------------------------ the table of kinds

_KINDS: dict[str, tuple[type[Layer], int | None]] = {}
_CLASSES: dict[str, type[Layer]] = {}
_L = TypeVar("_L", bound=type[Layer])


def kind(*names: str) -> Callable[[_L], _L]:
    """Register a class under one or more kind names; a name like conv2d fixes `spatial`."""

    def register(cls: _L) -> _L:
        for name in names:
            axes = int(name[-2]) if name[-1:] == "d" and name[-2:-1] in "123" else None
            _KINDS[name] = (cls, axes)
        return cls

    return register


def find(name: str) -> type[Layer] | None:
    """The class of a kind, with its `kind` and `spatial` set; None if there is no such kind."""
    if name not in _CLASSES:
        if name not in _KINDS:
            return None
        base, axes = _KINDS[name]
        body = {
            "kind": name,
            "spatial": base.spatial if axes is None else axes,
            "__module__": base.__module__,
            "__doc__": base.__doc__,
        }
        named: Any = msgspec.StructMeta(base.__name__, (base,), body, frozen=True)
        _CLASSES[name] = named
    return _CLASSES[name]


def kinds() -> tuple[str, ...]:
    """The names of all kinds, sorted."""
    return tuple(sorted(_KINDS))
