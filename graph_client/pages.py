"""Connects a Page: checks its token with Facebook, stores it encrypted, subscribes webhooks. Also disconnects it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

import structlog

from domain.errors import Kind, PageInboxError
from domain.ids import PageId, ShopId
from domain.moment import LAST_MOMENT
from domain.purge import Receipt
from domain.secret import Secret
from domain.shop import Page, PageState
from graph_client import edges
from graph_client.calls import Calls
from graph_client.claims import Claims
from graph_client.errors import GraphRefused, GraphTimeout, ParameterRefused, PermissionMissing, TokenDead
from graph_client.fields import FIELDS, NEEDED_FIELDS, missing
from graph_client.schedule import DAY, KEPT, SOON, missed_since
from graph_client.store import Grants, Purger, Registry, Watchlist
from graph_client.token_checks import TokenChecks
from graph_client.token_facts import TokenFacts, TokenRefused, read_facts, require_needed
from graph_client.wire import Ask

UNSUBSCRIBE_SECONDS: Final = 4.0
"""Seconds that a disconnect waits for Facebook before it continues. The shop's data is deleted in every case.
"""

CONNECT_SECONDS: Final = 12.0
"""Seconds for a whole connect, which makes two or three calls. A finished step stays finished, and a repeat is safe."""

_FIELD_REFUSED: Final = (ParameterRefused, PermissionMissing)
"""Facebook's codes for a refused list of webhook fields: 100 for an unknown field, 200 for a field without its
permission.
"""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Subscription:
    """The webhook fields that Facebook delivers for a Page. `refused` maps each other field to the permission that
    Facebook named, or to "".
    """

    fields: tuple[str, ...]
    refused: dict[str, str]

    def noted_in(self, state: PageState) -> PageState:
        """Returns the state with this subscription."""
        return replace(state, subscribed_fields=self.fields, missing_fields=self.refused)


class NotConfigured(PageInboxError):
    """A required setting is missing, so no token can be checked or kept."""

    kind: ClassVar[Kind] = "not_configured"

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(
            "setting_missing",
            f"Connecting a Page with a token needs {' and '.join(names)}: ask the operator to set it.",
        )


class AppRefused(PageInboxError):
    """Facebook does not accept the app's own token. The cause is a setting, not a Page."""

    kind: ClassVar[Kind] = "upstream_failed"

    def __init__(self) -> None:
        super().__init__(
            "app_token_refused",
            "Facebook does not accept the app's own token: ask the operator to check FACEBOOK_APP_ID and "
            "FACEBOOK_APP_SECRET.",
        )


class Pages:
    """Connects and disconnects Pages. `now` is Unix milliseconds. `missing_settings` names the settings that the
    operator has not set.
    """

    def __init__(
        self,
        calls: Calls,
        registry: Registry,
        watched: Watchlist,
        grants: Grants,
        purger: Purger,
        claims: Claims,
        *,
        app_id: str,
        app_token: Secret,
        missing_settings: Sequence[str],
        now: Callable[[], int],
    ) -> None:
        self._calls = calls
        self._registry = registry
        self._watched = watched
        self._grants = grants
        self._purger = purger
        self._claims = claims
        self._app_id = app_id
        self._app_token = app_token
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
            facts = await self.inspect(token, page)
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
        subscription = await self.subscribe(shop, page)
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
                    await self._calls.for_page(shop, page, "unsubscribe", lambda _: edges.unsubscribe(page))
            except (PageInboxError, TimeoutError) as error:
                reason = error.reason if isinstance(error, PageInboxError) else GraphTimeout().reason
                log.warning("unsubscribe_failed", shop=shop, page=page, reason=reason)
        receipt = await self._purger.purge_page(shop, page, requested_by)
        await self._watched.forget(page)
        return receipt

    async def inspect(self, token: Secret, page: PageId) -> TokenFacts:
        """Ask Facebook for the token's Page, its permissions, and the person who granted it.

        Raises:
            TokenDead: Facebook does not accept the token.
            TokenRefused: the token is not this Page's (token_facts.py).
            AppRefused: Facebook does not accept the app's own token. This says nothing about the Page's token.
        """
        try:
            answer = await self._calls.with_token(self._app_token, "debug_token", edges.debug_token(token))
        except (TokenDead, PermissionMissing):
            raise AppRefused from None
        except ParameterRefused:
            # Facebook does not inspect a token of another app.
            raise TokenRefused("token_of_another_app", "This token was made for another app, or is none.") from None
        data: dict[str, Any] = answer.node("data")
        facts = read_facts(data, page, self._app_id)
        if data.get("profile_id") is None:
            owner = await self._calls.with_token(token, "me", edges.me())
            if str(owner.body.get("id")) != page:
                raise TokenRefused("token_of_another_page", "This token belongs to another Page.")
        return facts

    async def subscribe(self, shop: ShopId, page: PageId, delivered: tuple[str, ...] = ()) -> Subscription:
        """Have Facebook deliver the Page's webhooks. `delivered` are the fields that Facebook delivers already.

        If one field is unknown, or the token does not allow it, Facebook refuses the whole list. Then only the needed
        fields are subscribed, and each other field is added if Facebook accepts it.

        Raises:
            GraphError: Facebook refuses a needed field, or cannot be asked.
        """
        try:
            await self._subscribe(shop, page, FIELDS)
            return Subscription(FIELDS, {})
        except _FIELD_REFUSED:
            fields = delivered
            if missing(NEEDED_FIELDS, delivered):
                await self._subscribe(shop, page, NEEDED_FIELDS)
                fields = NEEDED_FIELDS
        refused: dict[str, str] = {}
        fields = await self._add(shop, page, fields, missing(FIELDS, fields), refused)
        log.warning("fields_refused", shop=shop, page=page, missing_fields=len(refused))
        return Subscription(fields, refused)

    async def _add(
        self, shop: ShopId, page: PageId, fields: tuple[str, ...], more: tuple[str, ...], refused: dict[str, str]
    ) -> tuple[str, ...]:
        """Returns `fields` and the accepted fields of `more`, found by halving the list. Adds the other fields to
        `refused`.

        A list that Facebook refuses changes nothing: Facebook continues to deliver the last list that it accepted.
        """
        if not more:
            return fields
        try:
            await self._subscribe(shop, page, fields + more)
            return fields + more
        except _FIELD_REFUSED as error:
            if len(more) == 1:
                named = error.permissions if isinstance(error, PermissionMissing) else ()
                refused[more[0]] = named[0] if named else ""
                return fields
        half = len(more) // 2
        fields = await self._add(shop, page, fields, more[:half], refused)
        return await self._add(shop, page, fields, more[half:], refused)

    async def _subscribe(self, shop: ShopId, page: PageId, fields: tuple[str, ...]) -> None:
        def ask(_: int) -> Ask:
            return edges.subscribe(page, fields)

        answer = await self._calls.for_page(shop, page, "subscribe", ask)
        if answer.body.get("success") not in {True, "true"}:
            raise GraphRefused

    async def subscribed_fields(self, shop: ShopId, page: PageId) -> tuple[str, ...]:
        """Returns the fields that Facebook delivers to this app for the Page now; () if there is no subscription."""
        answer = await self._calls.for_page(shop, page, "subscription", lambda _: edges.subscription(page))
        for app in answer.rows():
            if str(app.get("id")) == self._app_id:
                fields = app.get("subscribed_fields")
                return tuple(map(str, fields)) if isinstance(fields, list) else ()
        return ()
