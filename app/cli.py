"""`page-inbox`: the command line. A command's module is loaded when the command is called, or its help is shown."""

import errno
import importlib
import os
from contextlib import suppress
from typing import Any, Final

import click

from app.running import settings_of_run
from app.version import VERSION
from domain.errors import PageInboxError
from ops.settings import SettingsRefused

COMMANDS: Final = {
    "audit": "app.audit_command",
    "backup": "app.backup_commands",
    "copy": "app.backup_commands",
    "doctor": "app.doctor_command",
    "env": "app.env_command",
    "export": "app.export_command",
    "pages": "app.store_commands",
    "purge": "app.store_commands",
    "receipt": "app.receipt_command",
    "restore": "app.backup_commands",
    "run": "app.run_command",
    "serve": "app.serve_command",
    "settings": "app.settings_command",
    "simulate": "app.simulate_command",
    "token": "app.token_command",
}
"""A command's name and its module. The module has a click command of the same name."""

_OWN_SETTINGS: Final = {"run", "serve", "env"}
"""Commands that do not take their settings from a `run` that is running."""

NO_SIMULATOR: Final = """\
This command needs the package `simulator`, which is not installed: production leaves it out.
In a clone of the repository, `make setup` installs it; so does `pip install ./simulator`."""


class _Commands(click.Group):
    """Commands loaded by name. An error of ours or of a file is a sentence and exit code 1; any other is a bug."""

    def list_commands(self, _: click.Context) -> list[str]:
        """Every name."""
        return sorted(COMMANDS)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        """Load a command; None for an unknown name."""
        if name not in COMMANDS:
            return None
        try:
            command: click.Command = getattr(importlib.import_module(COMMANDS[name]), name)
        except ModuleNotFoundError as error:
            if error.name != "simulator":
                raise
            return _without_simulator(name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            sentence = _sentence(error)
            if sentence is None:
                raise
            raise click.ClickException(sentence) from None


def _sentence(error: Exception) -> str | None:
    """What a person needs to know about an error that is not a bug; None for a bug."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    if isinstance(error, PageInboxError | SettingsRefused):
        return str(error)
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename} cannot be used: {error.strerror}."
    if isinstance(error, OSError) and error.errno in {errno.EPIPE, errno.ENOSPC}:
        with suppress(OSError):
            # Python writes what is left when it ends, and would complain once more.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return f"What this command says or writes cannot be written: {error.strerror}."
    return None


def _without_simulator(name: str) -> click.Command:
    """A command that takes any arguments and refuses."""

    def refuse(arguments: tuple[str, ...]) -> None:
        del arguments
        raise click.ClickException(NO_SIMULATOR)

    return click.Command(
        name,
        callback=refuse,
        params=[click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)],
        context_settings={"ignore_unknown_options": True},
        help="Not installed: needs the package `simulator`.",
    )


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(VERSION, prog_name="page-inbox")
@click.pass_context
def main(context: click.Context) -> None:
    """A Facebook Page inbox for small shops: messages are kept five days, and purged when asked.

    \b
    Try it here, without Facebook or Redis:   page-inbox run
    Run it for real:                          page-inbox serve
    Every setting and its value now:          page-inbox settings
    """
    if context.invoked_subcommand not in _OWN_SETTINGS:
        os.environ |= settings_of_run(os.environ)
