"""Healing as a shop sees it: asked for on demand, and how far it is."""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from domain.heal import Heal
from domain.ids import PageId, ShopId
from domain.shop import Credentials, Page, PageState, PageStatus
from graph_client.errors import TokenDead
from graph_client.schedule import KEPT


class Registry(Protocol):
    """Knows Pages and their tokens. Every method raises kind unavailable when the store is."""

    async def page(self, shop: ShopId, page: PageId, /) -> Page:
        """Its state. Raises kind not_found."""
        ...

    async def credentials(self, shop: ShopId, page: PageId, /) -> Credentials | None:
        """The token, opened. Raises kind not_found, or conflict where it cannot be opened any more."""
        ...

    async def note_state(self, shop: ShopId, page: PageId, seal: bytes, state: PageState, /) -> bool:
        """Write the state down, unless the Page has another token by now."""
        ...


class Watchlist(Protocol):
    """Which Page is checked when."""

    async def watch(self, page: PageId, due_ms: int, status: PageStatus, /) -> None:
        """Check it then. Raises kind unavailable when the store is."""
        ...


class Heals(Protocol):
    """Where a Page's healing is written down."""

    async def read(self, shop: ShopId, page: PageId, /) -> Heal | None:
        """The last run and the refused conversations; None where there are none. Raises kind unavailable."""
        ...


class Healing:
    """Asks for it, and reads it. `now` is Unix milliseconds. The watch (watch.py) of a running service does it."""

    def __init__(self, registry: Registry, watched: Watchlist, records: Heals, *, now: Callable[[], int]) -> None:
        self._registry = registry
        self._watched = watched
        self._records = records
        self._now = now

    async def request(self, shop: ShopId, page: PageId) -> Page:
        """Have the last five days fetched; the Page's state afterwards. Where that is under way, nothing changes.

        Raises:
            TokenDead: the Page has no token, or a dead one.
            PageInboxError: kind not_found for a Page that is not the shop's; unavailable where the store is.
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
        """How far the last run is, and which conversations Facebook refuses. Raises kind unavailable."""
        return await self._records.read(shop, page)
