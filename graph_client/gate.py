"""Limits the calls of one Page that run at once in this process, so that one shop does not block another."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from domain.ids import PageId, ShopId
from graph_client.errors import Throttled

CALLS_AT_ONCE: Final = 4
"""Calls of one Page that run at the same time. Two people who read posts and comments at the same time need two calls.
"""

WAITING: Final = 32
"""Waiting calls of one Page. Four calls take one or two seconds, so the last of the waiting calls waits about ten
seconds.
"""

BUSY_SECONDS: Final = 2
"""Seconds after which a refused caller may try again."""


class Gate:
    """Limits the running calls and the waiting calls of each Page. Pages without calls use no memory."""

    def __init__(self) -> None:
        self._pages: dict[tuple[ShopId, PageId], _Turns] = {}

    @asynccontextmanager
    async def turn(self, shop: ShopId, page: PageId) -> AsyncIterator[None]:
        """Wait for a turn, and hold it. Turns are counted per shop and Page. So a shop that calls with the public id of
        another shop's Page takes no turn from the other shop.

        Raises:
            Throttled: too many calls wait already.
        """
        turns = self._pages.get((shop, page))
        if turns is None:
            turns = self._pages[shop, page] = _Turns()
        if turns.count >= CALLS_AT_ONCE + WAITING:
            raise Throttled("pages", retry_after=BUSY_SECONDS)
        turns.count += 1
        try:
            async with turns.free:
                yield
        finally:
            turns.count -= 1
            if turns.count == 0:
                del self._pages[shop, page]


class _Turns:
    __slots__ = ("count", "free")

    def __init__(self) -> None:
        self.count = 0
        self.free = asyncio.Semaphore(CALLS_AT_ONCE)
