"""How long, and in how much memory, the table of VGG-16 takes from a cold shell.

    python benchmarks/startup.py [--rounds 15] [--torch-python PATH]

Compares whole processes: `cnncalc summarize vgg16` into a pipe; an interpreter that only imports
click and yaml; and, given a Python of an environment with torch and torchinfo, torchinfo
printing the same network.
"""

import argparse
import shutil
import sys

from whole_process import interleaved, machine, require_bytecode

TORCHINFO = """
import torch
from torch import nn
from torchinfo import summary

layers, channels = [], 3
for stage, width in enumerate([64, 128, 256, 512, 512]):
    for _ in range(2 if stage < 2 else 3):
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(True)]
        channels = width
    layers.append(nn.MaxPool2d(2))
layers += [nn.AdaptiveAvgPool2d(7), nn.Flatten(), nn.Linear(25088, 4096), nn.ReLU(True),
           nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(True), nn.Dropout(), nn.Linear(4096, 1000)]
summary(nn.Sequential(*layers), (1, 3, 224, 224))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--torch-python", help="a Python with torch and torchinfo")
    arguments = parser.parse_args()
    require_bytecode()
    cnncalc = shutil.which("cnncalc", path=sys.exec_prefix + "/bin") or "cnncalc"
    commands = {
        "python -c 'import click, yaml'": [sys.executable, "-c", "import click, yaml"],
        "cnncalc summarize vgg16": [cnncalc, "summarize", "vgg16"],
    }
    if arguments.torch_python:
        commands["torchinfo"] = [arguments.torch_python, "-c", TORCHINFO]
    medians = interleaved(commands, arguments.rounds)
    ours = medians["cnncalc summarize vgg16"]
    print(f"{machine()}; medians of {arguments.rounds} interleaved rounds, whole processes\n")
    print("| command | wall s | CPU s | peak MiB | wall, ratio | memory, ratio |")
    print("|---|---|---|---|---|---|")
    for name, run in medians.items():
        print(
            f"| `{name}` | {run.wall:.3f} | {run.cpu:.3f} | {run.peak:.1f} | "
            f"{run.wall / ours.wall:.2f} | {run.peak / ours.peak:.2f} |"
        )
    if not arguments.torch_python:
        print("\ntorchinfo was not run: --torch-python PATH (pip install torch torchinfo)")


if __name__ == "__main__":
    main()
