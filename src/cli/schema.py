"""`registry schema`: the form of the registry document, for editors."""

import json

import click

from .context import Invocation
from .launch import write_private


@click.command()
@click.option("--output", metavar="FILE", help="Write this file (mode 0600) instead.")
@click.pass_obj
def schema(invocation: Invocation, output: str | None) -> None:
    """Print the JSON schema (2020-12) of the registry document.

    An editor that knows it completes and checks the document while it is written: with yaml-language-server put the
    line `# yaml-language-server: $schema=registry.schema.json` at the head of the document.
    """
    from ..explain.registry_schema import registry_schema
    text = json.dumps(registry_schema(), indent=2) + "\n"
    if output:
        write_private(invocation.cwd / output, text.encode())
    else:
        click.echo(text, nl=False)
