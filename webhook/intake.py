"""The story of a delivery on one page: verify, normalize, find the shop, put, tell.

Facebook is answered 200 only when this returns: every message in the body that belongs to a connected Page is stored.
"""

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol, cast

from domain.errors import PageInboxError
from domain.event import Notice, Outcome, Settle, Storable
from domain.ids import PageId, ShopId
from domain.message import Edit, Message, Unsend
from domain.secret import Secret
from ops.metrics import Metrics
from webhook.normalize import Delivery, normalize
from webhook.signature import verify

ROUTES_REMEMBERED: Final = 100_000
"""Pages whose shop is remembered. A route that has become wrong costs a second look, never a message: the store itself
refuses a Page that is not its shop's."""

EVENTS_AT_ONCE: Final = 250
"""Events of one shop that are put together, as many as one script call stores. A larger delivery (Facebook: 1,000 at
most) is put in parts, one after another, and other deliveries are stored between them. A part that is stored stays
stored when a later one fails or the time is over, so that each redelivery finds less to do.
https://developers.facebook.com/docs/graph-api/webhooks/getting-started"""


class Store(Protocol):
    """Where messages are kept."""

    def admit(self) -> None:
        """Raise kind `unavailable` where what comes now would wait too long to be stored."""
        ...

    async def put(self, shop: ShopId, events: Sequence[Storable]) -> list[Outcome]:
        """Store, edit and erase; an outcome per event once all of it is done."""
        ...

    def put_soon(self, shop: ShopId, messages: Sequence[Message], settle: Settle) -> None:
        """The same for messages alone, without waiting: `settle` is told what `put` returns or raises."""
        ...


class Teller(Protocol):
    """Tells viewers of what is not kept."""

    def tell(self, notices: Sequence[Notice], /) -> None:
        """Return at once and raise nothing: Facebook waits for the answer, and nothing that counts depends on it."""
        ...


class Owners(Protocol):
    """Who a Page belongs to."""

    async def owner(self, page: PageId) -> ShopId | None:
        """The shop of a Page, None where nobody has connected it."""
        ...


class Intake:
    """Takes deliveries in."""

    def __init__(
        self,
        store: Store,
        owners: Owners,
        teller: Teller,
        metrics: Metrics,
        *,
        app_secrets: Sequence[Secret],
        routes_remembered: int = ROUTES_REMEMBERED,
    ) -> None:
        self._routes_remembered = routes_remembered
        self._store = store
        self._owners = owners
        self._teller = teller
        self._metrics = metrics
        self._app_secrets = tuple(app_secrets)
        self._routes: dict[PageId, ShopId] = {}

    def read(self, body: bytes, signature: bytes | None) -> Delivery:
        """What a body holds, once it is verified.

        Raises:
            SignatureRefused: it is not from Facebook.
            PageInboxError: kind `unavailable`: it is, but more comes than can be stored.
            PayloadRefused: it is no JSON.
        """
        verify(body, signature, self._app_secrets)
        self._store.admit()
        return normalize(body)

    async def keep(self, delivery: Delivery) -> dict[str, int]:
        """Store all of it; how many events had each outcome.

        Raises:
            PageInboxError: kind `unavailable`: it could not be stored; Facebook will deliver again.
        """
        outcomes: dict[str, int] = {}
        for notice in delivery.notices:
            self._metrics.event(notice.kind, "not_kept")
            outcomes["not_kept"] = outcomes.get("not_kept", 0) + 1
        for skipped in delivery.skipped:
            self._metrics.event("skipped", skipped.reason)
            outcomes["skipped"] = outcomes.get("skipped", 0) + 1
        if delivery.events:
            await self._put(delivery.events, outcomes)
        if delivery.notices:
            # Last: what Facebook delivers again, because something was not stored, is told once.
            self._teller.tell(delivery.notices)
        return outcomes

    def shop_of(self, delivery: Delivery) -> ShopId | None:
        """Whose it is, where it holds messages of one Page and nothing else, and the Page's shop is remembered."""
        if delivery.notices or delivery.skipped or not 0 < len(delivery.events) <= EVENTS_AT_ONCE:
            return None
        page = delivery.events[0].page
        for event in delivery.events:
            if type(event) is not Message or event.page != page:
                return None
        return self._routes.get(page)

    def put_soon(self, shop: ShopId, delivery: Delivery, settle: Settle) -> None:
        """Put such a delivery without waiting.

        Raises:
            PageInboxError: kind `unavailable`: it is not taken, and `settle` is told nothing.
        """
        self._store.put_soon(shop, cast("list[Message]", delivery.events), settle)

    def count(self, delivery: Delivery, found: Sequence[Outcome]) -> dict[str, int]:
        """What such a delivery came to."""
        outcomes: dict[str, int] = {}
        for event, outcome in zip(delivery.events, found, strict=True):
            self._count(event, outcome, outcomes)
        return outcomes

    async def _put(self, events: list[Storable], outcomes: dict[str, int]) -> None:
        """Put what each shop gets; what a shop refused because it has no such Page, look up and put once more.

        All of it, not only the first of each Page: its route may be forgotten already, by this delivery or another.
        """
        refused: list[Storable] = []
        for event, shop, outcome in await self._put_routed(events):
            if outcome == "unknown_page" and shop is not None:
                if self._routes.get(event.page) == shop:
                    del self._routes[event.page]
                refused.append(event)
            else:
                self._count(event, outcome, outcomes)
        if refused:
            for event, _, outcome in await self._put_routed(refused):
                self._count(event, outcome, outcomes)

    async def _put_routed(self, events: list[Storable]) -> list[tuple[Storable, ShopId | None, Outcome]]:
        """Each event with the shop it was put for; None where no shop has its Page."""
        by_shop: dict[ShopId, list[Storable]] = {}
        settled: list[tuple[Storable, ShopId | None, Outcome]] = []
        unknown: set[PageId] = set()
        for event in events:
            shop = self._routes.get(event.page)
            if shop is None and event.page not in unknown:
                shop = await self._find(event.page)
            if shop is None:
                unknown.add(event.page)
                settled.append((event, None, "unknown_page"))
            else:
                by_shop.setdefault(shop, []).append(event)
        if len(by_shop) == 1:
            ((shop, own),) = by_shop.items()
            # keeps: answered after the write
            outcomes = await self._put_in_parts(shop, own)
            settled += [(event, shop, outcome) for event, outcome in zip(own, outcomes, strict=True)]
            return settled
        # All of them are awaited even when one fails: nothing of this delivery is left running behind its answer.
        results = await asyncio.gather(
            *(self._put_in_parts(shop, own) for shop, own in by_shop.items()), return_exceptions=True
        )
        for (shop, own), result in zip(by_shop.items(), results, strict=True):
            if isinstance(result, BaseException):
                raise result
            settled += [(event, shop, outcome) for event, outcome in zip(own, result, strict=True)]
        return settled

    async def _put_in_parts(self, shop: ShopId, events: list[Storable]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for first in range(0, len(events), EVENTS_AT_ONCE):
            outcomes += await self._store.put(shop, events[first : first + EVENTS_AT_ONCE])
        return outcomes

    async def _find(self, page: PageId) -> ShopId | None:
        """Only found Pages are remembered: one that is connected now must not be missed because it was not before."""
        try:
            shop = await self._owners.owner(page)
        except PageInboxError as error:
            self._metrics.store_error(error.reason)
            raise
        if shop is not None:
            if len(self._routes) >= self._routes_remembered:
                self._routes.pop(next(iter(self._routes)))
            self._routes[page] = shop
        return shop

    def _count(self, event: Storable, outcome: Outcome, outcomes: dict[str, int]) -> None:
        self._metrics.event(_kind(event), outcome)
        outcomes[outcome] = outcomes.get(outcome, 0) + 1


def _kind(event: Storable) -> str:
    match event:
        case Message():
            if event.standby:
                return "standby"
            return "echo" if event.direction == "out" else event.kind
        case Edit():
            return "edit"
        case Unsend():
            return "unsend"
