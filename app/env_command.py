"""`page-inbox env`: prints the settings that other programs need to work with a running `page-inbox run`."""

import os
import shlex

import click

from app.running import data_dir, settings_of_run


@click.command()
def env() -> None:
    """Print the settings of the running `page-inbox run`.

    The output has `export` lines for a shell, secrets included.
    Commands of `page-inbox` find these settings in DATA_DIR. Other programs need this command.

    \b
    Example:   eval "$(page-inbox env)"
    """
    found = settings_of_run({name: value for name, value in os.environ.items() if name == "DATA_DIR"})
    if not found:
        place = data_dir(os.environ)
        raise click.ClickException(f"No `page-inbox run` is running with its data in {place}. Is DATA_DIR right?")
    for name, value in found.items():
        click.echo(f"export {name}={shlex.quote(value)}")
