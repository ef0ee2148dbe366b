"""Misuse of the webhook: slow, half, too large, too many, forged or repeated requests. Genuine deliveries are stored
during the misuse, no message is lost, and no sender gets a 5xx."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Final

import httpx2
import pytest

from simulator.serialize import serialize
from simulator.signing import forged, signed
from tests.callers import Facebook, Operator, Shop, texts
from tests.fault.conftest import EndsWith
from tests.fault.load import Load, loading
from tests.fault.rows import FULL
from tests.fault.senders import Flood, Sender, all_closed, connected, resident_bytes, room_for_connections
from tests.servers import Server
from tests.service import APP_SECRET, Service, serving
from tests.support import NO_TLS, wait_until

IDLE: Final = 10_000
SLOW: Final = 100
FORGERS: Final = 2_000 if FULL else 300
FORGERIES: Final = 60_000 if FULL else 3_000
MIB: Final = 1024 * 1024
WITHIN: Final = 60.0
"""Seconds until a test gives up. The service's own limits are ten and fifteen, and the machine may be busy."""
HEAD: Final = b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def shared(valkey9: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service of all tests that do not change it."""
    with serving(valkey9.url, tmp_path_factory.mktemp("senders") / "log") as service:
        yield service


@pytest.fixture
def service(shared: Service, valkey: Server) -> Service:
    """The same service over an empty store, with a shop."""
    assert valkey.url
    with Shop(shared.url) as shop:
        shop.connect()
    return shared


@asynccontextmanager
async def genuine(service: Service) -> AsyncIterator[Load]:
    """Yields a load of genuine deliveries. On a quiet machine each is answered 200 within Facebook's five seconds. On a
    busy machine some may have to be sent again."""
    async with loading(service.url, connections=4) as load:
        await load.reach(1)
        yield load
        await load.reach(12)
    assert load.statuses.keys() <= ({200} if FULL else {200, 503})
    assert load.broken == 0 or not FULL


def readable(service: Service) -> list[str]:
    """Returns every id, once for each time that the service shows it."""
    with Shop(service.url) as shop:
        return shop.ids()


def dropped(service: Service) -> "Counter[tuple[str, ...]]":
    """Returns the number of dropped connections, by reason."""
    with Operator(service.ops_url) as operator:
        return operator.counts("connections_dropped_total")


def posted(body: bytes, *headers: tuple[bytes, bytes]) -> bytes:
    """Returns the bytes of a delivery."""
    lines = b"".join(b"%b: %b\r\n" % header for header in headers)
    return b"%b%bContent-Length: %d\r\n\r\n%b" % (HEAD, lines, len(body), body)


@pytest.mark.timeout(180)
@pytest.mark.fault("10,000 connections that send nothing, or half a head, or half a body")
async def test_ten_thousand_idle_connections_use_little_memory_and_are_closed(service: Service, row: EndsWith) -> None:
    """The test opens as many as this machine allows. Memory grows by a few KiB per connection, and all of them are
    closed in the end."""
    count = room_for_connections(IDLE)
    before, cut = resident_bytes(service), dropped(service)
    idle = [Sender() for _ in range(count)]
    halves = [Sender(HEAD + b"X-Half: ") for _ in range(SLOW)]
    halves += [Sender(posted(b"x" * 100)[:-50]) for _ in range(SLOW)]
    halves += [Sender(posted(b"x" * 100).replace(b"/webhook", b"/facebook/deauthorize")[:-50]) for _ in range(SLOW)]
    async with genuine(service) as load, connected(service, [*idle, *halves]):
        await load.reach(60)
        grown = resident_bytes(service) - before
        drips = asyncio.create_task(drip(halves))
        await all_closed([*idle, *halves], WITHIN)
        drips.cancel()
        await load.reach(12)
    statuses = Counter(sender.status for sender in halves)
    assert statuses.keys() <= {0, 408}, statuses
    assert statuses[408] > 0, "the webhook answers those whose body does not come"
    assert grown < 20 * 1024 * (count + 3 * SLOW) + 64 * MIB
    cut = dropped(service) - cut
    assert cut["head_too_slow",] + cut["too_many",] >= count
    assert cut["body_too_slow",] >= SLOW
    row(load, await asyncio.to_thread(readable, service))


async def drip(senders: list[Sender]) -> None:
    """Send a byte now and then. A limit on silence would never end this connection."""
    while True:
        await asyncio.sleep(1)
        for sender in senders:
            if not sender.closed:
                sender.transport.write(b"x")


@pytest.mark.fault("bodies that are too large, declared or not, half or whole")
async def test_large_bodies_are_refused_and_cost_no_memory(service: Service, row: EndsWith) -> None:
    """A body that is declared or sent too large is answered 413. Half bodies are dropped if they are too large
    together."""
    before, cut = resident_bytes(service), dropped(service)
    chunk = b"%x\r\n%b\r\n" % (MIB, b"x" * MIB)
    declared = [Sender(HEAD + b"Content-Length: 99999999999\r\n\r\n" + b"x" * 1000) for _ in range(20)]
    chunked = [Sender(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 19) for _ in range(2)]
    halves = [Sender(posted(b"x" * 3 * MIB)[: -2 * MIB]) for _ in range(100)]
    async with genuine(service) as load, connected(service, [*declared, *chunked]):
        await wait_until(lambda: all(sender.status for sender in (*declared, *chunked)), WITHIN)
        async with connected(service, halves):
            await all_closed(halves, WITHIN)
            grown = resident_bytes(service) - before
    assert {sender.status for sender in (*declared, *chunked)} == {413}
    assert {sender.status for sender in halves} <= {0, 408}
    assert (dropped(service) - cut)["unfinished",] > 0
    assert grown < 150 * MIB, "a hundred MiB were sent at once, and as much as is allowed was kept"
    row(load, await asyncio.to_thread(readable, service))


@pytest.mark.fault("signed bodies that are no deliveries: nested deep, huge numbers, repeated keys, no UTF-8")
async def test_signed_nonsense_is_answered_and_does_not_affect_genuine_deliveries(
    service: Service, row: EndsWith
) -> None:
    """The answer is 200 for JSON and 400 for anything else. Complete messages among it are stored, under their last
    key."""
    part = serialize(texts(["m_beside"]))
    bodies = {
        b"[" * 100_000: 400,
        b"[" * 500 + b"]" * 500: 200,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000: 400,
        b'{"object":"page","entry":[{"id":' + b"9" * 100_000 + b"}]}": 200,
        b'{"object":"page","entry":[{"id":1e999999}]}': 200,
        b'{"object":"page","entry":[{"id":"1","messaging":[{"timestamp":' + b"1" * 5_000 + b"}]}]}": 200,
        part.replace(b'"object":"page"', b'"object":"user","object":"page"'): 200,
        b"\xff\xfe" + part: 400,
        part.replace(b'"text":"', b'"text":"\xed\xa0\x80'): 400,
        part.replace(b'"text":"', b'"text":"\\ud800'): 200,
        b"\x00" * 10_000: 400,
        b"": 400,
        b"null": 200,
        b'"' + b"\\u0000" * 100_000 + b'"': 200,
        b"{" + b",".join(b'"%d":{}' % n for n in range(100_000)) + b"}": 200,
    }
    async with (
        genuine(service) as load,
        httpx2.AsyncClient(base_url=service.url, trust_env=False, verify=NO_TLS, timeout=WITHIN) as web,
    ):
        for body, status in bodies.items():
            answer = await web.post("/webhook", content=body, headers=signed(body, APP_SECRET))
            assert answer.status_code == status, (body[:60], answer.status_code)
    found = await asyncio.to_thread(readable, service)
    assert found.count("m_beside") == 1
    row(load, [mid for mid in found if mid != "m_beside"])


@pytest.mark.fault("captured deliveries sent again")
async def test_a_captured_delivery_sent_again_is_stored_once(service: Service, row: EndsWith) -> None:
    """The signature of a delivery never expires. A hundred connections send the same delivery again and again, and each
    request is answered 200."""
    body = serialize(texts(["m_captured"]))
    statuses: Counter[int] = Counter()
    flood = [Flood(posted(body, *signed(body, APP_SECRET)), statuses) for _ in range(100)]
    with Facebook(service.url) as facebook, Shop(service.url) as shop:
        assert facebook.deliver(body).status_code == 200
        (first,) = shop.walk()
        async with genuine(service) as load, connected(service, flood):
            await wait_until(lambda: statuses.total() >= 1_000, WITHIN)
        assert shop.get("/messages/m_captured") == first, "and not for a day longer"
    assert statuses.keys() <= ({200} if FULL else {200, 503})
    found = await asyncio.to_thread(readable, service)
    assert found.count("m_captured") == 1
    row(load, [mid for mid in found if mid != "m_captured"])


@pytest.mark.timeout(180)
@pytest.mark.fault("a flood of forged deliveries")
async def test_genuine_deliveries_are_answered_during_a_flood_of_forged_deliveries(
    service: Service, row: EndsWith
) -> None:
    """Hundreds of connections send the next forgery as soon as they get their 401. No genuine delivery waits five
    seconds."""
    before = resident_bytes(service)
    body = serialize(texts(["m_forged"]))
    statuses: Counter[int] = Counter()
    flood = [Flood(posted(body, *forged(body, APP_SECRET, "other_secret")), statuses) for _ in range(FORGERS)]
    async with genuine(service) as load, connected(service, flood):
        await wait_until(lambda: statuses.total() >= FORGERIES, WITHIN * 2)
    assert statuses.keys() == {401}
    assert resident_bytes(service) - before < 64 * MIB
    found = await asyncio.to_thread(readable, service)
    assert "m_forged" not in found
    row(load, found)
