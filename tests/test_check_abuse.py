"""`cnncalc check` holds under abuse: what is promised of every text, and of every name of a file.

``CNNCALC_EXAMPLES=20000 pytest tests/test_check_abuse.py`` draws as many; tests/fuzz/check.py
looks for inputs by what they reach in the code.
"""

import os
import random
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from fuzz.guard import Forbidden, guarded
from fuzz.promises import FORMATS, Folder, Input, well_formed
from fuzz.seeds import configurations, dictionary, seeds, specs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_language_fuzz import mutilated

from cnncalc.api import check_specs
from cnncalc.checking import Wanted
from cnncalc.diagnostics.checkout import Checkout
from cnncalc.diagnostics.formats import render

EXAMPLES = int(os.environ.get("CNNCALC_EXAMPLES", "150"))
SPECS = [spec.decode("utf-8", "replace") for spec in specs(zoo_too=True)]
CONFIGURATIONS = [text.decode() for text in configurations()]
NET = b"name: t\ninput: [3, 8, 8]\nlayers:\n"


def hold(given: Input) -> list[str]:
    """The rules of the findings of an input, of which all promises hold."""
    with TemporaryDirectory() as folder:
        return [finding.rule.name for finding in Folder(Path(folder) / "specs").hold(given)]


# ------------------------------------------------------------------------------------- by chance

chance = st.integers(0, 2**64).map(random.Random)


@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
@given(
    st.sampled_from(SPECS), st.sampled_from(["", *CONFIGURATIONS]), chance,
    st.sampled_from(FORMATS), st.booleans(), st.booleans(), st.booleans(),
)  # fmt: skip
def test_of_a_mutilated_spec_all_promises_hold(spec, config, random_, format_, fix, every, disk):
    texts = mutilated(spec, random_), config and mutilated(config, random_)
    spec, config = (text.encode("utf-8", "surrogatepass") for text in texts)
    hold(Input(spec, b"blocks: {b: [relu]}", config, format_, fix, every, disk))


def test_bytes_and_inputs_are_the_same():
    for data in (*seeds(500), b"", b"\xff", bytes(range(256))):
        assert Input.read(Input.read(data).write()) == Input.read(data)
    assert all(line.startswith('"') and line.endswith('"') for line in dictionary())


# ---------------------------------------------------------------------------- what was found once

CONFIG = b"[[budget]]\nspecs = '%s'\nparams = '<= 1'\n"
FOUND = {
    "a no-break space in an excerpt": (Input(b"name: a\xc2\xa0b: c"), ["yaml-syntax"]),
    "a key of TOML with thousands of parts": (
        Input(NET + b"  - relu", config=b"a" + b".a" * 3000 + b" = 1"), ["limit"],
    ),
    "a key of TOML with quoted parts": (
        Input(NET + b"  - relu", config=b"[" + b"'a' . " * 9000 + b"a]"), ["limit"],
    ),
    "a pattern of thousands of folders": (
        Input(NET + b"  - relu", config=CONFIG % (b"**/a/" * 900)), ["budget-nothing"],
    ),
    "a pattern of thousands of brackets": (
        Input(NET + b"  - relu\nfreeze: ['" + b"[" * 20_000 + b"']"), ["freeze-nothing"],
    ),
    "a limit of layers by such a pattern": (
        Input(NET + b"  - relu", config=b"[budget.layers.'" + b"[!" * 9000 + b"']\nmacs = 1"),
        ["budget-nothing"],
    ),
    "a comment of thousands of rules": (
        Input(NET + b"  - relu # cnncalc: ignore " + b"CNN301 " * 30_000),
        [*["unused-suppression"] * 1000, "limit"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FOUND)
@pytest.mark.parametrize("format_", FORMATS)
def test_what_was_found_once(name, format_):
    given, rules = FOUND[name]
    assert sorted(hold(given._replace(format=format_, fix=True))) == sorted(rules)


def test_a_file_of_blank_lines_is_no_configuration(tmp_path):
    """Each line once was the start of a search to the end."""
    Folder(tmp_path / "specs").hold(Input(NET + b"  - relu"))
    (tmp_path / "specs" / "cnncalc.toml").unlink(missing_ok=True)
    (tmp_path / "specs" / "pyproject.toml").write_text("\n" * 100_000)
    assert check_specs([str(tmp_path / "specs" / "spec.yaml")]).ok


# ------------------------------------------------------------------------- what may not be reached


@pytest.mark.parametrize(
    "forbidden",
    [
        lambda folder: open("/etc/hostname").close(),
        lambda folder: open(folder / "spec.yaml", "a").close(),
        lambda folder: os.listdir("/"),
        lambda folder: os.remove(folder / "spec.yaml"),
        lambda folder: os.system("true"),
        lambda folder: subprocess.run(["true"], check=False),
        lambda folder: eval("1"),
        lambda folder: exec("1"),
        lambda folder: __import__("this"),
    ],
)
def test_the_guard_sees_what_is_forbidden(tmp_path, forbidden):
    (tmp_path / "spec.yaml").touch()
    with pytest.raises(Forbidden), guarded(tmp_path):
        forbidden(tmp_path)
    assert (tmp_path / "spec.yaml").exists()


@pytest.mark.parametrize(
    "target",
    [
        "../secret", "/etc/passwd", "/etc/passwd.yaml", "link", "below/link", "below/../../secret",
        "https://example.org/a.yaml", "file:///etc/passwd", "~/a", "$HOME/a", "a\\0b", "-", "%s",
        "a@HEAD", "../specs/../secret", "//etc/passwd", "C:\\\\secret", "|id", "\\x1b[31m", "\\n",
    ],
)  # fmt: skip
@pytest.mark.parametrize("word", ["extends", "include"])
def test_no_path_leads_out(tmp_path, word, target):
    folder = Folder(tmp_path / "specs")
    (tmp_path / "secret.yaml").write_text("secret: hunter2")
    (tmp_path / "specs" / "below").mkdir()
    for link in ("link.yaml", "below/link.yaml"):
        (tmp_path / "specs" / link).symlink_to(tmp_path / "secret.yaml")
    for format_ in FORMATS:
        spec = f'name: t\n{word}: "{target}"\ninput: [1]\nlayers: [relu]\n'.encode()
        folder.hold(Input(spec, format=format_))


@pytest.mark.parametrize("name", ["evil.yaml", "cnncalc.toml", "pyproject.toml"])
@pytest.mark.parametrize("inside", [False, True], ids=["outside", "inside"])
def test_a_link_is_followed_within_the_repository_only(tmp_path, name, inside):
    folder = tmp_path / "repository" / "models"
    folder.mkdir(parents=True)
    (tmp_path / "repository" / ".git").mkdir()
    secret = folder.parent / "secret" if inside else tmp_path / "secret"
    secret.write_text("[tool.cnncalc] secret: hunter2")
    (folder / "net.yaml").write_bytes(NET + b"  - relu")
    (folder / name).symlink_to(secret)
    checked = check_specs(sorted(map(str, folder.glob("*.yaml"))))
    assert ("hunter2" in str(checked)) is inside
    assert checked.ok is (name == "pyproject.toml" and not inside)  # as if it were not there


# ------------------------------------------------------------------------------- names of files

NAMES = [
    b"a\nb.yaml", b"\x1b[31m.yaml", b"a\r::error::b.yaml", b"::error file=a::b.yaml",
    b"##[error]a.yaml", b"50%25,a:b.yaml", b"]]><a>&.yaml", b"\xff\xfe.yaml", b"](x).yaml",
    b"{0}.yaml", b"a b.yaml", b"-o.yaml", b"--fix.yaml", b"a@b.yaml", b"$(id).yaml", b"'\".yaml",
    "\u202eabc.yaml".encode(),
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=repr)
@pytest.mark.parametrize("format_", FORMATS)
def test_a_name_stays_in_its_place(tmp_path, monkeypatch, name, format_):
    monkeypatch.chdir(tmp_path)
    Path(os.fsdecode(name)).write_bytes(b"name: t\ninput: [3, 8, 8]\nlayers: [rleu, {add: x}]\n")
    spec = "./" + os.fsdecode(name)
    checked = check_specs([spec], Wanted(select=("ALL",)))
    assert {finding.rule.name for finding in checked.findings} >= {"unknown-kind"}
    report = render(
        format_, checked.findings, checked.sources, specs=checked.specs,
        checkout=Checkout.around(str(tmp_path), {}),
    )  # fmt: skip
    well_formed(format_, report, checked.findings)


@pytest.mark.parametrize("ending", ["json", "sarif", "xml", "txt"])
def test_nothing_is_written_but_what_is_asked_for(tmp_path, ending):
    for name in NAMES:
        (tmp_path / os.fsdecode(name)).write_bytes(NET + b"  - rleu")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    report = tmp_path / f"report.{ending}"
    words = [sys.executable, "-m", "cnncalc", "check", ".", "-o", report.name]
    for code in (1, 2):  # a second time it is there already
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, timeout=60, check=False)
        assert done.returncode == code, done.stderr
        assert b"Traceback" not in done.stderr
        assert not {*(done.stdout + done.stderr).decode()} & {"\x1b", "\r", "\u202e"}
    after = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert after.keys() - before.keys() == {report}
    assert {path: after[path] for path in before} == before
