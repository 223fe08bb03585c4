"""Starting fast: what each command imports, beyond click, PyYAML and msgspec, is a list.

A module that is not in a list here costs every user its milliseconds at every start. Add one
only if the command cannot do without.
"""

import subprocess
import sys

import pytest

#: What every command has beside its own code: the core needs expressions, paths, text widths.
CORE = {
    "ast", "cnncalc", "fnmatch", "gc", "ipaddress", "locale", "ntpath", "pathlib", "signal",
    "unicodedata", "urllib",
}  # fmt: skip
#: What shutil.get_terminal_size brings with it.
WIDTH = {"shutil", "zlib", "bz2", "lzma"}

COMMANDS = [
    (["summarize", "vgg16"], set()),
    (["summarize", "vgg16", "--formulas"], set()),
    (["summarize", "vgg16", "--format", "json"], set()),
    (["summarize", "vgg16", "--format", "csv"], {"csv"}),
    (["summarize", "vgg16", "--get", "totals.macs"], {"json"}),
    (["summarize", "--help"], WIDTH),
    (["explain", "vgg16", "conv1_1"], WIDTH | {"json"}),
    (["explain", "conv2d"], WIDTH),
    (["explain", "CNN203"], WIDTH),
    (["explain"], WIDTH),
    (["check", "vgg16"], {"bisect"}),
    (["expand", "vgg16"], {"json"}),
    (["schema"], WIDTH | {"json"}),
    (["list", "lenet"], set()),
    (["sizes", "lenet5"], set()),
    (["diff", "vgg16", "vgg19"], {"bisect"}),
    (["summarize", "vgg16", "--convention", "thop"], WIDTH),
    (["bench", "--help"], WIDTH),
    (["--help"], WIDTH),
]

REPORT = """
import atexit, sys
import click.shell_completion, msgspec.json, yaml
before = {{name.partition(".")[0] for name in sys.modules}}
atexit.register(lambda: print(
    *sorted({{name.partition(".")[0] for name in sys.modules}} - before), file=sys.stderr))
from cnncalc.cli import main
main({args!r})
"""


def imported(code: str) -> set[str]:
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(ended.stderr.split())


@pytest.mark.parametrize(("args", "more"), COMMANDS, ids=[" ".join(args) for args, _ in COMMANDS])
def test_a_command_imports_what_it_needs(args: list[str], more: set[str]) -> None:
    found = {name for name in imported(REPORT.format(args=args)) if not name.startswith("_")}
    assert found - CORE - more == set()
    assert found >= {"cnncalc"}


def test_a_table_for_a_terminal_may_import_rich() -> None:
    assert "rich" in imported(REPORT.format(args=["summarize", "vgg16", "--format", "table"]))


@pytest.mark.parametrize(
    "module", ["numpy", "rich", "dataclasses", "importlib.metadata", "logging", "subprocess"]
)
def test_the_table_in_a_pipe_is_free_of(module: str) -> None:
    code = (
        "import atexit, sys\n"
        f"atexit.register(lambda: print({module!r} in sys.modules, file=sys.stderr))\n"
        "from cnncalc.cli import main\nmain(['summarize', 'vgg16'])"
    )
    assert imported(code) == {"False"}


def test_importing_the_library_imports_nothing_of_it() -> None:
    code = (
        "import sys, typing\nbefore = set(sys.modules)\nimport cnncalc\n"
        "print(*(set(sys.modules) - before), file=sys.stderr)"
    )
    assert imported(code) == {"cnncalc"}
