"""The writer over fakes of the batches and of the lookup. The tests check which Pages it looks up again, and that
it loses no message.
"""

import asyncio
from typing import Any, cast

import pytest
from prometheus_client.registry import CollectorRegistry

from cache.errors import Unavailable
from cache.keys import shop_keys
from cache.messages.batch import Batches
from cache.messages.changes import Changes
from cache.messages.queue import Row
from cache.messages.writer import EVENTS_AT_ONCE, ROUTES_SECONDS, Writer, nonces
from cache.registry.routes import PageRoute, Routes
from domain.event import Outcome, Settle, Storable
from domain.ids import MessageId, PageId, Psid, ShopId
from domain.message import Message, Unsend
from ops.metrics import Metrics
from tests.support import FakeClock, wait_until

PAGE, OTHER_PAGE, THIRD_PAGE = (PageId(number) for number in "123")
SHOP, OTHER_SHOP = PageRoute(ShopId("sokha"), b"her secret"), PageRoute(ShopId("dara"), b"his secret")
AFTER_PURGE = PageRoute(SHOP.shop, b"another secret")


def text(mid: str, page: PageId = PAGE) -> Message:
    return Message(MessageId(mid), page, Psid("7"), "in", "message", None, text="x")


def many(count: int) -> list[Message]:
    return [text(f"m_{number}") for number in range(count)]


class FakeBatches:
    """Keeps each message that is added under the true route of its Page. The outcome comes in a later iteration of
    the event loop.
    """

    def __init__(self, routes: dict[PageId, PageRoute]) -> None:
        self.routes = routes
        self.kept: list[tuple[PageRoute, bytes]] = []
        self.puts: list[PageRoute] = []
        self.fails: dict[PageRoute, Exception] = {}
        self.gates: dict[PageRoute, asyncio.Event] = {}
        self.room = 1_000_000
        self._tasks: set[asyncio.Task[None]] = set()

    def admit(self) -> None:
        """Accept, because there is room."""

    async def accepting(self) -> bool:
        """Returns that there is room."""
        return True

    async def close(self) -> None:
        """Do nothing, because nothing is unfinished."""

    def add(self, route: PageRoute, rows: list[Row], settle: Settle) -> None:
        """Store the messages. If the route has a gate, wait for it first."""
        self.puts.append(route)
        if len(rows) > self.room:
            raise Unavailable("queue_full")
        self.room -= len(rows)
        task = asyncio.create_task(self._store(route, rows, settle))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _store(self, route: PageRoute, rows: list[Row], settle: Settle) -> None:
        if route in self.gates:
            await self.gates[route].wait()
        if route in self.fails:
            settle(self.fails[route])
            return
        self.kept += [(route, row.id) for row in rows if self.routes.get(row.page) == route]
        settle(["stored" if self.routes.get(row.page) == route else "unknown_page" for row in rows])

    def has(self, route: PageRoute, mid: str, page: PageId = PAGE) -> tuple[PageRoute, bytes]:
        """Returns the entry of `kept` for a message."""
        return route, shop_keys(route.shop).message_id(page, MessageId(mid))


class FakeRoutes:
    """Answers from a dict and records the lookups. The answer is the state at the beginning of a lookup."""

    def __init__(self, routes: dict[PageId, PageRoute]) -> None:
        self.routes = routes
        self.lookups: list[PageId] = []
        self.gate: asyncio.Event | None = None
        self.fails: Unavailable | None = None
        self.spared: set[PageId] = set()

    async def find(self, page: PageId) -> PageRoute | None:
        """Returns the route where the Page's messages are stored."""
        self.lookups.append(page)
        if self.fails is not None and page not in self.spared:
            raise self.fails
        found = self.routes.get(page)
        if self.gate is not None:
            await self.gate.wait()
        return found

    async def find_in(self, shop: ShopId, page: PageId) -> PageRoute | None:
        """Returns the route if this shop has the Page."""
        found = await self.find(page)
        return found if found is not None and found.shop == shop else None


class Setup:
    """A writer with both fakes. The lookup finds the right shop unless a test changes it."""

    def __init__(self, routes: dict[PageId, PageRoute] | None = None, *, routes_remembered: int = 100) -> None:
        self.true_routes = {PAGE: SHOP} if routes is None else routes
        self.batches, self.routes = FakeBatches(self.true_routes), FakeRoutes(self.true_routes)
        self.clock, self.registry = FakeClock(), CollectorRegistry()
        self.writer = Writer(
            cast("Batches", self.batches),
            cast("Changes", None),
            cast("Routes", self.routes),
            Metrics(self.registry),
            ttl=432_000,
            new_nonce=nonces(7),
            clock=self.clock.seconds,
            routes_remembered=routes_remembered,
        )

    async def put(self, *events: Storable) -> list[Outcome]:
        """Put the messages of one delivery."""
        return await self.writer.put(events)

    def put_soon(self, *events: Storable) -> list[Any] | None:
        """Put the messages without waiting. Return None if this is not possible."""
        results: list[Any] = []
        return results if self.writer.put_soon(events, results.append) else None


async def test_a_page_is_looked_up_once_and_its_route_remembered() -> None:
    """A busy Page costs one lookup, not one per message. After a day it is looked up again."""
    setup = Setup()
    for number in range(3):
        assert await setup.put(text(f"m_{number}"), text(f"n_{number}")) == ["stored", "stored"]
    assert setup.routes.lookups == [PAGE]
    setup.clock.advance(ROUTES_SECONDS)
    await setup.put(text("m_3"))
    assert setup.routes.lookups == [PAGE, PAGE]


async def test_an_unknown_page_is_not_remembered() -> None:
    """Each delivery needs one lookup. When the Page is connected a moment later, its next message is stored."""
    setup = Setup({})
    assert await setup.put(text("m_1"), text("m_2")) == ["unknown_page", "unknown_page"]
    assert setup.routes.lookups == [PAGE]
    assert setup.batches.puts == []
    setup.true_routes[PAGE] = SHOP
    assert await setup.put(text("m_3")) == ["stored"]


async def test_a_lookup_that_fails_is_counted() -> None:
    """An alert counts the deliveries that find no Page."""
    setup = Setup()
    setup.routes.fails = Unavailable("no_page_connected")
    with pytest.raises(Unavailable):
        await setup.put(text("m_1"))
    counted = {"reason": "no_page_connected"}
    assert setup.registry.get_sample_value("page_inbox_store_errors_total", counted) == 1


async def test_messages_of_other_pages_are_stored_if_the_lookup_of_one_page_fails() -> None:
    """For example, the key of one shop is missing. The delivery is refused, so that Facebook repeats it."""
    setup = Setup({PAGE: SHOP, OTHER_PAGE: OTHER_SHOP})
    setup.routes.fails, setup.routes.spared = Unavailable("seal_key_missing"), {OTHER_PAGE}
    with pytest.raises(Unavailable) as refused:
        await setup.put(text("m_1"), text("m_2", OTHER_PAGE))
    assert refused.value.reason == "seal_key_missing"
    assert setup.batches.kept == [setup.batches.has(OTHER_SHOP, "m_2", OTHER_PAGE)]


@pytest.mark.parametrize("now", [OTHER_SHOP, AFTER_PURGE])
async def test_a_stale_route_is_looked_up_once_more_and_loses_no_message(now: PageRoute) -> None:
    """The Page has moved to another shop, or the shop has another secret after a purge. The other messages are
    stored."""
    setup = Setup({PAGE: SHOP, OTHER_PAGE: OTHER_SHOP})
    await setup.put(text("m_1"), text("m_2", OTHER_PAGE))
    setup.true_routes[PAGE] = now
    outcomes = await setup.put(text("m_3"), text("m_4", OTHER_PAGE), text("m_5"), text("m_6", THIRD_PAGE))
    assert outcomes == ["stored", "stored", "stored", "unknown_page"]
    has = setup.batches.has
    assert set(setup.batches.kept[2:]) == {has(now, "m_3"), has(OTHER_SHOP, "m_4", OTHER_PAGE), has(now, "m_5")}
    assert setup.routes.lookups == [PAGE, OTHER_PAGE, THIRD_PAGE, PAGE]


async def test_two_deliveries_that_meet_one_stale_route_lose_nothing() -> None:
    """The old shop refuses both deliveries. The first delivery has already forgotten the route when the second
    wants to forget it.
    """
    setup = Setup()
    await setup.put(text("m_1"))
    setup.true_routes[PAGE] = OTHER_SHOP
    setup.batches.gates[SHOP], setup.routes.gate = asyncio.Event(), asyncio.Event()
    both = asyncio.gather(setup.put(text("m_2")), setup.put(text("m_3")))
    await wait_until(lambda: len(setup.batches.puts) == 3)
    setup.batches.gates[SHOP].set()
    await wait_until(lambda: len(setup.routes.lookups) >= 2)
    setup.routes.gate.set()
    assert list(await both) == [["stored"], ["stored"]]
    has = setup.batches.has
    assert set(setup.batches.kept[1:]) == {has(OTHER_SHOP, "m_2"), has(OTHER_SHOP, "m_3")}


async def test_a_route_that_is_stale_twice_is_refused_as_contended() -> None:
    """The route changed twice within a short time. Facebook delivers again, and the writer makes no third
    lookup now."""
    setup = Setup()
    setup.routes.routes = {PAGE: AFTER_PURGE}
    with pytest.raises(Unavailable) as refusal:
        await setup.put(text("m_1"))
    assert refusal.value.reason == "contended"
    assert setup.registry.get_sample_value("page_inbox_store_errors_total", {"reason": "contended"}) == 1
    assert setup.batches.puts == [AFTER_PURGE, AFTER_PURGE]
    setup.routes.routes = setup.true_routes
    assert await setup.put(text("m_1")) == ["stored"]


async def test_a_delivery_fails_only_after_the_writes_of_all_its_shops_have_ended() -> None:
    """No write of a delivery is still running when the delivery is answered."""
    setup = Setup({PAGE: SHOP, OTHER_PAGE: OTHER_SHOP})
    setup.batches.fails[SHOP] = Unavailable("queue_full", retry_after=2)
    setup.batches.gates[OTHER_SHOP] = asyncio.Event()
    request = asyncio.ensure_future(setup.put(text("m_1"), text("m_2", OTHER_PAGE)))
    await wait_until(lambda: len(setup.batches.puts) == 2)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not request.done()
    setup.batches.gates[OTHER_SHOP].set()
    with pytest.raises(Unavailable) as refusal:
        await request
    assert refusal.value.reason == "queue_full"
    assert setup.batches.kept == [setup.batches.has(OTHER_SHOP, "m_2", OTHER_PAGE)]


async def test_messages_of_one_known_page_are_put_without_waiting() -> None:
    """`put_soon` refuses all other events. The caller then uses `put`, which may look up Pages."""
    setup = Setup({PAGE: SHOP, OTHER_PAGE: SHOP})
    assert setup.put_soon(text("m_1")) is None
    await setup.put(text("m_1"), text("m_2", OTHER_PAGE))
    results = setup.put_soon(text("m_3"), text("m_4"))
    await wait_until(lambda: bool(results))
    assert results == [["stored", "stored"]]
    assert setup.put_soon() is None
    assert setup.put_soon(text("m_5"), text("m_6", OTHER_PAGE)) is None
    assert setup.put_soon(text("m_5"), Unsend(MessageId("m_3"), PAGE, None)) is None
    assert setup.put_soon(*many(EVENTS_AT_ONCE + 1)) is None
    assert setup.routes.lookups == [PAGE, OTHER_PAGE]


async def test_messages_fetched_for_one_shop_are_not_stored_for_another_shop() -> None:
    """The Page has moved since the fetch began, and the new shop has not asked for these messages."""
    setup = Setup()
    await setup.put(text("m_1"))
    assert await setup.writer.put_fetched(SHOP.shop, [text("m_2")]) == ["stored"]
    setup.true_routes[PAGE] = OTHER_SHOP
    assert await setup.writer.put_fetched(SHOP.shop, [text("m_3")]) == ["unknown_page"]
    assert await setup.writer.put_fetched(OTHER_SHOP.shop, [text("m_4")]) == ["stored"]
    has = setup.batches.has
    assert setup.batches.kept == [has(SHOP, "m_1"), has(SHOP, "m_2"), has(OTHER_SHOP, "m_4")]


async def test_the_memory_of_routes_is_bounded() -> None:
    """The cache removes the oldest route. Its Page needs one more lookup when it returns."""
    pages = [PAGE, OTHER_PAGE, THIRD_PAGE]
    setup = Setup(dict.fromkeys(pages, SHOP), routes_remembered=2)
    for page in (*pages, THIRD_PAGE, PAGE):
        await setup.put(text(f"m_{page}", page))
    assert setup.routes.lookups == [*pages, PAGE]


async def test_the_stored_part_of_a_large_delivery_stays_if_the_rest_fails() -> None:
    """A large delivery is put in parts. The redelivery puts the same parts again, and the store recognises the
    duplicates."""
    setup = Setup()
    messages = many(2_001)
    setup.batches.room = 800
    with pytest.raises(Unavailable):
        await setup.put(*messages)
    kept = [id_ for _, id_ in setup.batches.kept]
    assert 0 < len(kept) < len(messages)
    ids = [setup.batches.has(SHOP, message.id)[1] for message in messages]
    assert kept == ids[: len(kept)]

    setup.batches.kept.clear()
    setup.batches.room = len(messages)
    assert await setup.put(*messages) == ["stored"] * len(messages)
    assert [id_ for _, id_ in setup.batches.kept] == ids
