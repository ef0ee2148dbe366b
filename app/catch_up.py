"""Repairs the data when Redis has restarted with older data. It repeats purges, fetches lost messages again, and logs
the Pages whose messages it cannot fetch. With a purge journal, it also repeats purges at the start of each process.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from cache.graph.watchlist import Watchlist
from cache.purging.replay import PurgeReplay
from cache.registry.registry import Registry
from cache.server.went_back import WentBack
from domain.errors import PageInboxError
from graph_client.heartbeat import SPREAD
from ops.metrics import Metrics

NAMED_PAGES: Final = 100
"""The log names at most this number of Pages without a token after one loss. Of more Pages, it has only the number."""

log = structlog.get_logger()


class CatchUp:
    """Brings older data up to date. `now` returns Unix milliseconds. `replay` is None if there is no purge journal.
    `replay`, `watchlist` and `shops` use a connection without the guard, which delays all other calls meanwhile.
    """

    def __init__(
        self,
        replay: PurgeReplay | None,
        watchlist: Watchlist,
        shops: Registry,
        metrics: Metrics,
        *,
        now: Callable[[], int],
    ) -> None:
        self._replay = replay
        self._metrics = metrics
        self._watchlist = watchlist
        self._shops = shops
        self._now = now
        self._naming: asyncio.Task[None] | None = None

    async def __call__(self, went_back: WentBack | None) -> None:
        """Repeat the purges of the journal. Then request a healing of every Page with a token, from `went_back` on.

        Raises:
            Unavailable: Redis does not answer, or the journal cannot be read.
        """
        if self._replay is not None:
            # keeps: a purge is done again
            self._note(await self._replay.run())
        if went_back is None:
            return
        # keeps: what Redis lost is fetched again
        await self._watchlist.lost_since(went_back.since, self._now(), SPREAD)
        if self._naming is None or self._naming.done():
            self._naming = asyncio.create_task(self._name_pages())  # slow: it reads every key

    def _note(self, replayed: int) -> None:
        if replayed:
            self._metrics.purges_replayed(self._now() / 1000)

    async def _name_pages(self) -> None:
        """Log the Pages without a token, because the service cannot fetch their lost messages from Facebook."""
        named = beyond = 0
        try:
            for shop in await self._shops.shop_ids():
                for page in (await self._shops.shop(shop)).pages:
                    if page.state is not None and page.state.token_alive:
                        continue
                    if named < NAMED_PAGES:
                        named += 1
                        log.warning("page_not_healed", shop=shop, page=page.id)
                    else:
                        beyond += 1
        except PageInboxError as error:
            log.warning("pages_not_named", reason=error.reason)
        if beyond:
            log.warning("pages_not_healed", events=beyond)

    async def close(self) -> None:
        """Stop the task that names Pages."""
        if self._naming is not None:
            self._naming.cancel()
            await asyncio.gather(self._naming, return_exceptions=True)
