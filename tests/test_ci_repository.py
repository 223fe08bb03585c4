"""A repository of ten specs, five of them broken and one over its budget, as CI sees it: through
the command line and through the real pre-commit, by the configurations that docs/ci.md shows.

test_ci_action.py does the same through the action.
"""

import re
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from ci_environment import ACTION, EXPECTED, ROOT, annotations, git, make_repository, run
from test_docs import Fence, fences

GUIDE = ROOT / "docs" / "ci.md"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "repository")


def test_there_are_ten_specs_and_five_are_broken(repository: Path) -> None:
    assert len(list(repository.glob("models/*.yaml"))) == 10
    assert len(EXPECTED) == 6
    assert len({rule for _, _, _, rule in EXPECTED}) == 6


@pytest.mark.parametrize(("folder", "path"), [(".", "models"), ("models", ".")])
def test_the_command_annotates(repository: Path, folder: str, path: str) -> None:
    printed = run(
        sys.executable, "-m", "cnncalc", "check", path, cwd=repository / folder, code=1,
        PYTHONPATH=str(ROOT), GITHUB_ACTIONS="true",
    )  # fmt: skip
    assert annotations(printed) == EXPECTED
    assert printed.splitlines()[-1].startswith("6 errors in 6 files (10 specs checked")


# ---------------------------------------------------------------------------------- pre-commit


@pytest.fixture(scope="session")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """cnncalc as pre-commit wants it: a repository, with what is in the working tree."""
    folder = tmp_path_factory.mktemp("hooks") / "cnncalc"
    folder.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml"):
        shutil.copy(ROOT / name, folder)
    for name in ("cnncalc", "architectures"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    git("init", "--quiet", "--initial-branch=main", cwd=folder)
    git("add", "-A", cwd=folder)
    git("commit", "--quiet", "-m", "hooks", cwd=folder)
    return folder


def guide_fence(word: str) -> Fence:
    """The YAML in docs/ci.md that has a word in it."""
    (found,) = (f for f in fences(GUIDE) if f.language == "yaml" and word in f.text)
    return found


@pytest.mark.skipif(find_spec("pre_commit") is None, reason="pip install 'cnncalc[ci-test]'")
def test_pre_commit_annotates(repository: Path, hooks: Path) -> None:
    """The real pre-commit installs the hook and runs it, by the configuration in docs/ci.md."""
    config = guide_fence("repos:").text
    config = re.sub(r"repo: .*", f"repo: {hooks.as_posix()}", config)
    config = re.sub(r"rev: .*", f"rev: {git('rev-parse', 'HEAD', cwd=hooks)}", config)
    (repository / ".pre-commit-config.yaml").write_text(config, "utf-8")
    git("add", "-A", cwd=repository)
    environ = {"PRE_COMMIT_HOME": str(repository.parent / "cache"), "GITHUB_ACTIONS": "true"}

    def pre_commit(*words: str, code: int = 1) -> str:
        command = [sys.executable, "-m", "pre_commit", *words]
        return run(*command, cwd=repository, code=code, **environ)

    pre_commit("validate-manifest", str(ROOT / ".pre-commit-hooks.yaml"), code=0)
    pre_commit("validate-config", code=0)
    assert annotations(pre_commit("run", "--all-files")) == EXPECTED
    # One file of a family has changed, and all are checked; another hook checks what changed.
    git("commit", "--quiet", "--no-verify", "-m", "hook", cwd=repository)
    lenet = repository / "models" / "lenet.yaml"
    lenet.write_text(lenet.read_text("utf-8").replace("channels: 6", "channels: 7"), "utf-8")
    for spec in ("branches", "deep", "draft", "head", "stem", "wide"):
        (repository / "models" / f"{spec}.yaml").unlink()
    git("add", "-A", cwd=repository)
    both = [("error", "models/lenet.yaml", 15, "CNN401"),
            ("error", "models/lenet_letters.yaml", 4, "CNN401")]  # fmt: skip
    assert annotations(pre_commit("run")) == both
    config = config.replace("id: cnncalc", "id: cnncalc-changed").replace("args:", "# args:")
    (repository / ".pre-commit-config.yaml").write_text(config, "utf-8")
    git("add", "-A", cwd=repository)
    assert annotations(pre_commit("run")) == both[:1]


# ---------------------------------------------------------------------------------- the guide

SCHEMAS = {
    "jobs:": "vendor.github-workflows",
    "script:": "vendor.gitlab-ci",
}
CONFIGURATIONS = [
    (fence, schema) for fence in fences(GUIDE) for word, schema in SCHEMAS.items()
    if fence.language == "yaml" and re.search(rf"^ *{word}", fence.text, re.M)
]  # fmt: skip


def check_jsonschema(schema: str, path: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)]
    run(*command, cwd=path.parent)


needs_check_jsonschema = pytest.mark.skipif(
    find_spec("check_jsonschema") is None, reason="pip install 'cnncalc[ci-test]'"
)


@needs_check_jsonschema
@pytest.mark.parametrize(("fence", "schema"), CONFIGURATIONS, ids=str)
def test_a_configuration_of_the_guide_is_valid(fence: Fence, schema: str, tmp_path: Path) -> None:
    path = tmp_path / "shown.yaml"
    path.write_text(fence.text, "utf-8")
    check_jsonschema(schema, path)


@needs_check_jsonschema
def test_the_action_and_the_hooks_are_valid() -> None:
    check_jsonschema("vendor.github-actions", ROOT / "action.yml")


def test_the_guide_uses_inputs_and_hooks_that_there_are() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    steps = [
        step
        for fence, schema in CONFIGURATIONS if schema == "vendor.github-workflows"
        for job in yaml.safe_load(fence.text)["jobs"].values()
        for step in job["steps"] if "cnncalc@" in step.get("uses", "")
    ]  # fmt: skip
    assert steps
    assert {name for step in steps for name in step["with"]} <= set(ACTION["inputs"])
    config = yaml.safe_load(guide_fence("repos:").text)
    used = {hook["id"] for repo in config["repos"] for hook in repo["hooks"]}
    assert used <= {hook["id"] for hook in hooks}
