"""The choice of a command's target: Redis, or a running service. Each command with this choice has the options --url
and --token."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from app.inboxes import CommandTarget, Direct
from app.remote import remote
from app.tools import check_store, with_tools
from domain.secret import Secret
from ops import logs

Command = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Where:
    """The target of a command."""

    url: str | None
    token: Secret | None

    def run(self, work: Callable[[CommandTarget], Awaitable[None]]) -> None:
        """Do the work on the inbox that the options choose."""
        service = self._service()
        if service is None:
            with_tools(lambda tools: work(Direct(tools)))
            return

        async def there() -> None:
            async with remote(*service) as inbox:
                await work(inbox)

        logs.configure(sys.stderr.buffer, level="warning")
        asyncio.run(there())

    def check(self) -> None:
        """Check that the needed settings are set. Call this before the command asks the user for confirmation."""
        if self._service() is None:
            check_store()

    def _service(self) -> tuple[str, Secret] | None:
        """Returns the address and token of the service, None for the store. Raises `UsageError` without a token."""
        if self.url is None:
            return None
        if not self.token:
            raise click.UsageError("--url needs a token: --token, or TOKEN in the environment.")
        return self.url.rstrip("/"), self.token


def somewhere(command: Command) -> Command:
    """Give a command the options --url and --token, and pass them to it as `where`."""

    @click.option(
        "--url", help="A running service, as https://inbox.example. Without --url, the command uses REDIS_URL."
    )
    @click.option("--token", envvar="TOKEN", help="A token for the service. Better: set TOKEN in the environment.")
    @wraps(command)
    def called(url: str | None, token: str | None, **options: Any) -> None:
        command(where=Where(url, Secret(token) if token else None), **options)

    return called
