"""Step 1 on a GPU: what is installed, what the device can do, and whether steps are right.

    python benchmarks/cuda_probe.py [--dtypes float32,tf32,float16,bfloat16]

Versions; ceilings (products of matrices in each type, a copy; random numbers); one layer of each
pattern of fusion, by every kernel that can run it, against float64 with poisoned outputs; a whole
network captured in a CUDA graph. What is missing is named with what installs it, and the rest goes
on. Takes about three minutes.
"""

import platform
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from on_device import Arguments, Kept, arguments, graph_of, show

from cnncalc.diagnostics import Findings
from cnncalc.graph import Builder, Graph
from cnncalc.layers import create

#: What may be needed, and what installs it.
PACKAGES = {
    "numpy": "pip install numpy", "msgspec": "pip install msgspec",
    "cupy-cuda13x": "pip install 'cupy-cuda13x[ctk]' (or cupy-cuda12x)", "cupy-cuda12x": "",
    "nvidia-cudnn-frontend": "pip install --no-deps nvidia-cudnn-frontend",
    "nvidia-cudnn-cu13": "pip install nvidia-cudnn-cu13 (or -cu12)", "nvidia-cudnn-cu12": "",
    "nvidia-cublas": "", "nvidia-cuda-nvrtc": "pip install nvidia-cuda-nvrtc",
    "cuda-pathfinder": "pip install cuda-pathfinder", "nvidia-ml-py": "pip install nvidia-ml-py",
    "torch": "pip install torch", "triton": "",
}  # fmt: skip
DTYPES = ("float32", "tf32", "float16", "bfloat16")
BATCH = 32

CONV = {"kernel_size": 3, "padding": 1}
#: Chains of layers behind an input [64, 28, 28]; "add" adds the input.
PATTERNS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "3×3 + bias": [("conv2d", {"out_channels": 64, **CONV})],
    "3×3 + bias + ReLU": [("conv2d", {"out_channels": 64, **CONV}), ("relu", {})],
    "3×3 + batch norm + residual + ReLU": [
        ("conv2d", {"out_channels": 64, **CONV, "bias": False}), ("batch_norm2d", {}),
        ("add", {}), ("relu", {})],
    "1×1 + residual": [("conv2d", {"out_channels": 64, "kernel_size": 1}), ("add", {})],
    "1×1 + ReLU6": [("conv2d", {"out_channels": 128, "kernel_size": 1}), ("relu6", {})],
    "1×1 + SiLU": [("conv2d", {"out_channels": 128, "kernel_size": 1}), ("silu", {})],
    "7×7, stride 2": [("conv2d", {"out_channels": 64, "kernel_size": 7, "stride": 2,
                                  "padding": 3}), ("relu", {})],
    "3×3, 8 groups": [("conv2d", {"out_channels": 64, **CONV, "groups": 8})],
    "depthwise 3×3 + ReLU6": [("conv2d", {"out_channels": 64, **CONV, "groups": 64}),
                              ("relu6", {})],
    "depthwise 3×3, stride 2": [("conv2d", {"out_channels": 64, **CONV, "groups": 64,
                                            "stride": 2})],
    "transposed 3×3": [("conv_transpose2d", {"out_channels": 32, "kernel_size": 3, "stride": 2})],
    "max pooling": [("max_pool2d", {"kernel_size": 3, "stride": 2, "padding": 1})],
    "average pooling": [("avg_pool2d", {"kernel_size": 2})],
    "global average": [("global_avg_pool2d", {})],
    "flatten + linear + ReLU": [("flatten", {}), ("linear", {"out_features": 1000}), ("relu", {})],
    "softmax": [("global_avg_pool2d", {}), ("flatten", {}), ("softmax", {})],
    "batch norm alone": [("max_pool2d", {"kernel_size": 2}), ("batch_norm2d", {})],
    "local response norm": [("local_response_norm", {"size": 5})],
}  # fmt: skip


def pattern(layers: list[tuple[str, dict[str, Any]]]) -> Graph:
    builder = Builder(Findings())
    first = last = builder.input("input", (64, 28, 28))
    for number, (kind, options) in enumerate(layers):
        reads = [last, first] if kind == "add" else [last]
        (made,) = builder.add(create(kind, **options), reads, f"layer{number}")
        assert made is not None
        last = made
    return builder.finish("pattern", [last])


def packages() -> dict[str, str | None]:
    from cnncalc.engine.machine import installed

    found = {name: installed(name) for name in PACKAGES}
    print(f"{platform.system()} {platform.release()}, Python {platform.python_version()}")
    print(", ".join(f"{name} {version}" for name, version in found.items() if version))
    for name, pip in PACKAGES.items():
        other = name.replace("13", "12")
        if pip and not found[name] and not found.get(other):
            print(f"missing: {name}: {pip}")
    return found


def opened(number: int, dtype: Any) -> Any:
    """The arrays of a device, and the device. Raises NoBackend."""
    from cnncalc.engine.cuda.arrays import DeviceArrays
    from cnncalc.engine.cuda.device import open_device

    cupy, device = open_device(number)
    return DeviceArrays(dtype, cupy, number), device


def device_facts(given: Arguments) -> dict[str, Any]:
    from msgspec import to_builtins

    from cnncalc.engine.cuda.observe import gpu, meter_of
    from cnncalc.engine.cuda.power import NoMeter

    xp, device = opened(given.device, "float32")
    meter = meter_of(xp)
    facts: dict[str, Any] = to_builtins(gpu(device, meter))
    facts["idle"] = str(meter) if isinstance(meter, NoMeter) else meter.read()._asdict()
    for name, value in facts.items():
        print(f"{name}: {value}")
    return facts


def ceilings_found(given: Arguments) -> dict[str, Any]:
    from msgspec import to_builtins

    from cnncalc.engine.cuda.observe import ceilings

    xp, _ = opened(given.device, "float16")
    found: dict[str, Any] = to_builtins(ceilings(xp, DTYPES))
    rows = [[name, f"{rate / 1e12:,.1f} TFLOP/s"] for name, rate in found["products"].items()]
    show(["what", "at best"], [*rows, ["copy", f"{found['bytes_per_second'] / 1e9:,.0f} GB/s"]])
    return found


def ceilings_by_torch(given: Arguments) -> dict[str, Any]:
    """The same by PyTorch, which may be there without CuPy."""
    import torch
    from msgspec import to_builtins

    from cnncalc.engine.cuda.ceilings import ceilings
    from cnncalc.engine.peers.torch_cuda import TYPES, TorchEvents

    torch.cuda.set_device(given.device)

    class Work:
        def product(self, size: int, dtype: str) -> Callable[[], object]:
            kind, tf32 = TYPES[dtype]
            left, right, out = (torch.randn(size, size, device="cuda").to(kind) for _ in range(3))

            def launch() -> None:
                torch.backends.cuda.matmul.allow_tf32 = tf32
                torch.mm(left, right, out=out)

            return launch

        def copy(self, number: int) -> Callable[[], object]:
            source = torch.randn(number // 4, device="cuda")
            target = torch.empty_like(source)
            return lambda: target.copy_(source)

    work: Any = Work()
    found: dict[str, Any] = to_builtins(
        ceilings(work, TorchEvents(), "float16", torch.cuda.mem_get_info()[0], others=DTYPES)
    )
    rows = [[name, f"{rate / 1e12:,.1f} TFLOP/s"] for name, rate in found["products"].items()]
    show(["PyTorch", "at best"], [*rows, ["copy", f"{found['bytes_per_second'] / 1e9:,.0f} GB/s"]])
    return found


def rows_of(graph: Graph, given: Arguments, dtype: Any) -> Iterator[dict[str, Any]]:
    """A pattern by every kernel that can run its main step: the one with multiply-adds, or else the
    last one."""
    from cnncalc.engine.backends import choose_backend
    from cnncalc.engine.cuda.check import LIMITS, check
    from cnncalc.engine.measure import medians
    from cnncalc.engine.peers.job import Job
    from cnncalc.engine.plan import plan
    from cnncalc.engine.reference import reference
    from cnncalc.engine.weights import Folded

    job = Job("", "", graph, BATCH, 1)
    expected = reference(graph, job.weights(), job._replace(batch=1).images())
    backend, _ = choose_backend("cudnn" if has_cudnn() else "native", "auto",
                                f"cuda:{given.device}", dtype)  # fmt: skip
    every = tuple(backend.kernels)
    planned = plan(graph, backend)
    products = [number for number, step in enumerate(planned.steps) if step.macs]
    at = products[0] if products else len(planned.steps) - 1
    main = planned.steps[at]
    for kernel in (one for one in every if one.when(main)):
        backend.kernels = tuple(
            k for k in every if k is kernel or not k.when(main) or k is every[-1]
        )
        row: dict[str, Any] = {"kernel": kernel.name, "limit": LIMITS[dtype]}
        try:
            tried = plan(graph, backend)
            weights = Folded(tried.steps, job.weights())
            program = backend.prepare(tried, weights, BATCH)
            program.load(*job.images())
            times = medians([program.time_steps() for _ in range(15)])
            with program.xp.current():
                found, _ = check(program.steps, weights, program.results, expected, dtype)
            row |= {
                "ran": program.kernels[at].name, "microseconds": times[at] / 1e3,
                "plan": getattr(program.steps[at][1], "describe", ""), "error": found.worst,
                "passed": found.passed, "refused": program.fallen_back, "graphs": program.graphs,
                "eager": program.eager,
            }  # fmt: skip
            program.close()
        except Exception as failure:
            row |= {"failure": f"{type(failure).__name__}: {failure}".splitlines()[0]}
        yield row


def has_cudnn() -> bool:
    from importlib.util import find_spec

    return find_spec("cudnn") is not None


def patterns(given: Arguments, dtypes: list[str], kept: Kept) -> list[str]:
    """Every pattern in every type; those that failed."""
    lines, failed = [], []
    for dtype in dtypes:
        for name, layers in PATTERNS.items():
            found = list(rows_of(pattern(layers), given, dtype))
            kept.add(f"pattern {name} {dtype}", found)
            for row in found:
                good = row.get("passed") and row.get("ran") == row["kernel"]
                said = row.get("failure") or "; ".join(row["refused"].values()) or row["plan"]
                if not good:
                    failed.append(f"{name}, {dtype}, {row['kernel']}: {said}")
                lines.append([
                    name, dtype, row["kernel"], f"{row.get('microseconds', 0):.1f}",
                    f"{row.get('error', float('nan')):.1e}", f"{row['limit']:g}",
                    "yes" if good else "NO", said[:60],
                ])  # fmt: skip
    show(["pattern", "dtype", "kernel", "µs", "error", "allowed", "right", "plan"], lines)
    return failed


def whole_network(given: Arguments) -> dict[str, Any]:
    """ResNet-18 in float16: one graph whose replay gives what the steps give one by one."""
    from cnncalc.engine.backends import choose_backend
    from cnncalc.engine.cuda.check import relative
    from cnncalc.engine.peers.job import Job
    from cnncalc.engine.plan import plan
    from cnncalc.engine.weights import Folded

    job = Job("", "", graph_of("resnet18"), BATCH, 1)
    backend, said = choose_backend("auto", "auto", f"cuda:{given.device}", "float16")
    planned = plan(job.graph, backend)
    program = backend.prepare(planned, Folded(planned.steps, job.weights()), BATCH)
    replayed = program.run(*job.images())
    program.time_steps()  # every step on its own
    alone = program.results()
    found = {
        "graphs": program.graphs, "eager": program.eager, "said": said,
        "difference": max(map(relative, replayed, alone)),
    }  # fmt: skip
    print(", ".join(f"{name}: {value}" for name, value in found.items()))
    return found


def main() -> None:
    given = arguments(__doc__, dtypes=",".join(DTYPES))
    dtypes = list(dict.fromkeys(cell.dtype for cell in given.cells))
    kept = Kept(given.folder, "probe")
    failed: list[str] = []
    sections: dict[str, Callable[[], Any]] = {
        "packages": packages,
        "device": lambda: device_facts(given),
        "ceilings": lambda: ceilings_found(given),
        "ceilings by PyTorch": lambda: ceilings_by_torch(given),
        "graph": lambda: whole_network(given),
        "patterns": lambda: failed.extend(patterns(given, dtypes, kept)),
    }
    for name, section in sections.items():
        print(f"\n## {name}\n", flush=True)
        try:
            kept.add(name, section())
        except Exception as failure:
            said = f"{type(failure).__name__}: {failure}".splitlines()[0]
            failed.append(f"{name}: {said}")
            kept.add(name, {"failure": said, "trace": traceback.format_exc()})
            print(f"not possible: {said}")
    print(f"\n{len(failed)} failures" + "".join(f"\n- {one}" for one in failed))
    print(f"written to {kept.path}")


if __name__ == "__main__":
    main()
