"""The library: what ``import cnncalc`` offers, and what the commands call."""

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike, fspath
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from .analysis.summarize import summarize as analyse
from .analysis.summary import Dtype, Optimizer, Summary
from .diagnostics import Diagnostic, Findings
from .layers.options import show
from .spec import Loaded, spec_files
from .spec import load as load_spec

if TYPE_CHECKING:
    from .analysis.measurements import Bench
    from .checking import Wanted
    from .engine.backends import Engine
    from .engine.plan import Algorithm

__all__ = ["Checked", "Loaded", "Network", "SpecError", "bench", "check", "load", "summarize"]

#: A path to a spec, ``-`` for standard input, or the name of a built-in architecture.
Spec = str | PathLike[str]
#: A parameter's value: text is an expression, as a spec would have it after the colon.
Setting = str | int | float | bool | Sequence["Setting"]
#: The shape of the only input, channels first and without the batch; or shapes by input.
Shape = tuple[int, ...] | Mapping[str, tuple[int, ...]]


class SpecError(ValueError):
    """A spec with errors, or one that cannot be read; ``findings`` has them all, and the text of
    the exception is what ``cnncalc check`` would print."""

    def __init__(self, loaded: Loaded) -> None:
        super().__init__(shown(loaded.findings, loaded.sources))
        self.findings = loaded.findings
        self.sources = loaded.sources


class Network(Summary, frozen=True):
    """A `Summary` that shows itself: as a table in notebooks and with ``print``."""

    def __str__(self) -> str:
        from .report import render

        return render(self, "plain").rstrip("\n")

    def __repr__(self) -> str:
        totals = self.totals
        return f"<{self.name}: {totals.params:,} params, {totals.macs:,} MACs>"

    def _repr_html_(self) -> str:
        from .report import render

        return render(self, "html")


class Checked(NamedTuple):
    """The outcome of `check`: all findings, the text of every file read, the specs checked.

    ``print`` shows it as ``cnncalc check`` does.
    """

    findings: Findings
    sources: dict[str, str]
    specs: tuple[str, ...]
    #: With a baseline, the specs that had none, and why.
    no_baseline: Mapping[str, str] = {}

    @property
    def ok(self) -> bool:
        """Whether there are no errors."""
        return not self.findings.failed

    def __str__(self) -> str:
        return shown(self.findings, self.sources)


def shown(findings: Iterable[Diagnostic], sources: Mapping[str, str]) -> str:
    from .diagnostics.text import render

    return render(findings, sources).rstrip("\n")


def load(
    spec: Spec, *, values: Mapping[str, Setting] | None = None, shape: Shape | None = None
) -> Loaded:
    """The graph of a spec and what it says of itself. Raises SpecError.

    ``spec`` is a path, ``-`` for standard input, or the name of a built-in architecture.
    ``values`` sets parameters, ``{"classes": 10}``; a text is an expression, as in a spec.
    ``shape`` replaces the input's, ``(channels, height, width)``; where there are several inputs,
    it holds shapes by their names.
    """
    loaded = load_spec(fspath(spec), values=written(values), shape=shape)
    report_unusable(loaded)
    if loaded.findings.failed:
        raise SpecError(loaded)
    return loaded


def written(values: Mapping[str, Setting] | None) -> dict[str, str]:
    """Values of parameters as a spec has them."""
    return {
        name: value if isinstance(value, str) else show(value)
        for name, value in (values or {}).items()
    }


def report_unusable(loaded: Loaded) -> None:
    """Add the finding for a file that is right, but is no network: a library or a template."""
    if loaded.library and not loaded.findings.failed:
        message = f"{loaded.name} is a library of blocks, not a network: include it in a spec"
        loaded.findings.report("structure", message)
    elif loaded.missing:
        names = ", ".join(loaded.missing)
        message = f"{loaded.name} is a template: no value for {names}"
        hint = f"--set {loaded.missing[0]}=…, or a spec that extends it"
        loaded.findings.report("unset-parameter", message, hint=hint)


def summarize(
    spec: Spec,
    *,
    values: Mapping[str, Setting] | None = None,
    shape: Shape | None = None,
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


def bench(
    spec: Spec,
    *,
    values: Mapping[str, Setting] | None = None,
    shape: Shape | None = None,
    batch: int | Sequence[int] = 1,
    threads: int | None = None,
    algorithm: "Algorithm" = "auto",
    engine: "Engine" = "auto",
    device: str = "cpu",
    dtype: str = "float32",
    weights: str | PathLike[str] | None = None,
    seconds: float = 2.0,
    compare: Sequence[str] = (),
) -> "Bench":
    """Run a network's forward pass here and measure it: ``bench("vgg16").results[0]``.

    ``device`` is cpu, cuda, cuda:1 or auto; ``dtype`` what a CUDA device computes in: float32,
    tf32, float16 or bfloat16; ``engine`` auto, native, numpy (CPU) or cudnn (CUDA).
    ``batch`` is a size, or several; ``weights`` a file, ``.npz`` or ``.safetensors``, without it
    random ones. ``threads`` has no effect on a BLAS that is loaded already. ``compare`` names
    other engines to run beside it, each in a process of its own: ``["onnxruntime"]``, ``["all"]``.
    Needs NumPy. Raises SpecError; ValueError if it does not fit in memory, the weights not to
    the network, or if there is no such device or engine.
    """
    from .engine.machine import cores, limit_threads

    limit_threads(threads or cores())
    from .engine.bench import bench as measure

    loaded = load(spec, values=values, shape=shape)
    assert loaded.graph is not None
    return measure(
        loaded.graph,
        source=loaded.citation,
        batches=(batch,) if isinstance(batch, int) else tuple(batch),
        threads=threads,
        algorithm=algorithm,
        engine=engine,
        device=device,
        dtype=dtype,
        weights_file=None if weights is None else fspath(weights),
        seconds=seconds,
        compare=compare,
    )


def check(
    *paths: Spec,
    values: Mapping[str, Setting] | None = None,
    budgets: Sequence[str] = (),
    baseline: str | None = None,
    max_growth: Sequence[str] = (),
) -> Checked:
    """Every finding of specs, files and folders of them: errors, warnings, notes, contracts, and
    what their configuration (cnncalc.toml) asks for.

    ``budgets`` are limits as on the command line, ``"params<=5M"``; ``baseline`` is a git
    revision, against which no number may grow by more than ``max_growth`` (``"2%"``) says.
    A template or a library is checked for what can be known of it. Never raises for what is in
    a file; ValueError for a budget that means nothing.
    """
    from .analysis.budget_option import options
    from .checking import Wanted

    wanted = Wanted(written(values), options(budgets, max_growth), baseline)
    return check_specs(spec_files(fspath(path) for path in paths), wanted)


def check_specs(specs: Iterable[str], wanted: "Wanted | None" = None, *, jobs: int = 1) -> Checked:
    """`check` for specs that are named one by one, in so many processes."""
    from .checking import NOTHING, check_all

    names = tuple(specs)
    found = check_all(names, wanted or NOTHING, jobs)
    return Checked(found.findings, found.sources, names, found.no_baseline)
