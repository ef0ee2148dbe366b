"""Purges messages: hides them at once, and has them erased in the background (cache/purging/erasing.py).

`hide.lua` sets a watermark. In one step, everything stored before the watermark becomes unreadable on every replica,
and everything sent before the watermark is refused. The request is answered only after this step.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from cache.errors import PageTaken
from cache.keys import PURGES, shop_keys
from cache.messages.reader import Reader
from cache.purging.erasing import Eraser, job_of
from cache.purging.hiding import hide
from cache.purging.journal import JournalEntry, PurgeJournal
from cache.purging.receipts import Receipts
from cache.registry.registry import Registry
from cache.scripts import ERASE
from cache.server.connection import Arg, Connection
from domain import limits
from domain.ids import ConversationId, MessageId, PageId, PurgeId, ShopId
from domain.purge import PurgeTarget, Receipt
from ops.metrics import Metrics

ANSWER_SECONDS: Final = 0.2
"""Seconds that a request waits for the end of the erasing, so that it can answer `complete` instead of `running`."""
RETRY_OPEN: Final = 5
RETRY_FULL: Final = 3600
"""Seconds for `Retry-After`. After RETRY_OPEN, some purges have finished. After RETRY_FULL, the oldest receipt may have
expired."""


class Purger:
    """Purges messages. Every method raises `Unavailable` when Redis is unavailable.

    A `limited` purge raises `RateReached` when the shop has reached its number of purges (domain/limits.py). Purges by
    an operator or for Facebook are not limited.
    """

    def __init__(
        self,
        connection: Connection,
        shops: Registry,
        reader: Reader,
        receipts: Receipts,
        eraser: Eraser,
        metrics: Metrics,
        *,
        new_id: Callable[[], str],
        journal: PurgeJournal | None,
    ) -> None:
        self._connection = connection
        self._shops = shops
        self._reader = reader
        self._receipts = receipts
        self._eraser = eraser
        self._metrics = metrics
        self._new_id = new_id
        self._journal = journal

    async def purge_shop(self, shop: ShopId, requested_by: str, *, limited: bool = True) -> Receipt:
        """Purge everything of a shop."""
        return await self._purge(shop, "shop", b"", requested_by, limited=limited)

    async def purge_conversation(
        self, shop: ShopId, conversation: ConversationId, requested_by: str, *, limited: bool = True
    ) -> Receipt:
        """Purge all messages between one customer and one Page."""
        tag = shop_keys(shop).conversation_tag(conversation)
        return await self._purge(shop, "conversation", tag, requested_by, limited=limited)

    async def purge_conversations(
        self, shop: ShopId, tags: Sequence[bytes], requested_by: str, *, limited: bool = True
    ) -> Receipt:
        """Purge all conversations with these tags, with one receipt. cache/purging/customers.py makes the tags."""
        return await self._purge(shop, "customer", b"".join(tags), requested_by, limited=limited)

    async def purge_page(
        self, shop: ShopId, page: PageId, requested_by: str, *, without_token: bool = False, limited: bool = True
    ) -> Receipt:
        """Disconnect a Page and purge its messages. With `without_token`, do so only if the Page has no token.

        Raises:
            NotFound: the Page does not belong to this shop.
            PageTaken: the Page has a token, and `without_token` is true.
        """
        claim = await self._shops.claim(shop, page)
        return await self._purge(
            shop, "page", shop_keys(shop).page_tag(page), requested_by, page, claim, without_token, limited=limited
        )

    async def purge_message(self, shop: ShopId, id_: MessageId, requested_by: str, *, limited: bool = True) -> Receipt:
        """Purge one message. If the message arrives later, it is refused."""
        keys = shop_keys(shop)
        purge = PurgeId(self._new_id())
        ids = [*await self._reader.tap_ids(shop, keys, id_), *await self._reader.possible_ids(shop, keys, id_)]
        script_keys = [*keys.of_erase, keys.purge(purge), keys.receipts]
        args: list[Arg] = [keys.hash_tag, requested_by, _most_purges(limited)]
        for id_of_page in ids:
            args += (id_of_page, b"")
        reply = await self._connection.run(ERASE(script_keys, args), tries=2)
        if reply is None:
            raise _too_many_purges(RETRY_FULL)
        erased, at = map(int, reply)
        hexadecimal = tuple(id_of_page.hex() for id_of_page in ids)
        await self._write_down(JournalEntry(shop, purge, "message", at, requested_by, ids=hexadecimal, deleted=erased))
        self._metrics.purge("message")
        self._metrics.purged(erased)
        receipt = Receipt(purge, "message", at // 1000, requested_by, complete=True, messages_deleted=erased)
        return self._receipts.signed(shop, receipt)

    async def receipt(self, shop: ShopId, purge: PurgeId) -> Receipt:
        """Returns the state of a purge.

        Raises:
            NotFound: this shop has had no such purge in the last 30 days.
        """
        return await self._receipts.one(shop, purge)

    async def _purge(
        self,
        shop: ShopId,
        what: PurgeTarget,
        tag: bytes,
        by: str,
        page: PageId | None = None,
        claim: str = "",
        without_token: bool = False,
        *,
        limited: bool,
    ) -> Receipt:
        if limited and what != "shop" and self._eraser.running(shop) >= limits.OPEN_PURGES:
            raise _too_many_purges(RETRY_OPEN)
        purge = PurgeId(self._new_id())
        job = job_of(purge, shop)
        # The note comes before the purge. After a crash between the two, the eraser removes the note.
        await self._eraser.note(job)
        at = await hide(
            self._connection, shop, purge, what, tag, by,
            page=page or "", claim=claim, without_token=without_token, most=_most_purges(limited),
        )  # fmt: skip
        if at is None or at == b"full":
            await self._connection.command("ZREM", PURGES, job)
            raise PageTaken if at is None else _too_many_purges(RETRY_FULL)
        await self._write_down(
            JournalEntry(shop, purge, what, int(at), by, tag=tag.hex(), page=page or "", claim=claim)
        )
        if page is not None:
            await self._shops.release(shop, page, claim)
        self._metrics.purge(what)
        await asyncio.wait([self._eraser.start(job)], timeout=ANSWER_SECONDS)
        return await self.receipt(shop, purge)

    async def _write_down(self, entry: JournalEntry) -> None:
        """Write a purge to the journal, so that it can be repeated when Redis restarts with older data."""
        if self._journal is not None:
            await self._journal.append(entry)


def _most_purges(limited: bool) -> int:
    """Returns how many purges the shop may have in 30 days. 0 means any number."""
    return limits.PURGES_IN_30_DAYS if limited else 0


def _too_many_purges(seconds: int) -> limits.RateReached:
    sentence = "This shop has too many purges; to delete much, delete conversations, or all messages of the shop."
    return limits.RateReached("too_many_purges", sentence, retry_after=seconds)
