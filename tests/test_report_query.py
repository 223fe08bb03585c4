"""--get: a dotted path into the JSON, and the page that documents the JSON."""

import re
from pathlib import Path

import msgspec
import pytest
from report_networks import Chain, blocks, vgg16

from cnncalc.analysis import summary as schema
from cnncalc.report import ReportError
from cnncalc.report.query import find_layer, get

DOCS = Path(__file__).parent.parent / "docs" / "json.md"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("totals.macs", "15470264320"),
        ("totals.memory.peak_layer", "conv1_2"),
        ("totals.outputs", "[[1000]]"),
        ("totals.outputs.0.0", "1000"),
        ("layers.conv1_1.output", "[64, 224, 224]"),
        ("layers.conv1_1.output.0", "64"),
        ("layers.pool5.receptive_field.1.size", "212"),
        ("layers.pool5.training", "false"),
        ("inputs", '{"input": [3, 224, 224]}'),
        ("source", "Simonyan & Zisserman, ICLR 2015, table 1"),
        ("training_totals", "null"),
        ("schema", "cnncalc.summary/1"),
    ],
)
def test_a_path_into_vgg16(path: str, value: str) -> None:
    assert get(vgg16(), path) == value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("layers.layer1.0.residual.conv2d.macs", "6912"),
        ("layers.0.residual.conv2d.macs", "6912"),
        ("layers.layer1.0.residual.conv2d_2.shares", "layer1.0.residual.conv2d"),
        ("layers.conv2d_2.output.1", "3"),
        ("layers.1.pool.lost", "[1, 0]"),
        ("layers.pool.lost", "[1, 1]"),  # a whole name wins over the ending of another
        ("training_totals.params", "1854"),
    ],
)
def test_names_with_dots_and_endings(path: str, value: str) -> None:
    assert get(blocks(), path) == value


def test_the_longest_name_wins() -> None:
    net = Chain(3, 8, 8)
    net.conv("a", 4)
    net.conv("a.output", 5)
    summary = net.summary("n", None, net.totals("a"))
    assert get(summary, "layers.a.output.output") == "[5, 8, 8]"
    assert get(summary, "layers.a.macs") == "6912"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("total.macs", "the summary has no total; did you mean totals. there is: schema, name"),
        ("totals.mac", "totals has no mac; did you mean macs. there is: layers, params"),
        ("totals.memory.x", "totals.memory has no x; there is: params_bytes"),
        ("layers.conv9_9.macs", "there is no layer conv9_9; did you mean conv"),
        ("layers.conv1_1.marcs", "layers.conv1_1 has no marcs; did you mean macs"),
        ("layers.conv1_1.output.3", "output is a list and has no 3; allowed: 0 to 2"),
        ("layers.conv1_1.output.-1", "is a list and has no -1"),
        ("layers.conv1_1.lost.0", "is a list and has no 0; allowed: nothing, it is empty"),
        ("totals.macs.x", "totals.macs is 15470264320 and has nothing inside"),
        ("training_totals.macs", "training_totals is null and has nothing inside"),
        ("", "the summary has no ;"),
        ("totals.", "totals has no ;"),
    ],
)
def test_a_path_that_leads_nowhere(path: str, message: str) -> None:
    with pytest.raises(ReportError, match=message):
        get(vgg16(), path)


def test_an_ending_of_several_layers_is_refused_with_their_names() -> None:
    message = "2 layers end in conv2d; .*layer1.0.residual.conv2d, layer1.1.residual.conv2d"
    with pytest.raises(ReportError, match=message):
        find_layer(["layer1.0.residual.conv2d", "layer1.1.residual.conv2d"], "conv2d")


def test_an_ending_is_of_whole_segments() -> None:
    with pytest.raises(ReportError, match="there is no layer v1"):
        find_layer(["a.conv1"], "v1")
    assert find_layer(["a.conv1"], "conv1") == "a.conv1"


def test_a_whole_name_is_not_taken_for_an_ending() -> None:
    assert find_layer(["a.pool", "pool", "b.pool"], "pool") == "pool"


@pytest.mark.parametrize("name", ["Summary", "LayerSummary", "Field", "Totals", "Memory"])
def test_every_key_of_the_json_is_documented_and_no_other(name: str) -> None:
    struct: type[msgspec.Struct] = getattr(schema, name)
    section = re.search(
        rf"^## {name}:.*?(?=^## |\Z)", DOCS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    assert section, f"docs/json.md has no section {name}"
    assert re.findall(r"^\| `(\w+)` \|", section[0], re.MULTILINE) == list(struct.__struct_fields__)
