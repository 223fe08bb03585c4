"""The tools themselves: what they print is what `cnncalc summarize --convention` says, to the unit.

The networks are built from the specs, written as torchvision writes them. That torchvision's own
classes get the same figures was checked by hand: tests/test_conventions.py has them.
"""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from cnncalc.analysis.conventions import CONVENTIONS
from cnncalc.analysis.counting import MULTIPLYING, family
from cnncalc.analysis.reconciliation import TORCHVISION, Code, NotComparable, reconcile
from cnncalc.api import load
from cnncalc.graph import Node

HERE = Path(__file__).parent
PAGE = HERE.parent.parent / "docs" / "reconciliation.md"

#: The five networks, and two that call other things by function and by method.
NETWORKS = {
    "vgg16": "vgg",
    "resnet50": "resnet",
    "googlenet": "googlenet",
    "mobilenet_v2": "mobilenet_v2",
    "densenet121": "densenet",
    "shufflenet_v2_x0_5": "shufflenet_v2",
    "squeezenet1_1": "squeezenet",
}

#: Layers behind a convolution without bias, one network for each.
IMAGE = """
conv2d: {out_channels: 4, kernel_size: 3}
conv2d: {out_channels: 4, kernel_size: 3, groups: 2, dilation: 2, stride: 2, bias: false}
conv2d: {out_channels: 4, kernel_size: 3, padding: [[0, 1], [1, 0]]}
conv2d: {out_channels: 4, kernel_size: 3, padding: same}
conv2d: {out_channels: 4, kernel_size: [4, 3], padding: same}
conv_transpose2d: {out_channels: 4, kernel_size: 2, stride: 2}
conv_transpose2d: {out_channels: 4, kernel_size: 3, stride: 2, groups: 2, padding: 1, bias: false}
linear: {out_features: 5}
linear: {out_features: 5, bias: false}
batch_norm2d
batch_norm2d: {affine: false}
batch_norm2d: {track_running_stats: false}
instance_norm2d
instance_norm2d: {affine: true}
group_norm: {num_groups: 3}
group_norm: {num_groups: 3, affine: false}
layer_norm
layer_norm: {axes: 3}
layer_norm: {axes: 2, elementwise_affine: false}
layer_norm2d
layer_scale
relu
relu6
hardtanh
leaky_relu
prelu
prelu: {num_parameters: 6}
elu
silu
gelu
gelu: {approximate: "tanh"}
hardswish
hardsigmoid
sigmoid
tanh
mish
softplus
abs
softmax
log_softmax
dropout
stochastic_depth: {p: 0.1}
flatten
permute: {dims: [1, 2, 0]}
pad: {padding: 1}
slice: {axis: 0, start: 0, stop: 3}
pixel_unshuffle: {downscale_factor: 2}
channel_shuffle: {groups: 2}
max_pool2d: {kernel_size: 3, stride: 2, padding: 1, ceil_mode: true}
avg_pool2d: {kernel_size: 3, stride: 1, padding: 1}
adaptive_avg_pool2d: {output_size: 4}
adaptive_avg_pool2d: {output_size: 3}
adaptive_max_pool2d: {output_size: 4}
global_avg_pool2d
upsample: {scale_factor: 2}
upsample: {scale_factor: 2, mode: "bilinear"}
upsample: {scale_factor: 2, mode: "bicubic"}
upsample: {size: 20}
upsample: {size: [20, 24], mode: "bilinear"}
add: {left: identity, right: relu}
add: {left: identity, middle: relu, right: sigmoid}
sub: {left: identity, right: relu}
mul: {left: identity, right: [adaptive_avg_pool2d, sigmoid]}
max: {left: identity, right: relu}
concat: {left: identity, right: relu}
""".strip().splitlines()

#: Networks of several layers, and on one and three axes: input and entries.
OTHERS = [
    ([6, 8], ["conv1d: {out_channels: 4, kernel_size: 3, bias: false}", "batch_norm1d"]),
    ([6, 8], ["conv1d: {out_channels: 4, kernel_size: 3}", "max_pool1d: {kernel_size: 2}"]),
    ([6, 8], ["conv1d: {out_channels: 4, kernel_size: 3}", "avg_pool1d: {kernel_size: 2}"]),
    ([6, 8], ["conv1d: {out_channels: 4, kernel_size: 3}", "adaptive_avg_pool1d"]),
    ([6, 8], ["conv1d: {out_channels: 4, kernel_size: 3}", "upsample: {scale_factor: 2}"]),
    ([6, 4], ["conv_transpose1d: {out_channels: 4, kernel_size: 3, stride: 2, padding: 1}"]),
    ([6, 8, 8, 8], ["conv3d: {out_channels: 4, kernel_size: 3, bias: false}", "batch_norm3d"]),
    ([6, 8, 8, 8], ["conv3d: {out_channels: 4, kernel_size: 3}", "max_pool3d: {kernel_size: 2}"]),
    ([6, 8, 8, 8], ["conv3d: {out_channels: 4, kernel_size: 3}", "avg_pool3d: {kernel_size: 2}"]),
    ([6, 8, 8, 8], ["conv3d: {out_channels: 4, kernel_size: 3}", "adaptive_avg_pool3d"]),
    ([6, 4, 4, 4], ["conv_transpose3d: {out_channels: 4, kernel_size: 2, stride: 2}"]),
    ([6, 8, 12], ["conv2d: {out_channels: 4, kernel_size: 3}", "batch_norm2d"]),
    ([6, 8, 12], ["conv2d: {out_channels: 4, kernel_size: 3, groups: 2, bias: false}",
                  "batch_norm2d", "relu"]),
    ([6, 8, 12], ["conv2d: {out_channels: 4, kernel_size: 3, bias: false}",
                  "add: {left: identity, right: batch_norm2d}"]),
    ([6, 8, 12], ["conv_transpose2d: {out_channels: 4, kernel_size: 2, stride: 2, bias: false}",
                  "batch_norm2d"]),
    ([6, 8, 12], ["batch_norm2d", "conv2d: {out_channels: 4, kernel_size: 3}"]),
    ([6, 8, 12], ["flatten", "linear: {out_features: 5}", "batch_norm1d", "relu"]),
    ([6, 8, 12], ["{conv2d: {out_channels: 6, kernel_size: 3}, name: first}", "relu",
                  "{conv2d: {out_channels: 6, kernel_size: 3}, share: first}"]),
]  # fmt: skip


def image_network(entry: str) -> str:
    stem = "conv2d: {out_channels: 6, kernel_size: 1, bias: false}"
    return written_spec([6, 8, 12], [stem, entry])


def written_spec(shape: Sequence[int], entries: Sequence[str]) -> str:
    return "\n".join(["name: some layers", f"input: {shape}", "layers:",
                      *(f"  - {entry}" for entry in entries), ""])  # fmt: skip


def multiplies(node: Node) -> bool:
    return family(node.layer.kind) in MULTIPLYING


@pytest.fixture
def small(tool: str, specs: list[tuple[str, Code]]) -> list[tuple[str, Code]]:
    """Networks of few layers. Only an export looks at biases, and all but it at functions."""
    if tool == "onnx-tool":
        return [(spec, code) for spec, code in specs if not code.functions]
    return [(spec, code) for spec, code in specs if not code.zero_biases]


@pytest.fixture(scope="session")
def specs(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Code]]:
    """Specs of few layers, each as modules; some once more as functions, methods, with zeros."""
    folder = tmp_path_factory.mktemp("specs")
    examples = re.findall(r"^```yaml \S+\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
    assert len(examples) == 6
    layers = [*map(image_network, IMAGE), *(written_spec(*other) for other in OTHERS)]
    texts = [*layers, *examples]
    found = []
    for number, text in enumerate(texts):
        path = folder / f"{number}.yaml"
        path.write_text(text, encoding="utf-8")
        found.append((str(path), Code()))
        graph = load(str(path)).graph
        assert graph is not None, text
        kinds = {node.layer.kind for node in graph.nodes}
        if kinds & {"relu", "adaptive_avg_pool2d", "avg_pool2d"}:
            found.append(
                (str(path), Code(("relu", "*.relu", "avg_pool2d", "*adaptive_avg_pool2d")))
            )
        if any(multiplies(node) and node.layer.bias for node in graph.nodes):
            found.append((str(path), Code(zero_biases=True)))
    return found


def run(tool: str, networks: Sequence[tuple[str, Code]]) -> list[float | str]:
    """What the tool prints for each network; the name of an exception where it fails."""
    given = [[spec, code.functions, code.methods, code.zero_biases] for spec, code in networks]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(HERE / "counting_tools.py"), tool],
        input=json.dumps(given), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    figures: list[float | str] = json.loads(done.stdout.splitlines()[-1])
    return figures


def predicted(tool: str, spec: str, code: Code) -> int | None:
    """Our figure; None where none is claimed."""
    graph = load(spec).graph
    assert graph is not None
    try:
        return reconcile(graph, tool, code).totals.macs
    except NotComparable:
        return None


@pytest.fixture(params=list(CONVENTIONS))
def tool(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    module = {"ptflops-aten": "ptflops", "onnx-tool": "onnx_tool"}.get(name, name)
    if find_spec(module) is None:
        pytest.skip(f"{name} is not installed: pip install 'cnncalc[verify]'")
    return name


def test_networks_of_torchvision(tool: str, counted: list[str]) -> None:
    networks = [(name, TORCHVISION.get(home, Code())) for name, home in NETWORKS.items()]
    ours = {spec: predicted(tool, spec, code) for spec, code in networks}
    assert dict(zip(ours, run(tool, networks), strict=True)) == ours
    counted.append(f"{tool} prints what cnncalc says for {len(ours)} networks of torchvision")


def test_every_kind_of_layer(tool: str, small: list[tuple[str, Code]], counted: list[str]) -> None:
    figures = run(tool, small)
    ours = [predicted(tool, spec, code) for spec, code in small]
    wrong = [
        f"{Path(spec).read_text('utf-8')}{code}: {tool} prints {figure}, cnncalc says {own}"
        for (spec, code), figure, own in zip(small, figures, ours, strict=True)
        if own is not None and own != figure
    ]
    assert not wrong, "\n\n".join(wrong)
    claimed = sum(own is not None for own in ours)
    assert claimed >= len(ours) - 8
    counted.append(f"{tool} prints what cnncalc says for {claimed} networks of few layers")


def test_every_row_is_run(tool: str, small: list[tuple[str, Code]]) -> None:
    """A cause that none of these networks has would be a claim that nobody checked."""
    seen = set()
    for spec, code in small:
        graph = load(spec).graph
        assert graph is not None
        try:
            seen |= {entry.cause for entry in reconcile(graph, tool, code).ledger}
        except NotComparable:
            continue
    assert {cause.title for cause in CONVENTIONS[tool].causes} - seen == set()
