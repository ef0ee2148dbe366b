"""`page-inbox pages` and `page-inbox purge`: what an operator does by hand, directly on Redis."""

import sys
from collections.abc import Awaitable, Callable
from typing import TextIO

import click

from app.customer_file import CustomerList, listed, read_customers
from app.tools import Tools, with_tools
from domain.audit import OPERATOR
from domain.ids import ConversationId, MessageId, PageId, ShopId
from domain.moment import rfc3339
from domain.secret import Secret
from domain.shop import Page, Receipt


@click.group()
def pages() -> None:
    """Connect, list and disconnect a shop's Pages, directly on Redis and with Facebook."""


@pages.command("connect")
@click.option("--shop", required=True)
@click.option("--token-file", type=click.File("r"), help="Where the Page's token is read from; - is standard input.")
@click.argument("page")
def pages_connect(shop: str, token_file: TextIO | None, page: str) -> None:
    """Connect a Page: with its token for everything, without one for webhooks alone.

    The token is checked with Facebook, the app subscribed to the Page's webhooks, and the token kept sealed by the
    first of SEAL_KEYS. It is read from a file, so that no list of processes shows it.

    \b
    Examples:
      page-inbox pages connect --shop sokha 104200000000001
      page-inbox pages connect --shop sokha --token-file /run/secrets/page-token 104200000000001
    """
    token = Secret(token_file.read().strip()) if token_file is not None else None
    if token is not None and not token:
        raise click.BadParameter("is empty", param_hint="--token-file")

    async def work(tools: Tools) -> None:
        connected = await tools.graph.pages.connect(ShopId(shop), PageId(page), token)
        click.echo(f"{connected.id} is connected to {shop} since {rfc3339(connected.connected_at)}: {_told(connected)}")

    with_tools(work, ShopId(shop), "connectPage", PageId(page))


def _told(page: Page) -> str:
    """A Page's state in a sentence."""
    state = page.state
    match page.status:
        case "webhooks_only":
            return "for webhooks alone."
        case "reconnect":
            return f"its token is dead ({state and state.reason}); connect it again with a new one."
        case "unsubscribed":
            return "its webhooks are not subscribed; the running service makes that up."
        case "connected":
            lacking = state.missing_permissions if state else ()
            return "with a token." + (f" Missing permissions: {', '.join(lacking)}." if lacking else "")


@pages.command("list")
@click.option("--shop", required=True)
def pages_list(shop: str) -> None:
    """List a shop's Pages."""

    async def work(tools: Tools) -> None:
        state = await tools.store.shops.shop(ShopId(shop))
        click.echo(f"{shop} has {len(state.pages)} Pages" + (" and is paused." if state.paused else "."))
        for page in state.pages:
            last = f", last event {rfc3339(page.last_event_at)}" if page.last_event_at else ""
            paused = ", paused" if page.paused else ""
            click.echo(f"{page.id}  connected {rfc3339(page.connected_at)}{last}{paused}: {_told(page)}")

    with_tools(work, ShopId(shop), "listPages")


@pages.command("disconnect")
@click.option("--shop", required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.argument("page")
def pages_disconnect(shop: str, page: str, yes: bool) -> None:
    """Disconnect a Page: end its subscription, forget its token, delete its messages."""
    if not yes:
        click.confirm(f"Disconnect {page} and delete its messages for ever?", abort=True)

    async def start(tools: Tools) -> Receipt:
        return await tools.graph.pages.disconnect(ShopId(shop), PageId(page), OPERATOR)

    _purge(start, ShopId(shop), "disconnectPage", PageId(page))


@click.command()
@click.option("--shop", help="The shop; with --customers every shop, unless it is given.")
@click.option("--conversation", help="Only this conversation.")
@click.option("--message", help="Only this message.")
@click.option(
    "--customers",
    type=click.File("r", encoding="utf-8", errors="replace"),
    help="Only these customers: a file of ids, as Facebook's deletion notices list them; - is standard input.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def purge(shop: str | None, conversation: str | None, message: str | None, customers: TextIO | None, yes: bool) -> None:
    """Delete messages of a shop: all of them, a conversation's, one, or those of listed customers.

    A file of customers has one id a line, or ids separated by commas or spaces; a header is passed over, ids that
    nobody knows do no harm, and lines with something else are reported by their number.

    \b
    Examples:
      page-inbox purge --shop sokha
      page-inbox purge --shop sokha --conversation 104200000000001_7000000000000001
      page-inbox purge --customers deletion-notice.csv
    """
    if sum(map(bool, (conversation, message, customers))) > 1:
        raise click.UsageError("Give --conversation, --message or --customers, not two of them.")
    if customers is not None:
        _purge_customers(read_customers(customers), ShopId(shop) if shop else None, yes)
        return
    if not shop:
        raise click.UsageError("Missing option '--shop'.")
    what = f"conversation {conversation}" if conversation else f"message {message}" if message else "every message"
    if not yes:
        click.confirm(f"Delete {what} of {shop} for ever?", abort=True)

    async def start(tools: Tools) -> Receipt:
        purger = tools.store.purger
        if conversation:
            return await purger.purge_conversation(ShopId(shop), ConversationId(conversation), OPERATOR)
        if message:
            return await purger.purge_message(ShopId(shop), MessageId(message), OPERATOR)
        return await purger.purge_shop(ShopId(shop), OPERATOR)

    action = "purgeConversation" if conversation else "purgeMessage" if message else "purgeMessages"
    _purge(start, ShopId(shop), action)


def _purge(start: Callable[[Tools], Awaitable[Receipt]], shop: ShopId, action: str, page: PageId | None = None) -> None:
    async def work(tools: Tools) -> None:
        receipt = await start(tools)
        click.echo("Nothing of it can be read any more. Erasing ...", err=True)
        await tools.store.purger.finish()
        receipt = await tools.store.purger.receipt(shop, receipt.id)
        click.echo(f"Purge {receipt.id}: {receipt.messages_deleted} messages deleted.")

    with_tools(work, shop, action, page)


def _purge_customers(customers: CustomerList, shop: ShopId | None, yes: bool) -> None:
    if customers.refused_lines:
        click.echo(f"Not only ids stand in these lines: {listed(customers.refused_lines)}.", err=True)
    if not customers.ids:
        raise click.ClickException("There is no id in the file.")
    if not yes:
        where = f"of {shop}" if shop else "of every shop"
        click.confirm(f"Delete what is kept of {len(customers.ids)} customers {where} for ever?", abort=True)

    async def work(tools: Tools) -> None:
        store = tools.store
        shops = await store.shops.shop_ids() if shop is None else [shop]
        started: list[tuple[ShopId, Receipt]] = []
        with click.progressbar(shops, label="Looking at the shops", file=sys.stderr) as bar:
            for one in bar:
                await tools.record(one, "purgeCustomer")
                receipts = await store.customers.purge_kept(one, customers.ids, OPERATOR)
                started += ((one, receipt) for receipt in receipts)
                await store.purger.finish()
        deleted = 0
        for one, receipt in started:
            done = await store.purger.receipt(one, receipt.id)
            deleted += done.messages_deleted
            click.echo(f"Purge {done.id}: {done.messages_deleted} messages of {one} deleted.")
        click.echo(f"{len(customers.ids)} customers looked for in {len(shops)} shops: {deleted} messages deleted.")

    with_tools(work)
