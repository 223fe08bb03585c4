"""Small networks for the tests of the analyses, made in Python through the builder."""

from typing import Any

from cnncalc.diagnostics import Findings
from cnncalc.graph import Builder, Graph, Value
from cnncalc.layers import create


class Network:
    """Adds layers by name. Without ``reads`` a layer reads the one before it."""

    def __init__(self, *shape: int) -> None:
        self.findings = Findings()
        self.builder = Builder(self.findings)
        self.values: dict[str, Value] = {}
        self.last = "input"
        self.heads: list[Value] = []
        self.input("input", *shape)

    def input(self, name: str, *shape: int) -> None:
        self.values[name] = self.builder.input(name, shape)
        self.last = name

    def add(
        self,
        name: str,
        kind: str,
        *reads: str,
        shares: str | None = None,
        frozen: bool = False,
        training: bool = False,
        **options: object,
    ) -> str:
        """Append a layer; ``name:1`` is its second output."""
        outputs = self.builder.add(
            create(kind, **options),
            [self.values[read] for read in reads or (self.last,)],
            name,
            shares=None if shares is None else self.values[shares].node,
            frozen=frozen,
            training=training,
        )
        assert not self.findings, self.findings
        for port, value in enumerate(outputs):
            assert value is not None
            self.values[f"{name}:{port}"] = value
        self.values[name] = self.values[f"{name}:0"]
        self.last = name
        return name

    def conv(self, name: str, width: int, *reads: str, kernel: int = 1, **more: object) -> str:
        spatial = len(self.builder.nodes[0].output_shapes[0]) - 1
        options = {"out_channels": width, "kernel_size": kernel, **more}
        return self.add(name, f"conv{spatial}d", *reads, **options)

    def head(self, name: str) -> None:
        self.heads.append(self.values[name])

    def graph(self, *outputs: str) -> Graph:
        """The graph; without ``outputs`` the last layer is what comes out."""
        values = [self.values[name] for name in outputs or (self.last,)]
        return self.builder.finish("network", values, self.heads)


def vgg16() -> Network:
    """torchvision's VGG-16, configuration D, with its adaptive average pool."""
    network = Network(3, 224, 224)
    for stage, (times, width) in enumerate(((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)), 1):
        for index in range(1, times + 1):
            network.conv(f"conv{stage}_{index}", width, kernel=3, padding=1)
            network.add(f"relu{stage}_{index}", "relu")
        network.add(f"pool{stage}", "max_pool2d", kernel_size=2)
    network.add("avgpool", "adaptive_avg_pool2d", output_size=7)
    network.add("flatten", "flatten")
    for number in (6, 7):
        network.add(f"fc{number}", "linear", out_features=4096)
        network.add(f"relu{number}", "relu")
        network.add(f"dropout{number}", "dropout")
    network.add("fc8", "linear", out_features=1000)
    return network


def layered(shape: tuple[int, ...], *layers: tuple[str, dict[str, Any]]) -> Graph:
    """Layers one after the other."""
    network = Network(*shape)
    for number, (kind, options) in enumerate(layers):
        network.add(f"n{number}", kind, **options)
    return network.graph()
