"""`cnncalc explain`: every derived number equals the truth, and its text says how it is made."""

import re
from fractions import Fraction
from math import ceil, floor, prod
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnncalc.analysis.derivation import Derivation, derive, equations
from cnncalc.analysis.summarize import summarize
from cnncalc.analysis.summary import Summary
from cnncalc.analysis.traced import Symbol, Traced, symbol, symbols, write
from cnncalc.diagnostics import RULES, Findings, Span
from cnncalc.graph import Builder, Graph, Value
from cnncalc.layers import Layer, LayerError, Shapes, create, find, kinds
from cnncalc.report import ReportError
from cnncalc.report.equation import break_formula
from cnncalc.report.explain import explain_kind, explain_layer, explain_rule
from cnncalc.report.reference import page, sample_layer
from cnncalc.spec import load

# ------------------------------------------------------- an evaluator of its own for formulas

TOKEN = re.compile(r"\s*(\d[\d,]*|[^\W\d]\w*|[()+−·/^])")


class Formula:
    """Evaluates a formula's text in exact fractions. Knows nothing of how it was written."""

    def __init__(self, text: str, names: dict[str, int]) -> None:
        self.tokens = TOKEN.findall(text)
        assert "".join(self.tokens) == text.replace(" ", ""), text
        self.names = names

    def value(self) -> Fraction:
        result = self.modulo()
        assert not self.tokens, self.tokens
        return result

    def next_is(self, *wanted: str) -> str | None:
        return self.tokens.pop(0) if self.tokens and self.tokens[0] in wanted else None

    def modulo(self) -> Fraction:
        result = self.sum()
        while self.next_is("mod"):
            result %= self.sum()
        return result

    def sum(self) -> Fraction:
        result = self.product()
        while sign := self.next_is("+", "−"):
            result += self.product() * (1 if sign == "+" else -1)
        return result

    def product(self) -> Fraction:
        result = self.signed()
        while operator := self.next_is("·", "/"):
            other = self.signed()
            result = result * other if operator == "·" else result / other
        return result

    def signed(self) -> Fraction:
        if self.next_is("−"):
            return -self.signed()
        base = self.atom()
        return base ** int(self.signed()) if self.next_is("^") else base

    def atom(self) -> Fraction:
        token = self.tokens.pop(0)
        if token == "(":
            result = self.modulo()
            assert self.tokens.pop(0) == ")"
            return result
        if token in ("floor", "ceil"):
            return Fraction((floor if token == "floor" else ceil)(self.atom()))
        if token[0].isdigit():
            return Fraction(token.replace(",", ""))
        return Fraction(self.names[token])


def evaluate(text: str, names: dict[str, int] | None = None) -> Fraction:
    return Formula(text, names or {}).value()


def assert_law(value: int) -> None:
    """Both texts of a traced number, and of all numbers it is made of, come out at its value."""
    if not isinstance(value, Traced):
        return
    for equation in equations("it", value, set()):
        names: dict[str, int] = {}
        for used in symbols(equation.expression):
            assert names.setdefault(used.name, used.value) == used.value, used.name
        numbers = write(equation.expression, numbers=True)
        formula = write(equation.expression, numbers=False)
        assert evaluate(numbers) == equation.value, numbers
        assert evaluate(formula, names) == equation.value, formula


def every_number(derivation: Derivation) -> list[int]:
    return [
        *(size for shape in derivation.outputs for size in shape),
        *derivation.weights.values(),
        *derivation.buffers.values(),
        *derivation.lost,
        derivation.macs,
        derivation.operations,
        derivation.values,
    ]


def assert_derives(layer: Layer, inputs: Shapes) -> Derivation:
    """The derivation has the layer's own numbers, and its texts are right."""
    outputs = layer.shapes(inputs)
    derivation = derive(layer, inputs)
    assert derivation.outputs == outputs
    assert derivation.weights == {n: prod(s) for n, s in layer.weights(inputs).items()}
    assert derivation.buffers == {n: prod(s) for n, s in layer.buffers(inputs).items()}
    assert derivation.macs == layer.macs(inputs, outputs)
    assert derivation.operations == layer.operations(inputs, outputs)
    assert derivation.lost == layer.remainder(inputs)
    for number in every_number(derivation):
        assert_law(number)
    return derivation


# ------------------------------------------------------------------------------- the laws


@pytest.mark.parametrize("name", kinds())
def test_every_kind_derives_its_own_numbers(name: str) -> None:
    kind = find(name)
    assert kind is not None
    sample = sample_layer(kind)
    assert sample is not None, f"the example of {name} cannot be made"
    layer, inputs = sample
    derivation = assert_derives(layer, inputs)
    for number in (derivation.macs, derivation.operations, *derivation.weights.values()):
        assert isinstance(number, Traced) or number <= 1, "a formula went missing"
    tried = 0
    for extra in (1, 4, 8, 9):
        for channels in (0, 64):
            other = tuple(
                (shape[0] + channels, *(size + axis * extra for axis, size in enumerate(shape[1:])))
                for shape in inputs
            )
            try:
                layer.check_inputs(other)
                layer.shapes(other)
            except LayerError:
                continue
            assert_derives(layer, other)
            tried += 1
    assert tried or name in ("reshape", "unflatten"), "no other shape was taken"


sizes = st.integers(1, 4)
paddings = st.one_of(
    st.sampled_from(["same", "valid"]),
    st.integers(0, 2),
    st.tuples(st.integers(0, 2), st.integers(0, 2)).map(list),
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)).map(list), min_size=2, max_size=2),
)


@given(
    st.lists(sizes, min_size=2, max_size=2),
    st.lists(sizes, min_size=2, max_size=2),
    st.lists(sizes, min_size=2, max_size=2),
    paddings,
    st.sampled_from([1, 2, 4]),
    st.tuples(st.integers(10, 40), st.integers(10, 40)),
)
def test_convolutions_of_all_options(kernel, stride, dilation, padding, groups, image) -> None:
    layer = create(
        "conv2d",
        out_channels=8,
        kernel_size=kernel,
        stride=stride,
        dilation=dilation,
        padding=padding,
        groups=groups,
    )
    inputs = ((4, *image),)
    try:
        layer.shapes(inputs)
    except LayerError:
        return
    assert_derives(layer, inputs)


@given(sizes, st.one_of(st.none(), sizes), st.booleans(), st.integers(8, 40))
def test_pooling_of_all_options(kernel, stride, ceil_mode, size) -> None:
    options = {"kernel_size": kernel, "padding": kernel // 2, "ceil_mode": ceil_mode}
    if stride is not None:
        options["stride"] = stride
    for name in ("max_pool2d", "avg_pool2d"):
        assert_derives(create(name, **options), ((3, size, size + 1),))


numbers = st.integers(-9, 99)


@given(st.recursive(numbers, lambda inner: st.tuples(st.sampled_from("+-*/%n"), inner, inner)))
def test_any_arithmetic_is_written_as_it_is(tree) -> None:
    names = iter(range(1000))

    def build(node) -> tuple[int, int]:
        """The tree on traced and on plain numbers."""
        if isinstance(node, int):
            return (symbol(f"x{next(names)}", node) if node % 3 else node), node
        operator, left, right = node
        (a, plain_a), (b, plain_b) = build(left), build(right)
        if operator == "n":
            return -a, -plain_a
        if operator in "/%" and plain_b <= 0:
            operator = "+"
        return {
            "+": lambda x, y: x + y,
            "-": lambda x, y: x - y,
            "*": lambda x, y: x * y,
            "/": lambda x, y: x // y,
            "%": lambda x, y: x % y,
        }[operator](a, b), {
            "+": plain_a + plain_b,
            "-": plain_a - plain_b,
            "*": plain_a * plain_b,
            "/": plain_a // plain_b if plain_b else 0,
            "%": plain_a % plain_b if plain_b else 0,
        }[operator]

    traced, plain = build(tree)
    assert traced == plain
    assert_law(traced)


def test_traced_numbers_are_numbers() -> None:
    height, kernel = symbol("H", 224), symbol("K", 3)
    assert [height, {224: 1}[height], max(height, 0), range(height)[-1]] == [224, 1, 224, 223]
    for value in (
        prod((kernel, kernel)),
        sum((height, kernel)),
        2**kernel,
        *divmod(height, kernel),
        *divmod(1000, height),
    ):
        assert isinstance(value, Traced)
        assert_law(value)
    assert height * 0.5 == 112.0


# ------------------------------------------------------------------------- pages of layers


class Net:
    """A chain with branches, built as a spec would."""

    def __init__(self, *shape: int) -> None:
        self.builder = Builder(Findings())
        self.last: dict[str, Value | None] = {"image": self.builder.input("image", shape)}

    def add(
        self, name: str, kind: str, *reads: str, frozen: bool = False, **options: object
    ) -> str:
        inputs = [self.last[read] for read in reads or [list(self.last)[-1]]]
        span = Span("net.yaml", len(self.last), 5, len(self.last), 20)
        layer = create(kind, **options)
        (value,) = self.builder.add(layer, inputs, name, span=span, frozen=frozen)
        assert value is not None, self.builder.findings
        self.last[name] = value
        return name

    def finish(self) -> Graph:
        value = self.last[list(self.last)[-1]]
        assert value is not None
        return self.builder.finish("Net", [value])


def vgg_start() -> Graph:
    net = Net(3, 224, 224)
    net.add("conv1_1", "conv2d", out_channels=64, kernel_size=3, padding=1)
    net.add("relu1_1", "relu")
    net.add("conv1_2", "conv2d", out_channels=64, kernel_size=3, padding=1)
    net.add("relu1_2", "relu")
    net.add("pool1", "max_pool2d", kernel_size=2)
    return net.finish()


def branching() -> Graph:
    net = Net(4, 57, 40)
    net.add("stem", "conv2d", out_channels=16, kernel_size=7, stride=2, padding=3, bias=False)
    net.add("norm", "batch_norm2d")
    net.add("act", "relu")
    net.add("dilated", "conv2d", out_channels=16, kernel_size=3, dilation=2, padding="half")
    net.add("gate", "sigmoid", frozen=False)
    net.add("sum", "add", "gate", "act")
    net.add("late", "relu", "stem")
    net.add("both", "concat", "sum", "late")
    net.add("odd", "conv2d", out_channels=8, kernel_size=[3, 5], stride=[2, 3], padding="same")
    net.add("depthwise", "conv2d", out_channels=8, kernel_size=3, groups=8, frozen=True)
    net.add("pool", "adaptive_avg_pool2d", output_size=2)
    net.add("flat", "flatten")
    net.add("fc", "linear", out_features=10)
    net.add("probabilities", "softmax")
    return net.finish()


def lines_of(graph: Graph, name: str, width: int = 80, **options) -> list[str]:
    summary = summarize(graph, **options)
    node = next(node for node in graph.nodes if node.name == name)
    return explain_layer(graph, node, summary, width=width).splitlines()


def final_values(lines: list[str]) -> dict[str, int]:
    """For each name, the number at the end of its equation."""
    found: dict[str, int] = {}
    names: list[str] = []
    for line in lines:
        start = re.match(r"  ([^\W\d]\w*(?: = [^\W\d]\w*)*) += ", line)
        if start and not line.startswith("   "):
            names = start[1].split(" = ")
        last = re.search(r"(?:^|= )(−?[\d,]+)(?: \([^()]*\))?$", line.strip())
        if last and names and "=" in line:
            for name in names:
                found[name] = int(last[1].replace(",", "").replace("−", "-"))
    return found


def test_the_lectures_arithmetic_is_recognised() -> None:
    text = "\n".join(lines_of(vgg_start(), "conv1_1", width=120))
    for formula in (
        "floor((H − K + 2·P)/S) + 1 = (224 − 3 + 2·1)/1 + 1 = 224",
        "(K·K·C_in)·C_out = (3·3·3)·64 = 1,728",
        "K·K·C_in·C_out·H_out·W_out = 3·3·3·64·224·224 = 86,704,128",
        "r_in + (K − 1)·j_in = 1 + (3 − 1)·1 = 3",
        "weights + biases = 1,728 + 64 = 1,792",
        "12,845,056 (12.3 MiB)",
        "conv1_1: CONV3-64 in Net",
        "net.yaml:1",
        "conv2d: {out_channels: 64, kernel_size: 3, padding: 1}",
    ):
        assert formula in text


def test_a_rounded_quotient_says_floor_and_what_is_lost() -> None:
    lines = lines_of(branching(), "stem", width=120)
    text = "\n".join(lines)
    assert "floor((40 − 7 + 2·3)/2) + 1 = 20" in text
    assert "(57 − 7 + 2·3)/2 + 1 = 29" in text
    assert "W + 2·P − ((W_out − 1)·S + K) = 40 + 2·3 − ((20 − 1)·2 + 7) = 1" in text


@pytest.mark.parametrize("make", [vgg_start, branching])
@pytest.mark.parametrize("width", [60, 80, 120, 300])
def test_pages_say_what_the_summary_says(make, width: int) -> None:
    graph = make()
    summary: Summary = summarize(graph)
    for node in graph.nodes:
        row = summary.layers[node.name]
        values = final_values(explain_layer(graph, node, summary, width=width).splitlines())
        truth = {"values": row.values}
        if row.params:
            truth |= {"weights": row.weights}
        if row.biases:
            truth |= {"biases": row.biases, "params": row.params}
        if row.macs:
            truth |= {"MACs": row.macs}
        if row.flops:
            truth |= {"FLOPs": row.flops}
        if row.owns_memory:
            truth |= {"bytes": row.output_bytes}
        if len(row.output) == 3 and "H_out" in values:
            truth |= {"H_out": row.output[1], "W_out": row.output[2]}
        if any(row.lost):
            truth |= {"rows": row.lost[0], "columns": row.lost[1]}
        if "r_h" in values:
            for axis, field in zip("hw", row.receptive_field, strict=True):
                truth |= {
                    f"r_{axis}": field.size,
                    f"j_{axis}": field.jump,
                    f"start_{axis}": field.start,
                }
        assert {name: values.get(name) for name in truth} == truth, node.name


@pytest.mark.parametrize("name", ["vgg16", "googlenet_2014", "mobilenet_v3_small", "unet"])
def test_the_layers_of_real_networks(name: str) -> None:
    graph = load(name).graph
    assert graph is not None
    summary = summarize(graph)
    for node in {(node.layer, node.input_shapes): node for node in graph.nodes[1:]}.values():
        assert_derives(node.layer, node.input_shapes)
        row = summary.layers[node.name]
        values = final_values(explain_layer(graph, node, summary).splitlines())
        truth = {"weights": row.weights, "MACs": row.macs, "FLOPs": row.flops}
        assert {name: values.get(name, 0) for name in truth} == truth, node.name


@pytest.mark.parametrize("name", ["stem", "dilated", "odd", "depthwise"])
def test_sliding_layers_show_the_recurrence(name: str) -> None:
    values = final_values(lines_of(branching(), name))
    assert {"r_h", "r_w", "j_h", "start_w"} <= values.keys()


@pytest.mark.parametrize("make", [vgg_start, branching])
def test_every_step_on_a_page_comes_out_at_the_same_value(make) -> None:
    graph = make()
    for node in graph.nodes[1:]:
        lines = lines_of(graph, node.name, 10**6)
        for line in lines[lines.index("Output") :]:
            if " = " not in line or re.search(r"[:;,] ", line):  # a sentence
                continue
            steps = re.sub(r" \([\d.]+ (G|M|MiB)\)", "", line).split(" = ")
            numeric = [s for s in steps if not re.search("[A-Za-z]", re.sub("floor|mod", "", s))]
            assert numeric, line
            assert len({evaluate(step) for step in numeric}) == 1, line
        assert any("2·MACs" in line for line in lines) == any("  MACs " in line for line in lines)


def digits(lines: list[str]) -> list[str]:
    return [number for line in lines for number in re.findall(r"\d[\d,]*\d|\d", line)]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_too_wide_and_no_number_is_broken(width: int) -> None:
    graph = branching()
    for node in graph.nodes:
        narrow = lines_of(graph, node.name, width)
        assert [line for line in narrow if len(line) > width] == []
        whole = lines_of(graph, node.name, 10**6)
        assert sorted(digits(narrow)) == sorted(digits(whole))


@pytest.mark.parametrize("room", [10, 20, 40])
def test_formulas_break_before_operators(room: int) -> None:
    formula = "(1,234·5,678·9 + 12·345·6,789 − 3)/2 + 123,456·7 − 10 mod 4"
    lines = break_formula(formula, room)
    assert max(map(len, lines)) <= room
    assert "".join(lines).replace(" ", "") == formula.replace(" ", "")
    assert all(re.match(r"[+−·/]|mod", line) for line in lines[1:])


def test_formulas_break_at_sums_where_that_will_do() -> None:
    assert break_formula("11·22·33 + 44·55·66 − 7", 14) == ["11·22·33", "+ 44·55·66 − 7"]


def test_equations_are_aligned() -> None:
    lines = lines_of(vgg_start(), "conv1_2")
    column = next(line for line in lines if line.startswith("  values ")).index("= ")
    for line in lines[lines.index("Output") :]:
        if re.match(r"  (C_out|values|weights|MACs|FLOPs|bytes|H_out = W_out) ", line):
            assert re.match(rf".{{{column}}}= ", line), line
        if re.match(r" +=", line):
            assert line.index("= ") == column, line


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("act", "overwrites what norm made"),
        ("gate", "overwrites what dilated made"),
        ("flat", "a view of the bytes that pool made"),
        ("stem", "The output has memory of its own."),
        ("sum", "The union of what its inputs see"),
        ("sum", "gate: 15 along H and W"),
        ("fc", "as before it:"),
        ("depthwise", "All of them are frozen"),
        ("fc", "All of them are trainable"),
        ("gate", "autograd saves its output"),
        ("fc", "autograd saves its input (32·4 = 128 bytes"),
        ("act", "none: there is nothing to learn here"),
        ("flat", "none: values are moved at most"),
    ],
)
def test_sentences(name: str, sentence: str) -> None:
    text = " ".join(" ".join(lines_of(branching(), name)).split())
    assert sentence in text


def test_why_a_layer_does_not_work_in_place() -> None:
    net = Net(3, 8, 8)
    net.add("first", "relu")
    net.add("conv", "conv2d", out_channels=3, kernel_size=1)
    net.add("second", "relu")
    net.add("sum", "add", "conv", "second")
    graph = net.finish()
    assert "the network's input is the caller's" in " ".join(
        " ".join(lines_of(graph, "first")).split()
    )
    assert "sum reads its input later" in " ".join(" ".join(lines_of(graph, "second")).split())


def test_padding_by_word_is_derived_in_steps() -> None:
    text = "\n".join(lines_of(branching(), "odd", 120))
    assert "P_left" in text
    assert "P_right" in text
    text = "\n".join(lines_of(branching(), "dilated", 120))
    assert "= D·(K − 1) + 1 = 2·(3 − 1) + 1 = 5" in text
    assert "= floor((K_eff − 1)/2) = (5 − 1)/2 = 2" in text


# ------------------------------------------------------------------------- kinds and rules


@pytest.mark.parametrize("name", kinds())
def test_kinds_are_documented(name: str) -> None:
    text = explain_kind(name)
    kind = find(name)
    assert kind is not None
    assert text.splitlines()[0].split()[0] == name
    assert "Example" in text
    assert name in text.split("Example")[1].splitlines()[1]
    for option in kind.__struct_fields__:
        assert re.search(rf"^  {option} ", text, re.MULTILINE)
    assert "Formulas" in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_kinds_formulas() -> None:
    text = explain_kind("conv2d")
    assert "= (K·K·C_in/G)·C_out\n" in text
    assert "= K·K·C_in/G·C_out·H_out·W_out\n" in text
    assert "= floor((H − K_eff + 2·P)/S) + 1\n" in text
    assert "= D·(K − 1) + 1\n" in text
    assert "L_out   = floor((L − K_eff + 2·P)/S) + 1\n" in explain_kind("conv1d")


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.code)
def test_rules_are_documented_by_code_and_name(rule) -> None:
    text = explain_rule(rule.code)
    assert text == explain_rule(rule.name) == explain_rule(rule.code.lower())
    assert text.startswith(f"{rule.code} {rule.name} ({rule.severity})\n")
    assert " ".join(rule.explanation.split()) in " ".join(text.split())


def test_unknown_names_are_errors_with_a_suggestion() -> None:
    with pytest.raises(ReportError, match="did you mean conv2d"):
        explain_kind("conv2")
    with pytest.raises(ReportError, match="did you mean kernel-too-large"):
        explain_rule("kernel-to-large")


def test_the_page_of_kinds_is_up_to_date() -> None:
    written = Path(__file__).parent.parent / "docs" / "kinds.md"
    assert written.read_text(encoding="utf-8") == page(), (
        "python -m cnncalc.report.reference > docs/kinds.md"
    )


def test_symbols_with_definitions_are_explained_first() -> None:
    derivation = derive(create("conv2d", out_channels=4, kernel_size=3, dilation=2), ((3, 16, 16),))
    names = [equation.name for equation in equations("H_out", derivation.outputs[0][1], set())]
    assert names == ["K_eff", "H_out"]
    expression = derivation.outputs[0][1].expression  # type: ignore[attr-defined]
    assert isinstance(expression, Symbol)
