"""OpenVINO, in float32, on the model that onnx_model.py makes."""

import sys
from math import ceil
from time import perf_counter
from typing import Any

from ..weights import Array
from .job import Job
from .onnx_model import model, saved

# Importing OpenVINO forks a process that sends usage statistics. Without that package it does
# not, and says nothing: a comparison tells nobody, and nothing else is to run beside it.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

import openvino  # noqa: E402

#: With several requests at once a run takes at least so many seconds, so that the time in which
#: the first are done and the last are not yet does not count.
LEAST_RUN = 0.05


class OpenVino:
    """A compiled model.

    With the latency hint one request after the other, each on all threads. With the throughput
    hint OpenVINO says how many requests it wants at once, each on its share of the threads; so
    many are kept going, and a batch takes what all of them take, divided by their number.
    """

    def __init__(self, job: Job) -> None:
        throughput = "throughput" in job.setting
        core = openvino.Core()
        # Without the hint it computes in bfloat16 on processors that can.
        properties = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": job.threads,
            "PERFORMANCE_HINT": "THROUGHPUT" if throughput else "LATENCY",
        }
        with saved(model(job.graph, job.weights(), job.batch)) as path:
            compiled = core.compile_model(core.read_model(path), "CPU", properties)
        wanted = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS") if throughput else 1
        self.requests: list[Any] = [compiled.create_infer_request() for _ in range(wanted)]
        self.images = job.images()
        for request in self.requests:
            for number, image in enumerate(self.images):
                request.set_input_tensor(number, openvino.Tensor(image, shared_memory=True))
        self.laps = 1
        if throughput:
            self.run()
            before = perf_counter()
            self.run()
            self.laps = max(1, ceil(LEAST_RUN / (perf_counter() - before)))

    def run(self) -> int:
        if len(self.requests) == 1:
            self.requests[0].infer()
            return 1
        for lap in range(self.laps):
            for request in self.requests:
                if lap:
                    request.wait()
                request.start_async()
        for request in self.requests:
            request.wait()
        return len(self.requests) * self.laps

    def outputs(self) -> list[Array]:
        self.run()
        results = self.requests[0].model_outputs
        return [self.requests[0].get_tensor(port).data[:1].copy() for port in results]


def build(job: Job) -> OpenVino:
    return OpenVino(job)
