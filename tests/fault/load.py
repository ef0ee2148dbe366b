"""Deliveries without pause from several connections, and a note of every one that was answered 200."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2

from simulator.serialize import serialize
from simulator.signing import signed
from tests.callers import FACEBOOK_WAITS, texts
from tests.service import APP_SECRET, Service

CONNECTIONS = 16
MESSAGES = 3
"""In each delivery."""


class Load:
    """What has been sent, and what has been answered so far."""

    def __init__(self) -> None:
        self.acknowledged: set[str] = set()
        self.statuses: set[int] = set()
        self.sent = 0

    async def post(self, client: httpx2.AsyncClient, numbers: "itertools.count[int]") -> None:
        """Post until the service is gone."""
        while True:
            number = next(numbers)
            mids = [f"m_{number}_{n}" for n in range(MESSAGES)]
            body = serialize(texts(mids))
            self.sent += 1
            try:
                answer = await client.post("/webhook", content=body, headers=signed(body, APP_SECRET))
            except httpx2.TransportError:
                return  # the service is gone
            self.statuses.add(answer.status_code)
            if answer.status_code == 200:
                self.acknowledged.update(mids)


@asynccontextmanager
async def loading(service: Service) -> AsyncIterator[Load]:
    """Load as fast as it is answered, until the end of the block or of the service."""
    load, numbers = Load(), itertools.count()
    async with httpx2.AsyncClient(base_url=service.url, trust_env=False, timeout=FACEBOOK_WAITS) as client:
        tasks = [asyncio.create_task(load.post(client, numbers)) for _ in range(CONNECTIONS)]
        try:
            yield load
        finally:
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            crashes = [end for end in ends if isinstance(end, Exception)]
            assert not crashes, crashes
