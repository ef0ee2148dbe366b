"""Connects and disconnects Pages. To connect a Page: check its token with Facebook, store it encrypted, subscribe
webhooks.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import ClassVar, Final

import structlog

from domain.errors import Kind, PageInboxError
from domain.ids import PageId, ShopId
from domain.moment import LAST_MOMENT
from domain.purge import Receipt
from domain.secret import Secret
from domain.shop import Page, PageState
from graph_client.claims import Claims
from graph_client.errors import GraphTimeout
from graph_client.page_setup import PageSetup
from graph_client.schedule import DAY, KEPT, SOON, missed_since
from graph_client.store import Grants, Purger, Registry, Watchlist
from graph_client.token_checks import TokenChecks
from graph_client.token_facts import require_needed

UNSUBSCRIBE_SECONDS: Final = 4.0
"""Seconds that a disconnect waits for Facebook before it continues. The Page's data is deleted in every case.
"""

CONNECT_SECONDS: Final = 12.0
"""Seconds for a whole connect, which makes two or three calls. A finished step stays finished, and a repeat is safe."""

log = structlog.get_logger()


class NotConfigured(PageInboxError):
    """A required setting is missing, so no token can be checked or kept."""

    kind: ClassVar[Kind] = "not_configured"

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(
            "setting_missing",
            f"Connecting a Page with a token needs {' and '.join(names)}: ask the operator to set it.",
        )


class Pages:
    """Connects and disconnects Pages. `now` is Unix milliseconds. `missing_settings` names the settings that the
    operator has not set.
    """

    def __init__(
        self,
        setup: PageSetup,
        registry: Registry,
        watched: Watchlist,
        grants: Grants,
        purger: Purger,
        claims: Claims,
        *,
        missing_settings: Sequence[str],
        now: Callable[[], int],
    ) -> None:
        self._setup = setup
        self._registry = registry
        self._watched = watched
        self._grants = grants
        self._purger = purger
        self._claims = claims
        self._missing_settings = missing_settings
        self._now = now
        self._token_checks = TokenChecks(now=now)

    async def connect(self, shop: ShopId, page: PageId, token: Secret | None, *, history: bool = True) -> Page:
        """Connect a Page: with a token for all functions, without a token for webhooks only.

        With the first token of a Page the messages of the last five days are fetched too, unless `history` is False.
        The watch (watch.py) fetches them in the same way as missed messages.

        The Page is routed and its token kept before the webhooks are subscribed, so no delivery is missed. If the
        subscription fails, the watch (watch.py) makes it later. A repeat of the same call is safe.

        Raises:
            PageInboxError: kind conflict if the Page is another shop's; not_configured.
            TokenRefused: the token is of another app, of another Page, or of no Page.
            RateReached: Facebook has refused too many tokens of this shop.
            GraphError: Facebook refuses the token, or cannot be asked.
        """
        if token is None:
            return await self._registry.connect(shop, page)
        if self._missing_settings:
            raise NotConfigured(self._missing_settings)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await self._connect(shop, page, token, history)
        except TimeoutError:
            raise GraphTimeout from None

    async def _connect(self, shop: ShopId, page: PageId, token: Secret, history: bool) -> Page:
        with self._token_checks.check(shop):
            facts = await self._setup.inspect(token, page)
        lacking = facts.missing_permissions
        require_needed(lacking)
        before = await self._claims.claim(shop, page)
        since = self._missed_since(before)
        if before.state is None and history:
            since = self._now() - KEPT
        state = PageState(
            self._now(), token_alive=True, missing_permissions=lacking, heal_since=since, expires_at=facts.expires_at
        )
        await self._registry.keep_token(shop, page, token, state)
        await self._watched.watch(page, self._now() + SOON, "unsubscribed")
        await self._watched.note_expiry(page, facts.expires_at)
        await self._grants.granted(page, facts.granted_by, self._now())
        subscription = await self._setup.subscribe(shop, page)
        credentials = await self._registry.credentials(shop, page)
        if credentials is not None:
            await self._registry.note_state(shop, page, credentials.seal, subscription.noted_in(state))
        due = self._now() if since is not None else min(self._now() + DAY, facts.expires_at or LAST_MOMENT)
        await self._watched.watch(page, due, "connected")
        log.info("page_connected", shop=shop, page=page, missing_permissions=len(lacking))
        return await self._registry.page(shop, page)

    def _missed_since(self, before: Page) -> int | None:
        """Returns the time from which messages may be missing. If the earlier token was alive, this is the time from
        which healing is still needed, or None. If the earlier token was dead, all messages since the last event may be
        missing, because some causes of a dead token also end the subscription.
        """
        if before.state is None:
            return None
        return missed_since(before, before.state, None, self._now(), lost=not before.state.token_alive)

    async def disconnect(self, shop: ShopId, page: PageId, requested_by: str) -> Receipt:
        """Stop Facebook's deliveries if Facebook accepts this, then delete the token and purge the Page's messages.

        Raises:
            PageInboxError: kind not_found if the Page is not this shop's.
        """
        if (await self._registry.page(shop, page)).status in {"connected", "unsubscribed"}:
            try:
                async with asyncio.timeout(UNSUBSCRIBE_SECONDS):
                    await self._setup.unsubscribe(shop, page)
            except (PageInboxError, TimeoutError) as error:
                reason = error.reason if isinstance(error, PageInboxError) else GraphTimeout().reason
                log.warning("unsubscribe_failed", shop=shop, page=page, reason=reason)
        receipt = await self._purger.purge_page(shop, page, requested_by)
        await self._watched.forget(page)
        return receipt
