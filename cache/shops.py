"""The registry: which shop a Page belongs to, and whether a shop wants its messages stored.

The claim on a Page (`page:{P}`) and the shop's own record (`shop:{S}`) may lie on different nodes of a cluster, so no
script changes both. The shop's record decides: `put.lua` stores only for a Page that stands in it, in one step with the
write. The claim is only the way to find the shop, and keeps a second shop from taking the Page.
"""

from collections.abc import Callable

from cache.connection import Connection
from cache.errors import NotFound, PageTaken
from cache.keys import page_key, shop_keys
from cache.scripts import CLAIM, CONNECT, RELEASE
from domain.ids import PageId, ShopId
from domain.shop import Page, Shop

_PAGE_FIELD = b"p:"


class Shops:
    """The registry of shops and Pages. Every method raises `Unavailable` when Redis is."""

    def __init__(self, connection: Connection, *, new_claim: Callable[[], str]) -> None:
        self._connection = connection
        self._new_claim = new_claim

    async def owner(self, page: PageId) -> ShopId | None:
        """The shop a Page belongs to."""
        owner = await self._connection.command("HGET", page_key(page), "shop")
        return None if owner is None else ShopId(owner.decode())

    async def shop(self, shop: ShopId) -> Shop:
        """A shop's state; a shop that was never heard of has no Pages and is not paused."""
        fields = hash_fields(await self._connection.command("HGETALL", shop_keys(shop).registry))
        pages = [
            Page(PageId(name.removeprefix(_PAGE_FIELD).decode()), int(at))
            for name, at in fields.items()
            if name.startswith(_PAGE_FIELD)
        ]
        return Shop(shop, fields.get(b"paused") == b"1", tuple(sorted(pages, key=lambda p: (p.connected_at, p.id))))

    async def pause(self, shop: ShopId, paused: bool) -> Shop:
        """Stop or resume storing for a shop; true on every replica once this returns."""
        await self._connection.command("HSET", shop_keys(shop).registry, "paused", int(paused))
        return await self.shop(shop)

    async def connect(self, shop: ShopId, page: PageId) -> Page:
        """Connect a Page to a shop; a Page that is connected already stays as it is.

        Raises:
            PageTaken: it belongs to another shop.
        """
        claimed = await self._connection.run(CLAIM([page_key(page)], [shop, self._new_claim()]), tries=2)
        if not claimed:
            raise PageTaken("page_of_another_shop", "This Page is connected to another shop.")
        at = await self._connection.run(CONNECT([shop_keys(shop).registry], [page]), tries=2)
        return Page(page, int(at))

    async def claim(self, shop: ShopId, page: PageId) -> str:
        """What `release` wants to see.

        Raises:
            NotFound: the Page is not this shop's.
        """
        owner, claim = await self._connection.command("HMGET", page_key(page), "shop", "claim")
        if owner is None or owner.decode() != shop:
            raise NotFound("page_not_found", "This Page is not connected to this shop.")
        return str(claim.decode())

    async def release(self, shop: ShopId, page: PageId, claim: str) -> None:
        """Give a Page up, unless the shop has connected it anew since the claim was read."""
        await self._connection.run(RELEASE([page_key(page)], [shop, claim]), tries=2)


def hash_fields(reply: dict[bytes, bytes] | list[bytes]) -> dict[bytes, bytes]:
    """A hash, whichever protocol it came by."""
    return reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))
