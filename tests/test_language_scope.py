"""Scope, order of lookup, names: LANGUAGE, "Scope", "Order of lookup", "Names"."""

import pytest
from language import channels, layers, names, only, problems, sources, spec

CONV = "conv2d: {out_channels: %s, kernel_size: 1}"

# ----------------------------------------------------------------------------------------- scope


@pytest.mark.parametrize(
    ("before", "text", "expected"),
    [
        # columns and index of the repeats around, the innermost wins
        (
            "parameters: {n: 1}",
            f"- repeat: {{over: {{n: [2]}}, layers: [{{{CONV % 'n'}}}]}}\n- {CONV % 'n'}",
            [2, 1],
        ),
        (
            "",
            f"- repeat: {{times: 2, layers: [{{repeat: {{times: 2, layers: [{{{CONV % '9 + index'}"
            f"}}]}}}}, {{{CONV % '1 + index'}}}]}}",
            [9, 10, 1, 9, 10, 2],
        ),
        # parameters of the block, then of the file
        (
            "parameters: {n: 1, m: 5}\nblocks: {b: {parameters: {n: 2}, layers: ["
            f"{{{CONV % 'n'}}}, {{{CONV % 'm'}}}]}}}}",
            "- b",
            [2, 5],
        ),
        # a default may use the names before it, and in_channels
        (
            "parameters: {a: 3, b: a + 1}\nblocks: {b: {parameters: {x: in_channels * 2, y: x + 1},"
            f" layers: [{{{CONV % 'x'}}}, {{{CONV % 'y'}}}]}}}}",
            f"- {CONV % 'b'}\n- b",
            [4, 8, 9],
        ),
        # a default that names itself means the file's
        (
            "parameters: {width: 7}\nblocks: {b: {parameters: {width: width}, layers: ["
            f"{{{CONV % 'width'}}}]}}}}",
            "- b\n- b: {width: 2}",
            [7, 2],
        ),
        # arguments are evaluated where they are written
        (
            "parameters: {n: 1}\nblocks: {b: {parameters: {n: 2, m}, layers: ["
            f"{{{CONV % 'm'}}}]}}}}",
            "- b: {m: n + 2}",
            [3],
        ),
        # in_channels in the arguments of a nested call is the caller's, inside it its own
        (
            "blocks:\n"
            f"  outer: [{{{CONV % 8}}}, {{inner: {{given: in_channels}}}}]\n"
            "  inner: {parameters: [given], layers: ["
            f"{{{CONV % 'given'}}}, {{{CONV % 'in_channels'}}}]}}",
            "- outer",
            [8, 4, 8],
        ),
        # a branch does not change in_channels; at top level it is the input's
        (
            f"blocks: {{b: [{{{CONV % 6}}}, {{concat: {{x: {{{CONV % 'in_channels'}}}, "
            f"y: {{{CONV % 'channels'}}}}}}}]}}",
            "- b",
            [6, 4, 6, 10],
        ),
        ("", f"- {CONV % 9}\n- {CONV % 'in_channels'}", [9, 4]),
        # a column, parameter or argument may hold a number, a bool, a text, a list or a kind
        (
            'parameters: {flag: true, list: [1, 2], text: "a"}',
            "- conv2d:\n    out_channels: list[1]\n    kernel_size: 1\n  when: flag\n"
            f'- {{{CONV % 5}, when: text == "b"}}',
            [2],
        ),
        # an empty value is the name itself
        (
            "parameters: {out_channels: 3, kernel_size: 1}",
            "- conv2d: {out_channels, kernel_size}\n- conv2d:\n    out_channels:\n    kernel_size:",
            [3, 3],
        ),
    ],
)
def test_what_a_name_means(before, text, expected):
    assert channels(layers(text, before=before)) == expected


def test_channels_in_a_named_group_are_those_that_arrive_at_it():
    text = f"- {CONV % 2}\n- {{repeat: {{times: channels, layers: [relu]}}, name: x}}"
    assert names(layers(text)) == ["conv2d", "x.relu", "x.relu_2"]


@pytest.mark.parametrize(
    "text",
    [
        "- repeat: {over: {n: [1]}, layers: [b]}",
        "- {b, times: 2}",
        "- {relu, name: before}\n- b",
    ],
)
@pytest.mark.parametrize(
    "body",
    [
        "{conv2d: {out_channels: n, kernel_size: 1}}",
        "{relu, name: a(index)}",
        "{relu, from: before}",
    ],
)
def test_a_block_does_not_see_its_caller(text, body):
    rule = "unknown-from" if "before" in body else "unknown-name"
    assert problems(layers(text, before=f"blocks: {{b: [{body}]}}")) == [rule]


def test_a_library_sees_no_parameter_of_who_includes_it():
    library = """
        blocks:
          conv:
            parameters: {out: 2, stride: 1}
            layers:
              - conv2d: {out_channels: out, kernel_size: 1, stride}
        """
    text = """
        name: t
        input: [4, 16, 16]
        include: library
        parameters: {stride: 4, classes: 3}
        layers: [conv]
        """
    assert channels(spec(text, library=library)) == [2]
    reading = library.replace("kernel_size: 1,", "kernel_size: classes,")
    assert problems(spec(text, library=reading)) == ["unknown-name"]


def test_index_in_times_is_the_outer_one_and_in_name_and_options_the_inner_one():
    text = f"""
        - repeat:
            times: 3
            layers:
              - {{{CONV % "10 + index"}, times: index, name: c(index)}}
        """
    # Rounds 0, 1 and 2 make 0, 1 and 2 layers; the second c0 is a name that stands twice.
    assert problems(layers(text)) == ["duplicate-name"]
    text = text.replace("repeat:\n", "repeat:\n", 1).replace("c(index)", "c(channels)_(index)")
    assert channels(layers(text)) == [10, 10, 11]


@pytest.mark.parametrize(
    "text",
    [
        "- {relu, times: index}",
        "- {relu, when: index == 0}",
        "- {relu, name: a(index)}",
        "- repeat: {times: index, layers: [relu]}",
        "- {repeat: {times: 2, layers: [relu]}, name: a(index)}",
    ],
)
def test_index_without_rounds_around_it_means_nothing(text):
    finding = only(layers(text))
    assert finding.rule.name == "unknown-name"
    assert "times or repeat" in finding.hint


@pytest.mark.parametrize(
    "text",
    [
        "parameters: {a: channels}",
        "parameters: {a: in_channels}",
        "expect: {params: channels}",
        "parameters: {b: a, a: 1}",
        "parameters: {a: a}",
    ],
)
def test_outside_of_layers_nothing_arrives_and_nothing_later_is_known(text):
    assert problems(layers("- relu", before=text)) == ["unknown-name"]


# ------------------------------------------------------------------------------- order of lookup


@pytest.mark.parametrize(
    ("before", "text", "expected"),
    [
        # a parameter may be called as a kind: position decides
        ("parameters: {dropout: 0.2}", "- dropout: {p: dropout}", ["dropout"]),
        ("parameters: {dropout: 0.2}", "- dropout", ["dropout"]),
        (
            "parameters: {scale: 2}",
            "- scale\n- upsample: {scale_factor: scale}",
            ["scale", "upsample"],
        ),
        ("parameters: {relu: tanh}", "- relu", ["tanh"]),
        # a name in scope that holds a kind, before blocks and layer kinds
        ("parameters: {f: tanh}\nblocks: {f: [relu]}", "- f", ["tanh"]),
        ("parameters: {f: 3}\nblocks: {f: [relu]}", "- f", ["relu"]),
        ("blocks: {conv: [relu]}\nparameters: {block: conv}", "- block", ["relu"]),
        # a kind handed through calls
        (
            "blocks:\n  a: {parameters: [f], layers: [{b: {g: f}}]}\n"
            "  b: {parameters: [g], layers: [g]}",
            "- a: {f: relu}",
            ["relu"],
        ),
        ("blocks: {a: {parameters: {f: relu}, layers: [f]}}", "- a\n- a: {f: identity}", ["relu"]),
        # kinds and texts compare
        ("parameters: {f: tanh}", "- {f, when: f == tanh}\n- {f, when: f == relu}", ["tanh"]),
        # names YAML would take for something else
        (
            "parameters: {n: 1, y: 2, on: 3}",
            "- {relu, times: n}\n- {tanh, times: on - y}",
            ["relu", "tanh"],
        ),
        # a choice word is itself; tanh and linear are kinds and choices
        ("", "- gelu: {approximate: tanh}", ["gelu"]),
        ("", "- conv2d: {out_channels: 1, kernel_size: 3, padding: half}", ["conv2d"]),
    ],
)
def test_order_of_lookup(before, text, expected):
    loaded = layers(text, before=before)
    assert [name.split("_")[0] if name[-1].isdigit() and "_" in name else name
            for name in names(loaded)] == expected  # fmt: skip


def test_a_block_named_like_a_kind_wins_and_warns():
    loaded = layers("- relu", before="blocks: {relu: [tanh]}")
    assert only(loaded).rule.name == "shadowed-kind"
    assert loaded.graph is not None
    assert [node.name for node in loaded.graph.nodes] == ["input", "tanh"]


@pytest.mark.parametrize(
    "word",
    [
        "half", "same", "valid", "nearest", "bilinear", "min", "make_divisible", "repeat", "add",
        "channels", "in_channels", "index", "previous", "input", "true", "class", "in", "lambda",
        "2x", "a-b", "a.b", '""', '"a b"',
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "place", ["parameters: {%s: 1}", "parameters: [%s]", "blocks: {%s: [relu]}",
              "blocks: {b: {parameters: {%s: 1}, layers: [relu]}}",
              "blocks: {b: {inputs: [%s], layers: [relu]}}"]
)  # fmt: skip
def test_words_of_the_language_are_no_names(word, place):
    assert problems(layers("- relu", before=place % word)) == ["reserved-name"]


@pytest.mark.parametrize(
    ("text", "rule", "hint"),
    [
        ("- conv2dd: {out_channels: 1}", "unknown-kind", "did you mean conv2d?"),
        ("- cnov_bn", "unknown-kind", "did you mean conv_bn?"),
        ("- width", "unknown-kind", ""),
        ("- conv2d: {out_channels: widht, kernel_size: 1}", "unknown-name", "did you mean width?"),
        ("- conv2d: {out_channels: 1, kernel: 1}", "unknown-option", "did you mean kernel_size?"),
        ("- conv2d: {out_channels: 1}", "missing-option", "for example"),
        ("- conv_bn: {wdth: 1}", "unknown-option", "did you mean width?"),
        ("- conv_bn", "missing-option", ""),
        ("- conv_bn: {width: nothing_close}", "unknown-name", "quoted"),
        ("- {relu, from: strat}", "unknown-from", "did you mean start?"),
        ("- {relu, times: 2, nmae: a}", "structure", "modifiers are"),
    ],
)
def test_unknown_words_are_errors_with_a_hint(text, rule, hint):
    before = "parameters: {width: 1}\nblocks: {conv_bn: {parameters: [width], layers: [relu]}}"
    finding = only(layers(f"- {{relu, name: start}}\n{text}", before=before))
    assert finding.rule.name == rule
    assert hint in finding.hint


# ----------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("before", "text", "expected"),
    [
        ("", "- relu\n- relu\n- tanh\n- relu", ["relu", "relu_2", "tanh", "relu_3"]),
        ("", "- {relu, name: relu_2}\n- relu\n- relu", ["relu_2", "relu", "relu_3"]),
        ("", "- {relu, times: 2, name: a(index)_(index * 2 + 1)b}", ["a0_1b", "a1_3b"]),
        ("parameters: {t: \"3a\"}", "- {relu, name: x_(t)}", ["x_3a"]),
        ("", "- {relu, name: (1 + 1)}", ["2"]),
        ("", "- {relu, name: a(4 / 2)}", ["a2"]),
        # a named call, named sequential and every branch is a namespace
        ("blocks: {b: [relu]}", "- {b, name: x}", ["x.relu"]),
        ("blocks: {b: [relu, c], c: [tanh]}", "- relu\n- b\n- tanh\n- relu",
         ["relu", "relu_2", "tanh", "tanh_2", "relu_3"]),
        ("", "- {sequential: [relu], name: x}", ["x.relu"]),
        ("", "- {head: [relu], name: x}\n- tanh", ["x.relu", "tanh"]),
        ("", "- add: {a: relu, b: tanh}", ["a.relu", "b.tanh", "add"]),
        ("", "- {add: {a: relu, b: tanh}, name: sum}", ["a.relu", "b.tanh", "sum"]),
        ("", "- {repeat: {times: 2, layers: [relu]}, name: x}", ["x.relu", "x.relu_2"]),
        # an unnamed call is one if its block has names inside; a plain chain adds nothing
        ("blocks: {b: [relu, tanh]}", "- b\n- b", ["relu", "tanh", "relu_2", "tanh_2"]),
        ("blocks: {b: [{relu, name: a}]}", "- b\n- b", ["b.a", "b_2.a"]),
        ("blocks: {b: [{add: {x: relu, y: identity}}]}", "- b", ["b.x.relu", "b.add"]),
        ("blocks: {b: [{head: [relu]}, tanh]}", "- b", ["b.relu", "b.tanh"]),
        ("blocks: {a: [b], b: [{relu, name: n}]}", "- a", ["b.n"]),
        ("blocks: {a: [{b, name: x}], b: [relu]}", "- a\n- a", ["a.x.relu", "a_2.x.relu"]),
        # two merges with equal branch names in one namespace: numbers go on
        (
            "",
            "- add: {a: relu, b: tanh}\n- add: {a: relu, b: tanh}",
            ["a.relu", "b.tanh", "add", "a.relu_2", "b.tanh_2", "add_2"],
        ),
        # one name in the whole network, however it is put together
        ("", "- add: {a: relu, b: relu}\n- {sequential: [relu], name: a}",
         ["a.relu", "b.relu", "add", "a.relu_2"]),
        ("", "- {relu, name: a.relu}\n- {sequential: [relu], name: a}", ["a.relu", "a.relu_2"]),
    ],
)  # fmt: skip
def test_what_layers_are_called(before, text, expected):
    assert names(layers(text, before=before)) == expected


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("- {relu, name: a}\n- {tanh, name: a}", "duplicate-name"),
        ("- {relu, name: a, times: 2}", "duplicate-name"),
        ("- relu\n- {tanh, name: relu}", "duplicate-name"),
        ("- {relu, name: a.b}\n- {sequential: [{relu, name: b}], name: a}", "duplicate-name"),
        ("- add: {x: {relu, name: a}, y: identity}\n- add: {x: {relu, name: a}, y: identity}",
         "duplicate-name"),
        ("- {relu, name: previous}", "reserved-name"),
        ("- {relu, name: input}", "reserved-name"),
        ("- {relu, name: a b}", "bad-value"),
        ("- {relu, name: a..b}", "bad-value"),
        ("- {relu, name: .a}", "bad-value"),
        ("- {relu, name: '-a'}", "bad-value"),
        ("- {relu, name: 'null'}", "bad-value"),
        ('- {relu, name: "a\\x1b[31m"}', "bad-value"),
        ('- {relu, name: "a\\u200b"}', "bad-value"),
        (f"- {{relu, name: {'a' * 101}}}", "bad-value"),
        (f"- {{relu, name: {'a' * 1001}}}", "limit"),
        ("- {relu, name: a(true)}", "evaluation"),
        ("- {relu, name: a(relu)}", "evaluation"),
        ("- relu:\n  name: a(", "expression"),
        ("- {relu, name: a(1 // 0)}", "evaluation"),
        ("- {relu, name: a(x)}", "unknown-name"),
        ("- add: {'a b': relu, c: identity}", "structure"),
    ],
)  # fmt: skip
def test_names_that_cannot_be(text, rule):
    assert problems(layers(text)) == [rule]


def test_names_may_stand_in_two_calls():
    before = "blocks: {b: [{relu, name: a}]}"
    assert names(layers("- {relu, name: a}\n- {b, name: x}\n- b", before=before)) == [
        "a",
        "x.a",
        "b.a",
    ]


def test_the_title_is_not_computed():
    assert spec("name: Net (v2) {x}\ninput: [1]\nlayers: [relu]").name == "Net (v2) {x}"


# ------------------------------------------------------------------------------------------ from


@pytest.mark.parametrize(
    ("before", "text", "layer", "expected"),
    [
        ("", "- {relu, name: a}\n- tanh\n- {sigmoid, from: a}", "sigmoid", ["a"]),
        ("", "- relu\n- {sigmoid, from: input}", "sigmoid", ["input"]),
        ("", "- relu\n- {add, from: [previous, input]}", "add", ["relu", "input"]),
        # in this branch, then outwards
        (
            "",
            "- {relu, name: n}\n- add: {a: [{tanh, name: n}, {sigmoid, from: n}], b: identity}",
            "a.sigmoid",
            ["a.n"],
        ),
        (
            "",
            "- {relu, name: n}\n- tanh\n- add: {a: [{sigmoid, from: n}], b: identity}",
            "a.sigmoid",
            ["n"],
        ),
        ("", "- {sequential: [{relu, name: n}], name: s}\n- tanh\n- {sigmoid, from: s.n}",
         "sigmoid", ["s.n"]),
        ("", "- {sequential: [{relu, name: n}, tanh], name: s}\n- abs\n- {sigmoid, from: s}",
         "sigmoid", ["s.tanh"]),
        ("", "- add: {a: {relu, name: n}, b: tanh}\n- {sigmoid, from: a.n}", "sigmoid", ["a.n"]),
        # call is its output, call.inner a named layer in it
        ("blocks: {b: [{relu, name: n}, tanh]}", "- {b, name: c}\n- abs\n- {sigmoid, from: c}",
         "sigmoid", ["c.tanh"]),
        ("blocks: {b: [{relu, name: n}, tanh]}", "- {b, name: c}\n- {sigmoid, from: c.n}",
         "sigmoid", ["c.n"]),
        ("blocks: {a: [{b, name: d}], b: [{relu, name: n}, tanh]}",
         "- {a, name: c}\n- {sigmoid, from: c.d.n}", "sigmoid", ["c.d.n"]),
        ("", "- {relu, name: l.0}\n- tanh\n- {sigmoid, from: l.0}", "sigmoid", ["l.0"]),
        ("blocks: {b: [{relu, name: n}, tanh]}", "- {b, name: l.0}\n- {sigmoid, from: l.0.n}",
         "sigmoid", ["l.0.n"]),
        # input is what arrived at the call
        ("blocks: {b: [tanh, {sigmoid, from: input}]}", "- relu\n- b", "sigmoid", ["relu"]),
        ("", "- {head: [relu], name: h}\n- {sigmoid, from: h}", "sigmoid", ["h.relu"]),
        ("", "- relu\n- {identity, name: here}\n- tanh\n- {sigmoid, from: here}", "sigmoid",
         ["relu"]),
        ("", "- {relu, times: 3, name: a(index)}\n- {sigmoid, from: a(3 - 2)}", "sigmoid", ["a1"]),
    ],
)  # fmt: skip
def test_what_from_reads(before, text, layer, expected):
    loaded = layers(text, before=before)
    assert loaded.graph is not None
    (node,) = [node for node in loaded.graph.nodes if node.name == layer]
    assert [loaded.graph.nodes[value.node].name for value in node.inputs] == expected


@pytest.mark.parametrize(
    ("before", "text"),
    [
        ("", "- relu\n- relu\n- {tanh, from: relu_2}"),  # numbered names are not for from
        ("", "- {tanh, from: a}\n- {relu, name: a}"),  # no cycles
        ("", "- {tanh, from: a, name: a}"),
        ("blocks: {b: [{tanh, from: a}]}", "- {relu, name: a}\n- b"),  # the edge of the call
        ("blocks: {b: [{relu, name: n}, tanh]}", "- b\n- {sigmoid, from: n}"),
        ("", "- {sequential: [{relu, name: n}], name: s}\n- {tanh, from: n}"),
        ("", "- {relu, name: a, when: false}\n- {tanh, from: a}"),
        ("blocks: {b: {inputs: [x], layers: [{relu, from: input}]}}", "- b"),
    ],
)
def test_what_from_cannot_read(before, text):
    finding = only(layers(text, before=before))
    assert finding.rule.name == "unknown-from"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("- {conv2d: {out_channels: 0, kernel_size: 1}, name: a}", "bad-value"),
        ("- {conv2d: {out_channels: 0, kernel_size: 1}, name: a, times: 1}", "bad-value"),
        ("- {nothing, name: a}", "unknown-kind"),
        ("- {relu, tanh, name: a}", "structure"),
        ("- {relu, name: {a}}", "structure"),
        ("- {relu, name: a(1 // 0)}", "evaluation"),
        ("- {conv2d: {out_channels: 1, kernel_size: 99}, name: a}", "kernel-too-large"),
        ("- {sequential: [{conv2d: {out_channels: 1, kernel_size: 99}, name: b}], name: a}",
         "kernel-too-large"),
        ("- {chunk: {chunks: 0}, name: a}", "bad-value"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("source", ["a", "a.b", "a.1"])
def test_who_reads_what_failed_is_silent(text, rule, source):
    assert problems(
        layers(f"{text}\n- {{conv1d: {{out_channels: 1, kernel_size: 1}}, from: {source}}}")
    ) == [rule]


def test_inputs_of_a_block_have_names():
    before = "blocks: {b: {inputs: [x, y], layers: [{tanh, from: y}, {add, from: [previous, x]}]}}"
    loaded = layers("- {relu, name: r}\n- {b, from: [input, r], name: c}", before=before)
    assert sources(loaded, "c.tanh") == ["r"]
    assert sources(loaded, "c.add") == ["c.tanh", "input"]
    # without from, the first entry reads all that arrives
    finding = only(
        layers("- {b, from: [input, input]}", before=before.replace("{tanh, from: y}", "tanh"))
    )
    assert finding.rule.name == "input-count"
