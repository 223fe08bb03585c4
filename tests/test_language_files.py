"""Specs of several files, templates, settings and contracts: LANGUAGE, "extends"."""

import pytest
from language import channels, graph, names, only, problems, spec, spec_with

import cnncalc
from cnncalc.api import check_specs

BASE = """
    name: Base
    source: somewhere
    input: [4, 8, 8]
    parameters: {width, block: conv, depth: 1}
    blocks:
      conv:
        - conv2d: {out_channels: width, kernel_size: 1}
    layers:
      - {block, times: depth}
    freeze: [conv2d]
    expect: {params: 1}
    """


def family(child: str, **files: str):
    return spec_with(child, {"base": BASE, **files})


def test_a_child_replaces_values_of_parameters():
    loaded = family("extends: base\nname: Child\nparameters: {width: 6, depth: 2}")
    assert channels(loaded) == [6, 6]
    assert (loaded.name, loaded.citation) == ("Child", "somewhere")


@pytest.mark.parametrize(
    ("child", "expected"),
    [
        ("input: [2, 4, 4]", [(6, 4, 4)]),
        ("inputs: {a: [2, 4, 4]}", [(6, 4, 4)]),
        ("blocks: {double: [conv, conv]}", [(6, 8, 8)]),
    ],
)
def test_other_keys_replace_the_parents(child, expected):
    loaded = family(f"extends: base\nparameters: {{width: 6}}\n{child}")
    assert [node.output_shapes[0] for node in graph(loaded).nodes[1:]] == expected


def test_blocks_of_a_child_may_be_passed_as_kinds():
    loaded = family(
        """
        extends: base
        parameters: {width: 6, block: two}
        blocks: {two: [conv, {conv2d: {out_channels: 2 * width, kernel_size: 1}}]}
        """
    )
    assert channels(loaded) == [6, 12]


def test_chains_of_extends():
    child = "extends: base\nname: Middle\nparameters: {width: 5}"
    loaded = family("extends: middle\nparameters: {depth: 3}", middle=child)
    assert loaded.name == "Middle"
    assert channels(loaded) == [5, 5, 5]
    loaded = family("extends: middle\nparameters: {width: 7}\nfreeze: []", middle=child)
    assert channels(loaded) == [7]
    assert not graph(loaded).nodes[1].frozen


def test_a_child_freezes_its_parents_layers():
    assert graph(family("extends: base\nparameters: {width: 6}")).nodes[1].frozen
    child = "extends: base\nparameters: {width: 6, depth: 2}\nfreeze: conv2d_2"
    assert [node.frozen for node in graph(family(child)).nodes[1:]] == [False, True]


def test_expect_is_never_inherited():
    assert family("extends: base\nparameters: {width: 6}").expect == {}
    child = family("extends: base\nparameters: {width: 6}\nexpect: {params: 5 * width}")
    assert child.expect["params"][0] == 30


@pytest.mark.parametrize(
    ("child", "rule"),
    [
        ("extends: base\nparameters: {width: 1, new: 3}", "unknown-parameter"),
        ("extends: base\nparameters: {width: }", "structure"),
        ("extends: base\nparameters: [width]", "structure"),
        ("extends: base\nparameters: {width: 1 +}", "expression"),
        ("extends: base\nparameters: {width: depth}", "unknown-name"),
        ("extends: base\nparameters: {width: 1}\nlayers: [relu]", "structure"),
        ("extends: base\nparameters: {width: 1}\nblocks: {conv: [relu]}", "duplicate-name"),
        ("extends: base\nparameters: {width: 1}\nblock: {x: [relu]}", "unknown-key"),
        ("extends: bass", "not-found"),
        ("extends: [base]", "structure"),
        ("extends:", "structure"),
        ("extends: ~", "yaml-feature"),
        ("extends: spec", "recursion"),
        ("extends: ring", "recursion"),
        ("extends: broken", "yaml-syntax"),
        ("extends: list", "structure"),
        ("extends: empty", "structure"),
        ("extends: base\nparameters: {width: 1}\nname: [a]", "structure"),
        ('extends: base\nparameters: {width: 1}\nname: "a\\x1b[31m"', "bad-value"),
        ('extends: base\nparameters: {width: 1}\nsource: "\\u200bx"', "bad-value"),
        ("extends: base\nparameters: {width: 1}\ninclude: nothing", "not-found"),
        ("extends: base\nparameters: {width: 1}\ninclude: ~", "yaml-feature"),
        ("extends: base\nparameters: {width: 1}\ninclude: [{a: 1}]", "structure"),
        ("extends: base\nparameters: {width: 1}\ninclude: base", "structure"),
        ("extends: base\nparameters: {width: 1}\ninclude: ouroboros", "recursion"),
        ("extends: base\nparameters: {width: 1}\nexpect: 3", "structure"),
        ("extends: base\nparameters: {width: 1}\nexpect: {param: 3}", "unknown-key"),
        ("extends: base\nparameters: {width: 1}\nexpect: {training: 3}", "structure"),
        ("extends: base\nparameters: {width: 1}\nexpect: {training: {output: [1]}}", "unknown-key"),
        ("extends: base\nparameters: {width: 1}\nexpect: {params: 1 // 0}", "evaluation"),
        ("extends: base\nparameters: {width: 1}\nexpect: {params: unknown}", "unknown-name"),
        ("extends: base\nparameters: {width: 1}\nfreeze: [{a: 1}]", "structure"),
    ],
)
def test_mistakes_of_a_child(child, rule):
    files = {
        "ring": "extends: spec",
        "broken": "name: [",
        "list": "- relu",
        "empty": "",
        "library": "blocks: {b: [relu]}",
        "ouroboros": "include: ouroboros\nblocks: {b: [relu]}",
    }
    assert problems(family(child, **files)) == [rule]


LIBRARY = """
    name: blocks
    blocks:
      conv:
        parameters: {out: 6}
        layers:
          - conv2d: {out_channels: out, kernel_size: 1}
          - other
      other: [relu]
    """
USER = "name: t\ninput: [4, 8, 8]\ninclude: %s\nlayers: [%s]"


def test_include():
    assert names(spec(USER % ("library", "conv"), library=LIBRARY)) == ["conv2d", "relu"]
    more = "blocks: {more: [tanh]}"
    loaded = spec(USER % ("[library, more]", "other, more"), library=LIBRARY, more=more)
    assert names(loaded) == ["relu", "tanh"]


def test_include_of_a_library_that_includes():
    more = "include: library\nblocks: {more: [conv]}"
    assert channels(spec(USER % ("more", "more"), library=LIBRARY, more=more)) == [6, 6]


def test_include_of_nothing_includes_nothing():
    assert names(spec(USER % ("[]", "relu"))) == ["relu"]
    assert problems(spec(USER % ("[]", "conv_bn"))) == ["unknown-kind"]


def test_include_looks_among_the_built_in_architectures_last():
    assert names(spec(USER % ("common", "conv_bn: {out_channels: 3}"))) == [
        "conv2d", "batch_norm2d", "relu",
    ]  # fmt: skip
    mine = "blocks: {conv_bn: {parameters: [out_channels], layers: [tanh]}}"
    assert names(spec(USER % ("common", "conv_bn: {out_channels: 3}"), common=mine)) == ["tanh"]


def test_a_block_of_the_spec_hides_one_of_a_library():
    text = USER % ("library", "conv") + "\nblocks: {conv: [tanh]}"
    assert names(spec(text, library=LIBRARY)) == ["tanh"]


def test_a_lost_include_is_one_finding_however_often_its_blocks_are_called():
    assert problems(spec(USER % ("libary", "conv, other, conv"), library=LIBRARY)) == ["not-found"]
    assert "did you mean library?" in only(spec(USER % ("libary", "conv"), library=LIBRARY)).hint


def test_a_mistake_in_the_use_of_a_library_is_shown_at_the_call():
    text = USER % ("library", "conv, {conv: {out: 0}}, {conv: {out: -1}}")
    loaded = spec(text, library=LIBRARY)
    assert problems(loaded) == ["bad-value", "bad-value"]
    for finding in loaded.findings:
        assert finding.span is not None
        assert finding.span.path.endswith("spec.yaml")
        assert finding.related[0].span.path.endswith("library.yaml")


def test_two_calls_of_a_library_with_the_same_mistake_are_two_findings():
    text = USER % ("library", "{conv: {out: 0}}, {conv: {out: 0}}")
    assert problems(spec(text, library=LIBRARY)) == ["bad-value", "bad-value"]


def test_a_mistake_in_a_block_is_one_finding_however_often_it_is_called():
    text = """
        name: t
        input: [4, 8, 8]
        blocks: {b: [{conv2d: {out_channels: 0, kernel_size: 1}}]}
        layers: [b, b, {b, times: 9}, {repeat: {times: 5, layers: [b]}}]
        """
    assert problems(spec(text)) == ["bad-value"]


@pytest.mark.parametrize(
    ("block", "rule"),
    [
        ("b: 5", "structure"),
        ("b:", "structure"),
        ("b: []", "structure"),
        ("b: {inputs: [x]}", "missing-key"),
        ("b: {layers: [relu], parameters: 3}", "structure"),
        ("b: {layers: [relu], parameters: {n: 1 +}}", "expression"),
        ("b: {layers: [relu], parameters: {n: m}}", "unknown-name"),
        ("b: {layers: [relu], parameters: [n, n]}", "duplicate-name"),
        ("b: {layers: [relu], parameters: [[n]]}", "structure"),
        ("b: {layers: [relu], inputs: 3}", "structure"),
        ("b-c: [relu]", "reserved-name"),
        ("b: [bad]", "unknown-kind"),
    ],
)
def test_a_block_that_cannot_be_read_is_one_finding(block, rule):
    name = block.split(":")[0]
    call = f"{{{name}: {{n: 1}}}}" if "n, n" in block else name
    text = f"""
        name: t
        input: [4, 8, 8]
        blocks:
          {block}
        layers: [{call}, {{relu, times: 2}}, {call}]
        """
    assert problems(spec(text)) == [rule]


@pytest.mark.parametrize("block", ["5", "", "[]", "{inputs: [x]}", "[nothing]"])
def test_what_a_block_would_make_is_poison_if_it_cannot_be_read(block):
    text = f"name: t\ninput: [4, 8, 8]\nblocks:\n  b: {block}\nlayers: [b, {{concat: {{}}}}]"
    assert len(spec(text).findings) == 1


def test_a_list_of_includes_that_cannot_be_read_is_one_finding():
    assert problems(spec(USER % ("[library, {a: 1}]", "conv, more"), library=LIBRARY)) == [
        "structure"
    ]


# ------------------------------------------------------------------------- templates, settings


def test_a_spec_with_unset_parameters_is_a_template():
    loaded = spec(BASE)
    assert loaded.missing == ("width",)
    assert loaded.graph is None
    assert not loaded.findings


def test_a_template_is_checked_for_its_statics_only():
    assert problems(spec(BASE.replace("out_channels: width", "out_channels: widht"))) == [
        "unknown-name"
    ]
    assert problems(spec(BASE.replace("out_channels: width", "out_channels: 1 // 0"))) == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"width": "3"}, [3]),
        ({"width": "2 ** 3", "depth": "2"}, [8, 8]),
        ({"width": "3", "block": "relu"}, [4]),
    ],
)
def test_settings_from_outside(values, expected):
    assert channels(spec_with(BASE.replace("freeze: [conv2d]", ""), values=values)) == expected


def test_a_setting_may_be_a_list_or_a_text():
    text = """
        name: t
        input: [4]
        parameters: {widths, label}
        layers:
          - repeat: {over: {w: widths}, layers: [{linear: {out_features: w}, name: (label)_(w)}]}
        """
    loaded = spec_with(text, values={"widths": "[2, 3]", "label": '"fc"'})
    assert names(loaded) == ["fc_2", "fc_3"]


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"wdth": "3"}, "unknown-parameter"),
        ({"width": "3 +"}, "expression"),
        ({"width": "x"}, "unknown-name"),
        ({"width": "depth"}, "unknown-name"),
        ({"width": "[1"}, "yaml-syntax"),
        ({"width": "{a: 1}"}, "structure"),
        ({"width": "~"}, "yaml-feature"),
        ({"width": '"3"'}, "bad-value"),
        ({"width": "1 // 0"}, "evaluation"),
        ({"width": "0"}, "bad-value"),
    ],
)
def test_settings_that_cannot_be(values, rule):
    loaded = spec_with(BASE, values=values)
    assert problems(loaded) == [rule]


def test_settings_replace_also_what_a_child_has_set():
    text = "extends: base\nparameters: {width: 6}\nfreeze: conv2d"
    assert channels(spec_with(text, {"base": BASE}, values={"width": "9"})) == [9]


def test_the_shape_of_the_input_from_outside():
    loaded = spec_with(BASE, values={"width": "3"}, shape=(2, 5, 6))
    assert graph(loaded).nodes[1].output_shapes == ((3, 5, 6),)


# -------------------------------------------------------------------------------------- expect

NET = """
    name: t
    input: [1, 4, 4]
    layers:
      - conv2d: {out_channels: 2, kernel_size: 1}
      - head: [{conv2d: {out_channels: 3, kernel_size: 1}}]
        training: true
      - relu
    expect: %s
    """


@pytest.mark.parametrize(
    ("expect", "rules"),
    [
        ("{params: 4, macs: 32, output: [2, 4, 4]}", []),
        ("{params: 2 * 2, macs: 2 ** 5}", []),
        ("{training: {params: 13, macs: 128}}", []),
        ("{params: 5}", ["expect-params"]),
        ("{macs: 5}", ["expect-macs"]),
        ("{output: [2, 4]}", ["expect-output"]),
        ("{output: [[2, 4, 4]]}", []),
        ("{training: {params: 4}}", ["expect-params"]),
        ("{training: {macs: 32}}", ["expect-macs"]),
        ('{params: "4"}', []),
        ('{params: "four"}', ["bad-value"]),
        ("{params: 4.0}", None),
        ("{output: 2}", ["bad-value"]),
        ("{output: [2, relu]}", ["bad-value"]),
        ("{params: relu}", ["bad-value"]),
        ("{params: 5, macs: 5, output: [5], training: {params: 5, macs: 5}}",
         ["expect-params", "expect-macs", "expect-params", "expect-macs", "expect-output"]),
    ],
)  # fmt: skip
def test_contracts(tmp_path, expect, rules):
    path = tmp_path / "spec.yaml"
    path.write_text("\n".join(line[4:] for line in (NET % expect).splitlines()))
    found = [finding.rule.name for finding in check_specs([str(path)]).findings]
    if rules is not None:
        assert found == rules


def test_a_library_is_no_network(tmp_path):
    path = tmp_path / "library.yaml"
    path.write_text("blocks: {b: [relu]}")
    with pytest.raises(cnncalc.SpecError, match="is a library of blocks"):
        cnncalc.load(str(path))
