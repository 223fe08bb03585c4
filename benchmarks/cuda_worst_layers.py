"""Step 4 on a GPU: the five steps of each network that lose the most time over their floor.

    python benchmarks/cuda_worst_layers.py [--networks …] [--batches 256] [--dtypes float16]

The floor is what the ceilings of this device, measured at the same time, allow. What stands at the
top is what to work on next. Needs CuPy; cuDNN's frontend, unless the kernels of our own are meant.
"""

import sys
from typing import Any

from on_device import Arguments, Cell, Kept, arguments, graph_of, opened, show, to_do

from cnncalc.analysis.measurements import StepRow
from cnncalc.engine.bench import bench

WORST = 5


def lost(step: StepRow) -> float:
    """Microseconds over the floor."""
    return 1e3 * ((step.milliseconds or 0) - (step.bound_milliseconds or 0))


def measured(cell: Cell, given: Arguments) -> list[dict[str, Any]]:
    found = bench(
        graph_of(cell.network), source=cell.network, batches=(cell.batch,), dtype=cell.dtype,
        device=f"cuda:{given.device}", seconds=given.seconds,
        progress=lambda what, share: print(f"    {what}", file=sys.stderr),
    )  # fmt: skip
    (result,) = found.results
    whole = sum(step.milliseconds or 0 for step in result.steps)
    return [
        {
            "step": step.name, "label": step.label, "output": step.output, "kernel": step.kernel,
            "plan": step.plan, "microseconds": 1e3 * (step.milliseconds or 0),
            "floor": 1e3 * (step.bound_milliseconds or 0), "by": step.bound_by, "lost": lost(step),
            "share": (step.milliseconds or 0) / whole,
        }
        for step in sorted(result.steps, key=lost, reverse=True)[:WORST]
    ]  # fmt: skip


def main() -> None:
    given = arguments(__doc__, batches="256")
    opened(given.device)
    kept = Kept(given.folder, "worst_layers")
    for cell in to_do(given, kept):
        kept.add(cell.name, measured(cell, given))
    show(
        ["network", "batch", "dtype", "step", "layers", "output", "kernel", "plan", "µs",
         "floor", "by", "lost", "of the pass"],
        [
            [cell.network, cell.batch, cell.dtype, one["step"], one["label"],
             "x".join(map(str, one["output"])), one["kernel"], one["plan"] or "-",
             f"{one['microseconds']:.1f}", f"{one['floor']:.1f}", one["by"], f"{one['lost']:.1f}",
             f"{one['share']:.0%}"]
            for cell in given.cells if cell.name in kept for one in kept.rows[cell.name]
        ],
    )  # fmt: skip
    print(f"written to {kept.path}")


if __name__ == "__main__":
    main()
