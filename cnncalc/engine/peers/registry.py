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
    """

    name: str
    module: str
    distributions: tuple[str, ...]
    settings: tuple[str, ...]
    build_seconds: float = 120

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

#: Our own engine, and the product whose time says whether the machine is quiet: contestants
#: like any other, but nobody asks for them by name.
OURS = Peer("cnncalc", ".own_engine", ("cnncalc",), ("",))
CALIBRATION = Peer("calibration", ".calibration", ("numpy",), ("",))


def chosen(names: Iterable[str]) -> tuple[Peer, ...]:
    """The peers of these names, in this order; ``all`` is every one. Raises ValueError."""
    wanted: dict[str, Peer] = {}
    for name in names:
        if name != "all" and name not in PEERS:
            raise ValueError(f"there is no engine {name!r}; allowed: {', '.join(PEERS)}, or all")
        wanted |= PEERS if name == "all" else {name: PEERS[name]}
    return tuple(wanted.values())
