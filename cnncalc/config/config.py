"""What a configuration says: budgets for specs by pattern, and settings of the rules."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..analysis.budget import Budget, read_budget
from ..diagnostics import Diagnostic, Findings, Span, did_you_mean
from ..diagnostics.located import Located
from ..lint import SettingError, Settings
from ..lint.settings import check_choice, check_option, check_severity, rules_of
from .glob import means, specs_below

KEYS = ("budget", "lint")
LINT_KEYS = ("select", "ignore", "severity", "options")


class SpecBudget(NamedTuple):
    """A budget, and the specs it is for: patterns, each with its place; none means all."""

    specs: tuple[tuple[str, Span | None], ...]
    budget: Budget

    def is_for(self, path: str) -> bool:
        return not self.specs or any(means(pattern, path) for pattern, _ in self.specs)


class Config(NamedTuple):
    """A configuration: its folder, to which patterns are relative, and what it says."""

    path: str
    folder: Path
    text: str
    findings: tuple[Diagnostic, ...]
    budgets: tuple[SpecBudget, ...] = ()
    lint: Settings = Settings()

    def budgets_of(self, spec: Path) -> Iterator[Budget]:
        """The budgets of a spec, an absolute path below the folder."""
        path = spec.relative_to(self.folder).as_posix()
        return (item.budget for item in self.budgets if item.is_for(path))

    def idle(self, checked: list[Path]) -> Iterator[tuple[str, Span | None]]:
        """The patterns that mean no spec: of those that were checked, nor of any on the disk."""
        paths = [spec.relative_to(self.folder).as_posix() for spec in checked]
        for item in self.budgets:
            for pattern, span in item.specs:
                if not any(means(pattern, path) for path in paths) and not any(
                    means(pattern, path) for path in specs_below(self.folder)
                ):
                    yield pattern, span


def read_config(
    path: str, folder: Path, text: str, tables: Mapping[str, Located], findings: Findings
) -> Config:
    """What the tables of a configuration say; findings for what means nothing."""
    reader = _Reader(findings)
    reader.unknown(tables, KEYS, "the configuration")
    budgets = tuple(reader.budgets(tables["budget"])) if "budget" in tables else ()
    settings = reader.lint(tables["lint"]) if "lint" in tables else Settings()
    return Config(path, folder, text, tuple(findings), budgets, settings)


class _Reader:
    def __init__(self, findings: Findings) -> None:
        self.findings = findings

    def budgets(self, written: Located) -> Iterator[SpecBudget]:
        tables = written.value if isinstance(written.value, list) else [written]
        for table in tables:
            content = self.table(table, "budget", "write [[budget]] and its limits below")
            specs = tuple(self.texts(content["specs"], "specs")) if "specs" in content else ()
            limits = {key: value for key, value in content.items() if key != "specs"}
            if "specs" in content and not specs:
                continue  # it has its finding
            yield SpecBudget(
                tuple((text, item.span) for text, item in specs),
                read_budget(limits, self.findings),
            )

    def lint(self, written: Located) -> Settings:
        content = self.table(written, "lint", 'for example: ignore = ["CNN501"]')
        self.unknown(content, LINT_KEYS, "lint")
        lists: dict[str, tuple[str, ...]] = {}
        for key, check in (("select", rules_of), ("ignore", check_choice)):
            items = self.texts(content[key], key) if key in content else ()
            lists[key] = tuple(text for text, item in items if self.holds(item, check, text))
        severity = {
            rule: item.plain()
            for rule, item in self.subtable(content, "severity").items()
            if self.holds(item, check_severity, rule, item.plain())
        }
        options: dict[str, dict[str, int]] = {}
        for rule, values in self.subtable(content, "options").items():
            for name, item in self.table(values, rule, "options of a rule").items():
                if self.holds(item, check_option, rule, name, item.plain()):
                    options.setdefault(rule, {})[name] = item.plain()
        return Settings(lists["select"], lists["ignore"], severity, options)

    def holds(self, item: Located, check: Any, *values: Any) -> bool:
        """Whether a setting means something; a finding if not."""
        try:
            check(*values)
        except SettingError as error:
            self.findings.report("bad-value", error.message, item.span, hint=error.hint)
            return False
        return True

    def subtable(self, content: Mapping[str, Located], key: str) -> Mapping[str, Located]:
        return self.table(content[key], key, f"[lint.{key}]") if key in content else {}

    def table(self, written: Located, what: str, hint: str) -> Mapping[str, Located]:
        if isinstance(written.value, dict):
            return written.value
        self.findings.report("structure", f"{what} is a table", written.place, hint=hint)
        return {}

    def texts(self, written: Located, what: str) -> Iterator[tuple[str, Located]]:
        """A text, or a list of texts."""
        for item in written.value if isinstance(written.value, list) else [written]:
            if isinstance(item.value, str) and item.value:
                yield item.value, item
            else:
                message = f"{what} is a text, or a list of texts"
                hint = 'for example: specs = "mobile/*.yaml"' if what == "specs" else ""
                self.findings.report("structure", message, item.place, hint=hint)

    def unknown(self, content: Mapping[str, Located], allowed: tuple[str, ...], what: str) -> None:
        for key, item in content.items():
            if key not in allowed:
                hint = did_you_mean(key, allowed)
                self.findings.report("unknown-key", f"{what} has no {key}", item.place, hint=hint)
