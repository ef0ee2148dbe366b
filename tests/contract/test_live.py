"""Notices that are never stored reach only the listeners of their shop, on every server."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson

from api.answers import event_json
from cache.live.live import WAITING, Live
from domain.event import Notice
from domain.ids import ConversationId, PageId, ShopId
from domain.stream import StreamEvent
from tests.contract.conftest import PAGE, SHOP, Box, text
from tests.contract.test_feed import Follower, following
from tests.support import wait_until

CONVERSATION = ConversationId(f"{PAGE}_7000000000000001")


def notice(words: str = "love", page: PageId = PAGE) -> Notice:
    """Returns the notice of a reaction."""
    return Notice("reaction", page, CONVERSATION, 1_770_000_000_123, {"reaction": words})


@asynccontextmanager
async def telling(box: Box) -> AsyncIterator[Live]:
    """Yields the sender of notices as the application builds it."""
    live = Live(box.connection, box.shops, box.sealer, box.metrics)
    task = asyncio.create_task(live.run())
    try:
        yield live
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def lives(follower: Follower) -> list[dict[str, Any]]:
    """Returns the live notices that a follower got."""
    events: list[StreamEvent] = [event for stretch in follower.stretches for event in stretch.events]
    return [orjson.loads(event_json(event)) for event in events if event.name == "live"]


def outcomes(box: Box) -> dict[str, float]:
    """Returns the number of notices by outcome."""
    return {
        sample.labels["outcome"]: sample.value
        for family in box.metrics.collect()
        for sample in family.samples
        if sample.name == "page_inbox_live_notices_total" and sample.value
    }


async def test_a_follower_gets_a_notice_and_the_store_keeps_no_part_of_it(box: Box) -> None:
    """The notice has the form of the API and no position. No key contains any part of it."""
    async with telling(box) as live, following(box) as follower:
        before = {*await box.keys()}
        live.send_soon([notice(), Notice("feed", PAGE, facts={"item": "comment", "kind": "mine"})])
        await wait_until(lambda: len(lives(follower)) == 2)
        assert lives(follower) == [
            {
                "kind": "reaction",
                "page_id": PAGE,
                "conversation_id": CONVERSATION,
                "sent_at": "2026-02-02T02:40:00.123Z",
                "reaction": "love",
            },
            {"kind": "feed", "page_id": PAGE, "item": "comment"},
        ]
        assert {*await box.keys()} == before
        await box.put(text("m_1"))
        await wait_until(lambda: ("message", "m_1") in follower.told)
        assert [event.position for stretch in follower.stretches for event in stretch.events][:2] == [None, None]
        await wait_until(lambda: outcomes(box) == {"told": 2})


async def test_a_notice_is_not_sent_without_a_permitted_listener(box: Box) -> None:
    """The test has no listener, then a Page of no shop, then a paused shop, then a blocked conversation."""
    other = PageId("104200000000002")
    async with telling(box) as live:
        live.send_soon([notice()])
        await wait_until(lambda: outcomes(box) == {"nobody_listens": 1})
        live.send_soon([notice(page=other)])
        await wait_until(lambda: outcomes(box).get("unknown_page") == 1)
        async with following(box) as follower:
            now = int(time.time() * 1000)
            await box.shops.pause(SHOP, True, now + 3_600_000)
            live.send_soon([notice()])
            await wait_until(lambda: outcomes(box).get("refused") == 1)
            await box.shops.pause(SHOP, True, now - 1)
            await box.blocked.block(SHOP, CONVERSATION)
            live.send_soon([notice(), Notice("feed", PAGE)])
            await wait_until(lambda: outcomes(box).get("told") == 1)
            await wait_until(lambda: len(lives(follower)) == 1)
            assert lives(follower) == [{"kind": "feed", "page_id": PAGE}]


async def test_a_notice_of_a_moved_page_goes_to_its_new_shop(box: Box) -> None:
    """The old shop gets nothing, although the process still remembers that the Page belonged to this shop."""
    new = ShopId("shop-2")
    async with telling(box) as live, following(box) as old, following(box, new) as follower:
        live.send_soon([notice("first")])
        await wait_until(lambda: len(lives(old)) == 1)
        await box.purger.purge_page(SHOP, PAGE, "me")
        await box.shops.connect(new, PAGE)
        live.send_soon([notice("lost")])
        await wait_until(lambda: outcomes(box).get("refused") == 1)
        live.send_soon([notice("second")])
        await wait_until(lambda: len(lives(follower)) == 1)
        assert [told["reaction"] for told in lives(old)] == ["first"]
        assert [told["reaction"] for told in lives(follower)] == ["second"]


async def test_notices_above_the_limit_are_dropped_and_counted(box: Box) -> None:
    """The caller that sends the notices does not wait."""
    live = Live(box.connection, box.shops, box.sealer, box.metrics)
    live.send_soon([notice()] * (WAITING + 10))
    live.send_soon([notice()] * 5)
    assert outcomes(box) == {"dropped": 15}
