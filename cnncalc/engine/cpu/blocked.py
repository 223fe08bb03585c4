"""The layout nChw16c: channels in blocks of 16 that stand together, and a halo around the image.

The halo holds the zeros that the padding of whoever reads the tensor wants, so that no kernel has
code for edges. Channels are filled up to whole blocks with zeros. The network's image, of few
channels, lies in planes (blocks of 1): the first convolution reads it as it comes.
"""

from typing import Any, NamedTuple

from .ir import LANES


class Halo(NamedTuple):
    """Rows and columns around an image."""

    top: int = 0
    left: int = 0
    bottom: int = 0
    right: int = 0

    def around(self, other: "Halo") -> "Halo":
        """Wide enough for both."""
        return Halo(*map(max, self, other))


class Blocked(NamedTuple):
    """Where a tensor of one or more images lies: distances in bytes, ``address`` is that of the
    first pixel inside the halo."""

    address: int
    channels: int
    height: int
    width: int
    row: int
    block: int
    image: int
    halo: Halo = Halo()
    lanes: int = LANES

    @property
    def pixel(self) -> int:
        return 4 * self.lanes

    @property
    def blocks(self) -> int:
        return -(-self.channels // self.lanes)

    def at(self, y: int, x: int, block: int = 0) -> int:
        """The address of a pixel of the first image; it may be in the halo."""
        return self.address + y * self.row + x * self.pixel + block * self.block

    def image_at(self, number: int) -> "Blocked":
        """The tensor from an image on."""
        return self._replace(address=self.address + number * self.image)

    def flat(self) -> "Blocked":
        """All pixels as one row; only without halo."""
        assert self.halo == Halo()
        width = self.height * self.width
        return self._replace(height=1, width=width, row=self.pixel * width)

    def listed(self, images: int) -> "Blocked":
        """The images, of one pixel each, as the rows of a single one; channels stand together."""
        return self._replace(height=images, width=1, row=self.image, image=images * self.image)


def size(channels: int, height: int, width: int, halo: Halo, lanes: int = LANES) -> int:
    """The floats that one image takes."""
    rows, columns = halo.top + height + halo.bottom, halo.left + width + halo.right
    return -(-channels // lanes) * lanes * rows * columns


def blocked(
    address: int,
    shape: tuple[int, int, int],
    halo: Halo,
    image: int | None = None,
    lanes: int = LANES,
) -> Blocked:
    """A tensor whose memory, the halo's included, begins at ``address``. ``image`` is the
    distance of images in bytes, if they do not stand together."""
    channels, height, width = shape
    pixel = 4 * lanes
    row = pixel * (halo.left + width + halo.right)
    return Blocked(
        address=address + halo.top * row + halo.left * pixel,
        channels=channels,
        height=height,
        width=width,
        row=row,
        block=row * (halo.top + height + halo.bottom),
        image=4 * size(channels, height, width, halo, lanes) if image is None else image,
        halo=halo,
        lanes=lanes,
    )


def view(xp: Any, memory: Any, tensor: Blocked, images: int) -> Any:
    """The pixels of a tensor in ``memory`` (float32, 1-D) as [N, blocks, H, W, lanes]."""
    strides = (tensor.image, tensor.block, tensor.row, tensor.pixel, 4)
    shape = (images, tensor.blocks, tensor.height, tensor.width, tensor.lanes)
    start = (tensor.address - memory.ctypes.data) // 4
    return xp.lib.stride_tricks.as_strided(memory[start:], shape, strides)


def read(xp: Any, memory: Any, tensor: Blocked, images: int) -> Any:
    """A tensor as an array [N, C, H, W] of its own."""
    values = view(xp, memory, tensor, images).transpose(0, 1, 4, 2, 3)
    shape = (images, tensor.blocks * tensor.lanes, tensor.height, tensor.width)
    return xp.ascontiguousarray(values.reshape(shape)[:, : tensor.channels])


def write(xp: Any, memory: Any, tensor: Blocked, values: Any) -> None:
    """Store an array [N, C, H, W], with zeros in the channels that fill up the last block."""
    images, channels = values.shape[:2]
    target = view(xp, memory, tensor, images)
    whole = channels // tensor.lanes
    parted = values[:, : whole * tensor.lanes].reshape(
        images, whole, tensor.lanes, *values.shape[2:]
    )
    target[:, :whole] = parted.transpose(0, 1, 3, 4, 2)
    if whole < tensor.blocks:
        left = channels - whole * tensor.lanes
        target[:, whole, ..., :left] = values[:, -left:].transpose(0, 2, 3, 1)
        target[:, whole, ..., left:] = 0


def zero_halo_of(xp: Any, memory: Any, tensor: Blocked, images: int) -> None:
    """Store zeros around a tensor, from Python."""
    halo, inner = tensor.halo, (tensor.height, tensor.width)
    if halo == Halo():
        return
    whole = tensor._replace(
        address=tensor.at(-halo.top, -halo.left),
        height=halo.top + tensor.height + halo.bottom,
        width=halo.left + tensor.width + halo.right,
    )
    values = view(xp, memory, whole, images)
    values[:, :, : halo.top] = values[:, :, halo.top + inner[0] :] = 0
    values[:, :, :, : halo.left] = values[:, :, :, halo.left + inner[1] :] = 0
