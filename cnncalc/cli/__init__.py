"""The command line. Each command is a module of its own, imported when it is called."""

import codecs
import gc
import signal
import sys
from importlib import import_module
from typing import Any

import click

from .. import __version__

#: The commands, and the line that ``cnncalc --help`` says of each.
COMMANDS = {
    "summarize": "Print the table of a network: shapes, params, MACs, memory, receptive fields.",
    "explain": "Derive every number of a layer; document a kind or a finding.",
    "check": "Check specs: every mistake at file:line:column, and what they expect.",
    "schema": "Print a JSON Schema of specs, for editors.",
    "expand": "Print a spec flat: no blocks, repeats or other files.",
    "sizes": "Find the inputs that a network can take, and those that lose no rows or columns.",
    "diff": "Compare two networks, or two versions of one, layer by layer.",
    "bench": "Run the forward pass of a network here, and measure it.",
    "list": "List the built-in architectures.",
}

#: How signs of formulas are written where the output's encoding has none.
PLAIN_SIGNS = {
    "×": "x", "·": "*", "−": "-", "÷": "/", "–": "-", "…": "...", "→": "->",
    "≤": "<=", "≥": ">=", "≠": "!=", "²": "^2", "√": "sqrt",
}  # fmt: skip


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS]  # `list` may be the command of that name by now

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"{__name__}.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            from .output import usage_error

            if args[0].startswith("-"):
                raise
            from ..diagnostics import did_you_mean

            hint = did_you_mean(args[0], COMMANDS)
            raise usage_error(f"there is no command {args[0]}", hint, ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([*COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="cnncalc %(version)s")
def cli() -> None:
    """Shapes and costs of convolutional networks, from a YAML spec.

    \b
    cnncalc summarize vgg16              the table of a built-in architecture
    cnncalc explain vgg16 conv1_1        where each number comes from
    cnncalc check my.yaml                is the spec right?

    Exit codes: 0 clean, 1 findings, 2 wrong usage, 3 a file cannot be read.
    """


def main(args: list[str] | None = None, **extra: Any) -> None:
    """Run the command line as a process: on streams of any encoding, stopped by any signal."""
    # A spec of 100,000 layers is millions of objects that all live to the end: looking for
    # garbage among them as often as Python does by default takes a third of the time.
    gc.set_threshold(200_000, 50, 100)
    # Ctrl-C and a reader that has seen enough (| head) end a calculator silently, as any filter.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    codecs.register_error("plain-signs", plain_signs)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="plain-signs")
    cli.main(args, prog_name="cnncalc", **extra)


def plain_signs(error: UnicodeError) -> tuple[str, int]:
    """What an encoding cannot write, in ASCII: ``×`` is ``x``, any other sign an escape."""
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end]
    escaped = (
        PLAIN_SIGNS.get(sign) or sign.encode("ascii", "backslashreplace").decode() for sign in text
    )
    return "".join(escaped), error.end
