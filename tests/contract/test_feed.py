"""Followers of a shop, on every server."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import pytest

from api.answers import event_json
from cache.live.announcements import Announcements
from cache.live.feed import Feed
from cache.live.timeline import BACKLOG
from domain.ids import PageId, ShopId
from domain.stream import Start, Stretch
from tests.contract.conftest import SHOP, Box, text
from tests.support import wait_until

NEVER = 3600.0


class Follower:
    """Follows a shop and keeps the events that it gets."""

    def __init__(self) -> None:
        self.stretches: list[Stretch] = []

    @property
    def told(self) -> list[tuple[str, str]]:
        """Returns the name of each event and the id of its subject."""
        return [
            (event.name, orjson.loads(event_json(event)).get("id", ""))
            for stretch in self.stretches
            for event in stretch.events
        ]

    @property
    def positions(self) -> list[int]:
        """Returns the position of each event."""
        return [event.position or 0 for stretch in self.stretches for event in stretch.events]


def make_feed(box: Box, **seconds: float) -> tuple[Feed, Announcements]:
    """Returns the feed as the application builds it, or with other `seconds`."""
    announcements = Announcements(box.connection, sleep=asyncio.sleep)
    return Feed(box.timeline, announcements, box.sealer, sleep=asyncio.sleep, **seconds), announcements


@asynccontextmanager
async def following(
    box: Box, shop: ShopId = SHOP, after: int | None = None, **seconds: float
) -> AsyncIterator[Follower]:
    """A follower that gets announcements, beginning now or at `after`."""
    feed, announcements = make_feed(box, **seconds)
    follower = Follower()
    if after is None:
        after = (await feed.start(shop, event_id=None, since=None)).now
    tasks = [
        asyncio.create_task(announcements.run()),
        asyncio.create_task(feed.follow(shop, after, follower.stretches.append)),
    ]
    try:
        await wait_until(lambda: follower.stretches)
        yield follower
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_stored_message_is_announced(box: Box) -> None:
    """Each follower gets every message, in the order in which the store received the messages."""
    async with following(box, read_seconds=NEVER) as follower:
        for n in range(5):
            await box.put(text(f"m_{n}"))
            await wait_until(lambda n=n: len(follower.told) == n + 1)  # type: ignore[misc]
        await box.put(*(text(f"m_{n}") for n in range(5, 400)))
        await wait_until(lambda: len(follower.told) == 400)
        assert follower.told == [("message", f"m_{n}") for n in range(400)]
        assert follower.positions == sorted(set(follower.positions))


async def test_a_follower_finds_a_message_without_an_announcement(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """The follower in this test gets no announcement."""
    monkeypatch.setattr(Announcements, "run", lambda _: asyncio.sleep(NEVER))
    async with following(box, read_seconds=0.05, subscribe_seconds=0.05) as follower:
        await box.put(text("m_1"))
        await wait_until(lambda: follower.told == [("message", "m_1")])


async def test_duplicates_and_refused_messages_make_no_event(box: Box) -> None:
    """Only a newly stored message is an event."""
    async with following(box) as follower:
        await box.put(text("m_1"), text("m_1"))
        await box.put(text("m_1"), text("m_old", sent_at=1))
        await box.put(text("m_2"))
        await wait_until(lambda: len(follower.told) == 2)
        assert follower.told == [("message", "m_1"), ("message", "m_2")]


async def test_reading_from_any_position_goes_on_without_gap_or_repetition(box: Box) -> None:
    """A reader can continue from the position of each event."""
    await box.put(*(text(f"m_{n}") for n in range(250)))
    timeline = box.timeline
    first = await timeline.read(SHOP, 0)
    assert first.more
    second = await timeline.read(SHOP, first.position)
    events = first.events + second.events
    assert not second.more
    assert [orjson.loads(event_json(event))["id"] for event in events] == [f"m_{n}" for n in range(250)]
    for at in (0, 17, 199, 200, 249):
        rest = await timeline.read(SHOP, events[at].position or 0)
        assert rest.events == events[at + 1 : at + 201]


async def test_a_stream_begins_at_the_requested_position(box: Box) -> None:
    """The stream begins now, after an event, or at a time. If the requested position is not usable, the stream begins
    now and reports a gap.
    """
    timeline = box.timeline
    empty = await timeline.start(SHOP, None, None)
    assert abs(empty.now / 1_000_000 - time.time()) < 900, "of an empty shop it is some time ago"
    await box.put(text("m_1"), text("m_2"))
    first, second = (await timeline.read(SHOP, empty.now)).events
    assert first.position is not None
    assert second.position is not None
    assert await timeline.start(SHOP, None, None) == Start(second.position, second.position)
    assert await timeline.start(SHOP, timeline.event_id(SHOP, first.position), None) == Start(
        first.position, second.position
    )
    assert (await timeline.start(SHOP, None, 0)).position < first.position
    for event_id, gap in (
        ("x", "unknown"),
        (timeline.event_id(SHOP, 5), "expired"),
        (timeline.event_id(SHOP, 2**52), "unknown"),
    ):
        found = await timeline.start(SHOP, event_id, 0)
        assert found == Start(second.position, second.position, gap)  # type: ignore[arg-type]


async def test_a_position_too_far_back_causes_a_gap(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream sends at most `BACKLOG` old events again. With one event more it reports a gap."""
    assert BACKLOG >= 10_000
    monkeypatch.setattr("cache.live.timeline.BACKLOG", 3)
    timeline = box.timeline
    begin = timeline.event_id(SHOP, (await timeline.start(SHOP, None, None)).now)
    await box.put(*(text(f"m_{n}") for n in range(3)))
    assert (await timeline.start(SHOP, begin, None)).gap is None
    await box.put(text("m_3"))
    assert (await timeline.start(SHOP, begin, None)).gap == "too_far"


async def test_a_follower_of_one_shop_gets_no_event_of_another_shop(box: Box) -> None:
    """The follower gets only the message of its own shop."""
    other, page = ShopId("shop-2"), PageId("104200000000002")
    await box.shops.connect(other, page)
    async with following(box, other) as follower:
        await box.put(text("m_1"))
        await box.put(text("m_2", page=page), shop=other)
        await wait_until(lambda: follower.told)
        assert follower.told == [("message", "m_2")]


async def test_messages_that_arrive_while_a_follower_pauses_come_together(box: Box) -> None:
    """A follower can ask for a pause. During the pause it gets nothing, and then it gets all messages in one part."""
    asked: list[float] = []
    rested = asyncio.Event()

    async def rest(seconds: float) -> None:
        asked.append(seconds)
        await rested.wait()

    follower = Follower()

    def deliver(stretch: Stretch) -> float:
        follower.stretches.append(stretch)
        return 0.0 if asked else 0.025

    announcements = Announcements(box.connection, sleep=asyncio.sleep)
    feed = Feed(box.timeline, announcements, box.sealer, sleep=rest)
    start = await feed.start(SHOP, event_id=None, since=None)
    task = asyncio.create_task(feed.follow(SHOP, start.now, deliver))
    try:
        await wait_until(lambda: asked)
        for number in range(3):
            await box.put(text(f"m_{number}"))
        assert (asked, follower.told) == ([0.025], [])
        rested.set()
        await wait_until(lambda: follower.told)
        assert [len(stretch.events) for stretch in follower.stretches] == [0, 3]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_follower_that_stops_and_starts_again_gets_new_messages(box: Box) -> None:
    """The second start may come while the channel of the first is still open. Many shops share one connection."""
    feed, announcements = make_feed(box, read_seconds=NEVER)
    running = asyncio.create_task(announcements.run())

    async def follow(shop: ShopId) -> None:
        follower = Follower()
        start = await feed.start(shop, event_id=None, since=None)
        task = asyncio.create_task(feed.follow(shop, start.now, follower.stretches.append))
        await wait_until(lambda: follower.stretches)
        if shop == SHOP:
            await box.put(text(f"m_{time.monotonic_ns()}"))
            await wait_until(lambda: len(follower.told) == 1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    try:
        for _ in range(3):
            await asyncio.gather(*(follow(ShopId(f"shop-{n}")) for n in range(1, 20)))
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
