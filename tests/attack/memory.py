"""What a stranger can make the process remember: long ids and addresses that never pass a check."""

from collections.abc import Iterable
from typing import Final

import httpx2

from tests.attack.target import Target, attack
from tests.support import NO_TLS

LONG: Final = 15_000
"""Characters: as many as the server takes in the head of one request."""
CALLS: Final = 800
ONCE: Final = 20
"""Calls before the memory is looked at for the first time: what every service needs is there then."""


async def _growth(target: Target, requests: Iterable[httpx2.Request]) -> float:
    """MiB by which the process grows while these requests come, one after the other."""
    before = 0.0
    async with httpx2.AsyncClient(trust_env=False, verify=NO_TLS) as client:
        for number, request in enumerate(requests):
            if number == ONCE:
                before = target.resident_mib()
            await client.send(request)
    return target.resident_mib() - before


@attack("a stranger's shop ids of 15 KB stay in memory", limit=16, unit="MiB of growth")
async def long_shop_ids(target: Target) -> float:
    """Streams of shops with long names, each with a made-up ticket."""
    return await _growth(
        target,
        (
            httpx2.Request("GET", f"{target.url}/v1/shops/{number:06d}{'x' * LONG}/stream?ticket=x")
            for number in range(CALLS)
        ),
    )


@attack("a stranger's shop ids of 500 bytes stay in memory", limit=16, unit="MiB of growth")
async def many_shop_ids(target: Target) -> float:
    """The same with names of a length that is taken, which are many."""
    return await _growth(
        target,
        (
            httpx2.Request("GET", f"{target.url}/v1/shops/{number:06d}{'x' * 494}/stream?ticket=x")
            for number in range(5 * CALLS)
        ),
    )


@attack("a stranger's addresses of 15 KB stay in memory", limit=16, unit="MiB of growth")
async def long_addresses(target: Target) -> float:
    """`X-Forwarded-For` and `User-Agent` beside a forged signature, and beside a path that does not exist."""

    def requests() -> Iterable[httpx2.Request]:
        for number in range(2 * CALLS):
            long = {"X-Forwarded-For": f"{number:06d}{'x' * (LONG // 2)}", "User-Agent": f"{number:06d}" * (LONG // 13)}
            forged = {**long, "X-Hub-Signature-256": "sha256=" + "0" * 64}
            yield httpx2.Request("POST", f"{target.url}/webhook", headers=forged, content=b"{}")
            yield httpx2.Request("GET", f"{target.url}/nothing", headers=long)

    return await _growth(target, requests())
