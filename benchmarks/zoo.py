"""How long all built-in architectures take to load and summarize in one process.

python benchmarks/zoo.py [--rounds 5]
"""

import argparse
import sys

from whole_process import interleaved, machine, require_bytecode

ALL = """
from cnncalc.analysis.summarize import summarize
from cnncalc.spec import builtin_names, load
for name in builtin_names():
    graph = load(name).graph
    if graph is not None:
        summarize(graph)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    require_bytecode()
    from cnncalc.spec import builtin_names

    medians = interleaved({"zoo": [sys.executable, "-c", ALL]}, arguments.rounds)
    run = medians["zoo"]
    print(f"{machine()}; medians of {arguments.rounds} whole processes\n")
    print("| specs | wall s | CPU s | peak MiB |")
    print("|---|---|---|---|")
    print(f"| {len(builtin_names())} | {run.wall:.2f} | {run.cpu:.2f} | {run.peak:.0f} |")


if __name__ == "__main__":
    main()
