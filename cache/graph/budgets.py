"""Rate limits of Graph calls, shared by all replicas. A hold stops calls for a time. A pace keeps a time between two
calls.

Before each call, one script reads the Page's token and holds, and reserves the time of the call. The script uses the
server's clock, so all replicas together keep the pace. The hold of the whole app may be on another node of a cluster,
so the script cannot read this hold. Each replica reads it once a second. So a replica may still call for a second after
another replica has set this hold.
"""

import math
from collections.abc import Callable
from typing import Final

from cache.keys import APP_HOLD, shop_keys
from cache.registry import page_fields
from cache.registry.registry import page_not_found
from cache.scripts import ENTER, HOLD, HOLD_APP
from cache.sealing import Sealer
from cache.server.connection import Connection
from domain.graph import CallSlot, Limit
from domain.ids import PageId, ShopId

APP_SECONDS: Final = 1.0
"""Time between two reads of the app's hold."""

TAKE_NO_PLACE: Final = -1
"""This value as the longest wait means: reserve no place."""


class Budgets:
    """Holds and paces of Graph calls. `clock` is monotonic, in seconds. Methods raise `Unavailable` when Redis is
    unavailable."""

    def __init__(self, connection: Connection, sealer: Sealer, *, clock: Callable[[], float]) -> None:
        self._connection = connection
        self._sealer = sealer
        self._clock = clock
        self._app_held_until = self._app_looked_at = -math.inf

    async def enter(self, shop: ShopId, page: PageId, limit: Limit, /, *, spacing: float, patience: float) -> CallSlot:
        """Reserve the time of the Page's next call in a budget: `spacing` seconds after the last call, or later if
        Facebook asked for a slower pace. If the call would wait more than `patience` seconds, nothing is reserved, and
        `held` of the result is this wait.

        Raises:
            NotFound: the Page is not this shop's.
            SealBroken: its token cannot be decrypted any more.
        """
        app_held = await self.app_held()
        keys = shop_keys(shop)
        connected, token, state, *_ = page_fields.names(page)
        longest = TAKE_NO_PLACE if app_held else _microseconds(patience)
        call = ENTER(
            [keys.registry, keys.budget(page)], [connected, token, state, limit, _microseconds(spacing), longest]
        )
        # The call is not repeated: if the answer was lost, a repeat would reserve a second place.
        reply = await self._connection.run(call)
        if not reply:
            raise page_not_found()
        held, wait, sealed, known = reply
        credentials = page_fields.credentials_of(self._sealer, shop, page, sealed or None, known)
        return CallSlot(credentials, max(app_held, held / 1_000_000), wait / 1_000_000)

    async def hold(self, shop: ShopId, page: PageId, limit: Limit, seconds: float, /) -> None:
        """Hold the Page's calls of one budget. If there are two holds, the longer one counts. A disconnected Page gets
        no hold."""
        await self._hold(shop, page, limit, seconds, 0)

    async def slow(self, shop: ShopId, page: PageId, limit: Limit, spacing: float, seconds: float, /) -> None:
        """Keep the Page's calls of one budget `spacing` seconds apart, for `seconds`. This replaces an earlier
        spacing."""
        # For the script 0 means a hold, so the shortest spacing is a microsecond, which delays nothing.
        await self._hold(shop, page, limit, seconds, max(spacing, 0.000001))

    async def _hold(self, shop: ShopId, page: PageId, limit: Limit, seconds: float, spacing: float) -> None:
        keys = shop_keys(shop)
        args = [page_fields.names(page).connected, limit, _microseconds(seconds), _microseconds(spacing)]
        await self._connection.run(HOLD([keys.registry, keys.budget(page)], [*args]), tries=2)

    async def hold_app(self, seconds: float, /) -> None:
        """Hold the calls of all Pages: at once in this process, within a second on other replicas."""
        if seconds <= 0:
            return
        self._app_held_until = max(self._app_held_until, self._clock() + seconds)
        await self._connection.run(HOLD_APP([APP_HOLD], [math.ceil(seconds * 1000)]), tries=2)

    async def app_held(self) -> float:
        """Returns the seconds for which all calls are held; 0 if they are not held."""
        now = self._clock()
        if now - self._app_looked_at >= APP_SECONDS:
            self._app_looked_at = now
            left = await self._connection.command("PTTL", APP_HOLD)
            if left > 0:
                self._app_held_until = max(self._app_held_until, now + left / 1000)
        return max(0.0, self._app_held_until - now)


def _microseconds(seconds: float) -> int:
    return math.ceil(seconds * 1_000_000)
