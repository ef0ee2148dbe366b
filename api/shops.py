"""The shop itself: its state, its pause, and its connected Pages."""

from collections.abc import Callable
from typing import Protocol

from starlette.responses import Response

from api.answers import one_page_answer, page_answer, receipt_answer, shop_answer
from api.auth import Forbidden
from api.bodies import PageConnect, Pause
from api.call import AuthorizedCall, answer
from api.models import PagesModel
from api.params import InvalidRequest
from domain.heal import Heal
from domain.ids import PageId, ShopId
from domain.purge import Receipt
from domain.secret import Secret
from domain.shop import EVERY_SHOP, Page, Shop


class Registry(Protocol):
    """Knows shops and Pages. An unknown shop is no error, because its token proves that it exists. It has no Pages and
    is not paused.
    """

    async def shop(self, shop: ShopId, /) -> Shop:
        """Returns the shop's state."""
        ...

    async def pause(self, shop: ShopId, paused: bool, until: int | None, /) -> Shop:
        """Stop storing until a time (milliseconds; None: until the shop resumes), or continue. Returns the state
        afterwards.
        """
        ...

    async def page(self, shop: ShopId, page: PageId, /) -> Page:
        """Returns one Page. Raises an error of kind not_found if the Page is not the shop's."""
        ...

    async def pause_page(self, shop: ShopId, page: PageId, paused: bool, until: int | None, /) -> Page:
        """Stop or continue storing for one Page. Returns its state afterwards. Raises kind not_found."""
        ...


class Connector(Protocol):
    """Connects and disconnects Pages, in the store and at Facebook."""

    async def connect(self, shop: ShopId, page: PageId, token: Secret | None, /, *, history: bool) -> Page:
        """Route the Page's messages to the shop. With a token, check it, store it encrypted and subscribe the webhooks.
        With `history`, also have the last five days fetched.

        The shop's own Page may be connected again. Raises kind conflict for another shop's Page; not_configured if a
        setting for tokens is missing; invalid or conflict for a token that cannot be used.
        """
        ...

    async def disconnect(self, shop: ShopId, page: PageId, requested_by: str, /) -> Receipt:
        """End the subscription, delete the token, and purge the Page's messages. Raises kind not_found."""
        ...


class Healing(Protocol):
    """Fetches messages that no webhook brought. Every method raises kind unavailable if the store is unavailable."""

    async def request(self, shop: ShopId, page: PageId, /) -> Page:
        """Have the last five days fetched. Raises kind not_found; conflict for a Page without a live token."""
        ...

    async def progress(self, shop: ShopId, page: PageId, /) -> Heal | None:
        """Returns the progress, or None if nothing was ever fetched."""
        ...


class Shops:
    """The handlers."""

    def __init__(
        self,
        registry: Registry,
        connector: Connector,
        healing: Healing,
        *,
        shops_connect_without_token: bool,
        now: Callable[[], int],
    ) -> None:
        self._registry = registry
        self._connector = connector
        self._healing = healing
        self._shops_connect_without_token = shops_connect_without_token
        self._now = now

    async def state(self, call: AuthorizedCall) -> Response:
        """GET ."""
        return answer(shop_answer(await self._registry.shop(call.shop)))

    async def patch(self, call: AuthorizedCall) -> Response:
        """PATCH ."""
        return answer(shop_answer(await self._registry.pause(call.shop, *self._pause(call))))

    async def pages(self, call: AuthorizedCall) -> Response:
        """GET pages"""
        shop = await self._registry.shop(call.shop)
        return answer(PagesModel(pages=[page_answer(page) for page in shop.pages]))

    async def page(self, call: AuthorizedCall) -> Response:
        """GET pages/{page}"""
        page = await self._registry.page(call.shop, PageId(call.ids["page"]))
        return answer(one_page_answer(page, await self._healing.progress(call.shop, page.id)))

    async def heal(self, call: AuthorizedCall) -> Response:
        """POST pages/{page}/heal"""
        page = await self._healing.request(call.shop, PageId(call.ids["page"]))
        return answer(one_page_answer(page, await self._healing.progress(call.shop, page.id)), status=202)

    async def patch_page(self, call: AuthorizedCall) -> Response:
        """PATCH pages/{page}"""
        page = PageId(call.ids["page"])
        return answer(page_answer(await self._registry.pause_page(call.shop, page, *self._pause(call))))

    def _pause(self, call: AuthorizedCall) -> tuple[bool, int | None]:
        sent = call.body_as(Pause)
        if sent.until is not None and sent.until <= self._now():
            raise InvalidRequest("invalid_field", "until: must be later than now.")
        return sent.paused, sent.until

    async def connect(self, call: AuthorizedCall) -> Response:
        """PUT pages/{page}. Without the Page's token, only a token for every shop may connect the Page, because a shop
        could take the Page of another shop. A setting can allow every shop to do this.
        """
        sent, page = call.body_as(PageConnect), PageId(call.ids["page"])
        token = sent.token()
        if token is None and not self._shops_connect_without_token and call.principal.shop != EVERY_SHOP:
            raise Forbidden(
                "page_token_required",
                "Send the Page's access_token. Only a token for every shop connects a Page without it.",
            )
        return answer(page_answer(await self._connector.connect(call.shop, page, token, history=sent.history)))

    async def disconnect(self, call: AuthorizedCall) -> Response:
        """DELETE pages/{page}"""
        page = PageId(call.ids["page"])
        return answer(receipt_answer(await self._connector.disconnect(call.shop, page, call.principal.subject)))
