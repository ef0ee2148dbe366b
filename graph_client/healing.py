"""Starts healing on request of a shop, and reads its progress."""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from domain.heal import Heal
from domain.ids import PageId, ShopId
from domain.shop import Credentials, Page, PageState, PageStatus
from graph_client.errors import TokenDead
from graph_client.schedule import KEPT


class Registry(Protocol):
    """The Pages and their tokens. Every method raises kind unavailable if the store is unavailable."""

    async def page(self, shop: ShopId, page: PageId, /) -> Page:
        """Returns the Page's state. Raises kind not_found."""
        ...

    async def credentials(self, shop: ShopId, page: PageId, /) -> Credentials | None:
        """Returns the token, decrypted. Raises kind not_found, or conflict if it cannot be decrypted any more."""
        ...

    async def note_state(self, shop: ShopId, page: PageId, seal: bytes, state: PageState, /) -> bool:
        """Write the state, unless the Page has another token by now."""
        ...


class Watchlist(Protocol):
    """The times at which Pages are checked."""

    async def watch(self, page: PageId, due_ms: int, status: PageStatus, /) -> None:
        """Check the Page at this time. Raises kind unavailable if the store is unavailable."""
        ...


class Heals(Protocol):
    """The records of the Pages' healing."""

    async def read(self, shop: ShopId, page: PageId, /) -> Heal | None:
        """Returns the last run and the refused conversations, or None if there are none. Raises kind unavailable."""
        ...


class Healing:
    """Requests healing and reads its progress. `now` returns Unix milliseconds. The watch (watch.py) of a running
    service does the healing.
    """

    def __init__(self, registry: Registry, watched: Watchlist, records: Heals, *, now: Callable[[], int]) -> None:
        self._registry = registry
        self._watched = watched
        self._records = records
        self._now = now

    async def request(self, shop: ShopId, page: PageId) -> Page:
        """Have the last five days fetched, and return the Page's state afterwards. If such a run is in progress,
        nothing changes.

        Raises:
            TokenDead: the Page has no token, or a dead one.
            PageInboxError: kind not_found if the Page is not the shop's; unavailable if the store is unavailable.
        """
        credentials = await self._registry.credentials(shop, page)
        if credentials is None:
            raise TokenDead("no_token")
        state = credentials.state
        if not state.token_alive:
            raise TokenDead(state.reason)
        since = self._now() - KEPT
        heal = await self._records.read(shop, page)
        covered = heal is not None and heal.status == "running" and heal.since <= since
        if not covered:
            wanted = since if state.heal_since is None else min(since, state.heal_since)
            await self._registry.note_state(shop, page, credentials.seal, replace(state, heal_since=wanted))
            status = (await self._registry.page(shop, page)).status
            await self._watched.watch(page, self._now(), status)
        return await self._registry.page(shop, page)

    async def progress(self, shop: ShopId, page: PageId) -> Heal | None:
        """Returns the last run's progress, and the conversations that Facebook refuses. Raises kind unavailable."""
        return await self._records.read(shop, page)
