"""Our engine beside PyTorch, onnxruntime and OpenVINO: the table of ratios, and the goals.

python benchmarks/engines.py [--networks vgg16,…] [--batches 1,8] [--seconds 2] [--keep FOLDER]

Needs pip install '.[compare]'. Each cell is a run of ``cnncalc bench NETWORK --batch N --compare
… --format json``, in a process of its own; the JSON of each is kept, and a cell whose file is
there is not measured again.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from whole_process import machine

#: Ratios to the best peer that the project wants to reach, by network, at batch 1 and 8.
GOALS = {
    "vgg16": (2.8, 3.2),
    "resnet50": (1.22, 1.25),
    "googlenet": (1.5, 1.55),
    "alexnet": (1.25, 1.7),
    "mobilenet_v2": (1.0, 1.1),
}
#: Without Winograd, for every network; and the geometric mean of all cells with it.
DIRECT_GOAL, MEAN_GOAL = 0.95, 1.6
PEERS = "torch,torch-compile,onnxruntime,openvino"


class Cell(NamedTuple):
    """What one run measured."""

    network: str
    batch: int
    algorithm: str

    @property
    def goal(self) -> float | None:
        if self.algorithm == "direct":
            return DIRECT_GOAL
        goals = dict(zip((1, 8), GOALS.get(self.network, ()), strict=False))
        return goals.get(self.batch)


def cells(networks: Sequence[str], batches: Sequence[int]) -> Iterator[Cell]:
    """Each network at each batch size; then without Winograd, at batch 1."""
    for network in networks:
        yield from (Cell(network, batch, "auto") for batch in batches)
    for network in networks:
        yield Cell(network, 1, "direct")


def measured(cell: Cell, arguments: argparse.Namespace) -> dict[str, Any]:
    """The JSON of a cell, from its file if it is there."""
    file = Path(arguments.keep) / f"{cell.network}-{cell.batch}-{cell.algorithm}.json"
    if not file.exists():
        command = [
            sys.executable, "-m", "cnncalc", "bench", cell.network, "--batch", str(cell.batch),
            "--algorithm", cell.algorithm, "--compare", arguments.compare,
            "--seconds", str(arguments.seconds), "--format", "json",
        ]  # fmt: skip
        if arguments.threads:
            command += ["--threads", str(arguments.threads)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False, encoding="utf-8")
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} exits with {done.returncode}")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(done.stdout, "utf-8")
    found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return found


def row(cell: Cell, found: dict[str, Any]) -> str:
    (result,) = found["results"]
    comparison, ratio = result["comparison"], result["ratio_to_best"]
    able = [peer for peer in result["peers"] if peer["ratio"] is not None]
    best = min(able, key=lambda peer: peer["ratio"], default=None)
    cut = [f"{peer['name']} {peer['images_per_second']:.1f}" for peer in able if peer is not best]
    cells = [
        cell.network, str(cell.batch), cell.algorithm,
        f"{result['images_per_second']:.1f}", f"{comparison['error']:.0e}",
        f"{best['name']} ({best['setting']}) {best['images_per_second']:.1f}" if best else "-",
        f"**{ratio:.2f}**" if ratio else "-",
        f"{cell.goal:.2f}" if cell.goal else "-",
        ", ".join(cut), str(comparison["thrown_away"]) + ("" if comparison["quiet"] else ", noisy"),
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


HEAD = """\
| network | batch | algorithm | img/s | error | best peer, img/s | ratio | goal | others, img/s | \
rounds thrown away |
|---|---|---|---|---|---|---|---|---|---|"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", default=",".join(GOALS), help="default: %(default)s")
    parser.add_argument("--batches", default="1,8", help="default: %(default)s")
    parser.add_argument("--compare", default=PEERS, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each engine and cell")
    parser.add_argument("--threads", type=int, help="default: one for each core")
    parser.add_argument("--keep", default="engines", help="folder of the JSON (%(default)s)")
    arguments = parser.parse_args()
    networks = arguments.networks.split(",")
    batches = [int(batch) for batch in arguments.batches.split(",")]
    print(f"{machine()}; {date.today()}; `python benchmarks/engines.py {' '.join(sys.argv[1:])}`\n")
    print(HEAD, flush=True)
    ratios = []
    for cell in cells(networks, batches):
        found = measured(cell, arguments)
        print(row(cell, found), flush=True)
        ratio = found["results"][0]["ratio_to_best"]
        if ratio and cell.algorithm == "auto":
            ratios.append(ratio)
    if ratios:
        mean = prod(ratios) ** (1 / len(ratios))
        print(f"\nGeometric mean of {len(ratios)} cells: **{mean:.2f}** (goal {MEAN_GOAL})")
    versions = {peer["name"]: peer["version"] for peer in found["results"][0]["peers"]}
    print("Versions: " + ", ".join(f"{name} {version}" for name, version in versions.items()))


if __name__ == "__main__":
    main()
