"""`cnncalc sizes`: every size agrees with really loading the spec at that size."""

import json
import random
import re
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from cnncalc.analysis.alignment import misaligned
from cnncalc.analysis.notes import notes
from cnncalc.analysis.portability import Placing, ports
from cnncalc.analysis.sizes import Size, Survey, survey
from cnncalc.cli import cli
from cnncalc.diagnostics import Findings
from cnncalc.graph import Graph
from cnncalc.report.ranges import said
from cnncalc.spec import load

#: A spec whose layers depend on the size: its linear layer has a unit for each position.
LATE = """
name: late
input: [3, 32, 32]
layers:
  - conv2d: {out_channels: 8, kernel_size: 3, stride: 2}
  - flatten
  - linear: {out_features: channels // 8}
  - {relu, when: channels > 100}
  - reshape: {shape: [5, -1]}                             # the image is a multiple of 5
"""
SHARED = """
name: shared
inputs: {left: [1, 20, 24], right: [1, 20, 24]}
layers:
  - sequential: [{max_pool2d: {kernel_size: 2}}, flatten, {linear: {out_features: 5}}]
    name: a
    from: left
  - sequential:
      - max_pool2d: {kernel_size: 2, ceil_mode: true}     # the same for even sizes only
      - flatten
      - linear: {out_features: 5}
    name: b
    from: right
    share: a
  - {sub, from: [a, b]}
"""
PIECES = """
name: pieces
input: [2, 9, 9]
layers:
  - {chunk: {chunks: 3, axis: 1}, name: thirds}
  - concat
  - conv2d: {out_channels: 3, kernel_size: 2, stride: 3}
"""
FIXED = """
name: fixed
input: [3, 16, 16]
layers:
  - conv2d: {out_channels: 4, kernel_size: 3, stride: 2, padding: same}
  - flatten
  - reshape: {shape: [4, 8, 8]}
"""
SIGNAL = """
name: signal
input: [1, 100]
layers:
  - conv1d: {out_channels: 4, kernel_size: 5, stride: 3}
  - avg_pool1d: {kernel_size: 2}
"""
HOURGLASS = """
name: hourglass
input: [4, 24, 24]
layers:
  - add:
      below:
        - max_pool2d: {kernel_size: 2}
        - conv2d: {out_channels: 4, kernel_size: 3, padding: same, stride: 2}
        - upsample: {scale_factor: 4}
      beside: identity
"""
WRITTEN = {
    "late": LATE, "shared": SHARED, "pieces": PIECES, "fixed": FIXED, "signal": SIGNAL,
    "hourglass": HOURGLASS,
}  # fmt: skip
BUILT_IN = [
    "vgg16", "resnet50", "resnet50_v1", "alexnet", "alexnet_2012", "googlenet", "googlenet_2014",
    "unet", "densenet121", "lenet5", "squeezenet1_0", "mobilenet_v2", "hidden_locally_connected",
]  # fmt: skip


@pytest.fixture(scope="module")
def specs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where each spec is found, by its name."""
    folder = tmp_path_factory.mktemp("specs")
    for name, text in WRITTEN.items():
        (folder / f"{name}.yaml").write_text(text)
    return {name: str(folder / f"{name}.yaml") for name in WRITTEN} | {n: n for n in BUILT_IN}


def surveyed(spec: str, last: int, axis: str | None = None, first: int = 1) -> Survey:
    graph = load(spec).graph
    assert graph is not None

    def rebuild(inputs: dict[str, tuple[int, ...]]) -> Graph | Findings:
        loaded = load(spec, shape=inputs)
        return loaded.graph or loaded.findings

    return survey(graph, rebuild, first=first, last=last, axis=axis)


def assert_as_loaded(spec: str, size: Size) -> None:
    """Every claim about a size is what the spec says when it is loaded at that size."""
    loaded = load(spec, shape=size.inputs)
    graph = loaded.graph
    assert size.legal == (graph is not None)
    if graph is None:
        first = loaded.findings[0]
        assert size.refusal is not None
        assert first.rule.name == "share-mismatch" or first.message == size.refusal.message
        return
    lost = {n.name: n.layer.remainder(n.input_shapes) for n in graph.nodes}
    assert {loss.layer: loss.lost for loss in size.losses} == {
        name: rows for name, rows in lost.items() if any(rows)
    }
    findings = Findings()
    notes(graph, findings)
    assert [f"{merge.layer}: {merge.message}" for merge in size.merges] == [
        f.message for f in findings if f.rule.name in ("misaligned", "mixed-strides")
    ]
    home = load(spec).graph
    assert home is not None
    shapes, others = (
        [(n.name, n.layer.weights(n.input_shapes)) for n in g.nodes] for g in (home, graph)
    )
    same = [s for s in shapes if s[1]] == [s for s in others if s[1]]
    assert size.same_weights == same


@pytest.mark.parametrize("name", [*WRITTEN, *BUILT_IN])
def test_every_size_is_as_loaded(name: str, specs: dict[str, str]) -> None:
    found = surveyed(specs[name], last=300)
    chosen = random.Random(name).sample(found.sizes, 8 if name in BUILT_IN else 60)
    assert found.smallest is None or found.smallest.legal
    edge = [found.smallest, found.below] if found.smallest and found.below else []
    for size in [*chosen, *edge]:
        assert_as_loaded(specs[name], size)
    assert_as_loaded(specs[name], found.home)


@pytest.mark.parametrize("name", ["shared", "late", "hourglass", "vgg16", "unet"])
@pytest.mark.parametrize("axis", ["height", "width"])
def test_every_size_of_one_axis_is_as_loaded(name: str, axis: str, specs: dict[str, str]) -> None:
    found = surveyed(specs[name], last=200, axis=axis)
    index = ["height", "width"].index(axis) + 1
    for size in random.Random(name + axis).sample(found.sizes, 8):
        for (_, was), now in zip(found.home.inputs.items(), size.inputs.values(), strict=True):
            assert now[index] == size.size
            assert now[3 - index] == was[3 - index]
        assert_as_loaded(specs[name], size)


@pytest.mark.parametrize(
    ("name", "smallest", "best"),
    [
        ("vgg16", 32, range(32, 1025, 32)),
        ("resnet50", 1, range(1, 1025, 32)),
        ("alexnet_2012", 67, range(67, 1025, 32)),
        ("unet", 188, range(188, 1025, 16)),  # 572 of figure 1 is one of them
        ("lenet5", 32, range(32, 1025, 4)),
    ],
)
def test_which_sizes_fit(name: str, smallest: int, best: range) -> None:
    found = surveyed(name, last=1024)
    assert found.smallest is not None
    assert found.smallest.size == smallest
    assert [size.size for size in found.sizes if size.clean] == list(best)


def test_what_refuses_the_size_below_the_smallest() -> None:
    found = surveyed("vgg16", last=40)
    assert found.below is not None
    assert found.below.refusal is not None
    assert found.below.size == 31
    assert found.below.refusal.layer == "pool5"
    assert "the kernel spans 2 along H" in found.below.refusal.message


@pytest.mark.parametrize(("factor", "alike"), [(2, True), (600, False)])
def test_fields_that_are_the_same_for_all_sizes(factor: int, alike: bool, tmp_path: Path) -> None:
    # fields that repeat only after more positions than are followed may depend on the size
    spec = tmp_path / "wide.yaml"
    spec.write_text(
        "name: wide\ninput: [1, 8, 8]\nlayers:\n  - add:\n      far:\n"
        f"        - upsample: {{scale_factor: {factor}}}\n"
        f"        - max_pool2d: {{kernel_size: {factor}}}\n      near: identity\n"
    )
    graph = load(str(spec)).graph
    assert graph is not None
    assert misaligned(graph)[1] is alike


def test_heads_that_run_in_training_only_need_more() -> None:
    found = surveyed("googlenet_2014", last=60)
    assert found.smallest is not None
    assert (found.smallest.size, found.smallest_in_inference) == (47, 31)
    assert "in inference    3x31x31, without the heads" in run("googlenet_2014").output


def test_where_the_weights_are_those_of_the_home_input() -> None:
    found = surveyed("alexnet_2012", last=300)
    assert found.resized == ("fc6",)
    # ((N − 11)//4 + 1 … )//2 three times is 6 for these
    assert [size.size for size in found.sizes if size.same_weights and size.legal] == list(
        range(227, 259)
    )
    assert surveyed("vgg16", last=64).resized == ()


def test_padding_is_told_from_the_image() -> None:
    losses = {loss.layer: loss for loss in surveyed("resnet50", last=1).home.losses}
    assert losses["conv2d"].padding == losses["conv2d"].lost == (1, 1)
    assert losses["layer2.0.shortcut.conv2d"].padding == (0, 0)


def test_padding_behind_is_what_is_lost(tmp_path: Path) -> None:
    spec = tmp_path / "behind.yaml"
    spec.write_text(
        "name: behind\ninput: [1, 16, 15]\nlayers:\n  - conv2d: {out_channels: 1, "
        "kernel_size: 2, stride: 2, padding: [[0, 1], [1, 0]]}\n"
    )
    (loss,) = surveyed(str(spec), last=1).home.losses
    assert (loss.lost, loss.padding) == ((1, 0), (1, 0))


def test_a_thousand_sizes_of_resnet50_in_one_walk() -> None:
    begin = time.process_time()
    assert len(surveyed("resnet50", last=1024).sizes) == 1024
    assert time.process_time() - begin < 10  # it takes a third of one; loading each size, 30


# ------------------------------------------------------------------------------------ portability


def placed(name: str, shape: tuple[int, ...] | None = None) -> dict[tuple[str, str], tuple]:  # type: ignore[type-arg]
    graph = load(name, shape=shape).graph
    assert graph is not None
    return {(p.layer, p.axis): (p.here, p.caffe, p.tensorflow, p.onnx) for p in ports(graph)}


def test_resnet50_in_other_frameworks() -> None:
    found = placed("resnet50")
    assert found["conv2d", "H"] == (Placing(112, 3, 3), None, Placing(112, 2, 3), None)
    assert found["max_pool2d", "W"] == (
        Placing(56, 1, 1), Placing(57, 1, 1), Placing(56, 0, 1), None
    )  # fmt: skip
    assert {layer for layer, _ in found} == {
        "conv2d", "max_pool2d", *(f"layer{n}.0.residual.conv2d_2" for n in (2, 3, 4))
    }  # fmt: skip


@pytest.mark.parametrize("name", ["vgg16", "alexnet_2012", "lenet5"])
def test_networks_that_are_the_same_everywhere(name: str) -> None:
    assert placed(name) == {}


def test_pools_that_caffe_rounds_up() -> None:
    found = placed("vgg16", (3, 225, 224))
    assert found == {("pool1", "H"): (Placing(112, 0, 0), Placing(113, 0, 0), None, None)}


def test_a_last_window_beyond_the_image(tmp_path: Path) -> None:
    # Caffe drops it only where there is padding; PyTorch always
    spec = tmp_path / "beyond.yaml"
    spec.write_text(
        "name: beyond\ninput: [1, 4, 5]\nlayers:\n"
        "  - max_pool2d: {kernel_size: 1, stride: 2, ceil_mode: true}\n"
    )
    graph = load(str(spec)).graph
    assert graph is not None
    (found,) = ports(graph)
    assert (found.axis, found.here.windows) == ("H", 2)
    assert found.caffe == found.onnx == Placing(3, 0, 0)


def test_a_last_window_in_the_padding(tmp_path: Path) -> None:
    # the case of microsoft/onnxruntime#15446: PyTorch makes 2×3×2, ONNX before 1.16 2×3×3
    spec = tmp_path / "clip.yaml"
    spec.write_text(
        "name: clip\ninput: [2, 3, 6, 5]\nlayers:\n"
        "  - max_pool3d: {kernel_size: 3, padding: 1, ceil_mode: true}\n"
    )
    graph = load(str(spec)).graph
    assert graph is not None
    assert graph.nodes[1].output_shapes == ((2, 2, 3, 2),)
    found = {p.axis: p for p in ports(graph)}
    assert found["W"].onnx == Placing(3, 1, 1)
    assert "H" not in found or found["H"].onnx is None


# ------------------------------------------------------------------------------------ how it reads


@given(
    st.integers(1, 50),
    st.integers(1, 200),
    st.one_of(
        st.sets(st.integers(1, 250)),
        st.builds(
            lambda period, left: {n for n in range(1, 251) if n % period in left},
            st.integers(1, 40),
            st.sets(st.integers(0, 40), min_size=1),
        ),
    ),
)
def test_what_is_said_of_a_set_of_sizes_is_true(first: int, count: int, chosen: set[int]) -> None:
    among = list(range(first, first + count))
    members = [n for n in among if n in chosen]
    text = said(members, among)
    if "…" in text:  # only examples
        return
    assert [n for n in among if holds(text, n)] == members


def holds(text: str, number: int) -> bool:
    """Whether what is said of sizes is true of one."""
    if text in ("all", "none"):
        return text == "all"
    found = re.fullmatch(r"(?:N mod (\d+) ([=≠]) )?(.*)", text)
    assert found
    value = number % int(found[1]) if found[1] else number
    parts = [part.split(" to ") for part in found[3].split(", ")]
    inside = any(int(part[0]) <= value <= int(part[-1]) for part in parts)
    return inside != (found[2] == "≠")


def run(*args: str, text: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["sizes", *args], input=text)


def test_the_report_on_alexnet() -> None:
    result = run("alexnet_2012")
    assert result.exit_code == 0
    lines = result.output.split("\n")
    assert "lose nothing    30 of 958: N mod 32 = 3 (67, 99, 131, …, 995)" in lines
    assert "nearest to 227  227 itself" in lines
    assert (
        "params          change with the input (weights of fc6); as for 3x227x227: "
        "32 of 958: 227 to 258"
    ) in lines
    assert "pool2     1        0    478  N mod 16 = 0 to 2, 11 to 15" in lines


def test_the_report_on_unet_names_its_merges() -> None:
    output = run("unet").output
    assert "merges aligned  106 of 837: N mod 16 = 12, 13 (188, 189, 204, …, 1,021)" in output
    assert re.search(r"up_2.concat +416  N mod 16 = 4 to 11 .* have centres 4 image rows", output)


def test_the_report_on_an_input_that_is_not_square() -> None:
    output = run("vgg16", "--axis", "width", "--input", "3x200x100", "--from", "90").output
    assert "inputs 3x200xN, N from 90 to 1,024" in output
    assert "lose nothing    none" in output
    assert re.search(r"along width +30 of 935: N mod 32 = 0 ", output)
    assert "nearest to 100  96 and 128" in output
    assert "this input      3x200x100 loses 0x1 in pool3, 1x0 in pool4" in output


def test_json_has_every_size() -> None:
    found = json.loads(run("vgg16", "--from", "31", "--to", "33", "--format", "json").output)
    assert [size["size"] for size in found["sizes"]] == [31, 32, 33]
    assert found["sizes"][0]["refusal"]["layer"] == "pool5"
    assert found["sizes"][2]["losses"] == [{"layer": "pool1", "lost": [1, 1], "padding": [0, 0]}]
    assert found["smallest"]["size"] == 32
    assert found["ports"] == []


def test_a_spec_from_standard_input_is_read_once() -> None:
    output = run("-", "--to", "40", text=LATE).output
    assert "legal           6 of 40: 11, 12, 21, 22, 31, 32" in output


@pytest.mark.parametrize(
    ("args", "code", "text"),
    [
        (["vgg16", "--axis", "depth"], 2, "the input has no depth to vary"),
        (["vgg16", "--from", "9", "--to", "3"], 2, "--from 9 is more than --to 3"),
        (["vgg16", "--to", "5"], 0, "none up to 5: pool3: the kernel spans 2"),
        (["vgg16", "--input", "3x20x20"], 1, "CNN203"),
        (["no_such_network"], 3, "CNN001"),
    ],
)
def test_exit_codes(args: list[str], code: int, text: str) -> None:
    result = run(*args)
    assert result.exit_code == code
    assert text in result.output


def test_an_input_without_axes() -> None:
    flat = "name: flat\ninput: [784]\nlayers:\n  - linear: {out_features: 10}\n"
    result = run("-", text=flat)
    assert result.exit_code == 2
    assert "the input has no height or width to vary" in result.output


EXAMPLES = re.findall(
    r"```console\n\$ cnncalc (.*)\n((?s:.*?))```",
    (Path(__file__).parent.parent / "docs" / "sizes.md").read_text(encoding="utf-8"),
)


@pytest.mark.parametrize(("line", "output"), EXAMPLES)
def test_the_documentation_shows_what_is_printed(line: str, output: str) -> None:
    assert CliRunner().invoke(cli, line.split()).output == output
