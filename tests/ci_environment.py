"""A repository of ten specs, five of them broken and one over its budget, and CI around it:
git, the part of GitHub's API that holds comments, and what GitHub's runner does with action.yml.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml
from workflow_commands import commands

ROOT = Path(__file__).parent.parent
ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))

#: What is wrong with the ten specs: the level, the path, the line, the rule.
EXPECTED = [
    ("error", "models/branches.yaml", 5, "CNN205"),
    ("error", "models/deep.yaml", 10, "CNN203"),
    ("error", "models/draft.yaml", 4, "CNN002"),
    ("error", "models/head.yaml", 7, "CNN101"),
    ("error", "models/stem.yaml", 5, "CNN108"),
    ("error", "models/wide.yaml", 9, "CNN404"),
]
Annotation = tuple[str, str, int, str]


def run(*command: str, cwd: Path, code: int | None = 0, **environ: str) -> str:
    """What a command prints, with what CI sets around it; asserts its exit code."""
    environment = {
        key: value for key, value in os.environ.items()
        if not key.startswith(("GITHUB_", "GIT_", "PRE_COMMIT"))
    }  # fmt: skip
    ended = subprocess.run(
        command, cwd=cwd, env=environment | environ, stdin=subprocess.DEVNULL, timeout=300,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, encoding="utf-8",
    )  # fmt: skip
    assert code is None or ended.returncode == code, ended.stdout
    return ended.stdout


def git(*words: str, cwd: Path) -> str:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    return run("git", *who, *words, cwd=cwd, GIT_CONFIG_GLOBAL=os.devnull).strip()


def make_repository(folder: Path) -> Path:
    """The ten specs in a git repository, committed."""
    shutil.copytree(Path(__file__).parent / "ci_repository", folder)
    git("init", "--quiet", "--initial-branch=main", cwd=folder)
    git("add", "-A", cwd=folder)
    git("commit", "--quiet", "-m", "ten specs", cwd=folder)
    return folder


def annotations(printed: str) -> list[Annotation]:
    """The annotations in a log: level, path, line, rule."""
    return [
        (command, properties["file"], int(properties["line"]), properties["title"].split()[1])
        for command, properties, _ in commands(printed)
    ]


class GitHub(ThreadingHTTPServer):
    """The part of GitHub's API that holds the comments of a pull request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.comments: list[dict[str, Any]] = []
        self.asked: list[tuple[str, str, str]] = []
        self.refuses = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answer(BaseHTTPRequestHandler):
    server: GitHub

    def answer(self) -> None:
        comments, (path, _, query) = self.server.comments, self.path.partition("?")
        token = self.headers["Authorization"]
        self.server.asked.append((self.command, path, token))
        length = int(self.headers.get("Content-Length") or 0)
        text = json.loads(self.rfile.read(length))["body"] if length else ""
        if self.server.refuses and self.command != "GET":
            self.send_error(403, "Resource not accessible by integration")
            return
        result: Any
        if self.command == "POST":
            result = {"id": len(comments), "body": text, "user": {"type": "Bot"}}
            comments.append(result)
        elif self.command == "PATCH":
            result = comments[int(path.rpartition("/")[2])]
            result["body"] = text
        else:
            page = int(query.rpartition("page=")[2])
            result = comments[100 * (page - 1) : 100 * page]
        data = json.dumps(result).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = answer  # noqa: N815 - the names that http.server calls

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


class Runner:
    """What GitHub's runner does with action.yml: the inputs, the environment, the last step.

    The checkout is that of actions/checkout: the merge commit of the pull request, and no more.
    """

    def __init__(self, repository: Path, github: GitHub) -> None:
        self.origin, self.github, self.api = repository, github, github.url
        self.workspace = repository.parent / "workspace"
        self.summary = repository.parent / "summary.md"
        self.event = repository.parent / "event.json"
        self.installed = repository.parent / "temporary" / "cnncalc"
        git("config", "uploadpack.allowAnySHA1InWant", "true", cwd=repository)

    def step(self, script: str, **options: Any) -> str:
        """Run a step's script, for which python3 is this Python."""
        python = self.origin.parent / "bin" / "python3"
        python.parent.mkdir(exist_ok=True)
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        python.chmod(0o755)
        return run(
            "bash", "-e", "-c", script, PATH=f"{python.parent}{os.pathsep}{os.environ['PATH']}",
            RUNNER_TEMP=str(self.installed.parent), GITHUB_ACTION_PATH=str(ROOT),
            GITHUB_ACTIONS="true", **options,
        )  # fmt: skip

    def checkout(self) -> None:
        base = git("rev-parse", "main", cwd=self.origin)
        git("checkout", "--quiet", "-B", "merge", "main", cwd=self.origin)
        git("merge", "--quiet", "--no-ff", "-m", "merge", "change", cwd=self.origin)
        shutil.rmtree(self.workspace, ignore_errors=True)
        url = self.origin.as_uri()
        git("clone", "-q", "--depth=1", "-b", "merge", url, "workspace", cwd=self.origin.parent)
        self.merge = git("rev-parse", "merge", cwd=self.origin)
        event = {"pull_request": {"number": 7, "base": {"sha": base}}}
        self.event.write_text(json.dumps(event), "utf-8")

    def run(self, code: int | None = 1, folder: str = ".", **inputs: str) -> str:
        assert set(inputs) <= set(ACTION["inputs"])
        given = {name: one.get("default", "") for name, one in ACTION["inputs"].items()}
        given |= {"token": "secret"} | inputs
        step = ACTION["runs"]["steps"][-1]
        environ = {
            name: given[re.fullmatch(r"\$\{\{ inputs\.([\w-]+) \}\}", value)[1]]  # type: ignore[index]
            for name, value in step["env"].items()
        }
        self.summary.write_text("")
        if not self.installed.exists():  # as the step before would have done
            self.installed.parent.mkdir()
            self.installed.symlink_to(ROOT)
        return self.step(
            step["run"], cwd=self.workspace / folder, code=code,
            GITHUB_WORKSPACE=str(self.workspace), GITHUB_REPOSITORY="someone/networks",
            GITHUB_SHA=self.merge,
            GITHUB_EVENT_PATH=str(self.event), GITHUB_API_URL=self.api,
            GITHUB_STEP_SUMMARY=str(self.summary), **environ,
        )  # fmt: skip
