"""Stores people's requests to delete the data from their Facebook account, so that these people can see the state of
their requests later.

A request has a code, a time, a state, and the list of its purges that are not finished. A repeated request finds the
first request.
"""

from typing import Final

from cache.errors import NotFound
from cache.keys import DELETION_SECONDS, deletion_key
from cache.purging.purge import Purger
from cache.scripts import NOTE_DELETION
from cache.server.connection import Arg, Connection
from cache.server.scan import scan_hash
from domain.ids import PurgeId, ShopId
from domain.purge import Deletion, Receipt

_AT: Final = "at"
_BEGUN: Final = "begun"
_WAITS: Final = b"w:"


class Deletions:
    """The requests. Every method raises `Unavailable` when Redis is unavailable."""

    def __init__(self, connection: Connection, purger: Purger) -> None:
        self._connection = connection
        self._purger = purger

    async def take(self, code: str, at_ms: int, /) -> bool:
        """Record a request before its work begins. Returns True if `begun` was already called for this code."""
        return await self._note(code, _AT, at_ms)

    async def wait_for(self, code: str, shop: ShopId, receipt: Receipt, /) -> None:
        """Note that the request is complete only when this purge is complete."""
        if not receipt.complete:
            await self._note(code, f"{_WAITS.decode()}{receipt.id}", shop)

    async def begun(self, code: str, /) -> None:
        """Record that all work of the request has begun: everything is hidden, and will be erased soon."""
        await self._note(code, _BEGUN, 1)

    async def find(self, code: str, /) -> Deletion | None:
        """Returns the state of a request, or None if there was no such request in the last 90 days."""
        fields: dict[bytes, bytes] = {}
        async for some in scan_hash(self._connection, deletion_key(code)):
            fields |= some
        if _AT.encode() not in fields:
            return None
        complete = _BEGUN.encode() in fields
        for name, shop in fields.items():
            if name.startswith(_WAITS):
                if await self._erased(ShopId(shop.decode()), PurgeId(name.removeprefix(_WAITS).decode())):
                    await self._connection.command("HDEL", deletion_key(code), name)
                else:
                    complete = False
        return Deletion(int(fields[_AT.encode()]), complete)

    async def _erased(self, shop: ShopId, purge: PurgeId) -> bool:
        try:
            return (await self._purger.receipt(shop, purge)).complete
        except NotFound:
            return True  # receipts expire after 30 days; no purge takes that long

    async def _note(self, code: str, field: str, value: Arg) -> bool:
        """Set a field of the request. Returns whether `begun` was already called for this code."""
        call = NOTE_DELETION([deletion_key(code)], [DELETION_SECONDS, field, value, _BEGUN])
        return bool(await self._connection.run(call, tries=2))
