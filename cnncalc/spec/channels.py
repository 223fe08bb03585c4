"""What ``channels`` means: the first axis of what arrives, while it still is the channels."""

from ..graph import Builder, Value
from ..layers import Layer
from .expression import ExpressionError
from .formula import Poisoned
from .namespace import Values


class Channels:
    """Keeps account of where permute and reshape leave the channels of each value."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        #: Values whose channels are not on the first axis: the axis, None once it is lost.
        self._moved: dict[Value, int | None] = {}
        #: The values that were asked for.
        self.read: set[Value] = set()

    def of(self, values: Values) -> int:
        """The channels of what arrives. Raises Poisoned, and ExpressionError where the axes were
        rearranged: after a permute the first axis would be the height, and no number would look
        wrong."""
        if not values or values[0] is None:
            raise Poisoned
        if self._moved.get(values[0], 0) != 0:
            message = "channels has no meaning here: the axes were rearranged by permute or reshape"
            hint = "permute back first, or name the number by a parameter"
            raise ExpressionError("evaluation", message, hint)
        self.read.add(values[0])
        shape = self._builder.shape(values[0])
        assert shape
        return shape[0]

    def follow(self, layer: Layer, values: Values, result: Values) -> None:
        """Note where the channels are after a layer."""
        kind = layer.kind
        if (not self._moved and kind not in ("permute", "reshape")) or None in result:
            return
        assert values[0] is not None
        axis = self._moved.get(values[0], 0)
        if kind == "permute" and axis is not None:
            dims = layer.dims  # type: ignore[attr-defined]
            axis = [dim % len(dims) for dim in dims].index(axis)
        elif kind == "reshape":
            axis = None
        elif kind == "flatten":
            axis = 0
        self._moved |= {value: axis for value in result if value is not None and axis != 0}
