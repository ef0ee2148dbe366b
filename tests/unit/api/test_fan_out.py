"""Fan-out of events to viewers. Each shop has one follower, each viewer gets each event once, and no viewer delays
another.
"""

import asyncio
import math
from collections.abc import Callable

import pytest

from api import fan_out as module
from api.fan_out import FanOut, ShopViewers, StreamsFull
from api.viewer import Viewer
from app.shop_turns import ShopTurns
from domain import limits
from domain.ids import PurgeId, ShopId
from domain.kept import KeptMessage
from domain.stream import PurgeEvent, Start, StreamEvent, Stretch
from tests.support import FakeClock, wait_until

SHOP = ShopId("sokha")


class FakeFeed:
    """A feed for tests: `say` delivers to each follower."""

    def __init__(self) -> None:
        self.following: dict[ShopId, Callable[[Stretch], float | None]] = {}
        self.follows = 0
        self.fails: Exception | None = None

    async def start(self, shop: ShopId, /, *, event_id: str | None, since: int | None) -> Start:
        """Returns a start at position 0."""
        return Start(0, 0)

    async def read(self, shop: ShopId, after: int, /) -> Stretch:
        """Returns nothing, because nothing is stored."""
        return Stretch([], after)

    async def follow(self, shop: ShopId, after: int, deliver: Callable[[Stretch], float | None], /) -> None:
        """Follow until it is cancelled."""
        self.follows += 1
        self.following[shop] = deliver
        try:
            if self.fails is not None:
                raise self.fails
            await asyncio.sleep(math.inf)
        finally:
            del self.following[shop]

    def event_id(self, shop: ShopId, position: int, /) -> str:
        """Returns the position as a text."""
        return str(position)

    def say(self, *events: StreamEvent, position: int, shop: ShopId = SHOP) -> float | None:
        """Deliver these events to the shop's follower. Returns the seconds for which the follower waits afterwards."""
        return self.following[shop](Stretch(list(events), position))


class FakeMetrics:
    """Keeps the counts."""

    def __init__(self) -> None:
        self.connected = 0
        self.sent: list[tuple[str, int]] = []
        self.ended: list[str] = []

    def viewers(self, viewers: int, /) -> None:
        """Record the number of connected viewers."""
        self.connected = viewers

    def streamed(self, event: str, viewers: int, /) -> None:
        """Record that an event is sent to this number of viewers."""
        self.sent.append((event, viewers))

    def stream_ended(self, reason: str, /) -> None:
        """Record that a stream has ended."""
        self.ended.append(reason)

    def stream_lag(self, seconds: float, /) -> None:
        """Do nothing, because no test uses the lag."""


class Setup:
    """A FanOut with a fake feed and fake metrics."""

    def __init__(self) -> None:
        self.feed, self.metrics, self.clock = FakeFeed(), FakeMetrics(), FakeClock()
        self.fan_out = FanOut(
            self.feed, self.metrics, ShopTurns(), now=lambda: self.clock.moment() / 1000, sleep=self.clock.sleep
        )

    async def enter(self, position: int = 0, shop: ShopId = SHOP) -> tuple[ShopViewers, Viewer]:
        """Let a viewer enter that has read all earlier events."""
        group, viewer = self.fan_out.enter(shop, Start(position, position))
        await wait_until(lambda: shop in self.feed.following)
        assert group.join(viewer)
        return group, viewer


def message(position: int) -> StreamEvent:
    """Returns the event of a stored message."""
    return StreamEvent("message", KeptMessage(b'{"id":"m_%d"}' % position, 0, 0), position)


async def taken(viewer: Viewer) -> list[str]:
    """Returns the names and ids of the events that wait for the viewer."""
    chunk = await viewer.next()
    assert chunk is not None
    lines = chunk.decode().splitlines()
    names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    ids = [line.removeprefix("id: ") for line in lines if line.startswith("id: ")]
    return [f"{name} {id_}" for name, id_ in zip(names, ids, strict=False)]


async def test_one_follower_serves_every_viewer_of_a_shop() -> None:
    """The follower ends when the last viewer leaves."""
    setup = Setup()
    inside = [await setup.enter() for _ in range(100)]
    setup.feed.say(message(5), position=7)
    assert setup.feed.follows == 1
    for _, viewer in inside:
        assert await taken(viewer) == ["message 5", "ready 7"]
    assert setup.metrics.sent == [("message", 100)]
    assert setup.metrics.connected == 100
    for group, viewer in inside:
        viewer.end("left")
        setup.fan_out.exit(SHOP, group, viewer)
    await wait_until(lambda: setup.feed.following == {})
    assert (setup.metrics.connected, set(setup.metrics.ended)) == (0, {"left"})
    await setup.enter()
    assert setup.feed.follows == 2


async def test_the_wait_of_the_follower_grows_with_the_number_of_viewers() -> None:
    """The follower waits longer after each event if there are more viewers: about 50 ms for a thousand viewers."""
    setup = Setup()
    await setup.enter()
    alone = setup.feed.say(message(5), position=5)
    for _ in range(999):
        await setup.enter(5)
    crowded = setup.feed.say(message(6), position=6)
    assert (alone, crowded) == (module.PACE_SECONDS, 1000 * module.PACE_SECONDS)


async def test_a_viewer_joins_after_catching_up_and_gets_no_event_twice() -> None:
    """A viewer may have read more events than its group has sent. It then gets only the later events."""
    setup = Setup()
    group, first = await setup.enter()
    setup.feed.say(message(5), position=5)
    _, late = setup.fan_out.enter(SHOP, Start(3, 3))
    assert not group.join(late)
    late.position = late.taken = 6
    assert group.join(late)
    setup.feed.say(message(6), message(7), position=7)
    assert await taken(late) == ["ready 6", "message 7"]
    assert await taken(first) == ["message 5", "ready 5", "message 6", "message 7"]


async def test_a_purge_drops_waiting_events_and_a_purge_of_the_shop_ends_viewers() -> None:
    """A viewer with waiting events reads the store itself. A viewer without waiting events gets the event of the
    purge.
    """
    setup = Setup()
    _, quick = await setup.enter()
    _, slow = await setup.enter()
    setup.feed.say(position=1)
    await taken(quick)
    await taken(slow)
    setup.feed.say(message(5), position=5)
    await taken(quick)
    setup.feed.say(StreamEvent("purge", PurgeEvent(PurgeId("p"), "page"), 6), position=6)
    assert await taken(quick) == ["purge 6"]
    assert await slow.next() is None
    assert (slow.behind, slow.position) == (True, 0)
    setup.feed.say(StreamEvent("purge", PurgeEvent(PurgeId("p"), "shop"), 7), position=7)
    assert await taken(quick) == ["purge 7"]
    assert await quick.next() is None
    assert (quick.ended, slow.ended) == ("purge", None)


async def test_the_number_of_viewers_is_limited_for_a_shop_and_for_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each error says when the caller may try again."""
    monkeypatch.setattr(limits, "VIEWERS_OF_A_SHOP", 2)
    monkeypatch.setattr(limits, "VIEWERS", 3)
    setup = Setup()
    await setup.enter()
    setup.fan_out.refuse_when_full(SHOP)
    await setup.enter()
    with pytest.raises(limits.RateReached) as refusal:
        setup.fan_out.refuse_when_full(SHOP)
    assert (refusal.value.kind, refusal.value.reason) == ("throttled", "too_many_viewers")
    setup.fan_out.refuse_when_full(ShopId("dara"))
    await setup.enter(shop=ShopId("dara"))
    with pytest.raises(StreamsFull) as full:
        setup.fan_out.refuse_when_full(ShopId("third"))
    assert (full.value.kind, full.value.reason) == ("unavailable", "streams_full")


async def test_quiet_viewers_get_heartbeats_and_hourly_the_position_of_the_stream() -> None:
    """A viewer that has just received an event gets no heartbeat."""
    setup = Setup()
    _, viewer = await setup.enter()
    beating = asyncio.create_task(setup.fan_out.beat())
    setup.feed.say(position=9)
    assert await taken(viewer) == ["ready 9"]
    seen = [await viewer.next() for _ in range(300)]
    beating.cancel()
    told = [chunk for chunk in seen if chunk is None or chunk.replace(b":\n", b"")]
    assert len(told) in {1, 2}
    assert told[0] is not None
    assert b"event: ready" in told[0]
    assert set(setup.clock.slept) == {module.HEARTBEAT_SECONDS}


async def test_a_follower_that_crashes_ends_its_viewers() -> None:
    """The viewers connect again, and get a new follower."""
    setup = Setup()
    setup.feed.fails = RuntimeError("a bug")
    group, viewer = setup.fan_out.enter(SHOP, Start(0, 0))
    assert group.join(viewer)
    await wait_until(lambda: viewer.ended is not None)
    assert viewer.ended == "failed"
    _, late = setup.fan_out.enter(SHOP, Start(0, 0))
    assert group.join(late)
    assert late.ended == "failed"
    setup.feed.fails = None
    await setup.enter()
    setup.fan_out.exit(SHOP, group, viewer)
    assert SHOP in setup.feed.following


async def test_a_closed_fan_out_accepts_no_viewer() -> None:
    """Every viewer gets the reason for the end."""
    setup = Setup()
    _, viewer = await setup.enter()
    await setup.fan_out.close()
    assert viewer.ended == "closing"
    with pytest.raises(StreamsFull):
        setup.fan_out.refuse_when_full(SHOP)
    _, late = setup.fan_out.enter(SHOP, Start(0, 0))
    assert late.ended == "closing"


async def test_a_thousand_viewers_do_not_all_send_in_one_iteration() -> None:
    """Each iteration of the event loop sends an event to a few viewers. Between two iterations the service serves
    another shop.
    """
    setup = Setup()
    sent: list[int] = []
    watching_now: list[int] = []

    async def watch(number: int) -> None:
        _, viewer = await setup.enter()
        watching_now.append(number)
        while await viewer.next() is not None:
            sent.append(number)

    watching = [asyncio.create_task(watch(number)) for number in range(1_000)]
    await wait_until(lambda: len(watching_now) == 1_000)
    setup.feed.say(message(5), position=7)
    most = before = 0
    async with asyncio.timeout(30):
        while len(set(sent)) < 1_000:
            before = len(sent)
            await asyncio.sleep(0)
            most = max(most, len(sent) - before)
    assert most <= 2 * module.WOKEN_EACH_TURN
    for task in watching:
        task.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
