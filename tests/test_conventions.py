"""What other tools print, as recorded from the tools themselves, and the ledgers that lead there.

tests/verify/test_reconciliation.py runs the tools. Here are their figures for torchvision's own
classes, untrained, one image: torchvision 0.29.2, torch 2.13.0, and the versions in `VERSIONS`.
"""

import json
import re
import tomllib
from pathlib import Path

import pytest
from command_line import complaint, run

from cnncalc.analysis.conventions import CONVENTIONS
from cnncalc.analysis.reconciliation import NotComparable, Reconciliation, reconcile
from cnncalc.api import load

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "reconciliation.md").read_text(encoding="utf-8")

VERSIONS = {
    "torchinfo": "1.8.0",
    "fvcore": "0.1.5.post20221221",
    "thop": "0.1.1.post2209072238",
    "ptflops": "0.7.5",
    "ptflops-aten": "0.7.5",
    "onnx-tool": "1.0.1",
    "calflops": "0.3.2",
    "torch": "2.13.0",
}

#: In the order of `VERSIONS`. Inception v3 at 299, all others at 224.
PRINTED = {
    "vgg16": [15_483_821_032, 15_470_289_408, 15_470_314_496, 15_523_225_576,
              15_483_821_032, 15_489_966_592, 30_973_778_432, 30_940_528_640],
    "resnet50": [4_089_238_376, 4_111_512_576, 4_133_742_592, 4_132_436_968,
                 4_089_185_256, 4_106_220_008, 8_211_108_352, 8_178_368_512],
    "googlenet": [1_498_391_752, 1_504_878_688, 1_511_332_032, 1_513_907_448,
                  1_498_377_192, 1_514_206_936, 3_009_356_752, 2_996_752_384],
    "mobilenet_v2": [300_809_384, 314_193_216, 327_486_720, 320_300_008,
                     300_775_272, 313_264_960, 614_967_488, 601_548_544],
    "densenet121": [2_834_246_312, 2_865_546_752, 2_897_007_104, 2_899_843_048,
                    2_834_162_664, 3_179_422_720, 5_716_881_152, 5_668_323_328],
    "alexnet": [714_682_664, 714_197_696, 714_206_912, 716_441_128,
                714_682_664, 715_979_944, 1_429_741_184, 1_428_376_960],
    "inception_v3": [5_713_251_528, 5_731_282_144, 5_749_219_168, 5_747_660_552,
                     5_713_217_096, 5_746_715_016, 11_458_393_728, 11_426_432_192],
    "efficientnet_b0": [385_867_108, 401_659_392, 415_145_024, 410_196_896,
                        385_825_092, 594_198_588, 793_641_400, 771_629_504],
    "shufflenet_v2_x1_0": [144_925_172, 148_808_392, 152_708_792, 152_387_568,
                           144_908_992, 147_124_576, 295_505_472, 289_815_984],
    "mnasnet1_0": [314_454_792, 325_329_152, 336_242_432, 334_926_312,
                   314_416_872, 319_568_320, 644_543_104, 628_831_744],
}  # fmt: skip

FIGURES = [
    (network, tool, figure)
    for network, figures in PRINTED.items()
    for tool, figure in zip(VERSIONS, figures, strict=True)
]


def reconciled(spec: str, tool: str) -> Reconciliation:
    graph = load(spec).graph
    assert graph is not None
    return reconcile(graph, tool)


@pytest.mark.parametrize(("network", "tool", "figure"), FIGURES)
def test_what_the_tool_prints(network: str, tool: str, figure: int) -> None:
    result = run("summarize", network, "--convention", tool, "--get", "totals.macs")
    assert (result.exit_code, result.stdout) == (0, f"{figure}\n")


@pytest.mark.parametrize("tool", VERSIONS)
def test_the_ledger_adds_up(tool: str) -> None:
    result = run("summarize", "googlenet", "--convention", tool, "--format", "json")
    found = json.loads(result.stdout)
    added = sum(entry["amount"] for entry in found["ledger"])
    assert (
        found["macs"] + added
        == found["totals"]["macs"]
        == PRINTED["googlenet"][list(VERSIONS).index(tool)]
    )
    assert found["macs"] == 1_498_376_192
    assert found["version"] == VERSIONS[tool]


def test_the_ledger_of_vgg16() -> None:
    """Every row by hand: 13 + 3 biases, 13 + 2 ReLUs, 5 + 1 poolings."""
    ledger = reconciled("vgg16", "ptflops").ledger
    assert [(entry.layers, entry.amount) for entry in ledger] == [
        (16, 13_547_520 + 9_192),
        (15, 13_547_520 + 8_192),
        (15, 13_547_520 + 8_192),
        (6, 6_121_472 + 25_088),
        (6, 6_121_472 + 25_088),
    ]


def test_what_training_adds_to_an_export() -> None:
    """onnx-tool 1.0.1 printed 15,503,523,304 for a VGG-16 whose biases are random."""
    found = reconciled("vgg16", "onnx-tool")
    assert found.totals.macs + found.trained == 15_503_523_304
    text = run("summarize", "vgg16", "--convention", "onnx-tool").stdout
    assert "15,489,966,592" in text
    assert "15,503,523,304" in text


def test_what_is_counted_as_nothing() -> None:
    ignored = {row.kind: (row.layers, row.flops) for row in reconciled("vgg16", "thop").ignored}
    assert ignored == {"relu": (15, 13_555_712), "max_pool2d": (5, 3 * 1_530_368)}


def test_a_ledger_fits_a_terminal() -> None:
    for network in PRINTED:
        for tool in VERSIONS:
            text = run("summarize", network, "--convention", tool).stdout
            lines = text.splitlines()
            assert max(map(len, lines)) <= 80, f"{network} {tool}"


def test_markdown_has_the_same_rows() -> None:
    text = run("summarize", "vgg16", "--convention", "fvcore", "--format", "markdown").stdout
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("|")]
    assert [[cell.strip() for cell in row] for row in rows[2:]] == [
        ["exact MACs: convolution and linear layers", "16", "15,470,264,320"],
        ["+ adaptive average pooling, 1 per input value", "1", "25,088"],
        ["= flops of fvcore", "", "15,470,289,408"],
    ]


def test_a_spec_that_extends_a_family_is_written_as_the_family(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text("extends: googlenet\nname: ten\nparameters: {classes: 10}\n")
    ten = run("summarize", str(path), "--convention", "ptflops", "--format", "json").stdout
    thousand = reconciled("googlenet", "ptflops")  # as modules: ReLUs count twice
    assert json.loads(ten)["code"]["functions"] == ["*relu*"]
    assert thousand.code.functions == ()
    relu_values = 3_226_160
    assert thousand.totals.macs == PRINTED["googlenet"][3] + relu_values


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("lenet5", "--convention", "thop"), "PyTorch has no module"),
        (("convnext_tiny", "--convention", "torchinfo"), "layer_scale"),
        (("vgg16", "--convention", "torchsummary"), "is not one of"),
        (("vgg16", "--convention", "thop", "--depth", "2"), "--depth"),
        (("vgg16", "--convention", "thop", "--batch", "8"), "--batch"),
        (("vgg16", "--convention", "thop", "--format", "csv"), "markdown"),
        (("vgg16", "--convention", "thop", "--get", "totals.params"), "there is: macs"),
    ],
)
def test_what_has_no_answer(args: tuple[str, ...], words: str) -> None:
    assert words in " ".join(complaint("summarize", *args).split())


def test_a_layer_nobody_knows_is_an_error_not_a_zero() -> None:
    with pytest.raises(NotComparable, match="depends on how it is written"):
        reconciled("hidden_locally_connected", "torch")


def test_the_versions_are_those_that_are_pinned() -> None:
    assert {name: row.version for name, row in CONVENTIONS.items()} == VERSIONS
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = dict(
        pin.split("==") for pin in project["optional-dependencies"]["verify"] if "==" in pin
    )
    for name, version in VERSIONS.items():
        assert pins[name.removesuffix("-aten")] == version
        assert f"{version}" in PAGE


def test_the_page_has_the_five_networks() -> None:
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", PAGE, re.M)
    table = {name: row.split("|") for name, row in rows if name in PRINTED}
    assert len(table) == 5
    for name, cells in table.items():
        assert [int(cell.replace(",", "")) for cell in cells[1:]] == PRINTED[name]


def test_the_page_shows_where_tools_are_wrong(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    compared = 0
    for section in PAGE.split("\n```yaml ")[1:]:
        text = section.partition("\n")[2].partition("\n```")[0]
        path.write_text(text, encoding="utf-8")
        for tool, printed, exact in re.findall(r"^\| `(\S+)` \| ([\d,]+) \| ([\d,]+) \|$",
                                               section, re.M):  # fmt: skip
            found = reconciled(str(path), tool)
            assert f"{found.totals.macs:,}" == printed, tool
            assert f"{found.macs * (2 if found.unit == 'FLOPs' else 1):,}" == exact, tool
            compared += 1
    assert compared == 9
