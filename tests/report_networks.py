"""Summaries for the tests of reports, made by hand and without cnncalc's own arithmetic."""

from math import prod
from typing import Any

from cnncalc.analysis.summary import Field, LayerSummary, Memory, Summary, Totals


class Chain:
    """Appends rows to a summary, one layer after the other."""

    def __init__(self, *shape: int) -> None:
        self.layers: dict[str, LayerSummary] = {}
        self.shape = shape
        self.field = (1, 1, 0)  # size, jump, start
        self.previous: tuple[str, ...] = ()
        self.add("input", "input", "INPUT", shape)

    def add(self, name: str, kind: str, label: str, output: tuple[int, ...], **more: Any) -> None:
        weights = more.get("weights", 0)
        biases = more.get("biases", 0)
        frozen = more.pop("frozen", False)
        owns = more.setdefault("owns_memory", True)
        size, jump, start = self.field
        spatial = len(output) - 1
        defaults: dict[str, Any] = {
            "inputs": (self.shape,) if self.previous else (),
            "reads": self.previous,
            "outputs": (output,),
            "weight_shapes": {},
            "weights": weights,
            "biases": biases,
            "params": weights + biases,
            "trainable": 0 if frozen else weights + biases,
            "frozen": weights + biases if frozen else 0,
            "buffers": 0,
            "macs": 0,
            "flops": 0,
            "values": prod(output),
            "output_bytes": 4 * prod(output) if owns else 0,
            "receptive_field": (Field(size, jump, start),) * spatial,
            "lost": (),
        }
        row = LayerSummary(name=name, kind=kind, label=label, output=output, **defaults | more)
        self.layers[name] = row
        self.shape, self.previous = output, (name,)

    def conv(self, name: str, width: int, kernel: int = 3, **more: Any) -> None:
        channels, *size = self.shape
        seen, jump, start = self.field
        self.field = seen + (kernel - 1) * jump, jump, start - kernel // 2 * jump
        weight = (width, channels, kernel, kernel)
        positions = prod(size)
        self.add(
            name,
            "conv2d",
            f"CONV{kernel}-{width}",
            (width, *size),
            weight_shapes={"weight": weight, "bias": (width,)},
            macs=prod(weight) * positions,
            flops=(2 * prod(weight) + width) * positions,
            **{"weights": prod(weight), "biases": width} | more,
        )

    def relu(self, name: str) -> None:
        self.add(
            name, "relu", "RELU", self.shape, owns_memory=False, flops=prod(self.shape)
        )  # fmt: skip

    def pool(self, name: str, **more: Any) -> None:
        channels, *size = self.shape
        seen, jump, start = self.field
        self.field = seen + jump, 2 * jump, start
        output = (channels, *(n // 2 for n in size))
        self.add(name, "max_pool2d", "POOL2", output, flops=3 * prod(output), **more)

    def flatten(self) -> None:
        self.add("flatten", "flatten", "FLATTEN", (prod(self.shape),), owns_memory=False)

    def linear(self, name: str, width: int) -> None:
        (features,) = self.shape
        self.add(
            name,
            "linear",
            "FC",
            (width,),
            weight_shapes={"weight": (width, features), "bias": (width,)},
            weights=width * features,
            biases=width,
            macs=width * features,
            flops=2 * width * features + width,
        )

    def totals(self, peak: str, **memory: Any) -> Totals:
        rows = list(self.layers.values())

        def total(field: str) -> int:
            return sum(getattr(row, field) for row in rows)

        activations = sum(row.values for row in rows if row.owns_memory)
        params = total("params")
        defaults: dict[str, Any] = {
            "params_bytes": 4 * params,
            "activations_bytes": 4 * activations,
            "peak_bytes": 25_690_112,
            "peak_layer": peak,
            "saved_bytes": None,
            "gradients_bytes": None,
            "optimizer_bytes": None,
            "training_bytes": None,
            "optimizer": "sgd",
        }
        return Totals(
            layers=len(rows) - 1,
            **{
                field: total(field)
                for field in (
                    "params", "weights", "biases", "trainable", "frozen", "buffers", "macs", "flops"
                )
            },
            activations=activations,
            output=rows[-1].output,
            outputs=rows[-1].outputs,
            memory=Memory(**defaults | memory),
        )  # fmt: skip

    def summary(self, name: str, source: str | None, totals: Totals, **more: Any) -> Summary:
        return Summary(
            name=name,
            source=source,
            inputs={"input": self.layers["input"].output},
            batch=1,
            dtype="float32",
            layers=self.layers,
            totals=totals,
            **more,
        )


def vgg16() -> Summary:
    """VGG-16 as it is in the lectures."""
    net = Chain(3, 224, 224)
    for stage, (convs, width) in enumerate(
        [(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)], start=1
    ):
        for number in range(1, convs + 1):
            net.conv(f"conv{stage}_{number}", width)
            net.relu(f"relu{stage}_{number}")
        net.pool(f"pool{stage}")
    net.flatten()
    for number, width in enumerate([4096, 4096, 1000], start=6):
        net.linear(f"fc{number}", width)
        if number < 8:
            net.relu(f"relu{number}")
            net.add(f"drop{number}", "dropout", "DROPOUT", net.shape, owns_memory=False)
    params = 138_357_544
    totals = net.totals(
        "conv1_2",
        saved_bytes=73_355_264,
        gradients_bytes=4 * params,
        optimizer_bytes=4 * params,
        training_bytes=73_355_264 + 12 * params,
        optimizer="momentum",
        budget_bytes=24 * 2**30,
        largest_batch_inference=946,
        largest_batch_training=328,
    )
    return net.summary("VGG-16", "Simonyan & Zisserman, ICLR 2015, table 1", totals)


def blocks() -> Summary:
    """Blocks with long names, rows lost, frozen and shared weights, and a head for training.

    Not a real network: two residual blocks on a 7 by 9 image.
    """
    net = Chain(3, 7, 9)
    net.conv("stem", 8, frozen=True)
    net.pool("pool", lost=(1, 1))
    net.conv("layer1.0.residual.conv2d", 8)
    net.relu("layer1.0.residual.relu")
    net.conv(
        "layer1.0.residual.conv2d_2", 8, weights=0, biases=0, shares="layer1.0.residual.conv2d"
    )
    net.add("layer1.0.add", "add", "ADD", net.shape, flops=prod(net.shape))
    net.conv("layer1.1.residual.conv2d", 8)
    net.pool("layer1.1.pool", lost=(1, 0))
    net.add("flatten", "flatten", "FLATTEN", (prod(net.shape),), owns_memory=False)
    net.linear("classifier", 10)
    without = net.totals("stem")
    net.shape, net.previous = (8, 3, 4), ("layer1.0.add",)
    net.conv("auxiliary.conv2d", 4, training=True)
    totals = net.totals("stem")
    return net.summary(
        "Blocks & <names>", None, without, training_totals=totals
    )  # fmt: skip
