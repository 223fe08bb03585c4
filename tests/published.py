"""The published numbers, and what cnncalc says of the same networks.

``reference/torchvision.json``, ``papers.json`` and ``receptive_fields.json`` hold the figures with
where they come from.
"""

import json
from functools import cache
from pathlib import Path

from cnncalc.analysis.summarize import summarize
from cnncalc.analysis.summary import LayerSummary, Summary
from cnncalc.spec import load

REFERENCE = Path(__file__).parent / "reference"
TORCHVISION = {
    row["model"]: row for row in json.loads((REFERENCE / "torchvision.json").read_text())["models"]
}
PAPERS = {
    row["network"]: row for row in json.loads((REFERENCE / "papers.json").read_text())["records"]
}
FIELDS = {
    row["model"]: row
    for row in json.loads((REFERENCE / "receptive_fields.json").read_text())["models"]
}


@cache
def summary(name: str, resolution: int | None = None, **values: str) -> Summary:
    """A network's numbers, at another resolution or with other values of its parameters."""
    shape = None if resolution is None else (3, resolution, resolution)
    spec = load(name, values=values, shape=shape)
    assert spec.graph is not None, spec.findings
    return summarize(spec.graph, source=spec.citation)


def layers_below(name: str, prefix: str) -> list[LayerSummary]:
    """The layers of a network that a name, or a block's name, stands for."""
    layers = summary(name).layers
    found = [row for key, row in layers.items() if key == prefix or key.startswith(prefix + ".")]
    assert found, (prefix, list(layers))
    return found


def costs(name: str, *prefixes: str) -> tuple[int, int]:
    """(params, MACs) of some layers or blocks."""
    rows = [row for prefix in prefixes for row in layers_below(name, prefix)]
    return sum(row.params for row in rows), sum(row.macs for row in rows)
