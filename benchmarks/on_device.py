"""What the benchmarks for a GPU share: the device or one line that says why there is none, the
options, tables, and JSON that is written after each cell.

Time on a GPU is lent, so every command stops by itself (``--minutes``), and what is in its file is
not measured again: the same command goes on where it stopped.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

NETWORKS, BATCHES = "vgg16,resnet50,mobilenet_v2", "256,64,1"


class Cell(NamedTuple):
    """What one row of a table measures."""

    network: str
    batch: int
    dtype: str

    @property
    def name(self) -> str:
        return f"{self.network}-{self.batch}-{self.dtype}"


class Arguments(NamedTuple):
    """The options of all commands, and when to stop."""

    cells: list[Cell]
    folder: Path
    seconds: float
    device: int
    end: float

    @property
    def left(self) -> float:
        """Seconds until the command is to stop."""
        return self.end - time.monotonic()


def arguments(text: str, batches: str = BATCHES, dtypes: str = "float16") -> Arguments:
    """Parse the command line; ends the process where there is no device."""
    parser = argparse.ArgumentParser(description=text.splitlines()[0])
    parser.add_argument("--networks", default=NETWORKS, help="default: %(default)s")
    parser.add_argument("--batches", default=batches, help="default: %(default)s")
    parser.add_argument("--dtypes", default=dtypes, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each engine and cell")
    parser.add_argument("--minutes", type=float, default=9.0, help="then stop (%(default)s)")
    parser.add_argument("--device", type=int, default=0, help="number of the GPU (%(default)s)")
    here = Path(__file__).parent / "cuda"
    parser.add_argument("--out", type=Path, default=here, help="folder of the JSON (%(default)s)")
    given = parser.parse_args()
    cells = [
        Cell(network, int(batch), dtype)
        for dtype in given.dtypes.split(",")
        for batch in given.batches.split(",")
        for network in given.networks.split(",")
    ]
    require_device()
    end = time.monotonic() + 60 * given.minutes
    return Arguments(cells, given.out, given.seconds, given.device, end)


def require_device() -> None:
    """End the process with one line if there is no driver: nothing here can run without one."""
    from cnncalc.engine.cuda.device import driver_version

    if driver_version() is None:
        raise SystemExit(f"{Path(sys.argv[0]).name}: no NVIDIA driver here, so no GPU to measure")


def opened(number: int) -> tuple[Any, Any]:
    """CuPy and a device; ends the process with one line that says why there is none."""
    from cnncalc.engine.cuda.device import open_device
    from cnncalc.engine.refusal import NoBackend

    try:
        return open_device(number)
    except NoBackend as missing:
        raise SystemExit(f"{Path(sys.argv[0]).name}: {missing} ({missing.hint})") from None


class Kept:
    """A JSON file of rows by name, written anew after each of them."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{name}.json"
        self.rows: dict[str, Any] = {}
        if self.path.exists():
            self.rows = json.loads(self.path.read_text("utf-8"))["rows"]

    def __contains__(self, name: str) -> bool:
        return name in self.rows

    def add(self, name: str, row: Any) -> None:
        self.rows[name] = row
        self.path.parent.mkdir(parents=True, exist_ok=True)
        whole = self.path.with_suffix(".part")
        command = " ".join(["python", *sys.argv])
        found = {"date": str(date.today()), "command": command, "rows": self.rows}
        whole.write_text(json.dumps(found, indent=1), "utf-8")
        whole.replace(self.path)


def to_do(given: Arguments, kept: Kept) -> Iterator[Cell]:
    """The cells that are not measured yet, until time is up."""
    for cell in given.cells:
        if cell.name in kept:
            continue
        if given.left <= 0:
            print(f"time is up before {cell.name}; the same command goes on from there")
            return
        print(f"... {cell.name}, {given.left:.0f} s left", file=sys.stderr, flush=True)
        yield cell


def show(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table of Markdown."""
    from cnncalc.report.cells import Cells, Heading

    cells = [[str(value) for value in row] for row in rows]
    print("\n".join(Cells([Heading(text, left=True) for text in headings], cells).markdown()))


def graph_of(network: str) -> Any:
    """The graph of a built-in network, or of a file."""
    from cnncalc.spec import load

    loaded = load(network)
    if loaded.graph is None or loaded.findings.failed:
        raise SystemExit(f"{network} is no network: cnncalc check {network}")
    return loaded.graph
