"""Specs drawn by chance: `load` never raises, and what has no errors has numbers.

``CNNCALC_EXAMPLES=20000 pytest tests/test_language_fuzz.py`` draws as many.
"""

import os
import random
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnncalc.analysis.notes import notes
from cnncalc.analysis.summarize import summarize
from cnncalc.diagnostics.text import render
from cnncalc.spec import Loaded, builtin_names, load
from cnncalc.spec.files import zoo
from cnncalc.spec.flat import flat

EXAMPLES = int(os.environ.get("CNNCALC_EXAMPLES", "200"))
SECONDS = 40.0

fuzz = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None
)


def hold(text: str, folder: Path) -> Loaded:
    """Load a text and see that what is promised of every text holds."""
    path = folder / "spec.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    start = time.process_time()
    loaded = load(str(path))
    assert time.process_time() - start < SECONDS
    said = render(loaded.findings, loaded.sources)
    assert all(sign.isprintable() or sign == "\n" for sign in said)
    if loaded.graph is None:
        assert loaded.findings.failed or loaded.missing or loaded.library
        return loaded
    assert not loaded.findings.failed
    assert loaded.graph.outputs
    names = [node.name for node in loaded.graph.nodes]
    assert len(set(names)) == len(names)
    if len(names) < 2_000:
        summarize(loaded.graph)
        notes(loaded.graph, loaded.findings)
        path.write_text(flat(loaded.graph, loaded.citation), encoding="utf-8")
        again = load(str(path))
        assert again.graph is not None, (render(again.findings, again.sources), text)
        assert [node.name for node in again.graph.nodes] == names
        assert again.graph.outputs == loaded.graph.outputs
        assert again.graph.heads == loaded.graph.heads
    return loaded


# -------------------------------------------------------------------- texts that were mutilated

TEXTS = {name: (zoo() / f"{name}.yaml").read_text(encoding="utf-8") for name in builtin_names()}
PIECES = [
    "{", "}", "[", "]", ":", ",", "-", "#", "&a ", "*a", "!!x ", "|", ">", "'", '"', "\n", "\t",
    " ", "\\", "\x00", "\x85", "\u2028", "\ufeff", "~", "null", "true", "0", "-1", "1.5", "1e400",
    "9**9**9", "10**9", "channels", "in_channels", "index", "previous", "input", "relu", "add:",
    "concat:", "repeat:", "sequential:", "head:", "times: 3", "when: false", "from: previous",
    "name: a", "share: a", "freeze: true", "extends: vgg16", "include: common", "identity", "block",
    "conv2d", "linear", "(index)", "(", ")", "half", "same", "<<: ", "? ", "- - ", "%", "@", "`",
]  # fmt: skip


def mutilated(text: str, chance: random.Random) -> str:
    """The text after a few random edits: lines and stretches removed, doubled, moved, replaced."""
    for _ in range(chance.choice([1, 1, 1, 2, 3, 8])):
        at = chance.randrange(len(text) + 1)
        to = min(len(text), at + chance.choice([0, 1, 1, 2, 5, 20]))
        lines = text.split("\n")
        line = chance.randrange(len(lines))
        match chance.randrange(8):
            case 0:
                text = text[:at] + text[to:]
            case 1:
                text = text[:at] + chance.choice(PIECES) + text[to:]
            case 2:
                text = text[:at] + chance.choice(PIECES) + text[at:]
            case 3:
                del lines[line]
                text = "\n".join(lines)
            case 4:
                lines.insert(line, lines[chance.randrange(len(lines))])
                text = "\n".join(lines)
            case 5:
                lines[line] = chance.choice(["  ", " ", ""]) + lines[line].lstrip()
                text = "\n".join(lines)
            case 6:
                words = text.split(" ")
                one, other = chance.randrange(len(words)), chance.randrange(len(words))
                words[one], words[other] = words[other], words[one]
                text = " ".join(words)
            case 7:
                text = (
                    text[:at]
                    + chance.choice([*TEXTS.values()])[: chance.randrange(200)]
                    + text[at:]
                )
    return text


@fuzz
@given(st.sampled_from(sorted(TEXTS)), st.integers(0, 2**64))
def test_a_mutilated_spec_is_findings_or_a_network(name, seed):
    with TemporaryDirectory() as folder:
        hold(mutilated(TEXTS[name], random.Random(seed)), Path(folder))


# ----------------------------------------------------------------------------- specs by grammar

WORDS = ["a", "b", "c", "n", "f", "x"]
word = st.sampled_from(WORDS)
number = st.sampled_from(["0", "1", "2", "3", "4", "8", "-1", "2.5", "2.0", "10**12", "1 // 0"])
atom = st.one_of(
    number, number, word,
    st.sampled_from(["channels", "in_channels", "index", "true", "false", "half", "same", "relu",
                     '"3a"', "identity", "conv", "~", "on", "010", "two"]),
)  # fmt: skip
expression = st.one_of(
    atom, atom,
    st.builds("{} {} {}".format, atom, st.sampled_from(["+", "-", "*", "//", "%", "==", "<", "/",
              "and", "or", "**", "!="]), atom),
    st.builds("{} if {} else {}".format, atom, atom, atom),
    st.builds("{}({})".format, st.sampled_from(["max", "abs", "ceil", "sum", "len"]), atom),
)  # fmt: skip


def listed(part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(part, max_size=4).map(lambda parts: f"[{', '.join(parts)}]")


values = st.one_of(expression, expression, listed(expression), listed(listed(atom)))
label = st.one_of(word, word, st.builds("{}({})".format, word, atom), st.just("a.b"))
reference = st.one_of(
    word, st.sampled_from(["previous", "input", "relu", "a.b", "a.0", "c.relu", "x.1"]), label
)
options = st.dictionaries(
    st.sampled_from(["out_channels", "kernel_size", "stride", "padding", "groups", "bias", "chunks",
                     "axis", "dims", "n", "f", "scale_factor", "p", "out_features"]),
    values, max_size=3,
)  # fmt: skip
GOOD = [
    "relu", "identity", "tanh", "{conv2d: {out_channels: 4, kernel_size: 1}}",
    "{conv2d: {out_channels: channels, kernel_size: 3, padding: half}}", "{chunk: {chunks: 2}}",
    "{max_pool2d: {kernel_size: 2}}", "batch_norm2d", "{upsample: {scale_factor: 2}}", "conv",
    "two", "{two: {n: 2}}", "fork", "flatten", "{linear: {out_features: 3}}",
    "{permute: {dims: [1, 2, 0]}}",
]  # fmt: skip


def flow(pairs: dict[str, str]) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in pairs.items()) + "}"


modifiers = st.fixed_dictionaries(
    {},
    optional={
        "times": st.one_of(st.sampled_from(["1", "2", "3"]), expression),
        "when": st.one_of(st.sampled_from(["true", "false", "index > 0"]), expression),
        "from": st.one_of(reference, listed(reference)),
        "name": label,
        "share": reference,
        "freeze": st.sampled_from(["true", "false"]),
        "training": st.just("true"),
    },
)  # fmt: skip


def grouped(entry: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    some = listed(entry)
    body = st.one_of(
        st.builds("repeat: {{times: {}, layers: {}}}".format, expression, some),
        st.builds("repeat: {{over: {{{}: {}}}, layers: {}}}".format, word, values, some),
        st.builds("repeat: {{columns: [{}], over: [[{}], [{}]], layers: {}}}".format, word, atom,
                  atom, some),
        st.builds("sequential: {}".format, some),
        st.builds("head: {}".format, some),
        st.builds("{}: {{{}: {}, {}: {}}}".format, st.sampled_from(["add", "concat", "mul", "sub"]),
                  word, some, st.sampled_from(["y", "z"]), st.one_of(some, st.just("identity"))),
    )  # fmt: skip
    return st.builds(
        lambda text, more: "{" + text + "".join(f", {k}: {v}" for k, v in more.items()) + "}",
        body, modifiers,
    )  # fmt: skip


leaf = st.one_of(
    st.sampled_from(GOOD),
    st.sampled_from(GOOD),
    st.builds(
        lambda kind, given, more: flow({kind: flow(given), **more}),
        st.sampled_from(["conv2d", "linear", "relu", "two", "chunk", "upsample", "f", "n", "concat",
                         "nothing"]),
        options, modifiers,
    ),
    st.builds(lambda kind, more: flow({kind: "", **more}),
              st.sampled_from(["relu", "conv", "two", "fork", "add", "concat", "identity", "x"]),
              modifiers),
)  # fmt: skip
entry = st.recursive(leaf, grouped, max_leaves=6)


@st.composite
def specs(draw: st.DrawFn) -> str:
    lines = [
        "name: t",
        "input: " + draw(st.one_of(st.just("[4, 8, 8]"), st.just("[4, 8, 8]"), values)),
    ]
    if draw(st.booleans()):
        lines.append("include: common")
    parameters = draw(st.dictionaries(word, values, max_size=3))
    if parameters:
        lines.append("parameters: " + flow(parameters))
    lines += [
        "blocks:",
        "  conv: [{conv2d: {out_channels: 4, kernel_size: 1}}, relu]",
        "  fork: [{relu, name: a}, {tanh, name: b}]",
        "  two:",
        "    parameters: {n: 1, f: relu}",
        f"    layers: {draw(listed(entry))}",
        "layers:",
        *(f"  - {text}" for text in draw(st.lists(entry, min_size=1, max_size=7))),
    ]
    if draw(st.integers(0, 9)) == 0:
        lines.append("freeze: [a, 'conv*']")
        lines.append(
            "expect: "
            + flow(
                draw(
                    st.dictionaries(
                        st.sampled_from(["params", "macs", "output", "training"]),
                        values,
                        max_size=2,
                    )
                )
            )
        )
    return "\n".join(lines) + "\n"


@fuzz
@given(specs())
def test_a_spec_drawn_from_the_grammar_is_findings_or_a_network(text):
    with TemporaryDirectory() as folder:
        hold(text, Path(folder))


# -------------------------------------------------------------------- specs that are mostly right


class Writer:
    """Writes specs whose every part fits with high odds, so that whole networks come out."""

    KINDS = (
        "relu", "tanh", "batch_norm2d", "identity", "dropout", "sigmoid",
        "conv2d: {out_channels: 4, kernel_size: 1}",
        "conv2d: {out_channels: channels, kernel_size: 3, padding: half}",
        "conv2d: {out_channels: WHOLE, kernel_size: 1, bias: BOOL}",
        "conv2d: {out_channels: in_channels, kernel_size: [1, 3], padding: same}",
        "conv: {out: WHOLE}", "conv: {out: channels, f: tanh}", "conv", "fork", "deep: {n: 3}",
        "wide: {f: relu}", "pair", "layer_norm2d", "prelu", "scale",
    )  # fmt: skip
    BLOCKS = """\
blocks:
  conv:
    parameters: {out: width, f: relu}
    layers: [{conv2d: {out_channels: out, kernel_size: 1}}, f]
  fork: [{relu, name: a}, {tanh, name: b}, {conv2d: {out_channels: channels, kernel_size: 1}}]
  deep: {parameters: [n], layers: [relu, {deep: {n: n - 1}, when: n > 0}]}
  wide: {parameters: [f], layers: [{concat: {x: f, y: identity}}, {chunk: {chunks: 2}, name: h},
    {identity, from: h.0}]}
  pair: {layers: [{add: {x: [relu], y: [tanh, batch_norm2d]}}]}
"""

    def __init__(self, seed: int, slips: float) -> None:
        self.chance = random.Random(seed)
        self.slips = slips
        self.count = 0
        #: The names that can be read, by namespace; all have the shape of the input.
        self.names: list[list[str]] = [[]]

    def often(self, odds: float) -> bool:
        return self.chance.random() < odds

    def whole(self) -> str:
        good = ["1", "2", "4", "8", "width", "2 * width", "4 if wide else 8", "widths[1]", "8 / 2"]
        return self.chance.choice(["0", "x", "1 // 0", '"4"', "2.5"] if self.slip() else good)

    def slip(self) -> bool:
        return self.often(self.slips)

    def kind(self) -> str:
        text = self.chance.choice(self.KINDS)
        while "WHOLE" in text:
            text = text.replace("WHOLE", self.whole(), 1)
        return text.replace("BOOL", self.chance.choice(["true", "false", "wide"]))

    def spec(self) -> str:
        layers = "\n".join(self.entries("  ", self.chance.randint(1, 6), 0))
        freeze = "freeze: [n1, 'conv*']\n" if self.often(0.1) else ""
        return (
            "name: t\ninput: [4, 8, 8]\n"
            "parameters: {width: 4, wide: true, widths: [2, 4, 8]}\n"
            f"{self.BLOCKS}{freeze}layers:\n{layers}\n"
        )

    def entries(self, indent: str, count: int, depth: int) -> list[str]:
        return [line for _ in range(count) for line in self.entry(indent, depth)]

    def entry(self, indent: str, depth: int) -> list[str]:
        if depth < 4 and self.often(0.35):
            lines = self.group(indent, depth)
        else:
            kind = self.kind()
            lines = [f"{indent}- {kind}" + ("" if ":" in kind else ":")]
        return lines + [f"{indent}  {modifier}" for modifier in self.modifiers()]

    def modifiers(self) -> list[str]:
        found = []
        if self.often(0.1):
            found.append("times: " + self.chance.choice(["0", "1", "2", "3", "width"]))
        if self.often(0.1):
            found.append("when: " + self.chance.choice(["true", "false", "channels > 2", "wide"]))
        visible = [name for space in self.names for name in space]
        if self.often(0.2):
            source = self.chance.choice(["input", "previous", *visible, *visible])
            if self.often(0.1):
                source = f"[{source}, previous]"
            found.append(f"from: {source}")
        if self.often(0.3) and not found:
            self.count += 1
            name = f"n{self.count}" if not self.slip() else "n1"
            self.names[-1].append(name)
            found.append(f"name: {name}")
        if self.often(0.03) and visible:
            found.append("share: " + self.chance.choice(visible))
        if self.often(0.05):
            found.append("freeze: true")
        return found

    def inside(self, indent: str, depth: int) -> list[str]:
        self.names.append([])
        lines = self.entries(indent, self.chance.randint(1, 3), depth + 1)
        self.names.pop()
        return lines

    def group(self, indent: str, depth: int) -> list[str]:
        body, deeper = indent + "    ", indent + "        "
        match self.chance.randrange(6):
            case 0:
                return [f"{indent}- sequential:", *self.inside(body, depth)]
            case 1:
                return [f"{indent}- head:", *self.inside(body, depth)]
            case 2:
                over = self.chance.choice(
                    ["times: 2", "over: {w: widths}", "columns: [w, k]", "times: width // 2"]
                )
                rows = [f"{body}over: [[1, relu], [2, tanh]]"] if "columns" in over else []
                lines = self.inside(deeper, depth)
                return [f"{indent}- repeat:", f"{body}{over}", *rows, f"{body}layers:", *lines]
            case _:
                kind = self.chance.choice(["concat", "concat", "add", "max", "mul", "sub"])
                lines = [f"{indent}- {kind}:"]
                for name in self.chance.sample(["left", "right", "x", "1x1"], 2):
                    if self.often(0.3):
                        lines.append(f"{body}{name}: identity")
                    else:
                        lines += [f"{body}{name}:", *self.inside(body + "  ", depth)]
                return lines


@fuzz
@given(st.integers(0, 2**64), st.sampled_from([0.0, 0.0, 0.02, 0.1]))
def test_a_spec_that_is_mostly_right_is_findings_or_a_network(seed, slips):
    with TemporaryDirectory() as folder:
        hold(Writer(seed, slips).spec(), Path(folder))


# ------------------------------------------------------------------------- what the fuzz has found

NET = "name: t\ninput: [4, 8, 8]\n"
FOUND = {
    "a contract with a parameter that failed": (
        NET + "parameters: {a: 1 // 0}\nlayers: [relu]\nexpect: {params: a}"
    ),
    "a spec with no inputs": "name: t\ninputs: {}\nlayers: [relu]",
    "a parameter that asks for channels": NET + "parameters: {a: channels}\nlayers: [relu]",
    "a group of nothing": NET + "layers: [{sequential: []}]",
    "a column that cannot be": (
        NET + "layers: [{repeat: {columns: [class], over: [[1]], layers: [relu]}}]"
    ),
    "a permute of axes that are not there": NET + "layers: [{permute: {dims: [1, 2, 3]}}, relu]",
    "a permute that takes an axis twice": NET + "layers: [{permute: {dims: [1, 1, 2]}}, relu]",
    "a name no file can have": NET + f"include: {'a' * 5000}\nlayers: [relu]",
    "a head that starts with a head": NET + "layers: [relu, {head: [{head: [abs]}, tanh]}, elu]",
    "no layers at all": NET + "layers: [identity]",
    "an input that is called as a kind": "name: t\ninputs: {relu: [3, 8, 8]}\nlayers: [relu, relu]",
    "one name by two ways": NET + "layers: [{relu, name: a.relu}, {sequential: [relu], name: a}]",
    "an include of nothing": NET + "include: []\nlayers: [conv_bn]",
    "a name that nobody can read": NET + 'layers: [{relu, name: "null"}]',
}


@pytest.mark.parametrize("name", FOUND)
def test_what_was_found_once(name, tmp_path):
    hold(FOUND[name], tmp_path)
