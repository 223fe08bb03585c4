"""Which plans cuDNN has for each convolution and linear layer of some networks, without a GPU.

    pip install '.[cuda-check]' 'nvidia-cudnn-cu13>=9.11,<10'
    pip install --no-deps 'nvidia-cudnn-frontend>=1.18'
    python benchmarks/cudnn_plans.py

About 900 MB of packages. The GPU is described to cuDNN, an H200 (sm_90); graphs are made by the
engine's own code, and their plans are built, not only proposed. Nothing is run. cuDNN also wants
the library of NVIDIA's driver: where there is none, an empty one is made with the C compiler.
What is in the file of results already is not asked again.
"""

import argparse
import ctypes
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, cast, get_args

from cnncalc.engine.cuda.arrays import Dtype
from cnncalc.engine.cuda.backend import CudaBackend
from cnncalc.engine.cuda.bound import CannotBind
from cnncalc.engine.cuda.cudnn import MOST_WORKSPACE
from cnncalc.engine.cuda.cudnn_graph import Lies, Pattern, can_run
from cnncalc.engine.cuda.cudnn_graph import pattern as pattern_of
from cnncalc.engine.cuda.cudnn_plans import Proposals, frontend
from cnncalc.engine.cuda.device import H200
from cnncalc.engine.plan import plan
from cnncalc.spec import load

OUT = Path(__file__).parent / "cuda" / "cudnn_plans.json"
NETWORKS = "vgg16,resnet50,mobilenet_v2"
#: An H200 SXM as cuDNN describes one to itself (`cudnn.create_device_properties(0).serialize()`
#: on a machine that has it); sizes from CUDA's programming guide and the data sheet.
PROPERTIES = {
    "deviceName": "NVIDIA H200", "deviceVer": 900, "driverVer": 13000, "cudaDeviceId": 0,
    "pciDeviceId": 0, "isTccDriver": 0, "supportCoopLaunch": 1, "multiProcessorCount": 132,
    "smCountOrigin": 0, "warpSize": 32, "maxGridSize": [2**31 - 1, 65535, 65535],
    "maxBlockSize": [1024, 1024, 64], "maxThreadsPerBlock": 1024, "maxThreadsPerSM": 2048,
    "maxCtasPerSM": 32, "regsPerBlock": 65536, "maxRegistersPerSM": 65536,
    "maxSharedMemoryPerBlock": 48 << 10, "maxSharedMemoryPerBlockOptin": 227 << 10,
    "oversizedSharedMemoryPerBlock": 0, "reservedSharedMemoryPerBlock": 1 << 10,
    "totalGlobalMem": 141 * 10**9, "l2CacheSize": 60 << 20, "smClockRateKHz": 1_980_000,
    "memClockRateKHz": 3_201_000, "memoryBusWidth": 6144,
}  # fmt: skip
#: What cuDNN's compiler looks for in the driver's library. The first ones hand out a pointer.
HANDS_OUT = (
    "cuModuleLoadData cuModuleGetFunction cuLibraryLoadData cuLibraryGetKernel cuKernelGetFunction"
)
RETURNS = """
    cuCtxGetCurrent cuCtxGetLimit cuCtxPopCurrent cuCtxPushCurrent cuDeviceGet cuDeviceGetCount
    cuDriverGetVersion cuGetErrorName cuGetErrorString cuKernelGetAttribute cuKernelSetAttribute
    cuLaunchCooperativeKernel cuLaunchKernel cuLaunchKernelEx cuLibraryLoadFromFile cuLibraryUnload
    cuLinkAddData cuLinkComplete cuLinkCreate cuLinkDestroy cuModuleUnload
    cuOccupancyMaxPotentialClusterSize cuStreamGetCtx cuTensorMapEncodeIm2col cuTensorMapEncodeTiled
"""
#: How a graph can run, the best first.
WAYS = ("fused, precompiled", "fused, compiled at run time", "unfused only", "none")


#: Names of plans, and the bytes of workspace that they need.
Plans = list[tuple[str, int]]


class Found(NamedTuple):
    """What cuDNN has for a graph: a plan of the best way, and how many there are of that way."""

    way: str
    plans: int
    first: str
    workspace: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", default=NETWORKS, help="default: %(default)s")
    parser.add_argument("--dtypes", default=",".join(get_args(Dtype)), help="default: %(default)s")
    parser.add_argument("--batches", default="1,64,256", help="default: %(default)s")
    parser.add_argument("--out", type=Path, default=OUT, help="JSON (%(default)s)")
    given = parser.parse_args()
    provide_driver()
    try:
        cudnn = frontend()
    except CannotBind as missing:
        sys.exit(f"{missing}; what to install stands at the top of {__file__}")
    place = {
        "device_property": cudnn.create_device_properties(json.dumps(PROPERTIES)),
        "sm_version": H200.sm,
    }
    versions = f"cuDNN {cudnn.backend_version_string()}, cudnn-frontend {cudnn.__version__}"
    head = {"versions": versions, "device": f"{H200.name}, described", "date": str(date.today())}
    cells = kept(given.out, versions)
    asked = [
        f"{network} {dtype} {batch}"
        for network in given.networks.split(",")
        for dtype in given.dtypes.split(",")
        for batch in given.batches.split(",")
    ]
    known: dict[Pattern, Found] = {}
    for cell in asked:
        if cell not in cells:
            began, rows = time.perf_counter(), {}
            for pattern, layer in patterns(*cell.split()):
                known[pattern] = known.get(pattern) or found(cudnn, pattern, place)
                rows.setdefault(pattern, {"layer": layer} | known[pattern]._asdict())
            cells[cell] = {"seconds": round(time.perf_counter() - began, 1)}
            cells[cell]["graphs"] = list(rows.values())
            given.out.parent.mkdir(parents=True, exist_ok=True)
            given.out.write_text(text(head, cells), encoding="utf-8")
    seconds = sum(cells[cell]["seconds"] for cell in asked)
    print(
        f"{head['date']}; {versions}; {H200.name} as sm_{H200.sm}, described; batches "
        f"{given.batches.replace(',', ', ')}; workspace up to {MOST_WORKSPACE >> 20} MiB; "
        f"{seconds:.0f} s\n"
    )
    table({cell: cells[cell]["graphs"] for cell in asked})
    ways = {graph["way"] for cell in asked for graph in cells[cell]["graphs"]}
    sys.exit(WAYS[-1] in ways)


def kept(path: Path, versions: str) -> dict[str, Any]:
    """What a file says already, by the same versions: that is not asked again."""
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        return dict(report["cells"]) if report["versions"] == versions else {}
    except (OSError, ValueError, KeyError):
        return {}


def text(head: dict[str, str], cells: dict[str, Any]) -> str:
    """The report as JSON, a line for each graph."""
    return re.sub(r"\n {5,}|\n {4}(?=})", " ", json.dumps(head | {"cells": cells}, indent=1)) + "\n"


def patterns(network: str, dtype: str, batch: str) -> Iterator[tuple[Pattern, str]]:
    """The graph of each layer of a network that cuDNN can run, and the layer's name."""
    graph = load(network).graph
    if graph is None:
        sys.exit(f"{network} does not load")
    own = cast("Dtype", dtype)
    planned = plan(graph, CudaBackend(H200, None, own, "cudnn"))

    def lies(tensor: Any) -> Lies:  # as `Program.window`
        values = planned.slots[tensor.slot].values
        return Lies((int(batch), *tensor.lies.shape), (values, *tensor.lies.strides))

    for step in planned.steps:
        if can_run(step):
            inputs = tuple(map(lies, step.inputs))
            yield pattern_of(step, own, inputs, lies(step.outputs[0])), step.name


def found(cudnn: Any, pattern: Pattern, place: dict[str, Any]) -> Found:
    """The best way to run a graph, by building plans for it."""
    ready, compiled = built(cudnn, pattern, place)
    if ready or compiled:
        return best(WAYS[0] if ready else WAYS[1], ready or compiled)
    both = [built(cudnn, one, place) for one in pattern.split()] if pattern.fused else []
    each = [ready or compiled for ready, compiled in both]
    return best(WAYS[2], each[0]) if each and all(each) else Found(WAYS[3], 0, "", 0)


def best(way: str, plans: Plans) -> Found:
    return Found(way, len(plans), *plans[0])


def built(cudnn: Any, pattern: Pattern, place: dict[str, Any]) -> tuple[Plans, Plans]:
    """The precompiled plans that can be built; and, if there are none, the first that a compiler
    can make."""
    ready, compiled = Plans(), Plans()
    try:
        proposals = Proposals(cudnn, pattern, **place)
    except CannotBind:
        return ready, compiled
    for one in sorted(proposals, key=lambda one: one.compiled):
        if not one.compiled or not (ready or compiled):
            with suppress(CannotBind):
                workspace = proposals.finish(one, MOST_WORKSPACE)
                (compiled if one.compiled else ready).append((one.name, workspace))
    return ready, compiled


def table(cells: dict[str, list[dict[str, Any]]]) -> None:
    """A row for each network and dtype, all batches together."""
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for cell, found_there in cells.items():
        rows[" | ".join(cell.split()[:2])] += found_there
    heads = ("network", "dtype", "graphs", *WAYS, "plans", "workspace")
    print(f"| {' | '.join(heads)} |\n|---|---|{'---:|' * (len(heads) - 2)}")
    for row, all_found in rows.items():
        ways = Counter(one["way"] for one in all_found)
        plans = [one["plans"] for one in all_found if one["way"] == WAYS[0]] or [0]
        counts = " | ".join(str(ways[way]) for way in WAYS)
        most = max(one["workspace"] for one in all_found) / 2**20
        print(
            f"| {row} | {len(all_found)} | {counts} | {min(plans)}–{max(plans)} | {most:.1f} MiB |"
        )


def provide_driver() -> None:
    """Load the driver's library, or one that does nothing in its place."""
    with suppress(OSError):
        ctypes.CDLL("libcuda.so.1", ctypes.RTLD_GLOBAL)
        return
    code = "".join(
        [
            f"int {name}(void **out) {{ *out = (void *)16; return 0; }}\n"
            for name in HANDS_OUT.split()
        ]
        + [f"int {name}(void) {{ return 0; }}\n" for name in RETURNS.split()]
    )
    with tempfile.TemporaryDirectory() as folder:
        library = f"{folder}/libcuda.so.1"
        command = [
            "cc",
            "-shared",
            "-fPIC",
            "-Wl,-soname,libcuda.so.1",
            "-x",
            "c",
            "-",
            "-o",
            library,
        ]
        try:
            subprocess.run(command, input=code, text=True, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            sys.exit(f"there is no libcuda.so.1 here, and an empty one cannot be made: {error}")
        ctypes.CDLL(library, ctypes.RTLD_GLOBAL)


if __name__ == "__main__":
    main()
