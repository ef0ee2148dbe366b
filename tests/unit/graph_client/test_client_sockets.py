"""The client over loopback: its connections, how much of an answer it reads, and hosts that it must not call."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from domain.secret import Secret
from graph_client.client import ANSWER_BYTES, Client
from graph_client.errors import GraphError, GraphTimeout, GraphUnreachable, TooMuchData
from graph_client.wire import Ask, GraphAnswer
from tests.support import wait_until

ME = Ask("GET", ("me",), {"fields": "id"})
OK = b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"id":"1"}'

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


class Loopback:
    """A socket on this machine. It counts its connections."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self.opened = self.closed = 0
        self.url = ""

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        try:
            await self._serve(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()
            self.closed += 1

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Client]:
        """Yields a client of the socket. At the end the client is closed and every connection has ended."""
        async with await asyncio.start_server(self._connected, "127.0.0.1", 0) as server:
            host, port = server.sockets[0].getsockname()
            self.url = f"http://{host}:{port}"
            client = make(self.url)
            yield client
            await client.close()
            await wait_until(lambda: self.opened == self.closed)


def make(url: str) -> Client:
    """Returns a client of that host."""
    return Client(base_url=url, version="v26.0", app_secret=Secret("app-secret"), now=lambda: 1.77e9)


async def send(client: Client, timeout: float = 5.0) -> GraphAnswer | GraphError:  # noqa: ASYNC109
    """Sends a call and returns its result."""
    return (await client.send(ME, Secret("EAA-page-token"), page=None, timeout=timeout)).result


async def head(reader: asyncio.StreamReader) -> bytes:
    """Returns the head of the next request, or nothing at the end of the connection."""
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


async def polite(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every request."""
    while await head(reader):
        writer.write(OK)


async def test_connections_open_at_the_first_call_and_close_with_the_client() -> None:
    """One connection serves many calls. A call after closing opens a new connection."""
    loopback = Loopback(polite)
    async with loopback.running() as client:
        await client.close()
        assert loopback.opened == 0
        for _ in range(5):
            assert isinstance(await send(client), GraphAnswer)
        assert (loopback.opened, loopback.closed) == (1, 0)
        await client.close()
        await wait_until(lambda: loopback.closed == 1)
        assert isinstance(await send(client), GraphAnswer)
        assert loopback.opened == 2


async def test_a_port_without_a_server_is_unreachable() -> None:
    """A server listened at this port before, and has ended."""
    loopback = Loopback(polite)
    async with loopback.running():
        pass
    client = make(loopback.url)
    assert isinstance(await send(client), GraphUnreachable)
    await client.close()


@pytest.mark.parametrize(
    "last", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", b"SSH-2.0-OpenSSH\r\n", OK[:-1]]
)
async def test_a_connection_that_is_cut_or_speaks_no_http_is_unreachable(last: bytes) -> None:
    """The connection may be cut at any place in the answer."""

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        writer.write(last)

    async with Loopback(cut).running() as client:
        assert isinstance(await send(client), GraphUnreachable)


async def test_the_client_stops_reading_an_endless_answer_soon_after_the_limit() -> None:
    """The client then closes the connection."""
    written = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
            await writer.drain()
            written += 65_536

    loopback = Loopback(endless)
    async with loopback.running() as client:
        assert isinstance(await send(client, timeout=30), TooMuchData)
        await wait_until(lambda: loopback.closed == 1)
    # This number includes bytes that the sockets' buffers hold.
    assert ANSWER_BYTES < written < 2 * ANSWER_BYTES


async def test_a_call_that_times_out_closes_its_connection() -> None:
    """The client keeps no connection for an answer that it will not read."""
    hung_up = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await head(reader)
        assert await reader.read() == b""
        hung_up.set()

    async with Loopback(silent).running() as client:
        assert isinstance(await send(client, timeout=0.1), GraphTimeout)
        await hung_up.wait()


async def test_a_connection_that_was_closed_while_idle_fails_no_call() -> None:
    """Facebook may close a connection at any time."""

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        writer.write(OK)

    loopback = Loopback(once)
    async with loopback.running() as client:
        assert isinstance(await send(client), GraphAnswer)
        await wait_until(lambda: loopback.closed == 1)
        assert isinstance(await send(client), GraphAnswer)


async def test_the_proxy_in_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token is sent only to the configured host."""
    proxy = Loopback(polite)
    async with proxy.running():
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        async with Loopback(polite).running() as client:
            assert isinstance(await send(client), GraphAnswer)
    assert proxy.opened == 0
