"""Checks the Pages that are due: their tokens and subscriptions; restores a lost subscription, fetches missed messages.

Facebook ends a Page's subscription after an hour of failed deliveries and gives no sign of it, nor ever delivers again
what it gave up (developers.facebook.com/docs/messenger-platform/webhooks). So every Page with a token is checked daily,
when it falls silent, and after every time in which no replica took deliveries. Several Pages are checked side by side;
a Page whose healing takes long queues behind the others after each turn. Each replica takes Pages that are due; a lease
keeps the other replicas off, and runs out when the replica dies.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, Protocol

import structlog

from domain.errors import PageInboxError
from domain.ids import PageId, ShopId
from domain.secret import Secret
from domain.shop import Credentials, Page, PageState, PageStatus
from domain.watch import Outage
from graph_client.account import TokenDied
from graph_client.conversation_calls import StillOurs
from graph_client.errors import TokenDead
from graph_client.fields import NEEDED_FIELDS, missing
from graph_client.heal import TurnResult
from graph_client.pages import Subscription
from graph_client.schedule import DAY, fields_untried, missed_since, next_look
from graph_client.token_facts import TokenFacts
from ops.metrics import Metrics

TICK_SECONDS: Final = 5.0
"""Between two looks at what is due."""

LEASE: Final = 120_000
"""Milliseconds for which a Page is one replica's; renewed before each call of a heal."""

AGAIN: Final = 300_000
"""Milliseconds after which a look is made again that failed."""

PAGES_AT_ONCE: Final = 8
"""Checked and healed side by side by this process; other processes take the next."""

RECENT: Final = 10 * 60 * 1000
"""Milliseconds for which the last check need not be made again before the next turn of healing."""

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

    async def note_expiry(self, page: PageId, expires_ms: int | None, /) -> None:
        """Count the Page's token among those that end then; None for a token without an end."""
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


class Pages(Protocol):
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

    async def heal(self, shop: ShopId, page: PageId, since: int | None, still_ours: StillOurs, /) -> TurnResult:
        """One turn: every message since then, then conversations that were refused before."""
        ...

    async def next_at(self, shop: ShopId, page: PageId, /) -> int | None:
        """When the next turn is due by what was left over; None where nothing was."""
        ...


class Watch:
    """Watches. `now` is Unix milliseconds."""

    def __init__(
        self,
        watchlist: Watchlist,
        registry: Registry,
        looker: Pages,
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

    async def run(self) -> None:
        """Check what is due, some Pages side by side, until cancelled."""
        under_way: set[asyncio.Task[None]] = set()
        try:
            while True:
                try:
                    under_way |= await self.begin(PAGES_AT_ONCE - len(under_way))
                except PageInboxError as error:
                    log.warning("watch_interrupted", reason=error.reason)
                if not under_way:
                    await self._sleep(TICK_SECONDS)
                    continue
                wait = None if len(under_way) == PAGES_AT_ONCE else TICK_SECONDS
                done, under_way = await asyncio.wait(under_way, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
                for check in done:
                    check.result()  # an error that nobody expects ends the watch; it is logged and started again
        finally:
            for check in under_way:
                check.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def begin(self, most: int) -> set[asyncio.Task[None]]:
        """Begin to check Pages that are due, at most so many."""
        due = await self._watchlist.take(self._now(), LEASE, most) if most else []
        return {asyncio.create_task(self._one(page)) for page in due}

    async def _one(self, page: PageId) -> None:
        try:
            await self._watchlist.renew(page, self._now() + LEASE)
            shop = await self._registry.owner(page)
            if shop is None:
                await self._watchlist.forget(page)
            else:
                await self._look(shop, page)
        except PageInboxError as error:
            log.info("look_failed", page=page, reason=error.reason, kind=error.kind)
            try:
                await self._put_off(page, error)
            except PageInboxError as lost:
                log.warning("watch_interrupted", reason=lost.reason)  # the lease runs out

    async def _put_off(self, page: PageId, error: PageInboxError) -> None:
        """Check the Page again when its error may be over."""
        if error.kind == "not_found":
            await self._watchlist.forget(page)
        elif error.reason == "reconnect_page":
            # Dead, or sealed by a key that is gone: only a new token helps, and until then the Page counts so.
            await self._watchlist.watch(page, self._now() + DAY, "reconnect")
        else:
            await self._watchlist.renew(page, self._now() + max(AGAIN, (error.retry_after or 0) * 1000))

    async def _look(self, shop: ShopId, id_: PageId) -> None:
        """One Page: two reads of the store when its time has not come, which is most of the time."""
        page = await self._registry.page(shop, id_)
        if page.state is None:
            await self._watchlist.forget(id_)
            return
        if not page.state.token_alive:
            await self._watchlist.watch(id_, self._now() + DAY, "reconnect")
            return
        outage, now = await self._watchlist.outage(), self._now()
        due, heal_at = next_look(page, page.state, outage), await self._healer.next_at(shop, id_)
        check_is_due = due <= now or page.status != "connected"
        heal_is_due = page.state.heal_since is not None or (heal_at is not None and heal_at <= now)
        if not check_is_due and not heal_is_due:
            await self._watchlist.watch(id_, due if heal_at is None else min(due, heal_at), page.status)
            return
        credentials = await self._registry.credentials(shop, id_)
        if credentials is None:
            await self._watchlist.forget(id_)
            return
        if await self._registry.reseal(shop, id_, credentials):
            # What follows is written down for the token under its new seal.
            credentials = await self._registry.credentials(shop, id_) or credentials
        check_is_due = check_is_due or page.state.checked_at + RECENT <= now
        if not check_is_due or await self._check(shop, page, credentials, outage):
            await self._heal(shop, page, outage)

    async def _check(self, shop: ShopId, page: Page, credentials: Credentials, outage: Outage | None) -> bool:
        """Ask Facebook about token and subscription; restore a lost one. False where the token is dead."""
        before = state = credentials.state
        try:
            facts = await self._looker.inspect(credentials.token, page.id)
        except TokenDead as error:
            await self._token_died(shop, page.id, credentials, error)
            return False
        fields = await self._looker.subscribed_fields(shop, page.id)
        lost = bool(missing(NEEDED_FIELDS, fields))
        state = replace(
            state,
            checked_at=self._now(),
            token_alive=True,
            subscribed_fields=fields,
            missing_permissions=facts.missing_permissions,
            heal_since=missed_since(page, state, outage, self._now(), lost=lost),
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
        return True

    async def _heal(self, shop: ShopId, page: Page, outage: Outage | None) -> None:
        """One turn of healing where one is due; then say when the Page is due again."""
        credentials = await self._registry.credentials(shop, page.id)
        if credentials is None:
            return
        since, heal_at = credentials.state.heal_since, await self._healer.next_at(shop, page.id)
        if since is not None or (heal_at is not None and heal_at <= self._now()):
            turn = await self._healer.heal(shop, page.id, since, lambda: self._still_ours(page.id))
            heal_at = turn.next_at
            # Read again: healing may have been asked for anew meanwhile.
            credentials = await self._registry.credentials(shop, page.id) or credentials
            if turn.ended and since is not None and credentials.state.heal_since == since:
                state = replace(credentials.state, heal_since=None)
                await self._registry.note_state(shop, page.id, credentials.seal, state)
        due = next_look(page, credentials.state, outage)
        await self._watchlist.watch(page.id, due if heal_at is None else min(due, heal_at), "connected")

    async def _still_ours(self, page: PageId) -> None:
        await self._watchlist.renew(page, self._now() + LEASE)
