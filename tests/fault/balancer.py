"""A load balancer before several replicas: it accepts connections on one port and passes each to the next replica."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

_PIECE: Final = 65_536


class Balancer:
    """Passes connections to `ports` of loopback. A test may change `ports` at any time, and the next connections use
    the new ports. A connection is closed if no port accepts it."""

    def __init__(self, ports: list[int]) -> None:
        self.ports = ports
        self.url = ""
        self._turns = itertools.count()
        self._under_way: set[asyncio.Task[None]] = set()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Handle one connection until its end."""
        task = asyncio.current_task()
        assert task is not None
        self._under_way.add(task)
        try:
            port = self.ports[next(self._turns) % len(self.ports)]
            with suppress(OSError):
                there, back = await asyncio.open_connection("127.0.0.1", port)
                await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))
        finally:
            self._under_way.discard(task)
            writer.close()

    async def close(self) -> None:
        """Close all connections."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
    finally:
        writer.close()


@asynccontextmanager
async def balancing(*ports: int) -> AsyncIterator[Balancer]:
    """Yields a balancer for these ports."""
    balancer = Balancer(list(ports))
    server = await asyncio.start_server(balancer.take, "127.0.0.1", 0)
    balancer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield balancer
    finally:
        server.close()
        await balancer.close()
