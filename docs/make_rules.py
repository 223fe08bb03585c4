"""Write docs/rules.md: every finding, from the table of rules.

``python docs/make_rules.py`` writes it again; a test fails while it is not what this prints.
"""

from pathlib import Path

from cnncalc.report.rule_page import page

PAGE = Path(__file__).parent / "rules.md"

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
