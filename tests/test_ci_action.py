"""What action.yml runs, by its own steps and with a GitHub of our own: annotations, SARIF,
a comment on the pull request."""

import json
import re
import shutil
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from ci_environment import ACTION, EXPECTED, ROOT, GitHub, Runner, annotations, git, make_repository
from workflow_commands import commands


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def runner(tmp_path: Path, github: GitHub) -> Runner:
    """A runner; the pull request widens LeNet, adds a network, removes one and mends one."""
    repository = make_repository(tmp_path / "repository")
    git("checkout", "--quiet", "-b", "change", cwd=repository)
    models = repository / "models"
    lenet = (models / "lenet.yaml").read_text("utf-8").replace("channels: 6", "channels: 7")
    (models / "lenet.yaml").write_text(lenet.partition("expect")[0], "utf-8")
    (models / "residual.yaml").write_text("# a comment\n" + (models / "residual.yaml").read_text())
    (models / "wide.yaml").write_text("name: Wide\n")
    (models / "depthwise.yaml").unlink()
    (models / "new <b>.yaml").write_text("extends: vgg16\nname: New\n")
    (models / "draft.yaml").write_text("extends: lenet\nname: Draft\n")
    git("add", "-A", cwd=repository)
    git("commit", "--quiet", "-m", "change", cwd=repository)
    # Meanwhile main goes on: that is no change of the pull request.
    git("checkout", "--quiet", "main", cwd=repository)
    (models / "deep.yaml").write_text((models / "deep.yaml").read_text() + "  - relu\n")
    git("commit", "--quiet", "-a", "-m", "main goes on", cwd=repository)
    found = Runner(repository, github)
    found.checkout()
    return found


def test_the_action_annotates_and_writes_sarif(runner: Runner) -> None:
    git("branch", "--force", "change", "main~1", cwd=runner.origin)  # nothing changed
    runner.checkout()
    printed = runner.run(paths="models", sarif="report.sarif")
    assert annotations(printed) == EXPECTED
    assert [method for method, _, _ in runner.github.asked] == ["GET"]
    log = json.loads((runner.workspace / "report.sarif").read_text("utf-8"))
    places = [one["locations"][0]["physicalLocation"] for one in log["runs"][0]["results"]]
    assert [
        (result["level"], place["artifactLocation"]["uri"], place["region"]["startLine"],
         result["ruleId"])
        for result, place in zip(log["runs"][0]["results"], places, strict=True)
    ] == EXPECTED  # fmt: skip


@pytest.mark.skipif(find_spec("pre_commit") is None, reason="pip install 'cnncalc[ci-test]'")
def test_the_action_installs_what_it_runs(runner: Runner) -> None:
    runner.installed.parent.mkdir()
    runner.step(ACTION["runs"]["steps"][0]["run"], cwd=runner.workspace)
    assert (runner.installed / "cnncalc" / "architectures" / "vgg16.yaml").is_file()
    assert EXPECTED[1] in annotations(runner.run(paths="models"))


def test_the_action_says_which_python_it_needs(runner: Runner) -> None:
    old = "command() { echo old; }; old() { return 1; }\n"
    printed = runner.step(old + ACTION["runs"]["steps"][0]["run"], cwd=runner.workspace, code=2)
    assert "Python 3.11" in printed


def test_the_action_comments_what_a_pull_request_changes(runner: Runner) -> None:
    runner.run(paths="models")
    (comment,) = runner.github.comments
    body = comment["body"]
    assert re.findall(r"<code>(.*?)</code>: (.*?)(?:</summary>|\n)", body) == [
        ("models/draft.yaml", "had errors before; 52,328 params, 466,400 MACs"),
        ("models/lenet.yaml", "+426 params (+0.8 %), +59,600 MACs (+14.7 %)"),
        ("models/lenet_letters.yaml", "+426 params (+0.8 %), +59,600 MACs (+14.6 %)"),
        ("models/new &lt;b&gt;.yaml", "new; 138,357,544 params, 15,470,264,320 MACs"),
        ("models/wide.yaml", "has errors"),
        ("models/depthwise.yaml", "removed"),
    ]
    assert "| params" in body
    assert runner.summary.read_text("utf-8") == body
    path = "/repos/someone/networks/issues/7/comments"
    assert runner.github.asked == [
        ("GET", path, "Bearer secret"), ("POST", path, "Bearer secret"),
    ]  # fmt: skip


def test_a_branch_that_is_checked_out_itself_is_compared_with_where_it_began(
    runner: Runner,
) -> None:
    """With ``ref:`` the head of the branch, which has merged main and has two parents, too."""
    runner.run(paths="models")
    git("checkout", "--quiet", "change", cwd=runner.origin)
    git("merge", "--quiet", "--no-ff", "-m", "main into it", "main", cwd=runner.origin)
    shutil.rmtree(runner.workspace)
    git("clone", "-q", str(runner.origin), str(runner.workspace), cwd=runner.origin)
    runner.merge = git("rev-parse", "merge", cwd=runner.origin)
    before = runner.github.comments[0]["body"]
    runner.run(paths="models")
    assert runner.github.comments[0]["body"] == before


def test_one_comment_is_written_anew(runner: Runner) -> None:
    somebody = {"id": 0, "body": "<!-- cnncalc me too", "user": {"type": "User"}}
    runner.github.comments += [somebody | {"id": number} for number in range(150)]
    runner.run(paths="models")
    first = runner.github.comments[150]["body"]
    runner.run(paths="models")
    assert len(runner.github.comments) == 151
    assert runner.github.comments[150]["body"] == first
    runner.run(paths=".", folder="models")  # another job
    assert len(runner.github.comments) == 152
    git("branch", "--force", "change", "main~1", cwd=runner.origin)
    runner.checkout()
    runner.run(paths="models")
    assert "No network differs any more" in runner.github.comments[150]["body"]


def test_who_copies_the_mark_is_not_overwritten(runner: Runner) -> None:
    runner.run(paths="models")
    runner.github.comments[0]["user"]["type"] = "User"
    runner.run(paths="models")
    assert len(runner.github.comments) == 2


@pytest.mark.parametrize("case", ["no right", "no server", "no base", "no event"])
def test_a_comment_that_cannot_be_written_fails_nothing(runner: Runner, case: str) -> None:
    expected = runner.run(paths="models", comment="false")
    assert runner.github.asked == []
    if case == "no right":
        runner.github.refuses = True
    elif case == "no server":
        runner.api = "http://127.0.0.1:9"
    elif case == "no base":
        git("remote", "set-url", "origin", "https://gone.invalid", cwd=runner.workspace)
    else:
        runner.event.write_text("{}")
    printed = runner.run(paths="models")
    assert printed.startswith(expected)
    notices = commands(printed.removeprefix(expected))
    assert [(command, found["title"]) for command, found, _ in notices] == (
        [] if case == "no event" else [("notice", "cnncalc")]
    )
    shown = runner.summary.read_text("utf-8")
    assert ("models/lenet.yaml" in shown) == (case in ("no right", "no server"))


def test_a_comment_has_no_more_than_github_takes(runner: Runner) -> None:
    git("checkout", "--quiet", "-B", "change", "main", cwd=runner.origin)
    for number in range(40):
        spec = runner.origin / "models" / f"net{number}.yaml"
        spec.write_text("extends: vgg19\nname: net\n")
    git("add", "-A", cwd=runner.origin)
    git("commit", "-q", "-m", "many", cwd=runner.origin)
    git("branch", "--force", "main", "change", cwd=runner.origin)
    for number in range(40):
        spec = runner.origin / "models" / f"net{number}.yaml"
        spec.write_text("extends: vgg13\nname: net\n")
    git("commit", "-q", "-a", "-m", "more", cwd=runner.origin)
    runner.checkout()
    runner.run(paths="models")
    body = runner.github.comments[0]["body"]
    assert len(body.encode()) < 65_536
    assert body.count("<code>") == 40
    assert 0 < body.count("<details>") < 40
    assert runner.summary.read_text("utf-8").count("<details>") == 40


def test_the_action_gives_its_script_every_input() -> None:
    script = (ROOT / "ci" / "action.py").read_text("utf-8")
    env = ACTION["runs"]["steps"][-1]["env"]
    assert set(re.findall(r"\bCNNCALC_[A-Z]+", script)) == set(env)
    used = re.findall(r"inputs\.([\w-]+)", json.dumps(ACTION["runs"]))
    assert set(used) == set(ACTION["inputs"])
