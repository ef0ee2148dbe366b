"""`page-inbox pages` and `page-inbox purge`: what an operator does by hand, directly on Redis."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TextIO

import click

from app.parts import Graph, Store, make_connection, make_graph, make_store
from app.wiring import VERSION
from domain.ids import ConversationId, MessageId, PageId, ShopId
from domain.moment import rfc3339
from domain.secret import Secret
from domain.shop import Page, Receipt
from ops import logs
from ops.metrics import Metrics, process_registry
from ops.settings import read_settings


@dataclass(frozen=True, slots=True)
class Tools:
    """What an operator's command works with."""

    store: Store
    graph: Graph


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

    _with_tools(work)


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
            click.echo(f"{page.id}  connected {rfc3339(page.connected_at)}{last}: {_told(page)}")

    _with_tools(work)


@pages.command("disconnect")
@click.option("--shop", required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.argument("page")
def pages_disconnect(shop: str, page: str, yes: bool) -> None:
    """Disconnect a Page: end its subscription, forget its token, delete its messages."""
    if not yes:
        click.confirm(f"Disconnect {page} and delete its messages for ever?", abort=True)
    _purge(lambda tools: tools.graph.pages.disconnect(ShopId(shop), PageId(page), "operator"), ShopId(shop))


@click.command()
@click.option("--shop", required=True)
@click.option("--conversation", help="Only this conversation.")
@click.option("--message", help="Only this message.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def purge(shop: str, conversation: str | None, message: str | None, yes: bool) -> None:
    """Delete messages of a shop: all of them, a conversation's, or one.

    \b
    Examples:
      page-inbox purge --shop sokha
      page-inbox purge --shop sokha --conversation 104200000000001_7000000000000001
    """
    if conversation and message:
        raise click.UsageError("Give --conversation or --message, not both.")
    what = f"conversation {conversation}" if conversation else f"message {message}" if message else "every message"
    if not yes:
        click.confirm(f"Delete {what} of {shop} for ever?", abort=True)

    async def start(tools: Tools) -> Receipt:
        purger = tools.store.purger
        if conversation:
            return await purger.purge_conversation(ShopId(shop), ConversationId(conversation), "operator")
        if message:
            return await purger.purge_message(ShopId(shop), MessageId(message), "operator")
        return await purger.purge_shop(ShopId(shop), "operator")

    _purge(start, ShopId(shop))


def _purge(start: Callable[[Tools], Awaitable[Receipt]], shop: ShopId) -> None:
    async def work(tools: Tools) -> None:
        receipt = await start(tools)
        click.echo("Nothing of it can be read any more. Erasing ...", err=True)
        await tools.store.purger.finish()
        receipt = await tools.store.purger.receipt(shop, receipt.id)
        click.echo(f"Purge {receipt.id}: {receipt.messages_deleted} messages deleted.")

    _with_tools(work)


def _with_tools(work: Callable[[Tools], Awaitable[None]]) -> None:
    settings = read_settings(os.environ, command="tool")

    async def connected() -> None:
        metrics = Metrics(process_registry(), version=VERSION)
        store = make_store(make_connection(settings), metrics, settings)
        graph = make_graph(store, metrics, settings)
        try:
            await work(Tools(store, graph))
        finally:
            await store.purger.close()
            await graph.calls.close()
            await store.connection.close()

    logs.configure(sys.stderr.buffer, level="warning")
    asyncio.run(connected())
