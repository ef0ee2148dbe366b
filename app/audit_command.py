"""`page-inbox audit`: shows the audit log of a shop."""

import click

from app.tools import Tools, with_tools
from domain.audit import Entry
from domain.ids import ShopId
from domain.moment import rfc3339


@click.command()
@click.option("--shop", required=True, help="The shop whose audit log is shown.")
@click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(1), help="The largest number of entries to show."
)
def audit(shop: str, limit: int) -> None:
    """Show the audit log of a shop.

    The log has one entry for each access to the shop's data. The entry names the caller. The newest entry is first.

    \b
    Example:   page-inbox audit --shop sokha
    """

    async def show(tools: Tools) -> None:
        await tools.record(ShopId(shop), "listAudit")
        left, cursor = limit, None
        while left:
            page = await tools.store.audit_log.entries(ShopId(shop), limit=min(left, 100), cursor=cursor)
            for entry in page.items:
                click.echo(_line(entry))
            left, cursor = left - min(left, 100), page.next_cursor
            if cursor is None:
                break

    with_tools(show)


def _line(entry: Entry) -> str:
    access = entry.access
    times = f" x{entry.times}" if entry.times > 1 else ""
    page = f" {access.page}" if access.page is not None else ""
    return f"{rfc3339(entry.at)}  {access.subject}  {access.action}{page}{times}  {access.client}"
