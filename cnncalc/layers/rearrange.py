"""Layers that see the same values in another shape."""

from math import prod
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from .errors import LayerError
from .layer import Layer, Memory, Shapes, axis_number, kind, show_shape
from .options import Integer, option
from .window import SAME_POSITION, Window


class View(Layer, frozen=True):
    """The same bytes, seen differently."""

    memory: ClassVar[Memory] = "view"
    training_memory: ClassVar[Memory] = "view"


@kind("identity")
class Identity(View, frozen=True):
    """What comes in goes out. In a spec it adds no layer."""

    example: ClassVar[str] = "identity"

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        return inputs


@kind("flatten")
class Flatten(View, frozen=True):
    """Joins axes into one; by default all of them: an image becomes a vector."""

    start_dim: Annotated[Integer, option("first axis to join, without the batch")] = 0
    end_dim: Annotated[Integer, option("last axis to join")] = -1

    example: ClassVar[str] = "flatten"

    def check_inputs(self, inputs: Shapes) -> None:
        super().check_inputs(inputs)
        start = axis_number(self.start_dim, inputs[0], "start_dim")
        end = axis_number(self.end_dim, inputs[0], "end_dim")
        if start > end:
            raise LayerError(
                "shape",
                f"start_dim {self.start_dim} comes after end_dim {self.end_dim} "
                f"in {show_shape(inputs[0])}",
                option="start_dim",
            )

    def shapes(self, inputs: Shapes) -> Shapes:
        (shape,) = inputs
        start, end = self.start_dim % len(shape), self.end_dim % len(shape)
        return ((*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :]),)

    def windows(self, inputs: Shapes) -> tuple[Window | None, ...] | None:
        return None

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        (x,) = inputs
        return (x.reshape((len(x), *self.shapes((x.shape[1:],))[0])),)


NewSizes = Annotated[
    tuple[Annotated[int, Meta(ge=-1, le=2**40)], ...],
    Meta(min_length=1, max_length=16, description="a list of sizes, 1 or more; one may be -1"),
]


@kind("reshape")
class Reshape(View, frozen=True):
    """The same values in the same order, on other axes. One size may be -1: what is left."""

    shape: Annotated[NewSizes, option("the new shape, without the batch")]

    example: ClassVar[str] = "reshape: {shape: [256, 7, 7]}"

    def validate(self) -> None:
        if 0 in self.shape or self.shape.count(-1) > 1:
            raise LayerError(
                "bad-value",
                f"shape is {show_shape(self.shape)}; allowed: sizes of 1 or more, one may be -1",
                option="shape",
            )

    def shapes(self, inputs: Shapes) -> Shapes:
        values, known = prod(inputs[0]), prod(size for size in self.shape if size != -1)
        if values % known or (-1 not in self.shape and values != known):
            raise LayerError(
                "shape",
                f"{show_shape(inputs[0])} has {values} values, which do not fill "
                f"{show_shape(self.shape)}, {known}" + (" times n" if -1 in self.shape else ""),
                option="shape",
            )
        return (tuple(values // known if size == -1 else size for size in self.shape),)

    def windows(self, inputs: Shapes) -> tuple[Window | None, ...] | None:
        return None

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        return (inputs[0].reshape((len(inputs[0]), *self.shapes((inputs[0].shape[1:],))[0])),)


@kind("permute")
class Permute(View, frozen=True):
    """The axes in another order: [1, 2, 0] puts the channels last, [2, 0, 1] first again."""

    dims: Annotated[
        tuple[Integer, ...], option("for each output axis, the input axis, without the batch")
    ]

    example: ClassVar[str] = "permute: {dims: [1, 2, 0]}"

    def order(self, inputs: Shapes) -> tuple[int, ...]:
        """The input axes in their new order. Raises LayerError unless each occurs once."""
        order = tuple(axis_number(axis, inputs[0], "dims") for axis in self.dims)
        if sorted(order) != list(range(len(inputs[0]))):
            raise LayerError(
                "shape",
                f"dims is {show_shape(self.dims)}; allowed for {show_shape(inputs[0])}: each "
                f"axis from 0 to {len(inputs[0]) - 1} once",
                option="dims",
            )
        return order

    def shapes(self, inputs: Shapes) -> Shapes:
        return (tuple(inputs[0][axis] for axis in self.order(inputs)),)

    def windows(self, inputs: Shapes) -> tuple[Window | None, ...] | None:
        return tuple(SAME_POSITION._replace(axis=axis) for axis in self.order(inputs))

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        order = self.order((inputs[0].shape[1:],))
        return (inputs[0].transpose((0, *(axis + 1 for axis in order))),)
