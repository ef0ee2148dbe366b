"""The commands `page-inbox backup`, `restore` and `copy`. They are for a loss of Redis and for a move to another
Redis."""

import os
import secrets
import sys
from dataclasses import replace
from pathlib import Path

import click

from app.counted import counted
from app.parts import make_connection, make_replay, unix_milliseconds
from app.tools import Tools, with_tools
from cache.backup.backup import Backup
from cache.backup.copy import Copy, CopyRefused
from cache.registry.marks import Marks
from cache.server.exchange import IN_COMMAND
from cache.server.scan import count_keys
from ops import values
from ops.settings import read_settings


def _backup(tools: Tools) -> Backup:
    store = tools.store
    replay = make_replay(store)
    return Backup(
        store.connection, store.sealer, store.marks, replay, new_bytes=secrets.token_bytes, now=unix_milliseconds
    )


@click.command()
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The file to write.")
def backup(out: Path) -> None:
    """Write a backup to a file, without messages. The command reads Redis directly. The service can
    keep running.

    The backup has the Pages of each shop, their tokens, blocked customers, receipts, and the purges of the last five
    days. SEAL_KEYS encrypt the backup, and only SEAL_KEYS can decrypt it. Do not keep SEAL_KEYS in the same place as
    the file. The backup has no messages, so a restore cannot bring back a purged message. After a restore, the service
    fetches messages from Facebook again.

    \b
    Example, each hour:   page-inbox backup --out /backups/inbox-$(date +%H)
    """

    async def work(tools: Tools) -> None:
        keys = await count_keys(tools.store.connection)
        with click.progressbar(length=keys, label="Reading", file=sys.stderr) as bar:
            pages = await _backup(tools).write(out, bar.update)
        click.echo(f"{out} holds {counted(pages, 'Page')} and no message.")

    with_tools(work)


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Allow a Redis that is not empty. Existing data do not change.")
def restore(file: Path, force: bool) -> None:
    """Restore a backup into an empty Redis.

    The command restores FILE into the Redis in REDIS_URL. The service can keep running. The command then repeats the
    purges of the last five days that are in PURGE_JOURNAL. After that, the running service fetches the messages of the
    last five days from Facebook, for every Page with a token. SEAL_KEYS must have the keys that were set when the
    backup was made.

    \b
    Example:   page-inbox restore /backups/inbox-07
    """

    async def work(tools: Tools) -> None:
        made = _backup(tools)
        with click.progressbar(length=made.verify(file), label="Restoring", file=sys.stderr) as bar:
            pages = await made.restore(file, bar.update, force=force)
        click.echo(f"{counted(pages, 'Page')} restored. Deliveries are stored from now on.")
        if tools.store.journal is None:
            click.echo(
                "PURGE_JOURNAL is not set: purges that were made after this backup are not known any more. What they "
                "deleted comes back when the Page is healed. Ask the shops to purge again.",
                err=True,
            )

    with_tools(work, replay=False)


@click.command()
@click.option(
    "--to",
    "to",
    required=True,
    envvar="COPY_TO",
    help="The Redis to copy to, written like REDIS_URL. Or set the environment variable COPY_TO.",
)
def copy(to: str) -> None:
    """Copy everything to an empty Redis, and compare both.

    The command copies from the Redis in REDIS_URL, with the messages. The new Redis can be a cluster. Each key keeps
    its expiry time to the millisecond. Stop the service first: data that the service stores during the copy is not
    copied. Afterwards start the service with the new REDIS_URL. For some time Facebook repeats deliveries that failed.
    The service fetches the rest for Pages with a token.

    \b
    Example:   page-inbox copy --to redis+cluster://10.0.0.1,10.0.0.2,10.0.0.3
    """
    settings = read_settings(os.environ, command="tool")
    try:
        url = values.redis_url(to)
    except values.Malformed as error:
        raise click.BadParameter(str(error), param_hint="--to") from None
    target = make_connection(replace(settings, redis_url=url, wait_replicas=0), IN_COMMAND)

    async def work(tools: Tools) -> None:
        marks = Marks(target, new_word=lambda: secrets.token_hex(8))
        copying = Copy(tools.store.connection, target, marks, now=unix_milliseconds)
        try:
            size = await count_keys(tools.store.connection)
            with click.progressbar(length=size, label="Copying  ", file=sys.stderr) as bar:
                copied = await copying.run(bar.update)
            with click.progressbar(length=size, label="Comparing", file=sys.stderr) as bar:
                compared = await copying.compare(bar.update)
        finally:
            await target.close()
        click.echo(f"{counted(copied, 'key')} copied, {counted(compared.keys, 'key')} compared.")
        if compared.different:
            raise CopyRefused(
                f"{counted(compared.different, 'key')} differ: something wrote to the source meanwhile. Stop every "
                "service that uses it, empty the target, and copy again."
            )
        click.echo("All are equal, with their deadlines. Set REDIS_URL to the new address, and start the service.")

    with_tools(work)
