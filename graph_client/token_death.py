"""Marks a token as dead for all replicas when Facebook refuses it permanently. No call uses the token again."""

from collections.abc import Callable
from dataclasses import replace

import structlog

from domain.ids import PageId, ShopId
from domain.shop import Credentials
from graph_client.errors import TokenDead
from graph_client.schedule import DAY
from graph_client.store import Registry, Watchlist

log = structlog.get_logger()


class TokenDeath:
    """Called with a token that Facebook has just refused permanently. `now` is Unix milliseconds."""

    def __init__(self, registry: Registry, watched: Watchlist, *, now: Callable[[], int]) -> None:
        self._registry = registry
        self._watched = watched
        self._now = now

    async def __call__(self, shop: ShopId, page: PageId, credentials: Credentials, error: TokenDead) -> None:
        """Mark the Page `reconnect`. If the token has been replaced meanwhile, nothing changes."""
        state = replace(
            credentials.state,
            checked_at=self._now(),
            token_alive=False,
            reason=error.token_reason,
            subscribed_fields=(),
        )
        if await self._registry.note_state(shop, page, credentials.seal, state):
            await self._watched.watch(page, self._now() + DAY, "reconnect")
            log.warning("token_dead", shop=shop, page=page, token_reason=error.token_reason, trace=error.trace)
