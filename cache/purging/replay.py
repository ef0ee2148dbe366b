"""Repeats purges of the journal. Redis has lost these purges because it restarted with older data."""

import asyncio
from typing import Final

import structlog

from cache.keys import page_key, shop_keys
from cache.purging.erasing import job_of, note_purge
from cache.purging.hiding import hide
from cache.purging.journal import JournalEntry, PurgeJournal
from cache.scripts import ERASE
from cache.server.connection import Arg, Connection
from domain.ids import PageId, PurgeId, ShopId

LOOKED_UP: Final = 500
"""Receipts that are looked up in one round trip."""

log = structlog.get_logger()


class PurgeReplay:
    """Repeats purges. `connection` has no guard, because guarded calls are refused until the purges are repeated."""

    def __init__(self, connection: Connection, journal: PurgeJournal) -> None:
        self._connection = connection
        self._journal = journal

    async def run(self, *, every: bool = False) -> int:
        """Repeat the purges of the last five days that have no receipt, and return their number. With `every`, repeat
        all purges of the last five days. When this returns, the messages of these purges are unreadable. The replicas
        that search for abandoned purges erase the messages.

        Raises:
            Unavailable: some purges could not be repeated.
        """
        entries = await asyncio.to_thread(self._journal.read)
        missing: list[JournalEntry] = []
        for first in range(0, len(entries), LOOKED_UP):
            some = entries[first : first + LOOKED_UP]
            receipts = [shop_keys(ShopId(entry.shop)).purge(PurgeId(entry.purge)) for entry in some]
            there = await self._connection.commands_at_once([("EXISTS", key) for key in receipts])
            missing += [entry for entry, exists in zip(some, there, strict=True) if every or not exists]
        for entry in missing:
            await self._again(entry)
        if missing:
            log.warning("purges_replayed", events=len(missing))
        return len(missing)

    async def _again(self, entry: JournalEntry) -> None:
        shop, purge = ShopId(entry.shop), PurgeId(entry.purge)
        if entry.what == "message":
            await self._erase(shop, purge, entry)
            return
        page, claim = entry.page, entry.claim
        # A Page that this shop connected again after the purge has another claim, and stays connected.
        owner = (
            await self._connection.command("HMGET", page_key(PageId(page)), "shop", "claim") if page else [None, None]
        )
        if owner[0] == shop.encode() and owner[1] != claim.encode():
            page = claim = ""
        await note_purge(self._connection, job_of(purge, shop), 0)
        await hide(
            self._connection, shop, purge, entry.what, bytes.fromhex(entry.tag), entry.by, page=page, claim=claim,
            at=entry.at,
        )  # fmt: skip

    async def _erase(self, shop: ShopId, purge: PurgeId, entry: JournalEntry) -> None:
        keys = shop_keys(shop)
        args: list[Arg] = [keys.hash_tag, entry.by, 0]
        for id_ in entry.ids:
            args += (bytes.fromhex(id_), b"")
        await self._connection.run(ERASE([*keys.of_erase, keys.purge(purge), keys.receipts], args), tries=2)
        # The new receipt has the time and the count of the first receipt.
        await self._connection.command("HSET", keys.purge(purge), "at", entry.at, "deleted", entry.deleted)
