"""What the fuzzer starts from: the words of the language, and specs that people wrote."""

import re
from collections.abc import Iterator
from pathlib import Path

from fuzz.promises import FORMATS, Input

from cnncalc.diagnostics import RULES
from cnncalc.layers import find, kinds, options
from cnncalc.metrics import METRICS, SYNONYMS
from cnncalc.spec import words
from cnncalc.spec.files import builtin_names, zoo

TESTS = Path(__file__).parent.parent
ROOT = TESTS.parent

#: What the words do not have: signs of YAML and TOML, numbers, and the comments to cnncalc.
SIGNS = (
    "\n  - ", "\n    ", ": ", ", ", "{", "}", "[", "]", "- - ", "? ", "&a ", "*a", "<<: ", "!!int ",
    "|\n", ">-\n", "'", '"', "\\x1b", "\\u2028", "\t", "\x85", "\u2028", "\ufeff", "\x1b[31m",
    "\r\n", "---\n", "...\n", "%YAML 1.1\n", "~", "null", "true", "false", "0", "1", "-1", "2.5",
    "1e400", "2**40", "10**9", "9**9**9", "1 // 0", "(index)", "{name}", "(", ")", " if ", " else ",
    "==", "//", "# cnncalc: ignore ", "# cnncalc: ignore-file ", "<= 5M", ">= 224", "2%", "1 MiB",
    "(batch=32)", "extends: ../", "include: beside", "/etc/passwd", "[[budget]]\n", "[lint]\n",
    "[lint.severity]\n", "[lint.options]\n", "select = ", "specs = ", "\"**/*.yaml\"", " = ",
    "\x1e",
    "__import__('os').system('true')", "channels.__class__", "::error::", "##[error]", "]]>", "](",
    "name: t\ninput: [3, 8, 8]\nlayers:\n  - relu\n", "expect: {params: ", "times: 3", "over: {",
    "columns: [", "layers: [", "training: true", "from: previous", "from: [a, b]",
)  # fmt: skip


def dictionary() -> Iterator[str]:
    """The words of specs and configurations, as libFuzzer wants them: quoted, a line for each."""
    found = {*SIGNS, *kinds(), *words.RESERVED, *words.SPEC_KEYS, *words.MODIFIERS, *words.CHOICES}
    found |= {*words.FUNCTIONS, *words.BLOCK_KEYS, *METRICS, *SYNONYMS, *RULES}
    found |= {rule.code for rule in RULES.values()}
    found |= {name for kind in kinds() if (layer := find(kind)) for name in options(layer)}
    found |= set(builtin_names()[::10])
    for word in sorted(found):
        data = word.encode()[:120]
        yield '"' + "".join(f"\\x{byte:02x}" for byte in data) + '"'


def specs(zoo_too: bool) -> Iterator[bytes]:
    """The specs of the tests and of the documentation, and of the zoo, whose networks are large."""
    folders = [TESTS / "findings", TESTS / "ci_repository" / "models"]
    for folder in [*folders, zoo()] if zoo_too else folders:
        for path in sorted(folder.glob("*.yaml")):
            yield path.read_bytes()
    for page in sorted((ROOT / "docs").glob("*.md")):
        for fence in re.finditer(r"```yaml[^\n]*\n(.*?)```", page.read_text("utf-8"), re.S):
            yield fence[1].encode()


def configurations() -> list[bytes]:
    page = (ROOT / "docs" / "budgets.md").read_text("utf-8")
    shown = [fence[1].encode() for fence in re.finditer(r"```toml[^\n]*\n(.*?)```", page, re.S)]
    return [(TESTS / "ci_repository" / "cnncalc.toml").read_bytes(), *shown]


def seeds(most: int) -> Iterator[bytes]:
    """Inputs of about so many bytes at the most; of longer specs their beginning."""
    settings = configurations()
    for number, spec in enumerate(specs(zoo_too=most >= 1_000)):
        config = settings[number // 3 % len(settings)] if number % 3 == 0 else b""
        beside = b"name: beside\nblocks: {b: [relu]}\n" if b"include" in spec else b""
        given = Input(
            spec[:most], beside, config[:most], FORMATS[number % len(FORMATS)],
            fix=number % 4 == 0, all_rules=number % 2 == 0, on_disk=number % 5 == 0,
        )  # fmt: skip
        yield given.write()
