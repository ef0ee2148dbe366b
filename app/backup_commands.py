"""`page-inbox backup`, `restore` and `copy`: what an operator does before and after Redis is lost."""

import os
import secrets
import sys
from pathlib import Path

import click

from app.counted import counted
from app.parts import make_connection_to, make_replay, unix_milliseconds
from app.tools import Tools, check_store, with_tools
from cache.backup.backup import Backup
from cache.backup.copy import Copy, CopyRefused
from cache.registry.marks import Marks
from ops import values
from ops.settings import read_settings


def _backup(tools: Tools) -> Backup:
    store = tools.store
    replay = make_replay(store)
    return Backup(
        store.connection, store.sealer, store.marks, replay, new_bytes=secrets.token_bytes, now=unix_milliseconds
    )


async def _keys(tools: Tools) -> int:
    nodes = await tools.store.connection.primaries()
    return sum([int(await node.execute_command("DBSIZE")) for node in nodes.values()])


@click.command()
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The file to write.")
def backup(out: Path) -> None:
    """Write a backup of everything but messages to a file; works directly on Redis, while the service runs.

    It holds which Pages belong to which shop, their tokens, who is blocked, receipts, and what was purged in the last
    five days. SEAL_KEYS seal it, and only SEAL_KEYS open it: keep them, but not beside the file. It holds no message,
    so nothing that is purged later can come back with it. After a restore messages are fetched again from Facebook.

    \b
    Example, each hour:   page-inbox backup --out /backups/inbox-$(date +%H)
    """
    check_store()

    async def work(tools: Tools) -> None:
        with click.progressbar(length=await _keys(tools), label="Reading", file=sys.stderr) as bar:
            pages = await _backup(tools).write(out, bar.update)
        click.echo(f"{out} holds {counted(pages, 'Page')} and no message.")

    with_tools(work)


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Also where Redis is not empty: only what is missing is restored.")
def restore(file: Path, force: bool) -> None:
    """Restore a backup into the empty Redis that REDIS_URL names; the service may run meanwhile.

    Then purges that PURGE_JOURNAL has and the backup has not are done again, and every Page with a token is due: the
    running service fetches its messages of the last five days from Facebook. SEAL_KEYS must be those of the backup.

    \b
    Example:   page-inbox restore /backups/inbox-07
    """
    check_store()

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
@click.option("--to", "to", required=True, envvar="COPY_TO", help="Where to, as REDIS_URL; or in COPY_TO.")
def copy(to: str) -> None:
    """Copy everything to another, empty Redis, messages included, and compare: one server, a cluster, and back.

    Each key keeps its deadline to the millisecond. Stop the service before, and start it with the new REDIS_URL
    afterwards: what it stores meanwhile is not copied. Facebook delivers again what it could not deliver.

    \b
    Example:   page-inbox copy --to redis+cluster://10.0.0.1,10.0.0.2,10.0.0.3
    """
    check_store()
    settings = read_settings(os.environ, command="tool")
    try:
        target = make_connection_to(to, settings)
    except values.Malformed as error:
        raise click.BadParameter(str(error), param_hint="--to") from None

    async def work(tools: Tools) -> None:
        marks = Marks(target, new_word=lambda: secrets.token_hex(8))
        copying = Copy(tools.store.connection, target, marks, now=unix_milliseconds)
        try:
            size = await _keys(tools)
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
