"""docs/cli.md is what the commands print."""

import runpy
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"


def test_the_page_is_what_the_commands_print() -> None:
    page = runpy.run_path(str(DOCS / "make_cli.py"))["page"]
    written = (DOCS / "cli.md").read_text(encoding="utf-8")
    assert page() == written, "write it again with: python docs/make_cli.py"
