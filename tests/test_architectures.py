"""The built-in architectures against published numbers: exact integers, exact equality.

Numbers written here, beside those of ``published``, carry their citation.
"""

import pytest
from published import PAPERS, TORCHVISION, costs, summary

from cnncalc.analysis.notes import notes
from cnncalc.diagnostics import Findings
from cnncalc.diagnostics.located import plain
from cnncalc.spec import builtin_names, load

LIBRARIES = {"common", "darknet"}
TEMPLATES = {
    *("convnext", "densenet", "efficientnet", "efficientnet_v2", "mnasnet", "mobilenet_v3"),
    *("regnet", "resnet", "resnet_cifar", "shufflenet_v2", "squeezenet", "vgg"),
    "wide_resnet_cifar",
}
NETWORKS = sorted({*builtin_names()} - LIBRARIES - TEMPLATES)

#: What the lectures show.
LECTURES = [
    "lenet5",
    "lenet_mnist",
    "cifar10_lecture",
    "hidden_fully_connected",
    "hidden_locally_connected",
    "hidden_convolutional",
    "alexnet",
    "alexnet_2012",
    "alexnet_without_fc7",
    "alexnet_without_fc6_fc7",
    "alexnet_without_conv3_conv4",
    "alexnet_without_conv3_conv4_fc6_fc7",
    "zfnet",
    "nin",
    "vgg11",
    "vgg13",
    "vgg16",
    "vgg19",
    "googlenet_2014",
    "inception_naive",
    "inception_reduced",
    "bn_inception",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "resnet50_v1",
    "resnet101_v1",
    "resnet152_v1",
    "plain34",
]


# ---------------------------------------------------------------------- every built-in


@pytest.mark.parametrize("name", NETWORKS)
def test_meets_what_it_expects(name: str) -> None:
    expected = plain(load(name).expect)
    totals, training = summary(name).totals, summary(name).training_totals
    outputs = [list(shape) for shape in totals.outputs]
    output = outputs if len(outputs) > 1 else outputs[0]
    got = {"params": totals.params, "macs": totals.macs, "output": output}
    if training is not None:
        got["training"] = {"params": training.params, "macs": training.macs}
    assert got == expected


@pytest.mark.parametrize("name", NETWORKS)
def test_has_no_findings(name: str) -> None:
    assert list(load(name).findings) == []


@pytest.mark.parametrize("name", NETWORKS)
def test_has_a_source(name: str) -> None:
    assert summary(name).source


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_a_family_is_a_template(name: str) -> None:
    spec = load(name)
    assert spec.graph is None
    assert spec.missing
    assert list(spec.findings) == []


def test_the_lectures_are_complete() -> None:
    assert set(LECTURES) <= set(NETWORKS)


@pytest.mark.parametrize("name", sorted(set(NETWORKS) & set(TORCHVISION)))
def test_a_name_of_torchvision_is_the_network_of_torchvision(name: str) -> None:
    row, got = TORCHVISION[name], summary(name)
    assert got.inputs == {"input": tuple(row["input"])}
    assert got.totals.params == row["params"]
    assert got.totals.macs == row["macs"]
    counted = [
        layer
        for layer in got.layers.values()
        if layer.kind in {"conv2d", "linear"} and not layer.training
    ]
    assert sum(layer.values for layer in counted) == row["sum_conv_and_linear_outputs"]
    whole = got.training_totals or got.totals
    assert whole.params == row.get("params_with_aux", row["params"])
    assert whole.buffers == row["batchnorm_buffers"]


# ---------------------------------------------------------------------- totals


def recomputed(network: str, *path: str) -> dict[str, int]:
    row = PAPERS[network]
    for key in path:
        row = row[key]
    return row


def learned(network: str, variant: str) -> dict[str, int]:
    """Figures of a Caffe model, where batch norm's statistics are params too but not learned."""
    row = recomputed(network, "recomputed", variant)
    return {"params": row["learnable"], "macs": row["macs"]}


V1 = "recomputed_caffe_stride_on_1x1"
V15 = "recomputed_torchvision_stride_on_3x3"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lenet_mnist", recomputed("LeNet-5", "caffe_variant")),
        ("alexnet_2012", recomputed("AlexNet", "recomputed")),
        ("nin", {"params": 7_595_176, "macs": 1_100_188_800}),  # netscope preset, crop 224
        ("vgg11", recomputed("VGG", "recomputed", "A")),
        ("vgg13", recomputed("VGG", "recomputed", "B")),
        ("vgg16", recomputed("VGG", "recomputed", "D")),
        ("vgg19", recomputed("VGG", "recomputed", "E")),
        ("googlenet_2014", recomputed("GoogLeNet", "recomputed")),
        ("resnet18", recomputed("ResNet", V15, "18")),
        ("resnet34", recomputed("ResNet", V15, "34")),
        # resnet50-deploy.prototxt leaves a bias of 64 on in conv1, the paper's network has none
        ("resnet50_v1", recomputed("ResNet", V1, "50") | {"params": 25_557_096 - 64}),
        ("resnet101_v1", recomputed("ResNet", V1, "101")),
        ("resnet152_v1", recomputed("ResNet", V1, "152")),
        ("inception_v3", recomputed("Inception-v3", "recomputed", "torchvision")),
        ("inception_v4", learned("Inception-v4 / Inception-ResNet-v2", "inception_v4")),
        ("xception", learned("Xception", "caffe")),
        ("se_resnet50_v1", learned("SENet", "SE-ResNet-50")),
        ("wide_resnet50_2", recomputed("Wide ResNet-50-2", "recomputed", "torchvision")),
    ],
)
def test_totals_of_the_papers(name: str, expected: dict[str, int]) -> None:
    totals = summary(name).totals
    assert (totals.params, totals.macs) == (expected["params"], expected["macs"])


@pytest.mark.parametrize(
    ("name", "published"),
    [("resnet18", 1.8), ("resnet34", 3.6), ("resnet50_v1", 3.8), ("resnet101_v1", 7.6),
     ("resnet152_v1", 11.3), ("plain34", 3.6)],
)  # fmt: skip
def test_resnet_paper_table_1(name: str, published: float) -> None:
    """He et al., CVPR 2016, table 1, in billions; some are rounded, some cut off."""
    assert abs(summary(name).totals.macs / 10**9 - published) < 0.1


@pytest.mark.parametrize("row", PAPERS["MobileNet v1"]["table"])
def test_mobilenet_v1_at_every_width_and_resolution(row: dict[str, int | str]) -> None:
    totals = summary("mobilenet_v1", int(row["res"]), width=str(row["alpha"])).totals
    assert totals.params == row["recomputed_params_1000cls"]
    assert totals.macs == row["recomputed_macs"]


@pytest.mark.parametrize("row", PAPERS["MobileNet v2"]["table"])
def test_mobilenet_v2_at_every_width_and_resolution(row: dict[str, float]) -> None:
    totals = summary("mobilenet_v2", int(row["res"]), width=str(row["alpha"])).totals
    assert totals.params == row["recomputed_torchvision_params"]
    assert totals.macs == row["recomputed_torchvision_macs"]


@pytest.mark.parametrize(
    ("name", "params"),
    [("resnet20", 269_722), ("resnet32", 464_154), ("resnet44", 658_586), ("resnet56", 853_018),
     ("resnet110", 1_727_962)],
)  # fmt: skip
def test_cifar_resnets(name: str, params: int) -> None:
    """He et al., CVPR 2016, table 6: 0.27, 0.46, 0.66, 0.85 and 1.7 million."""
    assert summary(name).totals.params == params
    assert f"{params:,}" in PAPERS["CIFAR ResNets"]["formula"].replace(" / ", " ")


@pytest.mark.parametrize(
    ("name", "millions"), [("wrn_16_8", 11.0), ("wrn_28_10", 36.5), ("wrn_40_4", 8.9)]
)
def test_wide_resnets_for_cifar(name: str, millions: float) -> None:
    """Zagoruyko & Komodakis, BMVC 2016, table 4."""
    assert round(summary(name).totals.params / 10**6, 1) == millions


def test_wide_resnets_add_what_is_not_activated_yet() -> None:
    """Except where the width changes: there both branches are activated."""
    layers = summary("wrn_28_10").layers
    assert layers["conv2.1.add"].reads == ("conv2.1.residual.conv2d_2", "conv2.0.add")
    assert layers["conv3.0.shortcut.conv2d"].reads == ("conv3.0.relu",)


def test_darknet53_does_18_57_billion_operations() -> None:
    """pjreddie.com, ImageNet classification: two operations for each MAC."""
    published = PAPERS["Darknet / YOLO"]["published"]
    billions = published["pjreddie.com imagenet table (Bn ops at 256/448/224)"]["Darknet53"]
    assert round(2 * summary("darknet53").totals.macs / 10**9, 2) == billions


def test_yolov3_fills_its_file_of_weights() -> None:
    """yolov3.weights: a header of 20 bytes, then all params and statistics as float32."""
    totals = summary("yolov3").totals
    file = PAPERS["Darknet / YOLO"]["weights_file_bytes"]["yolov3.weights"]
    assert 20 + 4 * (totals.params + totals.buffers) == file
    assert round(2 * totals.macs / 10**9, 1) == 65.9  # AlexeyAB/darknet, README


def test_fcn8s_is_vgg16_with_scores_and_upsampling() -> None:
    """Long et al., CVPR 2015; voc-fcn8s: fc8's 1000 classes give way to 21 scores, thrice."""
    vgg16 = summary("vgg16").totals.params - costs("vgg16", "fc8")[0]
    scores = 21 * (4096 + 512 + 256) + 3 * 21
    bilinear = 21 * 21 * (4 * 4 + 4 * 4 + 16 * 16)
    totals = summary("fcn8s").totals
    assert totals.params == vgg16 + scores + bilinear
    assert totals.frozen == bilinear


@pytest.mark.parametrize(
    ("name", "misaligned"), [("fcn8s", False), ("unet", False), ("yolov3", True)]
)
def test_networks_that_merge_maps_of_several_scales(name: str, misaligned: bool) -> None:
    """The offsets of voc-fcn8s align what is added: 1 row off, and there would be a note."""
    findings = Findings()
    graph = load(name).graph
    assert graph is not None
    notes(graph, findings)
    assert ("misaligned" in {finding.rule.name for finding in findings}) is misaligned


def test_googlenet_with_its_heads() -> None:
    expected = PAPERS["GoogLeNet"]["recomputed"]["with_two_aux_heads"]
    training = summary("googlenet_2014").training_totals
    assert training is not None
    assert (training.params, training.macs) == (expected["params"], expected["macs"])


def test_bn_inception_is_se_bn_inception_without_squeeze_and_excitation() -> None:
    """SENet's prototxt through Caffe, less a squeeze-and-excitation of ratio 16 per module."""
    se = PAPERS["SENet"]["recomputed"]["SE-BN-Inception"]
    widths = [256, 320, 576, 576, 576, 608, 608, 1056, 1024, 1024]
    weights = sum(2 * width * (width // 16) for width in widths)
    biases = sum(width // 16 + width for width in widths)
    totals = summary("bn_inception").totals
    assert totals.params == se["learnable"] - weights - biases
    assert totals.macs == se["macs"] - weights


def test_squeeze_and_excitation_of_resnet50() -> None:
    expected = PAPERS["SENet"]["recomputed"]["SE-ResNet-50"]
    assert summary("se_resnet50").totals.params == expected["learnable"]
    added = summary("se_resnet50").totals.macs - summary("resnet50").totals.macs
    assert added == expected["macs"] - summary("resnet50_v1").totals.macs


def test_plain34_is_resnet34_without_its_three_projections() -> None:
    plain, resnet = summary("plain34").totals, summary("resnet34").totals
    projections = [(64, 128, 28), (128, 256, 14), (256, 512, 7)]
    assert resnet.params - plain.params == sum(a * b + 2 * b for a, b, _ in projections)
    assert resnet.macs - plain.macs == sum(a * b * size * size for a, b, size in projections)


# ---------------------------------------------------------------------- lectures


@pytest.mark.parametrize(
    ("name", "layers", "millions"),
    [("alexnet_without_fc7", {"fc7": 16_781_312}, 16),
     ("alexnet_without_fc6_fc7", {"fc6": 37_752_832, "fc7": 16_781_312}, 50)],
)  # fmt: skip
def test_params_dropped_with_layers_of_alexnet(
    name: str, layers: dict[str, int], millions: int
) -> None:
    """Zeiler & Fergus, ECCV 2014, table 3, as the lectures show it: ≈16 M and ≈50 M."""
    assert not layers.keys() & summary(name).layers.keys()
    classifier = costs(name, "fc8")[0] - costs("alexnet", "fc8")[0]
    dropped = summary("alexnet").totals.params - summary(name).totals.params
    assert dropped == sum(layers.values()) - classifier
    assert abs(dropped - millions * 10**6) < 10**6
    numbers = str([int(layer[-1]) for layer in layers])
    original = summary("alexnet_2012").totals.params
    assert dropped == original - summary("alexnet_2012", without=numbers).totals.params


def test_layers_3_and_4_of_alexnet_hold_few_params() -> None:
    without = summary("alexnet_without_conv3_conv4").totals.params
    dropped = summary("alexnet").totals.params - without
    assert dropped == 663_936 + 884_992 + (256 - 192) * 9 * 256  # conv5 reads 192 maps then


def test_one_hidden_layer_three_ways() -> None:
    """40,000 units on 200×200 pixels (Ranzato, CVPR 2013): 40,000², 40,000·10², and shared."""
    names = ["hidden_fully_connected", "hidden_locally_connected", "hidden_convolutional"]
    hidden = [list(summary(name).layers.values())[-1] for name in names]
    assert [layer.values for layer in hidden] == [40_000] * 3
    assert [layer.params for layer in hidden] == [1_600_000_000, 4_000_000, 400]


def test_inception_modules_of_the_lecture() -> None:
    """CS231n 2017, lecture 9: 854 M operations; the reduced module's rows add up to 271 M."""
    naive, reduced = summary("inception_naive").totals, summary("inception_reduced").totals
    assert (naive.output, reduced.output) == ((672, 28, 28), (480, 28, 28))
    area, depth = 28 * 28, 256
    assert naive.macs == area * depth * (128 + 192 * 9 + 96 * 25) == 854_196_224
    assert reduced.macs == area * (depth * (64 + 64 + 128 + 64) + 64 * (192 * 9 + 96 * 25))
