"""Where what comes for a Page is stored: its shop, and the shop's secret.

The lookup takes two round trips: to the claim on the Page, and to the shop's record. The second one also gives the shop
a new secret where it has none, so storing never has to (`route.lua`).
"""

from typing import NamedTuple

from cache.keys import shop_keys
from cache.messages.shop_secrets import FIELD, ShopSecrets
from cache.registry import page_fields
from cache.registry.registry import Registry
from cache.scripts import REPLACE, ROUTE
from cache.server.connection import Connection
from domain.ids import PageId, ShopId


class PageRoute(NamedTuple):
    """A shop and its sealed secret. While storing is paused, the secret may be one that no record has."""

    shop: ShopId
    secret: bytes


class Routes:
    """Looks routes up. Every method raises `Unavailable` when Redis is unavailable, or has lost the Page."""

    def __init__(self, connection: Connection, shops: Registry, secrets: ShopSecrets) -> None:
        self._connection = connection
        self._shops = shops
        self._secrets = secrets

    async def find(self, page: PageId) -> PageRoute | None:
        """The route of a Page; None where no shop has connected it.

        Raises:
            Unavailable: also where no Page at all was ever connected, since this may be the wrong Redis.
        """
        shop = await self._shops.claimant(page)
        return None if shop is None else await self.find_in(shop, page)

    async def find_in(self, shop: ShopId, page: PageId) -> PageRoute | None:
        """The same where the shop is known; None where the Page is not this shop's."""
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
            # The id stays: other processes go on with what they remember.
            await self._connection.run(REPLACE([keys.registry], [FIELD, secret, FIELD, resealed]), tries=2)
        self._secrets.vault(shop, resealed)
        return PageRoute(shop, resealed)
