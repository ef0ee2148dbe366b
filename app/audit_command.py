"""`page-inbox audit`: who did what in a shop, and whether its log is whole."""

import sys

import click

from app.counted import counted
from app.tools import Tools, with_tools
from domain.audit import Damage, Entry
from domain.ids import ShopId
from domain.moment import rfc3339

_SENTENCES = {
    "changed": "does not say any more what was written",
    "removed": "is not there any more",
    "moved": "stands in another place",
    "forked": "stands beside another one in the same place",
    "key_unknown": "was written under a key that is not in SEAL_KEYS; nobody can tell",
    "head_changed": "is not the last one by the shop's record, or the record was changed",
}


@click.command()
@click.option("--shop", required=True)
@click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(1), help="How many of the newest are shown."
)
@click.option("--verify", is_flag=True, help="Look instead whether the log is whole; exit code 1 where it is not.")
def audit(shop: str, limit: int, verify: bool) -> None:
    """Show who did what in a shop, newest first, or verify that nobody has changed the log.

    \b
    Examples:
      page-inbox audit --shop sokha
      page-inbox audit --shop sokha --verify
    """
    found: list[Damage] = []

    async def show(tools: Tools) -> None:
        left, cursor = limit, None
        while left:
            page = await tools.store.audit_log.entries(ShopId(shop), limit=min(left, 100), cursor=cursor)
            for entry in page.items:
                click.echo(_line(entry))
            left, cursor = left - min(left, 100), page.next_cursor
            if cursor is None:
                break

    async def look(tools: Tools) -> None:
        count, damages = await tools.store.audit_log.verify(ShopId(shop))
        found.extend(damages)
        click.echo(
            f"{counted(count, 'entry', 'entries')}: "
            + ("something is wrong." if found else "all as they were written.")
        )
        for damage in damages:
            click.echo(f"  {_place(damage)} {_SENTENCES[damage.breach]}.")

    with_tools(look if verify else show, ShopId(shop), "listAudit")
    if found:
        sys.exit(1)


def _line(entry: Entry) -> str:
    access = entry.access
    times = f" x{entry.times}" if entry.times > 1 else ""
    page = f" {access.page}" if access.page is not None else ""
    return f"{rfc3339(entry.at)}  {access.subject}  {access.action}{page}{times}  {access.client}"


def _place(damage: Damage) -> str:
    if damage.first == damage.last:
        return f"Entry {damage.first}"
    return f"Each of entries {damage.first} to {damage.last}"
