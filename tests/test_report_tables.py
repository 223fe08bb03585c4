"""The tables: nothing is ever cut, whatever the width; what is dropped is named."""

import csv
import json
import re
import subprocess
import sys
from io import StringIO
from typing import Any

import msgspec
import pytest
from report_networks import Chain, blocks, vgg16

from cnncalc.analysis.summary import Field, LayerSummary, Summary
from cnncalc.report import FORMATS, ReportError, render
from cnncalc.report.columns import COLUMNS
from cnncalc.terminal import width

TEXTS = [name for name in FORMATS if name != "json"]


def squeezed(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def body(text: str) -> list[str]:
    """The lines of the table itself, between its rules."""
    lines = text.splitlines()
    rules = [at for at, line in enumerate(lines) if line and not set(line) - set("─- ")]
    return lines[rules[0] + 1 : rules[1]]


def one(**changes: Any) -> Summary:
    """A network of one layer with these numbers."""
    net = Chain(3, 8, 8)
    net.conv("conv", 4)
    net.layers["conv"] = msgspec.structs.replace(net.layers["conv"], **changes)
    return net.summary("n", None, net.totals("conv"))


@pytest.mark.parametrize(
    "line",
    [
        "VGG-16",
        "Simonyan & Zisserman, ICLR 2015, table 1",
        "input 3x224x224, batch 1, float32 (4 bytes)",
        "1 MAC = one multiply and one add; FLOPs count every floating-point operation.",
        "M = 10^6, G = 10^9, MiB = 2^20 bytes.",
        "Layer Kind Output Params MACs FLOPs Memory RF Jump",
        "CxHxW bytes px px",
        "input input 3x224x224 0 0 0 602,112 1 1",
        "conv1_1 conv2d 64x224x224 1,792 86,704,128 176,619,520 12,845,056 3 1",
        "relu1_1 relu 64x224x224 0 0 3,211,264 in place 3 1",
        "pool5 max_pool2d 512x7x7 0 0 75,264 100,352 212 32",
        "fc6 linear 4096 102,764,544 102,760,448 205,524,992 16,384 - -",
        "total 138,357,544 15,470,264,320 30,972,232,168 60,950,432",
        "params 138,357,544 138.36 M",
        "weights 138,344,128 138.34 M",
        "biases 13,416",
        "MACs 15,470,264,320 15.47 G",
        "activations 15,237,608 values 15.24 M",
        "their memory 60,950,432 bytes 58.1 MiB",
        "activations, peak 25,690,112 bytes 24.5 MiB at conv1_2",
        "Memory in training (batch 1, float32, momentum)",
        "saved for backward 73,355,264 bytes 70.0 MiB",
        "optimizer state 553,430,176 bytes 527.8 MiB",
        "sum 1,733,645,792 bytes 1,653.3 MiB",
        "Largest batch in 25,769,803,776 bytes (24,576.0 MiB)",
        "inference 946",
        "training 328",
    ],
)
def test_plain_vgg16(line: str) -> None:
    assert line in squeezed(render(vgg16(), "plain"))


def test_plain_is_ascii_and_aligned() -> None:
    text = render(vgg16(), "plain")
    assert text.isascii()
    assert text.endswith("\n")
    for column in ("138,357,544", "15,470,264,320"):
        (total,) = (line for line in text.splitlines() if line.startswith("total"))
        end = total.index(column) + len(column)
        assert all(line[end - 1 : end + 1] in ("0 ", "4 ", "8 ", "6 ", "2 ") for line in body(text))


@pytest.mark.parametrize("columns", [1, 40, 80, 120, 200, None])
@pytest.mark.parametrize("network", [vgg16, blocks])
def test_a_table_keeps_every_number_whole(network: Any, columns: int | None) -> None:
    summary = network()
    text = render(summary, "table", width=columns)
    whole = render(summary, "table")
    (headings,) = (line.split() for line in text.splitlines() if line.startswith("Layer "))
    (all_headings,) = (line.split() for line in whole.splitlines() if line.startswith("Layer "))
    kept = [all_headings.index(heading) for heading in headings if heading != "in"]
    assert {"Layer", "Output", "Params", "MACs"} <= set(headings)
    for row, full in zip(body(text), body(whole), strict=True):
        cells, every = re.split(r"  +", row.strip()), re.split(r"  +", full.strip())
        assert cells == [every[at] for at in kept]
    if columns is None or columns >= 146:
        assert headings == all_headings


@pytest.mark.parametrize(
    ("columns", "dropped"),
    [
        (40, "kind, flops, memory, rf, jump"),
        (80, "kind, flops"),
        (96, "kind"),
        (101, None),
        (200, None),
    ],
)
def test_a_narrow_terminal_is_told_what_it_misses(columns: int, dropped: str | None) -> None:
    text = " ".join(render(vgg16(), "table", width=columns).split())
    told = re.search(r"Not shown for want of room: (.*?)\. A terminal (\d+) columns wide", text)
    assert (told and told[1]) == dropped
    if told:
        assert f"--columns name,{dropped}".replace(", ", ",") in text
        needed = int(told[2])
        assert "Not shown" not in render(vgg16(), "table", width=needed)
        assert "Not shown" in render(vgg16(), "table", width=needed - 1)


@pytest.mark.parametrize("columns", [80, 100, 120, 200])
def test_a_table_is_no_wider_than_the_terminal(columns: int) -> None:
    text = render(vgg16(), "table", width=columns)
    assert max(map(width, text.splitlines())) <= columns


@pytest.mark.parametrize("columns", [40, 60])
def test_totals_are_no_wider_than_the_terminal(columns: int) -> None:
    text = render(vgg16(), "table", width=columns)
    totals = text[text.index("Totals for one image") :].splitlines()
    assert max(map(width, totals)) <= columns
    assert "58.1 MiB" in text


def test_chosen_columns_are_shown_however_narrow() -> None:
    text = render(vgg16(), "table", width=20, columns=["name", "macs", "weights", "flops"])
    assert "conv1_2 1,849,688,064 36,864 3,702,587,392" in squeezed(text)
    assert "Not shown" not in text


def test_columns_come_in_the_order_in_which_they_are_chosen() -> None:
    text = render(vgg16(), "csv", columns=["macs", "name", "macs"])
    assert text.splitlines()[:3] == ["macs,name", "0,input", "86704128,conv1_1"]


def test_all_columns() -> None:
    assert render(vgg16(), "csv", columns=["all"]).splitlines()[0] == ",".join(COLUMNS)


@pytest.mark.parametrize("format_", TEXTS)
def test_an_unknown_column_is_refused_with_the_nearest(format_: str) -> None:
    with pytest.raises(ReportError, match=r"no column mac.*did you mean macs.*allowed: name, kind"):
        render(vgg16(), format_, columns=["name", "mac"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "tabel"}, "did you mean table"),
        ({"depth": 0}, "depth is 0; allowed: 1 or more"),
        ({"columns": []}, "no columns are chosen"),
        ({"format": "json", "depth": 1}, "leave out columns and depth"),
        ({"format": "json", "columns": ["name"]}, "leave out columns and depth"),
    ],
)
def test_what_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ReportError, match=message):
        render(vgg16(), **options)


@pytest.mark.parametrize(
    ("changes", "key", "shown"),
    [
        ({"receptive_field": (Field(7, 2, -3), Field(7, 2, -3))}, "rf", "7"),
        ({"receptive_field": (Field(7, 2, -3), Field(5, 2, -2))}, "rf", "7x5"),
        ({"receptive_field": (Field(7, 2, -3), Field(5, 2, -2))}, "jump", "2"),
        ({"receptive_field": (Field(7, 2, -3), Field(5, 2, -2))}, "start", "-3x-2"),
        ({"receptive_field": (Field(7, 0.5, 0), Field(5, None, 0))}, "jump", "0.5x-"),
        ({"receptive_field": ()}, "rf", "-"),
        ({"lost": (0, 3)}, "lost", "0x3"),
        ({"lost": (2, 2)}, "lost", "2"),
        ({"lost": (0, 0)}, "lost", "-"),
        ({"outputs": ((4, 8, 8), (4, 8, 8))}, "output", "2 * 4x8x8"),
        ({"outputs": ((4, 8, 8), (9,))}, "output", "4x8x8 + 9"),
        ({"owns_memory": False, "output_bytes": 0}, "memory", "in place"),
        ({"owns_memory": False}, "values", "in place"),
        ({"reads": ("a", "b")}, "reads", "a b"),
        ({"macs": 10**30}, "macs", "1,000,000,000,000,000,000,000,000,000,000"),
    ],
)
def test_a_cell(changes: dict[str, Any], key: str, shown: str) -> None:
    text = render(one(**changes), "plain", columns=["name", key])
    assert f"conv {shown}" in squeezed(text)


def test_columns_that_some_networks_need_appear_where_there_is_something() -> None:
    assert "Lost" not in render(vgg16())
    text = render(blocks())
    for heading in ("Lost", "Frozen", "Shares", "Runs in"):
        assert heading in text
    lines = squeezed(text)
    assert "layer1.1.pool max_pool2d 8x1x2 0 0 0 48 64 18 4 1x0 - -" in lines
    assert "total 1,562 224 34,504 70,338 4,796" in lines
    assert "with training heads 1,854 224 37,960 77,298 4,988" in lines


def test_blocks_are_folded_with_their_sums() -> None:
    lines = squeezed(render(blocks(), "plain", depth=2))
    names = [line.split()[0] for line in body(render(blocks(), "plain", depth=2))]
    assert names == [
        "input",
        "stem",
        "pool",
        "layer1.0",
        "layer1.1",
        "flatten",
        "classifier",
        "auxiliary.conv2d",
    ]
    assert "layer1.0 4 layers 8x3x4 584 0 13,824 28,032 1,152 12 2 - -" in lines
    assert "layer1.1 2 layers 8x1x2 584 0 6,912 13,968 448 18 4 in 1 layer -" in lines
    assert "layer1 6 layers 8x1x2 1,168 0 20,736 42,000 1,600 18 4 in 1 layer -" in squeezed(
        render(blocks(), "plain", depth=1)
    )


def test_folding_keeps_the_sums_and_a_deep_fold_changes_nothing() -> None:
    def sums(depth: int | None) -> list[int]:
        rows = csv.DictReader(StringIO(render(blocks(), "csv", depth=depth)))
        keys = ("params", "weights", "biases", "frozen", "macs", "flops", "values", "memory")
        table = [[int(row[key]) for key in keys] for row in rows]
        return [sum(column) for column in zip(*table, strict=True)]

    assert sums(1) == sums(2) == sums(None)
    assert render(blocks(), depth=9) == render(blocks())


def test_only_neighbours_are_folded() -> None:
    net = Chain(3, 8, 8)
    for name in ("a.x", "a.y", "b", "a.z"):
        net.conv(name, 3)
    text = render(net.summary("n", None, net.totals("b")), "plain", depth=1)
    assert [line.split()[0] for line in body(text)] == ["input", "a", "b", "a.z"]


def test_what_runs_in_training_only_is_not_folded_into_what_always_runs() -> None:
    net = Chain(3, 8, 8)
    net.conv("a.x", 3)
    net.conv("a.y", 3)
    net.conv("a.head", 3, training=True)
    text = render(net.summary("n", None, net.totals("a.x")), "plain", depth=1)
    assert [line.split()[0] for line in body(text)] == ["input", "a", "a.head"]


def test_a_very_long_table_is_drawn_without_rich_and_still_whole() -> None:
    net = Chain(3, 8, 8)
    for number in range(2_100):
        net.conv(f"conv{number}", 3)
    summary = net.summary("n", None, net.totals("conv0"))
    rows = squeezed(render(summary, "table", width=40))
    assert all(f"conv{number} 3×8×8 84 5,184" in rows for number in range(2_100))


def test_csv_holds_bare_whole_numbers_that_add_up() -> None:
    rows = list(csv.DictReader(StringIO(render(vgg16(), "csv"))))
    assert list(rows[0]) == list(COLUMNS)
    assert sum(int(row["macs"]) for row in rows) == 15_470_264_320
    assert sum(int(row["params"]) for row in rows) == 138_357_544
    assert sum(int(row["values"]) for row in rows) == 15_237_608
    assert sum(int(row["memory"]) for row in rows) == 60_950_432
    pool5 = next(row for row in rows if row["name"] == "pool5")
    assert (pool5["output"], pool5["rf"], pool5["jump"]) == ("512x7x7", "212", "32")


def test_json_is_the_summary() -> None:
    text = render(blocks(), "json")
    assert msgspec.json.decode(text.encode(), type=Summary) == blocks()
    data = json.loads(text)
    assert next(iter(data)) == "schema"
    assert data["schema"] == "cnncalc.summary/1"
    assert list(data["layers"]) == list(blocks().layers)
    assert list(data["layers"]["stem"]) == list(LayerSummary.__struct_fields__)
    assert '"output": [8, 7, 9],\n' in text


NASTY = "a|b_<i>&amp;\x1b[2J[/x]{%$#~^\\*`日本"


@pytest.mark.parametrize("format_", TEXTS)
def test_no_name_can_drive_a_terminal(format_: str) -> None:
    net = Chain(3, 8, 8)
    net.conv(NASTY, 4)
    summary = net.summary(NASTY, f"of {NASTY}\nand", net.totals(NASTY))
    text = render(summary, format_)
    assert "\x1b" not in text
    if format_ in ("table", "plain"):
        assert NASTY.replace("\x1b", "\\x1b") in text
        assert len({width(line.rstrip()) for line in body(text)}) == 1


@pytest.mark.parametrize(
    ("format_", "shown"),
    [
        ("markdown", r"| a\|b\_\<i\>\&amp;\\x1b\[2J\[/x\]{%$\#\~^\\\*\`日本 |"),
        ("latex", r"a\textbar{}b\_\textless{}i\textgreater{}\&amp;\textbackslash{}x1b{[}2J{[}/x]"),
        ("html", '<td class="left">a|b_&lt;i&gt;&amp;amp;\\x1b[2J[/x]{%$#~^\\*`日本</td>'),
    ],
)
def test_names_are_escaped_for_the_format(format_: str, shown: str) -> None:
    net = Chain(3, 8, 8)
    net.conv(NASTY, 4)
    assert shown in render(net.summary("n", None, net.totals(NASTY)), format_)


def test_names_are_no_formulas_of_a_spreadsheet() -> None:
    net = Chain(3, 8, 8)
    net.conv("=cmd()", 4)
    text = render(net.summary("n", None, net.totals("=cmd()")), "csv")
    assert "\n'=cmd(),conv2d" in text


def test_markdown_vgg16() -> None:
    lines = squeezed(render(vgg16(), "markdown"))
    assert "## VGG-16" in lines
    assert (
        "| Layer | Kind | Output (C×H×W) | Params | MACs | FLOPs | Memory (bytes) "
        "| RF (px) | Jump (px) |" in lines
    )
    assert (
        "| conv1_1 | conv2d | 64×224×224 | 1,792 | 86,704,128 | 176,619,520 | 12,845,056 "
        "| 3 | 1 |" in lines
    )
    assert "- MACs: 15,470,264,320 15.47 G" in lines
    pipes = [line.count("|") for line in render(vgg16(), "markdown").splitlines() if "|" in line]
    assert set(pipes) == {10}


def test_latex_vgg16() -> None:
    text = render(vgg16(), "latex")
    assert r"\begin{tabular}{lllrrrrrr}" in text
    assert (
        r"conv1\_1 & conv2d & 64$\times$224$\times$224 & 1,792 & 86,704,128 & 176,619,520 "
        r"& 12,845,056 & 3 & 1 \\" in text
    )
    assert [text.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 2, 1]


def test_html_vgg16() -> None:
    text = render(vgg16(), "html")
    assert '<td class="left">conv1_1</td><td class="left">conv2d</td>' in text
    assert "<th>15,470,264,320</th>" in text
    for tag in ("div", "table", "tr", "td", "th", "thead", "tbody", "tfoot", "h3", "p"):
        assert len(re.findall(f"<{tag}[ >]", text)) == text.count(f"</{tag}>")


def test_color_only_when_asked_and_nothing_but_color() -> None:
    bare = render(vgg16(), "table", width=120)
    painted = render(vgg16(), "table", width=120, color=True)
    assert "\x1b" not in bare
    assert "\x1b[" in painted
    plain = re.sub(r"\x1b\[[\d;]*m", "", painted)
    assert squeezed(plain) == squeezed(bare)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"largest_batch_inference": 0}, "inference 0 not even one image fits"),
        ({"peak_bytes": 30_720}, "activations, peak 30,720 bytes 0.0293 MiB at conv1_2"),
        ({"peak_bytes": 0}, "activations, peak 0 bytes 0.0 MiB at conv1_2"),
        ({"peak_bytes": 1}, "activations, peak 1 bytes 0.000001 MiB at conv1_2"),
    ],
)
def test_memory_of(changes: dict[str, Any], line: str) -> None:
    summary = vgg16()
    memory = msgspec.structs.replace(summary.totals.memory, **changes)
    totals = msgspec.structs.replace(summary.totals, memory=memory)
    text = render(msgspec.structs.replace(summary, totals=totals))
    assert line in squeezed(text)


def test_what_is_not_trained_has_no_training_memory() -> None:
    assert "in training" not in render(one())


def test_several_inputs_and_a_batch_are_named() -> None:
    inputs: dict[str, tuple[int, ...]] = {"left": (3, 8, 8), "right": (1, 9)}
    summary = msgspec.structs.replace(one(), inputs=inputs, batch=1024, dtype="int8")
    assert "inputs left 3x8x8, right 1x9, batch 1,024, int8 (1 byte)" in render(summary)


def test_only_the_table_imports_rich() -> None:
    code = (
        "import sys; sys.path.insert(0, 'tests'); import report_networks as n; "
        "from cnncalc.report import render\n"
        "for format in ('plain', 'markdown', 'csv', 'json', 'latex'): render(n.vgg16(), format)\n"
        "render(n.vgg16(), formulas=True)\n"
        "print([name for name in ('rich', 'numpy', 'click', 'yaml') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
