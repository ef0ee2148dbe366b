"""`page-inbox export`: writes all data of a shop to a file."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import orjson

from app.counted import counted
from app.inboxes import CommandTarget
from app.where import Where, somewhere
from domain.errors import PageInboxError
from domain.ids import ShopId


class ExportFailed(PageInboxError):
    """Raised when an export is not complete. Its sentence says what the file contains."""


@click.command()
@click.option("--shop", required=True, help="The shop to export.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The file to write.")
@somewhere
def export(where: Where, shop: str, out: Path) -> None:
    """Write a shop's data to a file.

    The file has the Pages, receipts, audit log, messages and marks: one JSON object per line.
    Receipts, audit entries and messages are each sorted, oldest first. Not in the file: tokens, blocked conversations,
    the list of labels, and edits whose message has not come.

    Only the owner of the file can read it. While the file is being written its name is FILE.part.

    \b
    Examples:
      page-inbox export --shop sokha --out sokha.ndjson
      TOKEN=eyJ... page-inbox export --url https://inbox.example --shop sokha --out sokha.ndjson
    """
    if not out.absolute().parent.is_dir():
        raise click.ClickException(f"There is no folder {out.parent}. Make it first, then export again.")

    async def work(inbox: CommandTarget) -> None:
        async with inbox.export(ShopId(shop)) as parts:
            click.echo(await save(parts, out))

    where.run(work)


async def save(parts: AsyncIterator[bytes], out: Path) -> str:
    """Write an export to a file and return the sentence that the command prints at the end.

    Raises:
        ExportFailed: the export is not complete.
    """
    part = out.with_name(out.name + ".part")
    part.unlink(missing_ok=True)
    messages, rest, end = 0, b"", None
    with ExitStack() as stack:
        file = stack.enter_context(os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"))
        bar: Any = None
        async for chunk in parts:
            file.write(chunk)
            *lines, rest = (rest + chunk).split(b"\n")
            found = sum(line.startswith(b'{"type":"message",') for line in lines)
            if bar is None and lines:
                length = orjson.loads(lines[0]).get("message_count", 0)
                bar = stack.enter_context(click.progressbar(length=length, label="Exporting", file=sys.stderr))
            if found:
                messages += found
                bar.update(found)
            if lines and lines[-1].startswith(b'{"type":"end",'):
                end = orjson.loads(lines[-1])
    if end is None or end["messages"] != messages:
        raise ExportFailed("export_cut_off", f"It was cut off; {part} holds what came, and is no whole copy.")
    part.replace(out)
    return f"{counted(messages, 'message')} exported to {out}."
