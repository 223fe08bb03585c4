"""PyTorch, eager and compiled, on the module that torch_network.py makes."""

import torch
import torch._inductor.config

from ..weights import Array
from .job import Job
from .torch_network import TorchNetwork


class TorchEngine:
    """A module in inference mode, its tensors as PyTorch has them or with the channels last."""

    def __init__(self, job: Job) -> None:
        torch.set_num_threads(job.threads)
        network: torch.nn.Module = TorchNetwork(job.graph, job.weights()).eval()
        self.images = [torch.from_numpy(image) for image in job.images()]
        if "channels_last" in job.setting:
            network = network.to(memory_format=torch.channels_last)
            self.images = [last(image) for image in self.images]
        self.call: torch.nn.Module = network
        if "frozen" in job.setting:  # constants, so that batch norm goes into the weights
            torch._inductor.config.freezing = True
            self.call = torch.compile(network, dynamic=False)
        with torch.inference_mode():
            self.call(*self.images)

    def run(self) -> int:
        with torch.inference_mode():
            self.call(*self.images)
        return 1

    def outputs(self) -> list[Array]:
        with torch.inference_mode():
            return [y[:1].contiguous().numpy().copy() for y in self.call(*self.images)]


def last(image: torch.Tensor) -> torch.Tensor:
    return image.contiguous(memory_format=torch.channels_last) if image.dim() == 4 else image


def build(job: Job) -> TorchEngine:
    return TorchEngine(job)
