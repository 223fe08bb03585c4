"""The engines that can be compared with, as data: what they need and how they are run."""

from collections.abc import Iterable
from typing import NamedTuple

from ..machine import installed

#: What installs all of them.
PIP = "pip install 'cnncalc[compare]'"


class Peer(NamedTuple):
    """An engine. The best of its ``settings`` stands for it.

    ``module``, relative to this package, builds it. ``distributions`` must be installed; the
    first is the one whose version is reported. ``build_seconds``: when building has failed.
    ``pip`` installs what is missing.
    """

    name: str
    module: str
    distributions: tuple[str, ...]
    settings: tuple[str, ...]
    build_seconds: float = 120
    pip: str = PIP

    def missing(self) -> tuple[str, ...]:
        """The distributions that are not installed."""
        return tuple(name for name in self.distributions if installed(name) is None)

    def version(self) -> str:
        return installed(self.distributions[0]) or ""


PEERS = {
    peer.name: peer
    for peer in (
        Peer("torch", ".torch_engine", ("torch",), ("NCHW", "channels_last")),
        Peer("torch-compile", ".torch_engine", ("torch",), ("frozen NCHW", "frozen channels_last"),
             build_seconds=600),
        Peer("onnxruntime", ".onnxruntime_engine", ("onnxruntime", "onnx"),
             ("all optimisations",)),
        Peer("openvino", ".openvino_engine", ("openvino", "onnx"),
             ("f32, latency hint", "f32, throughput hint")),
    )
}  # fmt: skip

#: PyTorch on a CUDA device: which of these is its best depends on the network and the batch. With
#: the names of its modes, Inductor tries kernels for minutes.
TORCH_MODES = ("eager, graph", "cuDNN fused, graph", "reduce-overhead", "max-autotune")
CUDA_PEERS = {
    "torch": Peer("torch", ".torch_cuda", ("torch",), TORCH_MODES, 900, "pip install torch"),
}

#: Our own engine, and the product whose time says whether the machine is quiet: contestants
#: like any other, but nobody asks for them by name.
OURS = Peer("cnncalc", ".own_engine", ("cnncalc",), ("",))
CALIBRATION = Peer("calibration", ".calibration", ("numpy",), ("",))
#: The same on a CUDA device.
CUDA_OURS = Peer("cnncalc", ".cuda_engine", ("cnncalc",), ("",), 900)
CUDA_CALIBRATION = Peer("calibration", ".cuda_calibration", ("numpy",), ("",))


def chosen(names: Iterable[str], device: str = "cpu") -> tuple[Peer, ...]:
    """The peers of these names on a device, in this order; ``all`` is every one. Raises
    ValueError."""
    peers, where = (PEERS, "") if device == "cpu" else (CUDA_PEERS, " on a CUDA device")
    wanted: dict[str, Peer] = {}
    for name in names:
        if name != "all" and name not in peers:
            allowed = ", ".join(peers)
            raise ValueError(f"there is no engine {name!r}{where}; allowed: {allowed}, or all")
        wanted |= peers if name == "all" else {name: peers[name]}
    return tuple(wanted.values())
