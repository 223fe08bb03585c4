"""``cnncalc bench``."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import cast

import click

from ..api import report_unusable
from ..spec import load
from .options import Given, input_option, set_option, spec_argument
from .output import fail, print_findings, terminal_width, usage_error


class BatchesType(click.ParamType):  # type: ignore[type-arg]
    """Batch sizes with commas between them."""

    name = "sizes"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        parts = str(value).split(",")
        if not all(part.strip().isdecimal() and 0 < int(part) <= 65_536 for part in parts):
            self.fail(f"{value!r} are no batch sizes; write whole numbers: 1,8", param)
        return tuple(dict.fromkeys(map(int, parts)))


class PeersType(click.ParamType):  # type: ignore[type-arg]
    """Names of engines with commas between them."""

    name = "engines"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        from ..engine.peers.registry import chosen

        names = tuple(name.strip() for name in str(value).split(","))
        try:
            chosen(names)
        except ValueError as error:
            self.fail(str(error), param)
        return names


class DeviceType(click.ParamType):  # type: ignore[type-arg]
    """The name of a device."""

    name = "device"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        kind, colon, number = str(value).partition(":")
        numbered = kind == "cuda" and number.isdecimal() and len(number) < 4
        if not (numbered if colon else kind in ("cpu", "cuda", "auto")):
            self.fail(f"{value!r} is no device; allowed: cpu, cuda, cuda:N, auto", param)
        return str(value)


@click.command(name="bench")
@spec_argument
@input_option
@set_option
@click.option("--device", type=DeviceType(), metavar="cpu|cuda|cuda:N|auto", default="cpu",
              show_default=True, help="Where to run. auto: on a GPU if there is one.")  # fmt: skip
@click.option("--batch", "batches", type=BatchesType(), metavar="N,…", default=(1,),
              help="Batch sizes, with commas between them. Without it 1.")  # fmt: skip
@click.option("--threads", type=click.IntRange(1, 1024), metavar="N",
              help="Threads. Without it, one for each core.")  # fmt: skip
@click.option("--algorithm", type=click.Choice(["auto", "direct", "winograd"]), default="auto",
              show_default=True, help="Of convolutions: what is fastest, or one of them "
              "wherever it can be.")  # fmt: skip
@click.option("--engine", type=click.Choice(["auto", "native", "numpy", "cudnn"]),
              default="auto", show_default=True, help="On a CPU native kernels where they can "
              "run, or NumPy's; on a GPU cuDNN with native kernels, or these alone.")  # fmt: skip
@click.option("--dtype", type=click.Choice(["float32", "tf32", "float16", "bfloat16"]),
              default="float32", show_default=True,
              help="Type of all values; on a CPU float32. tf32: float32, but multiplied with 10 "
              "bits. Sums are float32.")  # fmt: skip
@click.option("--weights", "weights_file", type=click.Path(), metavar="FILE",
              help="Weights by layer name, .npz or .safetensors. Without it, random.")  # fmt: skip
@click.option("--seconds", type=click.FloatRange(0.05, 3600), default=2.0, show_default=True,
              metavar="S", help="Time to measure each batch size, and each engine.")  # fmt: skip
@click.option("--compare", type=PeersType(), metavar="NAME,…", default=(),
              help="Run other engines beside it: torch, torch-compile, onnxruntime, openvino, "
              "or all.")  # fmt: skip
@click.option("--layers", is_flag=True, help="Print the time of each step beside its bound.")
@click.option("--explain", is_flag=True,
              help="Print the plan: kernels, fusions, arena. With --layers, run too.")  # fmt: skip
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text",
              show_default=True, help="json: all there is (docs/json.md).")  # fmt: skip
def command(
    spec: str, shape: Given, settings: tuple[tuple[str, str], ...], device: str,
    batches: tuple[int, ...], threads: int | None, algorithm: str, engine: str, dtype: str,
    weights_file: str | None, seconds: float, compare: tuple[str, ...], layers: bool,
    explain: bool, format_: str,
) -> None:  # fmt: skip
    """Run the forward pass of a network here, and measure it.

    SPEC is a path, - for standard input, or the name of a built-in architecture. The network
    runs for real, on random images: batch norm folded, activations and residuals fused, every
    tensor in one arena whose size is the predicted peak. Needs NumPy: pip install
    'cnncalc[engine]'; on an NVIDIA GPU pip install 'cnncalc[cuda13]', or cuda12, as the driver
    has it.
    """
    loaded = load(spec, values=dict(settings), shape=shape)
    report_unusable(loaded)
    if loaded.findings.failed or loaded.graph is None:
        fail(loaded)
    if loaded.findings:
        print_findings(loaded.findings, loaded.sources)
    notes = prepared(threads)
    from ..engine.backends import Engine, NoBackend
    from ..engine.bench import bench
    from ..engine.compare import EngineFailed
    from ..engine.fits import TooLarge
    from ..engine.plan import Algorithm
    from ..engine.weights import WeightsError
    from ..report.bench import render, render_json

    showing = sys.stderr.isatty()
    try:
        # Without children the system ends this process at once, even in the middle of a long run.
        with unwinding() if compare else nullcontext():
            measured = bench(
                loaded.graph, source=loaded.citation, batches=batches, threads=threads,
                algorithm=cast(Algorithm, algorithm), engine=cast(Engine, engine),
                device=device, dtype=dtype,
                weights_file=weights_file, seconds=seconds, compare=compare,
                run=layers or bool(compare) or not explain, notes=notes,
                progress=show if showing else lambda what, share: None,
            )  # fmt: skip
    except NoBackend as error:
        raise usage_error(str(error), error.hint) from None
    except TooLarge as error:
        raise usage_error(str(error), "a smaller --batch or --input") from None
    except WeightsError as error:
        raise click.UsageError(str(error)) from None
    except EngineFailed as error:
        raise click.ClickException(str(error)) from None
    finally:
        if showing:
            click.echo("\r\x1b[K", nl=False, err=True)
    if format_ == "json":
        text = render_json(measured)
    else:
        width = terminal_width() if sys.stdout.isatty() else None
        text = render(measured, layers=layers, explain=explain, width=width)
    click.echo(text, nl=False)


@contextmanager
def unwinding() -> Iterator[None]:
    """Let Ctrl-C end the children that run engines first; then it ends this process as it always
    does."""
    usual = signal.getsignal(signal.SIGINT)
    if usual is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, usual)
        signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, usual)


def prepared(threads: int | None) -> list[str]:
    """See to NumPy before it is imported; what there is to say of it."""
    from importlib.util import find_spec

    if find_spec("numpy") is None:
        raise usage_error("bench needs NumPy", "pip install 'cnncalc[engine]'")
    from ..engine.machine import cores, limit_threads

    if limit_threads(threads or cores()):
        return []
    return ["NumPy was loaded before; its BLAS keeps its own number of threads"]


def show(what: str, share: float) -> None:
    """A line on the terminal that is written over: what is being done, and how much of it is."""
    done = round(20 * share)
    bar = f"[{'#' * done}{'.' * (20 - done)}] {share:4.0%}" if share else ""
    click.echo(f"\r\x1b[K{what} {bar}", nl=False, err=True)
