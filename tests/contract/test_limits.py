"""The limits of one shop are checked in the step that would exceed them, on every server."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable

import pytest

from cache.audit.log import AuditLog
from cache.cursors import Cursors
from cache.live.tickets import Tickets
from domain import limits
from domain.audit import Access
from domain.errors import PageInboxError
from domain.ids import ConversationId, MessageId, PageId, ShopId
from domain.shop import Principal
from tests.contract.conftest import PAGE, SHOP, Box
from tests.service import SEAL_KEY

OTHER = ShopId("another-shop")


async def _until_refused(call: Callable[[int], Awaitable[object]], most: int) -> str:
    """Returns the reason of the refusals. All calls come at the same time, and exactly `most` of them must succeed."""
    results = await asyncio.gather(*(call(number) for number in range(most + 3)), return_exceptions=True)
    refusals = [result for result in results if isinstance(result, PageInboxError)]
    assert len(results) - len(refusals) == most, results
    (reason,) = {refusal.reason for refusal in refusals}
    (kind,) = {refusal.kind for refusal in refusals}
    assert (kind == "throttled") == all((refusal.retry_after or 0) > 0 for refusal in refusals)
    return reason


async def test_a_shop_has_a_limit_of_pages(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another shop can connect a refused Page. A shop at its limit can still connect its own Pages again."""
    monkeypatch.setattr(limits, "PAGES", 4)
    pages = [PageId(f"90{number}") for number in range(9)]
    assert await _until_refused(lambda number: box.shops.connect(SHOP, pages[number]), 3) == "too_many_pages"
    connected = await box.shops.page_ids(SHOP)
    assert len(connected) == 4
    for page in pages[:6]:
        if page in connected:
            await box.shops.connect(SHOP, page)
        else:
            assert await box.shops.owner(page) is None
    await box.purger.purge_page(SHOP, connected[-1], "me")
    await box.shops.connect(SHOP, pages[8])


async def test_a_shop_has_a_limit_of_blocked_conversations(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """A blocked conversation stays blocked and can be blocked again."""
    monkeypatch.setattr(limits, "BLOCKED_CONVERSATIONS", 3)
    names = [ConversationId(f"{PAGE}_{number}") for number in range(7)]
    assert await _until_refused(lambda number: box.blocked.block(SHOP, names[number]), 3) == "too_many_blocked"
    blocked = [name for name in names if await box.blocked.since(SHOP, name) is not None]
    assert len(blocked) == 3
    assert await box.blocked.block(SHOP, blocked[0]) == await box.blocked.since(SHOP, blocked[0])


async def test_a_shop_has_a_limit_of_purges_in_thirty_days(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """Purges of all kinds count together. A purge of the whole shop is still possible at the limit. Purges by an
    operator or by Facebook have no limit.
    """
    monkeypatch.setattr(limits, "PURGES_IN_30_DAYS", 4)
    purger = box.purger
    await purger.purge_conversation(SHOP, ConversationId(f"{PAGE}_1"), "me")
    assert (
        await _until_refused(lambda number: purger.purge_message(SHOP, MessageId(f"m_{number}"), "me"), 3)
        == "too_many_purges"
    )
    with pytest.raises(limits.RateReached):
        await purger.purge_conversation(SHOP, ConversationId(f"{PAGE}_1"), "me")
    await box.erased()
    for _ in range(6):  # a purge of the whole shop is never refused here, because the oldest receipts are removed
        assert (await purger.purge_shop(SHOP, "me")).what == "shop"
        await box.erased()
    assert len([key for key in await box.keys() if key.startswith(b"j:{%b}" % SHOP.encode())]) <= 5
    await purger.purge_shop(SHOP, "me", limited=False)
    await purger.purge_message(SHOP, MessageId("m_1"), "me", limited=False)
    await purger.purge_shop(OTHER, "me")
    await box.erased()
    assert not [key for key in await box.keys() if key == b"purges"], "a refused purge leaves no note"


async def test_a_shop_has_a_limit_of_unfinished_purges(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """A purge of the whole shop is still possible at the limit. Each purge hides its messages at once, but only two
    purges erase at the same time.
    """
    monkeypatch.setattr(limits, "OPEN_PURGES", 0)
    with pytest.raises(limits.RateReached):
        await box.purger.purge_conversation(SHOP, ConversationId(f"{PAGE}_1"), "me")
    receipt = await box.purger.purge_shop(SHOP, "me")
    await box.erased()
    assert (await box.purger.receipt(SHOP, receipt.id)).complete


async def test_a_shop_has_a_limit_of_changes_in_a_day(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads do not count. A refused change makes no audit entry. When `DELETION_PAUSE_SECONDS` have passed, one more
    purge is possible.
    """
    monkeypatch.setattr(limits, "CHANGES_PER_DAY", 3)
    log = AuditLog(box.connection, Cursors([SEAL_KEY]), now=time.time)

    one_by_one = asyncio.Lock()

    async def record(action: str, *, limited: bool = True, shop: ShopId = SHOP) -> None:
        async with one_by_one:
            await log.append(shop, Access(action, "operator", "127.0.0.1", read=not limited, limited=limited))

    assert await _until_refused(lambda _: record("connectPage"), 3) == "too_many_changes"
    assert await _until_refused(lambda _: record("purgeMessages"), 1) == "too_many_changes"
    monkeypatch.setattr(limits, "DELETION_PAUSE_SECONDS", 0)
    await record("purgeMessages")  # after the pause one more purge is always possible
    await record("purgeMessages")
    with pytest.raises(limits.RateReached):
        await record("connectPage")
    await record("listMessages", limited=False)
    await record("deauthorize", limited=False)
    await record("connectPage", shop=OTHER)
    assert len((await log.entries(SHOP, limit=50, cursor=None)).items) == 8


async def test_a_shop_has_a_limit_of_tickets(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the use of a ticket, the shop can get another one."""
    monkeypatch.setattr(limits, "TICKETS", 3)
    tickets = Tickets(box.connection, [SEAL_KEY], new_bytes=secrets.token_bytes)
    holder = Principal(SHOP, frozenset({"messages:read"}), "me", time.time() + 60)
    first = await tickets.give(SHOP, holder)
    assert await _until_refused(lambda _: tickets.give(SHOP, holder), 2) == "too_many_tickets"
    await tickets.give(OTHER, holder)
    assert await tickets.take(SHOP, first) == holder
    assert await tickets.take(SHOP, first) is None
    await tickets.give(SHOP, holder)
