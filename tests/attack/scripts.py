"""The time for which one call keeps Redis busy, for any amount of data of one shop. Meanwhile Redis answers no other
call."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import redis

from cache.keys import WATCH_BEAT, WATCH_DUE, WATCH_GRANTED, shop_keys
from domain.ids import PageId, ShopId
from domain.limits import PAGES
from simulator.payloads import delivery, entry
from simulator.serialize import serialize
from simulator.signing import signed
from tests.attack.target import PAGE, SHOP, Target, Unmeasured, attack
from tests.callers import text_part

MANY_CONVERSATIONS: Final = 100_000
IN_ONE_DELIVERY: Final = 2_000
ROUNDS: Final = 10
"""Most rounds. The least of them counts, because another process on the machine can only make a call look longer."""
LIMIT_MS: Final = 20
"""Milliseconds. On a quiet machine no call takes longer than a full batch of 250 messages, about 4 ms."""


@contextmanager
def _redis(target: Target) -> Iterator["redis.Redis"]:
    if target.redis_url is None:
        raise Unmeasured("give --redis-url, where its Redis can be reached")
    with redis.Redis.from_url(target.redis_url) as client:
        yield client


def _longest_ms(client: "redis.Redis", doing: Callable[[], None]) -> float:
    """Returns the milliseconds of the longest command during this work, in the best of the rounds. The first round
    within the limit is the last one."""
    client.config_set("slowlog-log-slower-than", 500)
    client.config_set("slowlog-max-len", 100_000)
    best = float("inf")
    for _ in range(ROUNDS):
        client.slowlog_reset()
        doing()
        durations = [one["duration"] for one in client.slowlog_get(100_000) if b"SLOWLOG" not in one["command"]]
        best = min(best, max(durations, default=0) / 1000)
        if best <= LIMIT_MS:
            break
    return best


def _deliver_conversations(target: Target, name: str, count: int) -> None:
    with target.facebook() as facebook:
        for first in range(0, count, IN_ONE_DELIVERY):
            customers = range(first, min(first + IN_ONE_DELIVERY, count))
            parts = [text_part(f"m_{name}_{n}", page=PAGE, customer=str(8_000_000_000_000_000 + n)) for n in customers]
            body = serialize(delivery([entry(PageId(PAGE), int(time.time() * 1000), "messaging", parts)]))
            for _ in range(50):
                answer = facebook.deliver(body, list(signed(body, target.app_secret)))
                if answer.status_code == 200:
                    break
                assert answer.status_code == 503, answer.status_code
                time.sleep(0.1)
            else:
                raise AssertionError("a delivery was refused fifty times")


@attack("longest call of Redis for an old cursor of 100,000 conversations that moved since", limit=LIMIT_MS, unit="ms")
async def old_cursor_of_conversations(target: Target) -> float:
    """The service makes the cursor while there are three conversations. Then each of 100,000 gets a message."""

    def run() -> float:
        with _redis(target) as client, target.shop() as shop:
            _deliver_conversations(target, "before", 3)
            cursor = shop.get("/conversations", limit=1)["next_cursor"]
            _deliver_conversations(target, "after", MANY_CONVERSATIONS)

            def read() -> None:
                for query in ({}, {"page": PAGE}, {"page": "104200000009999"}):
                    shop.client.get("/conversations", params={"limit": 100, "cursor": cursor, **query})
                    shop.client.get("/conversations", params={"limit": 100, **query})
                    shop.client.get("/messages", params={"limit": 100, "direction": "out", **query})

            return _longest_ms(client, read)

    return await asyncio.to_thread(run)


@attack(f"longest call of Redis for a shop of {PAGES} Pages, which is the limit", limit=LIMIT_MS, unit="ms")
async def shop_of_many_pages(target: Target) -> float:
    """The test writes the Pages into the shop's record, as connecting them does."""

    def run() -> float:
        keys = shop_keys(ShopId(SHOP))
        with _redis(target) as client, target.shop() as shop:
            pages = [str(204_200_000_000_000 + n) for n in range(PAGES)]
            client.hset(keys.registry, mapping={f"p:{page}": 1_700_000_000_000 for page in pages})

            def ask() -> None:
                for path in ("", "/pages", "/messages/m_unknown", "/messages", "/conversations"):
                    shop.client.get(path)
                shop.client.delete("/messages/m_unknown")
                shop.client.delete("/customers/8000000000000001")
                shop.client.delete("/messages")

            return _longest_ms(client, ask)

    return await asyncio.to_thread(run)


@attack("longest call of Redis when an outage ends and 100,000 Pages are watched", limit=LIMIT_MS, unit="ms")
async def watch_of_many_pages(target: Target) -> float:
    """The list has the form that the service writes. The last beat is made an hour old."""

    def run() -> float:
        with _redis(target) as client:
            now = int(time.time() * 1000)
            for at in range(0, 100_000, 1000):
                pages = [str(304_200_000_000_000 + n) for n in range(at, at + 1000)]
                client.zadd(WATCH_DUE, {page: now + 80_000_000 + n for n, page in enumerate(pages)})
                client.hset(WATCH_GRANTED, mapping=dict.fromkeys(pages, f"{'0' * 32} 1700000000000"))
            client.expire(WATCH_GRANTED, 3600)

            def outage() -> None:
                client.set(WATCH_BEAT, now - 3_600_000, ex=3600)
                for _ in range(300):
                    if int(client.get(WATCH_BEAT) or 0) > now:
                        return
                    time.sleep(0.2)
                raise Unmeasured("the service watches no Pages: it has no SEAL_KEYS, or no app id")

            return _longest_ms(client, outage)

    return await asyncio.to_thread(run)


@attack("longest call of Redis for a message behind 300,000 that have expired", limit=LIMIT_MS, unit="ms")
async def message_behind_expired(target: Target) -> float:
    """This is the state after a quiet time: the index still has the expired messages, and the next writes
    remove them."""

    def run() -> float:
        keys = shop_keys(ShopId(SHOP))
        with _redis(target) as client, target.facebook() as facebook:
            old = int((time.time() - 6 * 24 * 3600) * 1_000_000)

            def deliver() -> None:
                for at in range(0, 300_000, 1000):
                    client.zadd(keys.shop_index, {b"\0%012d" % n: old + n for n in range(at, at + 1000)})
                client.expire(keys.shop_index, 3600)
                client.slowlog_reset()
                for n in range(60):
                    body, headers = target.delivery([f"m_behind_{n}_{time.monotonic_ns()}"])
                    facebook.deliver(body, headers)

            return _longest_ms(client, deliver)

    return await asyncio.to_thread(run)
