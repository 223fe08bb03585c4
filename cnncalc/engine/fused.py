"""A layer with what is folded into its weights and what is done to its output before storing."""

from typing import Any, ClassVar

from ..layers import Layer, Shape, Shapes
from ..layers.convolution import Conv
from ..layers.layer import Memory
from ..layers.linear import Linear
from ..layers.merge import Add
from ..layers.normalization import BatchNorm
from ..layers.scale import LayerScale, Scale
from ..layers.transposed_convolution import ConvTranspose

#: Layers of products whose weights and bias can take a factor and a summand per output channel.
PRODUCTS = (Conv, ConvTranspose, Linear)
#: Layers that are y = a·x + b per channel in inference.
AFFINE = (BatchNorm, Scale, LayerScale)


class Fused(Layer, frozen=True):
    """``body``, then the layers of ``epilogue`` one after the other, stored once.

    Affine layers that stood behind the body (batch norm, scale) are part of its weights: the
    body has a bias then, and the arrays are the folded ones (`weights.folded`).

    Each `Add` in the epilogue adds a further input of the node: the body's inputs come first,
    then one for each `Add`, in order. Other epilogue layers are functions of what is there so
    far: activations or, where a backend can, pooling.

    A body that is a view stands here if it must be copied (the flatten of a permuted tensor).
    """

    kind: ClassVar[str] = "fused"
    body: Layer
    epilogue: tuple[Layer, ...] = ()

    def residuals(self) -> int:
        """How many of the inputs, the last ones, are added in the epilogue."""
        return sum(isinstance(layer, Add) for layer in self.epilogue)

    def body_inputs(self, inputs: Shapes) -> Shapes:
        return inputs[: len(inputs) - self.residuals()]

    def shapes(self, inputs: Shapes) -> Shapes:
        outputs = self.body.shapes(self.body_inputs(inputs))
        for layer in self.epilogue:
            if not isinstance(layer, Add):
                outputs = layer.shapes(outputs)
        return outputs

    def weights(self, inputs: Shapes) -> dict[str, Shape]:
        return self.body.weights(self.body_inputs(inputs))

    def buffers(self, inputs: Shapes) -> dict[str, Shape]:
        return self.body.buffers(self.body_inputs(inputs))

    def macs(self, inputs: Shapes, outputs: Shapes) -> int:
        reads = self.body_inputs(inputs)
        return self.body.macs(reads, self.body.shapes(reads))

    def operations(self, inputs: Shapes, outputs: Shapes) -> int:
        reads = self.body_inputs(inputs)
        made = self.body.shapes(reads)
        total = self.body.operations(reads, made)
        for layer in self.epilogue:
            ahead = (made[0], made[0]) if isinstance(layer, Add) else made
            made = layer.shapes(ahead)
            total += layer.operations(ahead, made)
        return total

    def memory_of(self, inputs: Shapes) -> Memory:
        """A view that stands here is copied; an affine layer may overwrite what it reads."""
        if is_affine(self.body):
            return "in place"
        memory = self.body.memory_of(self.body_inputs(inputs))
        return "own" if memory == "view" else memory

    def label(self) -> str:
        return "+".join(layer.label() for layer in (self.body, *self.epilogue))

    def forward(self, xp: Any, inputs: tuple[Any, ...], weights: dict[str, Any]) -> tuple[Any, ...]:
        """The reference. ``weights`` are the folded ones."""
        reads = inputs[: len(inputs) - self.residuals()]
        further = iter(inputs[len(reads) :])
        outputs = self.body.forward(xp, reads, weights)
        for layer in self.epilogue:
            ahead = (outputs[0], next(further)) if isinstance(layer, Add) else outputs
            outputs = layer.forward(xp, ahead, {})
        return outputs


def is_affine(layer: Layer) -> bool:
    """Whether a layer is a·x + b per channel in inference, with a and b known beforehand."""
    return isinstance(layer, AFFINE) and getattr(layer, "track_running_stats", True)


def body_of(layer: Layer) -> Layer:
    """The body of a fused layer; any other layer itself."""
    return layer.body if isinstance(layer, Fused) else layer


def epilogue_of(layer: Layer) -> tuple[Layer, ...]:
    """The epilogue of a fused layer; () for any other."""
    return layer.epilogue if isinstance(layer, Fused) else ()
