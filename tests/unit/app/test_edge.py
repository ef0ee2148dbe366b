"""Limits for one sender, on real sockets. When a sender reaches a limit, the service still answers a genuine
request.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from app.asgi_connection import AsgiConnection
from app.edge import HEAD_BYTES, MOST_HEADERS, PIPELINED, Edge
from app.server import LOOPBACK, listen, make_server
from tests.support import wait_until

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
DELIVERY = b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"
WAITS = 20
"""Seconds until a test gives up. No test takes one second."""


class Bounded:
    """A server with limits. It counts dropped connections and answers with the size of each body."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self.dropped: Counter[str] = Counter()
        self.edge = Edge(most, self._told, other_bytes=most_bytes)
        self.port = 0
        self.writers: list[asyncio.StreamWriter] = []
        self.running = 0
        self.answer_bytes = 0
        self.answer = asyncio.Event()
        self.answer.set()
        self.asks_facebook = False
        self.callers: list[tuple[str, str]] = []
        """The caller's address and the scheme of each request."""

    def _told(self, reason: str) -> None:
        self.dropped[reason] += 1

    async def __call__(
        self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        """Reads the body to its end, and answers when `answer` is set."""
        self.callers.append((scope["client"][0], scope["scheme"]))
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            size += len(message["body"])
            more = message["more_body"]
        self.running += 1
        if self.asks_facebook:
            scope["state"]["prepared"]()
        await self.answer.wait()
        told = b"x" * self.answer_bytes or b"%d" % size
        headers = [(b"content-length", b"%d" % len(told))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": told})

    async def busy(self, _scope: Any, _receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        """Answers 503."""
        await send({"type": "http.response.start", "status": 503, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async def send(
        self, *parts: bytes, address: str = LOOPBACK[0]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Send these parts on a new connection, and return the connection."""
        reader, writer = await asyncio.open_connection(LOOPBACK[0], self.port, local_addr=(address, 0))
        self.writers.append(writer)
        for part in parts:
            writer.write(part)
            await writer.drain()
        return reader, writer

    async def ask(self) -> bytes:
        """Returns the answer to a genuine request, or nothing if the request was cut off."""
        reader, _ = await self.send(GET)
        return await asyncio.wait_for(reader.read(4096), WAITS)


@asynccontextmanager
async def bounded(most: int = 100, most_bytes: int = 1 << 20) -> AsyncIterator[Bounded]:
    """Yields a server on loopback."""
    it = Bounded(most, most_bytes)
    protocol: Any = partial(AsgiConnection, it.edge, it.busy, 1 << 20)
    server = make_server(it, protocol=protocol)
    with listen(LOOPBACK[0], 0, "PORT") as socket:
        it.port = socket.getsockname()[1]
        task = asyncio.create_task(server.serve([socket]))
        await wait_until(lambda: server.started)
        try:
            yield it
        finally:
            for writer in it.writers:
                writer.transport.abort()
            server.should_exit = True
            await task


async def closed(reader: asyncio.StreamReader) -> bytes:
    """Returns the bytes that came before the other side closed."""
    found = b""
    try:
        while part := await asyncio.wait_for(reader.read(65_536), WAITS):
            found += part
    except ConnectionError:
        pass
    return found


@pytest.mark.parametrize(
    "head",
    [
        b"GET /?" + b"x" * (HEAD_BYTES + 1) + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: " + b"x" * (HEAD_BYTES + 1) + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: " + b"x" * (HEAD_BYTES + 1),
        b"GET / HTTP/1.1\r\n" + b"a:b\r\n" * (MOST_HEADERS + 1) + b"\r\n",
        b"GET / HTTP/1.1\r\n" + b"a:b\r\n" * (MOST_HEADERS + 2),
        b"\r\n" * HEAD_BYTES,
    ],
    ids=["url", "header", "endless header", "headers", "endless headers", "endless nothing"],
)
async def test_a_head_that_is_too_large_is_refused(head: bytes) -> None:
    """The answer is 431 and the connection ends, also if the head has no end. Smaller heads are answered."""
    async with bounded() as server:
        reader, _ = await server.send(head)
        assert (await closed(reader)).startswith(b"HTTP/1.1 431 ")
        assert server.dropped["head_too_large"] == 1
        assert (await server.ask()).endswith(b"\r\n\r\n0")


async def test_a_large_body_does_not_count_as_head() -> None:
    """A body many times the size of the largest head passes, in one piece or byte by byte."""
    body = b"x" * (HEAD_BYTES * 10)
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with bounded() as server:
        for parts in ((head + body,), (head, body), (head[:20], head[20:] + body[:5], body[5:])):
            reader, _ = await server.send(*parts)
            assert (await asyncio.wait_for(reader.read(4096), WAITS)).endswith(b"%d" % len(body))
        assert server.dropped.total() == 0
        assert server.edge.held == 0


async def test_headers_behind_a_chunked_body_are_counted_too() -> None:
    """Without this count, a sender could send headers without a limit behind the body."""
    chunked = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
    async with bounded() as server:
        reader, _ = await server.send(chunked, b"a:b\r\n" * (MOST_HEADERS + 2))
        assert (await closed(reader)).startswith(b"HTTP/1.1 431 ")


async def test_too_many_pipelined_requests_end_the_connection() -> None:
    """The server answers a few in order. With many requests it closes the connection and does not parse the rest."""
    async with bounded() as server:
        server.answer.clear()
        reader, _ = await server.send(GET * PIPELINED)
        server.answer.set()
        await wait_until(lambda: server.edge.held == 0)
        assert (await asyncio.wait_for(reader.read(65_536), WAITS)).count(b"200 OK") >= 1
        server.answer.clear()
        reader, _ = await server.send(GET * 1000)
        await closed(reader)
        assert server.dropped["pipelined"] == 1
        server.answer.set()


async def test_when_all_connections_are_used_the_longest_idle_ones_are_closed() -> None:
    """A genuine request always gets a connection."""
    async with bounded(most=10) as server:
        idle = [await server.send() for _ in range(10)]
        await wait_until(lambda: len(server.edge.connections) == 10)
        assert (await server.ask()).endswith(b"\r\n\r\n0")
        assert server.dropped["too_many"] == 10
        for reader, _ in idle:
            assert await closed(reader) == b""


async def test_when_all_connections_wait_for_answers_a_new_one_is_closed() -> None:
    """The new connection does not wait for a place. The other connections still get their answers."""
    async with bounded(most=3) as server:
        server.answer.clear()
        busy = [await server.send(DELIVERY) for _ in range(3)]
        await wait_until(lambda: all(one.phase == "answer" for one in server.edge.connections))
        reader, _ = await server.send()
        assert await closed(reader) == b""
        assert server.dropped["too_many"] == 1
        server.answer.set()
        for reader, _ in busy:
            assert (await asyncio.wait_for(reader.read(4096), WAITS)).endswith(b"\r\n\r\n1")


async def test_requests_that_are_not_started_yet_make_room_for_a_delivery() -> None:
    """Sixteen requests with different tokens use all connections and wait for their turn. The delivery still gets a
    connection.
    """
    async with bounded(most=16) as server:
        server.answer.clear()
        waiting = [b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %d\r\n\r\n" % number for number in range(16)]
        for request in waiting:
            await server.send(request)
        await wait_until(lambda: len(server.edge.connections) == 16)
        reader, _ = await server.send(DELIVERY)
        await wait_until(lambda: server.dropped["too_many"] > 0)
        server.answer.set()
        assert (await asyncio.wait_for(reader.read(4096), WAITS)).endswith(b"\r\n\r\n1")


async def test_requests_that_wait_for_facebook_do_not_delay_other_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty requests wait for Facebook, and the service still answers another caller."""
    monkeypatch.setattr("app.callers.PREPARING_SECONDS", 3600.0)
    async with bounded() as server:
        server.answer.clear()
        facebook, server.asks_facebook = server.answer, True
        for _ in range(20):
            await server.send(b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer 1\r\n\r\n")
        await wait_until(lambda: server.running == 20, within=WAITS)
        server.asks_facebook = False
        server.answer = asyncio.Event()
        server.answer.set()
        assert (await server.ask()).endswith(b"\r\n\r\n0")
        facebook.set()


async def test_the_total_size_of_incomplete_bodies_is_bounded() -> None:
    """The server keeps connections whose bodies are small or complete."""
    half = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n"
    async with bounded(most_bytes=1_000_000) as server:
        server.answer.clear()
        whole = await server.send(GET)
        small = await server.send(half + b"x" * 1_000)
        for _ in range(8):
            await server.send(half + b"x" * 150_000)
        await wait_until(lambda: server.dropped["unfinished"] > 0, within=WAITS)
        assert server.edge.held <= 1_000_000
        assert 2 + 8 - server.dropped["unfinished"] == len(server.edge.connections)
        server.answer.set()
        assert (await asyncio.wait_for(whole[0].read(4096), WAITS)).endswith(b"\r\n\r\n0")
        small[1].write(b"x" * 199_000)
        assert (await asyncio.wait_for(small[0].read(4096), WAITS)).endswith(b"200000")


async def test_a_disconnect_releases_the_bytes_of_the_sender() -> None:
    """The sender may disconnect before the head, within the head, after the head, or within the body."""
    async with bounded() as server:
        for part in (b"", b"GET / HT", GET, b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf"):
            _, writer = await server.send(part)
            await wait_until(lambda: len(server.edge.connections) == 1)
            writer.transport.abort()
            await wait_until(lambda: not server.edge.connections)
        assert server.edge.held == 0


async def test_a_body_of_a_get_holds_no_bytes() -> None:
    """No handler reads this body, so the service drops it, even while the answer takes long."""
    async with bounded() as server:
        server.answer.clear()
        reader, _ = await server.send(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n\r\n" + b"x" * 50_000)
        await wait_until(lambda: all(one.phase == "answer" for one in server.edge.connections))
        assert len(server.edge.connections) == 1
        assert server.edge.held == 0
        server.answer.set()
        assert (await asyncio.wait_for(reader.read(4096), WAITS)).endswith(b"\r\n\r\n0")


async def test_other_requests_leave_connections_to_deliveries() -> None:
    """A caller may use a third of the connections for other requests. All callers together may use three quarters of
    all connections. A refused caller gets an answer."""
    async with bounded(most=16) as server:
        server.answer.clear()
        for number in range(3):
            for _ in range(4):
                await server.send(b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %d\r\n\r\n" % number)
        await wait_until(lambda: server.running == 12, within=WAITS)
        assert server.dropped["refused"] == 0
        assert b" 503 " in await server.ask()
        assert server.dropped["refused"] == 1
        reader, _ = await server.send(DELIVERY)
        await wait_until(lambda: server.running == 13, within=WAITS)
        server.answer.set()
        assert (await asyncio.wait_for(reader.read(4096), WAITS)).endswith(b"\r\n\r\n1")


async def test_a_body_in_tiny_chunks_is_cut_off() -> None:
    """Each chunk costs a call of a Python function, so very many tiny chunks cost too much. Chunks of a usual size
    are accepted.
    """
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with bounded() as server:
        reader, _ = await server.send(head + b"1\r\nx\r\n" * 1_000 + b"0\r\n\r\n")
        assert await closed(reader) == b""
        assert server.dropped["malformed"] == 1
        reader, _ = await server.send(head + (b"64\r\n" + b"x" * 100 + b"\r\n") * 300 + b"0\r\n\r\n")
        assert (await asyncio.wait_for(reader.read(4096), WAITS)).endswith(b"30000")


async def test_answers_that_are_not_read_are_bounded() -> None:
    """The service cuts off the answer that its caller has not read for the longest time. Answers of another caller
    arrive.
    """
    async with bounded() as server:
        server.answer_bytes = 24 * 1024 * 1024
        unread = []
        for _ in range(6):
            reader, writer = await server.send(b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer 1\r\n\r\n")
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            unread.append(reader)
        await wait_until(lambda: server.dropped["unread"] >= 2, within=WAITS)
        reader, _ = await server.send(
            b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer 2\r\nConnection: close\r\n\r\n"
        )
        assert len(await closed(reader)) > server.answer_bytes
        assert server.dropped["unread"] < 6


def forwarded(*lines: str) -> bytes:
    """A request that a proxy has forwarded with these lines in its head."""
    return GET.replace(b"\r\n\r\n", "".join(f"\r\n{line}" for line in lines).encode("latin-1") + b"\r\n\r\n")


@pytest.mark.parametrize(
    ("lines", "caller"),
    [
        (("X-Forwarded-For: 203.0.113.9",), ("203.0.113.9", "http")),
        (("X-Forwarded-For: 203.0.113.9:4711", "X-Forwarded-Proto: https"), ("203.0.113.9", "https")),
        (("X-Forwarded-Proto: javascript",), ("127.0.0.1", "http")),
        (("X-Forwarded-For: 198.51.100.7, 203.0.113.9, 127.0.0.1",), ("203.0.113.9", "http")),
        (("X-Forwarded-For: 198.51.100.7", "X-Forwarded-For: 203.0.113.9"), ("203.0.113.9", "http")),
        (("X-Forwarded-For: " + "9" * 5000 + ", 203.0.113.9",), ("203.0.113.9", "http")),
        (("X-Forwarded-For: caf\u00e9",), ("unknown", "http")),
        (("X-Forwarded-For:",), ("127.0.0.1", "http")),
    ],
)
async def test_a_trusted_proxy_sets_the_address_and_scheme_of_the_caller(
    lines: tuple[str, ...], caller: tuple[str, str]
) -> None:
    """The caller is the last address that is not a trusted proxy. Addresses before it come from the caller itself."""
    async with bounded() as it:
        reader, _ = await it.send(forwarded(*lines))
        await reader.readuntil(b"\r\n\r\n0")
        assert it.callers == [caller]


async def test_an_untrusted_sender_cannot_set_the_address_of_the_caller() -> None:
    """The service uses the sender's own address and the scheme of the connection."""
    async with bounded() as it:
        request = forwarded("X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https")
        reader, _ = await it.send(request, address="127.0.0.2")
        await reader.readuntil(b"\r\n\r\n0")
        assert it.callers == [("127.0.0.2", "http")]
