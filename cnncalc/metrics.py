"""The numbers that can be limited, in ``expect``, in a configuration and on the command line.

Their names are the keys of a summary's JSON.
"""

from typing import Literal, NamedTuple

Unit = Literal["count", "bytes", "px"]
#: What a limit is of: the network, the network with its training heads, the layers of a block
#: together, one layer.
PartKind = Literal["network", "training", "blocks", "layers"]


class Metric(NamedTuple):
    """A number with a name; ``settings`` are what it depends on beside the network."""

    unit: Unit
    parts: tuple[PartKind, ...]
    settings: tuple[str, ...] = ()


_NETWORK: tuple[PartKind, ...] = ("network", "training")
_ALL: tuple[PartKind, ...] = (*_NETWORK, "blocks", "layers")
_COUNTS = (
    "params", "weights", "biases", "trainable", "frozen", "buffers", "macs", "flops",
    "activations",
)  # fmt: skip

METRICS: dict[str, Metric] = {
    **dict.fromkeys(_COUNTS, Metric("count", _ALL)),
    "activations_bytes": Metric("bytes", _ALL, ("batch", "dtype")),
    "params_bytes": Metric("bytes", _NETWORK, ("dtype",)),
    "peak_bytes": Metric("bytes", _NETWORK, ("batch", "dtype")),
    "saved_bytes": Metric("bytes", _NETWORK, ("batch", "dtype")),
    "training_bytes": Metric("bytes", _NETWORK, ("batch", "dtype", "optimizer")),
    "receptive_field": Metric("px", ("network", "layers")),
}

GROWTH = "max-growth"
#: The metrics whose growth can be limited, and those that a ``max-growth`` alone is about.
GROWABLE = tuple(name for name, metric in METRICS.items() if metric.unit != "px")
GROWING = ("params", "macs", "activations", "peak_bytes")

#: How others call what is meant.
SYNONYMS = {
    "parameters": "params", "mult_adds": "macs", "gmacs": "macs", "memory": "peak_bytes",
    "peak": "peak_bytes", "peak_memory": "peak_bytes", "peak_activations": "peak_bytes",
    "training_memory": "training_bytes", "activation_memory": "activations_bytes",
    "values": "activations", "output_bytes": "activations_bytes", "rf": "receptive_field",
    "max_growth": GROWTH, "growth": GROWTH,
}  # fmt: skip


def allowed_keys(kind: PartKind) -> tuple[str, ...]:
    """What can be said of a part: the keys below ``expect``, ``training``, a block, a layer."""
    metrics = tuple(name for name, metric in METRICS.items() if kind in metric.parts)
    if kind == "network":
        return (*metrics, "output", "training", "blocks", "layers", GROWTH)
    return (*metrics, "output") if kind == "layers" else metrics


def meant(key: str, allowed: tuple[str, ...]) -> str:
    """A hint for a key that other tools call so, or that belongs elsewhere; empty without one."""
    word = SYNONYMS.get(key.lower().replace("-", "_"))
    if word in allowed:
        return f"did you mean {word}?"
    if key in METRICS:
        return f"that is of the whole network; allowed here: {', '.join(allowed)}"
    return ""
