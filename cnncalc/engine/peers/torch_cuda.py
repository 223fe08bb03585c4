"""PyTorch on a CUDA device, in each of the modes that may be its best.

All have batch norm folded, the channels last, cuDNN's benchmark over every algorithm, the input on
the device, and launch a pass as CUDA graphs.
"""

from typing import Any

import torch
import torch._inductor.config

from ..cuda.timing import Launch, turn
from ..weights import Array
from .job import CannotBuild, Job
from .torch_engine import last
from .torch_folded import FoldedNetwork

#: What PyTorch computes in: its type, and whether products of float32 may be rounded to TF32.
TYPES = {
    "float32": (torch.float32, False),
    "tf32": (torch.float32, True),
    "float16": (torch.float16, False),
    "bfloat16": (torch.bfloat16, False),
}

PIP = "pip install torch --index-url https://download.pytorch.org/whl/cu130"


class TorchCuda:
    """A network in a mode (`registry.TORCH_MODES`)."""

    def __init__(self, job: Job) -> None:
        if not torch.cuda.is_available():
            raise CannotBuild(f"PyTorch {torch.__version__} sees no CUDA device ({PIP})")
        self.device = torch.device(job.device)
        torch.cuda.set_device(self.device)
        dtype, tf32 = TYPES[job.dtype]
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
        torch.backends.cudnn.benchmark, torch.backends.cudnn.benchmark_limit = True, 0
        fused = job.setting == "cuDNN fused, graph"
        network: torch.nn.Module = FoldedNetwork(job.graph, job.weights(), fused=fused).eval()
        self.network = network.to(self.device, dtype).to(memory_format=torch.channels_last)
        self.images = [
            last(torch.from_numpy(image).to(self.device, dtype)) for image in job.images()
        ]
        self.events = TorchEvents()
        with torch.inference_mode():
            graph = job.setting in ("eager, graph", "cuDNN fused, graph")
            self.launch: Launch = self.captured() if graph else self.compiled(job.setting)
            self.launch()
        self.events.synchronize()

    def captured(self) -> Launch:
        """The network as it is, captured in one graph, after a warm-up on another stream."""
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(3):
                self.network(*self.images)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.results = self.network(*self.images)
        replay: Launch = graph.replay
        return replay

    def compiled(self, mode: str) -> Launch:
        """The network by Inductor, weights frozen; the mode captures graphs by itself."""
        torch._inductor.config.freezing = True
        for image in self.images:  # read where it lies: not copied into the graph's own input
            torch._dynamo.mark_static_address(image)
        call = torch.compile(self.network, mode=mode, dynamic=False)

        def launch() -> None:
            torch.compiler.cudagraph_mark_step_begin()
            self.results = call(*self.images)

        for _ in range(3):  # compile, record, replay
            launch()
        return launch

    def measure(self, seconds: float) -> list[float]:
        """Seconds of a batch in windows between events, of one turn."""
        with torch.inference_mode():
            return turn(self.launch, self.events, seconds)[0]

    def run(self) -> int:
        with torch.inference_mode():
            self.launch()
        self.events.synchronize()
        return 1

    def outputs(self) -> list[Array]:
        self.run()
        return [y[:1].float().contiguous().cpu().numpy() for y in self.results]


class TorchEvents:
    """Time on the current device (`cuda.timing.Events`)."""

    def mark(self) -> Any:
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def nanoseconds(self, first: Any, second: Any) -> int:
        second.synchronize()
        milliseconds: float = first.elapsed_time(second)
        return round(1e6 * milliseconds)

    def synchronize(self) -> None:
        torch.cuda.synchronize()


def build(job: Job) -> TorchCuda:
    return TorchCuda(job)
