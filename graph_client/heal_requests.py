"""A shop's requests for healing, and the progress that it reads."""

from collections.abc import Callable
from dataclasses import replace

from domain.heal import Heal
from domain.ids import PageId, ShopId
from domain.shop import Page
from graph_client.errors import TokenDead
from graph_client.schedule import KEPT
from graph_client.store import Heals, Registry, Watchlist


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
