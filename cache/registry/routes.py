"""The route of a Page is its shop and the shop's secret, which are needed to store the Page's events.

The lookup takes two round trips: the first to the claim on the Page, the second to the shop's record. If the shop has
no secret, the second round trip also writes a new secret (`route.lua`), so storing never has to do this.
"""

from typing import NamedTuple

from cache.keys import shop_keys
from cache.messages.vault import SECRET_FIELD, ShopSecrets
from cache.registry import page_fields
from cache.registry.registry import Registry
from cache.scripts import REPLACE, ROUTE
from cache.server.connection import Connection
from domain.ids import PageId, ShopId


class PageRoute(NamedTuple):
    """A shop and its sealed secret. While storing is paused, it is possible that the shop's record does not have this
    secret."""

    shop: ShopId
    secret: bytes


class Routes:
    """Finds routes. Every method raises `Unavailable` when Redis is unavailable, or has lost the Page."""

    def __init__(self, connection: Connection, shops: Registry, secrets: ShopSecrets) -> None:
        self._connection = connection
        self._shops = shops
        self._secrets = secrets

    async def find(self, page: PageId) -> PageRoute | None:
        """Returns the route of a Page; None if no shop has connected the Page.

        Raises:
            Unavailable: also if no Page was ever connected, because this may be the wrong Redis.
        """
        # The Page is looked up twice before it counts as unknown, because Redis may get its data back between a lookup
        # and the check of the marks.
        return await self._look(page) or await self._look(page)

    async def _look(self, page: PageId) -> PageRoute | None:
        shop = await self._shops.claimant(page)
        return None if shop is None else await self.find_in(shop, page)

    async def find_in(self, shop: ShopId, page: PageId) -> PageRoute | None:
        """Returns the route of a Page if the shop is known; None if the Page is not this shop's."""
        keys, names, offered = shop_keys(shop), page_fields.names(page), self._secrets.new(shop)
        script_keys = [keys.registry, keys.shop_index, keys.waiting_edits]
        args = [names.connected, names.paused, offered]
        secret: bytes | None = await self._connection.run(ROUTE(script_keys, [*args]), tries=2)
        await self._shops.check_marks(found=secret is not None)
        if secret is None:
            return None
        if not secret:
            return PageRoute(shop, offered)
        resealed = self._secrets.with_first_key(shop, secret)
        if resealed is not secret:
            # The id does not change, so other processes can still use the secret that they remember.
            await self._connection.run(
                REPLACE([keys.registry], [SECRET_FIELD, secret, SECRET_FIELD, resealed]), tries=2
            )
        self._secrets.vault(shop, resealed)
        return PageRoute(shop, resealed)
