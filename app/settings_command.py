"""`page-inbox settings`: what is set, and what may be set."""

import os

import click

from ops.settings import SETTINGS, read_settings


@click.command()
def settings() -> None:
    """Show every setting: its value now (secrets only as set or not set) and what it means."""
    summary = read_settings(os.environ, command="tool").summary()
    for setting in SETTINGS:
        click.echo(f"{click.style(setting.name, bold=True)} = {summary[setting.name]}")
        click.echo(f"    {setting.meaning}" + (f" Default {setting.default}." if setting.default else ""))
