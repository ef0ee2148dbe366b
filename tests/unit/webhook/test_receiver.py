"""The receiver alone and in its ASGI application: same answers, log lines, metrics and stored messages."""

import asyncio
import random
from collections.abc import Callable, MutableMapping, Sequence
from typing import Any, Final

import pytest
import structlog

from cache.errors import Unavailable
from domain.event import Outcome, Settle
from domain.ids import MessageId, PageId, Psid
from simulator.payloads import delivery, entry, from_customer, from_page, one_message
from simulator.serialize import serialize
from simulator.traffic import Habits, Traffic
from tests.support import wait_until
from tests.unit.webhook.fakes import SECRET, WebhookSetup, held
from webhook.receiver import VERIFIED_PER_ITERATION, Answer, DeliveryRequest
from webhook.signature import sign

PAGE, CUSTOMER = PageId("104200000000001"), Psid("7000000000000001")
NOW: Final = 1_770_000_000_000
WAITS: Final = 20.0
"""Seconds until a test gives up."""


class Request(DeliveryRequest):
    """A complete POST and its answers."""

    def __init__(self, body: bytes, signature: bytes | None, agent: bytes | None, began: float) -> None:
        super().__init__(signature, agent, "173.252.88.66", began)
        self.body = body
        self.answers: list[Answer] = []

    def answer(self, answer: Answer) -> None:
        """Record the answer."""
        self.answers.append(answer)


class Setup(WebhookSetup):
    """The fast path and the ASGI application over one store."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(max_body_bytes=1 << 20, clock=self.clock)

    def clock(self) -> float:
        """Returns the seconds that the test has set."""
        return self.now

    def arrive(self, body: bytes, signature: bytes | None = None, agent: bytes | None = None) -> Request:
        """Send a delivery through the fast path without waiting. Without `signature` the test signs it."""
        request = Request(body, signature or sign(body, SECRET), agent, self.now)
        self.receiver.receive(request)
        return request

    async def by_fast_path(self, body: bytes, signature: bytes | None, agent: bytes | None) -> Answer:
        """Send a delivery through the fast path and return the answer."""
        request = Request(body, signature, agent, self.now)
        self.receiver.receive(request)
        before = len(self.lines)
        async with asyncio.timeout(WAITS):
            while len(self.lines) == before:  # noqa: ASYNC110 - each wait is a few iterations, and there are hundreds of waits
                await asyncio.sleep(0)
        (answer,) = request.answers
        return answer

    async def by_asgi(self, body: bytes, signature: bytes | None, agent: bytes | None) -> Answer:
        """Send a delivery through the ASGI application and return the answer."""
        sent: list[MutableMapping[str, Any]] = []

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        headers = [(b"x-hub-signature-256", signature), (b"user-agent", agent)]
        scope = {
            "type": "http",
            "method": "POST",
            "headers": [header for header in headers if header[1] is not None],
            "client": ("173.252.88.66", 443),
        }
        await self.app(scope, receive, send)
        await asyncio.sleep(0)  # lines are written at the end of an event-loop iteration
        return Answer(sent[0]["status"], sent[0]["headers"], sent[1]["body"])

    async def deliver(self, body: bytes, signature: bytes | None = None) -> tuple[int, MutableMapping[str, Any]]:
        """Returns the status and the log line of a delivery. Without `signature` the delivery is signed."""
        answer = await self.by_fast_path(body, signature or sign(body, SECRET), None)
        return answer.status, self.lines[-1]

    def events(self) -> dict[tuple[str, str], float]:
        """Returns how many events were counted, by kind and outcome."""
        (family,) = (one for one in self.registry.collect() if one.name == "page_inbox_events")
        return {
            (one.labels["kind"], one.labels["outcome"]): one.value
            for one in family.samples
            if one.name.endswith("_total") and one.value
        }

    def numbers(self) -> dict[tuple[str, str], float]:
        """Returns every metric that is not zero."""
        samples = [sample for family in self.registry.collect() for sample in family.samples]
        return {(one.name, str(sorted(one.labels.items()))): one.value for one in samples if one.value}

    async def know_the_page(self) -> None:
        """Deliver one message, so that the service knows the Page's shop. Then forget what was recorded."""
        body = serialize(one_message(PAGE, CUSTOMER, "first", MessageId("m_0"), NOW))
        await self.by_fast_path(body, sign(body, SECRET), None)
        self.lines.clear()
        self.shop.stored.clear()


@pytest.fixture
def setup() -> Setup:
    """A new setup for each test."""
    return Setup()


def drop(_logger: object, _method: str, _event: MutableMapping[str, Any]) -> str:
    """Drop the log, because printing a traceback to a terminal takes seconds."""
    raise structlog.DropEvent


def bodies() -> list[bytes]:
    """Draws every kind of event, alone and in batches, also strange and broken events, and bodies that are not JSON."""
    rng = random.Random(22)
    traffic = Traffic([PAGE, PageId("104200000000002")], rng, Habits(odd=0.2, broken=0.1, largest_batch=5))
    return [serialize(traffic.delivery(NOW + n).document) for n in range(300)] + [
        b"no json",
        b"[]",
        b'{"object":"page"}',
    ]


@pytest.mark.parametrize("fails", [None, Unavailable("queue_full", retry_after=2), KeyError("private words")])
async def test_the_receiver_and_its_asgi_application_give_the_same_results(
    fails: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The body may be any text, genuine or forged, and the store may accept or refuse its events."""
    ways = Setup(), Setup()
    monkeypatch.setattr("webhook.receiver.log", structlog.wrap_logger(None, processors=[drop]))
    for number, body in enumerate(bodies()):
        forged = number % 7 == 6
        signature = None if number % 50 == 48 else sign(body + b" " * forged, SECRET)
        agent = None if number % 3 else b"facebookexternalua" * (number % 20)
        for setup in ways:
            setup.shop.fails = fails if number % 2 else None
        answer = await ways[0].by_fast_path(body, signature, agent)
        assert answer == await ways[1].by_asgi(body, signature, agent)
    assert ways[0].shop.stored == ways[1].shop.stored
    assert len(ways[0].shop.stored) > 50
    assert ways[0].lines == ways[1].lines
    assert ways[0].numbers() == ways[1].numbers()


async def test_each_delivery_is_answered_when_its_own_messages_are_stored(setup: Setup) -> None:
    """The service answers each delivery when that delivery's own messages are stored."""
    await setup.know_the_page()
    settles: list[Callable[[list[Outcome] | Exception], None]] = []
    setup.shop.put_soon = held(settles)  # type: ignore[method-assign,assignment]
    requests = [
        setup.arrive(serialize(one_message(PAGE, CUSTOMER, "x", MessageId(f"m_{number}"), NOW))) for number in range(3)
    ]
    await wait_until(lambda: len(settles) == 3)
    assert [request.answers for request in requests] == [[], [], []]
    settles[1](["stored"])
    settles[2](Unavailable("redis_full"))
    assert [[answer[0] for answer in request.answers] for request in requests] == [[], [200], [503]]
    settles[0](["duplicate"])
    await wait_until(lambda: len(setup.lines) == 3)
    assert [line.get("stored", line.get("duplicate", line.get("reason"))) for line in setup.lines] == [
        1,
        "redis_full",
        1,
    ]


async def test_an_unexpected_error_fails_only_its_own_delivery(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unexpected error answers 500 to its own delivery only."""
    await setup.know_the_page()
    put_soon = setup.shop.put_soon

    def poisoned(messages: Sequence[Any], settle: Settle) -> bool:
        if messages[0].text == "poison":
            raise RecursionError
        return put_soon(messages, settle)

    monkeypatch.setattr(setup.shop, "put_soon", poisoned)
    monkeypatch.setattr("webhook.receiver.log", structlog.wrap_logger(None, processors=[drop]))
    texts = ["before", "poison", "after"]
    requests = [
        setup.arrive(serialize(one_message(PAGE, CUSTOMER, text, MessageId(f"m_{text}"), NOW))) for text in texts
    ]
    await wait_until(lambda: len(setup.lines) == 3)
    assert [answer[0] for request in requests for answer in request.answers] == [200, 500, 200]
    assert [event.id for event in setup.shop.stored] == ["m_before", "m_after"]


async def test_a_slow_store_is_answered_503_and_its_later_result_is_ignored(setup: Setup) -> None:
    """The service answers 503 before Facebook stops waiting, for a known Page and for a Page that it must look up
    first. It ignores a later result of the store.
    """
    setup.receiver.answer_seconds = 0.01
    await setup.know_the_page()
    settles: list[Callable[[list[Outcome] | Exception], None]] = []
    setup.shop.put_soon = held(settles)  # type: ignore[method-assign,assignment]
    setup.shop.hangs = True
    one = setup.arrive(serialize(one_message(PAGE, CUSTOMER, "x", MessageId("m_1"), NOW)))
    await wait_until(lambda: len(settles) == 1)
    setup.now = 1.0
    # The service does not know this Page yet, so its delivery waits in a task.
    other = setup.arrive(serialize(one_message(PageId("2"), CUSTOMER, "x", MessageId("m_2"), NOW)))
    await wait_until(lambda: len(setup.lines) == 2)
    assert [request.answers[0][0] for request in (one, other)] == [503, 503]
    assert [line["reason"] for line in setup.lines] == ["not_in_time", "not_in_time"]
    settles[0](["stored"])
    await asyncio.sleep(0)
    assert len(one.answers) == 1


async def test_each_late_request_is_refused_after_its_own_time_limit(setup: Setup) -> None:
    """A late refusal of one request does not end the time of the requests after it."""
    setup.receiver.answer_seconds = 0.02
    await setup.know_the_page()
    setup.shop.hangs = True
    first = setup.arrive(serialize(one_message(PAGE, CUSTOMER, "x", MessageId("m_1"), NOW)))
    await asyncio.sleep(0)
    setup.now = 0.015
    second = setup.arrive(serialize(one_message(PAGE, CUSTOMER, "x", MessageId("m_2"), NOW)))
    setup.now = 0.02
    await wait_until(lambda: bool(first.answers))
    assert second.answers == []
    setup.now = 0.04
    await wait_until(lambda: bool(second.answers))
    setup.now = 1.0
    third = setup.arrive(serialize(one_message(PAGE, CUSTOMER, "x", MessageId("m_3"), NOW)))
    await asyncio.sleep(0)
    setup.now = 2.0
    await wait_until(lambda: bool(third.answers))


async def test_a_delivery_of_a_moved_page_is_stored_again_in_a_task(setup: Setup) -> None:
    """The Page has moved to another shop. The whole delivery is put again, and no message is lost."""
    await setup.know_the_page()

    def refuse(_events: Any, settle: Callable[[list[Outcome] | Exception], None]) -> bool:
        settle(["stored", "unknown_page"])
        return True

    setup.shop.put_soon = refuse  # type: ignore[method-assign,assignment]
    parts = [from_customer(PAGE, CUSTOMER, NOW, message={"mid": mid, "text": "x"}) for mid in ("m_1", "m_2")]
    request = setup.arrive(serialize(delivery([entry(PAGE, NOW, "messaging", parts)])))
    await wait_until(lambda: bool(setup.lines))
    assert request.answers[0][0] == 200
    assert [event.id for event in setup.shop.stored] == ["m_1", "m_2"]
    assert setup.lines[0]["stored"] == 2


async def test_many_deliveries_are_verified_over_several_iterations(setup: Setup) -> None:
    """The service verifies deliveries in the order of arrival. Other callbacks of the event loop run between its
    groups.
    """
    await setup.know_the_page()
    requests = [setup.arrive(b"{}", sign(b"forged", SECRET)) for _ in range(3 * VERIFIED_PER_ITERATION)]
    answered = []
    for _ in range(4):
        await asyncio.sleep(0)
        answered.append(sum(bool(request.answers) for request in requests))
    assert answered[-1] == len(requests)
    assert (
        max(later - earlier for earlier, later in zip([0, *answered], answered, strict=False)) <= VERIFIED_PER_ITERATION
    )


async def test_events_are_counted_and_a_broken_event_does_not_fail_the_delivery(
    setup: Setup,
) -> None:
    """The delivery has a read receipt, a broken event and an echo. The echo is stored, and viewers get the receipt
    live.
    """
    parts = [
        from_customer(PAGE, CUSTOMER, NOW, read={"watermark": NOW}),
        from_customer(PAGE, CUSTOMER, NOW, message={"text": "no mid"}),
        from_page(PAGE, CUSTOMER, NOW, message={"mid": "m_1", "is_echo": True}),
    ]
    status, line = await setup.deliver(serialize(delivery([entry(PAGE, NOW, "messaging", parts)])))
    assert status == 200
    assert {name: line[name] for name in ("not_kept", "skipped", "stored")} == dict.fromkeys(
        ("not_kept", "skipped", "stored"), 1
    )
    assert setup.events() == {("read", "not_kept"): 1, ("skipped", "no_mid"): 1, ("echo", "stored"): 1}
    assert setup.shop.told == ["read"]


async def test_a_failed_delivery_counts_no_event_and_sends_no_notice(setup: Setup) -> None:
    """Facebook delivers it again, and viewers must get a notice once."""
    setup.shop.fails = Unavailable("queue_full", retry_after=2)
    parts = [
        from_customer(PAGE, CUSTOMER, NOW, read={"watermark": NOW}),
        from_customer(PAGE, CUSTOMER, NOW, message={"mid": "m_1", "text": "x"}),
    ]
    status, line = await setup.deliver(serialize(delivery([entry(PAGE, NOW, "messaging", parts)])))
    assert (status, line["reason"]) == (503, "queue_full")
    assert setup.events() == {}
    assert setup.shop.told == []


async def test_the_signature_is_checked_before_the_queue_and_the_queue_before_parsing(setup: Setup) -> None:
    """A caller without a valid signature must not learn whether the store is full. While the store is full, no body
    is parsed.
    """
    assert (await setup.deliver(b"no json"))[0] == 400
    setup.shop.full = Unavailable("queue_full", retry_after=2)
    assert (await setup.deliver(b"no json", sign(b"other", SECRET)))[0] == 401
    status, line = await setup.deliver(b"no json")
    assert (status, line["reason"]) == (503, "queue_full")


async def test_a_delivery_without_events_is_accepted_while_the_store_fails(setup: Setup) -> None:
    """Such a delivery, for example the dashboard's test, has nothing to store, so nothing can fail."""
    setup.shop.fails = Unavailable("redis_unreachable")
    status, line = await setup.deliver(b'{"object":"page","entry":[]}')
    assert (status, line["body_bytes"]) == (200, 28)
