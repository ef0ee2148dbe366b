"""A relay between a service and its Redis: it forwards bytes, counts connections, cuts them, and sends new ones to
another server."""

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path


class Relay:
    """Listens on `url`. New connections lead to `target`, a server's Unix socket; existing connections stay. `cuts` is
    the share of answers whose connection is closed in the middle. `open` says if a new connection is served or closed
    at once. `accepted` counts connections, `cut` counts the answers that were cut."""

    def __init__(self, target: str, place: Path) -> None:
        self.target = target
        self.url = f"unix://{place}"
        self.open = True
        self.cuts = 0.0
        self.accepted = 0
        self.cut = 0
        self._draw = random.Random(11)
        self.connections: set[asyncio.Task[None]] = set()

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection of the service."""
        self.accepted += 1
        task = asyncio.create_task(self._serve(reader, writer))
        self.connections.add(task)
        task.add_done_callback(self.connections.discard)
        task.add_done_callback(lambda _: writer.close())  # also if `drop` ended the task before its first step

    def drop(self) -> None:
        """End every connection."""
        for task in self.connections:
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):  # one side has closed, or `drop` was called
            if self.open:
                await self._both_ways(reader, writer)

    async def _both_ways(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(self.target.removeprefix("unix://"))
        ways = [
            asyncio.create_task(self._forward(reader, far_writer)),
            asyncio.create_task(self._forward(far_reader, writer, answers=True)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            far_writer.close()
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers: bool = False) -> None:
        with suppress(OSError):
            while said := await reader.read(1 << 20):
                if answers and self._draw.random() < self.cuts:
                    self.cut += 1
                    writer.write(said[: len(said) // 2])
                    return
                writer.write(said)


@asynccontextmanager
async def relaying(target: str) -> AsyncIterator[Relay]:
    """Yields a relay to that server."""
    with tempfile.TemporaryDirectory(prefix="inbox-") as directory:
        relay = Relay(target, Path(directory) / "relay.sock")
        server = await asyncio.start_unix_server(relay.connected, relay.url.removeprefix("unix://"))
        try:
            yield relay
        finally:
            server.close()
            relay.drop()
            await asyncio.gather(*relay.connections, return_exceptions=True)
