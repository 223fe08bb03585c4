"""Run a counting tool on networks: ``python counting_tools.py TOOL`` in a process of its own.

The tools patch PyTorch and warn as they like; nothing of that reaches the tests. Standard input
is a JSON list of ``[spec, functions, methods, zero_biases]`` (see `Code`), standard output ends
in a line with a JSON list of what the tool prints for each.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch_code import TorchCode, image

from cnncalc.analysis.reconciliation import Code
from cnncalc.api import load


def torchinfo(model: nn.Module, x: Tensor) -> float:
    from torchinfo import summary

    return summary(model, input_data=x, verbose=0).total_mult_adds


def fvcore(model: nn.Module, x: Tensor) -> float:
    from fvcore.nn import FlopCountAnalysis

    return FlopCountAnalysis(model, x).total()


def thop(model: nn.Module, x: Tensor) -> float:
    from thop import profile

    return profile(model, (x,), verbose=False)[0]


def ptflops(model: nn.Module, x: Tensor, backend: str = "pytorch") -> float:
    from ptflops import get_model_complexity_info as count

    size = tuple(x.shape[1:])
    return count(model, size, print_per_layer_stat=False, as_strings=False, backend=backend)[0]


def ptflops_aten(model: nn.Module, x: Tensor) -> float:
    return ptflops(model, x, "aten")


def onnx_tool(model: nn.Module, x: Tensor) -> float:
    """What `onnx_tool.model_profile` does before it prints its table."""
    import onnx
    from onnx_tool import Model, NoMacsOps

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        torch.onnx.export(model, (x,), path, verbose=False)
        graph = Model(onnx.load(path), {"verbose": False}).graph
    graph.graph_reorder_nodes()
    graph.shape_infer(None)
    graph.profile(exclude_ops=NoMacsOps)
    return graph.macs[0]


def calflops(model: nn.Module, x: Tensor) -> float:
    from calflops import calculate_flops

    options = {"print_results": False, "output_as_string": False}
    return calculate_flops(model, args=[x], **options)[0]


def flop_counter(model: nn.Module, x: Tensor) -> float:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        model(x)
    return counter.get_total_flops()


TOOLS: dict[str, Callable[[nn.Module, Tensor], float]] = {
    "torchinfo": torchinfo,
    "fvcore": fvcore,
    "thop": thop,
    "ptflops": ptflops,
    "ptflops-aten": ptflops_aten,
    "onnx-tool": onnx_tool,
    "calflops": calflops,
    "torch": flop_counter,
}


def main() -> None:
    tool = TOOLS[sys.argv[1]]
    figures: list[float | str] = []
    for spec, functions, methods, zero_biases in json.load(sys.stdin):
        graph = load(spec).graph
        assert graph is not None
        torch.manual_seed(1)
        model = TorchCode(graph, Code(tuple(functions), tuple(methods), zero_biases)).eval()
        try:
            with torch.no_grad():
                figures.append(tool(model, image(graph)))
        except Exception as error:  # a tool that fails is an answer too
            figures.append(type(error).__name__)
    print()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
