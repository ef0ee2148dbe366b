"""The writer over a fake connection: which messages are sent together, which wait, and which fail with others."""

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from secrets import token_bytes
from typing import Any, cast

import pytest
from prometheus_client.registry import CollectorRegistry
from redis.asyncio import Redis

from cache.codec import decode, encode_message, encode_waiting_edit
from cache.errors import Unavailable
from cache.keys import shop_keys
from cache.messages import changes
from cache.messages.batch import Batches
from cache.messages.changes import Changes
from cache.messages.queue import CALL_MESSAGES, MOST_MESSAGES, WAIT_SECONDS
from cache.messages.vault import ShopSecrets
from cache.messages.writer import Writer, nonces
from cache.registry.routes import PageRoute, Routes
from cache.scripts import EDIT, ERASE, EVENT, PUT
from cache.sealing import Sealer
from cache.server.connection import Arg, Connection, Reply, ScriptCall
from cache.server.exchange import TimeLimits
from domain.event import Outcome, Storable
from domain.ids import MessageId, PageId, Psid, ShopId
from domain.message import Edit, Message, Unsend
from domain.secret import Secret
from ops.metrics import Metrics
from tests.servers import PATIENT
from tests.support import FakeClock, wait_until

PAGE, OTHER_PAGE, CUSTOMER = PageId("104200000000001"), PageId("104200000000002"), Psid("7")
SHOP, OTHER_SHOP = ShopId("sokha"), ShopId("dara")
SEAL_KEY = Secret(b64encode(b"a seal key of the writer's tests").decode())
ROW = 4
"""Arguments of `put.lua` for one message: id, sent_at, value, merged."""

KEYS = 6
"""Keys of one shop in a put."""


def text(mid: str, words: str = "", page: PageId = PAGE) -> Message:
    return Message(MessageId(mid), page, CUSTOMER, "in", "message", None, text=words)


def many(count: int, first: int = 0) -> list[Message]:
    return [text(f"m_{number}") for number in range(first, first + count)]


@dataclass(frozen=True, slots=True)
class Share:
    """A shop's share of a put, as the script gets it."""

    registry: bytes
    sealed_by: Arg
    pages: list[Arg]
    rows: list[tuple[Any, ...]]


def shares(call: ScriptCall) -> list[Share]:
    """Returns the share of each shop in a put."""
    found, at = [], 1
    for registry in call.keys[::KEYS]:
        _, sealed_by, pages, messages = call.args[at : at + 4]
        first = at + 4 + 2 * int(pages)
        at_end = first + ROW * int(messages)
        rows = [tuple(call.args[row : row + ROW]) for row in range(first, at_end, ROW)]
        found.append(Share(registry, sealed_by, list(call.args[at + 4 : first]), rows))
        at = at_end
    assert at == len(call.args)
    return found


def only(call: ScriptCall) -> Share:
    """Returns the share of the only shop in a put."""
    (share,) = shares(call)
    return share


def sizes(trip: Sequence[ScriptCall]) -> list[list[int]]:
    """Returns the number of messages of each shop in each call."""
    return [[len(share.rows) for share in shares(call)] for call in trip]


def stored(share: Share) -> Reply:
    """Returns the reply that every message of the share is stored."""
    return [b"s" * len(share.rows)]


class FakeConnection(Connection):
    """Answers each shop's share of a put by `answer`, and other scripts by `answer_other`. A round trip raises the next
    item of `failures` if there is one. The connection keeps the calls of each round trip. If `answer` returns an
    Unavailable for a share, the call of the share fails.

    While `gate` is closed, a round trip waits.
    """

    def __init__(self) -> None:
        super().__init__(Redis(), limits=PATIENT)
        self.answer: Callable[[Share], Reply] = stored
        self.answer_other: Callable[[ScriptCall], Reply] = lambda _: [b"s"]
        self.cluster = False
        self.failures: list[BaseException | None] = []
        self.trips: list[list[ScriptCall]] = []
        self.commands: list[tuple[Any, ...]] = []
        self.values: dict[str, Any] = {}
        self.gate = asyncio.Event()
        self.gate.set()

    async def runs(self, calls: Sequence[ScriptCall]) -> list[Reply | Unavailable]:
        """Carry out one round trip."""
        self.trips.append(list(calls))
        await self.gate.wait()
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        return [self._answered(call) for call in calls]

    def _answered(self, call: ScriptCall) -> Reply:
        if call.script is not PUT:
            return self.answer_other(call)
        replies = [self.answer(share) for share in shares(call)]
        return next((reply for reply in replies if isinstance(reply, Unavailable)), replies)

    @property
    def clustered(self) -> bool:
        """Returns whether the test simulates a cluster."""
        return self.cluster

    async def run(self, call: ScriptCall, *, tries: int = 1) -> Reply:
        """Run a script outside the queue."""
        assert tries == 2
        return (await self.runs([call]))[0]

    async def command(self, *args: Any) -> Reply:
        """Run a command outside the queue."""
        self.commands.append(args)
        return self.values.get(args[0])


class FakeRoutes:
    """Finds one route for every Page."""

    def __init__(self, route: PageRoute) -> None:
        self._route = route

    async def find(self, page: PageId) -> PageRoute:
        """Returns the route."""
        return self._route


class Setup:
    """A writer, its connection and its metrics."""

    def __init__(self, now: float = 0.0, **limits: int) -> None:
        self.connection = FakeConnection()
        self.clock = FakeClock()
        self.registry = CollectorRegistry()
        sealer = Sealer([SEAL_KEY], new_nonce=token_bytes)
        self.secrets = ShopSecrets(sealer, new_bytes=token_bytes)
        self.routes: dict[ShopId, PageRoute] = {}
        metrics, new_nonce = Metrics(self.registry), nonces(7)
        self.batches = Batches(
            self.connection,
            self.secrets,
            metrics,
            ttl=432_000,
            clock=self.clock.seconds,
            now=lambda: now,
            **limits,
        )
        changes = Changes(self.connection, self.secrets, sealer, ttl=432_000, new_nonce=new_nonce)
        self._parts = (self.batches, changes)
        self._metrics, self._new_nonce = metrics, new_nonce
        self._writers: dict[PageRoute, Writer] = {}

    def metric(self, name: str, **labels: str) -> float | None:
        """Returns the value of a metric."""
        return self.registry.get_sample_value(f"page_inbox_{name}", labels)

    def sealed(self, id_: bytes, record: bytes) -> bytes:
        """Returns a value as the writer would seal it."""
        return self.secrets.vault(*self.route()).seal(id_, record, token_bytes(8))

    def body(self, row: tuple[Any, ...]) -> dict[str, Any]:
        """Returns the decrypted record in a row of a put."""
        return decode(self.secrets.vault(*self.route()).open(row[0], row[2]))

    def route(self, shop: ShopId = SHOP) -> PageRoute:
        """Returns the route that a lookup finds."""
        return self.routes.setdefault(shop, PageRoute(shop, self.secrets.new(shop)))

    def writer(self, route: PageRoute | None = None) -> Writer:
        """Returns the writer of events whose Page has this route."""
        route = route or self.route()
        if route not in self._writers:
            routes = cast("Routes", FakeRoutes(route))
            self._writers[route] = Writer(
                *self._parts,
                routes,
                self._metrics,
                ttl=432_000,
                new_nonce=self._new_nonce,
                clock=self.clock.seconds,
            )
        return self._writers[route]

    def put(self, *messages: Message, shop: ShopId = SHOP) -> "asyncio.Task[list[Outcome]]":
        """Put the messages. If one script call cannot hold all of them, the setup puts several requests in parallel."""
        return asyncio.create_task(self._put(self.writer(self.route(shop)), messages))

    async def _put(self, writer: Writer, messages: Sequence[Message]) -> list[Outcome]:
        starts = range(0, len(messages), CALL_MESSAGES)
        found = await asyncio.gather(*(writer.put(messages[at : at + CALL_MESSAGES]) for at in starts))
        return [outcome for outcomes in found for outcome in outcomes]

    async def taken(self, messages: int) -> None:
        """Wait until this number of messages is in the queue or in progress."""
        await wait_until(lambda: self.metric("queue_messages") == messages)

    async def one_sent_and_one_waiting(self) -> "tuple[asyncio.Task[list[Outcome]], asyncio.Task[list[Outcome]]]":
        """Put two messages. The first hangs in its round trip until the gate is opened. The second waits."""
        self.connection.gate.clear()
        first = self.put(text("m_0"))
        await self.under_way()
        second = self.put(text("m_1"))
        await self.taken(2)
        return first, second

    async def under_way(self, trips: int = 1) -> None:
        """Wait until this number of round trips has begun."""
        await wait_until(lambda: len(self.connection.trips) >= trips)


@pytest.fixture
def setup() -> Setup:
    """Returns a new writer for each test."""
    return Setup()


async def settled(*tasks: Awaitable[Any]) -> list[str]:
    """Returns the reason of each task's failure, or `stored`."""
    results = await asyncio.gather(*tasks, return_exceptions=True)
    return [one.reason if isinstance(one, Unavailable) else "stored" for one in results]


async def test_requests_of_one_loop_iteration_go_in_one_call(setup: Setup) -> None:
    """Ten requests of two shops become one call."""
    puts = [setup.put(text(f"m_{n}"), shop=SHOP if n % 2 else OTHER_SHOP) for n in range(10)]
    assert await asyncio.gather(*puts) == [["stored"]] * 10
    ((call,),) = setup.connection.trips
    assert [len(share.rows) for share in shares(call)] == [5, 5]
    assert {share.registry for share in shares(call)} == {shop_keys(SHOP).registry, shop_keys(OTHER_SHOP).registry}
    assert setup.metric("store_batch_messages_sum") == 10


async def test_on_a_cluster_each_shop_has_its_own_call(setup: Setup) -> None:
    """The calls are in one round trip. All keys of one call must be in one slot."""
    setup.connection.cluster = True
    puts = [setup.put(text(f"m_{n}"), shop=SHOP if n % 2 else OTHER_SHOP) for n in range(10)]
    assert await asyncio.gather(*puts) == [["stored"]] * 10
    (trip,) = setup.connection.trips
    assert sizes(trip) == [[5], [5]]


async def test_a_refused_call_is_sent_again_for_each_shop_separately(setup: Setup) -> None:
    """If one shop has damaged keys, the messages of other shops are stored. The nonces show which messages are already
    stored."""
    damaged = shop_keys(SHOP).registry
    setup.connection.answer = lambda share: Unavailable("redis_refused") if share.registry == damaged else stored(share)
    puts = [setup.put(text("m_0"), shop=shop) for shop in (ShopId("first"), SHOP, OTHER_SHOP)]
    assert await settled(*puts) == ["stored", "redis_refused", "stored"]
    assert [sizes(trip) for trip in setup.connection.trips] == [[[1, 1, 1]], [[1]], [[1]], [[1]]]
    nonces = [[row[2][2:6] for share in shares(call) for row in share.rows] for (call,) in setup.connection.trips]
    assert nonces[0] == [one for (one,) in nonces[1:]]
    assert setup.metric("store_errors_total", reason="redis_refused") == 1


async def test_a_call_refused_by_a_full_server_is_not_sent_again(setup: Setup) -> None:
    """A full server would refuse each shop's separate call too."""
    setup.connection.answer = lambda _: Unavailable("redis_full")
    puts = [setup.put(text("m_0"), shop=shop) for shop in (SHOP, OTHER_SHOP)]
    assert await settled(*puts) == ["redis_full", "redis_full"]
    assert len(setup.connection.trips) == 1


async def test_a_caller_that_does_not_wait_gets_the_result_by_callback(setup: Setup) -> None:
    """`settle` gets the outcomes or the error. If the queue has no room, the writer raises the error at once."""
    told: list[Any] = []
    await setup.put(text("m_9"))
    assert setup.writer().put_soon(many(2), told.append)
    await wait_until(lambda: bool(told))
    assert told == [["stored", "stored"]]
    setup.connection.failures = [Unavailable("redis_full")]
    assert setup.writer().put_soon(many(1), told.append)
    await wait_until(lambda: len(told) == 2)
    assert told[1].reason == "redis_full"
    await setup.batches.close()
    with pytest.raises(Unavailable) as refusal:
        setup.batches.admit()
    assert refusal.value.reason == "closing"
    assert len(told) == 2


async def test_messages_that_arrive_during_a_round_trip_go_in_the_next(setup: Setup) -> None:
    """One round trip sends all messages that waited."""
    setup.connection.gate.clear()
    first = setup.put(text("m_0"))
    await setup.under_way()
    others = [setup.put(text(f"m_{n}")) for n in range(1, 4)]
    await setup.taken(4)
    assert not first.done()
    setup.connection.gate.set()
    await asyncio.gather(first, *others)
    assert [sizes(trip) for trip in setup.connection.trips] == [[[1]], [[3]]]


async def test_a_large_batch_is_split_and_its_outcomes_come_back_in_order(setup: Setup) -> None:
    """More than 250 messages of a shop become several calls of one round trip. Each caller gets its own outcomes."""

    def every_third_a_duplicate(share: Share) -> Reply:
        ids = [row[0] for row in share.rows]
        return [b"".join(b"d" if ids_of[id_] % 3 == 0 else b"s" for id_ in ids)]

    count = 2 * CALL_MESSAGES + 60
    messages = many(count)
    keys = shop_keys(SHOP)
    ids_of = {keys.message_id(PAGE, message.id): number for number, message in enumerate(messages)}
    setup.connection.answer = every_third_a_duplicate
    cuts = [0, 1, 249, 251, 500, count]
    puts = [setup.put(*messages[a:b]) for a, b in pairwise(cuts)]
    outcomes = [outcome for one in await asyncio.gather(*puts) for outcome in one]
    assert outcomes == ["duplicate" if number % 3 == 0 else "stored" for number in range(count)]
    (trip,) = setup.connection.trips
    assert len(trip) > 1
    assert all(sum(call) <= CALL_MESSAGES for call in sizes(trip))
    assert [row[0] for call in trip for row in only(call).rows] == list(ids_of)


async def test_a_round_trip_is_bounded(setup: Setup) -> None:
    """Shops beyond the limit are in the next round trip."""
    puts = [setup.put(*many(MOST_MESSAGES // 2), shop=ShopId(f"shop-{n}")) for n in range(3)]
    await asyncio.gather(*puts)
    messages = [sum(sum(call) for call in sizes(trip)) for trip in setup.connection.trips]
    assert messages == [MOST_MESSAGES, MOST_MESSAGES // 2]


async def test_a_round_trip_respects_the_configured_number_of_messages() -> None:
    """Each round trip has one message if the limit is one."""
    setup = Setup(batch_messages=1)
    await asyncio.gather(*(setup.put(text(f"m_{n}")) for n in range(3)))
    assert [sizes(trip) for trip in setup.connection.trips] == [[[1]]] * 3


async def test_a_young_message_that_redis_calls_too_old_is_not_dropped() -> None:
    """The clock of the service or of Redis is wrong, so the delivery is refused and Facebook delivers it again. A
    message that is old by both clocks is dropped.
    """
    now = 1_770_000_000
    setup = Setup(now=now)
    setup.connection.answer = lambda share: [b"o" * len(share.rows)]
    young, old = ((now - seconds) * 1000 for seconds in (60, 432_060))
    with pytest.raises(Unavailable) as refused:
        await setup.put(replace(text("m_1"), sent_at=young))
    assert refused.value.reason == "redis_clock_wrong"
    assert await setup.put(replace(text("m_2"), sent_at=old)) == ["too_old"]


async def test_a_queue_full_of_messages_refuses_and_stores_its_content() -> None:
    """The queue does not wait for room, because room may not become free in time."""
    setup = Setup(queue_messages=3)
    setup.connection.gate.clear()
    first = setup.put(*many(2))
    await setup.under_way()
    assert await settled(setup.put(*many(2, 2))) == ["queue_full"]
    second = setup.put(text("m_9"))
    await setup.taken(3)
    assert not await setup.batches.accepting()
    setup.connection.gate.set()
    assert await settled(first, second) == ["stored", "stored"]
    assert setup.metric("queue_messages") == 0
    assert await setup.batches.accepting()
    assert await settled(setup.put(*many(3))) == ["stored"]


async def test_a_queue_full_of_bytes_refuses_too() -> None:
    """A few large messages can fill the queue."""
    big = text("m_0", "".join(chr(0x4E00 + n * 37 % 20_000) for n in range(2_000)))
    setup = Setup(queue_bytes=len(encode_message(big, shop_keys(SHOP), b"abcd", 432_000)) * 3 // 2)
    setup.connection.gate.clear()
    first = setup.put(big)
    await setup.under_way()
    assert await settled(setup.put(big)) == ["queue_full"]
    small = setup.put(text("m_1"))
    setup.connection.gate.set()
    assert await settled(first, small) == ["stored", "stored"]
    assert setup.metric("queue_bytes") == 0
    assert await settled(setup.put(big)) == ["stored"]


async def test_a_message_that_would_wait_too_long_is_refused_at_once(setup: Setup) -> None:
    """The message would wait behind a round trip that hangs, although there is room. Earlier messages are stored."""
    first, second = await setup.one_sent_and_one_waiting()
    setup.clock.advance(WAIT_SECONDS + 0.1)
    assert await settled(setup.put(text("m_2"))) == ["queue_full"]
    setup.connection.gate.set()
    assert await settled(first, second, setup.put(text("m_3"))) == ["stored"] * 3
    assert setup.metric("queue_messages") == 0


@pytest.mark.parametrize("late", [2, 4])
async def test_late_messages_are_refused_if_the_next_round_trip_cannot_take_all(late: int) -> None:
    """The late messages were accepted before the store became slow. Messages that were accepted afterwards are
    stored.
    """
    setup = Setup(batch_messages=3)
    setup.connection.gate.clear()
    first = setup.put(text("m_0"))
    await setup.under_way()
    waiting = [setup.put(text(f"m_{n + 1}"), shop=ShopId(f"shop-{n % 2}")) for n in range(late)]
    await setup.taken(1 + late)
    setup.clock.advance(WAIT_SECONDS / 3)
    later = [setup.put(text(f"m_{n + 7}")) for n in range(4 - late)]
    await setup.taken(5)
    setup.clock.advance(WAIT_SECONDS * 0.8)
    setup.connection.gate.set()
    assert await settled(first, *waiting, *later) == ["stored", *["queue_full"] * late, *["stored"] * (4 - late)]
    assert setup.metric("queue_messages") == setup.metric("queue_bytes") == 0
    assert await settled(setup.put(text("m_9"))) == ["stored"]


async def test_late_messages_are_stored_if_they_fit_into_the_next_round_trip(setup: Setup) -> None:
    """A store that was slow for a moment is quick again afterwards."""
    setup.connection.gate.clear()
    first = setup.put(text("m_0"))
    await setup.under_way()
    waiting = [setup.put(text(f"m_{n + 1}")) for n in range(4)]
    await setup.taken(5)
    setup.clock.advance(WAIT_SECONDS + 0.1)
    setup.connection.gate.set()
    assert await settled(first, *waiting) == ["stored"] * 5


async def test_a_shop_with_too_many_messages_for_a_round_trip_delays_no_other_shop(setup: Setup) -> None:
    """The rest of the shop's messages waits behind the messages of the other shop. All messages are stored in order."""
    setup.connection.gate.clear()
    first = setup.put(text("m_first"))
    await setup.under_way()
    flood = [setup.put(*many(MOST_MESSAGES // 4, n * MOST_MESSAGES)) for n in range(6)]
    other = setup.put(text("m_1"), shop=OTHER_SHOP)
    await setup.taken(2 + 6 * (MOST_MESSAGES // 4))
    setup.connection.gate.set()
    assert await settled(first, other, *flood) == ["stored"] * 8
    shops = [[bytes(share.registry) for call in trip for share in shares(call)] for trip in setup.connection.trips]
    theirs, ours = shop_keys(SHOP).registry, shop_keys(OTHER_SHOP).registry
    assert set(shops[1]) == {theirs}
    assert shops[2][0] == ours
    assert [sum(sum(call) for call in sizes(trip)) for trip in setup.connection.trips] == [
        1,
        MOST_MESSAGES,
        1 + MOST_MESSAGES // 2,
    ]
    ids = [row[0] for trip in setup.connection.trips for call in trip for share in shares(call) for row in share.rows
           if share.registry == theirs]  # fmt: skip
    assert len(ids) == len(set(ids)) == 1 + 6 * (MOST_MESSAGES // 4)


async def test_a_failure_fails_the_running_and_the_waiting_messages(setup: Setup) -> None:
    """Messages that wait for the next round trip fail too. Then the queue has room, and the writer tries the
    next put."""
    setup.connection.gate.clear()
    first = setup.put(text("m_0"))
    await setup.under_way()
    behind = [setup.put(text("m_1")), setup.put(text("m_2"), shop=OTHER_SHOP)]
    await setup.taken(3)
    setup.connection.failures = [Unavailable("redis_full")]
    setup.connection.gate.set()
    assert await settled(first, *behind) == ["redis_full"] * 3
    assert len(setup.connection.trips) == 1
    assert setup.metric("queue_messages") == setup.metric("queue_bytes") == 0
    assert setup.metric("store_errors_total", reason="redis_full") == 1
    assert await settled(setup.put(text("m_3"))) == ["stored"]


async def test_the_failure_of_one_shop_does_not_fail_another_shop(setup: Setup) -> None:
    """On a cluster, each call of a round trip has its own reply."""
    setup.connection.cluster = True
    setup.connection.answer = lambda share: (
        Unavailable("redis_refused") if share.registry == shop_keys(SHOP).registry else stored(share)
    )
    puts = [setup.put(text("m_0")), setup.put(text("m_1"), shop=OTHER_SHOP)]
    assert await settled(*puts) == ["redis_refused", "stored"]
    assert setup.metric("queue_messages") == 0


@pytest.mark.parametrize("reason", ["redis_unreachable", "redis_timeout"])
async def test_a_write_with_a_lost_answer_is_sent_again_unchanged(setup: Setup, reason: Any) -> None:
    """The value has the same nonce, so `put.lua` recognises its own earlier write."""
    setup.connection.failures = [Unavailable(reason)]
    assert await settled(setup.put(text("m_0"))) == ["stored"]
    first, second = setup.connection.trips
    assert only(first[0]).rows == only(second[0]).rows
    assert setup.metric("store_errors_total", reason=reason) is None


async def test_a_write_with_a_lost_answer_is_sent_again_only_once(setup: Setup) -> None:
    """After two failures the delivery is refused, and Facebook delivers it again."""
    setup.connection.failures = [Unavailable("redis_unreachable"), Unavailable("redis_unreachable")]
    assert await settled(setup.put(text("m_0"))) == ["redis_unreachable"]
    assert len(setup.connection.trips) == 2


@pytest.mark.parametrize("reason", ["redis_full", "redis_read_only", "redis_refused", "redis_loading"])
async def test_a_refusal_is_not_sent_again(setup: Setup, reason: Any) -> None:
    """The server would refuse the same write again."""
    setup.connection.failures = [Unavailable(reason)]
    assert await settled(setup.put(text("m_0"))) == [reason]
    assert len(setup.connection.trips) == 1


async def test_a_write_to_a_server_that_does_not_answer_times_out(setup: Setup) -> None:
    """The writer gives up early enough to answer Facebook."""
    setup.connection.limits = TimeLimits(write=0.01)
    setup.connection.gate.clear()
    assert await settled(setup.put(text("m_0"))) == ["redis_timeout"]
    assert setup.metric("queue_messages") == 0


async def test_the_nonces_of_two_messages_differ(setup: Setup) -> None:
    """If one message is put twice, the nonces differ too. The second put is then a duplicate and not a
    repeated write."""
    await asyncio.gather(setup.put(text("m_0")), setup.put(text("m_0")))
    ((call,),) = setup.connection.trips
    nonces = [row[2][2:6] for row in only(call).rows]
    assert nonces == [b"\x00\x00\x00\x07", b"\x00\x00\x00\x08"]


async def test_a_cancelled_caller_does_not_affect_other_callers(setup: Setup) -> None:
    """The messages of the cancelled caller are stored, and their room in the queue becomes free."""
    setup.connection.gate.clear()
    gone, stays = setup.put(text("m_0")), setup.put(text("m_1"))
    await setup.under_way()
    gone.cancel()
    await asyncio.wait([gone])
    setup.connection.gate.set()
    assert await stays == ["stored"]
    assert sizes(setup.connection.trips[0]) == [[2]]
    assert setup.metric("queue_messages") == 0


async def test_a_caller_cancelled_before_a_failure_does_not_affect_other_callers(setup: Setup) -> None:
    """The failure is not set on the future of the cancelled caller, because this future has ended."""
    setup.connection.gate.clear()
    gone, stays = setup.put(text("m_0")), setup.put(text("m_1"))
    await setup.under_way()
    gone.cancel()
    await asyncio.wait([gone])
    setup.connection.failures = [Unavailable("redis_full")]
    setup.connection.gate.set()
    assert await settled(stays) == ["redis_full"]
    assert setup.metric("queue_messages") == 0


async def test_closing_stores_accepted_messages_and_refuses_new_ones(setup: Setup) -> None:
    """A process that stops loses no message that it has accepted."""
    first, second = await setup.one_sent_and_one_waiting()
    closing = asyncio.create_task(setup.batches.close())
    await asyncio.sleep(0)
    assert not await setup.batches.accepting()
    late = [
        setup.put(text("m_2")),
        asyncio.create_task(setup.writer().put([Unsend(MessageId("m_0"), PAGE, None)])),
    ]
    assert await settled(*late) == ["closing", "closing"]
    assert not closing.done()
    setup.connection.gate.set()
    await closing
    assert await settled(first, second) == ["stored", "stored"]


async def test_closing_an_idle_writer_is_instant(setup: Setup) -> None:
    """A second close is instant too."""
    await setup.batches.close()
    await setup.batches.close()
    assert setup.connection.trips == []


async def test_a_bug_fails_its_own_batch_and_the_next_put_succeeds(setup: Setup) -> None:
    """After a bug has failed one batch, the next put succeeds."""
    setup.connection.failures = [RuntimeError("a bug")]
    with pytest.raises(RuntimeError):
        await setup.put(text("m_0"))
    assert setup.metric("queue_messages") == 0
    assert await settled(setup.put(text("m_1"))) == ["stored"]


async def test_each_letter_of_the_reply_becomes_an_outcome(setup: Setup) -> None:
    """Each letter becomes an outcome, in the order of the messages."""
    setup.connection.answer = lambda _: [b"sdgopb"]
    outcomes = await setup.put(*many(6))
    assert outcomes == ["stored", "duplicate", "erased", "too_old", "paused", "blocked"]


async def test_each_page_of_a_call_is_named_once(setup: Setup) -> None:
    """The call has each Page with its tag. The script looks the Page up in the shop's record."""
    await setup.put(text("m_0"), text("m_1", page=OTHER_PAGE), text("m_2"))
    ((call,),) = setup.connection.trips
    keys = shop_keys(SHOP)
    assert call.script is PUT
    assert only(call).pages == [PAGE, keys.page_tag(PAGE), OTHER_PAGE, keys.page_tag(OTHER_PAGE)]


async def test_a_message_that_arrives_after_its_edit_is_stored_with_the_edit(setup: Setup) -> None:
    """The test splits the batch into several calls, because the number in a reply is a position within the shop's
    share of one call.
    """
    keys = shop_keys(SHOP)
    edit = Edit(MessageId(f"m_{CALL_MESSAGES + 1}"), PAGE, CUSTOMER, 1, "edited", None)
    wanted = keys.message_id(PAGE, edit.id)
    waiting = setup.sealed(wanted, encode_waiting_edit(edit, keys, b"abcd"))

    def answer(share: Share) -> Reply:
        for number, row in enumerate(share.rows, 1):
            if row[0] == wanted and row[3] != waiting:
                letters = bytearray(b"s" * len(share.rows))
                letters[number - 1] = ord("w")
                return [bytes(letters), number, waiting]
        return stored(share)

    setup.connection.answer = answer
    assert await setup.put(*many(CALL_MESSAGES + 3)) == ["stored"] * (CALL_MESSAGES + 3)
    last = only(setup.connection.trips[-1][0]).rows
    assert [row[0] for row in last] == [wanted]
    body = setup.body(last[0])
    assert (body["text"], body["edits"], body["id"]) == ("edited", 1, edit.id)


async def test_a_message_with_an_unreadable_edit_is_stored_without_the_edit(setup: Setup) -> None:
    """The message is stored without the edit."""
    damaged = b"\x02" + bytes(40)
    setup.connection.answer = lambda share: [b"w", 1, damaged] if share.rows[0][3] != damaged else stored(share)
    assert await setup.put(text("m_0", "as it was said")) == ["stored"]
    assert setup.body(only(setup.connection.trips[-1][0]).rows[0])["text"] == "as it was said"


async def test_the_outcomes_of_mixed_events_have_the_order_of_the_events(setup: Setup) -> None:
    """Messages are stored first, because an edit may belong to one of them. The answer has the order of the request."""
    setup.connection.answer = lambda _: [b"sd"]
    events: list[Storable] = [
        Unsend(MessageId("m_7"), PAGE, None),
        text("m_0"),
        Edit(MessageId("m_8"), PAGE, CUSTOMER, 1, "x", None),
        text("m_1"),
    ]
    assert await setup.writer().put(events) == ["unsent", "stored", "edit_waiting", "duplicate"]
    assert [call.script for trip in setup.connection.trips for call in trip] == [PUT, EVENT, ERASE, EDIT]


async def test_an_unsend_for_a_page_of_another_shop_writes_nothing(setup: Setup) -> None:
    """An unsend for a Page of another shop leaves no tombstone."""
    setup.connection.answer_other = lambda _: 0
    unsend = Unsend(MessageId("m_7"), PAGE, None)
    assert await settled(setup.writer().put([unsend])) == ["contended"]
    assert [call.script for trip in setup.connection.trips for call in trip] == [EVENT, EVENT]


async def test_an_edit_of_a_damaged_record_is_unreadable_and_is_not_tried_again(setup: Setup) -> None:
    """The record will never be readable. With an error, Facebook would deliver the edit again and again."""
    setup.connection.answer_other = lambda _: [b"c", b"\x01damaged"]
    edit = Edit(MessageId("m_8"), PAGE, CUSTOMER, 2, "x", None)
    assert await setup.writer().put([edit]) == ["unreadable"]
    assert len(setup.connection.trips) == 1


async def test_an_edit_with_concurrent_changes_is_tried_a_limited_number_of_times(setup: Setup) -> None:
    """An edit replaces a value only if nobody has changed the value since the service read it."""
    rival = Edit(MessageId("m_8"), PAGE, CUSTOMER, 1, "rival", None)
    id_ = shop_keys(SHOP).message_id(PAGE, rival.id)
    value = setup.sealed(id_, encode_waiting_edit(rival, shop_keys(SHOP), b"abcd"))
    setup.connection.answer_other = lambda _: [b"c", value]
    edit = Edit(MessageId("m_8"), PAGE, CUSTOMER, 2, "x", None)
    assert await settled(setup.writer().put([edit])) == ["contended"]
    seen = [call.args[4] for trip in setup.connection.trips for call in trip]
    assert seen == [b"", *[value] * (changes.EDIT_TRIES - 1)]


async def test_values_are_sealed_under_the_secret_of_their_route(setup: Setup) -> None:
    """The script gets the id of the secret. Shortly after a purge a shop can have two routes, and their messages
    stay in separate shares.
    """
    before = setup.route()
    after = PageRoute(SHOP, setup.secrets.new(SHOP))
    puts = [setup.writer(route).put([text("m_0", "hello")]) for route in (before, after)]
    assert await asyncio.gather(*puts) == [["stored"]] * 2
    ((call,),) = setup.connection.trips
    for route, share in zip([before, after], shares(call), strict=True):
        assert share.sealed_by == setup.secrets.vault(*route).id
        ((id_, _, value, _),) = share.rows
        assert decode(setup.secrets.vault(*route).open(id_, value))["text"] == "hello"


@pytest.mark.parametrize("event", [text("m_0"), Edit(MessageId("m_0"), PAGE, CUSTOMER, 1, "x", None)])
async def test_a_route_with_an_outdated_secret_is_looked_up_once_more(setup: Setup, event: Storable) -> None:
    """If the secret is outdated after the second lookup too, the writer refuses the event, and Facebook delivers it
    again.
    """
    setup.connection.answer, setup.connection.answer_other = (lambda _: [b"u"]), (lambda _: [b"u"])
    assert await settled(setup.writer().put([event])) == ["contended"]
    assert len(setup.connection.trips) == 2


async def test_after_a_purge_a_message_is_stored_without_its_waiting_edit(setup: Setup) -> None:
    """The purge may come while the writer merges the edit into the message. The edit may be purged, so the writer
    puts the message again without it.
    """
    edit = Edit(MessageId("m_0"), PAGE, CUSTOMER, 1, "purged", None)
    id_ = shop_keys(SHOP).message_id(PAGE, edit.id)
    waiting = setup.sealed(id_, encode_waiting_edit(edit, shop_keys(SHOP), b"abcd"))
    replies = iter([[b"w", 1, waiting], [b"u"], [b"s"]])
    setup.connection.answer = lambda _: next(replies)
    assert await setup.put(text("m_0", "as it was said")) == ["stored"]
    assert setup.body(only(setup.connection.trips[-1][0]).rows[0])["text"] == "as it was said"
