"""Receptive fields: published graphs, known networks, and brute force on random ones."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from analysis_networks import Network, vgg16
from hypothesis import given, settings
from hypothesis import strategies as st

from cnncalc.analysis import family
from cnncalc.analysis.notes import notes
from cnncalc.analysis.receptive_field import receptive_fields
from cnncalc.analysis.summary import Field
from cnncalc.graph import Graph, Input, Value
from cnncalc.layers import LayerError

REFERENCE = json.loads((Path(__file__).parent / "reference/receptive_fields.json").read_text())
#: An input whose branches have equal shapes, where the reference leaves it open.
SIZES = {4: 9, 8: 16}


def build(entry: dict[str, Any]) -> Network:
    size = entry["input_res"] or [SIZES.get(entry["net"], 8)] * 2
    network = Network(1, *size)
    kinds = {"conv": "conv2d", "maxpool": "max_pool2d"}
    for layer in entry["graph"]:
        reads = layer["input"] if isinstance(layer["input"], list) else [layer["input"]]
        options: dict[str, Any] = {}
        if layer["op"] in kinds:
            options = {"kernel_size": layer["kernel"], "stride": layer["stride"]}
            pad = layer["pad"]
            options["padding"] = pad.lower() if isinstance(pad, str) else [pad[:2], pad[2:]]
        if layer["op"] == "conv":
            options["out_channels"] = 1
        kind = kinds.get(layer["op"], layer["op"])
        network.add(
            layer["id"], kind, *("input" if read == "x" else read for read in reads), **options
        )
    return network


@pytest.mark.parametrize(
    "entry", REFERENCE["graphs"], ids=lambda entry: f"{entry['net']}-{entry['input_res']}"
)
def test_reference_graph(entry: dict[str, Any]) -> None:
    network = build(entry)
    graph = network.graph()
    notes(graph, network.findings)
    merges = {finding.rule.name for finding in network.findings} & {"misaligned", "mixed-strides"}
    expect = entry["expect"]
    if "error" in expect:
        assert merges == {
            "mixed-strides" if "different stride" in expect["error"] else "misaligned"
        }
        return
    assert not merges
    seen = receptive_fields(graph)[graph.outputs[0]]
    assert [field.size for field in seen] == expect["rf"]
    assert [field.jump for field in seen] == expect["stride"]
    if None not in expect["padding"]:
        assert [-field.start for field in seen] == expect["padding"]


def test_reference_has_all_graphs() -> None:
    assert len(REFERENCE["graphs"]) == 11


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        ("conv1_1", Field(3, 1, -1)),
        ("relu1_1", Field(3, 1, -1)),
        ("pool1", Field(6, 2, -2)),
        ("pool5", Field(212, 32, -90)),
        ("avgpool", Field(212, 32, -90)),
        ("fc6", Field(404, None, -90)),  # all 7 positions: 6·32 + 212
        ("fc8", Field(404, None, -90)),
    ],
)
def test_vgg16(layer: str, expected: Field) -> None:
    network = vgg16()
    assert receptive_fields(network.graph())[network.values[layer]] == (expected, expected)


def small(*layers: tuple[str, dict[str, Any]], shape: tuple[int, ...] = (4, 12, 16)) -> Network:
    network = Network(*shape)
    for number, (kind, options) in enumerate(layers):
        network.add(f"{kind}_{number}", kind, **options)
    return network


CONV3 = ("conv2d", {"out_channels": 4, "kernel_size": 3, "padding": 1})
HALVE = ("max_pool2d", {"kernel_size": 2})


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([("flatten", {})], (Field(12, None, 0), Field(16, None, 0))),
        ([("global_avg_pool2d", {})], (Field(12, None, 0), Field(16, None, 0))),
        ([("adaptive_avg_pool2d", {"output_size": [3, 8]})], (Field(4, 4, 0), Field(2, 2, 0))),
        (
            [("adaptive_avg_pool2d", {"output_size": [12, 6]})],
            (Field(1, 1, 0), Field(4, 16 / 6, 0)),
        ),
        # channels last, a linear on them, and back: the image axes move along
        (
            [
                CONV3,
                ("permute", {"dims": [1, 2, 0]}),
                ("linear", {"out_features": 2}),
                ("permute", {"dims": [2, 0, 1]}),
                HALVE,
            ],
            (Field(4, 2, -1), Field(4, 2, -1)),
        ),
        (
            [
                ("permute", {"dims": [0, 2, 1]}),
                ("conv2d", {"out_channels": 1, "kernel_size": [5, 3]}),
            ],
            (Field(3, 1, 0), Field(5, 1, 0)),
        ),
        ([("linear", {"out_features": 3})], (Field(1, 1, 0), Field(16, None, 0))),
        ([("upsample", {"scale_factor": 2})], (Field(1, 0.5, 0), Field(1, 0.5, 0))),
        ([HALVE, ("upsample", {"scale_factor": 2})], (Field(2, 1, 0), Field(2, 1, 0))),
        # two windows of 2 meet in the 3×3: 2 of them, or after the first column 4 columns
        ([HALVE, ("upsample", {"scale_factor": 2}), CONV3], (Field(4, 1, -2), Field(4, 1, -2))),
        ([("slice", {"axis": 1, "start": 3})], (Field(1, 1, 3), Field(1, 1, 0))),
        ([("pad", {"padding": 2})], (Field(1, 1, -2), Field(1, 1, -2))),
    ],
)
def test_small_chain(layers: list[tuple[str, dict[str, Any]]], expected: tuple[Field, ...]) -> None:
    network = small(*layers)
    assert receptive_fields(network.graph())[network.values[network.last]] == expected


def test_squeeze_excite_sees_everything_at_the_rate_of_its_features() -> None:
    network = small(CONV3)
    network.add("squeeze", "adaptive_avg_pool2d")
    network.conv("gate", 4)
    network.add("mul", "mul", "conv2d_0", "gate")
    fields = receptive_fields(network.graph())
    assert fields[network.values["gate"]][0] == Field(14, None, -1)
    assert fields[network.values["mul"]] == (Field(14, 1, -1), Field(18, 1, -1))


def test_paths_of_different_rates_grow_apart() -> None:
    network = Network(1, 10)
    network.conv("slow", 1, "input", kernel=6)  # position i sees i .. i + 5
    network.add("fast", "max_pool1d", "input", kernel_size=2)  # 2i, 2i + 1
    network.add("add", "add", "slow", "fast")
    # at 0: 0..5; at 4: 4..9 and 8..9
    assert receptive_fields(network.graph())[network.values["add"]] == (Field(6, None, 0),)
    network.add("fast2", "max_pool1d", "input", kernel_size=1, stride=2)
    network.conv("point", 1, "input")
    network.add("first", "slice", "point", axis=1, stop=5)
    network.add("add2", "add", "first", "fast2")
    # at 4: 4 and 8
    assert receptive_fields(network.graph())[network.values["add2"]] == (Field(5, None, 0),)


def test_the_merge_of_an_image_and_its_transpose() -> None:
    network = Network(1, 6, 6)
    network.add("turned", "permute", "input", dims=[0, 2, 1])
    network.add("sum", "add", "input", "turned")
    assert receptive_fields(network.graph())[network.values["sum"]] == (Field(6, None, 0),) * 2


# ----------------------------------------------------------------------------- brute force


Rows = frozenset[int]


def brute_force(graph: Graph, value: Value) -> tuple[int, int] | None:
    """Size and start of a 1-D field, position by position, by following every read.

    Rows are kept as the ends of their interval: what a dilated kernel skips is inside. Beside
    them, those that are seen across a concatenation along the image: there, padding sees nothing.
    """

    def ends(rows: set[int]) -> Rows:
        return frozenset((min(rows), max(rows))) if rows else frozenset()

    @cache
    def seen(value: Value, position: int) -> tuple[Rows, Rows]:
        node = graph.nodes[value.node]
        if isinstance(node.layer, Input):
            return frozenset([position]), frozenset()
        rows: set[int] = set()
        across: set[int] = set()
        inside = 0 <= position < graph.shape(value)[1]
        joined = node.layer.kind == "concat" and node.layer.axis == 1
        for number, read in enumerate(node.inputs):
            window = node.layer.windows_between(node.input_shapes, number, value.port)[1]
            span = window.span(position)
            for at in range(span[0], span[1] + 1, window.step) if span else ():
                if joined and not 0 <= at < node.input_shapes[number][1]:
                    continue
                plain, beyond = seen(read, at)
                (across if joined else rows).update(plain)
                across |= beyond
        return ends(rows), ends(across if inside else set())

    fields = [frozenset().union(*seen(value, at)) for at in range(graph.shape(value)[1])]
    sizes = [max(rows) - min(rows) + 1 for rows in fields if rows]
    return (max(sizes), next(min(rows) for rows in fields if rows)) if sizes else None


whole = st.integers
LAYERS = st.one_of(
    st.tuples(
        st.just("conv1d"),
        st.fixed_dictionaries(
            {
                "out_channels": st.just(1),
                "kernel_size": whole(1, 9),
                "stride": whole(1, 3),
                "dilation": whole(1, 2),
                "padding": st.tuples(st.tuples(whole(0, 3), whole(0, 3))),
            }
        ),
    ),
    st.tuples(
        st.just("max_pool1d"),
        st.fixed_dictionaries({"kernel_size": whole(1, 3), "stride": whole(1, 3)}),
    ),
    st.tuples(
        st.just("conv_transpose1d"),
        st.fixed_dictionaries(
            {
                "out_channels": st.just(1),
                "kernel_size": whole(1, 4),
                "stride": whole(1, 3),
                "padding": whole(0, 1),
            }
        ),
    ),
    st.tuples(st.just("upsample"), st.fixed_dictionaries({"scale_factor": whole(1, 3)})),
    st.tuples(st.just("adaptive_avg_pool1d"), st.fixed_dictionaries({"output_size": whole(2, 9)})),
    st.tuples(
        st.just("slice"),
        st.fixed_dictionaries({"axis": st.just(1), "start": whole(0, 3), "step": whole(1, 2)}),
    ),
    st.tuples(st.just("split"), st.fixed_dictionaries({"axis": st.just(1), "sizes": whole(2, 5)})),
    st.tuples(st.just("pad"), st.fixed_dictionaries({"padding": whole(0, 3)})),
    st.tuples(st.sampled_from(["add", "concat", "beside"]), st.just({})),
)


GRAPHS = st.tuples(whole(4, 14), st.lists(st.tuples(LAYERS, whole(0, 9), whole(0, 9)), max_size=8))


def random_graph(size: int, steps: list[tuple[tuple[str, dict[str, Any]], int, int]]) -> Graph:
    network = Network(1, size)
    names = ["input"]
    for number, ((kind, options), first, second) in enumerate(steps):
        one, other = (names[-1 - pick % len(names)] for pick in (first, second))
        name = f"{kind}{number}"
        try:
            if kind in {"add", "concat", "beside"}:
                shapes = [network.builder.shape(network.values[read]) for read in (one, other)]
                shorter = min(shape[1] for shape in shapes)
                if kind != "beside":
                    one, other = (
                        network.add(f"{name}.{side}", "slice", read, axis=1, stop=shorter)
                        for side, read in enumerate((one, other))
                    )
                options = {} if kind == "add" else {"axis": int(kind == "beside")}
                network.add(name, "add" if kind == "add" else "concat", one, other, **options)
                if kind == "concat":
                    network.conv(name, 1)
            else:
                network.add(name, kind, one, **options)
        except (LayerError, AssertionError):
            network.findings.clear()
            continue  # it does not fit here
        if (network.builder.shape(network.values[name]) or (0, 99))[1] > 40:
            break
        names.append(name)
    return network.graph(names[-1])


def all_values(graph: Graph) -> list[Value]:
    return [
        Value(node.index, port) for node in graph.nodes for port in range(len(node.output_shapes))
    ]


@settings(max_examples=400, deadline=None)
@given(GRAPHS)
def test_random_graphs_equal_brute_force(drawn: Any) -> None:
    graph = random_graph(*drawn)
    fields = receptive_fields(graph)
    for value in all_values(graph):
        expected = brute_force(graph, value)
        if expected is not None:
            (field,) = fields[value]
            assert (field.size, field.start) == expected, graph.nodes[: value.node + 1]


@settings(max_examples=200, deadline=None)
@given(GRAPHS, st.sampled_from([1, 2, 5, 20]))
def test_periods_that_are_too_long_are_rounded_outwards(drawn: Any, longest: int) -> None:
    graph = random_graph(*drawn)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(family, "LONGEST_PERIOD", longest)
        fields = receptive_fields(graph)
    for value in all_values(graph):
        expected = brute_force(graph, value)
        if expected is not None:
            (field,) = fields[value]
            size, start = expected
            assert field.size >= size
            assert field.start <= start


def test_one_rate_with_different_periods() -> None:
    network = Network(1, 12)
    for factor in (2, 3):
        network.add(f"down{factor}", "max_pool1d", "input", kernel_size=factor)
        network.add(f"up{factor}", "upsample", scale_factor=factor)
    network.add("add", "add", "up2", "up3")
    # the position at 3 sees 2 and 3 through the one, 3 to 5 through the other
    network.add("three", "slice", "add", axis=1, start=3)
    fields = receptive_fields(network.graph())
    assert fields[network.values["add"]] == (Field(4, 1, 0),)
    assert fields[network.values["three"]] == (Field(4, 1, 2),)


def test_a_wide_kernel_over_the_gaps_of_a_transposed_convolution() -> None:
    network = Network(1, 6)
    network.add("stamp", "conv_transpose1d", out_channels=1, kernel_size=1, stride=3)
    network.conv("wide", 1, kernel=8)
    network.add("first", "slice", axis=1, stop=1)  # it reads 0..7, of which 0, 3, 6 see 0, 1, 2
    fields = receptive_fields(network.graph())
    assert fields[network.values["stamp"]] == (Field(1, 1 / 3, 0),)
    assert fields[network.values["first"]] == (Field(3, 1 / 3, 0),)


def test_fractions_are_rounded_outwards() -> None:
    half = family.Family(axis=1, spans=((0, 0),), advance=1, parts=2)
    assert [half.span(position) for position in (-1, 0, 1, 2)] == [(-1, 0), (0, 0), (0, 1), (1, 1)]


def test_a_stretched_axis_sees_the_same_everywhere() -> None:
    network = Network(4, 8, 8)
    network.conv("gate", 4, kernel=3, stride=8)
    network.add("mul", "mul", "input", "gate")
    assert receptive_fields(network.graph())[network.values["mul"]] == (Field(8, 1, 0),) * 2


def test_a_crop_to_the_size_of_another_does_not_see_the_other() -> None:
    network = Network(1, 12)
    network.conv("below", 1, "input", kernel=5)
    network.add("crop", "center_crop", "input", "below")
    assert receptive_fields(network.graph())[network.values["crop"]] == (Field(1, 1, 2),)


def test_a_period_longer_than_the_axis_is_a_table_of_it() -> None:
    """Adaptive pools of coprime sizes, with a convolution between: 89·97 phases on 89 positions."""
    network = Network(1, 100)
    for size in (97, 89):
        network.conv(f"conv{size}", 1, kernel=3)
        network.add(f"pool{size}", "adaptive_avg_pool1d", output_size=size)
    graph = network.graph()
    (field,) = receptive_fields(graph)[graph.outputs[0]]
    assert (field.size, field.start) == brute_force(graph, graph.outputs[0])
    assert field.jump == pytest.approx(98 / 97 * 95 / 89)
