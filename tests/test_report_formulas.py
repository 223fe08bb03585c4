"""The lecture's view, against the lecture."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from report_networks import Chain, blocks, vgg16

from cnncalc.report import ReportError, render
from cnncalc.report.formulas import abbreviated

PAPERS = Path(__file__).parent / "reference" / "papers.json"
ROW = re.compile(
    r"(?P<label>\S+): +\[(?P<shape>[\dx]+)\] +memory: (?P<memory>\S+) +"
    r"weights: (?P<weights>.*?) +\| +(?P<values>[\d,]+) values  (?P<name>\S+)"
)


def rows(text: str) -> list[dict[str, str]]:
    return [match.groupdict() for match in ROW.finditer(text)]


def number(text: str) -> int:
    return int(text.replace(",", ""))


def published() -> list[dict[str, Any]]:
    records = json.loads(PAPERS.read_text(encoding="utf-8"))["records"]
    (record,) = (r for r in records if r["network"] == "VGG-16 (CS231n notes)")
    listed: list[dict[str, Any]] = record["published"]["rows"]
    return listed


def test_every_row_of_vgg16_equals_the_cs231n_notes() -> None:
    found = rows(render(vgg16(), "plain", formulas=True))
    assert [
        {
            "layer": row["label"],
            "memory": number(row["values"]),
            "weights": number(row["weights"].rpartition("= ")[2]),
        }
        for row in found
    ] == published()


@pytest.mark.parametrize(
    "line",
    [
        "INPUT: [224x224x3] memory: 224*224*3=150K weights: 0 | 150,528 values input",
        "CONV3-64: [224x224x64] memory: 224*224*64=3.2M weights: (3*3*3)*64 = 1,728 "
        "| 3,211,264 values conv1_1",
        "CONV3-64: [224x224x64] memory: 224*224*64=3.2M weights: (3*3*64)*64 = 36,864 "
        "| 3,211,264 values conv1_2",
        "POOL2: [112x112x64] memory: 112*112*64=800K weights: 0 | 802,816 values pool1",
        "CONV3-512: [14x14x512] memory: 14*14*512=100K weights: (3*3*512)*512 = 2,359,296 "
        "| 100,352 values conv5_3",
        "POOL2: [7x7x512] memory: 7*7*512=25K weights: 0 | 25,088 values pool5",
        "FC: [1x1x4096] memory: 4096 weights: 7*7*512*4096 = 102,760,448 | 4,096 values fc6",
        "FC: [1x1x4096] memory: 4096 weights: 4096*4096 = 16,777,216 | 4,096 values fc7",
        "FC: [1x1x1000] memory: 1000 weights: 4096*1000 = 4,096,000 | 1,000 values fc8",
        "TOTAL memory: 15,237,608 values * 4 bytes = 60,950,432 bytes (58.1 MiB) / image",
        "TOTAL params: 138,357,544 = 138,344,128 weights + 13,416 biases",
    ],
)
def test_vgg16_in_the_notation_of_the_notes(line: str) -> None:
    text = render(vgg16(), "table", formulas=True, width=80)
    assert line in [" ".join(row.split()) for row in text.splitlines()]


def test_the_columns_stand_below_each_other() -> None:
    lines = render(vgg16(), "plain", formulas=True).splitlines()
    drawn = [line for line in lines if " values  " in line]
    assert len(drawn) == 22
    for mark in ("memory: ", "weights: ", "| ", "values  "):
        assert len({line.index(mark) for line in drawn}) == 1


@pytest.mark.parametrize(
    ("exact", "short"),
    [
        (999, "999"),
        (1000, "1K"),
        (1049, "1K"),
        (1050, "1.1K"),
        (9_408, "9.4K"),
        (9_950, "10K"),
        (25_088, "25K"),
        (150_528, "150K"),
        (802_816, "800K"),
        (999_999, "1M"),
        (1_605_632, "1.6M"),
        (3_211_264, "3.2M"),
        (12_345_678_901, "12G"),
    ],
)
def test_two_digits(exact: int, short: str) -> None:
    assert abbreviated(exact) == short


def weights(kind: str, shapes: Mapping[str, tuple[int, ...]], count: int, **more: Any) -> str:
    """The weights of a layer with these tensors, as its row shows them."""
    net = Chain(6, 5, 5)
    net.add("layer", kind, "LAYER", (4, 5, 5), weight_shapes=shapes, weights=count, **more)
    (row,) = rows(render(net.summary("n", None, net.totals("layer")), formulas=True))[1:]
    return row["weights"]


@pytest.mark.parametrize(
    ("kind", "shapes", "count", "shown"),
    [
        ("conv2d", {"weight": (256, 48, 5, 3)}, 184_320, "(5*3*48)*256 = 184,320"),
        ("conv1d", {"weight": (8, 6, 3)}, 144, "(3*6)*8 = 144"),
        ("conv3d", {"weight": (8, 6, 3, 3, 3)}, 1296, "(3*3*3*6)*8 = 1,296"),
        ("conv_transpose2d", {"weight": (6, 4, 2, 2)}, 96, "(2*2*6)*4 = 96"),
        ("conv2d", {"weight": (60, 5, 5)}, 1500, "(5*5)*60 = 1,500"),
        ("locally_connected2d", {"weight": (4, 5, 5, 6, 1, 3)}, 1800, "(1*3*6)*(5*5*4) = 1,800"),
        ("batch_norm2d", {"weight": (6,), "bias": (6,)}, 6, "6"),
        ("other", {"a": (2, 3), "b": (4,), "bias": (9,)}, 10, "2*3 + 4 = 10"),
        ("other", {"a": (2, 3)}, 7, "7"),  # a product that is not the count is not shown
        ("relu", {}, 0, "0"),
    ],
)
def test_weights(kind: str, shapes: dict[str, tuple[int, ...]], count: int, shown: str) -> None:
    assert weights(kind, shapes, count) == shown


def test_shared_weights_are_those_of_another_layer() -> None:
    shown = weights("conv2d", {"weight": (4, 6, 1, 1)}, 0, shares="first")
    assert shown == "0 (those of first)"


def test_linear_names_the_image_it_flattens_through_views_only() -> None:
    net = Chain(8, 2, 3)
    net.flatten()
    net.relu("relu")
    net.linear("fc1", 48)
    net.linear("fc2", 5)
    shown = rows(render(net.summary("n", None, net.totals("fc1")), formulas=True))
    assert [row["weights"] for row in shown] == ["0", "2*3*8*48 = 2,304", "48*5 = 240"]


@pytest.mark.parametrize(
    ("shape", "shown"),
    [((3, 7), "7x3"), ((3, 4, 5, 6), "4x5x6x3"), ((9,), "9")],
)
def test_other_inputs_than_images(shape: tuple[int, ...], shown: str) -> None:
    net = Chain(*shape)
    (row,) = rows(render(net.summary("n", None, net.totals("input")), formulas=True))
    assert row["shape"] == shown


def test_several_outputs_add_up() -> None:
    net = Chain(8, 2, 2)
    halves = ((4, 2, 2), (4, 2, 2))
    net.add("split", "split", "SPLIT", (4, 2, 2), outputs=halves, values=32)
    text = render(net.summary("n", None, net.totals("split")), formulas=True)
    assert "memory: 2*2*4 + 2*2*4=32  weights: 0" in text


def test_rows_without_memory_and_weights_are_left_out() -> None:
    shown = [row["name"] for row in rows(render(blocks(), formulas=True))]
    assert "layer1.0.residual.relu" not in shown
    assert "flatten" not in shown
    assert "layer1.0.residual.conv2d_2" in shown


def test_training_heads_have_a_total_of_their_own() -> None:
    text = render(blocks(), formulas=True)
    assert "auxiliary.conv2d (training only)" in text
    assert "with training heads: 1,854 = 1,816 weights + 38 biases" in text


def test_bytes_follow_the_dtype() -> None:
    half = msgspec.structs.replace(vgg16(), dtype="float16")
    assert "values * 2 bytes = 30,475,216 bytes (29.1 MiB)" in render(half, formulas=True)
    whole = msgspec.structs.replace(vgg16(), dtype="int8")
    assert "values * 1 byte = 15,237,608 bytes (14.5 MiB)" in render(whole, formulas=True)


@pytest.mark.parametrize("options", [{"columns": ["name"]}, {"depth": 1}, {"format": "csv"}])
def test_what_formulas_do_not_go_with(options: dict[str, Any]) -> None:
    with pytest.raises(ReportError, match="leave out"):
        render(vgg16(), formulas=True, **options)
