"""The library: what ``import cnncalc`` offers, and what the commands call."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from .analysis.contracts import check_contracts
from .analysis.notes import notes
from .analysis.summarize import summarize as analyse
from .analysis.summary import Dtype, Optimizer, Summary
from .diagnostics import Findings
from .spec import Loaded, spec_files
from .spec import load as load_spec


class SpecError(ValueError):
    """A spec with errors, or one that cannot be read; ``findings`` has them all, and the text of
    the exception is what ``cnncalc check`` would print."""

    def __init__(self, loaded: Loaded) -> None:
        from .diagnostics.text import render

        super().__init__(render(loaded.findings, loaded.sources).rstrip("\n"))
        self.findings = loaded.findings
        self.sources = loaded.sources


class Network(Summary, frozen=True):
    """A `Summary` that shows itself: as a table in notebooks and with ``print``."""

    def __str__(self) -> str:
        from .report import render

        return render(self, "plain")

    def _repr_html_(self) -> str:
        from .report import render

        return render(self, "html")


class Checked(NamedTuple):
    """The outcome of `check`: all findings, the text of every file read, the specs checked."""

    findings: Findings
    sources: dict[str, str]
    specs: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether there are no errors."""
        return not self.findings.failed


def load(
    spec: str, *, values: Mapping[str, str] | None = None, shape: tuple[int, ...] | None = None
) -> Loaded:
    """Load a spec that must be whole: a path, ``-`` or a built-in name. Raises SpecError.

    ``values`` sets parameters, each as it would be written in a spec: ``{"classes": "10"}``.
    ``shape`` replaces the input's: ``(channels, height, width)``.
    """
    loaded = load_spec(spec, values=values, shape=shape)
    report_unusable(loaded)
    if loaded.findings.failed:
        raise SpecError(loaded)
    return loaded


def report_unusable(loaded: Loaded) -> None:
    """Add the finding for a file that is right, but is no network: a library or a template."""
    if loaded.library:
        message = f"{loaded.name} is a library of blocks, not a network: include it in a spec"
        loaded.findings.report("structure", message)
    elif loaded.missing:
        names = ", ".join(loaded.missing)
        message = f"{loaded.name} is a template: no value for {names}"
        hint = f"--set {loaded.missing[0]}=…, or a spec that extends it"
        loaded.findings.report("unset-parameter", message, hint=hint)


def summarize(
    spec: str,
    *,
    values: Mapping[str, str] | None = None,
    shape: tuple[int, ...] | None = None,
    batch: int = 1,
    dtype: Dtype = "float32",
    optimizer: Optimizer = "sgd",
    memory_budget: int | None = None,
) -> Network:
    """Every number of a network: ``summarize("vgg16").totals.macs``. Raises SpecError.

    Counts are for one image; bytes in ``totals.memory`` are for the batch. ``memory_budget`` is
    in bytes. For ``spec``, ``values`` and ``shape`` see `load`.
    """
    loaded = load(spec, values=values, shape=shape)
    return summary_of(
        loaded, batch=batch, dtype=dtype, optimizer=optimizer, memory_budget=memory_budget
    )


def summary_of(
    loaded: Loaded,
    *,
    batch: int = 1,
    dtype: Dtype = "float32",
    optimizer: Optimizer = "sgd",
    memory_budget: int | None = None,
) -> Network:
    """The summary of a spec that is loaded and has a graph."""
    assert loaded.graph is not None
    summary = analyse(
        loaded.graph,
        source=loaded.citation,
        batch=batch,
        dtype=dtype,
        optimizer=optimizer,
        memory_budget=memory_budget,
    )
    return Network(**msgspec.structs.asdict(summary))


def check(*paths: str, values: Mapping[str, str] | None = None) -> Checked:
    """Every finding of specs, files and folders of them: errors, warnings, notes, contracts.

    A template or a library is checked for what can be known of it. Never raises for what is in
    a file.
    """
    return check_specs(spec_files(paths), values)


def check_specs(specs: Iterable[str], values: Mapping[str, str] | None = None) -> Checked:
    """`check` for specs that are named one by one."""
    findings, sources, checked = Findings(), dict[str, str](), list[str]()
    for spec in specs:
        loaded = load_spec(spec, values=values)
        if loaded.graph is not None:
            notes(loaded.graph, loaded.findings)
            check_contracts(loaded.expect, analyse(loaded.graph), loaded.findings)
        findings.extend(finding for finding in loaded.findings if finding not in findings)
        sources |= loaded.sources
        checked.append(spec)
    return Checked(findings, sources, tuple(checked))
