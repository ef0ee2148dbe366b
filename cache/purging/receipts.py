"""Reads the receipts of purges: one receipt by its id, or all receipts of a shop. Complete receipts are signed."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Final

from cache.errors import NotFound
from cache.keys import RECEIPT_SECONDS, shop_keys
from cache.purging.receipt_signature import ReceiptSigner
from cache.server.connection import Connection
from cache.server.scan import hash_fields, scored
from domain.ids import PurgeId, ShopId
from domain.purge import PURGE_TARGETS, Receipt

WALKED: Final = 100
"""Ids that one step of a walk reads."""


class Receipts:
    """Reads receipts. `now` returns Unix seconds. Every method raises `Unavailable` when Redis is unavailable."""

    def __init__(self, connection: Connection, signer: ReceiptSigner, *, now: Callable[[], float]) -> None:
        self._connection = connection
        self._signer = signer
        self._now = now

    async def one(self, shop: ShopId, purge: PurgeId) -> Receipt:
        """Returns the state of a purge.

        Raises:
            NotFound: this shop has had no such purge in the last 30 days.
        """
        found = await self._read(shop, purge)
        if found is None:
            raise NotFound("purge_not_found", "This shop has no such purge; receipts are kept for 30 days.")
        return found

    async def walk(self, shop: ShopId) -> AsyncIterator[Receipt]:
        """Yields all receipts of the last 30 days, the oldest first."""
        index = shop_keys(shop).receipts
        above = str(int((self._now() - RECEIPT_SECONDS) * 1_000_000))
        while True:
            command = ("ZRANGE", index, above, "+inf", "BYSCORE", "LIMIT", 0, WALKED, "WITHSCORES")
            ids = scored(await self._connection.command(*command))
            for id_, _ in ids:
                found = await self._read(shop, PurgeId(id_.decode()))
                if found is not None:
                    yield found
            if len(ids) < WALKED:
                return
            above = f"({ids[-1][1]}"

    async def _read(self, shop: ShopId, purge: PurgeId) -> Receipt | None:
        fields = hash_fields(await self._connection.command("HGETALL", shop_keys(shop).purge(purge)))
        if not fields:
            return None
        receipt = Receipt(
            purge,
            PURGE_TARGETS[fields[b"what"]],
            int(fields[b"at"]) // 1000,
            fields[b"by"].decode(),
            fields[b"complete"] == b"1",
            int(fields[b"deleted"]),
        )
        return self.signed(shop, receipt)

    def signed(self, shop: ShopId, receipt: Receipt) -> Receipt:
        """Returns the receipt, with its signature if it is complete."""
        return replace(receipt, signature=self._signer.sign(shop, receipt)) if receipt.complete else receipt
