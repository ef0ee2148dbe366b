"""What may be called of Graph when: holds and paces, shared by all replicas.

Before a call one script tells the Page's token, whether its budget is held, and when the next call may go out; the
place is taken in the same step, on the server's clock, so that replicas keep calls apart together. The app's own hold
lies on another node of a cluster. It is looked at once a second: a replica may call for so long after another was told
to stop.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cache.keys import APP_HOLD, shop_keys
from cache.registry import page_fields
from cache.registry.registry import page_not_found
from cache.scripts import ENTER, HOLD, HOLD_APP
from cache.sealing import Sealer
from cache.server.connection import Connection
from domain.graph import Limit
from domain.ids import PageId, ShopId
from domain.shop import Credentials

APP_SECONDS: Final = 1.0
"""Between two looks at the app's hold."""

TAKE_NO_PLACE: Final = -1
"""A longest wait that no place is near enough for."""


@dataclass(frozen=True, slots=True)
class CallSlot:
    """What stands before a call; seconds.

    `credentials` None: the Page is connected for webhooks alone. `held` not 0: nothing may be called for so long, and
    no place is taken. Else the call may go out after `wait`.
    """

    credentials: Credentials | None
    held: float
    wait: float


class Budgets:
    """Holds and paces. `clock` is monotonic, in seconds. Every method raises `Unavailable` when Redis is."""

    def __init__(self, connection: Connection, sealer: Sealer, *, clock: Callable[[], float]) -> None:
        self._connection = connection
        self._sealer = sealer
        self._clock = clock
        self._app_held_until = self._app_looked_at = -math.inf

    async def enter(self, shop: ShopId, page: PageId, limit: Limit, /, *, spacing: float, patience: float) -> CallSlot:
        """Take the Page's next place in a budget: `spacing` seconds after the one before, or further where Facebook
        wants it slower. Where that is longer than `patience` seconds away, it is `held` for so long instead.

        Raises:
            NotFound: the Page is not this shop's.
            SealBroken: its token cannot be opened any more.
        """
        app_held = await self.app_held()
        keys = shop_keys(shop)
        connected, token, state, *_ = page_fields.names(page)
        longest = TAKE_NO_PLACE if app_held else _microseconds(patience)
        call = ENTER(
            [keys.registry, keys.budget(page)], [connected, token, state, limit, _microseconds(spacing), longest]
        )
        # Not twice: a place whose answer was lost is lost, and two would be.
        reply = await self._connection.run(call)
        if not reply:
            raise page_not_found()
        held, wait, sealed, known = reply
        credentials = page_fields.credentials_of(self._sealer, shop, page, sealed or None, known)
        return CallSlot(credentials, max(app_held, held / 1_000_000), wait / 1_000_000)

    async def hold(self, shop: ShopId, page: PageId, limit: Limit, seconds: float, /) -> None:
        """Hold the Page's calls of one budget; of two holds the longer wins. For a Page that has left, nothing."""
        await self._hold(shop, page, limit, seconds, 0)

    async def slow(self, shop: ShopId, page: PageId, limit: Limit, spacing: float, seconds: float, /) -> None:
        """Keep the Page's calls of one budget `spacing` seconds apart for so long; the last word counts, 0 ends it."""
        # To the script 0 means a hold; a microsecond keeps nobody apart.
        await self._hold(shop, page, limit, seconds, max(spacing, 0.000001))

    async def _hold(self, shop: ShopId, page: PageId, limit: Limit, seconds: float, spacing: float) -> None:
        keys = shop_keys(shop)
        args = [page_fields.names(page).connected, limit, _microseconds(seconds), _microseconds(spacing)]
        await self._connection.run(HOLD([keys.registry, keys.budget(page)], [*args]), tries=2)

    async def hold_app(self, seconds: float, /) -> None:
        """Hold every Page's calls: here at once, on the other replicas within a second."""
        if seconds <= 0:
            return
        self._app_held_until = max(self._app_held_until, self._clock() + seconds)
        await self._connection.run(HOLD_APP([APP_HOLD], [math.ceil(seconds * 1000)]), tries=2)

    async def app_held(self) -> float:
        """Seconds for which all calls are held; 0 where they are not."""
        now = self._clock()
        if now - self._app_looked_at >= APP_SECONDS:
            self._app_looked_at = now
            left = await self._connection.command("PTTL", APP_HOLD)
            if left > 0:
                self._app_held_until = max(self._app_held_until, now + left / 1000)
        return max(0.0, self._app_held_until - now)


def _microseconds(seconds: float) -> int:
    return math.ceil(seconds * 1_000_000)
