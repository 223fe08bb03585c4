"""How long ``cnncalc check`` takes: one spec from a cold shell, and a folder of 1,000.

    python benchmarks/check.py [--rounds 5] [--specs 1000]

The folders are made from the built-in networks: each again and again, every time for another
input size. Once they are short files that extend the built-in family, as people write them, and
once written out flat as `cnncalc expand` prints them, with 500 lines on average. No two are equal.
"""

import argparse
import itertools
import shutil
import sys
import tempfile
from pathlib import Path

from whole_process import interleaved, machine, require_bytecode

from cnncalc.spec import builtin_names, load
from cnncalc.spec.flat import flat

#: What is added to the height and the width of a network's own input.
STEPS = range(0, 3200, 32)


def write_specs(folder: Path, count: int, *, written_out: bool) -> None:
    """Write so many different specs that check without an error."""
    written = 0
    for step, name in itertools.product(STEPS, builtin_names()):
        loaded = load(name)
        if loaded.graph is None:
            continue
        shapes = {
            node.name: (node.output_shapes[0][0], *(s + step for s in node.output_shapes[0][1:]))
            for node in loaded.graph.nodes
            if node.layer.kind == "input"
        }
        changed = load(name, shape=shapes)
        if changed.graph is None or changed.findings.failed:
            continue
        if written_out:
            text = flat(changed.graph)
        else:
            inputs = ", ".join(f"{word}: {list(shape)}" for word, shape in shapes.items())
            inputs = inputs if [*shapes] == ["input"] else f"inputs: {{{inputs}}}"
            text = f"extends: {name}\nname: {name} for {step} more\n{inputs}\n"
        (folder / f"{written:04}-{name}.yaml").write_text(text, encoding="utf-8")
        written += 1
        if written == count:
            return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--specs", type=int, default=1000)
    arguments = parser.parse_args()
    require_bytecode()
    cnncalc = shutil.which("cnncalc", path=sys.exec_prefix + "/bin") or "cnncalc"
    with tempfile.TemporaryDirectory() as folder:
        commands = {
            "python -c 'import click, yaml'": [sys.executable, "-c", "import click, yaml"],
            "cnncalc check vgg16.yaml": [cnncalc, "check", "architectures/vgg16.yaml"],
        }
        for form in ("short", "flat"):
            below = Path(folder, form)
            below.mkdir()
            write_specs(below, arguments.specs, written_out=form == "flat")
            name = f"cnncalc check, {arguments.specs:,} specs, {form}"
            for jobs in ("1", "auto"):
                commands[f"{name}, --jobs {jobs}"] = [cnncalc, "check", "--jobs", jobs, str(below)]
        medians = interleaved(commands, arguments.rounds)
    base = medians["python -c 'import click, yaml'"].wall
    print(f"{machine()}; medians of {arguments.rounds} interleaved rounds, whole processes\n")
    print("| command | wall s | CPU s | peak MiB | wall, ratio |")
    print("|---|---|---|---|---|")
    for name, run in medians.items():
        ratio = run.wall / base
        print(f"| `{name}` | {run.wall:.3f} | {run.cpu:.3f} | {run.peak:.0f} | {ratio:.1f} |")


if __name__ == "__main__":
    main()
