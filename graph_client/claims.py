"""Decides which shop gets a Page when its token is verified. A shop without a token loses the Page to the shop with the
token.

Only the Page moves. Its messages in the other shop do not move: they are purged, and that shop's viewers get the purge
event. The audit logs of both shops get an entry by "facebook", because Facebook's answer decided.
"""

from typing import Final, Protocol

import structlog

from domain.audit import FACEBOOK, UNKNOWN_CLIENT, Access
from domain.errors import PageInboxError
from domain.ids import PageId, ShopId
from domain.shop import Page
from graph_client.store import Purger, Registry

TRIES: Final = 3
"""Tries to claim a Page. A try fails if the other shop connects the Page again between two steps, which is rare."""

log = structlog.get_logger()


class AuditLog(Protocol):
    """Records accesses."""

    async def append(self, shop: ShopId, access: Access, /) -> None:
        """Return when the access is recorded."""
        ...


class Claims:
    """Claims Pages whose token Facebook has verified. Raises kind unavailable if the store is unavailable."""

    def __init__(self, registry: Registry, purger: Purger, audit: AuditLog) -> None:
        self._registry = registry
        self._purger = purger
        self._audit = audit

    async def claim(self, shop: ShopId, page: PageId) -> Page:
        """Connect the Page to the shop. If another shop has the Page without a token, take the Page from that shop.

        Raises:
            PageInboxError: kind conflict if the other shop has a token of the Page.
        """
        for _ in range(TRIES):
            try:
                return await self._registry.connect(shop, page)
            except PageInboxError as error:
                other = await self._registry.owner(page)
                if error.reason != "page_of_another_shop" or (
                    other is not None and not await self._yields(other, page)
                ):
                    raise
            if other is not None:
                await self._take(page, other, shop)
        return await self._registry.connect(shop, page)

    async def _yields(self, other: ShopId, page: PageId) -> bool:
        """Returns whether the other shop has the Page without a token, or does not have the Page any more."""
        try:
            return await self._registry.credentials(other, page) is None
        except PageInboxError as error:
            if error.kind == "not_found":
                return True
            if error.kind == "conflict":
                return False
            raise

    async def _take(self, page: PageId, other: ShopId, shop: ShopId) -> None:
        await self._audit.append(other, Access("disconnectPage", FACEBOOK, UNKNOWN_CLIENT, page))
        await self._audit.append(shop, Access("connectPage", FACEBOOK, UNKNOWN_CLIENT, page))
        try:
            await self._purger.purge_page(other, page, FACEBOOK, without_token=True, limited=False)
        except PageInboxError as error:
            if error.kind != "not_found":
                raise
        log.info("page_moved", shop=shop, page=page)
