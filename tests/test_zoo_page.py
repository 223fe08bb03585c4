"""docs/zoo.md is what the specs and docs/errata.yaml say."""

import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml

DOCS = Path(__file__).parent.parent / "docs"
ERRATA: list[dict[str, Any]] = yaml.safe_load((DOCS / "errata.yaml").read_text(encoding="utf-8"))


def test_the_page_is_what_the_zoo_says() -> None:
    page = runpy.run_path(str(DOCS / "make_zoo.py"))["page"]
    written = (DOCS / "zoo.md").read_text(encoding="utf-8")
    assert page() == written, "write it again with: python docs/make_zoo.py"


@pytest.mark.parametrize("entry", ERRATA, ids=lambda entry: f"{entry['network']}: {entry['where']}")
def test_an_erratum_says_who_printed_what_and_why(entry: dict[str, Any]) -> None:
    texts = {"network", "where", "printed", "because"}
    assert texts <= entry.keys() <= texts | {"count", "of", "exact", "set", "input"}
    assert ("count" in entry) != ("exact" in entry)
