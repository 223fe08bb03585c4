"""``cnncalc schema``: it never rejects what ``check`` accepts, and catches what editors should.

The validators are jsonschema, check-jsonschema and, where npm installed it, the real
yaml-language-server (its path in YAML_LANGUAGE_SERVER, or on the PATH).
``CNNCALC_EXAMPLES=20000 pytest tests/test_schema.py`` draws as many specs.
"""

import ast
import json
import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple

import pytest
import yaml
import yaml_json
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from language_server import COMMAND, LanguageServer
from test_docs import SPEC_PAGES, fences, in_a_spec
from test_language_fuzz import TEXTS, Writer, fuzz, mutilated, specs

from cnncalc import __version__
from cnncalc.cli import cli
from cnncalc.layers import LayerError, find, kinds, options
from cnncalc.layers.options import convert
from cnncalc.spec import load
from cnncalc.spec.files import zoo
from cnncalc.spec.json_schema import schema
from cnncalc.spec.spelling import misspellings

jsonschema = pytest.importorskip("jsonschema", reason="pip install cnncalc[ci-test]")
HERE = Path(__file__).parent
SCHEMA = schema(__version__)


@pytest.fixture(scope="module")
def validator() -> Any:
    return jsonschema.Draft202012Validator(SCHEMA)


def complaints(validator: Any, text: str) -> list[str]:
    """What the schema has against a text: place and message of each error."""
    errors = validator.iter_errors(yaml_json.read(text))
    return [f"{error.json_path}: {error.message}" for error in errors]


def is_accepted(text: str, **options: Any) -> bool:
    return not load("-", stdin=text, **options).findings.failed


# ------------------------------------------------------------------- it never rejects a good spec


def test_it_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_it_accepts_the_zoo(validator, name):
    assert complaints(validator, TEXTS[name]) == []


def texts_of_docs() -> Iterator[str]:
    for page in SPEC_PAGES:
        for fence in fences(page):
            if fence.language == "yaml" and not fence.rest.startswith("fragment"):
                yield in_a_spec(fence.text)


def texts_of_tests() -> Iterator[str]:
    """Everything in the tests that looks like a spec, or like the entries of one."""
    yield from (path.read_text("utf-8", "replace") for path in sorted(HERE.rglob("*.yaml")))
    for path in sorted(HERE.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = dedent(node.value)
                if "layers:" in text or "blocks:" in text or "extends:" in text:
                    yield text
                elif text.strip().startswith("- "):
                    lines = text.strip().splitlines()
                    head = "name: t\ninput: [4, 16, 16]\nlayers:\n"
                    yield head + "".join(f"  {line}\n" for line in lines)


@pytest.mark.parametrize(
    ("texts", "least"), [(texts_of_docs, 10), (texts_of_tests, 200)], ids=["docs", "tests"]
)
def test_it_accepts_what_check_accepts(validator, texts, least):
    good = [text for text in texts() if is_accepted(text)]
    assert len(good) > least
    found = [(text, complaints(validator, text)) for text in good]
    assert [pair for pair in found if pair[1]] == []


WORDS = ["relu", "conv2d", "flatten", "dropout", "scale", "channels", "width", "stride", "3", "0",
         "-1", "2.5", "1e-3", "true", "half", "[1, 2]", '"3"', "x", "index", "0x1F", "1_000", ".5",
         "conv_bn", "block", "max", "classes", ""]  # fmt: skip


def reworded(text: str, chance: random.Random) -> str:
    """The text with a few words replaced, by words of its own or others."""
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        words = list(re.finditer(r"[\w.]+", text))
        place = chance.choice(words)
        word = chance.choice([chance.choice(words)[0], chance.choice(WORDS)])
        text = text[: place.start()] + word + text[place.end() :]
    return text


def hold(validator: Any, text: str) -> None:
    """If check accepts a text, so does the schema."""
    try:
        data = yaml_json.read(text)
    except (yaml.YAMLError, ValueError):
        return  # also what JSON has no numbers for
    if is_accepted(text):
        errors = [error.message for error in validator.iter_errors(data)]
        assert errors == [], text


@fuzz
@given(
    st.sampled_from(sorted(TEXTS)), st.integers(0, 2**64), st.sampled_from([reworded, mutilated])
)
def test_it_accepts_changed_specs_that_check_accepts(validator, name, seed, change):
    hold(validator, change(TEXTS[name], random.Random(seed)))


@fuzz
@given(st.integers(0, 2**64), st.booleans())
def test_it_accepts_written_specs_that_check_accepts(validator, seed, change):
    text = Writer(seed, 0.05).spec()
    hold(validator, reworded(text, random.Random(seed)) if change else text)


@fuzz
@given(specs())
def test_it_accepts_drawn_specs_that_check_accepts(validator, text):
    hold(validator, text)


HIDING = """\
name: t
input: [3, 8, 8]
parameters: {parameter}
blocks:
  {name}: {{parameters: [width], layers: [{{conv2d: {{out_channels: width, kernel_size: 1}}}}]}}
  other:
    parameters: {{f: relu}}
    layers: [f]
layers:
  - {name}: {{width: 3}}
  - repeat: {{over: {{{name}_: [relu, tanh]}}, layers: [{name}_]}}
  - other
"""


@pytest.mark.parametrize("name", ["dropout", "scale", "conv1d", "con2d", "Conv2d", "relo", "conv1"])
@pytest.mark.parametrize("parameter", ["[]", "{dropout: 0.5}", "{a: relu}"])
def test_a_name_may_look_like_a_kind_or_hide_it(validator, name, parameter):
    text = HIDING.format(name=name, parameter=parameter)
    assert is_accepted(text)
    assert complaints(validator, text) == []


@pytest.mark.parametrize(
    "text",
    [
        "- repeat: {over: {dropout: [relu, tanh]}, layers: [{dropout: {}}]}",
        "- repeat: {columns: [flaten, n], over: [[relu, 1]], layers: [flaten, {flaten, times: n}]}",
        "- concat: {axis: [relu], b: identity}",
        "- {linear: {out_features: 2 * 3}, name: last}\n- {relu, from: last, times: 2 ** 1}",
        "- conv2d: {out_channels: 4.0, kernel_size: [1, 1 + 0], padding: [[0, 1], 1 - 1]}",
    ],
)
def test_what_is_rare_and_right(validator, text):
    whole = "name: t\ninput: [4, 8, 8]\nlayers:\n  " + text.replace("\n", "\n  ") + "\n"
    assert is_accepted(whole)
    assert complaints(validator, whole) == []


@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        ("input: [n, 8, 8]\nlayers: [relu]", True),
        ("input: [0, 8, n]\nlayers: [relu]", False),
        ("input: 3\nlayers: [relu]", False),
        ("input: [n, 8, 8]\nlayers:\n  - conv2d: {out_channels: 2, kernel_size: [n, 1]}", True),
        ("input: [n, 8, 8]\nlayers:\n  - conv2d: {out_channels: 2, kernel_size: [n, 0]}", False),
        (
            "input: [n, 8, 8]\nlayers:\n"
            "  - conv2d: {out_channels: 2, kernel_size: 1, connections: [n, [0, n]]}",
            True,
        ),
    ],
)
def test_a_template_is_judged_by_what_it_says_itself(validator, text, is_right):
    whole = f"name: t\nparameters: [n]\n{text}\n"
    assert is_accepted(whole) == is_right
    assert (complaints(validator, whole) == []) == is_right


# ------------------------------------------------------------------------- it catches mistakes

TOP = "name: t\ninput: [3, 32, 32]\n"


class Mistake(NamedTuple):
    """A spec, and what an error of the schema says."""

    text: str
    said: str


def entry(text: str, before: str = "") -> str:
    return f"{TOP}{before}layers:\n  - {text}\n"


OWN = "blocks: {conv_bn: [relu]}\n"
MISTAKES = {
    "a kind": Mistake(entry("con2d: {}"), "did you mean conv2d?"),
    "a kind without options": Mistake(entry("flaten"), "'flaten' is not one of"),
    "a kind of torch": Mistake(entry("BatchNorm2d: {}"), "did you mean batch_norm2d?"),
    "a kind that is far from any": Mistake(entry("dense: {}"), "'dense' was unexpected"),
    "a kind beside blocks": Mistake(entry("MaxPool2d: {}", OWN), "did you mean max_pool2d?"),
    "a word beside blocks": Mistake(entry("sofmax", OWN), "'sofmax' is not one of"),
    "a kind in a block": Mistake(
        f"{TOP}blocks: {{a: [{{con2d: {{}}}}]}}\nlayers: [a]\n", "did you mean conv2d?"
    ),
    "a kind in a repeat": Mistake(
        entry("repeat: {over: {a: [1]}, layers: [rleu]}"), "'rleu' is not one of"
    ),
    "a kind in a branch": Mistake(entry("add: {a: identity, b: [{Conv2d: {}}]}"), "conv2d?"),
    "an option": Mistake(
        entry("conv2d: {out_chanels: 8, kernel_size: 3}"), "'out_chanels' was unexpected"
    ),
    "an option, with include": Mistake(
        entry("conv2d: {out_channels: 8, kernel: 3}", "include: common\n"), "'kernel' was unexp"
    ),
    "an option is missing": Mistake(
        entry("conv2d: {out_channels: 8}"), "'kernel_size' is a required property"
    ),
    "all options are missing": Mistake(entry("linear"), "'linear' is not one of"),
    "options beside the kind": Mistake(
        entry("conv2d:\n    out_channels: 8"), "'out_channels' was unexpected"
    ),
    "a value too small": Mistake(
        entry("conv2d: {out_channels: 0, kernel_size: 1}"), "0 is less than the minimum of 1"
    ),
    "a fraction": Mistake(
        entry("conv2d: {out_channels: 2.5, kernel_size: 1}"), "2.5 is not of type 'integer'"
    ),
    "a number in quotes": Mistake(
        entry('conv2d: {out_channels: "8", kernel_size: 1}'), "'8' does not match"
    ),
    "too many axes": Mistake(
        entry("conv2d: {out_channels: 8, kernel_size: [3, 3, 3]}"), "[3, 3, 3] is too long"
    ),
    "a number for true": Mistake(
        entry("conv2d: {out_channels: 8, kernel_size: 1, bias: 1}"), "1 is not of type 'boolean'"
    ),
    "a modifier": Mistake(entry("{relu, tiems: 3}"), "did you mean times?"),
    "a modifier alone": Mistake(entry("times: 3"), "'(a kind)' is a required property"),
    "training of a layer": Mistake(
        entry("{relu, training: true}"), "'head' is a required property"
    ),
    "a key": Mistake(f"{TOP}layer: [relu]\n", "'layer' was unexpected"),
    "no layers": Mistake(TOP, "'layers' is a required property"),
    "no input": Mistake("name: t\nlayers: [relu]\n", "'input' is a required property"),
    "both inputs": Mistake(f"{TOP}inputs: {{a: [1]}}\nlayers: [relu]\n", "not both"),
    "layers of a member": Mistake("extends: vgg\nlayers: [relu]\n", "no layers of its own"),
    "input of one number": Mistake("name: t\ninput: 224\nlayers: [relu]\n", "224 is not of type"),
    "branches as a list": Mistake(entry("add: [relu, tanh]"), "is not of type 'object'"),
    "an empty branch": Mistake(entry("add: {a: identity, b: []}"), "[] should be non-empty"),
    "repeat of nothing": Mistake(entry("repeat: {times: 3}"), "'layers' is a required property"),
    "repeat without times": Mistake(entry("repeat: {layers: [relu]}"), "'times' is a required"),
    "repeat of both": Mistake(
        entry("repeat: {times: 3, over: {a: [1]}, layers: [relu]}"), "times or over, not both"
    ),
    "a key of repeat": Mistake(entry("repeat: {time: 3, layers: [relu]}"), "'time' was unexpected"),
    "a block without layers": Mistake(
        f"{TOP}blocks: {{a: {{parameters: [b]}}}}\nlayers: [a]\n", "'layers' is a required property"
    ),
    "a reserved name": Mistake(
        f"{TOP}parameters: {{class: 10}}\nlayers: [relu]\n", "'class' does not match"
    ),
    "an expectation": Mistake(
        f"{TOP}layers: [relu]\nexpect: {{parameters: 3}}\n", "'parameters' was unexpected"
    ),
    "a library with layers' keys": Mistake(
        "name: t\nblocks: {a: [relu]}\nexpect: {params: 0}\n", "a library for include has no expect"
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_it_catches_a_mistake(validator, mistake):
    said = complaints(validator, mistake.text)
    assert any(mistake.said in line for line in said), said
    assert not is_accepted(mistake.text)


@pytest.mark.parametrize("kind", [kind for kind in kinds() if len(kind) > 3])
def test_it_catches_any_kind_of_torch_and_swapped_letters(kind):
    known = set(kinds())
    pattern = misspellings(re.sub(r"[123]d$", "[123]d", kind), known)
    camel = "".join(part.title() for part in kind.split("_"))
    swapped = kind[0] + kind[2] + kind[1] + kind[3:]
    assert re.search(pattern, camel)
    assert re.search(pattern, swapped) or swapped == kind or kind[-1].isdecimal()
    assert not re.search(pattern, kind)


# ------------------------------------------------------------------------------------- its parts


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_and_option_is_in_it_with_its_words(kind):
    text = json.dumps(SCHEMA["$defs"].get(f"kind_{kind}", SCHEMA["$defs"]["entry_known"]))
    for option in options(find(kind)).values():
        assert option.name in text
        assert json.dumps(option.text)[1:-1] in text


VALUES = st.recursive(
    st.one_of(st.integers(-3, 5), st.sampled_from([2**40, 2**41, 0.5, -0.5, 1.5, 3.0]),
              st.booleans(), st.sampled_from(["3", "2.5", "half", "tanh"])),
    lambda item: st.lists(item, max_size=3), max_leaves=5,
)  # fmt: skip
OPTIONS = [(kind, name) for kind in kinds() for name in options(find(kind))]


@fuzz
@given(st.sampled_from(OPTIONS), VALUES)
def test_what_it_rejects_of_a_literal_the_layer_rejects(option, value):
    kind, name = option
    layer = find(kind)
    option = options(layer)[name]
    definition = SCHEMA["$defs"].get(f"kind_{kind}")
    if definition is None:
        return  # the options of merges stand among their branches
    part = {**definition["properties"][name], "$defs": SCHEMA["$defs"]}
    try:
        convert(option, value, layer.spatial)
    except LayerError:
        return
    assert not list(jsonschema.Draft202012Validator(part).iter_errors(value))


def with_names(value: Any, chance: random.Random) -> str:
    """A value as a spec writes it, some of it a name that has no value yet."""
    if chance.random() < 0.3:
        return "unset"
    if isinstance(value, list):
        return f"[{', '.join(with_names(item, chance) for item in value)}]"
    return json.dumps(value)


@fuzz
@given(st.sampled_from(OPTIONS), VALUES, st.integers(0, 2**32))
def test_check_finds_what_it_rejects_and_takes_what_a_layer_takes(validator, option, value, seed):
    kind, name = option
    layer = find(kind)
    given = {other.name: "unset" for other in options(layer).values() if other.required}
    given[name] = with_names(value, random.Random(seed))
    text = entry(f"{kind}: {{{', '.join(f'{k}: {v}' for k, v in given.items())}}}",
                 "parameters: [unset]\n")  # fmt: skip
    hold(validator, text)
    try:
        convert(options(layer)[name], value, layer.spatial)
    except LayerError:
        return
    assert is_accepted(text), text


# ----------------------------------------------------------------------------- the command, docs


def test_the_command_prints_it(tmp_path):
    ran = CliRunner().invoke(cli, ["schema"])
    assert ran.exit_code == 0
    assert json.loads(ran.stdout) == SCHEMA
    path = tmp_path / "cnncalc.schema.json"
    assert CliRunner().invoke(cli, ["schema", "-o", str(path)]).exit_code == 0
    assert path.read_text("utf-8") == ran.stdout
    again = CliRunner().invoke(cli, ["schema", "-o", str(path)])
    assert again.exit_code == 2
    assert "--force" in again.stderr


@pytest.mark.skipif(not shutil.which("check-jsonschema"), reason="pip install cnncalc[ci-test]")
def test_check_jsonschema_accepts_the_zoo(tmp_path):
    path = tmp_path / "cnncalc.schema.json"
    path.write_text(json.dumps(SCHEMA), "utf-8")
    command = ["check-jsonschema", "--schemafile", str(path)]
    files = sorted(map(str, zoo().glob("*.yaml")))
    done = subprocess.run([*command, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(entry("con2d: {}"), "utf-8")
    done = subprocess.run([*command, str(wrong)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "did you mean conv2d?" in done.stdout


# -------------------------------------------------------------------------- the language server


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if COMMAND is None:
        pytest.skip("npm install yaml-language-server, and put it on the PATH")
    path = tmp_path_factory.mktemp("schema") / "cnncalc.schema.json"
    path.write_text(json.dumps(SCHEMA), "utf-8")
    server = LanguageServer(path)
    yield server
    server.close()


@pytest.mark.parametrize("name", ["lenet5", "vgg", "vgg16", "mobilenet_v3", "googlenet_2014",
                                  "unet", "common", "efficientnet"])  # fmt: skip
def test_the_server_marks_nothing_in_good_specs(server, name):
    assert server.diagnostics(TEXTS[name]) == []


MARKED = {
    "a kind": (entry("con2d: {}"), 1, "did you mean conv2d?"),
    "a kind alone": (entry("relo"), 1, "this cannot stand alone: it is no kind, or it needs"),
    "a kind, with include": (
        entry("con2d: {}", "include: common\n"), 1, "did you mean conv2d? Right if another file"),
    "an option": (
        entry("conv2d: {out_chanels: 8, kernel_size: 3}"), 1, "Property out_chanels is not allowed",
    ),
    "a number in quotes": (
        entry('linear: {out_features: "10"}'), 1, "a quoted number is a text: write it without"),
    "a modifier alone": (entry("times: 3"), 1, "this entry has modifiers but no kind"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "severity", "said"), MARKED.values(), ids=MARKED)
def test_the_server_marks_mistakes(server, text, severity, said):
    found = [(mark["severity"], mark["message"]) for mark in server.diagnostics(text)]
    assert any(level == severity and said in message for level, message in found), found


OFFERED = {
    "keys": ("name: t\n|\n", ["input", "layers", "parameters", "blocks", "expect"]),
    "kinds": (entry("|"), ["conv2d", "relu", "repeat", "concat", "name", "when"]),
    "kinds that have begun": (entry("con|"), ["conv2d", "conv_transpose2d", "concat"]),
    "kinds beside blocks": (entry("|", OWN), ["conv2d", "relu"]),
    "kinds in a repeat": (
        entry("repeat:\n      over: {a: [1]}\n      layers:\n        - |"), ["max_pool2d"]),
    "kinds in a branch": (entry("add:\n      short:\n        - |"), ["identity"]),
    "options": (entry("conv2d:\n      |"), ["out_channels", "kernel_size", "padding", "groups"]),
    "words of an option": (entry("conv2d:\n      padding: |"), ["half", "same", "valid"]),
    "true and false": (entry("conv2d:\n      bias: |"), ["true", "false"]),
    "metrics": (f"{TOP}layers: [relu]\nexpect:\n  |", ["params", "macs", "output", "training"]),
}  # fmt: skip


@pytest.mark.parametrize(("text", "labels"), OFFERED.values(), ids=OFFERED)
def test_the_server_completes(server, text, labels):
    offered = server.completions(text)
    assert set(labels) <= set(offered), sorted(offered)


def test_a_completed_kind_has_the_options_it_needs(server):
    text = server.completions(entry("con|"))["conv2d"]["insertText"]
    assert re.search(r"conv2d:\s+out_channels: .*\n\s+kernel_size: ", text)


def test_the_server_explains_kinds_and_options(server):
    text = entry("conv2d: {out_channels: 3, kernel_size: 3}")
    assert "learned kernels" in server.hover(text.replace("conv2d", "conv|2d"))
    assert "number of kernels" in server.hover(text.replace("out_ch", "out_|ch"))
