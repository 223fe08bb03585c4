"""The command line inside the tests' own process."""

from click.testing import CliRunner, Result

from cnncalc.cli import cli


def run(*args: str, typed: str | bytes | None = None, columns: int = 80) -> Result:
    """A command's result; an exception that is no exit is raised."""
    runner = CliRunner(env={"COLUMNS": str(columns)})
    result = runner.invoke(cli, list(args), input=typed, prog_name="cnncalc")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def complaint(*args: str, typed: str | None = None) -> str:
    """What wrong usage prints below its two lines of usage; asserts exit code 2."""
    result = run(*args, typed=typed)
    assert (result.exit_code, result.stdout) == (2, "")
    usage, _, text = result.stderr.partition("\n\n")
    assert usage.startswith("Usage: cnncalc")
    assert " --help' for help." in usage
    return text
