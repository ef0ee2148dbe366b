"""Deliveries are answered while streams use all the connections that streams can get."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import httpx2

from simulator.serialize import serialize
from simulator.signing import signed
from tests.callers import Shop, mint, texts
from tests.fault.senders import Sender, connected
from tests.servers import Server
from tests.service import APP_SECRET, serving
from tests.support import NO_TLS, wait_until

OPEN_FILES: Final = "1024"
"""Half of the open files are for connections. Three quarters of the connections are for streams and other requests, and
the rest is for deliveries."""
STREAMS: Final = 300
WAVES: Final = 3
"""The number of times that streams are opened. If Redis is too slow for a stream, the stream is refused, and a stream
of the next wave can use the connection."""
DELIVERIES: Final = 30
WITHIN: Final = 60.0


async def deliver(web: httpx2.AsyncClient, url: str, body: bytes, headers: list[tuple[bytes, bytes]]) -> int:
    """Returns the status of a delivery, or 0 without an answer. It is sent again while Redis is too slow."""
    while True:  # pytest's time limit ends a test whose Redis stays slow
        try:
            answer = await web.post(url, content=body, headers=headers)
        except httpx2.TransportError:
            return 0
        if b"redis_timeout" not in answer.content:
            return answer.status_code


async def test_streams_leave_connections_to_deliveries(valkey: Server, tmp_path: Path) -> None:
    """If there are too many streams, some are refused. No delivery is refused, and /readyz still answers 200."""
    with serving(valkey.url, tmp_path / "log", open_files=OPEN_FILES) as service:
        with Shop(service.url) as shop:
            shop.connect()
            path = str(shop.client.base_url.path).rstrip("/")
            name = path.rpartition("/")[2]
        requests = [
            f"GET {path}/stream HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {mint(name, subject=f'viewer-{number % 10}')}\r\n\r\n".encode()
            for number in range(STREAMS)
        ]
        senders: list[Sender] = []
        async with AsyncExitStack() as stack:
            for _ in range(WAVES):
                wave = [Sender(request) for request in requests]
                senders += wave
                await stack.enter_async_context(connected(service, wave))
                await wait_until(lambda wave=wave: all(one.status or one.closed for one in wave), WITHIN)  # type: ignore[misc]
            async with httpx2.AsyncClient(trust_env=False, verify=NO_TLS, timeout=WITHIN) as web:
                statuses = []
                for number in range(DELIVERIES):
                    body = serialize(texts([f"m_{number}"]))
                    headers = [*signed(body, APP_SECRET), (b"Connection", b"close")]
                    statuses.append(await deliver(web, f"{service.url}/webhook", body, headers))
                assert statuses == [200] * DELIVERIES
                assert (await web.get(f"{service.ops_url}/readyz")).status_code == 200
            assert any(b'"too_many_requests"' in one.answer for one in senders)
            assert sum(one.status == 200 and not one.closed for one in senders) > 100
