"""Stores events of Pages: finds the route of each Page (its shop and the shop's secret), and stores with this route.

Routes are remembered. A wrong route causes a second lookup, but loses no message: the scripts store nothing if the Page
is not the shop's, or if the secret is not the shop's.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import starmap
from typing import Any, Final

from cache.errors import Unavailable, contended
from cache.messages.writer import Writer
from cache.registry.routes import PageRoute, Routes
from domain.event import Outcome, Settle, Storable
from domain.ids import PageId, ShopId
from domain.message import Message
from ops.metrics import Metrics

ROUTES_REMEMBERED: Final = 100_000
"""Pages whose route one process remembers: 300 bytes each. Every other Page needs a lookup."""
ROUTES_SECONDS: Final = 86_400.0
"""Time after which all routes are looked up again. A lookup seals the shop's secret with the first of SEAL_KEYS."""
EVENTS_AT_ONCE: Final = 250
"""Events of one shop that are put together: as many as one script call stores. A larger delivery (Facebook sends at
most 1,000 events) is put in parts, one after another, and other deliveries are stored between the parts. If a later
part fails or the time ends, the stored parts stay stored. So each redelivery has less to do.
https://developers.facebook.com/docs/graph-api/webhooks/getting-started"""

_Find = Callable[[PageId], Awaitable[PageRoute | None]]
_Put = Callable[[PageRoute, Sequence[Any]], Awaitable[list[Outcome]]]


class PageWriter:
    """Stores events of Pages. `clock` is monotonic, in seconds."""

    def __init__(
        self,
        writer: Writer,
        routes: Routes,
        metrics: Metrics,
        *,
        clock: Callable[[], float],
        routes_remembered: int = ROUTES_REMEMBERED,
    ) -> None:
        self._routes_remembered = routes_remembered
        self._writer = writer
        self._routes = routes
        self._metrics = metrics
        self._clock = clock
        self._remembered: dict[PageId, PageRoute] = {}
        self._forget_at = clock() + ROUTES_SECONDS
        self.admit = writer.admit

    def put_soon(self, events: Sequence[Storable], settle: Settle) -> bool:
        """Store messages of one Page without waiting. Later `settle` gets once what `Writer.put` returns or raises.

        Returns False if only `put` can store these events: the route is not remembered, there are too many events, or
        not all are messages of one Page.

        Raises:
            Unavailable: the messages are not accepted; `settle` gets nothing.
        """
        if not 0 < len(events) <= EVENTS_AT_ONCE:
            return False
        page = events[0].page
        messages = [event for event in events if isinstance(event, Message) and event.page == page]
        if len(messages) < len(events):
            return False
        route = self._known(page)
        if route is None:
            return False
        self._writer.put_soon(route, messages, settle)
        return True

    async def put(self, events: Sequence[Storable]) -> list[Outcome]:
        """Store, edit and erase. Returns an outcome per event, in order.

        Raises:
            Unavailable: some events may not be stored. It is safe to put the same events again.
        """
        return await self._put(events, self._route, self._writer.put)

    async def put_fetched(self, shop: ShopId, messages: Sequence[Message], /) -> list[Outcome]:
        """Do the same for messages that were fetched from Facebook for a shop. A message's life begins at its
        `sent_at`. If another shop has the Page now, the outcome is `unknown_page`.

        Raises:
            Unavailable: some messages may not be stored. It is safe to put the same messages again.
        """
        return await self._put(messages, partial(self._routes.find_in, shop), self._writer.put_fetched)

    async def _put(self, events: Sequence[Storable], find: _Find, put: _Put) -> list[Outcome]:
        outcomes = await self._put_once(events, find, put)
        stale = [at for at, outcome in enumerate(outcomes) if outcome is None]
        if stale:
            again = await self._put_once([events[at] for at in stale], find, put)
            for at, outcome in zip(stale, again, strict=True):
                outcomes[at] = outcome
        known = [outcome for outcome in outcomes if outcome is not None]
        if len(known) < len(events):
            error = contended()
            self._metrics.store_error(error.reason)
            raise error
        return known

    async def _put_once(self, events: Sequence[Storable], find: _Find, put: _Put) -> list[Outcome | None]:
        """Returns the outcomes. If a route was outdated, it is forgotten, and the outcome of its event is None.

        A Page whose lookup fails, for example because its shop's key is missing, keeps no other Page from being stored.
        """
        failed: Unavailable | None = None
        routes: dict[PageId, PageRoute | None] = {}
        by_route: dict[PageRoute, list[int]] = {}
        for at, event in enumerate(events):
            if event.page not in routes:
                try:
                    routes[event.page] = await find(event.page)
                except Unavailable as error:
                    self._metrics.store_error(error.reason)
                    routes[event.page], failed = None, failed or error
            route = routes[event.page]
            if route is not None:
                by_route.setdefault(route, []).append(at)
        outcomes: list[Outcome | None] = ["unknown_page"] * len(events)

        async def put_by(route: PageRoute, places: list[int]) -> None:
            for first in range(0, len(places), EVENTS_AT_ONCE):
                part = places[first : first + EVENTS_AT_ONCE]
                for at, outcome in zip(part, await put(route, [events[at] for at in part]), strict=True):
                    outcomes[at] = outcome
                    if outcome == "unknown_page":
                        outcomes[at] = None
                        if self._remembered.get(events[at].page) == route:
                            del self._remembered[events[at].page]

        # All are awaited even if one fails, so nothing of this delivery still runs after its answer.
        for failure in await asyncio.gather(*starmap(put_by, by_route.items()), return_exceptions=True):
            if failure is not None:
                raise failure
        # A Page that could not be looked up is not an unknown Page: the delivery is refused, and comes again.
        if failed is not None:
            raise failed
        return outcomes

    def _known(self, page: PageId) -> PageRoute | None:
        now = self._clock()
        if now >= self._forget_at:
            self._remembered.clear()
            self._forget_at = now + ROUTES_SECONDS
        return self._remembered.get(page)

    async def _route(self, page: PageId) -> PageRoute | None:
        """Returns a Page's route. Only found routes are remembered, so a Page that a shop connects later is found."""
        route = self._known(page)
        if route is None:
            route = await self._routes.find(page)
            if route is not None:
                if len(self._remembered) >= self._routes_remembered:
                    del self._remembered[next(iter(self._remembered))]
                self._remembered[page] = route
        return route
