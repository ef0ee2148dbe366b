"""Stores events of Pages. Finds the route of each Page (its shop and the shop's secret), and stores the events with
this route.

`put` returns when its events are stored. Only then the service answers Facebook with 200. When the queue is full, or
Redis is lost, slow or full, `put` raises and Facebook delivers again. The message id prevents duplicates.

Routes are remembered. A wrong route causes a second lookup, but loses no message: the scripts store nothing if the Page
is not the shop's, or if the secret is not the shop's.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import count, starmap
from typing import Final

from cache.errors import Unavailable, contended
from cache.keys import shop_keys
from cache.messages.batch import Batches
from cache.messages.changes import Changes
from cache.messages.queue import CALL_MESSAGES, Row, row_of
from cache.registry.routes import PageRoute, Routes
from domain.event import Outcome, Settle, Storable
from domain.ids import PageId, ShopId
from domain.message import Message
from ops.metrics import Metrics

ROUTES_REMEMBERED: Final = 100_000
"""Largest number of Pages whose route one process remembers. Each takes 300 bytes. Every other Page needs a lookup."""
ROUTES_SECONDS: Final = 86_400.0
"""Time after which all routes are looked up again. If another key has sealed the shop's secret, the lookup seals it
with the first of SEAL_KEYS."""
EVENTS_AT_ONCE: Final = CALL_MESSAGES
"""Largest number of events of one shop that are stored together. A larger delivery (Facebook sends at most 1,000
events) is stored in parts, one after another. Other deliveries are stored between the parts. If a later part fails or
the time ends, the stored parts stay stored. So a redelivery has less to store.
https://developers.facebook.com/docs/graph-api/webhooks/getting-started"""

_Find = Callable[[PageId], Awaitable[PageRoute | None]]


class Writer:
    """Stores events of Pages. `ttl` is in seconds; `new_nonce` returns four new bytes at each call; `clock` is
    monotonic, in seconds.
    """

    def __init__(
        self,
        batches: Batches,
        changes: Changes,
        routes: Routes,
        metrics: Metrics,
        *,
        ttl: int,
        new_nonce: Callable[[], bytes],
        clock: Callable[[], float],
        routes_remembered: int = ROUTES_REMEMBERED,
    ) -> None:
        self._batches = batches
        self._changes = changes
        self._routes = routes
        self._metrics = metrics
        self._ttl = ttl
        self._new_nonce = new_nonce
        self._clock = clock
        self._routes_remembered = routes_remembered
        self._remembered: dict[PageId, PageRoute] = {}
        self._forget_at = clock() + ROUTES_SECONDS

    def admit(self) -> None:
        """Raise Unavailable if no event can be stored now. Called before a body is parsed, and before `put_soon`."""
        self._batches.admit()

    async def accepting(self) -> bool:
        """Returns whether the queue has room and is not closing."""
        return await self._batches.accepting()

    async def close(self) -> None:
        """Refuse new events from now on, and finish storing the accepted messages."""
        await self._batches.close()

    def put_soon(self, events: Sequence[Storable], settle: Settle) -> bool:
        """Store messages of one Page without waiting. The caller has called `admit`. Later `settle` is called once,
        with their outcomes or an error. The outcome is `unknown_page` also if the remembered route is out of date.

        Returns False if only `put` can store these events: the route is not remembered, there are too many events, or
        not all are messages of one Page.

        Raises:
            Unavailable: the messages are not accepted; `settle` gets nothing.
        """
        if not 0 < len(events) <= EVENTS_AT_ONCE:
            return False
        page = events[0].page
        messages = [event for event in events if isinstance(event, Message) and event.page == page]
        route = self._known(page)
        if route is None or len(messages) < len(events):
            return False
        self._batches.add(route, self._rows(route.shop, messages), settle)
        return True

    async def put(self, events: Sequence[Storable]) -> list[Outcome]:
        """Store, edit and erase. Returns an outcome per event, in order.

        Raises:
            Unavailable: it is unknown whether all events are stored. It is safe to put the same events again.
        """
        return await self._put(events, self._route, from_sent=False)

    async def put_fetched(self, shop: ShopId, messages: Sequence[Message], /) -> list[Outcome]:
        """Store messages that were fetched from Facebook for a shop. A message's life begins at its `sent_at`.
        If another shop has the Page now, the outcome is `unknown_page`.

        Raises:
            Unavailable: it is unknown whether all messages are stored. It is safe to put the same messages again.
        """
        return await self._put(messages, partial(self._routes.find_in, shop), from_sent=True)

    async def _put(self, events: Sequence[Storable], find: _Find, *, from_sent: bool) -> list[Outcome]:
        outcomes = await self._put_once(events, find, from_sent=from_sent)
        stale = [at for at, outcome in enumerate(outcomes) if outcome is None]
        if stale:
            again = await self._put_once([events[at] for at in stale], find, from_sent=from_sent)
            for at, outcome in zip(stale, again, strict=True):
                outcomes[at] = outcome
        known = [outcome for outcome in outcomes if outcome is not None]
        if len(known) < len(events):
            error = contended()
            self._metrics.store_error(error.reason)
            raise error
        return known

    async def _put_once(self, events: Sequence[Storable], find: _Find, *, from_sent: bool) -> list[Outcome | None]:
        """Returns the outcomes. If a route was outdated, it is forgotten, and the outcome of its event is None.

        If the lookup of a Page fails, for example because its shop's key is missing, the events of other Pages are
        still stored.
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
                found = await self._put_part(route, [events[at] for at in part], from_sent=from_sent)
                for at, outcome in zip(part, found, strict=True):
                    outcomes[at] = outcome
                    if outcome == "unknown_page":
                        outcomes[at] = None
                        if self._remembered.get(events[at].page) == route:
                            del self._remembered[events[at].page]

        # All parts are awaited even if one fails, so nothing of this delivery still runs after its answer.
        for failure in await asyncio.gather(*starmap(put_by, by_route.items()), return_exceptions=True):
            if failure is not None:
                raise failure
        # A Page that could not be looked up is not an unknown Page: the delivery is refused, and comes again.
        if failed is not None:
            raise failed
        return outcomes

    async def _put_part(self, route: PageRoute, events: Sequence[Storable], *, from_sent: bool) -> list[Outcome]:
        """Returns an outcome per event. The outcome is `unknown_page` also if the shop has another secret."""
        self.admit()
        messages = [event for event in events if isinstance(event, Message)]
        rows = self._rows(route.shop, messages, from_sent=from_sent)
        stored: list[Outcome] = await self._stored(route, rows) if rows else []
        if len(messages) == len(events):
            return stored
        changed = await self._changes.make(route, [event for event in events if not isinstance(event, Message)])
        stored_next, changed_next = iter(stored), iter(changed)
        return [next(stored_next) if isinstance(event, Message) else next(changed_next) for event in events]

    def _stored(self, route: PageRoute, rows: list[Row]) -> "asyncio.Future[list[Outcome]]":
        done: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()

        def settle(result: list[Outcome] | Exception) -> None:
            if done.done():  # the caller was cancelled
                return
            if isinstance(result, Exception):
                done.set_exception(result)
            else:
                done.set_result(result)

        self._batches.add(route, rows, settle)
        return done

    def _rows(self, shop: ShopId, messages: Sequence[Message], *, from_sent: bool = False) -> list[Row]:
        keys, rows = shop_keys(shop), []
        for message in messages:
            rows.append(row_of(keys, message, self._new_nonce(), self._ttl, from_sent=from_sent))  # noqa: PERF401 - a call
        return rows

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


def nonces(first: int) -> Callable[[], bytes]:
    """Returns a function that returns four new bytes at each call. `first` is a random number for this process."""
    numbers = count(first)
    return lambda: (next(numbers) & 0xFFFFFFFF).to_bytes(4)
