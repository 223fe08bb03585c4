"""onnxruntime, on the model that onnx_model.py makes."""

from typing import Any

import onnxruntime

from ..weights import Array
from .job import Job
from .onnx_model import model, saved


class OnnxRuntime:
    """A session. Input and output are bound, so that a run copies neither."""

    def __init__(self, job: Job) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = job.threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        with saved(model(job.graph, job.weights(), job.batch)) as path:
            self.session = onnxruntime.InferenceSession(
                path, options, providers=["CPUExecutionProvider"]
            )
        self.binding: Any = self.session.io_binding()
        self.images = [onnxruntime.OrtValue.ortvalue_from_numpy(x) for x in job.images()]
        for place, image in zip(self.session.get_inputs(), self.images, strict=True):
            self.binding.bind_ortvalue_input(place.name, image)
        for place in self.session.get_outputs():
            self.binding.bind_output(place.name)

    def run(self) -> int:
        self.session.run_with_iobinding(self.binding)
        return 1

    def outputs(self) -> list[Array]:
        self.run()
        return [array[:1] for array in self.binding.copy_outputs_to_cpu()]


def build(job: Job) -> OnnxRuntime:
    return OnnxRuntime(job)
