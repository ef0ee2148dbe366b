"""The id of a message that was taken back: viewers are told it, so it is kept for them, sealed, until the message would
have expired. Pure.

Nothing else of the message stands anywhere, and what it is kept under is a hash. It goes with a purge of what the
message belonged to.
"""

from typing import Final

import orjson

from cache.sealing import Sealer
from domain.ids import ShopId
from domain.message import Unsend

PURPOSE: Final = "unsent-id"


class UnsentIds:
    """Seals and opens them."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def seal(self, shop: ShopId, id_: bytes, unsend: Unsend) -> bytes:
        """What is kept under the message's hash `id_`.

        Raises:
            SealKeysMissing: there is no key to seal with.
        """
        told = orjson.dumps({"id": unsend.id, "page_id": unsend.page})
        return self._sealer.seal(told, shop=shop, purpose=PURPOSE, place=id_.hex())

    def open(self, shop: ShopId, id_: bytes, sealed: bytes) -> bytes:
        """What viewers are told, as JSON.

        Raises:
            SealBroken: no key of ours opens it.
        """
        return self._sealer.open(sealed, shop=shop, purpose=PURPOSE, place=id_.hex())
