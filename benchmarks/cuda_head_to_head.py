"""Step 3 on a GPU: our engine beside PyTorch's best mode, in turns, with every step's time.

    python benchmarks/cuda_head_to_head.py [--networks …] [--batches 256,64,1] [--dtypes float16]

Needs CuPy, cuDNN's frontend and PyTorch. If step 2 has been here, only PyTorch's two fastest modes
of the cell take part, else all of them. Each cell's whole report is kept, as JSON and as text.
"""

import sys
from pathlib import Path
from typing import Any

from on_device import Arguments, Cell, Kept, arguments, graph_of, opened, show, to_do

from cnncalc.engine.bench import bench
from cnncalc.engine.peers.registry import CUDA_PEERS, TORCH_MODES
from cnncalc.report.bench import render, render_json

#: Ratios to PyTorch's best mode that the project wants, at batch 1, 64 and 256.
GOALS = {
    "16 bits": {"vgg16": (1.15, 1.10, 1.10), "resnet50": (1.25, 1.15, 1.15),
                "mobilenet_v2": (1.25, 1.20, 1.20)},
    "tf32": {"vgg16": (1.10,) * 3, "resnet50": (1.15,) * 3, "mobilenet_v2": (1.15,) * 3},
    "float32": {"vgg16": (1.0,) * 3, "resnet50": (1.0,) * 3, "mobilenet_v2": (1.0,) * 3},
}  # fmt: skip


def goal(cell: Cell) -> float | None:
    kind = cell.dtype if cell.dtype in GOALS else "16 bits"
    goals = dict(zip((1, 64, 256), GOALS[kind].get(cell.network, ()), strict=False))
    return goals.get(cell.batch)


def modes(cell: Cell, folder: Path) -> tuple[str, ...]:
    """PyTorch's two fastest modes of a cell, by step 2; all where it has not been."""
    known = Kept(folder, "torch").rows
    rates = {
        mode: row["images_per_second"]
        for mode in TORCH_MODES
        if (row := known.get(f"{cell.name}-{mode}")) and row.get("right")
    }
    fastest = sorted(rates, key=rates.__getitem__, reverse=True)[:2]
    return tuple(fastest) or TORCH_MODES


def measured(cell: Cell, given: Arguments) -> dict[str, Any]:
    CUDA_PEERS["torch"] = CUDA_PEERS["torch"]._replace(settings=modes(cell, given.folder))
    found = bench(
        graph_of(cell.network), source=cell.network, batches=(cell.batch,), dtype=cell.dtype,
        device=f"cuda:{given.device}", compare=("torch",), seconds=given.seconds,
        progress=lambda what, share: print(f"    {what}", file=sys.stderr),
    )  # fmt: skip
    reports = given.folder / "reports"
    reports.mkdir(parents=True, exist_ok=True)
    (reports / f"{cell.name}.json").write_text(render_json(found), "utf-8")
    (reports / f"{cell.name}.txt").write_text(render(found, layers=True), "utf-8")
    (result,) = found.results
    (peer,) = result.peers
    assert found.ceilings is not None
    floor = sum(step.bound_milliseconds or 0 for step in result.steps) / 1e3
    return {
        "images_per_second": result.images_per_second,
        "of_floor": floor / result.timing.median if result.timing else None,
        "torch": peer.images_per_second, "mode": peer.setting, "failure": peer.failure,
        "ratio": result.ratio_to_best, "goal": goal(cell),
        "error": result.check.outputs if result.check else None,
        "passed": result.check.passed if result.check else None,
        "joules_per_image": result.energy.joules_per_image if result.energy else None,
    }  # fmt: skip


def row(cell: Cell, found: dict[str, Any]) -> list[object]:
    def shown(key: str, form: str) -> str:
        return "-" if found[key] is None else format(found[key], form)

    return [
        cell.network, cell.batch, cell.dtype, shown("images_per_second", ",.0f"),
        shown("of_floor", ".0%"), shown("torch", ",.0f"), found["mode"] or found["failure"],
        shown("ratio", ".2f"), shown("goal", ".2f"), shown("error", ".0e"),
        "yes" if found["passed"] else "NO", shown("joules_per_image", ".3g"),
    ]  # fmt: skip


def main() -> None:
    given = arguments(__doc__)
    opened(given.device)
    kept = Kept(given.folder, "head_to_head")
    for cell in to_do(given, kept):
        kept.add(cell.name, measured(cell, given))
    done = [cell for cell in given.cells if cell.name in kept]
    show(
        ["network", "batch", "dtype", "ours, img/s", "of floor", "torch, img/s", "its mode",
         "ratio", "goal", "error", "check passed", "J/image"],
        [row(cell, kept.rows[cell.name]) for cell in done],
    )  # fmt: skip
    print(f"written to {kept.path}, each cell's report to {given.folder / 'reports'}")


if __name__ == "__main__":
    main()
