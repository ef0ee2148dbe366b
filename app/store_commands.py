"""The commands `page-inbox pages` and `page-inbox purge`. They work directly on Redis or on a running service."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final, TextIO

import click

from app.counted import counted
from app.customer_file import CustomerList, listed, read_customers
from app.inboxes import CommandTarget
from app.tools import Tools, check_store, with_tools
from app.where import Where, somewhere
from domain.audit import OPERATOR
from domain.errors import PageInboxError
from domain.ids import PageId, PurgeId, ShopId
from domain.secret import Secret

HEAL_LOOK_SECONDS: Final = 2.0
"""Seconds between two looks at the progress of a healing. A healing calls Facebook about once per second."""


@click.group()
def pages() -> None:
    """Connect, list, heal and disconnect Pages of a shop.

    The commands use Redis directly, or a running service.
    """


@pages.command("connect")
@click.option("--shop", required=True, help="The shop that gets the Page.")
@click.option("--token-file", type=click.File("r"), help="A file with the Page's token. Write - for standard input.")
@click.option(
    "--history/--no-history", default=True, help="Also fetch the last five days, when the Page gets its first token."
)
@click.argument("page")
@somewhere
def pages_connect(where: Where, shop: str, token_file: TextIO | None, history: bool, page: str) -> None:
    """Connect a Page to a shop. Without the Page's token, the shop only receives webhooks.

    The command checks the Page's token with Facebook and subscribes the app to the Page's webhooks. It encrypts the
    token with the first key of SEAL_KEYS and stores it. The command reads the token from a file, so that no list of
    processes shows the token. With --url and no Page token, your token for the service must be one for shop "*". If the
    service runs with CONNECT_WITHOUT_TOKEN=shop, a token for this shop is enough.

    \b
    Examples:
      page-inbox pages connect --shop sokha 104200000000001
      page-inbox pages connect --shop sokha --token-file /run/secrets/page-token 104200000000001
      TOKEN=eyJ... page-inbox pages connect --url https://inbox.example --shop sokha 104200000000001
    """
    token = Secret(token_file.read().strip()) if token_file is not None else None
    if token is not None and not token:
        raise click.BadParameter("is empty", param_hint="--token-file")

    async def work(inbox: CommandTarget) -> None:
        connected = await inbox.connect(ShopId(shop), PageId(page), token, history)
        state = f"{connected['page_id']} is connected to {shop} since {connected['connected_at']}"
        click.echo(f"{state}: {_expected(connected)}")

    where.run(work)


def _pause(state: dict[str, Any]) -> str:
    return f"paused until {state['until']}" if "until" in state else "paused"


def _expected(page: dict[str, Any]) -> str:
    """Returns the state of a Page as the end of a sentence."""
    match page["status"]:
        case "webhooks_only":
            return "for webhooks alone."
        case "reconnect":
            return f"its token is dead ({page.get('token_reason')}); connect it again with a new one."
        case "unsubscribed":
            return "its webhooks are not subscribed; the running service makes that up."
        case _:
            lacking = page.get("missing_permissions")
            missing = f" Missing permissions: {', '.join(lacking)}." if lacking else ""
            warnings = "".join(f" {warning['detail']}" for warning in page.get("warnings", ()))
            return f"with a token.{missing}{warnings}"


@pages.command("list")
@click.option("--shop", required=True, help="The shop whose Pages are listed.")
@somewhere
def pages_list(where: Where, shop: str) -> None:
    """List the Pages of a shop and the state of each Page.

    \b
    Examples:
      page-inbox pages list --shop sokha
      TOKEN=eyJ... page-inbox pages list --url https://inbox.example --shop sokha
    """

    async def work(inbox: CommandTarget) -> None:
        state = await inbox.shop(ShopId(shop))
        click.echo(
            f"{shop} has {counted(len(state['pages']), 'Page')}"
            + (f" and is {_pause(state)}." if state["paused"] else ".")
        )
        for page in state["pages"]:
            last = f", last event {page['last_event_at']}" if "last_event_at" in page else ""
            paused = f", {_pause(page)}" if page["paused"] else ""
            click.echo(f"{page['page_id']}  connected {page['connected_at']}{last}{paused}: {_expected(page)}")

    where.run(work)


@pages.command("heal")
@click.option("--shop", required=True, help="The shop of the Page.")
@click.option("--wait", is_flag=True, help="Wait until the healing ends, and print its progress.")
@click.argument("page")
@somewhere
def pages_heal(where: Where, shop: str, wait: bool, page: str) -> None:
    """Fetch a Page's messages of the last five days from Facebook, to get messages that did not reach the webhook.

    A running service fetches the messages. No message is stored twice, and a deleted message stays deleted.

    \b
    Examples:
      page-inbox pages heal --shop sokha 104200000000001
      page-inbox pages heal --wait --shop sokha 104200000000001
      TOKEN=eyJ... page-inbox pages heal --url https://inbox.example --shop sokha 104200000000001
    """

    async def work(inbox: CommandTarget) -> None:
        state = await inbox.heal(ShopId(shop), PageId(page))
        while wait and state["healing"]["status"] in {"waiting", "running"}:
            click.echo(_progress(state), err=True)
            await asyncio.sleep(HEAL_LOOK_SECONDS)
            state = await inbox.page(ShopId(shop), PageId(page))
        click.echo(_progress(state))
        for one in state.get("unhealed", []):
            what = one.get("conversation", "the list of conversations")
            click.echo(f"Facebook refuses {what}: {one['reason']}. It is tried again at {one['next_try_at']}.")

    where.run(work)


def _progress(page: dict[str, Any]) -> str:
    """Returns the progress of the healing of a Page as a sentence."""
    healing = page["healing"]
    if healing["status"] == "waiting":
        return f"Messages since {healing['since']} will be fetched: a running service begins within seconds."
    conversations, messages = counted(healing["conversations"], "conversation"), counted(healing["messages"], "message")
    counts = f"{conversations}, {messages}, {healing['stored']} of them new"
    return f"{healing['status'].replace('_', ' ').capitalize()}: {counts}."


@pages.command("disconnect")
@click.option("--shop", required=True, help="The shop of the Page.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.argument("page")
@somewhere
def pages_disconnect(where: Where, shop: str, page: str, yes: bool) -> None:
    """Disconnect a Page: end its subscription, and delete its token and its messages.

    With --url, the bearer token needs the scopes shop:admin and messages:purge.

    \b
    Example:   page-inbox pages disconnect --shop sokha 104200000000001
    """
    where.check()
    if not yes:
        click.confirm(f"Disconnect {page} and delete its messages for ever?", abort=True)
    _purge(where, ShopId(shop), lambda inbox: inbox.disconnect(ShopId(shop), PageId(page)))


@pages.command("accept-loss")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def pages_accept_loss(yes: bool) -> None:
    """Accept that Redis has lost Pages, and continue without them. Works directly on Redis.

    Before this command, the service answers 503 to a delivery for a Page that is not found, and Facebook repeats the
    delivery. After this command, the service counts and drops such a delivery, as for every Page that is not connected.
    So first restore the data, or connect the lost Pages again.

    \b
    Example:   page-inbox pages accept-loss
    """
    check_store()
    if not yes:
        click.confirm("Take the Pages that Redis has now for all there are?", abort=True)

    async def work(tools: Tools) -> None:
        click.echo(f"Redis has {counted(await tools.store.shops.accept_loss(), 'Page')}. No other Page counts as lost.")

    with_tools(work)


@click.command()
@click.option("--shop", help="The shop. Can be left out only with --customers, to search every shop.")
@click.option("--conversation", help="Delete only this conversation.")
@click.option("--message", help="Delete only this message.")
@click.option(
    "--customers",
    type=click.File("r", encoding="utf-8", errors="replace"),
    help="Delete only these customers: a file of ids, as in Facebook's deletion notices. Write - for standard input.",
)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@somewhere
def purge(
    where: Where,
    shop: str | None,
    conversation: str | None,
    message: str | None,
    customers: TextIO | None,
    yes: bool,
) -> None:
    """Delete messages of a shop.

    Delete all messages, one conversation, one message, or the messages of the customers in a file.
    The file of customers has one id per line, or ids separated by commas, semicolons or spaces. A header line is
    allowed. Unknown ids are ignored. If a line contains anything other than ids, the command deletes nothing and names
    the line.

    \b
    Examples:
      page-inbox purge --shop sokha
      page-inbox purge --shop sokha --conversation 104200000000001_7000000000000001
      page-inbox purge --customers deletion-notice.csv
      TOKEN=eyJ... page-inbox purge --url https://inbox.example --shop sokha
    """
    if sum(map(bool, (conversation, message, customers))) > 1:
        raise click.UsageError("Give --conversation, --message or --customers, not two of them.")
    if customers is not None:
        if where.url is not None:
            raise click.UsageError("--customers looks through Redis directly; leave --url out.")
        _purge_customers(read_customers(customers), ShopId(shop) if shop else None, yes)
        return
    if not shop:
        raise click.UsageError("Missing option '--shop'.")
    what = f"conversation {conversation}" if conversation else f"message {message}" if message else "every message"
    where.check()
    if not yes:
        click.confirm(f"Delete {what} of {shop} for ever?", abort=True)

    _purge(where, ShopId(shop), lambda inbox: inbox.purge(ShopId(shop), conversation, message))


def _purge(where: Where, shop: ShopId, start: Callable[[CommandTarget], Awaitable[dict[str, Any]]]) -> None:
    async def work(inbox: CommandTarget) -> None:
        receipt = await start(inbox)
        click.echo("Nothing of it can be read any more. Erasing ...", err=True)
        receipt = await inbox.erased(shop, receipt)
        click.echo(f"Purge {receipt['purge_id']}: {counted(receipt['messages_deleted'], 'message')} deleted.")

    where.run(work)


def _purge_customers(customers: CustomerList, shop: ShopId | None, yes: bool) -> None:
    if customers.refused_lines:
        lines = f"line{'s' if len(customers.refused_lines) > 1 else ''} {listed(customers.refused_lines)}"
        raise click.ClickException(
            f"Nothing was deleted: something else than a customer's id stands in {lines}. A spreadsheet may have "
            "rewritten an id, as 7.0E+13. Correct the file, then run the command again."
        )
    if customers.rounded:
        raise click.ClickException(
            "Nothing was deleted: every id ends in zeros after its fifteenth digit. A spreadsheet has rounded the ids. "
            "Take the list from Facebook again, and do not save it with a spreadsheet."
        )
    if not customers.ids:
        raise click.ClickException("There is no id in the file.")
    check_store()
    if not yes:
        where = f"of {shop}" if shop else "of every shop"
        click.confirm(f"Delete what is kept of {counted(len(customers.ids), 'customer')} {where} for ever?", abort=True)

    async def work(tools: Tools) -> None:
        store = tools.store
        shops = await store.shops.shop_ids() if shop is None else [shop]
        started: list[tuple[ShopId, PurgeId]] = []
        done_shops = 0
        try:
            with click.progressbar(shops, label="Looking at the shops", file=sys.stderr) as bar:
                for one in bar:
                    await tools.record(one, "purgeCustomer")
                    receipts = await store.customers.purge_kept(one, customers.ids, OPERATOR)
                    started += [(one, receipt.id) for receipt in receipts]
                    await store.eraser.finish()
                    done_shops += 1
        except PageInboxError:
            click.echo(
                f"\nStopped after {done_shops} of {counted(len(shops), 'shop')}. What was deleted stays deleted. "
                "Run the same command again for the others.",
                err=True,
            )
            raise
        deleted = 0
        for one, purge_id in started:
            done = await store.purger.receipt(one, purge_id)
            deleted += done.messages_deleted
            click.echo(f"Purge {done.id}: {counted(done.messages_deleted, 'message')} of {one} deleted.")
        click.echo(
            f"{counted(len(customers.ids), 'customer')} looked for in {counted(len(shops), 'shop')}: "
            f"{counted(deleted, 'message')} deleted."
        )

    with_tools(work)
