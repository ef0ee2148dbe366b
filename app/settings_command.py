"""`page-inbox settings`: shows which settings exist and their values."""

import os

import click

from ops.settings import SETTINGS, read_settings


@click.command()
def settings() -> None:
    """Show every setting, its value and its meaning. Of a secret it shows only whether the secret is set."""
    summary = read_settings(os.environ, command="tool").summary()
    for setting in SETTINGS:
        click.echo(f"{click.style(setting.name, bold=True)} = {summary[setting.name]}")
        click.echo(f"    {setting.meaning}" + (f" Default {setting.default}." if setting.default else ""))
