"""Files of weights: NumPy's ``.npz`` and safetensors, read without running anything in them."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from .weights import Array, Arrays, WeightsError

#: The dtypes of safetensors that we read. bfloat16 is the upper half of a float32.
DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


def read(path: str) -> Arrays:
    """The floating-point arrays of a file, by name. Raises WeightsError."""
    try:
        if path.endswith(".npz"):
            return read_npz(path)
        if path.endswith(".safetensors"):
            return read_safetensors(path)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, EOFError) as error:
        raise WeightsError(f"{path} is no file of weights: {error}") from None
    raise WeightsError(f"{path} has a name that says nothing; allowed: .npz or .safetensors")


def read_npz(path: str) -> Arrays:
    from zipfile import BadZipFile

    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: array for name, array in file.items() if array.dtype.kind == "f"}
    except BadZipFile as error:
        raise ValueError(str(error)) from None


def read_safetensors(path: str) -> Arrays:
    """8 bytes: the length of a JSON header; the header; then the values, which are not copied.

    https://github.com/huggingface/safetensors#format
    """
    size = Path(path).stat().st_size
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > size - 8:
            raise ValueError("the header is longer than the file")
        header = json.loads(file.read(length))
    data = np.memmap(path, np.uint8, "r")[8 + length :]
    return {
        name: tensor(data, entry)
        for name, entry in header.items()
        if name != "__metadata__" and entry["dtype"] in DTYPES
    }


def tensor(data: Any, entry: dict[str, Any]) -> Array:
    """One tensor, float32 for what NumPy has no type for."""
    first, last = entry["data_offsets"]
    values = data[first:last].view(DTYPES[entry["dtype"]])
    if entry["dtype"] == "BF16":
        values = (values.astype(np.uint32) << 16).view(np.float32)
    return np.asarray(values.reshape(entry["shape"]))
