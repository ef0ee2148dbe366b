"""The shop itself: its state, its pause, the Pages it has connected."""

from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response

from api.call import NotFound, answer, call_of
from api.messages import answer_receipt
from api.params import ShopPatch
from domain.ids import PageId, ShopId
from domain.moment import rfc3339
from domain.shop import Page, Receipt, Shop


class Registry(Protocol):
    """Knows shops and Pages. A shop nobody heard of has no Pages and is not paused: its token vouches for it."""

    async def shop(self, shop: ShopId, /) -> Shop:
        """Its state."""
        ...

    async def pause(self, shop: ShopId, paused: bool, /) -> Shop:
        """Stop or go on storing; the state afterwards."""
        ...

    async def connect(self, shop: ShopId, page: PageId, /) -> Page:
        """Route the Page's messages to the shop; its own Page stays as it is. Raises kind conflict for another's."""
        ...


class PagePurger(Protocol):
    """Takes a Page away."""

    async def purge_page(self, shop: ShopId, page: PageId, requested_by: str, /) -> Receipt:
        """Disconnect the Page and purge what came for it. Raises kind not_found."""
        ...


class Shops:
    """The handlers."""

    def __init__(self, registry: Registry, purger: PagePurger) -> None:
        self._registry = registry
        self._purger = purger

    async def state(self, request: Request) -> Response:
        """GET ."""
        return answer(_shop(await self._registry.shop(call_of(request).shop)))

    async def patch(self, request: Request) -> Response:
        """PATCH ."""
        call = call_of(request)
        return answer(_shop(await self._registry.pause(call.shop, call.sent(ShopPatch).paused)))

    async def pages(self, request: Request) -> Response:
        """GET pages"""
        shop = await self._registry.shop(call_of(request).shop)
        return answer({"pages": [_page(page) for page in shop.pages]})

    async def page(self, request: Request) -> Response:
        """GET pages/{page}"""
        call = call_of(request)
        shop = await self._registry.shop(call.shop)
        for page in shop.pages:
            if page.id == call.ids["page"]:
                return answer(_page(page))
        raise NotFound("page_not_found", "The shop has not connected this Page.")

    async def connect(self, request: Request) -> Response:
        """PUT pages/{page}"""
        call = call_of(request)
        return answer(_page(await self._registry.connect(call.shop, PageId(call.ids["page"]))))

    async def disconnect(self, request: Request) -> Response:
        """DELETE pages/{page}"""
        call = call_of(request)
        page = PageId(call.ids["page"])
        return answer_receipt(await self._purger.purge_page(call.shop, page, call.principal.subject))


def _shop(shop: Shop) -> dict[str, Any]:
    return {"shop": shop.id, "paused": shop.paused, "pages": [_page(page) for page in shop.pages]}


def _page(page: Page) -> dict[str, Any]:
    return {"page_id": page.id, "connected_at": rfc3339(page.connected_at)}
