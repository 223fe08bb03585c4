"""Notes on valid networks: exact messages, and silence where there is nothing to say."""

import pytest
from analysis_networks import Network, vgg16

from cnncalc.analysis.notes import notes
from cnncalc.diagnostics import Diagnostic, Findings, Span
from cnncalc.graph import Builder, Graph
from cnncalc.layers import create


def found(graph: Graph) -> list[tuple[str, str]]:
    findings = Findings()
    notes(graph, findings)
    return [(finding.rule.name, finding.message) for finding in findings]


@pytest.mark.parametrize(
    ("size", "options", "message"),
    [
        (
            [224, 224],
            {"kernel_size": 7, "stride": 2, "padding": 3},
            "(224 − 7 + 6) is no multiple of 2: the last 1 row and 1 column of the padded input "
            "are never read (padding only)",
        ),
        (
            [227, 228],
            {"kernel_size": 11, "stride": 4},
            "(228 − 11 + 0) is no multiple of 4: the last 1 column of the padded input is "
            "never read",
        ),
        (
            [12, 20],
            {"kernel_size": 3, "stride": 5, "padding": [1, 1]},
            "(12 − 3 + 2) is no multiple of 5: the last 1 row of the padded input is never read "
            "(padding only); (20 − 3 + 2) is no multiple of 5: the last 4 columns of the padded "
            "input are never read (1 of 4 padding)",
        ),
        (
            [10, 10],
            {"kernel_size": 3, "dilation": 2, "stride": 3},
            "(10 − 5 + 0) is no multiple of 3: the last 2 rows and 2 columns of the padded input "
            "are never read",
        ),
    ],
)
def test_lost_rows(size: list[int], options: dict[str, object], message: str) -> None:
    network = Network(3, *size)
    network.conv("conv", 4, kernel=options.pop("kernel_size"), **options)
    assert found(network.graph()) == [("lost-rows", f"conv: {message}")]


def test_lost_rows_of_a_sequence() -> None:
    network = Network(3, 9)
    network.add("pool", "max_pool1d", kernel_size=2)
    assert found(network.graph()) == [
        (
            "lost-rows",
            "pool: (9 − 2 + 0) is no multiple of 2: the last 1 position of the padded input is "
            "never read",
        )
    ]


def test_nothing_to_say_about_vgg16() -> None:
    assert found(vgg16().graph()) == []


def two_paths(left: dict[str, object], right: dict[str, object]) -> Graph:
    network = Network(1, 16, 17)
    network.conv("left", 1, "input", **left)
    network.conv("right", 1, "input", **right)
    network.add("add", "add", "left", "right")
    return network.graph()


def test_a_residual_block_with_a_projection_is_aligned() -> None:
    graph = two_paths({"kernel": 3, "stride": 2, "padding": 1}, {"kernel": 1, "stride": 2})
    assert [rule for rule, _ in found(graph) if rule != "lost-rows"] == []


def test_misaligned() -> None:
    graph = two_paths({"kernel": 2, "padding": [[0, 1], [0, 1]]}, {"kernel": 1})
    assert found(graph) == [
        (
            "misaligned",
            "add: along H, the fields from left and right have centres 1/2 image row apart",
        )
    ]


def test_only_one_axis_is_misaligned() -> None:
    graph = two_paths({"kernel": [3, 3], "padding": [[1, 1], [0, 2]]}, {"kernel": 1})
    assert found(graph) == [
        (
            "misaligned",
            "add: along W, the fields from left and right have centres 1 image row apart",
        )
    ]


def test_mixed_strides() -> None:
    network = Network(1, 8)
    network.conv("slow", 1, "input", kernel=5)
    network.add("fast", "max_pool1d", "input", kernel_size=2)
    network.add("concat", "concat", "slow", "fast")
    assert found(network.graph()) == [
        (
            "mixed-strides",
            "concat: along L, the fields from slow and fast step 1 and 2 image rows per position",
        )
    ]


def test_what_sees_everything_does_not_count_as_a_stride() -> None:
    network = Network(4, 8, 8)
    network.add("squeeze", "adaptive_avg_pool2d")
    network.conv("gate", 4)
    network.add("mul", "mul", "input", "gate")
    assert found(network.graph()) == []


def test_single_positions_have_no_stride() -> None:
    network = Network(1, 8)
    network.conv("wide", 1, "input", kernel=8)
    network.add("pool", "max_pool1d", "input", kernel_size=8)
    network.add("add", "add", "wide", "pool")
    assert found(network.graph()) == []


@pytest.mark.parametrize(("skip", "aligned"), [(12, True), (11, False)])
def test_a_centre_crop_does_not_merge_but_shifts(skip: int, aligned: bool) -> None:
    network = Network(1, skip)
    network.conv("below", 1, "input", kernel=5, padding=[[0, 12 - skip]])
    network.add("crop", "center_crop", "input", "below")
    network.add("concat", "concat", "crop", "below")
    assert (found(network.graph()) == []) == aligned


def test_down_and_up_again_is_aligned() -> None:
    network = Network(1, 16)
    network.add("down", "max_pool1d", kernel_size=2)
    network.add("up", "conv_transpose1d", out_channels=1, kernel_size=2, stride=2)
    network.add("concat", "concat", "up", "input")
    assert found(network.graph()) == []


@pytest.mark.parametrize(
    ("dims", "warned"), [([0, 1, 2], True), ([0, 2, 1], True), ([1, 2, 0], False)]
)
def test_linear_on_image(dims: list[int], warned: bool) -> None:
    network = Network(4, 8, 8)
    network.add("permute", "permute", dims=dims)
    network.add("linear", "linear", out_features=2)
    expected = (
        "linear-on-image",
        "linear acts on the last axis of [4, 8, 8], 8 values along the image",
    )
    assert found(network.graph()) == ([expected] if warned else [])


@pytest.mark.parametrize("kind", ["flatten", "adaptive_avg_pool2d"])
def test_linear_on_what_is_no_image_any_more(kind: str) -> None:
    network = Network(4, 8, 8)
    network.add(kind, kind)
    network.add("linear", "linear", out_features=2)
    assert found(network.graph()) == []


def test_linear_on_a_sequence_of_features() -> None:
    network = Network(10, 64)
    network.add("linear", "linear", out_features=2)
    assert found(network.graph()) == []


def test_unread() -> None:
    network = Network(4, 8, 8)
    network.input("mask", 1, 8, 8)
    network.add("split", "split", "input", sizes=1)
    network.conv("dead", 2, "split:1")
    network.conv("head", 2, "split:1")
    network.head("head")
    network.conv("out", 2, "split:2")
    assert found(network.graph()) == [
        ("unread", "nobody reads the output of mask"),
        ("unread", "nobody reads output 0, 3 of split (4 outputs, from 0)"),
        ("unread", "nobody reads the output of dead"),
    ]


def test_a_finding_stands_at_its_layer_and_points_to_the_paths() -> None:
    findings = Findings()
    builder = Builder(findings)
    image = builder.input("input", (1, 8))
    spans = [Span("net.yaml", line, 1, line, 9) for line in range(1, 4)]
    values = []
    for span, padding in zip(spans, ((0, 1), (1, 0)), strict=False):
        layer = create("conv1d", out_channels=1, kernel_size=2, padding=(padding,))
        values += builder.add(layer, [image], f"conv{span.line}", span=span)
    (total,) = builder.add(create("add"), values, "add", span=spans[2])
    assert total is not None
    notes(builder.finish("net", [total]), findings)
    (finding,) = findings
    assert finding.span == spans[2]
    assert [related.span for related in finding.related] == spans[:2]


def test_the_same_finding_is_reported_once() -> None:
    findings = Findings()
    for _ in range(2):
        findings.report("unread", "a")
    findings.extend([findings[0]._replace(message="b")])
    findings.report("unread", "b")
    findings.report("unread", "c")
    assert [finding.message for finding in findings] == ["a", "b", "c"]
    assert all(isinstance(finding, Diagnostic) for finding in findings)
