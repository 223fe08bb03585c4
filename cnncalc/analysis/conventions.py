"""What other tools count: for each, the causes that lead from exact MACs to what it prints.

A convention is a table. Each row is one cause, with a formula for the layer kinds that it
concerns; the amounts of its rows, added to the exact MACs, are the tool's figure, to the unit.
What no row names is counted as zero by that tool. Nothing here says what is right: that is
docs/reconciliation.md. A test runs the tools.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from .counting import (
    DIVISION,
    EXPONENTIAL,
    LOGARITHM,
    METHOD,
    MODULE,
    MULTIPLYING,
    NORMS,
    POOLS,
    ROOT,
    Cause,
    Site,
    affine,
    always,
    bias_once,
    biases,
    biases_at_wrong_size,
    by_mode,
    by_statistics,
    each,
    folded_biases,
    groups_divided_twice,
    inputs,
    is_uneven,
    layer_norm_steps,
    macs,
    merges,
    nonzero_biases,
    other_positions,
    outputs,
    params,
    pool_windows,
    ratio_plus_one,
    short_if_same,
    softmax_steps,
    surplus_as_convolution,
    surplus_at_outputs,
    surplus_with_outputs_as_inputs,
    times,
    unless_folded,
    unseen_if_same,
    upsampling_without_factor,
    zero_biases,
)


class Convention(NamedTuple):
    """``version``: the one that was run. ``call``: how to get the figure. ``unit``: the tool's own
    word for it. ``unknown``: beside `NO_MODULE`, the layers of which nothing is claimed.
    ``trained``: what more it counts once biases and statistics are no longer zero."""

    tool: str
    version: str
    call: str
    unit: str
    causes: tuple[Cause, ...]
    unknown: Mapping[str, Callable[[Site], bool]] = {}
    trained: tuple[Cause, ...] = ()


TORCHINFO = Convention(
    "torchinfo", "1.8.0", "torchinfo.summary(model, input_data=image).total_mult_adds",
    "mult-adds",
    (
        Cause("biases of convolutions, 1 per output value", each(biases, "conv", "conv_transpose")),
        Cause("biases of linear layers, 1 each", {"linear": bias_once}),
        Cause("γ and β of norms, 1 each whatever the image", each(params, *NORMS)),
        Cause("slopes of PReLU, 1 each", {"prelu": params}),
        Cause("linear layers counted at one position only", {"linear": other_positions}),
        Cause("transposed convolutions at output positions",
              {"conv_transpose": surplus_at_outputs}),
    ),
    unknown={"layer_scale": always},
)  # fmt: skip

FVCORE = Convention(
    "fvcore", "0.1.5.post20221221", "fvcore.nn.FlopCountAnalysis(model, image).total()", "flops",
    (
        Cause('convolutions with padding="same", not seen at all', {"conv": unseen_if_same}),
        Cause("batch norm, 2 per value", {"batch_norm": by_statistics}),
        Cause("other norms, 5 per value", each(affine(4, 5), *NORMS[1:])),
        Cause("adaptive average pooling, 1 per input value",
              each(inputs, "adaptive_avg_pool2d", "global_avg_pool2d")),
        Cause("upsampling, 1 per output value (bilinear 4)",
              {"upsample": by_mode(2, nearest=1, bilinear=4)}),
    ),
)  # fmt: skip

THOP = Convention(
    "thop", "0.1.1.post2209072238", "thop.profile(model, (image,))[0]", "MACs",
    (
        Cause("batch, instance and layer norm, 4 per value",
              each(affine(2, 4), "batch_norm", "instance_norm", "layer_norm"), sees=MODULE),
        Cause("average pooling, 1 per output value", {"avg_pool": outputs}, sees=MODULE),
        Cause("adaptive average pooling, 1 per value in and out",
              {"adaptive_avg_pool": ratio_plus_one}, sees=MODULE),
        Cause("PReLU, 1 per value", {"prelu": inputs}, sees=MODULE),
        Cause("softmax, 3 per value less 1 per sum", {"softmax": softmax_steps}, sees=MODULE),
        Cause("upsampling, by its mode (bilinear 11 per value)",
              {"upsample": by_mode(nearest=1, linear=5, bilinear=11, bicubic=259)}, sees=MODULE),
        Cause("transposed convolutions counted as convolutions",
              {"conv_transpose": surplus_as_convolution}, sees=MODULE),
    ),
)  # fmt: skip

PTFLOPS = Convention(
    "ptflops", "0.7.5",
    "ptflops.get_model_complexity_info(model, size, as_strings=False)[0]", "MACs",
    (
        Cause("biases, 1 per output value", each(biases, *MULTIPLYING)),
        Cause("batch, instance and group norm, 2 per value",
              each(affine(1, 2), "batch_norm", "instance_norm", "group_norm"), sees=MODULE),
        Cause("layer norm, 1 per value", {"layer_norm": inputs}, sees=MODULE),
        Cause("activation modules, 1 per value",
              each(outputs, "relu", "relu6", "leaky_relu", "prelu", "elu", "gelu"), sees=MODULE),
        Cause("activations again, as the functions modules call",
              each(outputs, "relu", "prelu", "elu", "gelu", "silu", "softmax")),
        Cause("pooling modules, 1 per input value", each(inputs, *POOLS), sees=MODULE),
        Cause("pooling again, as the functions modules call", each(inputs, *POOLS)),
        Cause("upsampling modules, 1 per output value", {"upsample": outputs}, sees=MODULE),
        Cause("upsampling again, as the functions modules call", {"upsample": outputs}),
    ),
)  # fmt: skip

PTFLOPS_ATEN = PTFLOPS._replace(
    tool="ptflops (aten)",
    call='ptflops.get_model_complexity_info(model, size, as_strings=False, backend="aten")[0]',
    causes=PTFLOPS.causes[:1],
)

ONNX_TOOL = Convention(
    "onnx-tool", "1.0.1",
    'torch.onnx.export(model, (image,), "m.onnx"); onnx_tool.model_profile("m.onnx")', "MACs",
    (
        Cause("biases that are not zero, 1 per output value", each(nonzero_biases, *MULTIPLYING)),
        Cause("batch norm that the export cannot fold, 31 per value",
              {"batch_norm": unless_folded(times(3 + ROOT + DIVISION))}),
        Cause("instance and group norm, 7 and 9 per value",
              {"instance_norm": times(7), "group_norm": times(9)}),
        Cause("layer norm, 7 per value and 29 per mean",
              each(layer_norm_steps, "layer_norm", "layer_norm2d")),
        Cause("ReLU, 1 per value", {"relu": outputs}),
        Cause("ReLU6 as a clip, 2 per value", each(times(2), "relu6", "hardtanh")),
        Cause("other activations, by their operations (e^x: 32)", {
            "leaky_relu": times(2), "prelu": times(2), "abs": outputs,
            "elu": times(EXPONENTIAL + 3), "silu": times(EXPONENTIAL + 1),
            "gelu": times(EXPONENTIAL + 2), "sigmoid": times(EXPONENTIAL),
            "tanh": times(2 * (EXPONENTIAL + 2 + DIVISION)), "hardswish": times(5),
            "hardsigmoid": times(4), "softplus": times(EXPONENTIAL + LOGARITHM + 2),
            "softmax": times(EXPONENTIAL + DIVISION),
            "log_softmax": times(EXPONENTIAL + DIVISION + LOGARITHM + 1)}),
        Cause("pooling, 1 per value under each window",
              each(pool_windows, "max_pool", "avg_pool")),
        Cause("adaptive pooling, 1 per input value",
              each(inputs, "adaptive_avg_pool", "adaptive_max_pool"), sees=METHOD),
        Cause("merges, 1 per value", each(merges, "add", "sub", "mul", "max")),
        Cause("scaling, 1 per value", {"layer_scale": outputs}),
        Cause("upsampling, 4 per value if linear, 8 if cubic",
              {"upsample": by_mode(linear=4, bilinear=4, trilinear=4, bicubic=8)}),
        Cause("transposed convolutions at output positions",
              {"conv_transpose": surplus_with_outputs_as_inputs}),
    ),
    unknown={"mish": always, "batch_norm": lambda site: not site.layer.track_running_stats,
             "upsample": lambda site: site.layer.mode == "linear",
             **dict.fromkeys(["adaptive_avg_pool", "adaptive_max_pool"], is_uneven)},
    trained=(
        Cause("biases", each(zero_biases, *MULTIPLYING)),
        Cause("biases out of folded batch norms", {"batch_norm": folded_biases}),
    ),
)  # fmt: skip

CALFLOPS = Convention(
    "calflops", "0.3.2",
    "calflops.calculate_flops(model, args=[image], output_as_string=False)[0]", "FLOPs",
    (
        Cause("× 2: a multiply-accumulate is 2 FLOPs", each(macs, *MULTIPLYING)),
        Cause("biases of convolutions, 1 per output value", {"conv": biases}),
        Cause("batch norm, 2 per value", {"batch_norm": by_statistics}),
        Cause("other norms, 5 per value", each(affine(4, 5), *NORMS[1:])),
        Cause("activations, 1 per value",
              each(outputs, "relu", "leaky_relu", "prelu", "elu", "gelu", "silu", "softmax")),
        Cause("pooling, 1 per input value", each(inputs, *POOLS)),
        Cause("upsampling, 1 per input value", {"upsample": upsampling_without_factor}),
        Cause('even kernels with padding="same", at a smaller size',
              {"conv": short_if_same}),
        Cause("biases of transposed convolutions, at a wrong size",
              {"conv_transpose": biases_at_wrong_size}),
        Cause("groups of transposed convolutions, divided by twice",
              {"conv_transpose": groups_divided_twice}),
    ),
)  # fmt: skip

TORCH = Convention(
    "torch.utils.flop_counter",
    "2.13.0",
    "with FlopCounterMode() as counter: model(image); counter.get_total_flops()",
    "FLOPs",
    CALFLOPS.causes[:1],
)

CONVENTIONS = {
    "torchinfo": TORCHINFO,
    "fvcore": FVCORE,
    "thop": THOP,
    "ptflops": PTFLOPS,
    "ptflops-aten": PTFLOPS_ATEN,
    "onnx-tool": ONNX_TOOL,
    "calflops": CALFLOPS,
    "torch": TORCH,
}
