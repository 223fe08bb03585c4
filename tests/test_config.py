"""The configuration: which file it is, what it says, and where each of its values stands."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from command_line import run
from hypothesis import given
from hypothesis import strategies as st

import cnncalc
from cnncalc.config.glob import means
from cnncalc.config.toml_text import parse
from cnncalc.diagnostics import Findings
from cnncalc.diagnostics.located import Located
from cnncalc.spec.document import Document

SPEC = "name: net\ninput: [3, 32, 32]\nlayers:\n  - conv2d: {out_channels: 8, kernel_size: 3}\n"


def project(folder: Path, files: dict[str, str]) -> Path:
    for name, text in {".git/HEAD": "", "net.yaml": SPEC, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def found(folder: Path, *names: str) -> list[tuple[str, int, int, str]]:
    """The file, line and column of each finding, and its message with its hint."""
    checked = cnncalc.check(*(folder / name for name in names or [""]))
    return [
        (Path(f.span.path).name if f.span else "", f.span.line if f.span else 0,
         f.span.column if f.span else 0, f"{f.rule.name}: {f.message} | {f.hint}")
        for f in checked.findings
        if f.severity != "note"
    ]  # fmt: skip


BUDGET = '# ours\n[[budget]]\nparams = "<= 200"\n'
BROKEN = "budget: net.yaml: params is 224; allowed: <= 200, so 24 too many (12.0%) | "


# -------------------------------------------------------------------------------- which file it is


@pytest.mark.parametrize(
    ("files", "broken"),
    [
        ({"cnncalc.toml": BUDGET}, True),
        ({"pyproject.toml": BUDGET.replace("[[budget", "[[tool.cnncalc.budget")}, True),
        ({"pyproject.toml": "[tool]\ncnncalc.budget = [{params = 1}]\n"}, True),
        ({"pyproject.toml": '[tool."cnncalc"]\nbudget = [{params = 1}]\n'}, True),
        ({"pyproject.toml": '[project]\nname = "cnncalc"\n'}, False),
        ({"pyproject.toml": "[tool.other]\nbudget = 1\n"}, False),
        ({"pyproject.toml": "this is no TOML"}, False),
        ({"cnncalc.toml": "", "pyproject.toml": "[[tool.cnncalc.budget]]\nparams = 1\n"}, False),
        ({}, False),
    ],
)
def test_a_configuration_beside_the_spec(
    files: dict[str, str], broken: bool, tmp_path: Path
) -> None:
    assert bool(found(project(tmp_path, files))) is broken


def test_the_nearest_configuration_is_the_one(tmp_path: Path) -> None:
    files = {"cnncalc.toml": BUDGET, "deep/er/net.yaml": SPEC, "deep/net.yaml": SPEC}
    project(tmp_path, files)
    assert len(found(tmp_path)) == 3
    (tmp_path / "deep" / "cnncalc.toml").write_text("")
    assert [place[3] for place in found(tmp_path)] == [
        BROKEN.replace("net.yaml", str(tmp_path / "net.yaml"))
    ]


def test_the_search_ends_at_the_top_of_a_repository(tmp_path: Path) -> None:
    (tmp_path / "cnncalc.toml").write_text(BUDGET)
    assert found(project(tmp_path / "repository", {})) == []


def test_standard_input_and_built_in_names_take_that_of_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(
        project(tmp_path, {"cnncalc.toml": '[lint]\nseverity = {lost-rows = "error"}\n'})
    )
    assert run("check", "resnet50").exit_code == 1
    assert run("check", "-", typed=SPEC).exit_code == 0


# ------------------------------------------------------------------------------------ what it says


def test_a_budget_stands_at_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project(tmp_path, {"cnncalc.toml": BUDGET}))
    shown = run("check", "net.yaml").stdout
    assert shown.startswith(
        "cnncalc.toml:3:10: error CNN404 budget: net.yaml: params is 224; allowed: <= 200, so 24 "
        'too many (12.0%)\n    3 | params = "<= 200"\n      |          ^^^^^^^^\n'
        "      net.yaml:1:1: the spec\n"
    )


@pytest.mark.parametrize(
    ("specs", "files"),
    [
        ("*.yaml", {"net.yaml", "mobile/net.yaml", "mobile/deep/big.yaml"}),
        ("net.yaml", {"net.yaml", "mobile/net.yaml"}),
        ("mobile", {"mobile/net.yaml", "mobile/deep/big.yaml"}),
        ("mobile/", {"mobile/net.yaml", "mobile/deep/big.yaml"}),
        ("mobile/*.yaml", {"mobile/net.yaml"}),
        ("./mobile/*.yaml", {"mobile/net.yaml"}),
        ("mobile/**/*.yaml", {"mobile/net.yaml", "mobile/deep/big.yaml"}),
        ("**/deep/*", {"mobile/deep/big.yaml"}),
        ("*/[bn]et.yaml", {"mobile/net.yaml"}),
        ("?et.yaml", {"net.yaml", "mobile/net.yaml"}),
    ],
)
def test_a_pattern_means_these_specs(specs: str, files: set[str], tmp_path: Path) -> None:
    every = {"net.yaml", "mobile/net.yaml", "mobile/deep/big.yaml"}
    assert {name for name in every if means(specs, name)} == files
    text = f'[[budget]]\nspecs = "{specs}"\nparams = 1\n'
    project(tmp_path, {**dict.fromkeys(every, SPEC), "cnncalc.toml": text})
    assert len(found(tmp_path)) == len(files)


def test_several_patterns_and_several_budgets_all_hold(tmp_path: Path) -> None:
    text = '[[budget]]\nspecs = ["net.yaml", "other.yaml"]\nparams = 1\n[[budget]]\nmacs = 1\n'
    project(tmp_path, {"other.yaml": SPEC, "third.yaml": SPEC, "cnncalc.toml": text})
    assert sorted(place[1] for place in found(tmp_path)) == [3, 3, 5, 5, 5]


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ('[[budget]]\nparms = "<= 5M"\n', 2, 1,
         "unknown-key: a budget has no parms | did you mean params?"),
        ('[[budget]]\npeak_bytes = "<= 5Q"\n', 2, 14,
         "bad-value: peak_bytes: there is no unit Q | "),
        ('[[budget]]\nparams = 2.5\n', 2, 10, "bad-value: params: 2.5 is no limit | "),
        ('[[budget]]\ntraining_bytes = {batch = "many", limit = 5}\n', 2, 27,
         "bad-value: batch is 'many'; "),
        ('[[budget]]\ntraining_bytes = {batch = 3}\n', 2, 1,
         "missing-key: training_bytes has no limit | "),
        ('[budget.layers."conv[2-9]"]\nparams = 1\n', 1, 16,
         "budget-nothing: {}net.yaml: no layer is called conv[2-9]: this limits nothing | "),
        ('[[budget]]\nspecs = "mobil/*.yaml"\nparams = 1\n', 2, 9,
         "budget-nothing: no spec is called mobil/*.yaml: this limits nothing | patterns are "),
        ('[[budget]]\nspecs = 3\nparams = 1\n', 2, 1,
         "structure: specs is a text, or a list of texts | "),
        ('budget = 3\n', 1, 1, "structure: budget is a table | "),
        ('[bugdet]\nparams = 1\n', 1, 2,
         "unknown-key: the configuration has no bugdet | did you mean budget?"),
        ('[lint]\nignore = ["CNN501", "CNN999"]\n', 2, 21,
         "bad-value: no rule is called CNN999 | "),
        ('[lint]\nignore = ["CNN101"]\n', 2, 11,
         "bad-value: CNN101 means errors, and errors can neither "),
        ('[lint]\nseverity = {CNN501 = "off"}\n', 2, 22,
         "bad-value: the severity of CNN501 is 'off'; "),
        ('[lint]\nignor = []\n', 2, 1, "unknown-key: lint has no ignor | did you mean ignore?"),
        ('[[budget]]\nparams = <= 5M\n', 2, 10, "toml-syntax: this is no TOML: invalid value | "),
        ('[[budget\n', 1, 9, "toml-syntax: this is no TOML: "),
        ('a = 1\na = 2\n', 2, 6, "toml-syntax: this is no TOML: cannot overwrite a value | "),
        ('a = ' + "[" * 3000, 1, 1, "limit: "),
        ('\n\na = ' + "9" * 5000, 1, 1, "toml-syntax: "),
    ],
)  # fmt: skip
def test_a_mistake_in_it_is_found_at_its_place(
    text: str, line: int, column: int, said: str, tmp_path: Path
) -> None:
    (one,) = found(project(tmp_path, {"cnncalc.toml": text}))
    assert one[0] == "cnncalc.toml"
    assert one[3].startswith(said.format(f"{tmp_path}/"))
    assert one[1] == line
    assert one[2] == column


def test_its_mistakes_are_said_once(tmp_path: Path) -> None:
    files = {f"{number}.yaml": SPEC for number in range(5)}
    assert len(found(project(tmp_path, {**files, "cnncalc.toml": "[lint]\nnothing = 1\n"}))) == 1


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    project(tmp_path, {})
    (tmp_path / "cnncalc.toml").write_bytes(b"\xff\xfe")
    assert found(tmp_path)[0][3].startswith("cannot-read: ")


@pytest.mark.parametrize(
    ("lint", "code"),
    [
        ("", 1),
        ('ignore = ["linear-on-image"]', 0),
        ('ignore = ["CNN3"]', 0),
        ('select = ["CNN301"]', 0),
        ('severity = {CNN304 = "note"}', 1),
    ],
)
def test_settings_of_the_rules(lint: str, code: int, tmp_path: Path) -> None:
    warned = SPEC + "  - linear: {out_features: 8}\n  - relu\n"
    project(tmp_path, {"net.yaml": warned, "cnncalc.toml": f"[lint]\n{lint}\n"})
    ignored = ("--ignore", "CNN502")
    assert run("check", str(tmp_path / "net.yaml"), "--strict", *ignored).exit_code == code


# ---------------------------------------------------------------------------- where its values are


KEYS = st.text("ab-_1", min_size=1, max_size=3) | st.sampled_from(['"a.b"', "'c d'", '"\\u00e9"'])
VALUES = st.recursive(
    st.sampled_from(
        ['"<= 5M"', "'x # y'", '"""two\nlines"""', "'''a'b'''", "1_000", "-2.5e3", "true", "inf",
         "1979-05-27T07:32:00Z", "1979-05-27 07:32:00", '"\\"]"', '""', "[]", "{}", '"a=b, c"']
    ),
    lambda inner: st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
    | st.lists(inner, max_size=3).map(
        lambda items: "[ # c\n" + "".join(f"  {item}, # d ]\n" for item in items) + "]"
    )
    | st.dictionaries(KEYS, inner.filter(lambda text: "\n" not in text), max_size=2).map(
        lambda pairs: "{" + ", ".join(f"{key} = {value}" for key, value in pairs.items()) + "}"
    ),
    max_leaves=6,
)  # fmt: skip
LINES = st.one_of(
    st.tuples(st.lists(KEYS, min_size=1, max_size=2), VALUES).map(
        lambda pair: f"{' . '.join(pair[0])} = {pair[1]} # [no]"
    ),
    st.lists(KEYS, min_size=1, max_size=3).map(lambda keys: f"[{'.'.join(keys)}]"),
    st.lists(KEYS, min_size=1, max_size=3).map(lambda keys: f"  [[ {' . '.join(keys)} ]]"),
    st.sampled_from(["", "# a comment = [", "\t"]),
)


@given(st.lists(LINES, max_size=8).map("\n".join))
def test_at_the_place_of_each_value_stands_the_value(text: str) -> None:
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    document, findings = Document("t", text), Findings()
    tables = parse(document, findings)
    assert tables is not None
    assert not findings
    assert Located(tables).plain() == content or "nan" in text
    hold(document, Located(tables), ())


def hold(document: Document, item: Located, path: tuple[str, ...]) -> None:
    """Everything with a place is what stands at that place, all the way down."""
    if item.span is not None:
        said = document.between(*(pair(item.span)))
        if said.startswith("[") and isinstance(item.value, dict):
            assert key_of(said.strip("[ ]")) == path[-1]
        else:
            assert tomllib.loads(f"x = {said}") == {"x": item.plain()}
        assert item.key is not None
        written = document.between(*pair(item.key))
        assert written == said or key_of(written) == path[-1]
    if isinstance(item.value, dict):
        for key, below in item.value.items():
            hold(document, below, (*path, key))
    elif isinstance(item.value, list):
        for below in item.value:
            hold(document, below, path)


def pair(span: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    return (span.line, span.column), (span.end_line, span.end_column)


def key_of(written: str) -> str:
    """The last part of a key."""
    content: Any = tomllib.loads(f"{written} = 0")
    while isinstance(content, dict):
        ((key, content),) = content.items()
    return str(key)
