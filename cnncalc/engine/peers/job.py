"""What a process is told to run: a network, its weights and images by seed, and how."""

import pickle
from importlib import import_module
from io import BytesIO
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np

from ...analysis.liveness import runs
from ...graph import Graph, Input
from ...layers import Layer, create
from ..backends import Engine
from ..plan import Algorithm
from ..weight_files import read
from ..weights import Array, GivenWeights, Weights


class CannotBuild(Exception):
    """A network that a peer has no words for."""


class Contestant(Protocol):
    """A network, ready to run on an engine, with its input in the engine's memory."""

    def run(self) -> int:
        """Run forward passes; of how many batches."""

    def outputs(self) -> list[Array]:
        """The network's outputs for the first image, [1, *shape]."""


class Job(NamedTuple):
    """One engine, one setting, one batch size.

    ``weights_file`` or ``seed`` give the weights, the same to every engine. ``algorithm`` and
    ``engine`` are for our own engine. ``device`` is "cpu", "cuda" or "cuda:1"; ``dtype`` is what
    a CUDA device computes in.
    """

    module: str
    setting: str
    graph: Graph
    batch: int
    threads: int
    weights_file: str | None = None
    seed: int = 0
    algorithm: Algorithm = "auto"
    engine: Engine = "auto"
    device: str = "cpu"
    dtype: str = "float32"

    def weights(self) -> Weights:
        """Raises WeightsError if the file does not fit the network."""
        if self.weights_file is None:
            return Weights(self.graph, self.seed)
        return GivenWeights(self.graph, read(self.weights_file), runs(self.graph, heads=False))

    def images(self) -> list[Array]:
        """Random images for each input. The first of a batch is the same in any batch."""
        inputs = [node for node in self.graph.nodes if isinstance(node.layer, Input)]
        return [
            np.random.default_rng([1, number]).standard_normal(
                (self.batch, *node.output_shapes[0]), dtype=np.float32
            )
            for number, node in enumerate(inputs)
        ]


class GraphPickler(pickle.Pickler):
    """Layers by kind and options: their classes are made when a kind is first used, so pickle
    cannot find them by name."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, Layer) and not isinstance(value, Input):
            options = msgspec.structs.asdict(value)
            return made, (type(value).__module__, value.kind, options)
        return NotImplemented


def made(module: str, kind: str, options: dict[str, Any]) -> Layer:
    """A layer; its module is imported first, which registers a kind of the user's own."""
    import_module(module)
    return create(kind, **options)


def pickled(job: Job) -> bytes:
    buffer = BytesIO()
    GraphPickler(buffer, protocol=pickle.HIGHEST_PROTOCOL).dump(job)
    return buffer.getvalue()
