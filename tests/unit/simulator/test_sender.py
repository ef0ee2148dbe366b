"""The sender with a receiver in the same process: its shares, its pace and its repetitions. `test_sender_sockets`
tests the connections.
"""

import asyncio
import hashlib
import hmac
import json
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import httpx2
import pytest

from domain.ids import PageId
from domain.secret import Secret
from simulator.plan import Plan, PlanRefused
from simulator.sender import Sender
from simulator.summary import Summary
from simulator.traffic import Habits
from tests.support import FakeClock

PAGES = (PageId("104200000000001"), PageId("104200000000002"))
KEY = b"shop-app-secret-1"
SECRET = Secret(KEY.decode())
URL = "http://receiver.example/webhook"


class Receiver:
    """Checks signatures with a plain hmac. It answers 401 to wrong signatures, and `answers` (then 200) to
    valid ones."""

    def __init__(self, *answers: int) -> None:
        self._answers = list(answers)
        self.bodies: list[bytes] = []
        self.refused = 0
        self.requests: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        body = request.content
        right = "sha256=" + hmac.new(KEY, body, hashlib.sha256).hexdigest()
        if request.headers.get("x-hub-signature-256") != right:
            self.refused += 1
            return httpx2.Response(401)
        status = self._answers.pop(0) if self._answers else 200
        if status == 200:
            self.bodies.append(body)
        return httpx2.Response(status, headers={"Retry-After": "77", "Location": "http://elsewhere.example/"})

    def told(self) -> set[tuple[str, str]]:
        """Returns (Page, mid) of each message in the accepted bodies, without unsent messages."""
        found: set[tuple[str, str]] = set()
        gone: set[tuple[str, str]] = set()
        for body in self.bodies:
            for entry in json.loads(body)["entry"]:
                for part in [*entry.get("messaging", ()), *entry.get("standby", ())]:
                    content = part.get("message") or part.get("postback") or {}
                    if "mid" in content:
                        (gone if content.get("is_deleted") else found).add((str(entry["id"]), content["mid"]))
        return found - gone


Handler = Callable[[httpx2.Request], httpx2.Response] | Callable[[httpx2.Request], Coroutine[Any, Any, httpx2.Response]]


def sender(handler: Handler, **options: Any) -> Sender:
    return Sender(URL, SECRET, transport=httpx2.MockTransport(handler), **options)


async def run(handler: Handler, plan: Plan, clock: FakeClock | None = None, **options: Any) -> Summary:
    clock = clock or FakeClock()
    return await sender(handler, **options).run(
        plan, rng=random.Random(1), sleep=clock.sleep, clock=clock.seconds, now=clock.moment
    )


async def test_every_genuine_delivery_arrives_signed_and_every_forged_one_is_refused() -> None:
    """The receiver sees the shares of a large run."""
    receiver = Receiver()
    summary = await run(receiver, Plan(PAGES, count=1_000, duplicates=0.1, forged=0.05, disorder=0.2))
    assert summary.answers == Counter({"200": len(receiver.bodies), "401": receiver.refused})
    assert summary.forged == summary.refused == receiver.refused
    assert 30 < receiver.refused < 75
    assert 70 < summary.duplicates < 130
    assert (summary.sent, summary.concluded, summary.retried, summary.accepted) == (1_000, 1_000, 0, 0)
    assert summary.events > 1_500


async def test_the_summary_lists_the_messages_that_must_be_readable() -> None:
    """The messages are those in the accepted bodies."""
    receiver = Receiver()
    summary = await run(receiver, Plan(PAGES, count=600, duplicates=0.2, forged=0.1, disorder=0.3))
    assert {(kept.page, kept.mid) for kept in summary.readable} == receiver.told()
    assert len(summary.readable) > 500


async def test_deliveries_have_the_headers_of_facebook() -> None:
    """The content type and the user agent are the same as in Facebook's deliveries."""
    receiver = Receiver()
    await run(receiver, Plan(PAGES, count=1))
    [request] = receiver.requests
    assert (request.method, str(request.url)) == ("POST", URL)
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == "facebookexternalua"


async def test_deliveries_are_sent_at_the_requested_rate() -> None:
    """There is a tenth of a second between two deliveries, so fifty deliveries take 4.9 seconds."""
    clock = FakeClock()
    summary = await run(Receiver(), Plan(PAGES, count=50, rate=10), clock)
    assert sum(clock.slept) == pytest.approx(4.9)
    assert summary.seconds == pytest.approx(4.9)


async def test_events_are_dated_when_they_are_sent() -> None:
    """The sender makes the plan before it sends, so times from the plan would be in the past."""
    clock, receiver = FakeClock(), Receiver()
    plan = Plan(PAGES, count=5, rate=0.1, habits=Habits(largest_batch=1, odd=0))
    began = clock.moment()
    await run(receiver, plan, clock)
    times = [json.loads(body)["entry"][0]["time"] for body in receiver.bodies]
    seconds = [(time if time > 10**11 else time * 1000) - began for time in times]
    assert seconds == [0, 10_000, 20_000, 30_000, 40_000]


async def test_a_failed_delivery_is_retried_at_once_and_then_with_longer_waits() -> None:
    """Each try sends the same bytes and follows the same waits, for any status and any `Retry-After`."""
    clock, receiver = FakeClock(), Receiver(503, 500, 302, 400)
    summary = await run(receiver, Plan(PAGES, count=1), clock)
    assert clock.slept == [0.0, 1.0, 5.0, 15.0]
    assert len({request.content for request in receiver.requests}) == 1
    assert summary.answers == Counter({"200": 1, "503": 1, "500": 1, "302": 1, "400": 1})
    assert (summary.retried, summary.given_up, summary.concluded) == (4, 0, 1)


async def test_the_sender_gives_up_a_delivery_that_never_gets_200() -> None:
    """The sender gives up after the last wait."""
    receiver = Receiver(*[503] * 100)
    summary = await run(receiver, Plan(PAGES, count=3, retry_waits=(0.0, 1.0)))
    assert summary.answers == Counter({"503": 9})
    assert (summary.given_up, summary.retried, summary.readable) == (3, 6, [])


async def test_forged_deliveries_are_never_sent_again() -> None:
    """One refusal is enough."""
    summary = await run(Receiver(), Plan(PAGES, count=20, forged=1.0))
    assert summary.answers == Counter({"401": 20})
    assert (summary.retried, summary.given_up) == (0, 0)


async def test_accepted_forgeries_are_reported() -> None:
    """A receiver that accepts a forgery does not check signatures."""
    summary = await run(lambda _: httpx2.Response(200), Plan(PAGES, count=20, forged=1.0))
    assert summary.accepted == 20
    assert summary.readable == []
    assert "WARNING" in summary.render()


async def test_an_unreachable_receiver_is_counted_as_no_answer() -> None:
    """The failure is counted and tried again like any failure."""

    def unreachable(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    summary = await run(unreachable, Plan(PAGES, count=2, retry_waits=(0.0,)))
    assert summary.answers == Counter({"no_answer": 4})
    assert summary.given_up == 2


async def test_a_receiver_that_is_too_slow_counts_as_a_timeout() -> None:
    """The receiver here never answers."""

    async def stuck(_: httpx2.Request) -> httpx2.Response:
        await asyncio.Event().wait()
        raise AssertionError

    summary = await run(stuck, Plan(PAGES, count=1, retry_waits=()), timeout=0.01)
    assert summary.answers == Counter({"timeout": 1})


async def test_the_number_of_simultaneous_requests_is_limited() -> None:
    """While there is enough to send, the sender uses the whole limit."""
    now = most = 0

    async def counted(_: httpx2.Request) -> httpx2.Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1
        return httpx2.Response(200)

    await run(counted, Plan(PAGES, count=60), concurrency=4)
    assert most == 4


async def test_a_delivery_that_waits_for_its_retry_does_not_delay_others() -> None:
    """With a single slot, the other deliveries arrive while the first one waits."""
    receiver, waiting, concluded = Receiver(503), asyncio.Event(), 0

    async def sleep(_: float) -> None:
        await waiting.wait()

    def progress(summary: Summary) -> None:
        nonlocal concluded
        concluded = summary.concluded
        if concluded == 9:
            waiting.set()

    summary = await sender(receiver, concurrency=1).run(
        Plan(PAGES, count=10), rng=random.Random(1), sleep=sleep, progress=progress
    )
    assert concluded == summary.concluded == 10
    assert summary.retried == 1


@pytest.mark.parametrize("url", ["", "receiver.example/webhook", "ftp://receiver.example/", "http://", "http://a:b:c/"])
def test_an_invalid_address_is_refused_before_anything_is_sent(url: str) -> None:
    """The user gets one error with a reason, and not a failure for each delivery."""
    with pytest.raises(PlanRefused) as refused:
        Sender(url, SECRET)
    assert refused.value.reason == "bad_url"
