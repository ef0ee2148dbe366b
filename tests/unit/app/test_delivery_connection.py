"""The fast connection and the ASGI connection on real sockets. For any input, both kinds of connection answer the
same bytes.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import pytest
import uvicorn

from app.asgi_connection import AsgiConnection
from app.delivery_connection import DeliveryConnection
from app.edge import Edge
from app.edge_connection import EdgeConnection
from app.server import LOOPBACK, listen, make_server
from domain.ids import MessageId, PageId, Psid
from simulator.payloads import one_message
from simulator.serialize import serialize
from tests.support import wait_until
from tests.unit.webhook.fakes import SECRET, WebhookSetup, held
from webhook.receiver import Answer
from webhook.signature import sign

PAGE: Final = PageId("104200000000001")
WAITS: Final = 20
"""Seconds until a test gives up. No test takes one second."""
LONGEST: Final = 20_000


READ: Final[Counter[Edge]] = Counter()
"""Bytes that each service has read."""
TAKEN: Final[Counter[Edge]] = Counter()
"""Answers that each service has sent through the fast path."""


@pytest.fixture(autouse=True)
def counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts the bytes that the service has read, so that the test can send each part separately."""
    plain = EdgeConnection.data_received

    def data_received(connection: EdgeConnection, data: bytes) -> None:
        plain(connection, data)
        READ[connection.edge] += len(data)

    monkeypatch.setattr(EdgeConnection, "data_received", data_received)


class CountingConnection(DeliveryConnection):
    """Counts, with its `Edge`, the answers of the fast path."""

    def send(self, answer: Answer, keep_alive: bool) -> None:
        """Count one more answer."""
        TAKEN[self.edge] += 1
        super().send(answer, keep_alive)


class Setup(WebhookSetup):
    """A service with one of the two kinds of connection. It keeps the messages that it has stored and the lines
    that it has logged.
    """

    def __init__(self, *, short: bool) -> None:
        super().__init__(max_body_bytes=LONGEST)
        self.edge = Edge(100, lambda _reason: None)
        connection: Any = partial(CountingConnection, self.receiver) if short else AsgiConnection
        self.protocol: Any = partial(connection, self.edge, self.app, LONGEST)
        self.port = 0
        self.server: uvicorn.Server | None = None

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Returns a new connection."""
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def said(self, parts: list[bytes], lines: int) -> bytes:
        """Returns the answers to these parts. The test sends each part when the service has read the part before
        it. It waits for `lines` log lines before it closes the connection.
        """
        reader, writer = await self.connect()
        before, sent = len(self.lines), READ[self.edge]
        for part in parts:
            writer.write(part)
            sent += len(part)
            await wait_until(lambda sent=sent: READ[self.edge] == sent)  # type: ignore[misc]
        await wait_until(lambda: len(self.lines) >= before + lines)
        writer.write_eof()
        answer = await asyncio.wait_for(reader.read(), WAITS)
        writer.close()
        return answer


@asynccontextmanager
async def served(*, short: bool) -> AsyncIterator[Setup]:
    """Yields a `Setup` that listens on loopback."""
    setup = Setup(short=short)
    setup.server = make_server(setup.app, protocol=setup.protocol)
    setup.server.config.date_header = False  # so that the answers of two servers are the same bytes
    with listen(LOOPBACK[0], 0, "PORT") as socket:
        setup.port = socket.getsockname()[1]
        task = asyncio.create_task(setup.server.serve([socket]))
        started = setup.server
        await wait_until(lambda: started.started)
        try:
            yield setup
        finally:
            setup.server.should_exit = True
            await task


def repr_of(line: MutableMapping[str, Any]) -> str:
    """Returns a key to sort lines, because their order does not matter."""
    return repr(sorted(line.items()))


def body(mid: str = "m_1", text: str = "x") -> bytes:
    return serialize(one_message(PAGE, Psid("7"), text, MessageId(mid), 1_770_000_000_000))


def post(content: bytes, *headers: str, signature: bytes | None = None, version: str = "1.1") -> bytes:
    """Returns a delivery as bytes. `headers` are added to the required headers."""
    signature = signature or sign(content, SECRET)
    head = f"POST /webhook HTTP/{version}\r\nHost: x\r\nX-Hub-Signature-256: {signature.decode()}\r\n"
    if not any(header.startswith("Transfer-Encoding") for header in headers):
        head += f"Content-Length: {len(content)}\r\n"
    return (head + "".join(f"{header}\r\n" for header in headers) + "\r\n").encode() + content


ONE: Final = post(body())
AGENT: Final = "User-Agent: facebookexternalua"

CASES: Final[dict[str, tuple[list[bytes], int, int]]] = {
    # Sent parts, number of lines, number of deliveries on the fast path
    "one": ([ONE], 1, 1),
    "many on one connection": ([ONE, post(body("m_2"), AGENT), post(body("m_3"))], 3, 3),
    "sent ahead": ([ONE + post(body("m_2")) + post(body("m_3"))], 3, 1),
    "with another after it": ([ONE + b"GET /webhook HTTP/1.1\r\nHost: x\r\n\r\n"], 2, 1),
    "after another": ([b"GET /webhook HTTP/1.1\r\nHost: x\r\n\r\n", ONE], 2, 1),
    "in two parts": ([ONE[:-100], ONE[-100:]], 1, 1),
    "its head in two parts": ([ONE[:40], ONE[40:]], 1, 1),
    "head and body apart": ([ONE[: -len(body())], body()], 1, 1),
    "byte by byte at its end": ([ONE[:-2], ONE[-2:-1], ONE[-1:]], 1, 1),
    "forged": ([post(body(), signature=sign(b"", SECRET)), ONE], 2, 2),
    "unsigned": ([ONE.replace(b"X-Hub", b"Y-Hub")], 1, 1),
    "signed twice": ([post(body(), "X-Hub-Signature-256: sha256=0")], 1, 0),
    "no json": ([post(b"no json")], 1, 1),
    "nothing": ([post(b"")], 1, 0),
    "long": ([post(body(text="x" * 10_000))], 1, 1),
    "too long": ([post(body(text="x" * LONGEST))], 1, 0),
    "in chunks": ([post(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body()), body()), "Transfer-Encoding: chunked")], 1, 0),
    "the last of its connection": ([post(body(), "Connection: close")], 1, 0),
    "of an older kind": ([post(body(), version="1.0")], 1, 0),
    "waits to be told to continue": ([post(b"{}", "Expect: 100-continue")[:-2], b"{}"], 1, 0),
    "wants another protocol": ([post(body(), "Connection: upgrade", "Upgrade: websocket")], 1, 1),
    "by a proxy": ([post(body(), "X-Forwarded-For: 173.252.88.66", AGENT)], 1, 1),
    "by a proxy, after a long text of the sender": (
        [post(body(), f"X-Forwarded-For: {'9' * 300}, 173.252.88.66")],
        1,
        1,
    ),
    "by two proxies": ([post(body(), "X-Forwarded-For: 173.252.88.66, 127.0.0.1")], 1, 1),
    "with a query": ([ONE.replace(b"/webhook", b"/webhook?a=b")], 1, 0),
    "not HTTP": ([ONE, b"nonsense\r\n\r\n"], 1, 1),
}


@pytest.mark.parametrize("case", CASES)
async def test_both_kinds_of_connection_answer_alike(case: str) -> None:
    """Both send the same bytes, write the same lines and store the same messages. The fast connection uses the fast
    path for each delivery that allows it.
    """
    parts, lines, short = CASES[case]
    async with served(short=True) as one, served(short=False) as other:
        assert await one.said(parts, lines) == await other.said(parts, lines)
        assert sorted(one.lines, key=repr_of) == sorted(other.lines, key=repr_of)
        assert one.shop.stored == other.shop.stored
        assert (TAKEN[one.edge], TAKEN[other.edge]) == (short, 0)


async def test_a_running_delivery_is_answered_when_the_server_ends() -> None:
    """The answer says that the connection closes after it."""
    async with served(short=True) as setup:
        await setup.said([ONE], 1)
        settles: list[Any] = []
        setup.shop.put_soon = held(settles)  # type: ignore[method-assign,assignment]
        reader, writer = await setup.connect()
        writer.write(post(body("m_2")))
        await wait_until(lambda: len(settles) == 1)
        assert setup.server is not None
        setup.server.should_exit = True
        connections = setup.server.server_state.connections
        await wait_until(lambda: all(not one.cycle.keep_alive for one in connections if one.cycle))  # type: ignore[union-attr]
        settles[0](["stored"])
        answer = await asyncio.wait_for(reader.read(), WAITS)
        writer.close()
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nconnection: close\r\n" in answer


async def test_a_delivery_is_stored_after_its_sender_disconnects() -> None:
    """The messages are stored, and the answer is dropped."""
    async with served(short=True) as setup:
        await setup.said([ONE], 1)
        settles: list[Any] = []
        setup.shop.put_soon = held(settles)  # type: ignore[method-assign,assignment]
        _, writer = await setup.connect()
        writer.write(post(body("m_2")))
        await wait_until(lambda: len(settles) == 1)
        writer.transport.abort()
        connections = setup.server.server_state.connections if setup.server else set()
        await wait_until(lambda: not connections)
        settles[0](["stored"])
        await wait_until(lambda: len(setup.lines) == 2)
        assert setup.lines[1]["status"] == 200
