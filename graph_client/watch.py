"""Pages watched: tokens and subscriptions checked, a lost one restored, what was missed meanwhile fetched.

Facebook ends a Page's subscription after an hour of failed deliveries and gives no sign of it, nor ever delivers again
what it gave up (developers.facebook.com/docs/messenger-platform/webhooks). So every Page with a token is looked at
daily, when it falls silent, and after every time in which nobody here took deliveries in. Each replica takes the Pages
that are due; a lease keeps the others off, and runs out should it die.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, Protocol

import structlog

from domain.errors import PageInboxError
from domain.ids import PageId, ShopId
from domain.secret import Secret
from domain.shop import Credentials, Page, PageState, PageStatus
from domain.watch import WITHIN, Outage, Within
from graph_client.account import TokenDied
from graph_client.errors import TokenDead
from graph_client.fields import NEEDED_FIELDS, missing
from graph_client.heal import StillOurs
from graph_client.pages import Subscription
from graph_client.schedule import DAY, fields_untried, missed_since, next_look
from graph_client.token_facts import TokenFacts
from ops.metrics import Metrics

TICK_SECONDS: Final = 5.0
"""Between two looks at what is due; also how often each replica says that it is there."""

OUTAGE: Final = 30_000
"""Milliseconds without any replica, or without the store, after which deliveries may have been lost: Facebook delivers
again at once and a few more times, nobody promises for how long."""

SPREAD: Final = 60_000
"""Milliseconds over which all Pages are looked at after an outage: not all at once."""

LEASE: Final = 120_000
"""Milliseconds for which a Page is one replica's; renewed before each call of a heal."""

AGAIN: Final = 300_000
"""Milliseconds after which a look is made again that failed."""

PAGES_AT_ONCE: Final = 8
"""Taken in one go and looked at one after the other; other replicas take the next."""

log = structlog.get_logger()


class Watchlist(Protocol):
    """Which Page is due, across replicas. Milliseconds. Every method raises kind unavailable when the store is."""

    async def take(self, now_ms: int, lease_ms: int, count: int, /) -> list[PageId]:
        """Pages that are due, for nobody else until the lease is over."""
        ...

    async def renew(self, page: PageId, until_ms: int, /) -> None:
        """A longer lease."""
        ...

    async def watch(self, page: PageId, due_ms: int, status: PageStatus, /) -> None:
        """Look at it then; count it as this until then."""
        ...

    async def forget(self, page: PageId, /) -> None:
        """Look no more."""
        ...

    async def counts(self) -> dict[PageStatus, int]:
        """Watched Pages by status."""
        ...

    async def note_expiry(self, page: PageId, expires_ms: int | None, /) -> None:
        """Count the Page's token among those that end then; None for a token without an end."""
        ...

    async def expiring(self, now_ms: int, /) -> dict[Within, int]:
        """How many Pages have a token that ends within a day, and within 14 days."""
        ...

    async def beat(self, now_ms: int, longest_ms: int, spread_ms: int, /) -> Outage | None:
        """Say that somebody is there; the outage that ended with it, told to one replica only, and every Page due."""
        ...

    async def outage(self) -> Outage | None:
        """The last one."""
        ...


class Registry(Protocol):
    """Knows Pages and keeps their tokens sealed."""

    async def owner(self, page: PageId, /) -> ShopId | None:
        """The shop of a Page."""
        ...

    async def page(self, shop: ShopId, page: PageId, /) -> Page:
        """Its state. Raises kind not_found."""
        ...

    async def credentials(self, shop: ShopId, page: PageId, /) -> Credentials | None:
        """The token, opened. Raises kind not_found, or conflict where it cannot be opened any more."""
        ...

    async def note_state(self, shop: ShopId, page: PageId, seal: bytes, state: PageState, /) -> bool:
        """Write down what a look found, unless the Page has another token by now."""
        ...

    async def reseal(self, shop: ShopId, page: PageId, credentials: Credentials, /) -> bool:
        """Seal the token with the newest key where it is not yet; whether it was done."""
        ...


class Looker(Protocol):
    """Asks Facebook about a Page. Every method raises GraphError when Facebook refuses or is not there."""

    async def inspect(self, token: Secret, page: PageId, /) -> TokenFacts:
        """What the token may not do, and who granted it. Raises TokenDead."""
        ...

    async def subscribed_fields(self, shop: ShopId, page: PageId, /) -> tuple[str, ...]:
        """The fields that are delivered now."""
        ...

    async def subscribe(self, shop: ShopId, page: PageId, delivered: tuple[str, ...], /) -> Subscription:
        """Have the Page's webhooks delivered; `delivered` are the fields that are delivered now."""
        ...


class Grants(Protocol):
    """Remembers which person granted a Page's token."""

    async def still_granted(self, page: PageId, person: str, at_ms: int, /) -> None:
        """The token is this person's, since now or since when it is known to be."""
        ...


class Healer(Protocol):
    """Fetches what was missed."""

    async def heal(self, shop: ShopId, page: PageId, since: int, still_ours: StillOurs, /) -> int:
        """Put every message since then; how many were new."""
        ...


class Watch:
    """Watches. `now` is Unix milliseconds."""

    def __init__(
        self,
        watchlist: Watchlist,
        registry: Registry,
        looker: Looker,
        healer: Healer,
        grants: Grants,
        metrics: Metrics,
        *,
        token_died: TokenDied,
        now: Callable[[], int],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._watchlist = watchlist
        self._registry = registry
        self._looker = looker
        self._healer = healer
        self._grants = grants
        self._metrics = metrics
        self._token_died = token_died
        self._now = now
        self._sleep = sleep
        for within in WITHIN:
            metrics.pages_token_expiring(within, 0)

    async def run(self) -> None:
        """Look at what is due, until cancelled."""
        while True:
            try:
                while await self.look_at_some():
                    pass
            except PageInboxError as error:
                log.warning("watch_interrupted", reason=error.reason)
            await self._sleep(TICK_SECONDS)

    async def run_heartbeat(self) -> None:
        """Say that we are there, until cancelled; beside `run`, which a long heal keeps busy."""
        while True:
            try:
                await self.beat()
            except PageInboxError as error:
                log.warning("heartbeat_failed", reason=error.reason)
            await self._sleep(TICK_SECONDS)

    async def beat(self) -> None:
        """Say that we are there; after an outage, have every Page looked at."""
        outage = await self._watchlist.beat(self._now(), OUTAGE, SPREAD)
        if outage is not None:
            log.warning("outage_ended", wait_seconds=(outage.ended - outage.began) // 1000)
        for status, count in (await self._watchlist.counts()).items():
            self._metrics.pages(status, count)
        for within, count in (await self._watchlist.expiring(self._now())).items():
            self._metrics.pages_token_expiring(within, count)

    async def look_at_some(self) -> int:
        """Look at the Pages that are due; how many there were."""
        due = await self._watchlist.take(self._now(), LEASE, PAGES_AT_ONCE)
        for page in due:
            await self._watchlist.renew(page, self._now() + LEASE)
            try:
                shop = await self._registry.owner(page)
                if shop is None:
                    await self._watchlist.forget(page)
                else:
                    await self._look(shop, page)
            except PageInboxError as error:
                log.info("look_failed", page=page, reason=error.reason, kind=error.kind)
                if error.kind == "not_found":
                    await self._watchlist.forget(page)
                elif error.reason == "reconnect_page":
                    # Dead, or sealed by a key that is gone: only a new token mends it, and until then it is counted so.
                    await self._watchlist.watch(page, self._now() + DAY, "reconnect")
                else:
                    await self._watchlist.renew(page, self._now() + max(AGAIN, (error.retry_after or 0) * 1000))
        return len(due)

    async def _look(self, shop: ShopId, id_: PageId) -> None:
        """One Page: nothing but a glance at the store when its time has not come, which is most of the time."""
        page = await self._registry.page(shop, id_)
        if page.state is None:
            await self._watchlist.forget(id_)
            return
        if not page.state.token_alive:
            await self._watchlist.watch(id_, self._now() + DAY, "reconnect")
            return
        outage = await self._watchlist.outage()
        due = next_look(page, page.state, outage)
        if due > self._now() and page.state.heal_since is None and page.status == "connected":
            await self._watchlist.watch(id_, due, page.status)
            return
        credentials = await self._registry.credentials(shop, id_)
        if credentials is None:
            await self._watchlist.forget(id_)
            return
        if await self._registry.reseal(shop, id_, credentials):
            # What follows is written down for the token under its new seal.
            credentials = await self._registry.credentials(shop, id_) or credentials
        await self._check(shop, page, credentials, outage)

    async def _check(self, shop: ShopId, page: Page, credentials: Credentials, outage: Outage | None) -> None:
        before = state = credentials.state
        try:
            facts = await self._looker.inspect(credentials.token, page.id)
        except TokenDead as error:
            await self._token_died(shop, page.id, credentials, error)
            return
        fields = await self._looker.subscribed_fields(shop, page.id)
        lost = bool(missing(NEEDED_FIELDS, fields))
        since = missed_since(page, state, outage, self._now(), lost=lost)
        state = replace(
            state,
            checked_at=self._now(),
            token_alive=True,
            subscribed_fields=fields,
            missing_permissions=facts.missing_permissions,
            heal_since=since,
            expires_at=facts.expires_at,
        )
        await self._watchlist.note_expiry(page.id, facts.expires_at)
        if facts.granted_by is not None:
            await self._grants.still_granted(page.id, facts.granted_by, self._now())
        # What is to be healed is written down before the subscription is restored: a crash between forgets nothing.
        await self._registry.note_state(shop, page.id, credentials.seal, state)
        if lost:
            log.warning("subscription_lost", shop=shop, page=page.id)
            await self._watchlist.watch(page.id, self._now() + LEASE, "unsubscribed")
            state = (await self._looker.subscribe(shop, page.id, ())).noted_in(state)
            await self._registry.note_state(shop, page.id, credentials.seal, state)
            self._metrics.subscription_restored()
            log.info("subscription_restored", shop=shop, page=page.id)
        elif fields_untried(state, before):
            state = (await self._looker.subscribe(shop, page.id, fields)).noted_in(state)
            await self._registry.note_state(shop, page.id, credentials.seal, state)
        if since is not None:
            await self._healer.heal(shop, page.id, since, lambda: self._still_ours(page.id))
            state = replace(state, heal_since=None)
            await self._registry.note_state(shop, page.id, credentials.seal, state)
        await self._watchlist.watch(page.id, next_look(page, state, outage), "connected")

    async def _still_ours(self, page: PageId) -> None:
        await self._watchlist.renew(page, self._now() + LEASE)
