"""The write reaches Redis, but its answer is lost: the message is stored once, answered 200 and counted once."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Literal

import httpx2
import pytest

from cache.scripts import PUT
from simulator.serialize import serialize
from simulator.signing import signed
from tests.callers import Operator, Shop, texts
from tests.servers import Server
from tests.service import APP_SECRET, Service, serving
from tests.support import NO_TLS

Loss = Literal["cut", "silence"]
"""How the answer is lost: the connection ends, or it stays open and no answer comes."""

_PUT = PUT.digest.encode()


class Wire:
    """A wire between a service and its Valkey: it forwards everything, but loses the answers to the next
    `lose` writes."""

    def __init__(self, upstream: str, loss: Loss) -> None:
        self._upstream = upstream
        self._loss = loss
        self.lose = 0
        self.writes = 0
        """Calls of put.lua that Valkey has carried out."""
        self.connections: set[asyncio.Task[None]] = set()

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Accept a connection of the service."""
        task = asyncio.create_task(self._forward(reader, writer))
        self.connections.add(task)
        task.add_done_callback(self.connections.discard)

    async def ended(self) -> None:
        """Wait until the service has closed all connections."""
        await asyncio.gather(*self.connections)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(self._upstream)
        try:
            # Request and answer alternate here, because redis-py sends nothing before it has the answer.
            while sent := await reader.read(1 << 20):
                far_writer.write(sent)
                answer = await far_reader.read(1 << 20)
                if _PUT in sent:
                    self.writes += 1
                    if self.lose:
                        self.lose -= 1
                        if self._loss == "cut":
                            return
                        continue
                writer.write(answer)
        finally:
            far_writer.close()
            writer.close()


@asynccontextmanager
async def wired(valkey: Server, loss: Loss, log: Path) -> AsyncIterator[tuple[Service, Wire]]:
    """Yields a service that reaches its Valkey over such a wire, with a connected Page. The server already
    has put.lua."""
    async with AsyncExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="inbox-"))
        wire = Wire(valkey.url.removeprefix("unix://"), loss)
        server = await asyncio.start_unix_server(wire.connected, f"{directory}/wire.sock")
        stack.push_async_callback(wire.ended)
        stack.callback(server.close)
        service = await asyncio.to_thread(stack.enter_context, serving(f"unix://{directory}/wire.sock", log))
        with Shop(service.url) as shop:
            await asyncio.to_thread(shop.connect)
        assert await post(service, "m_first") == 200
        yield service, wire


async def post(service: Service, *mids: str) -> int:
    """Returns the answer to a delivery of these texts."""
    body = serialize(texts(mids))
    async with httpx2.AsyncClient(trust_env=False, verify=NO_TLS) as client:
        answer = await client.post(f"{service.url}/webhook", content=body, headers=signed(body, APP_SECRET))
    return answer.status_code


async def counts(service: Service) -> dict[tuple[str, ...], int]:
    """Returns events by kind and outcome since the start. Kinds and outcomes that did not occur are left out."""
    with Operator(service.ops_url) as operator:
        counted = await asyncio.to_thread(operator.counts, "events_total")
        return {labels: number for labels, number in counted.items() if number}


async def ids(service: Service) -> list[str]:
    """Returns what the shop reads."""
    with Shop(service.url) as shop:
        return await asyncio.to_thread(shop.ids)


@pytest.mark.parametrize("loss", ["cut", "silence"])
async def test_a_write_whose_answer_is_lost_is_stored_once_and_counted_once(
    valkey: Server, tmp_path: Path, loss: Loss
) -> None:
    """The write is sent again, and Valkey recognises it. The answer is 200, with no second copy and no duplicate in the
    metrics."""
    async with wired(valkey, loss, tmp_path / "log") as (service, wire):
        written, wire.lose = wire.writes, 1
        assert await post(service, "m_1", "m_2") == 200
        assert (wire.lose, wire.writes) == (0, written + 2)
        assert sorted(await ids(service)) == ["m_1", "m_2", "m_first"]
        assert await counts(service) == {("message", "stored"): 3}


async def test_a_write_whose_answers_are_all_lost_is_answered_503_and_its_redelivery_is_a_duplicate(
    valkey: Server, tmp_path: Path
) -> None:
    """The service cannot know the result. Facebook delivers again, and the message is stored once."""
    async with wired(valkey, "cut", tmp_path / "log") as (service, wire):
        wire.lose = 2
        assert await post(service, "m_1") == 503
        assert await post(service, "m_1") == 200
        assert sorted(await ids(service)) == ["m_1", "m_first"]
        assert await counts(service) == {("message", "stored"): 1, ("message", "duplicate"): 1}
