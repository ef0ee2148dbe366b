"""The shop itself: its state, its pause, the Pages it has connected."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response

from api.auth import Forbidden
from api.bodies import PageConnect, Pause
from api.call import answer, call_of
from api.messages import answer_receipt
from domain.heal import Heal
from domain.ids import PageId, ShopId
from domain.moment import rfc3339
from domain.secret import Secret
from domain.shop import EVERY_SHOP, Page, PageState, Receipt, Shop


class Registry(Protocol):
    """Knows shops and Pages. A shop nobody heard of has no Pages and is not paused: its token vouches for it."""

    async def shop(self, shop: ShopId, /) -> Shop:
        """Its state."""
        ...

    async def pause(self, shop: ShopId, paused: bool, /) -> Shop:
        """Stop or go on storing; the state afterwards."""
        ...

    async def page(self, shop: ShopId, page: PageId, /) -> Page:
        """One Page; raises an error of kind not_found for one that is not the shop's."""
        ...

    async def pause_page(self, shop: ShopId, page: PageId, paused: bool, /) -> Page:
        """Stop or go on storing what comes for one Page; its state afterwards. Raises kind not_found."""
        ...


class Connector(Protocol):
    """Brings Pages and takes them away, here and at Facebook."""

    async def connect(self, shop: ShopId, page: PageId, token: Secret | None, /, *, history: bool) -> Page:
        """Route the Page's messages to the shop; with a token, check it, keep it sealed and subscribe the webhooks, and
        with `history` have the last five days fetched.

        The shop's own Page may be connected again. Raises kind conflict for another shop's, not_configured where the
        operator has not set what a token needs; invalid or conflict for a token that does not do.
        """
        ...

    async def disconnect(self, shop: ShopId, page: PageId, requested_by: str, /) -> Receipt:
        """End the subscription, forget the token, purge what came for the Page. Raises kind not_found."""
        ...


class Healing(Protocol):
    """Fetches messages that no webhook brought. Every method raises kind unavailable where the store is."""

    async def request(self, shop: ShopId, page: PageId, /) -> Page:
        """Have the last five days fetched. Raises kind not_found; conflict for a Page without a living token."""
        ...

    async def progress(self, shop: ShopId, page: PageId, /) -> Heal | None:
        """How far it is; None where nothing was ever fetched."""
        ...


class Shops:
    """The handlers."""

    def __init__(
        self, registry: Registry, connector: Connector, healing: Healing, *, shops_connect_without_token: bool
    ) -> None:
        self._registry = registry
        self._connector = connector
        self._healing = healing
        self._shops_connect_without_token = shops_connect_without_token

    async def state(self, request: Request) -> Response:
        """GET ."""
        return answer(told_shop(await self._registry.shop(call_of(request).shop)))

    async def patch(self, request: Request) -> Response:
        """PATCH ."""
        call = call_of(request)
        return answer(told_shop(await self._registry.pause(call.shop, call.sent(Pause).paused)))

    async def pages(self, request: Request) -> Response:
        """GET pages"""
        shop = await self._registry.shop(call_of(request).shop)
        return answer({"pages": [told_page(page) for page in shop.pages]})

    async def page(self, request: Request) -> Response:
        """GET pages/{page}"""
        call = call_of(request)
        page = await self._registry.page(call.shop, PageId(call.ids["page"]))
        return answer(told_page(page) | told_heal(page, await self._healing.progress(call.shop, page.id)))

    async def heal(self, request: Request) -> Response:
        """POST pages/{page}/heal"""
        call = call_of(request)
        page = await self._healing.request(call.shop, PageId(call.ids["page"]))
        told = told_page(page) | told_heal(page, await self._healing.progress(call.shop, page.id))
        return answer(told, status=202)

    async def patch_page(self, request: Request) -> Response:
        """PATCH pages/{page}"""
        call = call_of(request)
        page = PageId(call.ids["page"])
        return answer(told_page(await self._registry.pause_page(call.shop, page, call.sent(Pause).paused)))

    async def connect(self, request: Request) -> Response:
        """PUT pages/{page}: without the Page's token only where that is allowed, or any shop could take any Page."""
        call = call_of(request)
        sent, page = call.sent(PageConnect), PageId(call.ids["page"])
        token = sent.token()
        if token is None and not self._shops_connect_without_token and call.principal.shop != EVERY_SHOP:
            raise Forbidden(
                "page_token_required",
                "Send the Page's access_token. Only a token for every shop connects a Page without it.",
            )
        return answer(told_page(await self._connector.connect(call.shop, page, token, history=sent.history)))

    async def disconnect(self, request: Request) -> Response:
        """DELETE pages/{page}"""
        call = call_of(request)
        page = PageId(call.ids["page"])
        return answer_receipt(await self._connector.disconnect(call.shop, page, call.principal.subject))


def told_shop(shop: Shop) -> dict[str, Any]:
    """A shop as an answer tells it."""
    return {"shop": shop.id, "paused": shop.paused, "pages": [told_page(page) for page in shop.pages]}


def told_page(page: Page) -> dict[str, Any]:
    """A Page as an answer tells it."""
    told: dict[str, Any] = {
        "page_id": page.id,
        "connected_at": rfc3339(page.connected_at),
        "status": page.status,
        "paused": page.paused,
    }
    if page.last_event_at is not None:
        told["last_event_at"] = rfc3339(page.last_event_at)
    return told if page.state is None else told | _state(page.state)


def told_heal(page: Page, heal: Heal | None) -> dict[str, Any]:
    """How far the fetching of messages is that no webhook brought."""
    since = None if page.state is None else page.state.heal_since
    if since is not None and (heal is None or heal.status != "running"):
        shown: dict[str, Any] = {"healing": {"status": "waiting", "since": rfc3339(since)}}
    else:
        shown = {} if heal is None else {"healing": heal.document()}
    return shown | ({"unhealed": [one.document() for one in heal.unhealed]} if heal and heal.unhealed else {})


def _state(state: PageState) -> dict[str, Any]:
    """What is known of a Page's token."""
    told: dict[str, Any] = {
        "token_alive": state.token_alive,
        "subscribed": bool(state.subscribed_fields),
        "subscribed_fields": state.subscribed_fields,
        "missing_permissions": state.missing_permissions,
        "checked_at": rfc3339(state.checked_at),
    }
    if state.reason is not None:
        told["token_reason"] = state.reason
    if state.heal_since is not None:
        told["healing_since"] = rfc3339(state.heal_since)
    if state.expires_at is not None:
        told["token_expires_at"] = rfc3339(state.expires_at)
    if state.missing_fields and state.token_alive:
        told["missing_fields"] = [
            {"field": field} | ({"permission": permission} if permission else {})
            for field, permission in state.missing_fields.items()
        ]
    if warnings := list(_warnings(state)):
        told["warnings"] = warnings
    return told


def _warnings(state: PageState) -> Iterator[dict[str, str]]:
    """What the shop must do although the Page works."""
    if state.expires_soon and state.expires_at is not None:
        yield {"reason": "token_expires_soon", "detail": _expires_soon(state.expires_at)}
    if state.missing_fields and state.token_alive:
        yield {"reason": "fields_refused", "detail": _fields_refused(state.missing_fields)}


def _fields_refused(fields: Mapping[str, str]) -> str:
    """What Facebook does not deliver, and what to grant."""
    permissions = sorted({permission for permission in fields.values() if permission})
    grant = f" Grant {', '.join(permissions)}, then connect the Page with the new token." if permissions else ""
    return f"Facebook refuses to deliver the webhook fields {', '.join(fields)}.{grant}"


def _expires_soon(expires_at: int) -> str:
    """What the shop must do about a token that ends soon.

    A Page token of a person's long-lived token has no end; one of a short-lived token lives for hours
    (developers.facebook.com/docs/facebook-login/guides/access-tokens/get-long-lived).
    """
    return (
        f"The Page's token ends at {rfc3339(expires_at)}. Connect the Page again before that: exchange the person's "
        "token for a long-lived one first, then take the Page's token from /me/accounts; that token has no end."
    )
