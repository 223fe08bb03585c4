"""Numbers of single layers that are published or were worked out by hand."""

from math import prod
from typing import Any

import numpy as np
import pytest

from cnncalc.layers import Layer, LayerError, Saved, Shape, Window, create, decode, find

# LeNet-5's table 1: the maps of S2 that each map of C3 reads, as runs of 3, 4, 4 apart and all 6
C3 = [
    *([i % 6 for i in range(first, first + 3)] for first in range(6)),
    *([i % 6 for i in range(first, first + 4)] for first in range(6)),
    [0, 1, 3, 4],
    [1, 2, 4, 5],
    [0, 2, 3, 5],
    [0, 1, 2, 3, 4, 5],
]

COSTS: list[tuple[str, dict[str, Any], Shape, Shape, int, int, int, int]] = [
    # kind, options, input, output, weights, biases, MACs, other operations
    # VGG-16, conv1_1 and fc6
    (
        *("conv2d", {"out_channels": 64, "kernel_size": 3, "padding": 1}),
        *((3, 224, 224), (64, 224, 224), 1_728, 64, 86_704_128, 3_211_264),
    ),
    (
        *("linear", {"out_features": 4096}),
        *((25_088,), (4096,), 102_760_448, 4_096, 102_760_448, 4_096),
    ),
    # AlexNet 2012, conv1 and conv2 (two groups)
    (
        *("conv2d", {"out_channels": 96, "kernel_size": 11, "stride": 4}),
        *((3, 227, 227), (96, 55, 55), 34_848, 96, 105_415_200, 290_400),
    ),
    (
        *("conv2d", {"out_channels": 256, "kernel_size": 5, "padding": 2, "groups": 2}),
        *((96, 27, 27), (256, 27, 27), 307_200, 256, 223_948_800, 186_624),
    ),
    ("local_response_norm", {}, (96, 55, 55), (96, 55, 55), 0, 0, 0, 2_904_000),
    # LeNet-5 1998: C3 with its connection table, S2, and the RBF outputs
    (
        *("conv2d", {"out_channels": 16, "kernel_size": 5, "connections": C3}),
        *((6, 14, 14), (16, 10, 10), 1_500, 16, 150_000, 1_600),
    ),
    ("scale", {"bias": True}, (6, 14, 14), (6, 14, 14), 6, 6, 0, 2_352),
    ("rbf", {"out_features": 10}, (84,), (10,), 0, 0, 0, 2_510),
    # MobileNet: depthwise
    (
        *("conv2d", {"out_channels": 32, "kernel_size": 3, "padding": 1, "groups": 32}),
        *((32, 112, 112), (32, 112, 112), 288, 32, 3_612_672, 401_408),
    ),
    # U-Net: the first up-convolution; then one whose padding cuts off, and an odd one made even
    (
        *("conv_transpose2d", {"out_channels": 512, "kernel_size": 2, "stride": 2}),
        *((1024, 28, 28), (512, 56, 56), 2_097_152, 512, 1_644_167_168, 1_605_632),
    ),
    (
        "conv_transpose2d",
        {"out_channels": 1, "kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1},
        *((2, 7, 7), (1, 14, 14), 18, 1, 882, 196),
    ),
    (
        *("conv_transpose1d", {"out_channels": 4, "kernel_size": 3, "dilation": 2, "groups": 2}),
        *((6, 5), (4, 9), 36, 4, 180, 36),
    ),
    # one hidden layer on a 200×200 image, locally connected 10×10
    (
        *("locally_connected2d", {"out_channels": 1, "kernel_size": 10, "padding": "same"}),
        *((1, 200, 200), (1, 200, 200), 4_000_000, 40_000, 4_000_000, 40_000),
    ),
    # linear acts on the last axis
    ("linear", {"out_features": 5, "bias": False}, (7, 2, 3), (7, 2, 5), 15, 0, 210, 0),
    # pooling: K² − 1 comparisons, or K² − 1 additions and a division
    ("max_pool2d", {"kernel_size": 2}, (64, 224, 224), (64, 112, 112), 0, 0, 0, 2_408_448),
    ("avg_pool2d", {"kernel_size": 3, "stride": 2}, (1, 7, 9), (1, 3, 4), 0, 0, 0, 108),
    ("lp_pool1d", {"norm_type": 2, "kernel_size": 4}, (1, 8), (1, 2), 0, 0, 0, 16),
    # bins 0–2, 2–4, 4–6 of 7: 9 values on each axis, 81 in all
    ("adaptive_avg_pool2d", {"output_size": 3}, (1, 7, 7), (1, 3, 3), 0, 0, 0, 81),
    ("adaptive_max_pool2d", {"output_size": 3}, (1, 7, 7), (1, 3, 3), 0, 0, 0, 72),
    ("adaptive_avg_pool2d", {"output_size": 7}, (512, 7, 7), (512, 7, 7), 0, 0, 0, 0),
    ("adaptive_avg_pool2d", {}, (2048, 7, 7), (2048, 1, 1), 0, 0, 0, 100_352),
    ("global_avg_pool2d", {}, (1000, 6, 6), (1000, 1, 1), 0, 0, 0, 36_000),
    # normalisation
    ("batch_norm2d", {}, (64, 2, 3), (64, 2, 3), 64, 64, 0, 1_664),
    ("batch_norm2d", {"affine": False}, (64, 2, 3), (64, 2, 3), 0, 0, 0, 896),
    ("layer_norm", {}, (4, 10), (4, 10), 10, 10, 0, 288),
    ("layer_norm", {"axes": 2, "bias": False}, (4, 10), (4, 10), 40, 0, 0, 242),
    ("layer_norm2d", {}, (96, 56, 56), (96, 56, 56), 96, 96, 0, 2_113_664),
    ("group_norm", {"num_groups": 32}, (64, 2, 2), (64, 2, 2), 64, 64, 0, 1_856),
    ("instance_norm2d", {}, (3, 4, 4), (3, 4, 4), 0, 0, 0, 246),
    ("prelu", {"num_parameters": 8}, (8, 2), (8, 2), 8, 0, 0, 32),
    ("layer_scale", {}, (96, 4, 4), (96, 4, 4), 96, 0, 0, 1_536),
    # activations
    ("relu", {}, (64, 2, 2), (64, 2, 2), 0, 0, 0, 256),
    ("sigmoid", {}, (10,), (10,), 0, 0, 0, 40),
    ("gelu", {}, (10,), (10,), 0, 0, 0, 50),
    ("softmax", {}, (1000,), (1000,), 0, 0, 0, 4_998),
    # two passes: 3 for each of 1·4·2 values, then of 1·4·4
    (
        *("upsample", {"scale_factor": 2, "mode": "bilinear"}),
        *((1, 2, 2), (1, 4, 4), 0, 0, 0, 72),
    ),
    ("upsample", {"scale_factor": 2}, (256, 13, 13), (256, 26, 26), 0, 0, 0, 0),
]


@pytest.mark.parametrize(
    ("kind", "options", "shape", "output", "weights", "biases", "macs", "operations"), COSTS
)
def test_costs(
    kind: str,
    options: dict[str, Any],
    shape: Shape,
    output: Shape,
    weights: int,
    biases: int,
    macs: int,
    operations: int,
) -> None:
    layer = create(kind, **options)
    layer.check_inputs((shape,))
    assert layer.shapes((shape,)) == (output,)
    tensors = {name: prod(size) for name, size in layer.weights((shape,)).items()}
    assert tensors.pop("bias", 0) == biases
    assert sum(tensors.values()) == weights
    assert layer.macs((shape,), (output,)) == macs
    assert layer.operations((shape,), (output,)) == operations


@pytest.mark.parametrize(
    ("kind", "options", "shape", "output"),
    [
        # ceil mode: ceil((3 − 2 + 2)/2) + 1 = 3, but the third window would start at 4, in the
        # right padding, and is dropped
        ("max_pool1d", {"kernel_size": 2, "padding": 1, "ceil_mode": True}, (1, 3), (1, 2)),
        # ceil((3 − 2)/3) + 1 = 2, but the second would start at 3, outside
        ("avg_pool1d", {"kernel_size": 2, "stride": 3, "ceil_mode": True}, (1, 3), (1, 1)),
        # a window larger than the input, which floor mode refuses
        ("max_pool1d", {"kernel_size": 3, "stride": 2, "ceil_mode": True}, (1, 2), (1, 1)),
        # GoogLeNet's pool1: ceil(109/2) + 1 = 56; floor makes 55
        (
            *("max_pool2d", {"kernel_size": 3, "stride": 2, "ceil_mode": True}),
            *((64, 112, 112), (64, 56, 56)),
        ),
        ("max_pool2d", {"kernel_size": 3, "stride": 2}, (64, 112, 112), (64, 55, 55)),
        ("max_pool1d", {"kernel_size": 3, "dilation": 2, "stride": 1}, (1, 8), (1, 4)),
        ("conv2d", {"out_channels": 1, "kernel_size": [1, 7]}, (1, 9, 9), (1, 9, 3)),
        (
            "conv2d",
            {"out_channels": 1, "kernel_size": [1, 7], "padding": "half"},
            *((1, 9, 9), (1, 9, 9)),
        ),
        (
            "conv1d",
            {"out_channels": 1, "kernel_size": 3, "stride": 2, "padding": "same"},
            *((1, 224), (1, 112)),
        ),
        (
            *("conv1d", {"out_channels": 1, "kernel_size": 4, "padding": [[1, 2]]}),
            *((1, 10), (1, 10)),
        ),
        ("flatten", {}, (512, 7, 7), (25_088,)),
        ("flatten", {"start_dim": 1}, (512, 7, 7), (512, 49)),
        ("reshape", {"shape": [256, -1, 3]}, (768,), (256, 1, 3)),
        ("permute", {"dims": [1, 2, 0]}, (96, 56, 48), (56, 48, 96)),
        ("slice", {"start": -3, "step": 2}, (7, 2), (2, 2)),
        ("pad", {"channels": [4, 4]}, (16, 8, 8), (24, 8, 8)),
        ("pad", {"padding": [[0, 1], 2]}, (16, 8, 8), (16, 9, 12)),
        ("crop", {"cropping": [[0, 1], 2]}, (16, 8, 8), (16, 7, 4)),
        ("center_crop", {"size": 5}, (16, 8, 9), (16, 5, 5)),
        ("pixel_shuffle", {"upscale_factor": 3}, (18, 4, 5), (2, 12, 15)),
        ("pixel_unshuffle", {"downscale_factor": 2}, (64, 26, 26), (256, 13, 13)),
        ("space_to_depth", {"block_size": 2}, (64, 26, 26), (256, 13, 13)),
        ("upsample", {"size": [5, 7], "mode": "bicubic"}, (3, 4, 4), (3, 5, 7)),
        ("channel_shuffle", {"groups": 4}, (12, 2, 2), (12, 2, 2)),
    ],
)
def test_shapes(kind: str, options: dict[str, Any], shape: Shape, output: Shape) -> None:
    layer = create(kind, **options)
    layer.check_inputs((shape,))
    assert layer.shapes((shape,)) == (output,)


@pytest.mark.parametrize(
    ("kind", "options", "inputs", "outputs"),
    [
        ("split", {"sizes": [1, 3, 2]}, [(6, 4)], [(1, 4), (3, 4), (2, 4)]),
        ("split", {"sizes": 4}, [(6, 4)], [(4, 4), (2, 4)]),
        # as torch.chunk: pieces of ceil(6/4) = 2, so there are three and not four
        ("chunk", {"chunks": 4}, [(6, 4)], [(2, 4), (2, 4), (2, 4)]),
        ("concat", {}, [(6, 4), (1, 4), (2, 4)], [(9, 4)]),
        ("concat", {"axis": -1}, [(6, 4), (6, 1)], [(6, 5)]),
        ("mul", {}, [(64, 1, 1), (64, 7, 9)], [(64, 7, 9)]),
        ("center_crop", {}, [(64, 64, 64), (512, 56, 56)], [(64, 56, 56)]),
        # FCN-8s at 500 pixels: the last crop of voc-fcn8s
        ("crop", {"offset": 31}, [(21, 568, 568), (3, 500, 500)], [(21, 500, 500)]),
    ],
)
def test_several_inputs_and_outputs(
    kind: str, options: dict[str, Any], inputs: list[Shape], outputs: list[Shape]
) -> None:
    layer = create(kind, **options)
    layer.check_inputs(tuple(inputs))
    assert layer.shapes(tuple(inputs)) == tuple(outputs)


@pytest.mark.parametrize(
    ("kind", "options", "shape", "lost"),
    [
        # ResNet's first convolution: 224 − 7 + 6 = 223 is odd
        (
            *("conv2d", {"out_channels": 64, "kernel_size": 7, "stride": 2, "padding": 3}),
            *((3, 224, 224), (1, 1)),
        ),
        ("max_pool2d", {"kernel_size": 2}, (3, 7, 8), (1, 0)),
        ("max_pool2d", {"kernel_size": 2, "ceil_mode": True}, (3, 7, 8), (0, 0)),
        ("conv_transpose2d", {"out_channels": 3, "kernel_size": 2}, (3, 7, 8), ()),
    ],
)
def test_rows_and_columns_that_are_lost(
    kind: str, options: dict[str, Any], shape: Shape, lost: tuple[int, ...]
) -> None:
    assert create(kind, **options).remainder((shape,)) == lost


@pytest.mark.parametrize(
    ("kind", "options", "shape", "saved"),
    [
        ("conv2d", {"out_channels": 4, "kernel_size": 1}, (3, 4, 4), Saved(inputs=True)),
        ("relu", {}, (3, 4, 4), Saved(output=True)),
        ("silu", {}, (3, 4, 4), Saved(inputs=True)),
        ("max_pool2d", {"kernel_size": 2}, (3, 4, 4), Saved(inputs=True, extra=((12, 8),))),
        ("batch_norm2d", {}, (3, 4, 4), Saved(inputs=True, per_batch=((6, 0),))),
        ("dropout", {}, (4096,), Saved(extra=((4096, 0),))),
        ("dropout", {"p": 0}, (4096,), Saved()),
        ("adaptive_avg_pool2d", {"output_size": 7}, (3, 7, 7), Saved(inputs=True)),
        ("adaptive_avg_pool2d", {}, (3, 7, 7), Saved()),
        ("flatten", {}, (3, 4, 4), Saved()),
    ],
)
def test_what_autograd_saves(
    kind: str, options: dict[str, Any], shape: Shape, saved: Saved
) -> None:
    layer = create(kind, **options)
    assert layer.saved((shape,), layer.shapes((shape,))) == saved


@pytest.mark.parametrize(
    ("kind", "options", "shape", "inference", "training"),
    [
        ("conv2d", {"out_channels": 4, "kernel_size": 1}, (3, 4, 4), "own", "own"),
        ("relu", {}, (3, 4, 4), "in place", "in place"),
        ("silu", {}, (3, 4, 4), "in place", "own"),
        ("dropout", {}, (3, 4, 4), "view", "own"),
        ("dropout", {"p": 0}, (3, 4, 4), "view", "view"),
        ("adaptive_avg_pool2d", {"output_size": 4}, (3, 4, 4), "view", "own"),
        ("adaptive_avg_pool2d", {"output_size": 2}, (3, 4, 4), "own", "own"),
        ("permute", {"dims": [1, 2, 0]}, (3, 4, 4), "view", "view"),
        ("center_crop", {"size": 2}, (3, 4, 4), "view", "view"),
    ],
)
def test_memory(
    kind: str, options: dict[str, Any], shape: Shape, inference: str, training: str
) -> None:
    layer = create(kind, **options)
    assert layer.memory_of((shape,)) == inference
    assert layer.training_memory_of((shape,)) == training


@pytest.mark.parametrize(
    ("kind", "options", "label"),
    [
        ("conv2d", {"out_channels": 64, "kernel_size": 3}, "CONV3-64"),
        ("conv2d", {"out_channels": 64, "kernel_size": [1, 7]}, "CONV1x7-64"),
        ("max_pool2d", {"kernel_size": 2}, "POOL2"),
        ("linear", {"out_features": 4096}, "FC"),
        ("add", {}, "ADD"),
        ("pad", {}, "PAD"),
        ("leaky_relu", {}, "LEAKYRELU"),
        ("batch_norm3d", {}, "BN"),
    ],
)
def test_labels(kind: str, options: dict[str, Any], label: str) -> None:
    assert create(kind, **options).label() == label


def test_a_transposed_convolution_reads_by_phases() -> None:
    layer = create("conv_transpose1d", out_channels=1, kernel_size=3, stride=2, padding=1)
    windows = layer.windows(((1, 4),))
    # o = 2i + k − 1: even positions come from the middle of the kernel, odd ones from both ends
    assert windows == (None, Window(2, 1, ((0, 0), (0, 1))))


def test_values_between_two_pixels() -> None:
    x = np.array([[[[0.0, 1.0], [2.0, 3.0]]]])
    (y,) = create("upsample", scale_factor=2, mode="bilinear").forward(np, (x,), {})
    assert y[0, 0, 0].tolist() == [0.0, 0.25, 0.75, 1.0]
    (y,) = create("upsample", size=3, mode="bilinear", align_corners=True).forward(np, (x,), {})
    assert y[0, 0].tolist() == [[0.0, 0.5, 1.0], [1.0, 1.5, 2.0], [2.0, 2.5, 3.0]]


def test_channel_orders() -> None:
    x = np.arange(8.0).reshape((1, 8, 1, 1))
    (y,) = create("pixel_shuffle", upscale_factor=2).forward(np, (x,), {})
    assert y[0, 0].tolist() == [[0, 1], [2, 3]]
    (y,) = create("depth_to_space", block_size=2).forward(np, (x,), {})
    assert y[0, 0].tolist() == [[0, 2], [4, 6]]
    (back,) = create("space_to_depth", block_size=2).forward(np, (y,), {})
    assert back.tolist() == x.tolist()
    (y,) = create("channel_shuffle", groups=2).forward(np, (x,), {})
    assert y.ravel().tolist() == [0, 4, 1, 5, 2, 6, 3, 7]


def place(layer: Layer, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
    layer.check_inputs(inputs)
    return layer.shapes(inputs)


REFUSED: list[tuple[str, dict[str, Any], list[Shape], str, str]] = [
    ("conv2d", {"out_channels": 1, "kernel_size": 3}, [(3, 4)], "rank", "[3, 4] has 2"),
    ("conv2d", {"out_channels": 1, "kernel_size": 3}, [(3, 2, 9)], "kernel-too-large", "2 + 0 + 0"),
    ("conv2d", {"out_channels": 4, "kernel_size": 1, "groups": 4}, [(6, 1, 1)], "groups", "6"),
    ("relu", {}, [(3,), (3,)], "input-count", "takes 1 input, but 2 arrive"),
    ("add", {}, [(3,)], "input-count", "2 or more inputs, but 1 arrives"),
    ("sub", {}, [(3,), (3,), (3,)], "input-count", "takes 2 inputs"),
    ("add", {}, [(64, 56, 56), (256, 56, 56)], "merge-mismatch", "[64, 56, 56] and [256, 56, 56]"),
    ("add", {}, [(64, 7), (64, 7, 7)], "merge-mismatch", "[64, 7] and [64, 7, 7]"),
    ("concat", {}, [(64, 7, 7), (32, 8, 7)], "merge-mismatch", "[64, 7, 7] and [32, 8, 7]"),
    ("concat", {"axis": 3}, [(64, 7, 7), (32, 8, 7)], "shape", "allowed: -3 to 2"),
    ("max_pool2d", {"kernel_size": 3, "padding": 2}, [(1, 9, 9)], "bad-value", "at most 1"),
    ("reshape", {"shape": [2, 5]}, [(3, 4)], "shape", "12 values"),
    ("permute", {"dims": [0, 0]}, [(3, 4)], "shape", "once"),
    ("flatten", {"start_dim": 2, "end_dim": 1}, [(3, 4, 4)], "shape", "comes after"),
    ("slice", {"start": 3}, [(3, 4)], "shape", "takes nothing"),
    ("split", {"sizes": [1, 3]}, [(6, 4)], "shape", "add to 4"),
    ("chunk", {"chunks": 2**40}, [(2**40, 4)], "limit", "4096 pieces"),
    ("crop", {"cropping": 2}, [(3, 4, 9)], "shape", "leaves nothing of the 4"),
    ("crop", {"cropping": 2}, [(3, 9, 9), (3, 4, 4)], "input-count", "cropping and 2 inputs"),
    ("crop", {"offset": [0, 2]}, [(3, 9, 9), (3, 8, 8)], "shape", "from offset [0, 2] on"),
    ("center_crop", {"size": 5}, [(3, 4, 9)], "shape", "cannot be cropped to [5, 5]"),
    ("center_crop", {}, [(3, 4, 9)], "input-count", "one input and no size"),
    ("pixel_shuffle", {"upscale_factor": 2}, [(6, 4, 4)], "shape", "no multiple of 2² = 4"),
    ("channel_shuffle", {"groups": 4}, [(6, 4, 4)], "groups", "6 = 4·1 + 2"),
    ("prelu", {"num_parameters": 4}, [(6, 4)], "bad-value", "allowed: 1, or 6"),
    ("layer_norm", {"axes": 3}, [(6, 4)], "shape", "has 2 axes"),
    ("instance_norm2d", {}, [(6, 1, 1)], "shape", "no variance"),
    ("group_norm", {"num_groups": 4}, [(6, 4)], "groups", "6 channels"),
    ("upsample", {"scale_factor": 2, "mode": "bilinear"}, [(6, 4)], "bad-value", "linear"),
    ("avg_pool3d", {"kernel_size": 2, "padding": 1}, [(1, 1, 4, 4)], "kernel-too-large", "has 1"),
    ("softmax", {"axis": 1}, [(10,)], "shape", "axis is 1"),
]


@pytest.mark.parametrize(("kind", "options", "inputs", "rule", "text"), REFUSED)
def test_inputs_that_are_refused(
    kind: str, options: dict[str, Any], inputs: list[Shape], rule: str, text: str
) -> None:
    layer = create(kind, **options)
    with pytest.raises(LayerError) as caught:
        place(layer, tuple(inputs))
    assert caught.value.rule == rule
    assert text in caught.value.message


@pytest.mark.parametrize(
    ("kind", "options", "rule", "text"),
    [
        ("conv2d", {"kernel_size": 3}, "missing-option", "conv2d needs out_channels"),
        ("conv2d", {"out_channels": "64", "kernel_size": 3}, "bad-value", 'the text "64"'),
        ("conv2d", {"out_channels": 6.5, "kernel_size": 3}, "bad-value", "6.5"),
        ("conv2d", {"out_channels": True, "kernel_size": 3}, "bad-value", "true"),
        ("conv2d", {"out_channels": 6, "kernel_size": 0}, "bad-value", "kernel_size is 0"),
        ("conv2d", {"out_channels": 6, "kernel_size": [3]}, "bad-value", "or 2, one for each"),
        ("conv2d", {"out_channels": 6, "kernel_size": 4, "padding": "half"}, "bad-value", "odd"),
        ("relu", {"inplace": True}, "unknown-option", "relu has no option inplace"),
        ("dropout", {"p": 1.5}, "bad-value", "from 0 to 1"),
        ("upsample", {}, "bad-value", "neither"),
        ("upsample", {"size": 3, "scale_factor": 2}, "bad-value", "both"),
        ("upsample", {"size": 3, "align_corners": True}, "bad-value", "nearest"),
        ("reshape", {"shape": [-1, -1]}, "bad-value", "one may be -1"),
        (
            *("conv_transpose2d", {"out_channels": 1, "kernel_size": 3, "output_padding": 1}),
            *("bad-value", "less than 1"),
        ),
        ("hardtanh", {"min_val": 1}, "bad-value", "min_val below max_val"),
        ("convolution2d", {}, "unknown-kind", "convolution2d"),
    ],
)
def test_options_that_are_refused(kind: str, options: dict[str, Any], rule: str, text: str) -> None:
    with pytest.raises(LayerError) as caught:
        create(kind, **options)
    assert caught.value.rule == rule
    assert text in caught.value.message


def test_every_wrong_option_is_reported() -> None:
    cls = find("conv2d")
    assert cls is not None
    layer, errors = decode(cls, {"out_channels": 0, "stride": "two", "pading": 1})
    assert layer is None
    assert [error.rule for error in errors] == [
        *("bad-value", "bad-value", "unknown-option", "missing-option"),
    ]
