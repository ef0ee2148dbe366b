"""The registry: which shop a Page belongs to, its token, and whether a shop wants its messages stored.

The claim on a Page (`page:{P}`) and the shop's record (`shop:{S}`) may be on different nodes of a cluster, so no script
changes both keys. The shop's record decides: `put.lua` checks in the step of the write that the Page is in the record.
The claim is used to find the shop, and prevents a second shop from taking the Page.

If a Page is not found, the marks (cache/registry/marks.py) say whether the Page never existed or the store has lost it.

The shop's record contains the sealed token of a Page (cache/registry/page_fields.py). One step deletes the Page and its
token.
"""

from collections.abc import Callable, Sequence

from cache.errors import NotFound, PageTaken
from cache.keys import page_key, shop_keys, shop_of_key
from cache.registry import page_fields
from cache.registry.marks import Marks
from cache.scripts import CLAIM, CONNECT, KEEP_TOKEN, PAUSE_PAGE, RELEASE, REPLACE
from cache.sealing import Sealer
from cache.server.connection import Connection
from cache.server.scan import scan_hash, scan_keys
from domain import limits
from domain.ids import PageId, ShopId
from domain.secret import Secret
from domain.shop import Credentials, Page, PageState, Shop


class Registry:
    """Shops and their Pages. Every method raises `Unavailable` when Redis is unavailable or has lost the data."""

    def __init__(
        self,
        connection: Connection,
        marks: Marks,
        *,
        new_claim: Callable[[], str],
        sealer: Sealer,
        now: Callable[[], int],
    ) -> None:
        self._connection = connection
        self._marks = marks
        self._new_claim = new_claim
        self._sealer = sealer
        self._now = now

    async def owner(self, page: PageId) -> ShopId | None:
        """Returns the shop that a Page belongs to; None if no shop has connected the Page.

        Raises:
            Unavailable: also if no Page was ever connected, because this may be the wrong Redis.
        """
        shop = await self.claimant(page)
        if shop is not None:
            connected = page_fields.names(page).connected
            found = await self._connection.command("HEXISTS", shop_keys(shop).registry, connected)
            await self.check_marks(found=bool(found))
        return shop

    async def claimant(self, page: PageId) -> ShopId | None:
        """Returns the shop that has claimed a Page. The shop's record says whether the Page is connected.

        Raises:
            Unavailable: also if no Page was ever connected, because this may be the wrong Redis.
        """
        shop = await self._connection.command("HGET", page_key(page), "shop")
        if shop is None:
            # keeps: a lost Page is not an unknown Page
            await self._marks.require(connected=True)
            return None
        return ShopId(shop.decode())

    async def check_marks(self, *, found: bool) -> None:
        """Called after a lookup in the record of the shop that has claimed a Page. If the Page was not found there, it
        is being connected or disconnected, or Redis has lost it.

        Raises:
            Unavailable: Redis has lost Pages.
        """
        if found:
            await self._marks.write_first()
        else:
            await self._marks.require()

    async def shop(self, shop: ShopId) -> Shop:
        """Returns a shop's state. An unknown shop has no Pages and is not paused."""
        ids, now = await self.page_ids(shop), self._now()
        names = [name for page in ids for name in page_fields.names(page)]
        paused, *values = await self._connection.command("HMGET", shop_keys(shop).registry, "paused", *names)
        by_page = zip(*[iter(values)] * len(page_fields.Names._fields), strict=True)
        pages = [
            page_fields.page_of(page, *fields, now=now)
            for page, fields in zip(ids, by_page, strict=True)
            if fields[0] is not None  # else the Page was disconnected meanwhile
        ]
        if not pages:
            await self._marks.require()
        holds, until = page_fields.read_pause(paused, now)
        return Shop(shop, holds, tuple(sorted(pages, key=lambda p: (p.connected_at, p.id))), until)

    async def require(self, shop: ShopId) -> None:
        """Called before an empty answer. Raises an error if the shop has no Pages because Redis lost them. The shop's
        record may exist even after a loss, because later calls may write to it: for example, changes are counted in the
        record.
        """
        async for fields in scan_hash(self._connection, shop_keys(shop).registry):
            if page_fields.page_ids(fields):
                return
        await self._marks.require()

    async def shop_ids(self) -> list[ShopId]:
        """Returns every shop that has a record. It looks at every key in Redis, so only operators' commands use it."""
        found = [shop_of_key(key) async for keys in scan_keys(self._connection) for key in keys]
        return sorted({shop for shop in found if shop is not None})

    async def known(self, shop: ShopId) -> bool:
        """Returns whether this shop is known: it has a record or an audit log."""
        keys = shop_keys(shop)
        return bool(await self._connection.command("EXISTS", keys.registry, keys.audit, keys.audit_reads))

    async def page_ids(self, shop: ShopId) -> list[PageId]:
        """Returns the ids of a shop's Pages."""
        found: dict[PageId, None] = {}
        async for fields in scan_hash(self._connection, shop_keys(shop).registry):
            found |= dict.fromkeys(page_fields.page_ids(fields))
        return [*found]

    async def page(self, shop: ShopId, page: PageId) -> Page:
        """Returns one of a shop's Pages.

        Raises:
            NotFound: the Page is not this shop's.
        """
        reply = await self._connection.command("HMGET", shop_keys(shop).registry, *page_fields.names(page))
        if reply[0] is None:
            await self._marks.require()
        return self._page_there(page, reply)

    async def pause(self, shop: ShopId, paused: bool, until: int | None = None) -> Shop:
        """Stop or resume storing for a shop. When this returns, every replica obeys it. A pause with an end
        (milliseconds) ends by itself.
        """
        field = page_fields.pause_field(paused, until)
        await self._connection.command("HSET", shop_keys(shop).registry, "paused", field)
        return await self.shop(shop)

    async def pause_page(self, shop: ShopId, page: PageId, paused: bool, until: int | None = None) -> Page:
        """Stop or resume storing for one Page, as `pause` does for a shop.

        Raises:
            NotFound: the Page is not this shop's.
        """
        field = page_fields.pause_field(paused, until)
        call = PAUSE_PAGE([shop_keys(shop).registry], [*page_fields.names(page), field])
        return self._page_there(page, await self._connection.run(call, tries=2))

    async def connect(self, shop: ShopId, page: PageId) -> Page:
        """Connect a Page to a shop. A Page that is already connected does not change, and keeps its token.

        Raises:
            PageTaken: the Page belongs to another shop.
            CountReached: the shop has as many Pages as it may have.
        """
        await self._marks.write_first()
        claim = self._new_claim()
        claimed = await self._connection.run(CLAIM([page_key(page)], [shop, claim]), tries=2)
        if not claimed:
            raise PageTaken
        call = CONNECT([shop_keys(shop).registry], [limits.PAGES, *page_fields.names(page)])
        fields = await self._connection.run(call, tries=2)
        if fields is None:
            await self.release(shop, page, claim)
            raise limits.CountReached(
                "too_many_pages", f"A shop has at most {limits.PAGES} Pages; disconnect one first."
            )
        return page_fields.page_of(page, *fields, now=self._now())

    async def keep_token(self, shop: ShopId, page: PageId, token: Secret, state: PageState) -> Page:
        """Seal and keep a Page's token, and keep its state. The new token and state replace the earlier ones.

        Raises:
            NotFound: the Page is not this shop's.
            SealKeysMissing: there is no key to seal the token with.
        """
        call = KEEP_TOKEN(
            [shop_keys(shop).registry],
            [*page_fields.names(page), self._seal(shop, page, token), page_fields.write_state(state)],
        )
        return self._page_there(page, await self._connection.run(call, tries=2))

    async def credentials(self, shop: ShopId, page: PageId) -> Credentials | None:
        """Returns a Page's token, decrypted; None for a Page that is connected for webhooks only.

        Raises:
            NotFound: the Page is not this shop's.
            SealBroken: the token cannot be decrypted any more.
        """
        names = page_fields.names(page)
        reply = await self._connection.command(
            "HMGET", shop_keys(shop).registry, names.connected, names.token, names.state
        )
        if reply[0] is None:
            raise page_not_found()
        return page_fields.credentials_of(self._sealer, shop, page, reply[1], reply[2])

    async def note_state(self, shop: ShopId, page: PageId, seal: bytes, state: PageState) -> bool:
        """Record the state of a token. Returns whether the Page still has the token with this `seal`."""
        names = page_fields.names(page)
        return await self._replace(shop, names.token, seal, names.state, page_fields.write_state(state))

    async def reseal(self, shop: ShopId, page: PageId, credentials: Credentials) -> bool:
        """Seal the token with the first key, unless this key has sealed it already. Returns whether the seal has
        changed."""
        if self._sealer.is_current(credentials.seal):
            return False
        token = page_fields.names(page).token
        return await self._replace(shop, token, credentials.seal, token, self._seal(shop, page, credentials.token))

    async def _replace(self, shop: ShopId, token: bytes, seal: bytes, field: bytes, value: bytes) -> bool:
        call = REPLACE([shop_keys(shop).registry], [token, seal, field, value])
        return bool(await self._connection.run(call, tries=2))

    def _seal(self, shop: ShopId, page: PageId, token: Secret) -> bytes:
        return self._sealer.seal(token.reveal_bytes(), shop=shop, purpose=page_fields.PURPOSE, place=page)

    async def claim(self, shop: ShopId, page: PageId) -> str:
        """Returns the claim on a Page, which `release` needs.

        Raises:
            NotFound: the Page is not this shop's.
        """
        owner, claim = await self._connection.command("HMGET", page_key(page), "shop", "claim")
        if owner is None:
            await self._marks.require()
        if owner is None or owner.decode() != shop:
            raise page_not_found()
        return str(claim.decode())

    async def release(self, shop: ShopId, page: PageId, claim: str) -> None:
        """Give up the claim on a Page, unless the shop has connected the Page again since the claim was read."""
        await self._connection.run(RELEASE([page_key(page)], [shop, claim]), tries=2)

    def _page_there(self, page: PageId, fields: Sequence[bytes | None]) -> Page:
        if not fields or fields[0] is None:
            raise page_not_found()
        return page_fields.page_of(page, fields[0], *fields[1:], now=self._now())

    async def accept_loss(self) -> int:
        """Accept that lost Pages are lost, and return the number of remaining Pages. If a shop's record still has a
        Page whose claim is lost, a new claim is written, so the Page is found again. This call looks at every key in
        Redis.
        """
        found = 0
        for shop in await self.shop_ids():
            for page in await self.page_ids(shop):
                found += await self._connection.run(CLAIM([page_key(page)], [shop, self._new_claim()]), tries=2)
        await self._marks.accept()
        return found


def page_not_found() -> NotFound:
    """Returns the error, which does not say whether another shop has the Page."""
    return NotFound("page_not_found", "This Page is not connected to this shop.")
