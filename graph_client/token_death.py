"""A token that Facebook refuses for good is noted once, for all replicas; no call uses it again."""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import structlog

from domain.ids import PageId, ShopId
from domain.shop import Credentials, PageState, PageStatus
from graph_client.errors import TokenDead
from graph_client.schedule import DAY

log = structlog.get_logger()


class States(Protocol):
    """Where the state of a token is kept."""

    async def note_state(self, shop: ShopId, page: PageId, seal: bytes, state: PageState, /) -> bool:
        """Write it down, unless the Page has another token by now; whether it was."""
        ...


class Watchlist(Protocol):
    """Which Page is looked at when."""

    async def watch(self, page: PageId, due_ms: int, status: PageStatus, /) -> None:
        """Look at it then; count it as this until then."""
        ...


class TokenDeath:
    """Called with a token that has just died. `now` is Unix milliseconds."""

    def __init__(self, states: States, watched: Watchlist, *, now: Callable[[], int]) -> None:
        self._states = states
        self._watched = watched
        self._now = now

    async def __call__(self, shop: ShopId, page: PageId, credentials: Credentials, error: TokenDead) -> None:
        """Mark the Page `reconnect`. A token that has been replaced meanwhile is none of its business."""
        state = replace(
            credentials.state,
            checked_at=self._now(),
            token_alive=False,
            reason=error.token_reason,
            subscribed_fields=(),
        )
        if await self._states.note_state(shop, page, credentials.seal, state):
            await self._watched.watch(page, self._now() + DAY, "reconnect")
            log.warning("token_dead", shop=shop, page=page, token_reason=error.token_reason, trace=error.trace)
