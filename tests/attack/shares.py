"""Resources that strangers, readers and one token can take from Facebook: connections, bytes, processor time."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from simulator.payloads import delivery, entry
from simulator.serialize import serialize
from simulator.signing import forged, signed
from tests.attack.target import OTHER_PAGE, OTHER_SHOP, PAGE, SHOP, Target, attack, slowest_delivery
from tests.callers import mint, text_part
from tests.fault.rows import FULL
from tests.fault.senders import Flood, Sender

SLOWEST: Final = 1.5
"""Seconds that a delivery may take beside a flood. Facebook waits for five, and production has faster machines than
a test."""
FLOOD_CONNECTIONS: Final = 1_000
FLOOD_ANSWERS: Final = 10_000 if FULL else 2_500
OPENED_TOGETHER: Final = 50
ANSWERS_COMPARED: Final = 100


@asynccontextmanager
async def connected(target: Target, senders: Sequence[asyncio.Protocol]) -> AsyncIterator[None]:
    """Connect each sender with its own connection. A refused connection is tried again."""
    loop = asyncio.get_running_loop()
    host, port = target.address

    async def connect(sender: asyncio.Protocol) -> None:
        for _ in range(50):
            try:
                await loop.create_connection(lambda: sender, host, port)
            except OSError:
                await asyncio.sleep(0.1)
            else:
                return

    try:
        for first in range(0, len(senders), OPENED_TOGETHER):
            await asyncio.gather(*map(connect, senders[first : first + OPENED_TOGETHER]))
        yield
    finally:
        for sender in senders:
            if (transport := getattr(sender, "transport", None)) is not None:
                transport.abort()


async def flood(target: Target, requests: Iterable[bytes]) -> None:
    """Each connection sends its request again as soon as it is answered."""
    statuses: Counter[int] = Counter()
    floods = [Flood(request, statuses) for request in requests]
    async with connected(target, floods):
        for _ in range(300):
            if statuses.total() >= FLOOD_ANSWERS:
                break
            await asyncio.sleep(0.1)


def get(path: str, token: str = "", more: str = "", body: bytes = b"") -> bytes:
    """Returns the bytes of a GET."""
    line = f"Authorization: Bearer {token}\r\n" if token else ""
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n{line}{more}\r\n".encode() + body


async def seconds(target: Target, attacking: Awaitable[object]) -> float:
    """Returns the seconds of the slowest delivery during the attack."""
    return await slowest_delivery(target, attacking)


@attack(
    f"unknown addresses on {FLOOD_CONNECTIONS:,} connections delay deliveries",
    limit=SLOWEST,
    unit="s, the slowest delivery",
)
async def unknown_addresses(target: Target) -> float:
    """Each connection asks for unknown addresses as fast as it gets its 404."""
    return await seconds(target, flood(target, [get("/nothing")] * FLOOD_CONNECTIONS))


@attack(
    f"bad tokens on {FLOOD_CONNECTIONS:,} connections delay deliveries", limit=SLOWEST, unit="s, the slowest delivery"
)
async def bad_tokens(target: Target) -> float:
    """Each request has another token."""
    path = f"/v1/shops/{SHOP}/messages"
    tokens = [mint(SHOP, key=target.token_key)[:-6] + f"{number:06d}" for number in range(FLOOD_CONNECTIONS)]
    return await seconds(target, flood(target, [get(path, token) for token in tokens]))


@attack(
    f"forged deliveries on {FLOOD_CONNECTIONS:,} connections delay deliveries",
    limit=SLOWEST,
    unit="s, the slowest delivery",
)
async def forged_deliveries(target: Target) -> float:
    """Each delivery is answered 401."""
    body, _ = target.delivery(["m_forged"])
    ((name, value),) = forged(body, target.app_secret, "other_secret")
    head = b"POST /webhook HTTP/1.1\r\nHost: x\r\n%b: %b\r\nContent-Length: %d\r\n\r\n" % (name, value, len(body))
    return await seconds(target, flood(target, [head + body] * FLOOD_CONNECTIONS))


@attack("bodies in one-byte chunks on 30 connections delay deliveries", limit=SLOWEST, unit="s, the slowest delivery")
async def small_chunks(target: Target) -> float:
    """Each connection sends a megabyte of chunks, twenty times."""
    head = b"POST /webhook HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = b"1\r\nx\r\n" * 170_000

    async def attacking() -> None:
        for _ in range(20):
            senders = [Sender(head + chunks) for _ in range(30)]
            async with connected(target, senders):
                for _ in range(10):
                    await asyncio.sleep(0.05)
                    if all(sender.closed for sender in senders):
                        break

    return await seconds(target, attacking())


@attack("bodies sent with 32 streams of one token cut deliveries off", limit=0, unit="of 20 deliveries")
async def bodies_of_streams(target: Target) -> float:
    """Each delivery arrives in two pieces, as a large delivery does."""
    token = mint(SHOP, key=target.token_key)
    path, size = f"/v1/shops/{SHOP}/stream", 1024 * 1024

    def request(size: int) -> bytes:
        return get(path, token, f"Content-Length: {size:07d}\r\n", b"x" * size)

    # Together a little less than 32 MiB, which was the limit of all unanswered requests.
    requests = [request(size - len(request(0)))] * 31 + [request(size - len(request(0)) - 200)]
    failed = 0
    async with connected(target, [Sender(one) for one in requests]):
        await asyncio.sleep(2)
        for number in range(20):
            body, headers = target.delivery([f"m_two_pieces_{number}"])
            lines = b"".join(b"%b: %b\r\n" % header for header in headers)
            head = b"POST /webhook HTTP/1.1\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n" % (lines, len(body))
            sender = Sender(head + body[:100])
            async with connected(target, [sender]):
                await asyncio.sleep(0.05)
                sender.transport.write(body[100:])
                for _ in range(600):
                    if sender.status or sender.closed:
                        break
                    await asyncio.sleep(0.05)
            failed += sender.status != 200 and b"redis_timeout" not in sender.answer
    return failed


@attack("answers of 2 MB that 60 connections do not read stay in memory", limit=160, unit="MiB of growth")
async def unread_answers(target: Target) -> float:
    """Each connection asks for a full page of long messages and reads nothing."""
    words = "ក" * 20_000
    with target.facebook() as facebook:
        for number in range(100):
            part = text_part(f"m_long_{number}", words, page=PAGE)
            body = serialize(delivery([entry(PAGE, 1_770_000_000_000, "messaging", [part])]))  # type: ignore[arg-type]
            await asyncio.to_thread(facebook.deliver, body, list(signed(body, target.app_secret)))
    request = get(f"/v1/shops/{SHOP}/messages?limit=100", mint(SHOP, key=target.token_key))
    with target.shop() as shop:
        assert len((await asyncio.to_thread(shop.client.get, "/messages?limit=100")).content) > 2_000_000
    before, most = target.resident_mib(), 0.0
    senders = [Sender(request) for _ in range(60)]
    async with connected(target, senders):
        for sender in senders:
            if not sender.closed:
                sender.transport.pause_reading()
        for _ in range(100):
            await asyncio.sleep(0.1)
            most = max(most, target.resident_mib() - before)
    return most


async def answers_for_each(target: Target, many: Sequence[bytes], one: bytes) -> float:
    """Returns how many of the many requests are answered for each answer to the single request. Each request is sent
    again after its answer."""
    theirs: Counter[int] = Counter()
    own: Counter[int] = Counter()
    async with connected(target, [Flood(request, theirs) for request in many]):
        for _ in range(300):
            if theirs.total() >= 10 * len(many):
                break
            await asyncio.sleep(0.1)
        async with connected(target, [Flood(one, own)]):
            theirs.clear()
            for _ in range(300):
                if own[200] >= ANSWERS_COMPARED:
                    break
                await asyncio.sleep(0.1)
    assert {*theirs, *own} <= {200, 503}, "503: Redis is too slow, on a busy machine"
    return theirs[200] / own[200]


async def filled(target: Target, count: int = 200) -> None:
    """Deliver messages to both shops."""
    with target.facebook() as facebook:
        for page in (PAGE, OTHER_PAGE):
            body, headers = target.delivery([f"m_{page}_{number}" for number in range(count)], page)
            assert (await asyncio.to_thread(facebook.deliver, body, headers)).status_code == 200


@attack("reads with 60 tokens of one shop answered for each read of another shop", limit=6, unit="reads")
async def many_tokens_of_one_shop(target: Target) -> float:
    """A shop that reads with many tokens has no larger share than a shop that reads with one."""
    await filled(target)
    tokens = [mint(SHOP, key=target.token_key, subject=f"staff-{number}") for number in range(60)]
    many = [get(f"/v1/shops/{SHOP}/messages?limit=50", token) for token in tokens]
    one = get(f"/v1/shops/{OTHER_SHOP}/messages?limit=50", mint(OTHER_SHOP, key=target.token_key))
    return await answers_for_each(target, many, one)


@attack("reads of one shop answered for each read of another with the same token", limit=6, unit="reads")
async def one_token_for_every_shop(target: Target) -> float:
    """A back end with one token for every shop: a shop that is read on 60 connections does not delay another."""
    await filled(target)
    token = mint("*", key=target.token_key)
    many = [get(f"/v1/shops/{SHOP}/messages?limit=100", token)] * 60
    return await answers_for_each(target, many, get(f"/v1/shops/{OTHER_SHOP}/messages?limit=50", token))
