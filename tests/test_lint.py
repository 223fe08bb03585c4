"""Lint: when each rule speaks, and when it must not. Its words are in ``findings/``."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnncalc.analysis.family import Family
from cnncalc.analysis.receptive_field import sights
from cnncalc.api import check_specs
from cnncalc.checking import Wanted
from cnncalc.diagnostics import RULES, Findings
from cnncalc.graph import Builder, Node, Value
from cnncalc.layers import create
from cnncalc.lint.fields import least_lines
from cnncalc.lint.kernels import live_weights
from cnncalc.lint.rules import NAMES, NETWORK, REPEATED
from cnncalc.report.rule_page import page
from cnncalc.spec import builtin_names, load, spec_files

ROOT = Path(__file__).parent.parent
Lint = Callable[..., list[tuple[str, int]]]

HEAD = "name: case\ninput: [3, 64, 64]\n"


@pytest.fixture
def lint(tmp_path: Path) -> Lint:
    """What a rule, or all whose codes begin so, says of the entries of a network, or of what else
    follows ``head``: (rule, line), counted from the first line after it."""

    def run(rule: str, text: str, head: str = f"{HEAD}layers:\n") -> list[tuple[str, int]]:
        spec = tmp_path / "case.yaml"
        spec.write_text(head + text.strip("\n") + "\n", encoding="utf-8")
        checked = check_specs([str(spec)], Wanted(select=(rule,)))
        assert checked.ok, str(checked)
        above = head.count("\n")
        return sorted((f.rule.name, f.span.line - above) for f in checked.findings if f.span)

    return run


# ---------------------------------------------------------------------------- each rule, or not


@pytest.mark.parametrize(
    ("bias", "after", "found"),
    [
        ("conv2d: {out_channels: 8, kernel_size: 3}", "batch_norm2d", True),
        ("conv2d: {out_channels: 8, kernel_size: 3, bias: false}", "batch_norm2d", False),
        ("conv2d: {out_channels: 8, kernel_size: 3}", "instance_norm2d", True),
        ("conv2d: {out_channels: 8, kernel_size: 3}", "group_norm: {num_groups: 2}", False),
        ("conv2d: {out_channels: 8, kernel_size: 3}", "layer_norm2d", False),
        ("conv2d: {out_channels: 8, kernel_size: 3}", "relu", False),
        ("conv_transpose2d: {out_channels: 8, kernel_size: 3}", "batch_norm2d", True),
        # one bias for each position, or for each column
        ("locally_connected2d: {out_channels: 8, kernel_size: 3}", "batch_norm2d", False),
        ("linear: {out_features: 8}", "batch_norm2d", False),
    ],
)
def test_a_bias_before_a_norm(lint: Lint, bias: str, after: str, found: bool) -> None:
    entries = f"  - {bias}\n  - {after}\n  - relu"
    assert lint("bias-before-norm", entries) == [("bias-before-norm", 1)] * found


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param(
            """
  - {conv2d: {out_channels: 8, kernel_size: 3, padding: 1}, name: first}
  - batch_norm2d
  - {add, from: [previous, first]}
""",
            id="somebody else reads it",
        ),
        pytest.param(
            """
  - {conv2d: {out_channels: 3, kernel_size: 3, padding: 1}, name: first}
  - batch_norm2d
  - relu
  - {conv2d: {out_channels: 3, kernel_size: 3, padding: 1}, share: first}
  - relu
""",
            id="shared with one that has no norm",
        ),
        pytest.param(
            """
  - {conv2d: {out_channels: 3, kernel_size: 3}, freeze: true}
  - batch_norm2d
""",
            id="frozen",
        ),
    ],
)
def test_a_bias_that_counts(lint: Lint, entries: str) -> None:
    assert lint("bias-before-norm", entries) == []


def test_a_bias_of_units_before_a_norm(lint: Lint) -> None:
    entries = "  - flatten\n  - linear: {out_features: 8}\n  - batch_norm1d"
    assert lint("bias-before-norm", entries) == [("bias-before-norm", 2)]


DENSE = "conv2d: {out_channels: 3, kernel_size: 3}"


@pytest.mark.parametrize(
    ("first", "between", "second", "found"),
    [
        (DENSE, [], DENSE, True),
        (DENSE, ["batch_norm2d", "dropout", "avg_pool2d: {kernel_size: 2}"], DENSE, True),
        (DENSE, ["relu"], DENSE, False),
        (DENSE, ["max_pool2d: {kernel_size: 2}"], DENSE, False),
        (DENSE, ["layer_norm2d"], DENSE, False),
        (DENSE, ["local_response_norm"], DENSE, False),
        (DENSE, ["flatten"], "linear: {out_features: 2}", True),
        (DENSE, ["global_avg_pool2d", "flatten"], "linear: {out_features: 2}", True),
        (DENSE, ["flatten", "softmax"], "linear: {out_features: 2}", False),
        (DENSE, ["upsample: {scale_factor: 2}"], DENSE, False),
        # wider in the middle than at an end, or as wide: one layer could do
        ("conv2d: {out_channels: 9, kernel_size: 1}", [], DENSE, True),
        # narrower than both: of low rank
        ("conv2d: {out_channels: 2, kernel_size: 1}", [], DENSE, False),
        # separable: depthwise and pointwise, rows and columns
        ("conv2d: {out_channels: 3, kernel_size: 3, groups: 3}", [], DENSE, False),
        (DENSE, [], "conv2d: {out_channels: 3, kernel_size: 3, groups: 3}", False),
        (
            "conv2d: {out_channels: 3, kernel_size: [1, 7]}", [],
            "conv2d: {out_channels: 3, kernel_size: [7, 1]}", False,
        ),
        (
            "conv2d: {out_channels: 3, kernel_size: [1, 7]}", [],
            "conv2d: {out_channels: 3, kernel_size: [1, 3]}", True,
        ),
        (DENSE, [], "conv_transpose2d: {out_channels: 3, kernel_size: 2, stride: 2}", False),
    ],
)  # fmt: skip
def test_two_linear_layers(
    lint: Lint, first: str, between: list[str], second: str, found: bool
) -> None:
    entries = "\n".join(f"  - {entry}" for entry in [first, *between, second])
    assert lint("stacked-linear", entries) == [("stacked-linear", 1)] * found


def test_through_a_merge_nothing_is_one_layer(lint: Lint) -> None:
    entries = (
        f"  - add: {{residual: [{{{DENSE[:-1]}, padding: 1}}}}], shortcut: identity}}\n  - {DENSE}"
    )
    assert lint("stacked-linear", entries) == []


@pytest.mark.parametrize(
    ("size", "layer", "found"),
    [
        (1, "conv2d: {out_channels: 4, kernel_size: 3, padding: 1}", True),
        (2, "conv2d: {out_channels: 4, kernel_size: 3, padding: 1}", False),
        (2, "conv2d: {out_channels: 4, kernel_size: 5, padding: 2}", True),
        (8, "conv2d: {out_channels: 4, kernel_size: 3, padding: 8, dilation: 8}", True),
        (8, "conv2d: {out_channels: 4, kernel_size: 3, padding: 7, dilation: 7}", False),
        (1, "conv2d: {out_channels: 4, kernel_size: 1}", False),
        (1, "max_pool2d: {kernel_size: 3, padding: 1, stride: 1}", False),
        (2, "conv_transpose2d: {out_channels: 4, kernel_size: 5, stride: 1, padding: 2}", True),
    ],
)
def test_weights_that_only_meet_padding(lint: Lint, size: int, layer: str, found: bool) -> None:
    head = f"name: case\ninput: [3, {size}, {size}]\nlayers:\n"
    assert lint("dead-kernel", f"  - {layer}", head) == [("dead-kernel", 1)] * found


@given(data=st.data())
def test_live_weights_are_those_that_make_a_difference(data: st.DataObject) -> None:
    """Every weight in turn is 1, the others are 0, the image is 1: is the output not all 0?"""
    np = pytest.importorskip("numpy")
    kernel = data.draw(st.integers(1, 5))
    options = {
        "kernel_size": kernel,
        "stride": data.draw(st.integers(1, 3)),
        "dilation": data.draw(st.integers(1, 4)),
        "padding": data.draw(st.integers(0, 6)),
    }
    kind = data.draw(st.sampled_from(["conv1d", "conv_transpose1d"]))
    layer = create(kind, out_channels=1, bias=False, **options)
    image = ((1, data.draw(st.integers(1, 12))),)
    try:
        layer.check_inputs(image)
        output = layer.shapes(image)
    except ValueError:
        return  # the kernel does not fit
    node = Node(0, "layer", layer, (Value(0),), image, output)
    different = sum(
        layer.forward(np, (np.ones((1, *image[0])),), {"weight": one.reshape(1, 1, kernel)})[
            0
        ].any()
        for one in np.eye(kernel)
    )
    assert live_weights(node, 0) == different


@pytest.mark.parametrize(("depth", "found"), [(63, []), (64, [("saturated-field", 5)])])
def test_a_kernel_past_the_point_where_all_is_seen(
    lint: Lint, depth: int, found: list[tuple[str, int]]
) -> None:
    # After n convolutions the unit in a corner sees n + 1 rows: all 64 after 63.
    entries = f"""
  - repeat:
      times: {depth}
      layers:
        - relu
        - conv2d: {{out_channels: 3, kernel_size: 3, padding: 1}}
"""
    assert lint("saturated-field", entries) == found


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ("conv2d: {out_channels: 3, kernel_size: 3, padding: 1}", True),
        ("conv2d: {out_channels: 3, kernel_size: 1}", False),
        ("max_pool2d: {kernel_size: 3, stride: 1, padding: 1}", False),
        # a residual keeps the small field alive, a gate does not make it a large one
        ("add: {residual: [{conv2d: {out_channels: 3, kernel_size: 3, padding: 1}}], shortcut: "
         "identity}", False),
        ("mul: {features: identity, gate: [global_avg_pool2d, sigmoid]}", False),
    ],
)  # fmt: skip
def test_only_kernels_widen_the_view(lint: Lint, entry: str, found: bool) -> None:
    entries = f"  - repeat: {{times: 70, layers: [relu, {{{entry}}}]}}"
    assert bool(lint("saturated-field", entries)) == found
    assert bool(lint("field-exceeds-input", entries)) == found


@pytest.mark.parametrize(
    "larger",
    [
        "upsample: {scale_factor: 2}",
        "conv_transpose2d: {out_channels: 3, kernel_size: 2, stride: 2}",
    ],
)
def test_after_upsampling_kernels_have_another_task(lint: Lint, larger: str) -> None:
    entries = f"""
  - conv2d: {{out_channels: 3, kernel_size: 64, stride: 32, padding: 32}}
  - {larger}
  - conv2d: {{out_channels: 3, kernel_size: 3, padding: 1}}
"""
    assert lint("saturated-field", entries) == []
    assert lint("field-exceeds-input", entries) == []


@pytest.mark.parametrize(("before", "after"), [(0, 64), (64, 0)])
def test_all_units_see_all_or_some_do_not(lint: Lint, before: int, after: int) -> None:
    """The first unit sees all, or the last one does."""
    padding = f"[[{before}, {after}], [{before}, {after}]]"
    entries = f"""
  - conv2d: {{out_channels: 3, kernel_size: 64, padding: {padding}}}
  - relu
  - conv2d: {{out_channels: 3, kernel_size: 3}}
"""
    assert lint("saturated-field", entries) == []
    assert lint("field-exceeds-input", entries) == [("field-exceeds-input", 3)]


def chains() -> list[str]:
    graphs = {name: load(name).graph for name in builtin_names()}
    return [
        name for name, graph in graphs.items()
        if graph and all(len(node.inputs) < 2 for node in graph.nodes)
    ]  # fmt: skip


@pytest.mark.parametrize("name", chains())
def test_where_no_paths_merge_the_lines_are_the_receptive_fields(name: str) -> None:
    graph = load(name).graph
    assert graph
    seen = sights(graph)
    lines = {value: line for value, line in least_lines(graph).items() if line}
    assert lines
    for value, found in lines.items():
        assert seen[value] == tuple(
            (Family(axis, ((line.start, line.start + line.size - 1),), line.jump),)
            for axis, line in enumerate(found, 1)
        )


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        (["conv2d: {out_channels: 63, kernel_size: 5}", "linear: {out_features: 8}"], True),
        (["conv2d: {out_channels: 64, kernel_size: 5}", "linear: {out_features: 8}"], False),
        # few multiply-accumulates; the last layer; as many channels as there are groups
        (["conv2d: {out_channels: 9, kernel_size: 3}", "linear: {out_features: 8}"], False),
        (["conv2d: {out_channels: 63, kernel_size: 5}", "softmax: {axis: 0}"], False),
        (["conv2d: {out_channels: 300, kernel_size: 9, groups: 3}", "linear: {out_features: 8}"],
         False),
    ],
)  # fmt: skip
def test_channels_that_fill_no_block(lint: Lint, entries: list[str], found: bool) -> None:
    text = "\n".join(f"  - {entry}" for entry in entries)
    assert lint("unaligned-channels", text) == [("unaligned-channels", 1)] * found


NAMES_CASES = {
    "a block that only a block calls that nobody calls": ("""
blocks:
  inner: [relu]
  outer: [inner]
layers: [relu]
""", [("unused-block", 2), ("unused-block", 3)]),
    "a block that calls itself, and nobody else does": ("""
parameters: {depth: 3}
blocks:
  tower:
    parameters: [n]
    layers: [relu, {tower: {n: n - 1}, when: n > 0}]
layers: [relu]
""", [("unused-block", 3), ("unused-parameter", 1)]),
    "a block that is passed on, and its parameters": ("""
parameters: {block: basic, width: 4}
blocks:
  basic:
    parameters: [width, stride]
    layers: [{conv2d: {out_channels: width, kernel_size: 1}}]
layers: [{block: {width, stride: 1}}]
""", []),
    "a parameter that another needs": ("""
parameters: {width: 4, double: 2 * width}
layers: [{conv2d: {out_channels: double, kernel_size: 1}}]
""", []),
    "a parameter that a contract needs": ("""
parameters: {size: 8, classes: 3}
layers: [{conv2d: {out_channels: 4, kernel_size: 1}, when: size == 9}]
expect: {output: [classes, 64, 64]}
""", []),
    "a parameter in a name, a from, a when, a times": ("""
parameters: {a: 1, b: x, c: true, d: 2}
blocks: {x: [relu]}
layers:
  - {relu, name: first(a)}
  - {relu, from: first(a), when: c, times: d}
  - b
""", []),
    "a parameter that is hidden by a column": ("""
parameters: {width: 4}
layers:
  - repeat:
      over: {width: [1, 2]}
      layers: [{conv2d: {out_channels: width, kernel_size: 1}}]
""", [("unused-parameter", 1)]),
    "a parameter that is called as a kind": ("""
parameters: {activation: relu}
layers: [activation]
""", []),
    "a parameter that is named like a kind": ("""
parameters: {dropout: 0.5}
layers: [{dropout: {p: dropout}}]
""", []),
    "a parameter of a block that is hidden by one of the file": ("""
parameters: {width: 4}
blocks:
  conv:
    parameters: {width}
    layers: [{conv2d: {out_channels: 4, kernel_size: 1}}]
layers: [{conv: {width}}]
""", [("unused-parameter", 4)]),
    "a parameter that is the default of one of its name": ("""
parameters: {width: 4}
blocks:
  conv:
    parameters: {width: width}
    layers: [{conv2d: {out_channels: width, kernel_size: 1}}]
layers: [conv]
""", []),
    "a column that only the name of a layer needs": ("""
layers:
  - repeat:
      columns: [row, width]
      over: [["3a", 4], ["3b", 8]]
      layers: [{conv2d: {out_channels: width, kernel_size: 1}, name: conv_(row)}]
""", []),
    "a column that another repeat's column needs": ("""
layers:
  - repeat:
      over: {depth: [1, 2]}
      layers: [{repeat: {times: depth, layers: [relu]}}]
""", []),
    "columns of rows, one without use": ("""
layers:
  - repeat:
      columns: [row, width]
      over: [["3a", 4], ["3b", 8]]
      layers: [{conv2d: {out_channels: width, kernel_size: 1}}]
""", [("unused-column", 3)]),
    "an include of which a block is passed on": ("""
include: common
parameters: {block: conv_bn}
layers: [{block: {out_channels: 4}}]
""", []),
    "a template": ("""
include: common
parameters: {width, depth: 2}
blocks: {basic: [relu]}
layers: [{repeat: {over: {n: [1, 2]}, layers: [relu]}}]
""", [("unused-column", 4)]),
}  # fmt: skip


@pytest.mark.parametrize(("text", "found"), NAMES_CASES.values(), ids=NAMES_CASES)
def test_names_that_nothing_needs(lint: Lint, text: str, found: list[tuple[str, int]]) -> None:
    assert lint("CNN51", text, HEAD) == found


def test_names_that_only_an_input_needs(lint: Lint) -> None:
    text = "name: case\nparameters: {size: 8}\ninputs: {image: [3, size, size]}\nlayers: [relu]"
    assert lint("CNN51", text, "") == []


def test_names_of_a_library_are_for_others(lint: Lint) -> None:
    text = "name: library\nblocks:\n  conv: {parameters: {stride: 1}, layers: [relu]}"
    assert lint("CNN51", text, "") == []


def test_names_of_a_parent_are_the_parents(tmp_path: Path) -> None:
    (tmp_path / "parent.yaml").write_text(
        f"{HEAD}parameters: {{block: basic, spare: 1}}\n"
        "blocks: {basic: [relu]}\nlayers: [block]\n"
    )
    child = "extends: parent\nname: child\nparameters: {block: other, spare: 2}\n"
    (tmp_path / "child.yaml").write_text(f"{child}blocks: {{other: [tanh], lost: [relu]}}\n")
    found = {
        name: [f.message for f in check_specs([str(tmp_path / f"{name}.yaml")]).findings]
        for name in ("parent", "child")
    }
    assert found == {
        "parent": ["nothing depends on the parameter spare"],
        "child": ["the block lost is never used"],
    }


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        (["relu"] * 5, [1]),
        (["relu"] * 4, []),  # three copies
        (["relu", "tanh"] * 3, [1]),
        (["relu", "tanh", "relu"] * 2 + ["tanh"], []),
        (["relu", "{tanh, when: index == 0}"] * 3, []),  # of the round that is around it
        (["scale: {axis: 0, bias: true}"] + ["scale: {bias: true, axis: 0}"] * 4, [1]),
        (["abs", *["relu"] * 6, "abs"], [2]),
        ([f"conv2d: {{out_channels: {n}, kernel_size: 1}}" for n in range(1, 9)], []),
        (["relu", "tanh"] * 3 + ["abs"] + ["tanh", "abs", "relu"] * 3, [1, 8]),
    ],
)  # fmt: skip
def test_entries_that_want_a_repeat(lint: Lint, entries: list[str], found: list[int]) -> None:
    text = "".join(f"        - {entry}\n" for entry in entries)
    around = f"{HEAD}layers:\n  - repeat:\n      times: 1\n      layers:\n"
    assert lint(REPEATED, text, around) == [("repeated-entries", line) for line in found]


# ------------------------------------------------------------------------------- all of them


def test_every_rule_of_lint_is_in_a_table() -> None:
    about_comments = {"unused-suppression", "bad-suppression", "suppressed-error"}
    lint = {rule.name for rule in RULES.values() if rule.code.startswith("CNN5")}
    assert lint == {*NETWORK, *NAMES, REPEATED} | about_comments


def test_codes_are_in_order_and_each_once() -> None:
    codes = [rule.code for rule in RULES.values()]
    assert all(one < other for one, other in pairwise(codes))


def test_the_zoo_is_free_of_lint_but_for_what_its_papers_built() -> None:
    checked = check_specs(spec_files([str(ROOT / "architectures")]))
    found = {
        (f.rule.name, Path(f.span.path).name) for f in checked.findings
        if f.span and f.rule.code >= "CNN5"
    }  # fmt: skip
    # The bottleneck of the first block of MobileNetV3-Small is as wide as its input; plain34 is
    # the network that is too deep, on purpose.
    assert found == {("stacked-linear", "mobilenet_v3.yaml"), ("saturated-field", "plain34.yaml")}
    assert {f.severity for f in checked.findings} == {"note"}


def test_the_page_of_rules_is_the_table() -> None:
    written = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    assert page() == written, "write it again with: python docs/make_rules.py"


def test_lint_of_a_network_without_end_is_bounded() -> None:
    """Strides on an axis of 1 double a jump at every layer."""
    builder = Builder(Findings())
    value = builder.input("input", (1, 1))
    for number in range(2_000):
        layer = create("conv1d", out_channels=1, kernel_size=3, stride=2, padding=1)
        (value,) = builder.add(layer, [value], f"conv{number}")
    graph = builder.finish("long", [value])
    assert least_lines(graph)[value] is None
