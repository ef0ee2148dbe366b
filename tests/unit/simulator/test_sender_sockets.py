"""The sender over loopback: connections, redirects, cancellation."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from domain.ids import PageId
from domain.secret import Secret
from simulator.plan import Plan
from simulator.sender import Sender
from tests.support import wait_until

PAGES = (PageId("104200000000001"), PageId("104200000000002"))
SECRET = Secret("shop-app-secret-1")

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


@asynccontextmanager
async def loopback(serve: Serve) -> AsyncIterator[str]:
    """Yields the address of a socket on this machine. Ends when every connection has ended."""
    connections = 0

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await serve(reader, writer)
        writer.close()
        await writer.wait_closed()
        connections -= 1

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        yield f"http://{host}:{port}/webhook"
        await wait_until(lambda: connections == 0)


async def test_a_redirect_is_not_followed() -> None:
    """A redirect is a failure, as it is for Facebook."""
    requests = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        while head := await _head(reader):
            requests += 1
            await reader.readexactly(_length(head))
            writer.write(b"HTTP/1.1 307 Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")

    async with loopback(serve) as url:
        summary = await Sender(url, SECRET).run(Plan(PAGES, count=1, retry_waits=(0.0,)), rng=random.Random(1))
    assert requests == 2
    assert summary.answers == Counter({"307": 2})


async def test_cancellation_ends_running_requests_and_closes_their_connections() -> None:
    """Nothing continues to run, and the caller gets the cancellation."""
    waiting = hung_up = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal waiting, hung_up
        await reader.readexactly(_length(await _head(reader)))
        waiting += 1
        assert await reader.read() == b""
        hung_up += 1

    async with loopback(serve) as url:
        task = asyncio.ensure_future(
            Sender(url, SECRET, concurrency=5).run(Plan(PAGES, count=100), rng=random.Random(1))
        )
        await wait_until(lambda: waiting == 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert hung_up == 5


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


def _length(head: bytes) -> int:
    return next(int(line.split(b":")[1]) for line in head.splitlines() if line.lower().startswith(b"content-length:"))
