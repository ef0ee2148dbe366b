"""What is done when Redis has come back with older data: purges are done again, lost messages are fetched again, and
Pages for which that is impossible are named. At the start of a process with a journal, purges are done again too.
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
"""Pages without a token that the log names after one loss; the others are counted."""

log = structlog.get_logger()


class CatchUp:
    """Brings older data up to date. `now` is Unix milliseconds; the others are on a connection without a guard, and
    without a journal of purges `replay` is None.
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
        """Do the purges of the journal again, then make every Page with a token due, to be healed from that moment on.

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
            self._naming = asyncio.create_task(self._name_pages())  # it looks at every key: not before the next reply

    def _note(self, replayed: int) -> None:
        if replayed:
            self._metrics.purges_replayed(self._now() / 1000)

    async def _name_pages(self) -> None:
        """Only a token lets the service ask Facebook for what was lost."""
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
        """Stop what was begun beside the calls."""
        if self._naming is not None:
            self._naming.cancel()
            await asyncio.gather(self._naming, return_exceptions=True)
