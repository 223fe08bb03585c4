"""`check --baseline`: a network against what its file was at a git revision."""

import shutil
import subprocess
from pathlib import Path

import pytest
from command_line import complaint, run

import cnncalc

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")

#: 224 params with 8 channels, 28 for each; two layers.
SPEC = """\
name: net
input: [3, 32, 32]
parameters: {channels_out: 8}
layers:
  - {conv2d: {out_channels: channels_out, kernel_size: 3}, name: conv}
  - relu
"""
WIDER = SPEC.replace("8}", "10}", 1)


def git(*words: str) -> None:
    identity = (
        "-c",
        "user.name=t",
        "-c",
        "user.email=t@example.org",
        "-c",
        "init.defaultBranch=main",
    )
    subprocess.run(["git", *identity, *words], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit, which is the working folder."""
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(SPEC)
    git("init", "-q")
    commit()
    return tmp_path


def commit() -> None:
    git("add", ".")
    git("commit", "-q", "-m", "a commit")


def messages(*options: str) -> list[str]:
    checked = cnncalc.check("net.yaml", baseline="HEAD", max_growth=options)
    return [f.message for f in checked.findings if f.severity == "error"]


@pytest.mark.parametrize(
    ("options", "grown"),
    [
        ((), ["params", "macs", "activations", "peak_bytes"]),
        (("25%",), []),
        (("24.9%",), ["params", "macs"]),
        (("100%", "params=56"), []),
        (("100%", "params=55"), ["params"]),
        (("flops=0",), ["flops"]),
        (("peak_bytes=1 KiB",), ["peak_bytes"]),
        (("weights=54", "biases=1"), ["biases"]),
    ],
)
def test_growth_is_limited_metric_by_metric(
    options: tuple[str, ...], grown: list[str], repository: Path
) -> None:
    Path("net.yaml").write_text(WIDER)
    assert [message.split(" ")[0] for message in messages(*options)] == grown


def test_a_finding_says_by_how_much_and_names_the_layers(repository: Path) -> None:
    Path("net.yaml").write_text(WIDER)
    result = run("check", "net.yaml", "--baseline", "HEAD", "--max-growth", "params=2%")
    assert result.exit_code == 1
    assert result.stdout.startswith(
        "net.yaml:1:1: error CNN405 growth: params grew by 56 (25.0%), from 224 to 280; "
        "allowed: 2% (4)\n"
    )
    assert "hint: compared with net.yaml@HEAD; 1 layer grew:\n" in result.stdout
    assert "      net.yaml:5:6: conv: +56 params, 224 before\n" in result.stdout


def test_a_layer_that_came_is_new(repository: Path) -> None:
    Path("net.yaml").write_text(
        SPEC + "  - {conv2d: {out_channels: 8, kernel_size: 1}, name: more}\n"
    )
    (finding,) = cnncalc.check("net.yaml", baseline="HEAD", max_growth=["params=0"]).findings
    assert [related.text for related in finding.related] == ["more: +72 params, new"]


def test_what_shrinks_or_stays_is_right(repository: Path) -> None:
    assert messages() == []
    Path("net.yaml").write_text(SPEC.replace("8}", "4}", 1))
    assert messages() == []
    assert messages("0%") == []


def test_limits_of_the_spec_and_of_the_configuration(repository: Path) -> None:
    Path("net.yaml").write_text(WIDER + 'expect: {max-growth: {params: "10%"}}\n')
    Path("cnncalc.toml").write_text('[[budget]]\nmax-growth = {macs = "5%"}\n')
    found = cnncalc.check("net.yaml", baseline="HEAD").findings
    places = [(f.span.path, f.span.line, f.message.split(" grew")[0]) for f in found if f.span]
    assert places == [("net.yaml", 7, "params"), ("cnncalc.toml", 2, "net.yaml: macs")]
    assert not cnncalc.check("net.yaml").findings.failed


def test_what_a_spec_extends_is_compared_too(repository: Path) -> None:
    Path("child.yaml").write_text("extends: net\nname: child\n")
    commit()
    Path("net.yaml").write_text(WIDER)
    shown = run("check", "child.yaml", "--baseline", "HEAD").stdout
    assert "child.yaml:1:1: error CNN405 growth: params grew by 56 (25.0%)" in shown
    assert "compared with child.yaml@HEAD" in shown


def test_a_built_in_that_hid_behind_a_file_is_compared(repository: Path) -> None:
    Path("vgg16.yaml").write_text(SPEC)
    Path("child.yaml").write_text("extends: vgg16\nname: child\n")
    commit()
    Path("vgg16.yaml").unlink()
    assert "params grew by 138,357,320" in run("check", "child.yaml", "--baseline", "HEAD").stdout


def test_new_files_say_so(repository: Path) -> None:
    Path("new.yaml").write_text(WIDER)
    result = run("check", ".", "--baseline", "HEAD")
    assert (result.exit_code, result.stderr) == (
        0,
        "new.yaml is not compared with HEAD: it is new\n",
    )


def test_a_spec_that_was_broken_says_so(repository: Path) -> None:
    Path("net.yaml").write_text("layers: 3")
    commit()
    Path("net.yaml").write_text(WIDER)
    result = run("check", "net.yaml", "--baseline", "HEAD")
    assert result.stderr == "net.yaml is not compared with HEAD: it had errors then\n"


def test_a_renamed_file_is_compared_with_what_it_was(repository: Path) -> None:
    Path("nets").mkdir()
    git("mv", "net.yaml", "nets/wide.yaml")
    Path("nets/wide.yaml").write_text(WIDER)
    git("add", ".")
    shown = run("check", "nets", "--baseline", "HEAD").stdout
    assert "nets/wide.yaml:1:1: error CNN405 growth: params grew by 56" in shown
    assert "compared with net.yaml@HEAD" in shown


def test_in_a_folder_of_the_repository(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("nets").mkdir()
    git("mv", "net.yaml", "nets/net.yaml")
    commit()
    Path("nets/net.yaml").write_text(WIDER)
    monkeypatch.chdir("nets")
    assert len(messages("params=0")) == 1


def test_a_revision_that_is_not_there(repository: Path) -> None:
    Path("other.yaml").write_text(SPEC)
    result = run("check", ".", "--baseline", "mian")
    assert result.exit_code == 3
    assert result.stdout.count("git knows no revision mian here") == 1
    assert "hint: did you mean main?" in result.stdout


def test_a_shallow_clone_says_how_to_get_the_revision(repository: Path) -> None:
    Path("net.yaml").write_text(WIDER)
    commit()
    clone = ["clone", "-q", "--depth", "1", f"file://{repository}", "clone"]
    git(*clone)
    shown = run("check", "clone/net.yaml", "--baseline", "HEAD~1").stdout
    assert "git knows no revision HEAD~1 here" in shown
    assert "hint: this is a shallow clone: fetch-depth: 0 for actions/checkout" in shown


def test_outside_of_a_repository(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(SPEC)
    result = run("check", str(tmp_path / "net.yaml"), "--baseline", "main")
    assert result.exit_code == 3
    assert "is not in a git repository, so it has no revision main" in result.stdout


def test_built_in_names_and_standard_input_have_no_baseline(repository: Path) -> None:
    result = run("check", "vgg16", "-", "--baseline", "HEAD", typed=SPEC)
    assert result.exit_code == 0
    assert "vgg16 is not compared with HEAD: it is no file in a repository\n" in result.stderr
    assert "- is not compared with HEAD" in result.stderr


def test_jobs_change_nothing(repository: Path) -> None:
    for number in range(6):
        Path(f"{number}.yaml").write_text(SPEC)
    commit()
    for number in range(6):
        Path(f"{number}.yaml").write_text(WIDER if number % 2 else SPEC)
    shown = {run("check", ".", "--baseline", "HEAD", "--jobs", jobs).stdout for jobs in "13"}
    assert len(shown) == 1
    assert shown.pop().count("error CNN405 growth: params grew") == 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--max-growth", "2%"), "--max-growth says nothing without --baseline"),
        (("--baseline", "HEAD", "--max-growth", "lots"), "'lots' is no limit of growth"),
        (("--baseline", "HEAD", "--max-growth", "parms=2%"), "max-growth has no parms"),
        (("--baseline", "HEAD", "--max-growth", "receptive_field=2"), "has no receptive_field"),
    ],
)  # fmt: skip
def test_wrong_usage(options: tuple[str, ...], said: str) -> None:
    assert said in " ".join(complaint("check", "vgg16", *options).split())
