"""Values as they are written: LANGUAGE, "YAML layer" and "Expressions", seen through a spec."""

import pytest
from language import channels, layers, names, only, problems, totals


def value(text: str, more: str = "") -> object:
    """What an option's value comes to: the number of rounds of an entry."""
    return len(names(layers(f"- relu:\n  times: {text}\n- identity", before=more)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1_0", 10),
        ("1e1", 10),
        ("32 * 1.0 / 16", 2),
        ("ceil(25 * 2.2)", 56),  # 25 * 2.2 is 55.00000000000001, as in the reference code
        ("round(2.5)", 2),
        ("round(3.5)", 4),
        ("make_divisible(30)", 32),
        ("make_divisible(11, 4)", 12),
        ("7 // 2 + 7 % 4 + 2 ** 3", 14),
        ("1 if true and not false else 2", 1),
        ("3 if 2 in [1, 2] else 4", 3),
        ("3 if 1 < 2 <= 2 else 4", 3),
        ('3 if "a" == "a" else 4', 3),
        ("max(1, 5) - min([2, 3]) + abs(-1)", 4),
        ("len([1, 2, 3]) + sum([1, 2])", 6),
        ("floor(2.9)", 2),
    ],
)
def test_expressions(text, expected):
    assert value(text) == expected


@pytest.mark.parametrize("name", ["n", "y", "on", "off", "no", "yes", "e", "_", "größe"])
def test_words_that_yaml_would_take_for_something_else_are_names(name):
    assert value(name, f"parameters: {{{name}: 3}}") == 3


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("010", "expression"),
        ("1:30", "expression"),
        ("2015-04-10", "expression"),  # Python reads 04 as no number
        ("on", "unknown-name"),
        ("no", "unknown-name"),
        ("yes", "unknown-name"),
        ("~", "yaml-feature"),
        ("null", "yaml-feature"),
        ("&a 3", "yaml-feature"),
        ("!!int 3", "yaml-feature"),
        ('"64"', "bad-value"),
        ("'64'", "bad-value"),
        ("1e-6", "bad-value"),
        ("2.7", "bad-value"),
        ("true", "bad-value"),
        (".5", "bad-value"),
        ("relu", "bad-value"),
        ("{a: 1}", "structure"),
        ("[1, 2]", "bad-value"),
        ("0x10 +", "expression"),
        ("True", "expression"),
        ("None", "expression"),
        ("1 / 0", "evaluation"),
        ("5 % 0", "evaluation"),
        ("9**9**9", "evaluation"),
        ("2 ** 5000", "evaluation"),
        ("10.0 ** 400", "evaluation"),
        ("[1, 2][2]", "yaml-syntax"),
        ("([1, 2])[2]", "evaluation"),
        ("true + 1", "evaluation"),
        ('1 + "a"', "evaluation"),
        ('1 if 1 == "1" else 2', "evaluation"),
        ("max()", "expression"),
        ("ceil(1, 2)", "expression"),
        ("foo(1)", "expression"),
        ("__import__('os')", "expression"),
        ("().__class__", "expression"),
        ("channels.real", "expression"),
        ("lambda: 1", "yaml-syntax"),
        ("max([x for x in [1]])", "expression"),
        ("3 if 1 else 2", "evaluation"),
        ("half", "bad-value"),
        ("half + 1", "evaluation"),
    ],
)
def test_values_that_cannot_be_are_one_finding(text, rule):
    assert problems(layers(f"- relu\n- relu:\n  times: {text}")) == [rule]


def test_yaml_typing_is_never_consulted():
    # YAML 1.1 would read 0o17 as text, 1_000 as 1000, 0b11 as 3 and 0x1F as 31; Python reads all.
    assert value("0b11") == 3
    assert value("0x1F") == 31
    assert value("0o17") == 15


def test_a_whole_float_counts_as_whole_everywhere():
    loaded = layers(
        "- conv2d: {out_channels: 16 * 0.5, kernel_size: [3.0, 1]}", arriving="[4.0, 8, 8]"
    )
    assert channels(loaded) == [8]
    assert totals(loaded).params == 8 * (4 * 3 + 1)


@pytest.mark.parametrize(
    ("shape", "rule"),
    [
        ("[3, 0, 8]", "bad-value"),
        ("[3, -1, 8]", "bad-value"),
        ("[]", "bad-value"),
        ("[1, 2, 3, 4, 5]", "bad-value"),
        ("3", "bad-value"),
        ('"3"', "bad-value"),
        ("[2 ** 31, 1, 1]", "bad-value"),
        ("[[1]]", "bad-value"),
        ("[1.5]", "bad-value"),
        ("[true]", "bad-value"),
        ("[a]", "unknown-name"),
        ("[channels]", "unknown-name"),
        ("{a: 1}", "structure"),
        ("", "structure"),
        ("[1,, 2]", "yaml-syntax"),
    ],
)
def test_inputs_that_are_no_shape_are_one_finding(shape, rule):
    assert problems(
        layers("- conv2d: {out_channels: channels, kernel_size: 99}", arriving=shape)
    ) == [rule]


def test_the_input_may_use_parameters():
    assert channels(layers("- relu", before="parameters: {c: 5}", arriving="[c, 2 * c, 8]")) == [5]


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_inputs_have_one_to_four_axes(size):
    assert channels(layers("- relu", arriving=str([2] * size))) == [2]


# -------------------------------------------------------------------------------------- channels

CONV = "conv2d: {out_channels: channels, kernel_size: 1}"


@pytest.mark.parametrize(
    "text",
    [
        f"- permute: {{dims: [1, 2, 0]}}\n- {CONV}",
        f"- permute: {{dims: [-2, -1, 0]}}\n- {CONV}",
        f"- reshape: {{shape: [16, 16, 4]}}\n- {CONV}",
        f"- permute: {{dims: [1, 2, 0]}}\n- relu\n- layer_norm\n- {CONV}",
        f"- permute: {{dims: [1, 2, 0]}}\n- permute: {{dims: [1, 2, 0]}}\n- {CONV}",
        "- permute: {dims: [1, 2, 0]}\n- relu: \n  times: channels",
        "- permute: {dims: [1, 2, 0]}\n- repeat: {times: channels, layers: [relu]}",
    ],
)
def test_channels_mean_nothing_after_the_axes_are_rearranged(text):
    finding = only(layers(text))
    assert finding.rule.name == "evaluation"
    assert "permute back" in finding.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"- permute: {{dims: [1, 2, 0]}}\n- permute: {{dims: [2, 0, 1]}}\n- {CONV}", 4),
        (f"- permute: {{dims: [0, 2, 1]}}\n- {CONV}", 4),
        ("- permute: {dims: [1, 2, 0]}\n- flatten\n- linear: {out_features: channels}", 1024),
        ("- reshape: {shape: [1024]}\n- flatten\n- linear: {out_features: channels}", 1024),
        (f"- {{permute: {{dims: [1, 2, 0]}}, name: p}}\n- {{{CONV}, from: input}}", 4),
    ],
)
def test_channels_are_back_once_it_is_undone(text, expected):
    loaded = layers(text)
    assert loaded.graph is not None
    assert loaded.graph.nodes[-1].output_shapes[0][0] == expected


def test_a_block_cannot_ask_for_the_channels_that_arrive_rearranged():
    before = "blocks: {b: [{relu, times: in_channels}]}"
    assert problems(layers("- permute: {dims: [1, 2, 0]}\n- b", before=before)) == ["evaluation"]
