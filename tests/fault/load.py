"""Deliveries from several connections, sent again until they are answered 200, as Facebook does."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import httpx2

from domain.ids import PageId
from simulator.serialize import serialize
from simulator.signing import signed
from tests.callers import FACEBOOK_WAITS, PAGE, texts
from tests.fault.rows import FULL
from tests.service import APP_SECRET
from tests.support import NO_TLS, wait_until

CONNECTIONS: Final = 16
MESSAGES: Final = 3
"""Messages in each delivery."""
PAUSE_SECONDS: Final = 0.0 if FULL else 0.08
"""Seconds between two deliveries of one connection. With the pause the load has about 500 messages per second, which
leaves processor time to other programs. At full length there is no pause."""
AGAIN_SECONDS: Final = 0.05 if FULL else 0.1
"""Seconds between two tries of one delivery. Facebook waits minutes, and the tests wait less."""


class Load:
    """The sent deliveries and their answers. A test may change `url`, and the next deliveries go there.

    Times are in seconds. A connection repeats its delivery until the answer is 200, and sends no other delivery until
    then.
    """

    def __init__(self, url: str, pages: Sequence[PageId], connections: int, messages: int, pause: float) -> None:
        self.url = url
        self._messages = messages
        self._connections = connections
        self._pause = pause
        self.acknowledged: set[str] = set()
        self.statuses: Counter[int] = Counter()
        self.broken = 0
        """Tries without an answer: refused connections, broken ones, and no answer within Facebook's five seconds."""
        self.slowest = 0.0
        self.slowest_refusal = 0.0
        self._pages = itertools.cycle(pages)
        self._numbers = itertools.count()
        self._last_asked = 0.0
        """The time at which the latest delivery with an answer 200 was sent."""
        self._began = self._ended = time.monotonic()

    @property
    def held(self) -> str:
        """Returns the load in words, for the table of faults."""
        rate = len(self.acknowledged) / max(self._ended - self._began, 0.001)
        return f"{self._connections} connections, {rate:,.0f} messages/s"

    async def reach(self, more: int, within: float = 60) -> None:
        """Wait until this number of further messages has been acknowledged."""
        wanted = len(self.acknowledged) + more
        await wait_until(lambda: len(self.acknowledged) >= wanted, within)

    async def recovered(self, since: float, within: float = 60) -> float:
        """Wait until a delivery that was sent after `since` (of `time.monotonic`) is answered 200. Returns the seconds
        from `since` until now."""
        await wait_until(lambda: self._last_asked > since, within)
        return time.monotonic() - since

    async def post(self, client: httpx2.AsyncClient) -> None:
        """Send one delivery after another, without end."""
        while True:
            number = next(self._numbers)
            mids = [f"m_{number}_{n}" for n in range(self._messages)]
            body = serialize(texts(mids, page=next(self._pages)))
            await self._until_accepted(client, body)
            self.acknowledged.update(mids)
            if self._pause:
                await asyncio.sleep(self._pause)

    async def _until_accepted(self, client: httpx2.AsyncClient, body: bytes) -> None:
        while not await self._accepted(client, body):  # noqa: ASYNC110 - it waits for no event, as Facebook does
            await asyncio.sleep(AGAIN_SECONDS)

    async def _accepted(self, client: httpx2.AsyncClient, body: bytes) -> bool:
        asked = time.monotonic()
        try:
            answer = await client.post(f"{self.url}/webhook", content=body, headers=signed(body, APP_SECRET))
        except httpx2.TransportError:
            self.broken += 1
            return False
        took = time.monotonic() - asked
        self.statuses[answer.status_code] += 1
        self.slowest = max(self.slowest, took)
        if answer.status_code != 200:
            self.slowest_refusal = max(self.slowest_refusal, took)
            return False
        self._last_asked = max(self._last_asked, asked)
        self._ended = time.monotonic()
        return True


@asynccontextmanager
async def loading(
    url: str,
    *,
    pages: Sequence[PageId] = (PAGE,),
    connections: int = CONNECTIONS,
    messages: int = MESSAGES,
    pause: float = PAUSE_SECONDS,
) -> AsyncIterator[Load]:
    """Sends load until the end of the block, whatever happens to the service. Each connection waits `pause` seconds
    after each delivery that was answered 200. With a `pause` of 0 the connection sends the next delivery at once."""
    load = Load(url, pages, connections, messages, pause)
    limits = httpx2.Limits(max_connections=connections)
    async with httpx2.AsyncClient(trust_env=False, verify=NO_TLS, timeout=FACEBOOK_WAITS, limits=limits) as client:
        tasks = [asyncio.create_task(load.post(client)) for _ in range(connections)]
        try:
            yield load
        finally:
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            crashes = [end for end in ends if isinstance(end, Exception)]
            assert not crashes, crashes
