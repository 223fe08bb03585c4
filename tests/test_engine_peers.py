"""Our graphs in other engines: every kind, every network of the zoo, the same outputs.

Each engine's tests are skipped where it is not installed: pip install 'cnncalc[compare]'.
"""

import importlib
from importlib.util import find_spec
from typing import Any

import pytest

from cnncalc.analysis.summarize import summarize
from cnncalc.diagnostics import Findings
from cnncalc.engine.peers.job import CannotBuild, Job
from cnncalc.engine.reference import error, reference
from cnncalc.graph import Builder, Graph
from cnncalc.layers import create, kinds
from cnncalc.spec import builtin_names, load

ENGINES = {
    "torch_engine": ("torch",),
    "onnxruntime_engine": ("onnx", "onnxruntime"),
    "openvino_engine": ("onnx", "openvino"),
}


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Any:
    """The module of an engine."""
    missing = [name for name in ENGINES[request.param] if find_spec(name) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not installed")
    return importlib.import_module(f"cnncalc.engine.peers.{request.param}")


def alone(kind: str, options: dict[str, Any], shapes: list[tuple[int, ...]]) -> Graph:
    """A network of one layer."""
    findings = Findings()
    builder = Builder(findings)
    inputs = [builder.input(f"input{n}", shape) for n, shape in enumerate(shapes)]
    outputs = builder.add(create(kind, **options), inputs, "layer")
    assert not findings, [finding.message for finding in findings]
    return builder.finish("alone", [value for value in outputs if value is not None])


def deviation(engine: Any, graph: Graph, setting: str = "f32", batch: int = 2) -> float:
    job = Job("", setting, graph, batch, 1)
    first = [image[:1] for image in job.images()]
    return error(engine.build(job).outputs(), reference(graph, job.weights(), first))


IMAGE = [(6, 9, 11)]
ROWS: list[tuple[str, dict[str, Any], list[tuple[int, ...]]]] = [
    ("conv1d", {"out_channels": 4, "kernel_size": 3, "padding": 1, "stride": 2}, [(6, 9)]),
    ("conv2d", {"out_channels": 4, "kernel_size": 3, "bias": False}, IMAGE),
    ("conv2d", {"out_channels": 4, "kernel_size": [2, 3], "padding": "same", "stride": 2}, IMAGE),
    ("conv2d", {"out_channels": 12, "kernel_size": 3, "groups": 6, "padding": "half"}, IMAGE),
    ("conv2d", {"out_channels": 4, "kernel_size": 3, "dilation": 2, "groups": 2,
                "padding": [[2, 1], [0, 3]]}, IMAGE),
    ("conv2d", {"out_channels": 3, "kernel_size": 3, "connections": [[0, 2], [1], [5, 0, 3]]},
     IMAGE),
    ("conv3d", {"out_channels": 4, "kernel_size": 3, "padding": 1}, [(2, 5, 6, 7)]),
    ("conv_transpose2d", {"out_channels": 4, "kernel_size": 3, "stride": 2, "padding": 1,
                          "output_padding": 1, "groups": 2}, IMAGE),
    ("locally_connected2d", {"out_channels": 3, "kernel_size": [3, 2], "stride": [2, 1],
                             "padding": 1}, IMAGE),
    ("locally_connected1d", {"out_channels": 3, "kernel_size": 3, "bias": False}, [(6, 9)]),
    ("linear", {"out_features": 5}, [(7,)]),
    ("linear", {"out_features": 5, "bias": False}, [(3, 4, 7)]),
    ("rbf", {"out_features": 5}, [(7,)]),
    ("max_pool2d", {"kernel_size": 3, "stride": 2, "ceil_mode": True}, [(6, 10, 12)]),
    ("max_pool2d", {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}, IMAGE),
    ("max_pool2d", {"kernel_size": 2, "stride": 5, "ceil_mode": True}, IMAGE),
    ("max_pool2d", {"kernel_size": 2, "stride": 1, "padding": "same"}, IMAGE),
    ("max_pool2d", {"kernel_size": 3, "dilation": 2, "padding": 1}, IMAGE),
    ("avg_pool2d", {"kernel_size": 3, "stride": 2, "padding": 1}, IMAGE),
    ("avg_pool2d", {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False},
     IMAGE),
    ("avg_pool2d", {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}, [(6, 8, 10)]),
    ("avg_pool2d", {"kernel_size": 3, "stride": 2, "ceil_mode": True}, [(6, 8, 10)]),
    ("avg_pool2d", {"kernel_size": 2, "stride": 5, "ceil_mode": True}, IMAGE),
    ("avg_pool2d", {"kernel_size": 3, "padding": [[1, 0], [0, 1]], "count_include_pad": False},
     IMAGE),
    ("avg_pool2d", {"kernel_size": 2, "padding": "same", "stride": 2}, IMAGE),
    ("avg_pool2d", {"kernel_size": 3, "padding": 1, "divisor_override": 5}, IMAGE),
    ("lp_pool2d", {"norm_type": 2, "kernel_size": 2}, IMAGE),
    ("lp_pool2d", {"norm_type": 2, "kernel_size": 3, "stride": 2, "ceil_mode": True}, [(6, 8, 8)]),
    ("adaptive_avg_pool2d", {"output_size": [3, 4]}, IMAGE),
    ("adaptive_avg_pool2d", {"output_size": 3}, [(6, 9, 12)]),
    ("adaptive_avg_pool2d", {"output_size": 9}, [(6, 9, 9)]),
    ("adaptive_max_pool2d", {"output_size": [3, 13]}, IMAGE),
    ("global_avg_pool2d", {}, IMAGE),
    ("global_max_pool2d", {}, IMAGE),
    ("batch_norm2d", {}, IMAGE),
    ("batch_norm2d", {"affine": False}, IMAGE),
    ("batch_norm1d", {}, [(7,)]),
    ("instance_norm2d", {}, IMAGE),
    ("instance_norm2d", {"affine": True, "track_running_stats": True}, IMAGE),
    ("group_norm", {"num_groups": 3}, IMAGE),
    ("layer_norm", {}, [(5, 4)]),
    ("layer_norm", {"axes": 2, "bias": False}, [(3, 5, 4)]),
    ("layer_norm2d", {}, IMAGE),
    ("local_response_norm", {"size": 5, "alpha": 0.1}, IMAGE),
    ("relu", {}, IMAGE), ("relu6", {}, IMAGE), ("hardtanh", {"max_val": 0.5}, IMAGE),
    ("leaky_relu", {"negative_slope": 0.2}, IMAGE), ("prelu", {}, IMAGE),
    ("prelu", {"num_parameters": 6}, IMAGE), ("elu", {"alpha": 0.5}, IMAGE), ("silu", {}, IMAGE),
    ("gelu", {}, IMAGE), ("gelu", {"approximate": "tanh"}, IMAGE), ("hardswish", {}, IMAGE),
    ("hardsigmoid", {}, IMAGE), ("sigmoid", {}, IMAGE), ("tanh", {}, IMAGE), ("mish", {}, IMAGE),
    ("softplus", {"beta": 2.0, "threshold": 1.0}, IMAGE), ("abs", {}, IMAGE),
    ("softmax", {}, IMAGE), ("log_softmax", {"axis": -1}, IMAGE),
    ("dropout", {}, IMAGE), ("dropout2d", {}, IMAGE), ("stochastic_depth", {"p": 0.5}, IMAGE),
    ("identity", {}, IMAGE), ("flatten", {}, IMAGE),
    ("flatten", {"start_dim": 1}, IMAGE), ("reshape", {"shape": [3, -1]}, IMAGE),
    ("permute", {"dims": [1, 2, 0]}, IMAGE),
    ("pad", {"padding": [[0, 1], [2, 3]], "channels": [1, 0]}, IMAGE),
    ("crop", {"cropping": [[1, 2], [0, 3]]}, IMAGE),
    ("crop", {"offset": [1, 2]}, [(6, 9, 11), (2, 5, 4)]),
    ("center_crop", {"size": 4}, IMAGE), ("center_crop", {}, [(6, 9, 11), (2, 5, 4)]),
    ("slice", {"start": 1, "stop": 5, "step": 2}, IMAGE),
    ("slice", {"axis": -1, "start": 3}, IMAGE),
    ("split", {"sizes": [1, 2, 3]}, IMAGE), ("chunk", {"chunks": 2, "axis": 1}, IMAGE),
    ("upsample", {"scale_factor": 2}, IMAGE),
    ("upsample", {"scale_factor": 2, "mode": "bilinear"}, IMAGE),
    ("upsample", {"size": [15, 20], "mode": "bilinear", "align_corners": True}, IMAGE),
    ("upsample", {"scale_factor": 2, "mode": "bicubic"}, IMAGE),
    ("pixel_shuffle", {"upscale_factor": 2}, [(8, 3, 4)]),
    ("pixel_unshuffle", {"downscale_factor": 2}, [(2, 6, 8)]),
    ("depth_to_space", {"block_size": 2}, [(8, 3, 4)]),
    ("space_to_depth", {"block_size": 2}, [(2, 6, 8)]),
    ("channel_shuffle", {"groups": 3}, IMAGE),
    ("add", {}, [(6, 9, 11)] * 3), ("sub", {}, IMAGE * 2), ("mul", {}, [(6, 9, 11), (6, 1, 1)]),
    ("max", {}, IMAGE * 3), ("concat", {}, [(6, 9, 11), (2, 9, 11)]),
    ("concat", {"axis": -1}, [(6, 9, 11), (6, 9, 2)]),
    ("scale", {"bias": True}, IMAGE), ("layer_scale", {"axis": -1}, IMAGE),
]  # fmt: skip


def test_every_kind_has_a_row() -> None:
    """In two dimensions, where a kind is told by their number."""
    tried = {kind for kind, _, _ in ROWS} | {"drop_path"}  # stochastic_depth's other name
    assert {kind for kind in kinds() if not kind.endswith(("1d", "3d"))} - tried == set()


@pytest.mark.parametrize(
    ("kind", "options", "shapes"), ROWS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_layer_gives_the_same(
    engine: Any, kind: str, options: dict[str, Any], shapes: list[tuple[int, ...]]
) -> None:
    assert deviation(engine, alone(kind, options, shapes)) < 1e-5


def test_a_kind_that_onnx_lacks_is_named() -> None:
    pytest.importorskip("onnx")
    from cnncalc.engine.peers.onnx_model import model

    graph = alone("local_response_norm", {"size": 4}, IMAGE)
    with pytest.raises(CannotBuild, match="cannot build: kind local_response_norm"):
        model(graph, Job("", "", graph, 1, 1).weights(), 1)


NETWORKS = ["lenet5", "googlenet_2014", "resnet20", "mobilenet_v3_small", "shufflenet_v2_x0_5",
            "squeezenet1_1", "efficientnet_b0", "nin_cifar",
            "hidden_locally_connected"]  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_gives_the_same(engine: Any, name: str) -> None:
    graph = load(name).graph
    assert graph is not None
    assert deviation(engine, graph, batch=1) < 1e-4


@pytest.mark.parametrize("setting", ["channels_last", "f32, throughput hint"])
def test_a_setting_changes_no_output(engine: Any, setting: str) -> None:
    graph = load("squeezenet1_1").graph
    assert graph is not None
    assert deviation(engine, graph, setting) < 1e-5


def test_every_network_of_the_zoo_is_an_onnx_model() -> None:
    """Built, with the shapes that we infer; those of many weights are left to `bench`."""
    onnx = pytest.importorskip("onnx")
    from cnncalc.engine.peers.onnx_model import model

    built = 0
    for name in builtin_names():
        graph = load(name).graph
        if graph is None or summarize(graph).totals.params > 12_000_000:
            continue
        made = model(graph, Job("", "", graph, 2, 1).weights(), 2)
        onnx.checker.check_model(made)
        inferred = onnx.shape_inference.infer_shapes(made, strict_mode=True, data_prop=True)
        found = [
            tuple(size.dim_value for size in value.type.tensor_type.shape.dim)
            for value in inferred.graph.output
        ]
        assert found == [(2, *graph.shape(value)) for value in graph.outputs], name
        built += 1
    assert built > 30
