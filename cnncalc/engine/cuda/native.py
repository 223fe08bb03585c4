"""The rows of the CUDA table that are our own kernels: which steps they can run, at what cost."""

from collections.abc import Callable
from functools import partial

from ...layers import Layer
from ...layers.merge import Add
from ..fused import PRODUCTS
from ..plan import Cost, Kernel, Step
from . import native_copies as copies
from . import native_pointwise as each
from . import native_products as products
from . import native_rows as rows
from . import native_windows as windows
from .arguments import finishes
from .arrays import Dtype
from .bound import Bound, Call
from .device import Device
from .nvrtc import Launcher, on_device


def fuses(body: Layer, epilogue: tuple[Layer, ...], layer: Layer) -> bool:
    """One residual behind products, and activations behind anything: as many as there is room for
    in the arguments."""
    fits = not isinstance(layer, Add) or isinstance(body, PRODUCTS)
    return fits and finishes((*epilogue, layer))


def moves(step: Step) -> Cost:
    """Reading and writing everything once is all that takes time."""
    return Cost(0, step.traffic + step.weights, 1)


def multiplies(step: Step) -> Cost:
    """Dear: products in float32, not on tensor cores."""
    return Cost(8 * step.macs, step.traffic + step.weights, 1)


When = Callable[[Step], bool]
Bind = Callable[[Launcher, Bound], Call]
#: Name, what it can run, and how. Depthwise convolution is before the general one, and cheaper.
ROWS: tuple[tuple[str, When, Bind], ...] = (
    ("depthwise", products.can_depthwise, products.depthwise),
    ("product", products.can_product, products.product),
    ("pool", windows.can_pool, windows.pool),
    ("upsample", windows.can_resample, windows.resample),
    ("response", windows.can_respond, windows.respond),
    ("merge", each.can_merge, each.merge),
    ("activation", each.can_activate, each.activate),
    ("scale", each.can_scale, each.scale),
    ("concat", copies.can_concat, copies.concat),
    ("copy", copies.can_copy, copies.copy),
    ("pad", copies.can_pad, copies.pad),
    ("shuffle", copies.can_shuffle, copies.shuffle),
    ("rows", rows.can_rows, rows.rows),
)


def kernels(dtype: Dtype, device: Device, launch: Launcher = on_device) -> tuple[Kernel, ...]:
    """The rows of the table. ``launch``: what runs the kernels."""
    return tuple(
        Kernel(
            name,
            "direct" if name in ("depthwise", "product") else "none",
            when,
            multiplies if name == "product" else moves,
            partial(bind, launch),
            layout="nhwc",
        )
        for name, when, bind in ROWS
    )
