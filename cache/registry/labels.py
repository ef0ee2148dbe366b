"""The labels that staff of a shop may give conversations: one list in the shop's record, sealed.

The list has no expiry time. It stays until the shop replaces it. A mark keeps a label that the list no longer has.
"""

from collections.abc import Sequence
from typing import Final

import orjson
import structlog

from cache.errors import SealBroken
from cache.keys import shop_keys
from cache.scripts import REPLACE
from cache.sealing import Sealer
from cache.server.connection import Connection
from domain.ids import ShopId

FIELD: Final = b"labels"
PURPOSE: Final = "labels"

log = structlog.get_logger()


class Labels:
    """Reads and replaces the lists. Every method raises `Unavailable` when Redis is unavailable."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    async def read(self, shop: ShopId) -> tuple[str, ...]:
        """Returns the shop's labels in the shop's order. The list is empty if no key of SEAL_KEYS opens it."""
        registry = shop_keys(shop).registry
        sealed = await self._connection.command("HGET", registry, FIELD)
        if sealed is None:
            return ()
        try:
            labels = tuple(orjson.loads(self._sealer.open(sealed, shop=shop, purpose=PURPOSE, place="")))
        except SealBroken as error:
            log.warning("record_unreadable", reason=error.reason)
            return ()
        if not self._sealer.is_current(sealed):
            call = REPLACE([registry], [FIELD, sealed, FIELD, self._seal(shop, labels)])
            await self._connection.run(call, tries=2)
        return labels

    async def replace(self, shop: ShopId, labels: Sequence[str]) -> None:
        """Replace the shop's list.

        Raises:
            SealKeysMissing: there is no key to seal the list with.
        """
        await self._connection.command("HSET", shop_keys(shop).registry, FIELD, self._seal(shop, labels))

    def _seal(self, shop: ShopId, labels: Sequence[str]) -> bytes:
        return self._sealer.seal(orjson.dumps(labels), shop=shop, purpose=PURPOSE, place="")
