"""Data that the tokens of one shop can add to Redis."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

import httpx2
import redis

from domain import limits
from tests.attack.target import MIB, PAGE, Target, Unmeasured, attack
from tests.support import NO_TLS

CALLS: Final = 300
"""Calls of each kind. Their memory in Redis is scaled up to the limit of the kind."""
AT_ONCE: Final = 16

Make = Callable[[httpx2.AsyncClient, int], Awaitable[httpx2.Response]]


def _used(target: Target) -> int:
    if target.redis_url is None:
        raise Unmeasured("the service's Redis cannot be reached; give --redis-url")
    with redis.Redis.from_url(target.redis_url) as client:
        return int(client.info("memory")["used_memory_dataset"])


async def _many(client: httpx2.AsyncClient, make: Make, numbers: range) -> list[int]:
    """Returns the status of each answer."""
    left: Iterator[int] = iter(numbers)
    statuses: list[int] = []

    async def some() -> None:
        statuses.extend([(await make(client, number)).status_code for number in left])

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
    return statuses


@attack("what one shop's tokens leave in Redis in a day, at their limits", limit=64, unit="MiB")
async def growth(target: Target) -> float:
    """Make Pages and tickets until they are refused. Make some blocks, purges and other changes, and scale them up to
    their limits."""

    def block(client: httpx2.AsyncClient, number: int) -> Awaitable[httpx2.Response]:
        return client.put(f"/conversations/{PAGE}_{number}/blocked", params={"keep_messages": "true"})

    def purge(client: httpx2.AsyncClient, number: int) -> Awaitable[httpx2.Response]:
        return client.delete(f"/messages/m_{number}")

    def connect(client: httpx2.AsyncClient, number: int) -> Awaitable[httpx2.Response]:
        return client.put(f"/pages/{104_200_000_010_000 + number}", json={})

    def ticket(client: httpx2.AsyncClient, number: int) -> Awaitable[httpx2.Response]:
        assert number >= 0
        return client.post("/stream-ticket")

    def change(client: httpx2.AsyncClient, number: int) -> Awaitable[httpx2.Response]:
        return client.patch(f"/pages/{number:0500d}", json={"paused": False})

    total = 0.0
    with target.shop(connected_shop="*") as shop:
        client = httpx2.AsyncClient(
            base_url=shop.client.base_url, headers=shop.client.headers, trust_env=False, verify=NO_TLS, timeout=30
        )
    async with client:
        begun = _used(target)
        connected = await _many(client, connect, range(limits.PAGES + 20))
        assert connected.count(409) >= 20, "Pages beyond the limit are refused"
        tickets = await _many(client, ticket, range(limits.TICKETS + 50))
        assert tickets.count(429) > 0, "tickets beyond the limit are refused"
        total += _used(target) - begun
        for make, most in (
            (block, limits.BLOCKED_CONVERSATIONS),
            (purge, limits.PURGES_IN_30_DAYS),
            (change, limits.CHANGES_PER_DAY),
        ):
            before = _used(target)
            await _many(client, make, range(CALLS))
            total += (_used(target) - before) * most / CALLS
    return total / MIB
