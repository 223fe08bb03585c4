"""Limits: how they are written, what they mean, and that each of them holds.

In ``expect`` of a spec and on the command line; those of a configuration are in test_config.
"""

import multiprocessing
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from command_line import complaint, run
from hypothesis import given
from hypothesis import strategies as st

import cnncalc
from cnncalc.analysis.budget_option import parse_option
from cnncalc.analysis.limit import LimitError, parse_growth, parse_limit
from cnncalc.diagnostics.located import plain
from cnncalc.jobs import spread
from cnncalc.metrics import METRICS, allowed_keys
from cnncalc.spec import load
from cnncalc.spec.flat import flat

#: Two convolutions in each of two blocks; conv2 has 8·3·3·8 + 8 = 584 params.
NET = """\
name: net
input: [3, 32, 48]
blocks:
  stage:
    parameters: [width]
    layers:
      - {conv2d: {out_channels: width, kernel_size: 3, padding: 1}, name: conv1}
      - {conv2d: {out_channels: width, kernel_size: 3, padding: 1}, name: conv2}
      - relu
      - max_pool2d: {kernel_size: 2}
layers:
  - {stage: {width: 8}, name: stage1}
  - {stage: {width: 16}, name: stage2}
"""


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "net.yaml"
    path.write_text(NET)
    return path


def messages(path: Path, expect: str) -> list[str]:
    """What `check` says of the spec with these expectations, hints behind a bar."""
    path.write_text(NET + f"expect: {expect}\n")
    found = cnncalc.check(path).findings
    return [
        " | ".join(filter(None, [finding.rule.name + ": " + finding.message, finding.hint]))
        for finding in found
        if finding.severity == "error"
    ]


# ------------------------------------------------------------------------------ how they are read


@pytest.mark.parametrize(
    ("text", "unit", "least", "most"),
    [
        ("<= 5M", "count", None, 5_000_000),
        ("<=5M", "count", None, 5_000_000),
        ("< 5M", "count", None, 4_999_999),
        (">= 224", "px", 224, None),
        ("> 4.1G", "count", 4_100_000_001, None),
        ("≥ 4M, ≤ 5M", "count", 4_000_000, 5_000_000),
        ("0.5k", "count", 500, 500),
        ("== 1_000", "count", 1_000, 1_000),
        ("<= 12 MiB", "bytes", None, 12 * 2**20),
        ("<= 8.5GiB", "bytes", None, 17 * 2**29),
        ("<= 8GB", "bytes", None, 8 * 10**9),
        ("<= 100 B", "bytes", None, 100),
        (7, "count", 7, 7),
    ],
)  # fmt: skip
def test_a_limit_allows_these_numbers_and_no_other(text, unit, least, most):
    def holds(number: int) -> bool:
        return not any(condition.excess(number) for condition in parse_limit(text, unit))

    for bound, beyond in ((least, -1), (most, 1)):
        if bound is not None:
            assert holds(bound)
            assert not holds(bound + beyond)


@given(
    st.integers(0, 10**30), st.sampled_from(["<=", "<", ">=", ">", "=="]), st.integers(0, 10**30)
)
def test_the_excess_leads_to_the_nearest_number_that_is_allowed(bound, relation, found):
    (condition,) = parse_limit(f"{relation} {bound}", "count")
    excess = condition.excess(found)
    assert condition.excess(found - excess) == 0
    if excess:
        assert condition.excess(found - excess + (1 if excess > 0 else -1)) != 0


@pytest.mark.parametrize(
    ("text", "unit", "said"),
    [
        ("<= 5m", "count", "there is no unit m | did you mean M?"),
        ("<= 5K", "count", "there is no unit K | did you mean k?"),
        ("<= 5 mib", "bytes", "there is no unit mib | did you mean MiB?"),
        ("<= 5 MiB", "count", "MiB is no unit of a count | allowed: k, M, G, T"),
        ("<= 5M", "bytes", "M is no unit of a number of bytes | allowed: B, kB, MB"),
        ("<= 5 pixels", "px", "there is no unit pixels | allowed: px"),
        ("1.2345k", "count", "1.2345k is no whole number"),
        ("about 5M", "count", "'about 5M' is no limit | for example: 5000000"),
        ("", "count", "'' is no limit"),
        (">= 5M, <= 4M", "count", "no number is >= 5M, <= 4M"),
        ("2%", "count", "'2%' is no limit | a share is a limit of growth: max-growth"),
        (2.5, "count", "2.5 is no limit"),
        (True, "count", "True is no limit"),
        ("9" * 100, "count", "is no limit"),
    ],
)
def test_what_is_no_limit_says_what_is(text, unit, said):
    with pytest.raises(LimitError) as raised:
        parse_limit(text, unit)
    assert said in " | ".join([raised.value.message, raised.value.hint])


@pytest.mark.parametrize(
    ("text", "before", "most"),
    [("2%", 1_000, 20), ("2%", 1_049, 20), ("2.5%", 1_000, 25), ("0%", 10**9, 0),
     ("100k", 5, 100_000), (7, 10**9, 7), ("12.5%", 0, 0)],
)  # fmt: skip
def test_growth_is_a_share_or_a_number(text, before, most):
    assert parse_growth(text, "count").most(before) == most


# ------------------------------------------------------------------------------------ in a spec


@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_is_the_number_of_the_summary(metric: str, net: Path) -> None:
    totals = msgspec.to_builtins(cnncalc.summarize(net).totals)
    last = [*cnncalc.summarize(net).layers.values()][-1]
    number = {**totals, **totals["memory"], "receptive_field": last.receptive_field[0].size}[metric]
    assert messages(net, f"{{{metric}: {number}}}") == []
    assert len(messages(net, f"{{{metric}: {number + 1}}}")) == 1
    assert messages(net, f'{{{metric}: "<= {number}"}}') == []
    assert len(messages(net, f'{{{metric}: "< {number}"}}')) == 1


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"batch": 32}, "at batch 32"),
        ({"dtype": "float16"}, "at float16"),
        ({"batch": 3, "dtype": "bfloat16", "optimizer": "adam"}, "at batch 3, bfloat16, adam"),
    ],
)
def test_training_memory_at_a_batch(setting: dict[str, object], words: str, net: Path) -> None:
    number = cnncalc.summarize(net, **setting).totals.memory.training_bytes
    given_ = ", ".join(f"{key}: {value}" for key, value in setting.items())
    assert messages(net, f"{{training_bytes: {{{given_}, limit: {number}}}}}") == []
    (said,) = messages(net, f'{{training_bytes: {{{given_}, limit: "< {number}"}}}}')
    assert f"budget: training_bytes {words} is {number:,} (" in said
    assert said.endswith(f"allowed: < {number:,}, so 1 too many")


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ('{params: "<= 4k"}',
         "budget: params is 4,296; allowed: <= 4k (4,000), so 296 too many (7.4%)"),
        ('{params: ">= 1M"}',
         "budget: params is 4,296; allowed: >= 1M (1,000,000), so 995,704 too few (99.6%)"),
        ("{params: 4295}", "expect-params: params is 4,296, and 4,295 is expected (+1)"),
        ('{params: "4295"}', "expect-params: params is 4,296, and 4,295 is expected (+1)"),
        ("{activations: 1}", "budget: activations is "),
        ('{receptive_field: ">= 17"}',
         "budget: receptive_field is 16; allowed: >= 17, so 1 too few (5.9%)"),
        ('{blocks: {stage2: {params: "<= 3k"}}}',
         "budget: params of stage2 is 3,488; allowed: <= 3k (3,000), so 488 too many (16.3%)"),
        ('{layers: {"*.conv2": {params: "<= 1k"}}}',
         "budget: params of stage2.conv2 is 2,320; allowed: <= 1k (1,000), so 1,320 too many"),
        ("{layers: {stage1.conv1: {output: [8, 32, 32]}}}",
         "expect-output: the output of stage1.conv1 is [8, 32, 48], and [8, 32, 32] is expected"),
        ("{layers: {stage1.conv1: {receptive_field: 5}}}",
         "budget: receptive_field of stage1.conv1 is 3; allowed: exactly 5, so 2 too few (40.0%)"),
    ],
)  # fmt: skip
def test_a_broken_limit_has_both_numbers(expect: str, said: str, net: Path) -> None:
    (message,) = messages(net, expect)
    assert message.startswith(said)


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ("{params: <= 5M}", 'expression: <= 5M is a limit, and limits are quoted | write "<= 5M"'),
        ("{params: 5M}", 'expression: 5M is a limit, and limits are quoted | write "5M"'),
        ("{max-growth: 2%}", 'expression: 2% is a limit, and limits are quoted | write "2%"'),
        ("{memory: 5}", "unknown-key: expect has no key memory | did you mean peak_bytes?"),
        ("{parms: 5}", "unknown-key: expect has no key parms | did you mean params?"),
        ('{params: "<= 5Q"}', "bad-value: params: there is no unit Q | allowed: k, M, G, T"),
        ("{layers: {stage1.conv1: {peak_bytes: 5}}}",
         "unknown-key: stage1.conv1 has no key peak_bytes | that is of the whole network; "),
        ("{blocks: {stage3: {params: 5}}}",
         "budget-nothing: no block is called stage3: this limits nothing | did you mean stage2?"),
        ("{blocks: {stage1.conv1: {params: 5}}}", "budget-nothing: no block is called stage1"),
        ("{layers: {stage1: {params: 5}}}", "budget-nothing: no layer is called stage1"),
        ("{layers: [conv1]}", "structure: layers is a mapping"),
        ("{training_bytes: {batch: 0, limit: 5}}",
         "bad-value: batch is 0; allowed: a whole number, 1 to"),
        ("{training_bytes: {dtype: int8, limit: 5}}",
         "bad-value: dtype is 'int8'; allowed: float32, "),
        ("{training_bytes: {optimizer: lion, limit: 5}}",
         "bad-value: optimizer is 'lion'; allowed: sgd, "),
        ("{training_bytes: {batch: 32}}",
         "missing-key: training_bytes has no limit | for example: "),
        ("{params: {batch: 3, limit: 5}}", "unknown-key: params does not depend on batch"),
        ("{params: {limits: 5}}", "unknown-key: params has no key limits | did you mean limit?"),
        ("{max-growth: {params: many}}", "unknown-name: many means nothing here"),
        ('{max-growth: {params: "many"}}',
         "bad-value: params: 'many' is no limit of growth | for example: "),
        ('{max-growth: {parms: "2%"}}',
         "unknown-key: max-growth has no key parms | did you mean params?"),
    ],
)  # fmt: skip
def test_what_means_nothing_says_what_does(expect: str, said: str, net: Path) -> None:
    (message,) = messages(net, expect)
    assert message.startswith(said)


def test_a_limit_stands_at_its_place_and_names_the_layer(net: Path) -> None:
    net.write_text(NET + 'expect:\n  layers:\n    "*.conv2":\n      params: "<= 1k"\n')
    finding = cnncalc.check(net).findings[-1]
    assert finding.span
    assert (finding.span.line, finding.span.column) == (17, 15)
    ((span, _),) = finding.related
    assert (span.line, span.column) == (8, 10)


def test_a_star_in_a_block_ends_at_a_dot(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "extends: resnet18\nname: a\nexpect: {blocks: {'layer*': {params: '> 1'}}}\n"
    )
    checked = cnncalc.check(tmp_path / "a.yaml", budgets=["blocks layer*: params < 1"])
    said = [finding.message.split(" is ")[0] for finding in checked.findings if finding.hint == ""]
    assert [m for m in said if m.startswith("params of")] == [
        f"params of layer{number}" for number in (1, 2, 3, 4)
    ]


def test_the_blocks_of_a_network_add_up() -> None:
    net = cnncalc.summarize("resnet50")
    inside = [layer for layer in net.layers.values() if layer.name.startswith("layer3.")]
    params = sum(layer.params for layer in inside)
    activations = sum(layer.output_bytes for layer in inside)
    budgets = [
        f"blocks layer3: params = {params}",
        f"blocks layer3: activations = {activations // 4}",
        f"blocks layer3: activations_bytes(batch=8, dtype=float16) = {activations * 4}",
    ]
    assert not cnncalc.check("resnet50", budgets=budgets).findings.failed


def test_limits_of_training_heads() -> None:
    budgets = ["training.params = 13378280", "params = 6998552"]
    assert not cnncalc.check("googlenet_2014", budgets=budgets).findings.failed


def test_a_flat_spec_keeps_its_limits(net: Path) -> None:
    written = (
        '{params: "<= 4k", training_bytes: {batch: 32, dtype: float16, limit: "<= 1 GiB"}, '
        'layers: {"stage1.*": {macs: "<= 500k"}}, output: [16, 8, 12], max-growth: {params: "2%"}}'
    )
    net.write_text(NET + f"expect: {written}\n")
    loaded = load(str(net))
    assert loaded.graph is not None
    expect = plain(loaded.expect)
    text = flat(loaded.graph, None, expect)
    net.write_text(text)
    assert plain(load(str(net)).expect) == expect
    assert [finding.rule.name for finding in cnncalc.check(net).findings].count("budget") == 2


def test_thousands_of_broken_limits_are_no_traceback(tmp_path: Path) -> None:
    path = tmp_path / "deep.yaml"
    path.write_text(
        "name: deep\ninput: [4, 8, 8]\nlayers:\n  - {relu, times: 3000}\n"
        'expect: {layers: {"*": {activations: "> 10k"}}}\n'
    )
    found = cnncalc.check(path).findings
    assert found[-1].rule.name == "limit"


# --------------------------------------------------------------------------- on the command line


@pytest.mark.parametrize(
    ("option", "code"),
    [
        ("params<=5k", 0),
        ("params<=4k", 1),
        (" params  <=  4k ", 1),
        ("params=4296", 0),
        ("output=[16, 8, 12]", 0),
        ("output==[16]", 1),
        ("peak_bytes <= 1 MiB", 0),
        ("training_bytes(batch=32, optimizer=adam) <= 1kB", 1),
        ("layers *.conv2: params <= 3k", 0),
        ("layer *.conv2: params <= 1k", 1),
        ("blocks stage1: params >= 1k", 1),
        ("receptive_field >= 16, <= 20", 0),
        ("training.macs >= 1", 0),
    ],
)
def test_a_budget_of_the_command_line(option: str, code: int, net: Path) -> None:
    assert run("check", str(net), "--budget", option).exit_code == code


def test_every_budget_holds(net: Path) -> None:
    shown = run("check", str(net), "--budget", "params<=4k", "--budget", "macs<=1").stdout
    assert shown.count("error CNN404 budget") == 2
    assert f"{net}:1:1: error CNN404 budget: params is 4,296" in shown


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("params", "is no budget; for example: params<=5M"),
        ("parms<=5M", "a budget has no parms; did you mean params?"),
        ("params<=5Q", "params: there is no unit Q; allowed: k, M, G, T"),
        ("params(batch=3)<=5", "params does not depend on batch"),
        ("training_bytes(batch=many)<=5", "batch is 'many'; allowed: a whole number"),
        ("blocks stage1: peak_bytes<=5", "a block has no peak_bytes; that is of the whole network"),
    ],
)
def test_a_wrong_budget_is_wrong_usage(option: str, said: str) -> None:
    assert said in " ".join(complaint("check", "vgg16", "--budget", option).split())


def test_a_wrong_budget_is_an_exception_of_the_library() -> None:
    with pytest.raises(ValueError, match="there is no unit Q"):
        cnncalc.check("vgg16", budgets=["params<=5Q"])


@given(st.text(max_size=40))
def test_any_text_is_a_budget_or_an_error(text: str) -> None:
    with suppress(LimitError):
        assert parse_option(text)


# ------------------------------------------------------------------------------------- many specs


def test_any_number_of_jobs_finds_the_same(tmp_path: Path) -> None:
    for number in range(30):
        limit = 4_000 + 100 * (number % 7)
        (tmp_path / f"{number:02}.yaml").write_text(NET + f'expect: {{params: "<= {limit}"}}\n')
    (tmp_path / "broken.yaml").write_text("layers: 3")
    outputs = {
        run("check", str(tmp_path), "--jobs", jobs).stdout for jobs in ("1", "2", "5", "auto")
    }
    assert len(outputs) == 1
    assert "31 specs checked" in outputs.pop()


def squares(numbers: Sequence[int]) -> list[int]:
    return [number**2 for number in numbers]


def squares_here_only(numbers: Sequence[int]) -> list[int]:
    if multiprocessing.parent_process() is not None:
        os._exit(1)
    return squares(numbers)


@pytest.mark.parametrize("work", [squares, squares_here_only])
@pytest.mark.parametrize("jobs", [1, 3, 8])
def test_shared_work_comes_back_in_order_also_from_processes_that_die(work, jobs):
    assert spread(work, range(100), jobs) == squares(range(100))


@pytest.mark.parametrize("jobs", ["0", "-1", "many", "1000"])
def test_a_wrong_number_of_jobs(jobs: str) -> None:
    assert "allowed: auto, or 1 to 999" in complaint("check", "vgg16", "--jobs", jobs)


def test_a_metric_is_documented() -> None:
    page = (Path(__file__).parent.parent / "docs" / "budgets.md").read_text("utf-8")
    assert [key for key in (*METRICS, *allowed_keys("network")) if f"`{key}`" not in page] == []
