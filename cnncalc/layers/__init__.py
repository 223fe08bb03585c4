"""The layer kinds: one class in one place for each. Importing this package fills the table."""

from . import (  # noqa: F401 (each fills the table with its kinds)
    activation,
    adaptive_pooling,
    convolution,
    dropout,
    linear,
    local_response,
    locally_connected,
    merge,
    normalization,
    pooling,
    rearrange,
    resampling,
    scale,
    selection,
    shuffle,
    softmax,
    transposed_convolution,
)
from .errors import LayerError
from .layer import Layer, Saved, Shape, Shapes, find, kind, kinds, show_shape
from .options import decode, options
from .window import Window

__all__ = [
    "Layer",
    "LayerError",
    "Saved",
    "Shape",
    "Shapes",
    "Window",
    "create",
    "decode",
    "find",
    "kind",
    "kinds",
    "options",
    "show_shape",
]


def create(kind: str, **values: object) -> Layer:
    """Make a layer from Python: ``create("conv2d", out_channels=64, kernel_size=3)``.

    Raises LayerError with the first thing that is wrong.
    """
    cls = find(kind)
    if cls is None:
        raise LayerError("unknown-kind", f"there is no layer kind {kind}", choices=kinds())
    layer, errors = decode(cls, values)
    if layer is None:
        raise errors[0]
    return layer
