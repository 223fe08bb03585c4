"""Layers that take a part of their input: slices, pieces, crops."""

from typing import Annotated, Any, ClassVar

from msgspec import Meta

from .errors import LayerError
from .layer import Shape, Shapes, axis_number, kind, show_shape
from .options import Count, Integer, Size, option
from .rearrange import View
from .window import NOT_READ, SAME_POSITION, Window, shifted, sliding

Axis = Annotated[Integer, option("the axis, without the batch: 0 is the channels")]
#: More pieces than this are a mistake in a spec.
MAX_PIECES = 4096


@kind("slice")
class Slice(View, frozen=True):
    """A part of one axis, as in Python: from start up to stop, which is not in it."""

    axis: Axis = 0
    start: Annotated[Integer, option("first position; negative ones count from the end")] = 0
    stop: Annotated[Integer | None, option("position after the last; without it, the end")] = None
    step: Annotated[Count, option("distance of the positions taken")] = 1

    example: ClassVar[str] = "slice: {axis: 0, stop: channels // 2}"

    def part(self, inputs: Shapes) -> tuple[int, range]:
        """The axis and the positions taken. Raises LayerError if there are none."""
        axis = axis_number(self.axis, inputs[0])
        size = inputs[0][axis]
        positions = range(*slice(self.start, self.stop, self.step).indices(size))
        if not positions:
            raise LayerError(
                "shape",
                f"the slice from {self.start} to {'the end' if self.stop is None else self.stop} "
                f"takes nothing of the {size} positions of axis {axis} of {show_shape(inputs[0])}",
                option="stop" if self.stop is not None else "start",
            )
        return axis, positions

    def shapes(self, inputs: Shapes) -> Shapes:
        axis, positions = self.part(inputs)
        return (replaced(inputs[0], axis, len(positions)),)

    def windows(self, inputs: Shapes) -> tuple[Window | None, ...] | None:
        axis, positions = self.part(inputs)
        windows = [SAME_POSITION] * len(inputs[0])
        windows[axis] = sliding(1, self.step, 1, -positions.start)
        return tuple(windows)

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        axis, positions = self.part((inputs[0].shape[1:],))
        where = (slice(None),) * (axis + 1)
        return (inputs[0][(*where, slice(positions.start, positions.stop, positions.step))],)


class Pieces(View, frozen=True):
    """An axis cut into consecutive pieces, each an output of its own."""

    @property
    def axis(self) -> int:
        raise NotImplementedError(self.kind)

    def pieces(self, inputs: Shapes, size: int) -> tuple[int, ...]:
        """The sizes of the pieces of an axis of this size."""
        raise NotImplementedError(self.kind)

    def shapes(self, inputs: Shapes) -> Shapes:
        axis = axis_number(self.axis, inputs[0])
        pieces = self.pieces(inputs, inputs[0][axis])
        return tuple(replaced(inputs[0], axis, piece) for piece in pieces)

    def windows(self, inputs: Shapes) -> tuple[Window | None, ...] | None:
        return self.windows_between(inputs, 0, 0)

    def windows_between(
        self, inputs: Shapes, source: int, target: int
    ) -> tuple[Window | None, ...] | None:
        axis = axis_number(self.axis, inputs[0])
        windows = [SAME_POSITION] * len(inputs[0])
        windows[axis] = shifted(sum(self.pieces(inputs, inputs[0][axis])[:target]))
        return tuple(windows)

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        shape = inputs[0].shape[1:]
        axis = axis_number(self.axis, shape)
        outputs, first = [], 0
        for piece in self.pieces((shape,), shape[axis]):
            outputs.append(inputs[0][(*(slice(None),) * (axis + 1), slice(first, first + piece))])
            first += piece
        return tuple(outputs)


def equal_pieces(size: int, piece: int, option: str) -> tuple[int, ...]:
    """Pieces of one size; the last may be smaller."""
    if size // piece > MAX_PIECES:
        raise LayerError(
            "limit",
            f"an axis of {size} in pieces of {piece}; allowed: {MAX_PIECES} pieces",
            option=option,
        )
    full = (piece,) * (size // piece)
    return (*full, size % piece) if size % piece else full


@kind("split")
class Split(Pieces, frozen=True):
    """Cuts an axis into pieces of given sizes: one output for each."""

    sizes: Annotated[
        Count | Annotated[tuple[Count, ...], Meta(min_length=1, max_length=MAX_PIECES)],
        Meta(description="a list of sizes, 1 or more each; or one size for all pieces"),
        option("sizes of the pieces"),
    ]
    axis: Axis = 0

    example: ClassVar[str] = "split: {sizes: [64, 192]}"

    def pieces(self, inputs: Shapes, size: int) -> tuple[int, ...]:
        if not isinstance(self.sizes, tuple):
            return equal_pieces(size, self.sizes, "sizes")
        if sum(self.sizes) != size:
            raise LayerError(
                "shape",
                f"sizes {show_shape(self.sizes)} add to {sum(self.sizes)}, but the axis of "
                f"{show_shape(inputs[0])} has {size}",
                option="sizes",
            )
        return self.sizes


@kind("chunk")
class Chunk(Pieces, frozen=True):
    """Cuts an axis into so many pieces of ceil(n/chunks). As in PyTorch, there are fewer where
    fewer of that size suffice, and the last may be smaller."""

    chunks: Annotated[Count, option("number of pieces")]
    axis: Axis = 0

    example: ClassVar[str] = "chunk: {chunks: 2}"

    def pieces(self, inputs: Shapes, size: int) -> tuple[int, ...]:
        return equal_pieces(size, -(-size // self.chunks), "chunks")


class Cut(View, frozen=True):
    """A rectangle out of the spatial axes; channels stay."""

    least_rank: ClassVar[int] = 2

    def cuts(self, inputs: Shapes) -> tuple[tuple[int, int], ...]:
        """For each spatial axis, the first position kept and how many are."""
        raise NotImplementedError(self.kind)

    def shapes(self, inputs: Shapes) -> Shapes:
        return ((inputs[0][0], *(size for _, size in self.cuts(inputs))),)

    def windows(self, inputs: Shapes) -> tuple[Window | None, ...] | None:
        return (SAME_POSITION, *(shifted(first) for first, _ in self.cuts(inputs)))

    def windows_between(
        self, inputs: Shapes, source: int, target: int
    ) -> tuple[Window | None, ...] | None:
        return self.windows(inputs) if source == 0 else (NOT_READ,) * len(inputs[0])

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        cuts = self.cuts(tuple(x.shape[1:] for x in inputs))
        where = (slice(first, first + size) for first, size in cuts)
        return (inputs[0][(slice(None), slice(None), *where)],)


@kind("crop")
class Crop(Cut, frozen=True):
    """Cuts rows and columns off the edges; or, with two inputs, cuts out of the first what has
    the spatial size of the second and starts at ``offset`` (Caffe's Crop, FCN)."""

    cropping: Annotated[
        Size
        | tuple[Size | Annotated[tuple[Size, ...], Meta(min_length=2, max_length=2)], ...]
        | None,
        Meta(
            description="a whole number, 0 or more; or one, or [before, after], for each "
            "spatial axis"
        ),
        option("rows and columns cut off each side"),
    ] = None
    offset: Annotated[
        Size | tuple[Size, ...] | None,
        Meta(description="a whole number, 0 or more, or one for each spatial axis"),
        option("with two inputs, the first row and column kept"),
    ] = None

    arity: ClassVar[tuple[int, int | None]] = (1, 2)
    example: ClassVar[str] = "crop: {cropping: [[1, 0], [1, 0]]}"

    def check_inputs(self, inputs: Shapes) -> None:
        super().check_inputs(inputs)
        given = self.cropping is not None, self.offset is not None
        if given != (len(inputs) == 1, len(inputs) == 2):
            options = " and ".join(
                name for name, there in zip(("cropping", "offset"), given, strict=True) if there
            )
            raise LayerError(
                "input-count",
                f"crop has {options or 'no options'} and {len(inputs)} "
                f"{'input' if len(inputs) == 1 else 'inputs'}; allowed: one input and cropping, "
                "or two inputs and offset",
                hint="the second input gives the size: from: [a, b]" if self.offset else "",
            )

    def cuts(self, inputs: Shapes) -> tuple[tuple[int, int], ...]:
        if self.offset is not None:
            return self.cuts_to(inputs[1], inputs[0])
        cuts = []
        for size, (before, after) in zip(
            inputs[0][1:], sides(self.cropping, inputs[0], "cropping"), strict=True
        ):
            if before + after >= size:
                raise LayerError(
                    "shape",
                    f"cropping {before} + {after} leaves nothing of the {size} positions of an "
                    f"axis of {show_shape(inputs[0])}",
                    option="cropping",
                )
            cuts.append((before, size - before - after))
        return tuple(cuts)

    def cuts_to(self, target: Shape, shape: Shape) -> tuple[tuple[int, int], ...]:
        """The cuts of a shape that start at ``offset`` and leave the target's spatial size."""
        offsets = tuple(before for before, _ in sides(self.offset, shape, "offset"))
        if len(target) != len(shape) or any(
            first + new > old
            for first, new, old in zip(offsets, target[1:], shape[1:], strict=True)
        ):
            raise LayerError(
                "shape",
                f"{show_shape(shape)} cannot be cropped to {show_shape(target[1:])} from "
                f"offset {show_shape(offsets)} on",
                option="offset",
            )
        return tuple(zip(offsets, target[1:], strict=True))


@kind("center_crop")
class CenterCrop(Cut, frozen=True):
    """The middle of an image: of a given size or, with two inputs, the middle of the first in
    the spatial size of the second (U-Net). Of an odd rest, the smaller half is cut in front."""

    size: Annotated[
        Count | tuple[Count, ...] | None,
        Meta(description="a whole number, 1 or more, or one for each spatial axis"),
        option("spatial size of the output; without it, that of the second input"),
    ] = None

    arity: ClassVar[tuple[int, int | None]] = (1, 2)
    example: ClassVar[str] = "{center_crop, from: [skip, up]}"

    def check_inputs(self, inputs: Shapes) -> None:
        super().check_inputs(inputs)
        if (self.size is None) != (len(inputs) == 2):
            raise LayerError(
                "input-count",
                "center_crop has "
                + ("a size and two inputs" if self.size is not None else "one input and no size")
                + "; allowed: one input and a size, or two inputs and none",
                hint="the second input gives the size: from: [a, b]"
                if self.size is None
                else "leave out size",
            )

    def target(self, inputs: Shapes) -> Shape:
        """The spatial size of the output."""
        rank = len(inputs[0]) - 1
        if self.size is None:
            target = inputs[1][1:]
        else:
            target = self.size if isinstance(self.size, tuple) else (self.size,) * rank
        if len(target) != rank or any(
            new > old for new, old in zip(target, inputs[0][1:], strict=True)
        ):
            raise LayerError(
                "shape",
                f"{show_shape(inputs[0])} cannot be cropped to {show_shape(target)}",
                option=None if self.size is None else "size",
            )
        return target

    def cuts(self, inputs: Shapes) -> tuple[tuple[int, int], ...]:
        target = self.target(inputs)
        return tuple(
            ((old - new) // 2, new) for new, old in zip(target, inputs[0][1:], strict=True)
        )


def replaced(shape: Shape, axis: int, size: int) -> Shape:
    """A shape with another size on one axis."""
    return (*shape[:axis], size, *shape[axis + 1 :])


def sides(amounts: Any, shape: Shape, option: str) -> tuple[tuple[int, int], ...]:
    """(before, after) for each spatial axis, from one amount for all or one for each axis."""
    rank = len(shape) - 1
    if not isinstance(amounts, tuple):
        return ((amounts, amounts),) * rank
    if len(amounts) != rank:
        raise LayerError(
            "bad-value",
            f"{option} has {len(amounts)} values; allowed for {show_shape(shape)}: one value, "
            f"or {rank}, one for each spatial axis",
            option=option,
        )
    return tuple((a[0], a[1]) if isinstance(a, tuple) else (a, a) for a in amounts)
