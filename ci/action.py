"""What action.yml runs: check specs, and say what a pull request changes in their networks.

Findings become annotations. The difference of each changed network, as ``cnncalc diff`` has it,
goes to the summary of the job and into one comment on the pull request, which later runs update.
Only findings fail the step: without the right to comment, or without the commit before the
change, it says so and goes on.

It reads the inputs of action.yml, as CNNCALC_PATHS and so on, and the variables that GitHub sets:
https://docs.github.com/en/actions/reference/workflows-and-actions/variables
"""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from html import escape
from pathlib import PurePath
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from cnncalc.analysis.difference import Side, difference
from cnncalc.api import summary_of
from cnncalc.diagnostics.checkout import Checkout
from cnncalc.report.difference import UNICODE, headline, render
from cnncalc.spec import Loaded, load, spec_files
from cnncalc.units import thousands

#: Bytes that GitHub takes: of a comment, and of a step's summary (less a reserve).
COMMENT_LIMIT, SUMMARY_LIMIT = 60_000, 1_000_000
SECONDS = 30


class Unavailable(Exception):
    """Something that is not there in this run, and whose want fails nothing."""


class Change(NamedTuple):
    """A network that a pull request adds, removes or changes: a line of text, and tables."""

    spec: str
    line: str
    tables: str = ""


def main() -> int:
    paths = shlex.split(os.environ["CNNCALC_PATHS"])
    code = check(paths)
    if os.environ.get("CNNCALC_COMMENT") != "true":
        return code
    try:
        with open(os.environ["GITHUB_EVENT_PATH"], encoding="utf-8") as file:
            event = json.load(file)
        if "pull_request" in event:
            compare(paths, event)
    except Unavailable as missing:
        print(f"::notice title=cnncalc::{missing}")
    return code


def check(paths: list[str]) -> int:
    """Check the specs, as annotations and as the SARIF file, if one is wanted."""
    command = [sys.executable, "-P", "-m", "cnncalc", "check", *paths]
    command += shlex.split(os.environ.get("CNNCALC_ARGS", ""))
    if sarif := os.environ.get("CNNCALC_SARIF"):
        command += ["--format", "sarif", "--output", sarif]
    return subprocess.run(command, check=False).returncode


def compare(paths: list[str], event: dict[str, Any]) -> None:
    """Write the differences to the job's summary, and comment them. Raises Unavailable."""
    base = base_commit(event)
    changes = list(changed_networks(paths, base))
    if changes and (summary := os.environ.get("GITHUB_STEP_SUMMARY")):
        with open(summary, "a", encoding="utf-8") as file:
            file.write(text(changes, SUMMARY_LIMIT))
    comment(event["pull_request"]["number"], changes)


# ---------------------------------------------------------------------------------- the change


def base_commit(event: dict[str, Any]) -> str:
    """The commit that a pull request starts from, fetched if it is not there. Raises Unavailable.

    What GitHub checks out by default is the merge, and its first parent is that commit. A shallow
    clone hides parents, but not from ``cat-file``.
    """
    header = git("cat-file", "commit", "HEAD").partition("\n\n")[0]
    parents = [line[7:] for line in header.splitlines() if line.startswith("parent ")]
    is_merge = git("rev-parse", "HEAD").strip() == os.environ.get("GITHUB_SHA")
    base: str = event["pull_request"]["base"]["sha"]
    if is_merge and len(parents) == 2:
        base = parents[0]
    try:
        git("cat-file", "-e", f"{base}^{{commit}}")
    except Unavailable:
        git("fetch", "--quiet", "--no-tags", "--depth=1", "origin", base)
    try:
        return git("merge-base", base, "HEAD").strip()
    except Unavailable:  # nothing in common, in a shallow clone
        return base


def changed_networks(paths: list[str], base: str) -> Iterator[Change]:
    """The networks that differ from those of a commit, and those that came or went."""
    here = Checkout.around(os.getcwd(), os.environ)
    listed = git("diff", "--name-only", "--no-renames", "-z", base, "HEAD", "--", here.top)
    changed = set(filter(None, listed.split("\0")))
    for spec in spec_files(paths):
        loaded = load(spec)
        if changed & {here.path(source) for source in loaded.sources}:
            yield from change_of(spec, loaded, base)
    for name in sorted(changed):
        gone = PurePath(os.path.relpath(os.path.join(here.top, name), here.folder))
        checked = gone.suffix in (".yaml", ".yml") and any(map(gone.is_relative_to, paths))
        if checked and not os.path.exists(gone):
            yield Change(str(gone), "removed")


def change_of(spec: str, loaded: Loaded, base: str) -> Iterator[Change]:
    """The change of a spec whose files changed: none if its network is the same."""
    if loaded.findings.failed:
        yield Change(spec, "has errors")
    if loaded.graph is None:  # a template or a library: those that use it are shown
        return
    after = Side(spec, loaded.graph, summary_of(loaded))
    former = load(f"{spec}@{base}")
    if former.graph is None:
        totals = after.summary.totals
        numbers = f"{thousands(totals.params)} params, {thousands(totals.macs)} MACs"
        was = "had errors before" if former.findings.failed and former.sources else "new"
        yield Change(spec, f"{was}; {numbers}")
        return
    found = difference(Side(f"{spec}@{base[:7]}", former.graph, summary_of(former)), after)
    if found.differs:
        yield Change(spec, headline(found, UNICODE), render(found, "markdown"))


def git(*words: str) -> str:
    """What git prints. Raises Unavailable."""
    try:
        ended = subprocess.run(
            ["git", *words], capture_output=True, check=True, timeout=10 * SECONDS
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or str(error).encode()
        reason = " ".join(os.fsdecode(said).split()).replace("%", "%25")
        raise Unavailable(f"no comparison with the commit before: {reason}") from None
    return os.fsdecode(ended.stdout)


# ---------------------------------------------------------------------------------- the comment


def mark() -> str:
    """How the comment is found again: other jobs, on other paths, have comments of their own."""
    folder = os.path.relpath(os.getcwd(), os.environ.get("GITHUB_WORKSPACE", os.getcwd()))
    paths = sha256(f"{folder} {os.environ['CNNCALC_PATHS']}".encode()).hexdigest()
    return f"<!-- cnncalc {paths[:12]} -->"


def text(changes: list[Change], limit: int) -> str:
    """The Markdown of a comment, in fewer bytes than the limit: tables while they fit."""
    count = len(changes)
    if not count:
        return f"{mark()}\nNo network differs any more.\n"
    parts = [f"{mark()}\n### cnncalc: {count:,} network{'s' * (count != 1)} changed\n\n"]
    left = limit - sum(len(escape(change.spec)) + len(change.line) + 200 for change in changes)
    short = 0
    for change in changes:
        line = f"<code>{escape(change.spec)}</code>: {escape(change.line)}"
        size = len(change.tables.encode("utf-8", "replace"))
        if change.tables and size < left:
            left -= size
            parts.append(f"<details><summary>{line}</summary>\n\n{change.tables}\n</details>\n\n")
        else:
            short += bool(change.tables)
            parts.append(f"{line}\n\n")
    if short:
        parts.append(f"There is no room here for the tables of {short:,}: run `cnncalc diff`.\n")
    return "".join(parts).encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")


def comment(number: int, changes: list[Change]) -> None:
    """Write the comment, or write it anew. Raises Unavailable."""
    issue = f"/repos/{os.environ['GITHUB_REPOSITORY']}/issues"
    try:
        mine = next(comments(f"{issue}/{number}/comments"), None)
        body = {"body": text(changes, COMMENT_LIMIT)}
        if mine is not None:
            request("PATCH", f"{issue}/comments/{mine['id']}", body)
        elif changes:
            request("POST", f"{issue}/{number}/comments", body)
    except HTTPError as error:
        raise Unavailable(
            f"no comment: GitHub answers {error.code} {error.reason}. The job needs `permissions: "
            "pull-requests: write`, which pull requests of forks never have. The difference is in "
            "the summary of the job."
        ) from None
    except (URLError, TimeoutError) as error:
        raise Unavailable(f"no comment: {error}") from None


def comments(path: str) -> Iterator[dict[str, Any]]:
    """The comments that this script wrote. Anybody may write the mark; only a bot is believed."""
    page = 1
    while found := request("GET", f"{path}?per_page=100&page={page}"):
        yield from (
            one for one in found
            if one["body"].startswith(mark()) and one["user"]["type"] == "Bot"
        )  # fmt: skip
        page += 1


def request(method: str, path: str, body: dict[str, str] | None = None) -> Any:
    """What GitHub's API answers. Raises URLError."""
    url = os.environ.get("GITHUB_API_URL", "https://api.github.com") + path
    headers = {
        "Authorization": f"Bearer {os.environ.get('CNNCALC_TOKEN', '')}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url, data, headers, method=method), timeout=SECONDS) as answer:
        return json.load(answer)


if __name__ == "__main__":
    sys.exit(main())
