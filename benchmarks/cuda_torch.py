"""Step 2 on a GPU: PyTorch's modes, each in its own process; the fastest is what we compare with.

    python benchmarks/cuda_torch.py [--networks …] [--batches 256,64,1] [--dtypes float16]

Needs PyTorch for CUDA, and nothing else on the GPU. The modes that try kernels for minutes come
last. Their outputs are held against float64 like everybody's.
"""

from on_device import Arguments, Cell, Kept, arguments, graph_of, show

from cnncalc.engine.compare import WRONG
from cnncalc.engine.measure import timing
from cnncalc.engine.peers.child import Child, ChildFailed
from cnncalc.engine.peers.job import Job
from cnncalc.engine.peers.registry import CUDA_PEERS, TORCH_MODES
from cnncalc.engine.reference import error, reference

PEER = CUDA_PEERS["torch"]


def measured(cell: Cell, mode: str, given: Arguments) -> dict[str, object]:
    """One mode on one network: its windows, the error of its outputs; or why there is none."""
    job = Job(PEER.module, mode, graph_of(cell.network), cell.batch, 1,
              device=f"cuda:{given.device}", dtype=cell.dtype)  # fmt: skip
    expected = reference(job.graph, job.weights(), job._replace(batch=1).images())
    child = Child(job)
    try:
        child.ready(max(60.0, min(PEER.build_seconds, given.left)))
        off = error(child.ask("outputs", limit=60), expected)
        found = timing(child.ask("measure", given.seconds, limit=60 + 5 * given.seconds))
    except ChildFailed as failed:
        return {"failure": str(failed)}
    finally:
        child.close()
    return {
        "images_per_second": cell.batch / found.median, "median": found.median, "p5": found.p5,
        "p95": found.p95, "windows": found.runs, "error": off, "right": off <= WRONG[cell.dtype],
        "torch": PEER.version(),
    }  # fmt: skip


def row(cell: Cell, kept: Kept) -> list[object]:
    rows = {mode: kept.rows.get(f"{cell.name}-{mode}") for mode in TORCH_MODES}
    rates = {m: r["images_per_second"] for m, r in rows.items() if r and r.get("right")}
    best = max(rates, key=rates.__getitem__, default="-")
    shown = [
        "not yet" if one is None else one.get("failure", "")[:40] or
        f"{one['images_per_second']:,.0f}{'' if one['right'] else ' WRONG'}"
        for one in rows.values()
    ]  # fmt: skip
    return [cell.network, cell.batch, cell.dtype, *shown, best]


def main() -> None:
    given = arguments(__doc__)
    if PEER.missing():
        raise SystemExit(f"cuda_torch.py: PyTorch is not installed ({PEER.pip})")
    kept = Kept(given.folder, "torch")
    for mode in TORCH_MODES:
        for cell in given.cells:
            name = f"{cell.name}-{mode}"
            if name not in kept and given.left > 30:
                print(f"... {name}, {given.left:.0f} s left", flush=True)
                kept.add(name, measured(cell, mode, given))
    show(["network", "batch", "dtype", *TORCH_MODES, "best"], [row(c, kept) for c in given.cells])
    print(f"images/s; written to {kept.path}; what is 'not yet' the same command measures")


if __name__ == "__main__":
    main()
