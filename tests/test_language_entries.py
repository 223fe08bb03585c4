"""Entries, modifiers and groups: LANGUAGE, "The grammar" and "Order in an entry"."""

import pytest
from language import (
    channels,
    graph,
    layers,
    named,
    names,
    nodes,
    only,
    output,
    problems,
    sources,
    spec,
    totals,
)

from cnncalc.analysis.summarize import summarize

CONV = "conv2d: {out_channels: %s, kernel_size: 1}"


@pytest.mark.parametrize(
    "text",
    [
        "- relu",
        "- relu:",
        "- {relu}",
        "- relu: {}",
        "- {relu: {}}",
        "-\n  relu:",
    ],
)
def test_a_kind_without_options_is_written_in_any_of_these_ways(text):
    assert names(layers(text)) == ["relu"]


@pytest.mark.parametrize(
    "text",
    [
        "- conv2d: {out_channels: 8, kernel_size: 3}",
        "- {conv2d: {out_channels: 8, kernel_size: 3}}",
        "- conv2d:\n    out_channels: 8\n    kernel_size: 3",
        "- {conv2d: {out_channels: 8, kernel_size: [3, 3]}}",
    ],
)
def test_options_are_a_mapping_on_one_line_or_on_lines_of_their_own(text):
    assert output(layers(text)) == (8, 14, 14)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # times comes first: its own index is not yet there, when sees it, each round anew
        ("- {relu, times: 3, when: index != 1}", ["relu", "relu_2"]),
        ("- {relu, times: 3, when: index == 5}", []),
        ("- {relu, times: 0}", []),
        ("- {relu, times: 3, name: a(index)}", ["a0", "a1", "a2"]),
        ("- {relu, when: false, name: a}\n- {tanh, name: a}", ["a"]),
        ("- {relu, when: true}", ["relu"]),
        ("- {relu, times: 2.0}", ["relu", "relu_2"]),
        ("- {relu, times: channels // 2}", ["relu", "relu_2"]),
    ],
)
def test_times_then_when_then_name(text, expected):
    assert names(layers(text + "\n- identity")) == expected


def test_from_is_looked_up_in_each_round():
    loaded = layers("- {relu, name: a0}\n- {tanh, times: 2, from: a(index), name: a(index + 1)}")
    assert sources(loaded, "a1") == ["a0"]
    assert sources(loaded, "a2") == ["a1"]


def test_options_see_the_channels_of_what_from_brings():
    loaded = layers(
        f"""
        - {{{CONV % 6}, name: six}}
        - {CONV % 9}
        - {{conv2d: {{out_channels: channels * 2, kernel_size: 1}}, from: six}}
        """
    )
    assert channels(loaded) == [6, 9, 12]


@pytest.mark.parametrize("value", ["1", "0", '"true"', "channels", "relu"])
def test_when_is_true_or_false(value):
    finding = only(layers(f"- {{relu, when: {value}}}"))
    assert finding.rule.name == "bad-value"
    assert "true or false" in finding.message


@pytest.mark.parametrize("value", ["-1", "1.5", "true", '"2"', "[2]", "relu"])
def test_times_is_a_whole_number(value):
    finding = only(layers(f"- {{relu, times: {value}}}"))
    assert finding.rule.name == "bad-value"
    assert "a whole number from 0 to 200,000" in finding.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("repeat: {times: 2, layers: [relu, tanh]}", ["relu", "tanh", "relu_2", "tanh_2"]),
        ("repeat: {over: {n: [1, 2]}, layers: [{relu, name: a(n)}]}", ["a1", "a2"]),
        (
            "repeat: {over: {n: [1, 2], t: [x, y]}, layers: [{relu, name: a(n)(index)}]}",
            None,  # x and y are no names
        ),
        ('repeat: {over: {t: ["x", "y"]}, layers: [{relu, name: (t)}]}', ["x", "y"]),
        (
            "repeat: {columns: [a, b], over: [[1, 2], [3, 4]], layers: [{relu, name: r(a)(b)}]}",
            ["r12", "r34"],
        ),
        ("repeat: {columns: [a, b], over: table, layers: [{relu, name: r(a)(b)}]}", ["r78"]),
        ("repeat: {over: {n: lists}, layers: [{relu, name: a(n)}]}", ["a5", "a6"]),
        ("repeat: {times: 0, layers: [relu]}", []),
        ("repeat: {over: {n: []}, layers: [relu]}", []),
        (
            "repeat: {over: {kind: [relu, tanh]}, layers: [kind]}",
            ["relu", "tanh"],
        ),
        (
            "repeat: {columns: [n, kind], over: [[1, conv], [2, tanh]], layers: [kind]}",
            ["relu", "tanh"],
        ),
    ],
)
def test_repeat_has_three_forms(text, expected):
    before = """
        parameters: {table: [[7, 8]], lists: [5, 6]}
        blocks: {conv: [relu]}
    """
    loaded = layers(f"- {text}\n- identity", before=before)
    if expected is None:
        assert set(problems(loaded)) == {"unknown-name"}
    else:
        assert names(loaded) == expected


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("repeat: {layers: [relu]}", "structure"),
        ("repeat: {times: 1, over: {n: [1]}, layers: [relu]}", "structure"),
        ("repeat: {times: 1, columns: [n], layers: [relu]}", "structure"),
        ("repeat: {times: 2}", "missing-key"),
        ("repeat: {times: 2, layers: []}", "structure"),
        ("repeat: {times: 2, layer: [relu], layers: [relu]}", "unknown-key"),
        ("repeat: {over: {}, layers: [relu]}", "structure"),
        ("repeat: {over: [1, 2], layers: [relu]}", "structure"),
        ("repeat: {over: {n: 3}, layers: [relu]}", "bad-value"),
        ("repeat: {over: {a: [1], b: [1, 2]}, layers: [relu]}", "bad-value"),
        ("repeat: {columns: [a, b], over: [[1, 2], [3]], layers: [relu]}", "bad-value"),
        ("repeat: {columns: [a, b], over: [1], layers: [relu]}", "bad-value"),
        ("repeat: {columns: a, over: [[1]], layers: [relu]}", "structure"),
        ("repeat: 3", "structure"),
        ("repeat:", "structure"),
        ("sequential: []", "structure"),
        ("sequential: relu", "structure"),
        ("add: [relu, relu]", "structure"),
        ("add: {a: relu, b: }", "empty-branch"),
        ("add: {a: relu, b: []}", "empty-branch"),
        ("{relu, from: []}", "structure"),
        ("{relu, from: }", "structure"),
        ("{relu, name: }", "structure"),
        ("{relu, name: {a}}", "structure"),
        ("{relu, tanh}", "structure"),
        ("{times: 3}", "structure"),
        ('"relu"', "structure"),
        ("", "structure"),
        ("[relu]", "structure"),
        ("relu: 3", "structure"),
        ("relu: [1]", "structure"),
        ("{relu: , when: }", "unknown-name"),
    ],
)
def test_what_an_entry_cannot_be_is_one_finding(text, rule):
    # What follows reads the entry and does not fit, but is poisoned: one cause, one finding.
    after = "- conv1d: {out_channels: 1, kernel_size: 99}"
    assert problems(layers(f"- {text}\n{after}")) == [rule]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("{relu, freeze: 1}", "structure"),
        ("{relu, training: true}", "structure"),
        ("head: []", "structure"),
        ("repeat: {columns: [a, a], over: [[1, 2]], layers: [relu]}", "duplicate-name"),
        ("repeat: {columns: [class], over: [[1]], layers: [relu]}", "reserved-name"),
        ("repeat: {over: {index: [1]}, layers: [relu]}", "reserved-name"),
    ],
)
def test_a_mistake_that_changes_no_shape_lets_the_next_be_found(text, rule):
    after = "- conv1d: {out_channels: 1, kernel_size: 99}"
    assert problems(layers(f"- {text}\n{after}")) == [rule, "rank"]


def test_sequential_makes_several_entries_one():
    loaded = layers(
        """
        - {sequential: [relu, tanh], when: false}
        - {sequential: [relu, tanh], times: 2, name: pair(index)}
        - sequential: [relu]
        """
    )
    assert names(loaded) == ["pair0.relu", "pair0.tanh", "pair1.relu", "pair1.tanh", "relu"]


@pytest.mark.parametrize("kind", ["add", "mul", "max"])
def test_merges_of_equal_shapes(kind):
    assert output(layers(f"- {kind}: {{a: relu, b: identity}}")) == (4, 16, 16)


def test_concat_joins_the_channels_of_its_branches():
    loaded = layers(f"- concat: {{a: {{{CONV % 3}}}, b: [{{{CONV % 5}}}], c: identity}}")
    assert output(loaded) == (12, 16, 16)


def test_concat_on_another_axis():
    assert output(layers("- concat: {axis: 1, a: relu, b: identity}")) == (4, 32, 16)
    assert output(layers("- {relu, name: a}\n- {concat: {axis: 2}, from: [input, a]}")) == (
        4,
        16,
        32,
    )


def test_sub_takes_two():
    assert output(layers("- sub: {a: relu, b: identity}")) == (4, 16, 16)
    assert problems(layers("- sub: {a: relu, b: tanh, c: identity}")) == ["input-count"]


def test_a_branch_may_be_one_entry_without_a_list():
    one = layers("- add: {a: relu, b: identity}")
    assert names(one) == names(layers("- add: {a: [relu], b: [identity]}"))
    assert channels(layers("- concat: {a: {relu, times: 2}, b: {relu, when: true}}")) == [
        4,
        4,
        4,
        8,
    ]


def test_a_merge_without_branches_reads_what_from_names():
    loaded = layers("- {relu, name: a}\n- {tanh, from: input, name: b}\n- {add, from: [a, b]}")
    assert sources(loaded, "add") == ["a", "b"]


def test_concat_of_the_layer_before_with_an_old_one():
    loaded = layers(
        f"- {{{CONV % 6}, name: old}}\n- {CONV % 7}\n- {{concat, from: [previous, old]}}"
    )
    assert output(loaded) == (13, 16, 16)
    assert sources(loaded, "concat") == ["conv2d", "old"]


@pytest.mark.parametrize("text", ["- add", "- {add, from: input}", "- add: {a: relu}"])
def test_a_merge_needs_two(text):
    assert problems(layers(text)) == ["input-count"]


# ------------------------------------------------------------------------------ branches that go


@pytest.mark.parametrize(
    ("branches", "expected", "rules"),
    [
        ("{a: relu, b: {identity, when: false}}", ["a.relu"], []),
        ("{a: relu, b: [{identity, when: false}]}", ["a.relu"], []),
        ("{a: relu, b: {tanh, when: false}}", ["a.relu"], ["single-branch"]),
        ("{a: relu, b: [identity, {tanh, when: false}]}", ["a.relu", "add"], []),
        ("{a: relu, b: {identity, when: false}, c: {tanh, when: false}}", ["a.relu"], []),
        ("{a: relu, b: tanh, c: {relu, when: false}}", ["a.relu", "b.tanh", "add"], []),
        ("{a: {relu, when: false}, b: {tanh, when: false}}", [], []),
        ("{a: {relu, times: 0}, b: tanh}", ["b.tanh"], ["single-branch"]),
        ("{a: {repeat: {times: 0, layers: [relu]}}, b: tanh}", ["b.tanh"], ["single-branch"]),
    ],
)
def test_branches_that_are_gone(branches, expected, rules):
    loaded = layers(f"- add: {branches}\n- identity")
    assert problems(loaded) == rules
    assert loaded.graph is not None
    assert [node.name for node in loaded.graph.nodes[1:]] == expected


def test_resnet_writes_the_identity_then_the_projection():
    # The identity stands always; the projection has the condition.
    before = """
        blocks:
          basic:
            parameters: [width, stride]
            layers:
              - add:
                  residual:
                    - conv2d: {out_channels: width, kernel_size: 3, stride, padding: 1}
                  shortcut:
                    - identity
                    - conv2d: {out_channels: width, kernel_size: 1, stride}
                      when: stride != 1 or in_channels != width
        """
    loaded = layers("- basic: {width: 4, stride: 1}\n- basic: {width: 8, stride: 2}", before=before)
    assert names(loaded) == [
        "basic.residual.conv2d",
        "basic.add",
        "basic_2.residual.conv2d",
        "basic_2.shortcut.conv2d",
        "basic_2.add",
    ]
    assert output(loaded) == (8, 8, 8)


# ----------------------------------------------------------------------------------------- heads


def test_a_head_never_moves_the_main_path():
    loaded = layers(
        f"""
        - {{{CONV % 6}, name: a}}
        - {{head: [{{{CONV % 9}}}], name: side}}
        - {{head: [flatten], from: input}}
        - {CONV % "channels"}
        """
    )
    assert sources(loaded, "conv2d") == ["a"]
    assert sources(loaded, "flatten") == ["input"]
    assert output(loaded) == (6, 16, 16)


def test_training_heads_count_apart():
    loaded = layers(f"- relu\n- {{head: [{{{CONV % 9}}}], training: true}}\n- {CONV % 2}")
    assert totals(loaded).params == 10
    training = summarize(graph(loaded)).training_totals
    assert training is not None
    assert training.params == 10 + 45
    assert training.macs == (8 + 36) * 256


def test_a_net_that_only_heads_read_puts_out_its_heads_in_order():
    loaded = layers(f"- relu\n- head: [{{{CONV % 2}}}]\n- tanh\n- head: [{{{CONV % 3}}}]")
    net = graph(loaded)
    assert [net.shape(value) for value in net.outputs] == [(2, 16, 16), (3, 16, 16)]


def test_training_heads_do_not_make_a_net_end_in_heads():
    loaded = layers(f"- relu\n- {{head: [{{{CONV % 2}}}], training: true}}")
    assert output(loaded) == (4, 16, 16)


def test_heads_within_heads():
    loaded = layers(
        f"- relu\n- head: [tanh, {{head: [{{{CONV % 3}}}]}}, {{{CONV % 2}}}]\n- sigmoid"
    )
    net = graph(loaded)
    assert [net.shape(value)[0] for value in net.heads] == [2, 3]
    assert output(loaded) == (4, 16, 16)


def test_heads_by_from_as_in_ssd():
    loaded = layers(
        """
        - {conv2d: {out_channels: 8, kernel_size: 3, stride: 2, padding: 1}, name: c1}
        - {conv2d: {out_channels: 8, kernel_size: 3, stride: 2, padding: 1}, name: c2}
        - repeat:
            over: {source: ["c1", "c2"]}
            layers:
              - head: [{conv2d: {out_channels: 6, kernel_size: 1}, name: boxes}]
                from: (source)
                name: head_(source)
        """
    )
    net = graph(loaded)
    assert [net.shape(value) for value in net.outputs] == [(6, 8, 8), (6, 4, 4)]
    assert sources(loaded, "head_c1.boxes") == ["c1"]


# ------------------------------------------------------------------------------ share and freeze


def test_shared_weights_count_once_and_run_each_time():
    loaded = layers(f"- {{{CONV % 4}, name: a}}\n- {{{CONV % 4}, share: a}}")
    assert totals(loaded).params == 20
    assert totals(loaded).macs == 2 * 16 * 256
    assert named(loaded, "conv2d").shares == named(loaded, "a").index


def test_share_zips_the_layers_of_two_calls():
    before = """
        blocks:
          branch:
            - conv2d: {out_channels: 5, kernel_size: 3}
            - batch_norm2d
            - relu
        """
    loaded = layers(
        """
        - {branch, name: left}
        - {branch, from: input, share: left, name: right}
        - {sub, from: [left, right]}
        """,
        before=before,
    )
    shares = {node.name: node.shares for node in nodes(loaded)}
    assert shares["right.conv2d"] == named(loaded, "left.conv2d").index
    assert shares["right.batch_norm2d"] == named(loaded, "left.batch_norm2d").index
    assert shares["right.relu"] is None  # it has no weights
    assert totals(loaded).params == (4 * 9 + 1) * 5 + 10


def test_share_of_a_share_leads_to_the_owner():
    conv = CONV % 4
    loaded = layers(
        f"- {{{conv}, name: a}}\n- {{{conv}, share: a, name: b}}\n- {{{conv}, share: b}}"
    )
    assert named(loaded, "conv2d").shares == named(loaded, "a").index


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (f"- {{{CONV % 8}, name: a}}\n- {{{CONV % 8}, share: a}}", "share-mismatch"),
        (f"- {{{CONV % 4}, name: a}}\n- {{{CONV % 5}, share: a}}", "share-mismatch"),
        (f"- {{{CONV % 4}, name: a}}\n- {{batch_norm2d, share: a}}", "share-mismatch"),
        (f"- {{{CONV % 4}, name: a}}\n- {{relu, share: b}}", "unknown-from"),
        (f"- {{{CONV % 4}, share: a}}\n- {{{CONV % 4}, name: a}}", "unknown-from"),
        (f"- {{{CONV % 4}, name: a, share: a}}", "unknown-from"),
        (
            f"- {{sequential: [{{{CONV % 4}}}, relu], name: a}}\n- {{{CONV % 4}, share: a}}",
            "share-mismatch",
        ),
    ],
)
def test_shares_that_do_not_fit(text, rule):
    assert problems(layers(text)) == [rule]


def test_freeze_on_an_entry_freezes_all_in_it():
    loaded = layers(
        f"- {{sequential: [{{{CONV % 4}}}, {{{CONV % 4}}}], freeze: true}}\n- {CONV % 4}"
    )
    assert [node.frozen for node in nodes(loaded)] == [True, True, False]
    assert totals(loaded).frozen == 40


@pytest.mark.parametrize(
    ("pattern", "frozen"),
    [
        ("conv*", ["conv1", "conv2"]),
        ("[conv1, fc]", ["conv1", "fc"]),
        ("block", ["block.a", "block.b"]),
        ("block.a", ["block.a"]),
        ('"*.a"', ["block.a"]),
    ],
)
def test_freeze_at_the_top_takes_patterns_and_namespaces(pattern, frozen):
    loaded = layers(
        f"""
        - {{{CONV % 4}, name: conv1}}
        - {{{CONV % 4}, name: conv2}}
        - {{sequential: [{{{CONV % 4}, name: a}}, {{{CONV % 4}, name: b}}], name: block}}
        - {{linear: {{out_features: 3}}, name: fc}}
        """,
        before=f"freeze: {pattern}",
    )
    assert [node.name for node in nodes(loaded) if node.frozen] == frozen


def test_freeze_of_nothing_warns():
    loaded = layers("- {relu, name: a}", before="freeze: [b]")
    assert only(loaded).rule.name == "freeze-nothing"
    assert loaded.graph is not None


# ------------------------------------------------------------------------- networks not tried yet


def test_connections_of_lenets_c3():
    # LeNet-5's third layer: 6 maps from 3 inputs each, 9 from 4, 1 from all 6; 1,516 params.
    three = [[(i + k) % 6 for k in range(3)] for i in range(6)]
    four = [[(i + k) % 6 for k in range(4)] for i in range(6)]
    gaps = [[0, 1, 3, 4], [1, 2, 4, 5], [0, 2, 3, 5]]
    table = [*three, *four, *gaps, list(range(6))]
    loaded = layers(
        f"- conv2d: {{out_channels: 16, kernel_size: 5, connections: {table}}}",
        arriving="[6, 14, 14]",
    )
    assert totals(loaded).params == 1516
    assert totals(loaded).macs == 60 * 25 * 100


def test_a_recursive_hourglass():
    # Newell et al., ECCV 2016, figure 3: each level halves the image inside the next.
    before = """
        blocks:
          hourglass:
            parameters: [depth]
            layers:
              - add:
                  skip:
                    - conv2d: {out_channels: 8, kernel_size: 3, padding: 1}
                  down:
                    - max_pool2d: {kernel_size: 2}
                    - conv2d: {out_channels: 8, kernel_size: 3, padding: 1}
                    - hourglass: {depth: depth - 1}
                      when: depth > 1
                    - upsample: {scale_factor: 2}
        """
    loaded = layers("- hourglass: {depth: 3}", before=before, arriving="[8, 64, 64]")
    assert output(loaded) == (8, 64, 64)
    sizes = [node.output_shapes[0][1] for node in nodes(loaded) if node.layer.kind == "max_pool2d"]
    assert sizes == [32, 16, 8]
    assert "hourglass.down.hourglass.down.hourglass.down.max_pool2d" in names(loaded)
    assert totals(loaded).params == 6 * (8 * 9 + 1) * 8


def test_cells_with_two_inputs_as_in_nasnet():
    before = """
        blocks:
          cell:
            inputs: [before, now]
            parameters: [width]
            layers:
              - {conv2d: {out_channels: width, kernel_size: 1}, from: before, name: left}
              - {conv2d: {out_channels: width, kernel_size: 1}, from: now, name: right}
              - {add, from: [left, right], name: sum}
              - {concat, from: [sum, left]}
        """
    loaded = layers(
        """
        - {relu, name: stem}
        - {cell: {width: 8}, from: [stem, stem], name: cell1}
        - {cell: {width: 8}, from: [stem, cell1], name: cell2}
        - {cell: {width: 8}, from: [cell1, cell2], name: cell3}
        """,
        before=before,
    )
    assert output(loaded) == (16, 16, 16)
    assert sources(loaded, "cell3.left") == ["cell1.concat"]
    assert sources(loaded, "cell3.right") == ["cell2.concat"]


def test_a_block_with_two_outputs():
    before = """
        blocks:
          fork:
            - {conv2d: {out_channels: 6, kernel_size: 1}, name: early}
            - {conv2d: {out_channels: 7, kernel_size: 1}, name: late}
        """
    loaded = layers("- {fork, name: f}\n- {concat, from: [f.early, f]}", before=before)
    assert sources(loaded, "concat") == ["f.early", "f.late"]
    assert output(loaded) == (13, 16, 16)


def test_several_inputs():
    loaded = spec(
        """
        name: siamese
        inputs: {left: [1, 8, 8], right: [1, 8, 8]}
        layers:
          - {conv2d: {out_channels: 3, kernel_size: 3}, from: left, name: a}
          - {conv2d: {out_channels: 3, kernel_size: 3}, from: right, share: a, name: b}
          - {sub, from: [a, b]}
          - abs
        """
    )
    assert output(loaded) == (3, 6, 6)
    assert totals(loaded).params == 30


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("inputs: {left: [1, 8, 8], right: [1, 8, 8]}\nlayers: [relu]", "input-count"),
        ("inputs: {left: [1, 8, 8]}\nlayers: [{relu, from: input}]", "unknown-from"),
        ("inputs: {left: [1, 8, 8]}\nlayers: [{relu, name: left}]", "duplicate-name"),
        ("inputs: {}\nlayers: [{relu, from: left}]", "structure"),
        ("inputs: [1, 8, 8]\nlayers: [{relu, from: left}]", "structure"),
        ("inputs: {left: [1, 8 +, 8]}\nlayers: [{relu, from: left}]", "expression"),
        ("inputs: {left: [1, 8]}\ninput: [1]\nlayers: [relu]", "structure"),
    ],
)
def test_inputs_that_do_not_fit(text, rule):
    assert problems(spec("name: t\n" + text)) == [rule]


def test_a_block_with_two_inputs_wants_two():
    before = "blocks: {b: {inputs: [x, y], layers: [{add, from: [x, y]}]}}"
    finding = only(layers("- b", before=before))
    assert finding.rule.name == "input-count"
    assert "x and y" in finding.message


def test_ports_of_split_and_chunk():
    loaded = layers(
        """
        - {chunk: {chunks: 2}, name: halves}
        - {relu, from: halves.1, name: right}
        - {concat, from: [halves.0, right]}
        - {split: {sizes: [1, 3]}, name: parts}
        - {add, from: [halves.0, halves.1]}
        - {mul, from: halves, name: both}
        """
    )
    net = graph(loaded)
    assert net.shape(named(loaded, "right").inputs[0]) == (2, 16, 16)
    assert named(loaded, "right").inputs[0].port == 1
    assert [value.port for value in named(loaded, "both").inputs] == [0, 1]
    assert [shape[0] for shape in named(loaded, "parts").output_shapes] == [1, 3]


@pytest.mark.parametrize("name", ["halves.2", "halves.x", "halv", "halves.-1"])
def test_ports_that_are_not_there(name):
    loaded = layers(f"- {{chunk: {{chunks: 2}}, name: halves}}\n- {{relu, from: {name}}}")
    assert problems(loaded) == ["unknown-from"]
