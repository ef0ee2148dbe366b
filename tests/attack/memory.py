"""Data that a stranger could make the process keep: long ids and addresses that never pass a check."""

import asyncio
from collections.abc import Iterable
from http.client import HTTPConnection
from itertools import count
from threading import Lock
from typing import Final

from tests.attack.target import Target, attack

LONG: Final = 15_000
"""Characters: as many as the server accepts in the head of one request."""
CALLS: Final = 800
CONNECTIONS: Final = 4
ONCE: Final = 20
"""Calls before the first look at the memory, so that every cache of the service exists then."""


Request = tuple[str, str, bytes | None, dict[str, str]]
"""Method, path, body and headers."""


async def _growth(target: Target, requests: Iterable[Request]) -> float:
    """Returns how many MiB the process grows while these requests arrive on a few connections."""
    left, turn = iter(requests), Lock()

    def send(most: int | None) -> None:
        connection = HTTPConnection(*target.address, timeout=60)
        for _ in range(most) if most else count():
            with turn:
                request = next(left, None)
            if request is None:
                break
            connection.request(*request)
            connection.getresponse().read()
        connection.close()

    await asyncio.to_thread(send, ONCE)
    before = target.resident_mib()
    await asyncio.gather(*(asyncio.to_thread(send, None) for _ in range(CONNECTIONS)))
    return target.resident_mib() - before


def _stream(shop: str) -> Request:
    """Open a stream of a shop with a made-up ticket."""
    return "GET", f"/v1/shops/{shop}/stream?ticket=x", None, {}


@attack("a stranger's shop ids of 15 KB stay in memory", limit=16, unit="MiB of growth")
async def long_shop_ids(target: Target) -> float:
    """Open streams of shops with long names, each with a made-up ticket."""
    return await _growth(target, (_stream(f"{number:06d}{'x' * LONG}") for number in range(CALLS)))


@attack("a stranger's shop ids of 500 bytes stay in memory", limit=16, unit="MiB of growth")
async def many_shop_ids(target: Target) -> float:
    """Open streams of very many shops whose names have an accepted length."""
    return await _growth(target, (_stream(f"{number:06d}{'x' * 494}") for number in range(5 * CALLS)))


@attack("a stranger's addresses of 15 KB stay in memory", limit=16, unit="MiB of growth")
async def long_addresses(target: Target) -> float:
    """Send long `X-Forwarded-For` and `User-Agent` headers with a forged signature, and to a path that does
    not exist."""

    def requests() -> Iterable[Request]:
        for number in range(2 * CALLS):
            long = {"X-Forwarded-For": f"{number:06d}{'x' * (LONG // 2)}", "User-Agent": f"{number:06d}" * (LONG // 13)}
            forged = {**long, "X-Hub-Signature-256": "sha256=" + "0" * 64}
            yield "POST", "/webhook", b"{}", forged
            yield "GET", "/nothing", None, long

    return await _growth(target, requests())
