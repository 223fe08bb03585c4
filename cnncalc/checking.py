"""From specs to findings: load, notes, lint, contracts, budgets, baseline, suppressions."""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .analysis.budget import Budget, GrowthLimit, read_budget
from .analysis.contracts import Subject, check_budget
from .analysis.limit import Allowance
from .analysis.measured import Measured
from .analysis.notes import notes
from .analysis.receptive_field import sights
from .analysis.summarize import summarize
from .config import Configs
from .diagnostics import Diagnostic, Findings, Span, TooManyErrors
from .lint import Settings, lint, suppressed
from .metrics import GROWING
from .spec import Loaded, load
from .spec.load import MAX_ERRORS
from .spec.text_file import straying

if TYPE_CHECKING:
    from .config.config import Config

#: With a baseline and no ``max-growth`` anywhere, nothing may grow.
NO_GROWTH = tuple(GrowthLimit(metric, Allowance(0, 0, "0")) for metric in GROWING)


class Wanted(NamedTuple):
    """What is asked for beside what specs and configurations say.

    ``values`` sets parameters, as a spec would write them; ``baseline`` is a git revision;
    ``select`` and ``ignore`` are rules, the first instead of and the second beside those of the
    configuration.
    """

    values: Mapping[str, str] = {}
    budget: Budget = Budget()
    baseline: str | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    #: Texts in the place of those of files, by path as shown: of files that are not written yet.
    texts: Mapping[str, str] = {}


NOTHING = Wanted()


class Report(NamedTuple):
    """What was found in one spec; ``no_baseline`` says why it was compared with nothing."""

    spec: str
    findings: list[Diagnostic]
    sources: dict[str, str]
    no_baseline: str = ""


class Outcome(NamedTuple):
    """All findings, the texts of the files, and the specs that had no baseline, with why."""

    findings: Findings
    sources: dict[str, str]
    no_baseline: dict[str, str]


def check_all(specs: Sequence[str], wanted: Wanted, jobs: int = 1) -> Outcome:
    """Everything there is to say of the specs; in the same order with any number of jobs."""
    reports: Iterable[Report]
    if jobs > 1 and "-" not in specs:
        from .jobs import spread

        reports = spread(partial(_reports, wanted), specs, jobs)
    else:
        reports = _reports(wanted, specs)
    found: dict[Diagnostic, None] = {}
    sources, no_baseline = dict[str, str](), dict[str, str]()
    for report in reports:
        found |= dict.fromkeys(report.findings)
        sources |= report.sources
        if report.no_baseline:
            no_baseline[report.spec] = report.no_baseline
    for finding in idle_budgets(specs):
        found[finding] = None
    return Outcome(Findings(found), sources, no_baseline)


def _reports(wanted: Wanted, specs: Sequence[str]) -> list[Report]:
    checker = Checker(wanted)
    return [checker.check(spec) for spec in specs]


def idle_budgets(specs: Iterable[str]) -> Findings:
    """Budgets for specs of which there are none: a pattern with a mistake guards nothing."""
    configs, findings = Configs(), Findings()
    checked: dict[int, tuple[Config, list[Path]]] = {}
    for spec in specs:
        config = configs.of(folder_of(spec))
        if config is not None and config.budgets:
            paths = checked.setdefault(id(config), (config, []))[1]
            paths += [Path(os.path.abspath(spec))] if os.path.isfile(spec) else []
    for config, paths in checked.values():
        for pattern, span in config.idle(paths) if paths else ():
            message = f"no spec is called {pattern}: this limits nothing"
            hint = f"patterns are relative to the folder of {config.path}"
            findings.report("budget-nothing", message, span, hint=hint)
    return findings


def folder_of(spec: str) -> str:
    """Where the configuration of a spec is looked for: the working folder for standard input and
    built-in architectures."""
    return os.path.dirname(os.path.abspath(spec)) if os.path.isfile(spec) else os.getcwd()


class Checker:
    """Checks specs one by one; what they share is looked up once."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.configs = Configs()
        self.baseline = None
        if wanted.baseline is not None:
            from .spec.baseline import Baseline

            self.baseline = Baseline(wanted.baseline)

    def check(self, spec: str) -> Report:
        """Everything there is to say of a spec, and of its configuration."""
        if strays := straying(spec):
            return Report(spec, strays, {})
        loaded = load(spec, values=self.wanted.values, texts=self.wanted.texts)
        config = self.configs.of(folder_of(spec))
        settings = self.settings(config)
        more = Findings(limit=MAX_ERRORS)
        no_baseline = ""
        if loaded.graph is not None:
            seen = sights(loaded.graph)
            notes(loaded.graph, loaded.findings, seen)
            with suppress(TooManyErrors):
                growth = self.limits(spec, loaded, Measured(loaded.graph, seen), config, more)
                no_baseline = self.growth(spec, loaded, growth, more)
        found = [*loaded.findings, *lint(loaded, settings), *more]
        # With other parameters, what a comment is for may not be there.
        known = loaded.graph is not None and not self.wanted.values
        whole = [path_of(loaded)] if known else []
        kept = suppressed(found, loaded.sources, settings, whole=whole)
        sources = loaded.sources
        if config is not None:
            sources = sources | {config.path: config.text}
        return Report(spec, [*(config.findings if config else ()), *kept], sources, no_baseline)

    def settings(self, config: "Config | None") -> Settings:
        settings = config.lint if config else Settings()
        return settings._replace(
            select=self.wanted.select or settings.select,
            ignore=settings.ignore + self.wanted.ignore,
        )

    def limits(
        self, spec: str, loaded: Loaded, measured: Measured, config: "Config | None",
        findings: Findings,
    ) -> list[tuple[GrowthLimit, Subject]]:  # fmt: skip
        """Hold a network against all its limits; those of its growth are returned."""
        own = read_budget(loaded.expect, findings)
        named, start = path_of(loaded), start_of(loaded)
        budgets = [(own, Subject("", start)), (self.wanted.budget, Subject("", start))]
        if config is not None and os.path.isfile(spec):
            here = Path(os.path.abspath(spec))
            budgets += [(budget, Subject(named, start)) for budget in config.budgets_of(here)]
        for budget, subject in budgets:
            check_budget(budget, measured, findings, subject)
        return [(limit, subject) for budget, subject in budgets for limit in budget.growth]

    def growth(
        self, spec: str, loaded: Loaded, limits: list[tuple[GrowthLimit, Subject]],
        findings: Findings,
    ) -> str:  # fmt: skip
        """Hold a network against its baseline; why not, if there is none."""
        if self.baseline is None:
            return ""
        from .spec.baseline import NoBaseline
        from .spec.revision import RevisionError

        try:
            before = self.baseline.before(spec, loaded, self.wanted.values)
        except NoBaseline as none:
            return str(none)
        except RevisionError as error:
            findings.report("cannot-read", error.message, hint=error.hint)
            return ""
        if before.loaded is None or before.loaded.graph is None:
            return ""
        from .analysis.difference import Side
        from .analysis.growth import check_growth

        assert loaded.graph is not None
        old = Side(before.name, before.loaded.graph, summarize(before.loaded.graph))
        new = Side(spec, loaded.graph, summarize(loaded.graph))
        subject = Subject("", start_of(loaded))
        check_growth(limits or [(limit, subject) for limit in NO_GROWTH], old, new, findings)
        return ""


def path_of(loaded: Loaded) -> str:
    """The path of a spec as it is shown."""
    return loaded.file.tree.document.path if loaded.file and loaded.file.tree else loaded.name


def start_of(loaded: Loaded) -> Span | None:
    """The first key of a spec: the place of findings about the whole of it."""
    tree = loaded.file.tree if loaded.file else None
    return tree.pairs[0][0].span if tree and tree.pairs else None
