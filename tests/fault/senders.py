"""Senders of requests that no correct sender makes, with their own sockets, beside a load of genuine deliveries."""

import asyncio
import re
import resource
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, cast

from tests.service import Service
from tests.support import wait_until

OPENED_AT_ONCE: Final = 100
OPEN_FILES: Final = 16_384
"""Open files that a test asks the system for. The system gives fewer if its own limit is lower."""
SPARE_FILES: Final = 1_536
"""Open files that are kept free: the service needs some for Redis, and a test has other connections too."""
ELSEWHERE: Final = "127.0.0.2"
"""An address that sends no genuine delivery. All of 127.0.0.0/8 is this machine (Linux)."""


def resident_bytes(service: Service) -> int:
    """Returns the memory that the service uses."""
    pages = int(Path(f"/proc/{service.process.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def room_for_connections(wanted: int) -> int:
    """Returns this number, or fewer if this process may not open this many files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return max(min(wanted, most - SPARE_FILES), 100)


class Sender(asyncio.Protocol):
    """One connection: it connects, sends the given bytes, and keeps the answers until it is closed."""

    transport: asyncio.Transport

    def __init__(self, first: bytes = b"") -> None:
        self._first = first
        self.answer = b""
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        if self._first:
            self.transport.write(self._first)

    def data_received(self, data: bytes) -> None:
        self.answer += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True

    @property
    def status(self) -> int:
        """Returns the status of the first answer, or 0 without an answer."""
        return int(self.answer[9:12] or 0)


_CONTENT_LENGTH: Final = re.compile(rb"content-length: (\d+)")


class Flood(asyncio.Protocol):
    """One connection of a flood: it sends the same request again after each answer. `statuses` counts the answers of
    all connections."""

    transport: asyncio.Transport

    def __init__(self, request: bytes, statuses: "Counter[int]") -> None:
        self._request = request
        self._statuses = statuses
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = _CONTENT_LENGTH.search(head)
        if end and len(body) >= int(length[1] if length else 0):
            self._received = b""
            self._statuses[int(head[9:12])] += 1
            self.transport.write(self._request)


@asynccontextmanager
async def connected(
    service: Service, senders: Sequence[asyncio.Protocol], address: str = ELSEWHERE
) -> AsyncIterator[None]:
    """Yields all connections until the end of the block. A refused connection is tried again."""
    loop = asyncio.get_running_loop()

    async def one(sender: asyncio.Protocol) -> None:
        while True:
            try:
                await loop.create_connection(lambda: sender, "127.0.0.1", service.port, local_addr=(address, 0))
            except OSError:
                await asyncio.sleep(0.05)
            else:
                return

    try:
        for first in range(0, len(senders), OPENED_AT_ONCE):
            await asyncio.gather(*map(one, senders[first : first + OPENED_AT_ONCE]))
        yield
    finally:
        for sender in senders:
            if (transport := getattr(sender, "transport", None)) is not None:
                transport.abort()


async def all_closed(senders: Sequence[Sender], within: float) -> None:
    """Wait until the service has closed each of them."""
    await wait_until(lambda: all(sender.closed for sender in senders), within)
