"""Checks the tokens and subscriptions of Pages that are due, restores a lost subscription, and fetches missed messages.

Facebook ends a Page's subscription after an hour of failed deliveries. It sends no notice, and does not repeat these
deliveries later (developers.facebook.com/docs/messenger-platform/webhooks). So every Page with a token is checked
daily, when it becomes silent, and after every outage of all replicas. Several Pages are checked at the same time. A
Page whose healing takes long waits behind the others after each turn. Each replica takes Pages that are due. While a
replica has the lease of a Page, no other replica takes the Page. The lease expires if the replica dies.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

import structlog

from domain.errors import PageInboxError
from domain.ids import PageId, ShopId
from domain.shop import Credentials, Page
from domain.watch import Outage
from graph_client.account import TokenDied
from graph_client.errors import TokenDead
from graph_client.fields import NEEDED_FIELDS, missing
from graph_client.heal import Healer
from graph_client.page_setup import PageSetup
from graph_client.schedule import DAY, fields_untried, missed_since, next_look
from graph_client.store import Grants, Registry, Watchlist
from ops.metrics import Metrics

TICK_SECONDS: Final = 5.0
"""Seconds between two searches for Pages that are due."""

LEASE: Final = 120_000
"""Milliseconds for which a Page belongs to one replica. The lease is renewed before each call of a heal."""

AGAIN: Final = 300_000
"""Milliseconds after which a failed check is repeated."""

PAGES_AT_ONCE: Final = 8
"""Pages that this process checks and heals at the same time. Other processes take the next Pages."""

RECENT: Final = 10 * 60 * 1000
"""Milliseconds for which a check stays valid, so that a turn of healing needs no new check."""

log = structlog.get_logger()


class Watch:
    """Checks Pages. `now` is Unix milliseconds."""

    def __init__(
        self,
        watchlist: Watchlist,
        registry: Registry,
        facebook: PageSetup,
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
        self._facebook = facebook
        self._healer = healer
        self._grants = grants
        self._metrics = metrics
        self._token_died = token_died
        self._now = now
        self._sleep = sleep

    async def run(self) -> None:
        """Check the Pages that are due, several at the same time, until cancelled."""
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
                    check.result()  # an unexpected error ends the watch, which is logged and started again
        finally:
            for check in under_way:
                check.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def begin(self, most: int) -> set[asyncio.Task[None]]:
        """Begin to check Pages that are due, at most this many."""
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
                log.warning("watch_interrupted", reason=lost.reason)  # the lease expires

    async def _put_off(self, page: PageId, error: PageInboxError) -> None:
        """Set the time at which the Page is checked again after an error."""
        if error.kind == "not_found":
            await self._watchlist.forget(page)
        elif error.reason == "reconnect_page":
            # The token is dead, or its key is lost. Only a new token helps. Until then the Page is counted under
            # `reconnect`.
            await self._watchlist.watch(page, self._now() + DAY, "reconnect")
        else:
            await self._watchlist.renew(page, self._now() + max(AGAIN, (error.retry_after or 0) * 1000))

    async def _look(self, shop: ShopId, id_: PageId) -> None:
        """Check one Page. Usually no call to Graph is due, and the check only reads the store twice."""
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
            # The results below are recorded for the token as it is encrypted now.
            credentials = await self._registry.credentials(shop, id_) or credentials
        check_is_due = check_is_due or page.state.checked_at + RECENT <= now
        if not check_is_due or await self._check(shop, page, credentials, outage):
            await self._heal(shop, page, outage)

    async def _check(self, shop: ShopId, page: Page, credentials: Credentials, outage: Outage | None) -> bool:
        """Ask Facebook about token and subscription, and restore a lost subscription. Returns False if the token is
        dead.
        """
        before = state = credentials.state
        try:
            facts = await self._facebook.inspect(credentials.token, page.id)
        except TokenDead as error:
            await self._token_died(shop, page.id, credentials, error)
            return False
        fields = await self._facebook.subscribed_fields(shop, page.id)
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
        # The need for healing is recorded before the subscription is restored, so a crash between these two steps loses
        # nothing.
        await self._registry.note_state(shop, page.id, credentials.seal, state)
        if lost:
            log.warning("subscription_lost", shop=shop, page=page.id)
            await self._watchlist.watch(page.id, self._now() + LEASE, "unsubscribed")
            state = (await self._facebook.subscribe(shop, page.id, ())).noted_in(state)
            await self._registry.note_state(shop, page.id, credentials.seal, state)
            self._metrics.subscription_restored()
            log.info("subscription_restored", shop=shop, page=page.id)
        elif fields_untried(state, before):
            state = (await self._facebook.subscribe(shop, page.id, fields)).noted_in(state)
            await self._registry.note_state(shop, page.id, credentials.seal, state)
        return True

    async def _heal(self, shop: ShopId, page: Page, outage: Outage | None) -> None:
        """Do one turn of healing if one is due. Then record when the Page is due again."""
        credentials = await self._registry.credentials(shop, page.id)
        if credentials is None:
            return
        since, heal_at = credentials.state.heal_since, await self._healer.next_at(shop, page.id)
        if since is not None or (heal_at is not None and heal_at <= self._now()):
            turn = await self._healer.heal(shop, page.id, since, lambda: self._still_ours(page.id))
            heal_at = turn.next_at
            # Read the state again, because healing may have been requested meanwhile.
            credentials = await self._registry.credentials(shop, page.id) or credentials
            if turn.ended and since is not None and credentials.state.heal_since == since:
                state = replace(credentials.state, heal_since=None)
                await self._registry.note_state(shop, page.id, credentials.seal, state)
        due = next_look(page, credentials.state, outage)
        await self._watchlist.watch(page.id, due if heal_at is None else min(due, heal_at), "connected")

    async def _still_ours(self, page: PageId) -> None:
        await self._watchlist.renew(page, self._now() + LEASE)
