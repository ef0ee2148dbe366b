"""`page-inbox`: the command line. The module of a command is loaded when the command runs or its help is shown."""

import errno
import importlib
import os
from contextlib import suppress
from typing import Any, Final

import click

from app.loading import loading
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
"""The name of each command and its module. The module has a click command with that name."""

_OWN_SETTINGS: Final = {"run", "serve", "env"}
"""Commands that do not use the settings of a `page-inbox run` on this machine."""

NO_SIMULATOR: Final = """\
This command needs the package `simulator`, which is not installed: production leaves it out.
In a clone of the repository, `make setup` installs it; so does `pip install ./simulator`."""


class _Commands(click.Group):
    """Loads commands by name. An expected error is printed as a sentence, with exit code 1. Other errors are bugs."""

    def list_commands(self, _: click.Context) -> list[str]:
        """Returns the names of all commands."""
        return sorted(COMMANDS)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        """Load a command. Returns None for an unknown name."""
        if name not in COMMANDS:
            return None
        try:
            with loading():
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
    """Returns the sentence for the user about an expected error, and None for a bug."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    if isinstance(error, PageInboxError | SettingsRefused):
        return str(error)
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename} cannot be used: {error.strerror}."
    if isinstance(error, OSError) and error.errno in {errno.EPIPE, errno.ENOSPC}:
        with suppress(OSError):
            # Python writes its buffered output at its end. Without this line, it would report the same error again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return f"What this command says or writes cannot be written: {error.strerror}."
    return None


def _without_simulator(name: str) -> click.Command:
    """Returns a command that accepts any arguments and always fails with NO_SIMULATOR."""

    def refuse(arguments: tuple[str, ...]) -> None:
        del arguments
        raise click.ClickException(NO_SIMULATOR)

    return click.Command(
        name,
        callback=refuse,
        params=[click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)],
        context_settings={"ignore_unknown_options": True},
        help="Not available: this command needs the package `simulator`, which is not installed.",
    )


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(VERSION, prog_name="page-inbox")
@click.pass_context
def main(context: click.Context) -> None:
    """A Facebook Page inbox for small shops. It keeps messages for five days and deletes them on request.

    \b
    Try it on this machine, without Facebook or Redis:   page-inbox run
    Run it in production:                                page-inbox serve
    Show every setting and its value:                    page-inbox settings
    """
    if context.invoked_subcommand not in _OWN_SETTINGS:
        os.environ |= settings_of_run(os.environ)
