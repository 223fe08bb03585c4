"""How long the engine takes from a cold shell: until it is ready, and until its first result.

    python benchmarks/engine_startup.py [--rounds 7]

Whole processes, with compiled bytecode and kernels in the cache (one round before, which is not
counted, sees to both). *Ready* is Python, the spec, the imports, the plan, the kernels and the
threads for a network with the layers of VGG-16, but 16 channels, so that there are next to no
weights to make.
"""

import argparse
import shutil
import sys

from whole_process import interleaved, machine, require_bytecode

THIN = """
name: thin VGG-16
input: [3, 224, 224]
layers:
  - repeat:
      over: {convs: [2, 2, 3, 3, 3]}
      layers:
        - repeat:
            times: convs
            layers:
              - conv2d: {out_channels: 16, kernel_size: 3, padding: 1}
              - relu
        - max_pool2d: {kernel_size: 2}
  - flatten
  - linear: {out_features: 16}
"""

READY = f"""
import os, tempfile
from pathlib import Path
from cnncalc.spec import load
from cnncalc.engine.backends import choose_backend
from cnncalc.engine.plan import plan
from cnncalc.engine.weights import Folded, Weights

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "thin.yaml")
    path.write_text({THIN!r})
    graph = load(str(path)).graph
backend, _ = choose_backend("auto", "auto")
planned = plan(graph, backend)
program = backend.prepare(planned, Folded(planned.steps, Weights(graph)), 1)
program.run(*program.inputs)
program.close()
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    require_bytecode()
    cnncalc = shutil.which("cnncalc", path=sys.exec_prefix + "/bin") or "cnncalc"
    commands = {
        "engine ready": [sys.executable, "-c", READY],
        "cnncalc bench vgg16 --seconds 0.2": [cnncalc, "bench", "vgg16", "--seconds", "0.2"],
        "cnncalc summarize vgg16": [cnncalc, "summarize", "vgg16"],
    }
    medians = interleaved(commands, arguments.rounds)
    print(f"{machine()}; medians of {arguments.rounds} interleaved rounds, whole processes\n")
    print("| command | wall s | CPU s | peak MiB |")
    print("|---|---|---|---|")
    for name, run in medians.items():
        print(f"| `{name}` | {run.wall:.2f} | {run.cpu:.2f} | {run.peak:.0f} |")


if __name__ == "__main__":
    main()
