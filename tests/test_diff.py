"""`cnncalc diff`: what came, what went, what changed, and files at a git revision."""

import json
import os
import random
import re
import subprocess
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from shutil import which

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from cnncalc.analysis.difference import Difference, Side, difference
from cnncalc.analysis.matching import longest_common, match
from cnncalc.analysis.summarize import summarize
from cnncalc.cli import cli
from cnncalc.report.difference import render
from cnncalc.spec import load

BASE = """
name: base
input: [3, 32, 32]
layers:
  - {conv2d: {out_channels: 8, kernel_size: 3, padding: 1}, name: stem}
  - relu
  - {conv2d: {out_channels: 8, kernel_size: 3, padding: 1}, name: body}
  - relu
  - add: {left: [{conv2d: {out_channels: 8, kernel_size: 1}, name: one}], right: identity}
  - max_pool2d: {kernel_size: 2}
  - flatten
  - {linear: {out_features: 10}, name: fc}
"""


def side(spec: str) -> Side:
    graph = load(spec).graph
    assert graph is not None
    return Side(spec, graph, summarize(graph))


def compared(before: str, after: str) -> Difference:
    return difference(side(before), side(after))


def seen(found: Difference) -> list[tuple[str, str]]:
    return [(change.sort, change.name) for change in found.changes]


@pytest.fixture
def edited(tmp_path: Path) -> Callable[..., Difference]:
    """The difference that replacing text in BASE makes."""

    def edit(*replacements: tuple[str, str]) -> Difference:
        text = BASE
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new, 1)
        (tmp_path / "before.yaml").write_text(BASE)
        (tmp_path / "after.yaml").write_text(text)
        return compared(str(tmp_path / "before.yaml"), str(tmp_path / "after.yaml"))

    return edit


# --------------------------------------------------------------------------------------- networks


def test_alexnet_without_layer_7() -> None:
    found = compared("alexnet", "alexnet_without_fc7")
    assert seen(found) == [("removed", "dropout_2"), ("removed", "fc7"), ("removed", "relu_7")]
    assert [change.delta("params") for change in found.changes] == [0, -16_781_312, 0]
    assert found.after.totals.params - found.before.totals.params == -16_781_312


def test_a_stride_that_moved() -> None:
    found = compared("resnet50", "resnet50_v1")
    moved = {change.name: change.options for change in found.changes if change.options}
    assert moved == {
        f"layer{stage}.0.residual.conv2d{which}": {"stride": values}
        for stage in (2, 3, 4)
        for which, values in (("", ("1", "2")), ("_2", ("2", "1")))
    }
    assert {change.sort for change in found.changes} == {"changed", "field"}
    assert sum(change.delta("macs") for change in found.changes) == 3_857_973_248 - 4_089_184_256


def test_a_network_without_its_shortcuts() -> None:
    gone = [change for change in compared("resnet34", "plain34").changes if change.before]
    assert all(change.sort in ("removed", "renamed") for change in gone)
    removed = [change.name for change in gone if change.sort == "removed"]
    assert [name for name in removed if "shortcut" not in name] == [
        f"layer{stage}.{block}.add"
        for stage, blocks in ((1, 3), (2, 4), (3, 6), (4, 3))
        for block in range(blocks)
    ]
    assert len(removed) == 16 + 3 * 2


def test_layers_come_with_the_relu_after_them() -> None:
    added = [change for change in compared("vgg16", "vgg19").changes if change.sort == "added"]
    assert [change.name for change in added] == [
        "conv3_4", "relu_8", "conv4_4", "relu_12", "conv5_4", "relu_16"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("vgg16", "vgg16_bn"), ("resnet18", "resnet152"), ("vgg11", "densenet121"),
        ("squeezenet1_0", "squeezenet1_1"), ("alexnet", "alexnet_2012"),
        ("mobilenet_v2", "mobilenet_v3_large"), ("lenet5", "unet"),
    ],
)  # fmt: skip
def test_layers_add_up_to_the_totals(before: str, after: str) -> None:
    one, other = compared(before, after), compared(after, before)
    for field in ("params", "macs", "flops", "trainable"):
        total = getattr(one.after.totals, field) - getattr(one.before.totals, field)
        assert sum(change.delta(field) for change in one.changes) == total
        assert sum(change.delta(field) for change in other.changes) == -total
    counts = len(one.before.totals.outputs), len(one.after.totals.outputs)
    assert counts == (1, 1)
    removed, added = (
        sum(change.sort == sort for change in one.changes) for sort in ("removed", "added")
    )
    assert added - removed == one.after.totals.layers - one.before.totals.layers


@pytest.mark.parametrize("name", ["vgg16", "googlenet_2014", "unet"])
def test_a_network_is_the_same_as_itself(name: str) -> None:
    found = compared(name, name)
    assert not found.differs
    assert found.same == sum(node.layer.kind != "input" for node in side(name).graph.nodes)


# ------------------------------------------------------------------------------------------ edits


@pytest.mark.parametrize(
    ("replacements", "expected"),
    [
        ([("  - relu\n", "  - relu\n  - dropout\n")], [("added", "dropout")]),
        ([("  - relu\n", "")], [("removed", "relu")]),
        ([("name: body", "name: trunk")], [("renamed", "trunk")]),
        ([("out_features: 10", "out_features: 12")], [("changed", "fc")]),
        ([("  - relu\n", "  - sigmoid\n")], [("removed", "relu"), ("added", "sigmoid")]),
        ([("{kernel_size: 2}", "{kernel_size: 2, ceil_mode: true}")], [("changed", "max_pool2d")]),
        (
            [("name: body}", "name: body}\n  - dropout")],
            [("added", "dropout")],
        ),
        # the sum reads the stem itself, so the relu after it needs memory of its own
        (
            [("right: identity", "right: [{identity, from: stem}]")],
            [("changed", "relu"), ("rewired", "add")],
        ),
        # the pool, which is the same, goes before the sum
        (
            [("  - max_pool2d: {kernel_size: 2}\n", ""),
             ("  - add", "  - max_pool2d: {kernel_size: 2}\n  - add")],
            [("removed", "left.one"), ("removed", "add"), ("added", "left.one"), ("added", "add")],
        ),
    ],
)  # fmt: skip
def test_an_edit(
    replacements: list[tuple[str, str]],
    expected: list[tuple[str, str]],
    edited: Callable[..., Difference],
) -> None:
    found = edited(*replacements)
    shown = [(sort, name.removeprefix("add.")) for sort, name in seen(found) if sort != "field"]
    assert shown == expected
    assert found.differs


def test_options_are_shown_as_a_spec_has_them(edited: Callable[..., Difference]) -> None:
    found = edited(("kernel_size: 3, padding: 1}, name: body", "kernel_size: 5, padding: half, "
                    "bias: false}, name: body"))  # fmt: skip
    (change,) = [change for change in found.changes if change.name == "body"]
    assert change.options == {
        "kernel_size": ("3", "5"), "padding": ("1", "half"), "bias": ("true", "false")
    }  # fmt: skip
    assert change.before is not None
    assert change.after is not None
    assert (change.before.receptive_field, change.after.receptive_field) == ((5, 5), (7, 7))


def test_layers_that_only_see_more(edited: Callable[..., Difference]) -> None:
    found = edited(("kernel_size: 3, padding: 1}, name: stem", "kernel_size: 5, padding: 2}, "
                    "name: stem"))  # fmt: skip
    assert seen(found)[0] == ("changed", "stem")
    assert {sort for sort, _ in seen(found)[1:]} == {"field"}


# --------------------------------------------------------------------------------------- matching


items = st.lists(st.integers(0, 3), max_size=12)


@given(items, items)
def test_pairs_do_not_cross(one: list[int], other: list[int]) -> None:
    pairs = match([([(key, n) for n, key in enumerate(one)], other), (one, other)])
    assert all(one[i] == other[j] for i, j in pairs)
    assert all(a < c and b < d for (a, b), (c, d) in pairwise(pairs))
    assert bool(pairs) == bool({*one} & {*other})


@given(items, items)
def test_common_items_are_as_many_as_can_be(one: list[int], other: list[int]) -> None:
    best = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i, x in enumerate(one):
        for j, y in enumerate(other):
            longer = max(best[i][j + 1], best[i + 1][j])
            best[i + 1][j + 1] = best[i][j] + 1 if x == y else longer
    pairs = longest_common(one, other)
    assert all(one[i] == other[j] for i, j in pairs)
    assert all(a < c and b < d for (a, b), (c, d) in pairwise(pairs))
    assert len(pairs) == best[-1][-1]


@given(st.lists(st.integers(), unique=True, max_size=30), st.data())
def test_unique_items_are_matched_in_the_longest_order(one: list[int], data: st.DataObject) -> None:
    other = data.draw(st.permutations(one))
    pairs = match([(one, other)])
    place = {key: n for n, key in enumerate(other)}
    rising: list[int] = []
    for key in one:
        rising.append(1 + max((rising[n] for n, k in enumerate(one[: len(rising)])
                               if place[k] < place[key]), default=0))  # fmt: skip
    assert len(pairs) == max(rising, default=0)


def test_a_long_chain_is_matched_in_linear_time() -> None:
    draw = random.Random(1)
    one = [draw.randrange(3) for _ in range(100_000)]
    other = [key for key in one if draw.random() > 0.001]
    begin = time.process_time()
    pairs = match([(range(100_000), range(-len(other), 0)), (one, other)])
    assert time.process_time() - begin < 60  # it takes a few; quadratic time is hours
    assert len(pairs) == len(other)


# ------------------------------------------------------------------------------------ how it reads


def run(*args: str, text: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["diff", *args], input=text)


def test_the_lectures_question_at_a_glance() -> None:
    result = run("alexnet", "alexnet-without-fc7")
    assert result.exit_code == 0
    lines = result.output.split("\n")
    assert lines[:2] == [
        "AlexNet -> AlexNet without layer 7",
        "-16,781,312 params (-16.78 M, -27.5 %), -16,777,216 MACs (-16.78 M, -2.3 %)",
    ]
    assert "-  fc7        linear   4096    -16,781,312  -16,777,216  -16,384  355" in lines
    assert "19 layers are the same." in lines
    assert "params                 61,100,840     44,319,528   -16,781,312  -27.5 %" in lines
    assert result.output.isascii()


def test_a_comment_on_a_pull_request() -> None:
    lines = run("alexnet", "alexnet_without_fc7", "--format", "markdown").output.split("\n")
    assert lines[0] == "### AlexNet → AlexNet without layer 7"
    rows = [line for line in lines if line.startswith("|")]
    assert {row.count("|") for row in rows[:14]} == {6}
    assert {row.count("|") for row in rows[14:]} == {9}
    assert any(row.startswith("| -   | fc7 ") for row in rows)


def test_json_has_every_change() -> None:
    found = json.loads(run("resnet50", "resnet50_v1", "--format", "json").output)
    assert found["schema"] == "cnncalc.diff/1"
    first = found["changes"][0]
    assert (first["name"], first["options"]) == (
        "layer2.0.residual.conv2d", {"stride": ["1", "2"]}
    )  # fmt: skip
    assert first["before"]["outputs"] == [[128, 56, 56]]
    assert first["after"]["outputs"] == [[128, 28, 28]]
    assert found["after"]["totals"]["macs"] == 3_857_973_248


def test_a_narrow_terminal_still_shows_options() -> None:
    found = compared("resnet50", "resnet50_v1")
    wide, narrow = (render(found, "table", width=width) for width in (140, 90))
    assert re.search(r"~  layer2.0.residual.conv2d +conv2d: stride 1 → 2 +128×56×56", wide)
    assert "Not shown" not in wide
    assert re.search(
        r"~  layer2.0.residual.conv2d +128×56×56 .*\n     conv2d: stride 1 → 2\n", narrow
    )
    assert max(map(len, narrow.split("\n"))) <= 90
    assert "Not shown for want of room: What, Memory, RF." in narrow


def test_all_shows_the_rest() -> None:
    short, long = (
        run("resnet50", "resnet50_v1").output,
        run("resnet50", "resnet50_v1", "--all").output,
    )
    assert "125 layers more differ only in the receptive field (--all)." in short
    assert long.count("\n") == short.count("\n") + 125 - 1


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["vgg16", "vgg16"], 0),
        (["vgg16", "vgg19"], 0),
        (["vgg16", "vgg16", "--exit-code"], 0),
        (["vgg16", "vgg19", "--exit-code"], 1),
        (["vgg16", "no_such_network"], 3),
        (["vgg16", "vgg19", "--input", "3x8x8"], 1),
        (["vgg16"], 2),
    ],
)
def test_exit_codes(args: list[str], code: int) -> None:
    assert run(*args).exit_code == code


def test_input_and_parameters_hold_for_both_sides() -> None:
    output = run("vgg16", "vgg19", "--input", "3x64x64", "--set", "classes=10").output
    assert "input                     3x64x64        3x64x64" in output


def test_standard_input_may_be_one_side() -> None:
    text = BASE.replace("name: base", "name: other")
    assert "no difference" in run("-", "-", text=text).output


# ------------------------------------------------------------------------------------ revisions

needs_git = pytest.mark.skipif(which("git") is None, reason="git is not installed")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two commits of a family: base.yaml, blocks/common.yaml and net.yaml, which extends base."""
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "specs"
    (folder / "blocks").mkdir(parents=True)
    (folder / "base.yaml").write_text(
        "name: family\ninput: [3, 16, 16]\ninclude: blocks/common\nparameters: {width: 8}\n"
        "layers:\n  - conv\n  - flatten\n  - linear: {out_features: width}\n"
    )
    (folder / "blocks" / "common.yaml").write_text(
        "blocks:\n  conv:\n    - conv2d: {out_channels: 4, kernel_size: 3}\n"
    )
    (folder / "net.yaml").write_text("extends: base\nname: net\n")
    (folder / "link.yaml").symlink_to("net.yaml")
    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    git("tag", "first")
    git("branch", "feature/kernel")
    return folder


def git(*words: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *words], check=True, capture_output=True)


@needs_git
@pytest.mark.parametrize("revision", ["main", "HEAD", "first", "feature/kernel", "HEAD@{0}"])
def test_what_a_file_extends_and_includes_is_read_at_the_revision(
    revision: str, repository: Path
) -> None:
    (repository / "base.yaml").write_text(
        (repository / "base.yaml").read_text().replace("width: 8", "width: 16")
    )
    (repository / "blocks" / "common.yaml").write_text(
        "blocks:\n  conv:\n    - conv2d: {out_channels: 4, kernel_size: 5}\n"
    )
    found = compared(f"specs/net.yaml@{revision}", "specs/net.yaml")
    changes = {change.name: change.options for change in found.changes}
    assert changes["conv2d"] == {"kernel_size": ("3", "5")}
    assert changes["linear"] == {"out_features": ("8", "16")}
    assert found.before.totals.params == 4 * 27 + 4 + 8 * 4 * 14 * 14 + 8
    result = run(f"specs/net.yaml@{revision}", "specs/net.yaml")
    assert result.output.startswith(f"net, specs/net.yaml@{revision} -> specs/net.yaml\n")


@needs_git
def test_a_file_that_is_gone_is_there_at_the_revision(repository: Path) -> None:
    for path in (repository / "blocks" / "common.yaml", repository / "net.yaml"):
        path.unlink()
    (repository / "blocks").rmdir()
    assert load("specs/blocks/common.yaml@main").library
    loaded = load("specs/net.yaml@main")
    assert loaded.graph is not None
    assert set(loaded.sources) == {
        "specs/net.yaml@main", "specs/base.yaml@main", "specs/blocks/common.yaml@main"
    }  # fmt: skip


@needs_git
def test_a_path_with_an_at_sign_at_a_revision(repository: Path) -> None:
    (repository.parent / "v@2").mkdir()
    (repository.parent / "v@2" / "net.yaml").write_text(BASE)
    git("add", ".")
    git("commit", "-q", "-m", "two")
    assert load("v@2/net.yaml@HEAD@{0}").graph is not None


@needs_git
def test_a_path_that_is_absolute_or_in_a_folder_of_the_repository(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load(f"{repository}/net.yaml@main").graph is not None
    monkeypatch.chdir(repository / "blocks")
    assert load("../net.yaml@main").graph is not None


@needs_git
@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("specs/net.yaml@nowhere", "git knows no revision nowhere here"),
        ("specs/net.yaml@mian", "did you mean main?"),
        ("specs/new.yaml@main", "new.yaml is not a tracked file at main"),
        ("specs/link.yaml@main", "link.yaml is not a tracked file at main"),
        ("specs/net.yaml@--output=x", "git knows no revision --output=x here"),
        ("specs/net.yaml@", "a file at a git revision is written vgg16.yaml@main"),
        ("@main", "a file at a git revision is written vgg16.yaml@main"),
    ],
)
def test_what_cannot_be_read_at_a_revision(spec: str, message: str, repository: Path) -> None:
    (repository / "new.yaml").write_text(BASE)
    result = run(spec, "vgg16")
    assert result.exit_code == 3
    assert message in result.output
    assert "Traceback" not in result.output


@needs_git
def test_a_mistake_in_an_old_file_is_shown_there(repository: Path) -> None:
    (repository / "base.yaml").write_text("name: family\ninput: [3, 16, 16]\nlayers:\n  - rleu\n")
    git("commit", "-q", "-a", "-m", "two")
    result = run("specs/base.yaml@HEAD", "vgg16")
    assert result.exit_code == 1
    assert "specs/base.yaml@HEAD:4:5: error CNN104" in result.output
    assert "    4 |   - rleu" in result.output


@needs_git
def test_an_old_file_reaches_no_further_than_a_new_one(repository: Path) -> None:
    (repository.parent / "outside.yaml").write_text(BASE)
    (repository / "net.yaml").write_text("extends: ../outside\nname: net\n")
    git("add", ".")
    git("commit", "-q", "-m", "two")
    assert [f.rule.name for f in load("specs/net.yaml@HEAD").findings] == ["outside"]


def test_outside_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text(BASE)
    result = run("net.yaml@main", "net.yaml")
    assert result.exit_code == 3
    assert "git" in result.output


def test_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    result = run("net.yaml@main", "vgg16")
    assert result.exit_code == 3
    assert "git is not installed" in result.output


def test_a_file_with_an_at_sign_in_its_name(tmp_path: Path) -> None:
    path = tmp_path / "net@home.yaml"
    path.write_text(BASE)
    assert load(str(path)).graph is not None


EXAMPLES = re.findall(
    r"```console\n\$ cnncalc (.*)\n((?s:.*?))```",
    (Path(__file__).parent.parent / "docs" / "diff.md").read_text(encoding="utf-8"),
)


@pytest.mark.parametrize(("line", "output"), EXAMPLES)
def test_the_documentation_shows_what_is_printed(line: str, output: str) -> None:
    assert CliRunner().invoke(cli, line.split()).output == output
