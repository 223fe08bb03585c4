"""Published tables of the built-in architectures, row by row, and their receptive fields."""

import pytest
from published import FIELDS, PAPERS, costs, layers_below, summary


def test_alexnet_layer_by_layer() -> None:
    """Krizhevsky et al., NIPS 2012: neurons of figure 2 (its 253,440 is a misprint of 290,400)."""
    row = PAPERS["AlexNet"]["recomputed"]
    expected = {name: (cost["params"], cost["macs"]) for name, cost in row["per_layer"].items()}
    assert {name: costs("alexnet_2012", name) for name in expected} == expected
    layers = summary("alexnet_2012").layers
    assert [layers[name].values for name in expected] == row["neurons"]


def test_lenet5_layer_by_layer() -> None:
    """LeCun et al. 1998, section II.B."""
    rows = PAPERS["LeNet-5"]["layers"]
    params = {row["n"]: row["params"] for row in rows if "maps" in row or row["n"] == "F6"}
    assert {name: costs("lenet5", name)[0] for name in params} == params
    for row in rows:
        if "maps" in row:
            output = layers_below("lenet5", row["n"])[-1].output
            assert output == (row["maps"], row["size"], row["size"])
    totals = summary("lenet5").totals
    assert totals.params == PAPERS["LeNet-5"]["totals"]["trainable_params"]
    assert totals.macs == 325_680  # the connections of C1, C3, C5 and F6 less their biases


def test_zfnet_has_the_maps_of_its_figure() -> None:
    """Zeiler & Fergus, ECCV 2014, figure 3."""
    layers = summary("zfnet").layers
    sizes = {"conv1": 110, "pool1": 55, "conv2": 26, "pool2": 13, "conv5": 13, "pool5": 6}
    assert {name: layers[name].output[1] for name in sizes} == sizes


def test_vgg16_as_in_the_cs231n_notes() -> None:
    rows = PAPERS["VGG-16 (CS231n notes)"]["published"]["rows"]
    kinds = {"input", "conv2d", "max_pool2d", "linear"}
    layers = [row for row in summary("vgg16").layers.values() if row.kind in kinds]
    assert [(row.values, row.weights) for row in layers] == [
        (row["memory"], row["weights"]) for row in rows
    ]
    sums = PAPERS["VGG-16 (CS231n notes)"]["recomputed"]
    assert summary("vgg16").totals.activations == sums["sum_of_listed_volumes"]
    assert summary("vgg16").totals.weights == sums["sum_weights_no_bias"]


GOOGLENET_ROWS = {
    "convolution 7x7/2": ("conv2d",),
    "convolution 3x3/1 (incl. reduce)": ("conv2d_2", "conv2d_3"),
    "linear": ("linear",),
} | {
    f"inception ({row})": (f"inception_{row}",)
    for row in ["3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"]
}


@pytest.mark.parametrize("row", PAPERS["GoogLeNet"]["rows"], ids=lambda row: row["row"])
def test_googlenet_row_by_row(row: dict[str, int | str]) -> None:
    """Szegedy et al. 2015, table 1, as Caffe counts it."""
    names = GOOGLENET_ROWS[str(row["row"])]
    assert costs("googlenet_2014", *names) == (row["caffe_params"], row["caffe_macs"])


def test_squeezenet_row_by_row() -> None:
    """Iandola et al. 2016, table 1."""
    published = dict(PAPERS["SqueezeNet v1.0"]["published_params"])
    assert summary("squeezenet1_0").totals.params == published.pop("total")
    assert {name: costs("squeezenet1_0", name)[0] for name in published} == published


def test_squeezenet_fire_modules_at_227_pixels() -> None:
    """The same network through Caffe, up to conv10, which pads there and not in torchvision."""
    expected = dict(PAPERS["SqueezeNet v1.0"]["recomputed"])
    del expected["conv10"]
    layers = summary("squeezenet1_0", 227).layers
    for name, row in expected.items():
        macs = sum(layer.macs for key, layer in layers.items() if key.split(".")[0] == name)
        assert macs == row["macs"], name


@pytest.mark.parametrize(
    ("name", "layer", "model"),
    [
        ("alexnet", "pool5", "alexnet_v2"),
        ("alexnet_2012", "pool5", "alexnet_v2"),
        ("vgg16", "pool5", "vgg_16"),
        ("bn_inception", "", "inception_v2"),
        ("inception_v3", "mixed_7c.concat", "inception_v3"),
        ("inception_v4", "inception_c3.concat", "inception_v4"),
        ("mobilenet_v1", "", "mobilenet_v1"),
        # the models of TF-slim stride late, and so do those with the stride on the first 1×1
        ("resnet50_v1", "", "resnet_v1_50"),
        ("resnet101_v1", "", "resnet_v1_101"),
        ("resnet152_v1", "", "resnet_v1_152"),
    ],
)
def test_receptive_fields(name: str, layer: str, model: str) -> None:
    """google-research/receptive_field, README; the last layer before global pooling."""
    layers = summary(name).layers
    fields = layers[layer or layers["adaptive_avg_pool2d"].reads[0]].receptive_field
    expected = (FIELDS[model]["rf"], FIELDS[model]["stride"])
    assert [(field.size, field.jump) for field in fields] == [expected] * 2


@pytest.mark.parametrize(
    ("name", "size"), [("resnet50", 427), ("resnet101", 971), ("resnet152", 1451)]
)
def test_receptive_fields_with_the_stride_on_the_3x3(name: str, size: int) -> None:
    """receptive_fields.json, conventions: torchvision's networks."""
    layers = summary(name).layers
    fields = layers[layers["adaptive_avg_pool2d"].reads[0]].receptive_field
    assert [(field.size, field.jump) for field in fields] == [(size, 32)] * 2


@pytest.mark.parametrize(
    ("name", "layer", "model"),
    [
        ("alexnet_2012", "pool5", "alexnet_v2"),
        ("vgg16", "pool5", "vgg_16"),
        ("inception_v3", "mixed_7c.concat", "inception_v3"),
        ("inception_v4", "inception_c3.concat", "inception_v4"),
    ],
)
def test_receptive_fields_start_in_the_padding(name: str, layer: str, model: str) -> None:
    """Where every padding is symmetric, the first field starts at −padding."""
    fields = summary(name).layers[layer].receptive_field
    assert [field.start for field in fields] == [-FIELDS[model]["padding"]] * 2
