"""What the documentation shows is what cnncalc does.

The conventions, in README.md and docs/*.md:

* ```` ```yaml ```` or ```` ```yaml some.yaml ````: a complete spec, which loads. The named ones of
  a page lie in one folder, where its commands run.
* ```` ```yaml fragment ````: a part of a spec, which is not read.
* ```` ```yaml wrong CNN101 ````: a spec, or entries of one, with this finding; a name may follow.
* ```` ```console ````: after ``$ cnncalc …`` the output follows; a line of ``...`` stands for any
  lines. Commands that are not cnncalc's are not run.
* Tables whose head is "written | finding | write instead" hold entries and their finding.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from cnncalc.api import check_specs
from cnncalc.checking import Wanted
from cnncalc.spec import load

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
#: cli.md is generated, and has a test of its own.
CONSOLE_PAGES = [page for page in PAGES if page.name != "cli.md"]
SPEC_PAGES = [page for page in PAGES if page.name in ("README.md", "language.md")]

#: Around entries that are shown without their spec.
AROUND_ENTRIES = """\
name: around
input: [8, 32, 32]
parameters: {c: 64, n: 3, stride: 2, depths: [2, 2], a: 8, b: 16}
blocks:
  shift:
    parameters: {bias: 1}
    layers: [relu]
layers:
  - conv2d: {out_channels: 8, kernel_size: 3, padding: 1}
"""


class Fence(NamedTuple):
    """A fenced block: where it starts, its language, what follows that word, its text."""

    page: Path
    line: int
    language: str
    rest: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def fences(page: Path) -> Iterator[Fence]:
    found = re.finditer(
        r"^( *)```([^\s`]*) *([^\n`]*)\n(.*?)^\1```$", page.read_text("utf-8"), re.M | re.S
    )
    for block in found:
        line = block.string.count("\n", 0, block.start()) + 1
        indent = len(block[1])
        text = "".join(line[indent:] or "\n" for line in block[4].splitlines(keepends=True))
        yield Fence(page, line, block[2], block[3].strip(), text)


def specs(page: Path) -> list[Fence]:
    """The complete specs of a page."""
    shown = [fence for fence in fences(page) if fence.language == "yaml"]
    return [fence for fence in shown if not fence.rest or re.fullmatch(r"\S+\.yaml", fence.rest)]


def lay_out(page: Path, folder: Path) -> None:
    """Write the named specs of a page into a folder, the wrong ones too."""
    (folder / "architectures").symlink_to(ROOT / "architectures")
    for fence in fences(page):
        name = fence.rest.split(" ")[-1]
        if fence.language == "yaml" and name.endswith(".yaml"):
            (folder / name).write_text(fence.text, "utf-8")


def codes(path: Path, *ignored: str) -> list[str]:
    """The errors and warnings of a spec."""
    found = check_specs([str(path)], Wanted(ignore=ignored)).findings
    return [finding.rule.code for finding in found if finding.severity != "note"]


# ------------------------------------------------------------------------------------- specs

COMPLETE = [fence for page in SPEC_PAGES for fence in specs(page)]


@pytest.mark.parametrize("fence", COMPLETE, ids=str)
def test_a_spec_that_is_shown_loads(fence: Fence, tmp_path: Path) -> None:
    lay_out(fence.page, tmp_path)
    path = tmp_path / (fence.rest or "shown.yaml")
    path.write_text(fence.text, "utf-8")
    loaded = load(str(path))
    assert not loaded.findings.failed, [str(finding.message) for finding in loaded.findings]
    assert loaded.graph is not None or loaded.missing or loaded.library


WRONG = [
    fence
    for page in PAGES
    for fence in fences(page)
    if fence.language == "yaml" and fence.rest.startswith("wrong ")
]


@pytest.mark.parametrize("fence", WRONG, ids=str)
def test_a_mistake_that_is_shown_is_found(fence: Fence, tmp_path: Path) -> None:
    lay_out(fence.page, tmp_path)
    path = tmp_path / "wrong.yaml"
    path.write_text(in_a_spec(fence.text), "utf-8")
    assert fence.rest.split(" ")[1] in codes(path)


def in_a_spec(text: str) -> str:
    if not text.startswith("- "):
        return text
    return AROUND_ENTRIES + "".join(f"  {line}" for line in text.splitlines(keepends=True))


class Mistake(NamedTuple):
    """A row of a table of mistakes."""

    written: str
    code: str
    instead: list[str]


def mistakes(page: Path) -> list[Mistake]:
    rows, inside = [], False
    for line in page.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if cells[:3] == ["written", "finding", "write instead"]:
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and not set(line) <= set("|- "):
            written, code, instead = (cell.replace("\\|", "|") for cell in cells[:3])
            rows.append(Mistake(written.strip("`"), code, re.findall(r"`([^`]+)`", instead)))
    return rows


LANGUAGE = ROOT / "docs" / "language.md"
MISTAKES = mistakes(LANGUAGE)


def test_there_is_a_table_of_mistakes() -> None:
    assert len(MISTAKES) > 10


def findings_of_entry(text: str, folder: Path) -> list[str]:
    lines = text.split("⏎")
    indented = [f"  - {lines[0]}\n", *(f"    {line}\n" for line in lines[1:])]
    path = folder / "entry.yaml"
    path.write_text(AROUND_ENTRIES + "".join(indented), "utf-8")
    return codes(path, "CNN51")  # no entry needs all that is around it


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.written)
def test_a_mistake_of_the_table_has_its_finding(mistake: Mistake, tmp_path: Path) -> None:
    assert findings_of_entry(mistake.written, tmp_path) == [mistake.code]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.written)
def test_what_to_write_instead_is_right(mistake: Mistake, tmp_path: Path) -> None:
    assert mistake.instead
    for text in mistake.instead:
        assert findings_of_entry(text, tmp_path) == []


# ---------------------------------------------------------------------------------- commands


class Command(NamedTuple):
    """A command of a console block and the lines shown below it."""

    page: Path
    line: int
    words: tuple[str, ...]
    output: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line} {' '.join(self.words[1:])}"


def commands(page: Path) -> Iterator[Command]:
    for fence in fences(page):
        if fence.language != "console":
            continue
        lines = fence.text.splitlines()
        starts = [at for at, line in enumerate(lines) if line.startswith("$ ")]
        for at, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            words = tuple(shlex.split(lines[at][2:], comments=True))
            if words[:1] == ("cnncalc",) and not {"|", ">"} & set(words):
                output = tuple(line.rstrip() for line in lines[at + 1 : end])
                yield Command(page, fence.line + 1 + at, words, output)


COMMANDS = [command for page in CONSOLE_PAGES for command in commands(page)]


def run(command: Command, folder: Path) -> str:
    lay_out(command.page, folder)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80", "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "cnncalc", *command.words[1:]],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL, timeout=60, check=False, encoding="utf-8",
    )  # fmt: skip
    return done.stdout.replace(f"{ROOT}{os.sep}", "")


def is_like(shown: list[str], printed: list[str]) -> bool:
    """Whether lines are the lines shown, where ``...`` stands for any number of lines."""
    pattern = "".join(
        r"(?:[^\n]*\n)*" if line.strip() == "..." else re.escape(line) + "\n" for line in shown
    )
    return re.fullmatch(pattern, "".join(line + "\n" for line in printed)) is not None


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_a_command_prints_what_is_shown(command: Command, tmp_path: Path) -> None:
    printed = [line.rstrip() for line in run(command, tmp_path).splitlines()]
    shown = list(command.output)
    while shown and not shown[-1]:
        shown.pop()
    while printed and not printed[-1]:
        printed.pop()
    if not is_like(shown, printed):
        assert printed == shown  # a readable difference


# ------------------------------------------------------------------------------------- links


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.M | re.S)
    headings = re.findall(r"^#+ +(.+?) *$", text, re.M)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def links(page: Path) -> list[str]:
    text = re.sub(r"^```.*?^```$|`[^`\n]*`", "", page.read_text("utf-8"), flags=re.M | re.S)
    return re.findall(r"\]\(([^)\s]+)\)", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in links(page):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (
            anchor and target.suffix == ".md" and anchor not in anchors(target)
        ):
            broken.append(link)
    assert not broken


# ------------------------------------------------------------------------------- architecture

ARCHITECTURE = ROOT / "docs" / "architecture.md"


def test_the_files_that_the_architecture_names_are_there() -> None:
    text = re.sub(r"^```.*?^```$", "", ARCHITECTURE.read_text("utf-8"), flags=re.M | re.S)
    named = set(
        re.findall(r"`((?:analysis|cli|diagnostics|engine|layers|lint|report|spec)/\w+\.py)`", text)
    )
    for folder in ("spec", "analysis", "lint"):  # each of their files has its row
        table = text.partition(f"Inside `{folder}/`")[2].partition("Inside ")[0].partition("## ")[0]
        rows = {f"{folder}/{name}" for name in re.findall(r"`(\w+\.py)`", table)}
        there = {f"{folder}/{p.name}" for p in (ROOT / "cnncalc" / folder).glob("[a-z]*.py")}
        assert there - rows - named == set()
        named |= rows
    assert len(named) > 50
    assert not {name for name in named if not (ROOT / "cnncalc" / name).is_file()}


def test_the_example_of_a_layer_kind_works(tmp_path: Path) -> None:
    """The class that docs/architecture.md shows is registered, read, counted and run."""
    (example,) = [
        f for f in fences(ARCHITECTURE) if (f.language, f.rest) == ("python", "thresholded_relu.py")
    ]
    (usage,) = [f for f in fences(ARCHITECTURE) if (f.language, f.rest) == ("python", "use.py")]
    (tmp_path / "thresholded_relu.py").write_text(example.text, "utf-8")
    (tmp_path / "use.py").write_text(usage.text, "utf-8")
    done = subprocess.run(
        [sys.executable, "use.py"], cwd=tmp_path, capture_output=True, timeout=60, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
