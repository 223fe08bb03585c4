"""Step 5 on a GPU: a batch in smaller parts, whose activations may stay in the L2 cache; energy.

    python benchmarks/cuda_micro_batching.py [--networks …] [--batches 256] [--dtypes float16]

For each part of a batch: images a second of the whole batch, the arena beside the cache, power and
joules of an image over ten seconds. Needs CuPy, and cuDNN's frontend.
"""

from typing import Any

from on_device import Arguments, Cell, Kept, arguments, graph_of, opened, show, to_do

from cnncalc.engine.backends import choose_backend
from cnncalc.engine.cuda.observe import meter_of
from cnncalc.engine.cuda.power import NoMeter, energy
from cnncalc.engine.cuda.timing import throughput
from cnncalc.engine.peers.job import Job
from cnncalc.engine.plan import plan
from cnncalc.engine.weights import Folded

#: Parts of a batch, in images; those that divide it are tried.
PARTS = (256, 128, 64, 32, 16, 8, 4)


def measured(cell: Cell, given: Arguments) -> list[dict[str, Any]]:
    graph = graph_of(cell.network)
    backend, _ = choose_backend("auto", "auto", f"cuda:{given.device}", cell.dtype)
    planned, xp = plan(graph, backend), backend.xp
    job = Job("", "", graph, cell.batch, 1)
    weights, meter, found = Folded(planned.steps, job.weights()), meter_of(xp), []
    for images in (one for one in PARTS if one <= cell.batch and cell.batch % one == 0):
        program = backend.prepare(planned, weights, images)
        program.load(*job._replace(batch=images).images())

        def launch(program: Any = program, times: int = cell.batch // images) -> None:
            for _ in range(times):
                program.launch()

        with xp.current():
            timing = throughput(launch, xp, given.seconds)
            taken = None
            if not isinstance(meter, NoMeter):
                taken = energy(launch, xp, meter, cell.batch, timing.median)
        found.append({
            "images": images, "images_per_second": cell.batch / timing.median,
            "p5": timing.p5, "p95": timing.p95,
            "arena_bytes": images * planned.arena_values * backend.width,
            "cache_bytes": backend.device.cache,
            "watts": taken.watts if taken else None,
            "joules_per_image": taken.joules_per_image if taken else None,
            "sm_mhz": taken.sm_mhz.median if taken else None,
        })  # fmt: skip
        program.close()
    return found


def main() -> None:
    given = arguments(__doc__, batches="256")
    opened(given.device)
    kept = Kept(given.folder, "micro_batching")
    for cell in to_do(given, kept):
        if cell.batch > 1:
            kept.add(cell.name, measured(cell, given))

    def shown(value: float | None, form: str) -> str:
        return "-" if value is None else format(value, form)

    show(
        ["network", "batch", "dtype", "at a time", "images/s", "arena, MiB", "L2, MiB", "W",
         "J/image", "SM MHz"],
        [
            [cell.network, cell.batch, cell.dtype, one["images"],
             f"{one['images_per_second']:,.0f}", f"{one['arena_bytes'] / 2**20:.1f}",
             f"{one['cache_bytes'] / 2**20:.0f}", shown(one["watts"], ".0f"),
             shown(one["joules_per_image"], ".3g"), shown(one["sm_mhz"], ",.0f")]
            for cell in given.cells if cell.name in kept for one in kept.rows[cell.name]
        ],
    )  # fmt: skip
    print(f"written to {kept.path}")


if __name__ == "__main__":
    main()
