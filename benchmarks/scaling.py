"""How time and memory grow with the number of layers: chains of 1,000, 10,000 and 100,000.

    python benchmarks/scaling.py [--rounds 3]

Each chain is convolutions and ReLUs, once as a `repeat` of two entries and once written out, one
line for each layer; the whole table goes into a pipe.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from whole_process import interleaved, machine, require_bytecode

HEAD = "name: chain\ninput: [8, 32, 32]\nlayers:\n"
PAIR = "- conv2d: {out_channels: 8, kernel_size: 3, padding: 1}\n{indent}- relu\n"


def chain(layers: int, *, written_out: bool) -> str:
    """A chain of so many layers as a spec."""
    if written_out:
        return HEAD + ("  " + PAIR.replace("{indent}", "  ")) * (layers // 2)
    indent = " " * 8
    body = indent + PAIR.replace("{indent}", indent)
    return f"{HEAD}  - repeat:\n      times: {layers // 2}\n      layers:\n{body}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    require_bytecode()
    cnncalc = shutil.which("cnncalc", path=sys.exec_prefix + "/bin") or "cnncalc"
    with tempfile.TemporaryDirectory() as folder:
        commands = {}
        for layers in (1_000, 10_000, 100_000):
            for form in ("repeat", "written out"):
                path = Path(folder, f"{form}-{layers}.yaml")
                text = chain(layers, written_out=form == "written out")
                path.write_text(text, encoding="utf-8")
                commands[f"{layers:,} | {form}"] = [cnncalc, "summarize", str(path)]
        medians = interleaved(commands, arguments.rounds)
    print(f"{machine()}; medians of {arguments.rounds} interleaved rounds, whole processes\n")
    print("| layers | spec | wall s | CPU s | peak MiB | CPU µs per layer |")
    print("|---|---|---|---|---|---|")
    for name, run in medians.items():
        layers = int(name.split(" |")[0].replace(",", ""))
        print(
            f"| {name} | {run.wall:.2f} | {run.cpu:.2f} | {run.peak:.0f} | "
            f"{run.cpu / layers * 1e6:.0f} |"
        )


if __name__ == "__main__":
    main()
