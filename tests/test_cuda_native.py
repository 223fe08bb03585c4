"""Networks on our own CUDA kernels, launch by launch as a device would get them, on the processor.

Every step is held against the layer's own forward in float64, and so are the networks' outputs.
"""

from typing import Any

import numpy as np
import pytest
from cuda_on_cpu import BACKWARDS, COMPILER

if COMPILER is None:
    pytest.skip("kernels run on the processor through g++", allow_module_level=True)

from analysis_networks import Network, layered
from cuda_networks import NativeBackend, assert_native, fallen_back
from engine_networks import graphs
from hypothesis import given, settings

from cnncalc.engine.cuda.arrays import Dtype
from cnncalc.engine.cuda.native_products import COLUMNS
from cnncalc.engine.plan import plan
from cnncalc.spec import builtin_names, load

DTYPES: list[Dtype] = ["float32", "float16", "bfloat16"]
Options = dict[str, Any]
random = np.random.default_rng(5)


def convolutions(count: int, depthwise: bool = False) -> list[tuple[tuple[int, ...], Options]]:
    """By chance: 1-17 pixels, 1-40 channels, all strides, paddings, dilations and groups."""
    rows: list[tuple[tuple[int, ...], Options]] = []
    while len(rows) < count:
        groups = int(random.choice([1, 1, 2, 3, 4]))
        inputs, outputs = (groups * int(random.integers(1, 40 // groups + 1)) for _ in range(2))
        if depthwise:
            inputs = groups = int(random.choice([1, 6, 8, 16, 20, 40]))
            outputs = inputs * int(random.choice([1, 1, 1, 2]))
        kernel, stride, dilation = ([int(v) for v in random.integers(1, n, 2)] for n in (6, 4, 3))
        padding = [int(random.integers(0, k + 1)) for k in kernel]
        size = [int(v) for v in random.integers(1, 18, 2)]
        spans = [d * (k - 1) + 1 - 2 * p for d, k, p in zip(dilation, kernel, padding, strict=True)]
        if all(n >= span for n, span in zip(size, spans, strict=True)):
            options: Options = {"out_channels": outputs, "kernel_size": kernel, "stride": stride}
            options |= {"dilation": dilation, "padding": padding, "groups": groups}
            rows.append(((inputs, *size), options))
    return rows


@pytest.mark.parametrize(("shape", "options"), convolutions(40), ids=str)
def test_any_convolution(shape: tuple[int, ...], options: Options) -> None:
    dtype = DTYPES[options["out_channels"] % 3]
    program = assert_native(layered(shape, ("conv2d", options), ("relu", {})), dtype)
    assert {kernel.name for kernel in program.plan.kernels} <= {"product", "depthwise"}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kernel", [(128, 64), (256, 16)])
def test_sums_of_many_products(dtype: Dtype, kernel: tuple[int, int]) -> None:
    """More than one tile in each direction, whole vectors, and many steps of the sum."""
    channels = 2 * kernel[1] if kernel[1] == 64 else 12
    conv = {"out_channels": channels, "kernel_size": 3, "padding": 1, "stride": 2}
    assert_native(layered((32, 37, 33), ("conv2d", conv), ("relu6", {})), dtype)


@pytest.mark.parametrize(("shape", "options"), convolutions(20, depthwise=True), ids=str)
def test_any_depthwise_convolution(shape: tuple[int, ...], options: Options) -> None:
    dtype = DTYPES[options["kernel_size"][0] % 3]
    program = assert_native(layered(shape, ("conv2d", options), ("relu6", {})), dtype)
    assert {kernel.name for kernel in program.plan.kernels} == {"depthwise"}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [3, 5, 7])
def test_depthwise_convolutions_of_mobile_networks(kernel: int, stride: int, dtype: Dtype) -> None:
    options = {"kernel_size": kernel, "stride": stride, "padding": kernel // 2}
    graph = layered((32, 11, 17), ("conv2d", {"out_channels": 32, "groups": 32} | options),
                    ("batch_norm2d", {}), ("relu6", {}))  # fmt: skip
    program = assert_native(graph, dtype)
    (source,) = {call.describe.partition(",")[0] for _, call in program.steps}
    widest = 4 if dtype == "float32" else 8
    assert f"VEC={widest} TILE={COLUMNS[kernel]} KERNEL={kernel} STRIDE={stride}" in source


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "kind", "options"),
    [
        ((6, 19), "conv1d", {"out_channels": 8, "kernel_size": 3, "stride": 2, "padding": 1}),
        ((6, 19), "conv1d", {"out_channels": 6, "kernel_size": 3, "groups": 6}),
        ((4, 5, 6, 7), "conv3d", {"out_channels": 5, "kernel_size": 3, "padding": 1, "groups": 1}),
        ((4, 5, 6, 7), "conv3d", {"out_channels": 4, "kernel_size": [1, 2, 3], "groups": 4}),
        ((6, 5, 7), "conv_transpose2d", {"out_channels": 8, "kernel_size": 2, "stride": 2}),
        ((6, 5, 7), "conv_transpose2d",
         {"out_channels": 4, "kernel_size": [4, 3], "stride": [3, 1], "padding": [2, 1],
          "output_padding": [1, 0], "dilation": [1, 2], "groups": 2}),
        ((3, 9), "conv_transpose1d", {"out_channels": 4, "kernel_size": 3, "stride": 2}),
        ((3, 4, 4, 4), "conv_transpose3d", {"out_channels": 4, "kernel_size": 2, "stride": 2}),
        ((3, 6, 6), "conv2d", {"out_channels": 4, "kernel_size": 3,
                               "connections": [[0], [1, 2], [0, 1, 2], [2]]}),
        ((3, 6, 6), "conv2d", {"out_channels": 4, "kernel_size": 3, "padding": "same",
                               "stride": 2, "bias": False}),
        ((40,), "linear", {"out_features": 24}),
        ((5, 4, 12), "linear", {"out_features": 7, "bias": False}),
    ],
    ids=str,
)  # fmt: skip
def test_other_products(shape: tuple[int, ...], kind: str, options: Options, dtype: Dtype) -> None:
    assert_native(layered(shape, (kind, options), ("silu", {})), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "kind", "options"),
    [
        ((16, 7, 9), "conv2d", {"out_channels": 16, "kernel_size": 3, "padding": 1}),
        ((16, 7, 9), "conv2d", {"out_channels": 16, "kernel_size": 5, "padding": 2, "groups": 16}),
        ((6, 7, 9), "conv2d", {"out_channels": 6, "kernel_size": 3, "padding": 1, "groups": 6}),
        ((24,), "linear", {"out_features": 24}), ((5, 24), "linear", {"out_features": 24}),
    ],
    ids=str,
)  # fmt: skip
def test_residuals(shape: tuple[int, ...], kind: str, options: Options, dtype: Dtype) -> None:
    network = Network(*shape)
    network.add("skip", "tanh")
    network.add("product", kind, **options)
    network.add("activated", "silu")
    network.add("added", "add", "activated", "skip")
    network.add("again", "relu6")
    assert len(assert_native(network.graph(), dtype, 3).steps) == 2


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("features", [1, 30, 64, 200])
@pytest.mark.parametrize("batch", [1, 3, 8, 13, 40])
def test_linear_layers_of_few_and_of_many_rows(batch: int, features: int, dtype: Dtype) -> None:
    graph = layered((features,), ("linear", {"out_features": 21}), ("relu", {}))
    program = assert_native(graph, dtype, batch)
    ((_, call),) = program.steps
    assert call.describe.startswith("linear" if batch <= 16 else "convolution")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "kind", "options"),
    [
        ((8, 9, 11), "max_pool2d", {"kernel_size": 3, "stride": 2, "padding": 1}),
        ((6, 9, 11), "max_pool2d", {"kernel_size": [2, 3], "dilation": 2, "ceil_mode": True}),
        ((5, 7, 7), "max_pool2d", {"kernel_size": 3, "stride": 2, "ceil_mode": True}),
        ((8, 9, 11), "avg_pool2d", {"kernel_size": 3, "stride": 2, "padding": 1}),
        ((8, 9, 11), "avg_pool2d", {"kernel_size": 3, "stride": 2, "padding": 1,
                                    "count_include_pad": False}),
        ((3, 9, 10), "avg_pool2d", {"kernel_size": 3, "stride": 2, "padding": 1,
                                    "ceil_mode": True}),
        ((8, 9, 9), "avg_pool2d", {"kernel_size": 2, "divisor_override": 3}),
        ((4, 17), "avg_pool1d", {"kernel_size": 3, "stride": 2}),
        ((4, 5, 6, 7), "max_pool3d", {"kernel_size": 2}),
        ((4, 5, 6, 7), "avg_pool3d", {"kernel_size": [1, 2, 3], "stride": 2}),
        ((4, 9, 9), "lp_pool2d", {"norm_type": 2, "kernel_size": 3}),
        ((8, 10, 7), "adaptive_avg_pool2d", {"output_size": [3, 2]}),
        ((8, 10, 7), "adaptive_max_pool2d", {"output_size": 4}),
        ((8, 14, 9), "global_avg_pool2d", {}),
        ((30, 7, 7), "global_avg_pool2d", {}),
        ((72, 8, 8), "global_max_pool2d", {}),
        ((3, 50), "global_avg_pool1d", {}),
        ((2, 4, 4, 4), "global_avg_pool3d", {}),
        ((5, 20, 20), "avg_pool2d", {"kernel_size": 9, "stride": 7, "padding": 4}),
    ],
    ids=str,
)  # fmt: skip
def test_pooling(shape: tuple[int, ...], kind: str, options: Options, dtype: Dtype) -> None:
    layers = [] if kind == "lp_pool2d" else [("relu", {})]
    graph = layered(
        shape, *([("abs", {})] if kind == "lp_pool2d" else []), (kind, options), *layers
    )
    assert_native(graph, dtype, 3)


ACTIVATIONS = [
    ("relu", {}), ("relu6", {}), ("hardtanh", {"min_val": -0.5}), ("leaky_relu", {}), ("elu", {}),
    ("silu", {}), ("gelu", {}), ("gelu", {"approximate": "tanh"}), ("hardswish", {}),
    ("hardsigmoid", {}), ("sigmoid", {}), ("tanh", {}), ("mish", {}), ("softplus", {"beta": 2}),
    ("abs", {}), ("prelu", {}), ("prelu", {"num_parameters": 8}),
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("kind", "options"), ACTIVATIONS, ids=str)
def test_activations_alone_and_behind_a_product(kind: str, options: Options, dtype: Dtype) -> None:
    assert_native(layered((8, 3, 5), (kind, options), (kind, options)), dtype)
    conv = {"out_channels": 8, "kernel_size": 1}
    graph = layered((8, 3, 5), ("conv2d", conv), (kind, options), ("tanh", {}))
    assert len(assert_native(graph, dtype).steps) == (2 if kind == "prelu" else 1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "kind", "options"),
    [
        ((12, 5, 6), "softmax", {}), ((12, 5, 6), "softmax", {"axis": 2}),
        ((1500,), "softmax", {}), ((37,), "log_softmax", {}), ((3, 2500), "softmax", {"axis": 1}),
        ((8, 5, 6), "local_response_norm", {"size": 4, "k": 2.0, "alpha": 0.5}),
        ((9, 7), "local_response_norm", {"size": 3}),
        ((12, 5, 6), "layer_norm2d", {}), ((4, 6, 20), "layer_norm", {}),
        ((4, 6, 20), "layer_norm", {"axes": 2, "bias": False}),
        ((12, 5, 6), "group_norm", {"num_groups": 3}),
        ((12, 5, 6), "group_norm", {"num_groups": 1, "affine": False}),
        ((7, 5, 6), "instance_norm2d", {"affine": True}), ((7, 40, 40), "instance_norm2d", {}),
        ((7, 5, 6), "batch_norm2d", {"track_running_stats": False}),
        ((8, 5, 6), "batch_norm2d", {}), ((9,), "batch_norm1d", {}), ((8, 5, 6), "scale", {}),
        ((8, 5, 6), "scale", {"axis": 2, "bias": True}), ((8, 5, 6), "layer_scale", {"axis": -1}),
        ((8, 5, 6), "pad", {"padding": [[0, 1], [2, 0]], "channels": [1, 3]}),
        ((16, 20), "pad", {"padding": 1}),
        ((12, 5, 6), "channel_shuffle", {"groups": 3}), ((24, 5), "channel_shuffle", {"groups": 2}),
        ((12, 5, 6), "pixel_shuffle", {"upscale_factor": 2}),
        ((3, 6, 4), "pixel_unshuffle", {"downscale_factor": 2}),
        ((18, 2, 3), "depth_to_space", {"block_size": 3}),
        ((4, 6, 4), "space_to_depth", {"block_size": 2}),
        ((8, 5, 6), "flatten", {}), ((32, 6, 7), "flatten", {}),
        ((8, 5, 6), "flatten", {"start_dim": 1}),
        ((8, 6, 4), "reshape", {"shape": [16, -1, 2]}), ((6, 4, 4), "reshape", {"shape": [-1, 8]}),
        ((8, 5, 6), "upsample", {"scale_factor": 2}), ((7, 5), "upsample", {"size": 8}),
        ((8, 5, 6), "upsample", {"size": [7, 4], "mode": "bilinear"}),
        ((3, 5, 6), "upsample", {"scale_factor": 3, "mode": "bilinear", "align_corners": True}),
        ((8, 5, 6), "upsample", {"scale_factor": 2, "mode": "bicubic"}),
        ((2, 3, 4, 5), "upsample", {"scale_factor": 2, "mode": "trilinear"}),
    ],
    ids=str,
)  # fmt: skip
def test_other_layers(shape: tuple[int, ...], kind: str, options: Options, dtype: Dtype) -> None:
    assert_native(layered(shape, (kind, options)), dtype)
    assert_native(layered(shape, (kind, options), ("elu", {})), dtype)


def test_a_layer_that_no_kernel_is_for_falls_back() -> None:
    local = ("locally_connected2d", {"out_channels": 4, "kernel_size": 3})
    graph = layered(
        (3, 6, 6), local, ("relu", {}), ("flatten", {}), ("linear", {"out_features": 5})
    )
    assert_native(graph, "float16", falls={"locally_connected2d"})


def merged(kind: str, *shapes: tuple[int, ...]) -> Any:
    network = Network(*shapes[0])
    names = []
    for number, (channels, *_) in enumerate(shapes):
        conv = {"out_channels": channels, "kernel_size": 1, "padding": 0}
        network.add(f"n{number}", "conv2d", "input", **conv)
        names.append(f"n{number}")
        if shapes[number][1:] != shapes[0][1:]:
            network.add(
                f"p{number}", "adaptive_avg_pool2d", names.pop(), output_size=shapes[number][1:]
            )
            names.append(f"p{number}")
    network.add("merged", kind, *names)
    network.add("after", "relu")
    return network.graph()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["add", "mul", "max"])
@pytest.mark.parametrize(
    "shapes",
    [
        [(8, 4, 5)] * 2, [(7, 4, 5)] * 3, [(8, 4, 5)] * 9, [(8, 4, 5), (8, 1, 1)],
        [(8, 4, 5), (1, 4, 5)], [(8, 4, 5), (1, 1, 5), (8, 4, 1)],
    ],
    ids=str,
)  # fmt: skip
def test_merges(kind: str, shapes: list[tuple[int, ...]], dtype: Dtype) -> None:
    assert_native(merged(kind, *shapes), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_concatenated_channels_shift_addresses(dtype: Dtype) -> None:
    """Pieces of 8, 2 and 3 channels: packs of eight, of two and single values."""
    assert_native(merged("concat", (8, 4, 5), (2, 4, 5), (3, 4, 5), (8, 4, 5)), dtype)


@settings(max_examples=60, deadline=None)
@given(graph=graphs())
def test_networks_by_chance(graph: Any) -> None:
    assert_native(graph, falls=None)


@pytest.mark.parametrize(
    "layers",
    [
        [("conv2d", {"out_channels": 70, "kernel_size": 3, "padding": 1})],
        [("global_avg_pool2d", {})],
        [("softmax", {}), ("flatten", {})],
        [("flatten", {}), ("softmax", {}), ("linear", {"out_features": 10})],
        [("group_norm", {"num_groups": 2})],
    ],
    ids=str,
)
def test_threads_may_run_in_any_order_between_barriers(layers: list[tuple[str, Options]]) -> None:
    graph = layered((32, 9, 9), *layers)
    forwards = assert_native(graph, batch=2).results()
    backwards = assert_native(graph, batch=2, order=BACKWARDS).results()
    for one, other in zip(forwards, backwards, strict=True):
        np.testing.assert_array_equal(one, other)


ZOO = ["lenet5", "lenet_mnist", "nin_cifar", "cifar10_lecture", "resnet20"]


@pytest.mark.parametrize("name", ZOO)
def test_small_networks_of_the_zoo(name: str) -> None:
    graph = load(name).graph
    assert graph is not None
    assert_native(graph, "float16", 1, falls={"rbf"} if name == "lenet5" else ())


def test_kinds_of_the_zoo_that_fall_back() -> None:
    found = {}
    for name in builtin_names():
        graph = load(name).graph
        if graph is not None:
            found[name] = fallen_back(plan(graph, NativeBackend("float16")))
    assert {name: kinds for name, kinds in found.items() if kinds} == {
        "lenet5": {"rbf"}, "hidden_locally_connected": {"locally_connected2d"},
    }  # fmt: skip
