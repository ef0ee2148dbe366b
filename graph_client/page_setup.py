"""A Page's setup at Facebook: the facts about its token, and the webhooks that Facebook delivers for it."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

import structlog

from domain.errors import Kind, PageInboxError
from domain.ids import PageId, ShopId
from domain.secret import Secret
from domain.shop import PageState
from graph_client import edges
from graph_client.calls import Calls
from graph_client.errors import GraphRefused, ParameterRefused, PermissionMissing, TokenDead
from graph_client.fields import FIELDS, NEEDED_FIELDS, missing
from graph_client.token_facts import TokenFacts, TokenRefused, read_facts
from graph_client.wire import Ask

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


class AppRefused(PageInboxError):
    """Facebook does not accept the app's own token. The cause is a setting, not a Page."""

    kind: ClassVar[Kind] = "upstream_failed"

    def __init__(self) -> None:
        super().__init__(
            "app_token_refused",
            "Facebook does not accept the app's own token: ask the operator to check FACEBOOK_APP_ID and "
            "FACEBOOK_APP_SECRET.",
        )


class PageSetup:
    """Asks Facebook about Pages, and subscribes and unsubscribes their webhooks. `app_token` is the app's own token."""

    def __init__(self, calls: Calls, *, app_id: str, app_token: Secret) -> None:
        self._calls = calls
        self._app_id = app_id
        self._app_token = app_token

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
            # Facebook refuses to inspect a token of another app.
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

    async def unsubscribe(self, shop: ShopId, page: PageId) -> None:
        """End the deliveries of the Page's webhooks. Raises GraphError."""
        await self._calls.for_page(shop, page, "unsubscribe", lambda _: edges.unsubscribe(page))
