"""A module like cuDNN's frontend, which records the graphs it is given, refuses what cuDNN refuses,
and runs the rest on the processor: pointers are addresses of this process."""

import ctypes
from collections.abc import Callable, Iterable, Sequence
from math import inf
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
#: The types of values in memory. A BFLOAT16 is the upper half of a float32.
STORED = {"FLOAT": np.float32, "HALF": np.float16, "BFLOAT16": np.uint16}


class NotSupported(Exception):
    """As `cudnn.cudnnGraphNotSupportedError`."""


class Planned(NamedTuple):
    """A plan that is proposed for every graph: how long it takes and what is wrong with it."""

    name: str
    nanoseconds: float = 1000.0
    compiled: bool = False
    workspace: int = 0
    notes: tuple[str, ...] = ()
    builds: bool = True
    fails: type[Exception] | None = None


class Tensor:
    """``made``: the operation that makes it, and what it is made of."""

    def __init__(self, graph: "Graph", made: str = "", *reads: "Tensor", **options: Any) -> None:
        self.graph, self.made, self.reads, self.options = graph, made, reads, options
        self.uid, self.dim, self.stride, self.data_type = -1, [], [], ""

    def set_output(self, value: bool) -> "Tensor":
        self.graph.output = self
        return self

    def set_data_type(self, value: str) -> "Tensor":
        self.data_type = value
        return self

    def set_uid(self, value: int) -> "Tensor":
        self.uid = value
        return self

    def set_dim(self, value: list[int]) -> "Tensor":
        self.dim = value
        return self

    def set_stride(self, value: list[int]) -> "Tensor":
        self.stride = value
        return self


class Graph:
    """As `cudnn.pygraph`: one tensor after the other; ``output`` is the last."""

    def __init__(self, frontend: "Frontend", **options: Any) -> None:
        self.frontend, self.options = frontend, options
        self.output = Tensor(self)
        self.plans: Sequence[Planned] = ()
        self.built: set[int] = set()
        self.forbidden: set[str] = set()

    # what it is made of

    def tensor(self, *, dim: list[int], stride: list[int], data_type: str, uid: int) -> Tensor:
        made = Tensor(self).set_dim(dim).set_stride(stride).set_data_type(data_type).set_uid(uid)
        assert len(dim) == len(stride) == 4
        return made

    def conv_fprop(self, *, image: Tensor, weight: Tensor, **options: Any) -> Tensor:
        assert options.pop("compute_data_type") == "FLOAT"
        return Tensor(self, "convolution", image, weight, **options)

    def add(self, *, a: Tensor, b: Tensor) -> Tensor:
        return Tensor(self, "add", a, b)

    def bias(self, *, input: Tensor, bias: Tensor) -> Tensor:  # noqa: A002
        return Tensor(self, "bias", input, bias)

    def identity(self, *, input: Tensor) -> Tensor:  # noqa: A002
        return Tensor(self, "identity", input)

    def relu(self, *, input: Tensor, **clips: float) -> Tensor:  # noqa: A002
        return Tensor(self, "relu", input, **clips)

    # its plans

    def validate(self) -> None:
        assert self.options["compute_data_type"] == "FLOAT"
        assert self.output.uid > 0

    def build_operation_graph(self) -> None:
        self.frontend.graphs.append(self)

    def create_execution_plans(self, modes: list[str]) -> None:
        operations = self.operations
        if "upper_clip" in self.output.options and operations[-2:] == ["bias", "relu"]:
            raise NotSupported("a clipped ReLU right behind a bias\nand more")
        if "add" in operations[operations.index("bias") if "bias" in operations else 99 :]:
            raise NotSupported("the residual is added behind the bias")
        if self.frontend.refuses(self):
            raise NotSupported("no engine for this graph")
        self.plans = self.frontend.plans

    def deselect_numeric_notes(self, notes: Iterable[str]) -> None:
        assert self.plans, "notes count for plans that are there"
        self.forbidden |= set(notes)

    def get_execution_plan_count(self) -> int:
        return len(self.plans)

    def get_plan_name_at_index(self, index: int) -> str:
        return self.plans[index].name

    def get_behavior_notes_for_plan_at_index(self, index: int) -> list[str]:
        return ["RUNTIME_COMPILATION"] if self.plans[index].compiled else []

    def build_plan_at_index(self, index: int) -> None:
        plan = self.plans[index]
        if self.forbidden & set(plan.notes):
            raise RuntimeError("Deselecting execution plan")
        if not plan.builds:
            raise NotSupported("cudnnFinalize failed")
        self.built.add(index)
        self.frontend.built.append(plan.name)

    def get_workspace_size_plan_at_index(self, index: int) -> int:
        assert index in self.built
        return self.plans[index].workspace

    # running

    @property
    def operations(self) -> list[str]:
        """Names of the operations, the first one first."""
        return [one.made for one in self.chain]

    @property
    def chain(self) -> list[Tensor]:
        found, tensor = [], self.output
        while tensor.made:
            found.append(tensor)
            tensor = tensor.reads[0]
        return found[::-1]

    def execute_plan_at_index(
        self, pointers: dict[int, int], workspace: int, index: int, handle: object
    ) -> None:
        plan = self.plans[index]
        assert index in self.built
        assert handle == self.options["handle"] == self.frontend.handle
        assert bool(workspace) or not plan.workspace
        assert all(pointer % 16 == 0 for pointer in pointers.values())
        self.frontend.elapsed += plan.nanoseconds
        if plan.fails is not None:
            raise plan.fails("CUDNN_STATUS_EXECUTION_FAILED")
        if plan.workspace:
            ctypes.memset(workspace, 0xFF, plan.workspace)
        inputs = {
            tensor.uid: tensor for one in self.chain for tensor in one.reads if tensor.uid > 0
        }
        assert set(pointers) == {*inputs, self.output.uid}
        values = {
            uid: widened(memory(tensor, pointers[uid]), tensor.data_type)
            for uid, tensor in inputs.items()
        }
        y = self.value(self.output, values)
        memory(self.output, pointers[self.output.uid])[...] = narrowed(y, self.output.data_type)

    def value(self, tensor: Tensor, values: dict[int, Array]) -> Array:
        if not tensor.made:
            return values[tensor.uid]
        first, *others = (self.value(one, values) for one in tensor.reads)
        match tensor.made:
            case "convolution":
                return convolution(first, others[0], **tensor.options)
            case "add" | "bias":
                return first + others[0]
            case "relu":
                clips = {"lower_clip": 0.0, "upper_clip": inf} | tensor.options
                return np.clip(first, clips["lower_clip"], clips["upper_clip"])
        return first


class Frontend:
    """The module. ``plans`` are proposed for every graph that is not refused."""

    cudnnGraphNotSupportedError = NotSupported  # noqa: N815
    __version__ = "1.18.0"
    data_type = SimpleNamespace(**{name: name for name in STORED})
    heur_mode = SimpleNamespace(A="A", B="B", FALLBACK="FALLBACK")
    behavior_note = SimpleNamespace(RUNTIME_COMPILATION="RUNTIME_COMPILATION")

    def __init__(
        self, *plans: Planned, refuses: Callable[[Graph], bool] = lambda graph: False
    ) -> None:
        self.plans = plans or (Planned("eng0"),)
        self.refuses = refuses
        self.graphs: list[Graph] = []
        #: Names of plans, in the order in which they were built.
        self.built: list[str] = []
        self.elapsed = 0.0
        self.handle: object = None
        self.stream = -1

    @property
    def numerical_note(self) -> Any:
        names = ("TENSOR_CORE", "DOWN_CONVERT_INPUTS", "REDUCED_PRECISION_REDUCTION", "WINOGRAD",
                 "WINOGRAD_TILE_13x13")  # fmt: skip
        return SimpleNamespace(**{name: name for name in names})

    def pygraph(self, **options: Any) -> Graph:
        return Graph(self, **options)

    def backend_version(self) -> int:
        return 91200

    def create_handle(self) -> object:
        self.handle = object()
        return self.handle

    def set_stream(self, handle: object, stream: int) -> None:
        assert handle is self.handle
        self.stream = stream


class Clock:
    """The time that the plans say they take."""

    def __init__(self, frontend: Frontend) -> None:
        self.frontend = frontend
        #: How often the first launch was not too long to go on.
        self.well_timed = 0

    def __call__(self, xp: object, call: Callable[[], object], most: float) -> float:
        before = self.frontend.elapsed
        call()
        taken = self.frontend.elapsed - before
        self.well_timed += taken <= most
        return taken


def memory(tensor: Tensor, address: int) -> Array:
    """A tensor's values where they lie."""
    stored = np.dtype(STORED[tensor.data_type])
    pairs = zip(tensor.dim, tensor.stride, strict=True)
    span = 1 + sum((size - 1) * step for size, step in pairs)
    raw = (ctypes.c_char * (span * stored.itemsize)).from_address(address)
    strides = [step * stored.itemsize for step in tensor.stride]
    return np.lib.stride_tricks.as_strided(np.frombuffer(raw, stored), tensor.dim, strides)


def widened(array: Array, data_type: str) -> Array:
    if data_type == "BFLOAT16":
        array = (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float64)


def narrowed(array: Array, data_type: str) -> Array:
    if data_type != "BFLOAT16":
        return array.astype(STORED[data_type])
    bits = array.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def convolution(
    x: Array,
    weight: Array,
    pre_padding: list[int],
    post_padding: list[int],
    stride: list[int],
    dilation: list[int],
) -> Array:
    """Kernel element by kernel element, over a padded image."""
    around = [(0, 0), (0, 0), *zip(pre_padding, post_padding, strict=True)]
    x = np.pad(x, around)
    outputs, depth, *kernel = weight.shape
    groups = x.shape[1] // depth
    size = [(x.shape[2 + i] - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1 for i in range(2)]
    total = np.zeros((x.shape[0], groups, outputs // groups, *size))
    grouped = weight.reshape(groups, outputs // groups, depth, *kernel)
    for row in range(kernel[0]):
        for column in range(kernel[1]):
            top, left = row * dilation[0], column * dilation[1]
            seen = x[
                :, :,
                top : top + (size[0] - 1) * stride[0] + 1 : stride[0],
                left : left + (size[1] - 1) * stride[1] + 1 : stride[1],
            ].reshape(x.shape[0], groups, depth, *size)  # fmt: skip
            total += np.einsum("ngdhw,god->ngohw", seen, grouped[..., row, column])
    return total.reshape(x.shape[0], outputs, *size)
