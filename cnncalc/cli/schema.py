"""``cnncalc schema``."""

import json

import click

from .. import __version__
from ..spec.json_schema import schema
from .output import write_file


@click.command(name="schema")
@click.option("-o", "--output", metavar="FILE", help="Write to a file that is not there yet.")
@click.option("--force", is_flag=True, help="Let --output overwrite a file.")
def command(output: str | None, force: bool) -> None:
    """Print a JSON Schema of specs, for editors and validators.

    With it an editor completes kinds and options, explains them, and marks what is misspelt. Write
    it to a file, and name that in the first line of a spec:

    \b
    # yaml-language-server: $schema=cnncalc.schema.json

    It knows less than `cnncalc check`: shapes, expressions and other files are nothing to it.
    """
    text = json.dumps(schema(__version__), indent=1, ensure_ascii=False) + "\n"
    if output in (None, "-"):
        click.echo(text, nl=False)
    else:
        assert output is not None
        write_file(output, text, force=force)
