"""The id of an unsent message. It is kept for viewers of the stream, sealed, until the message would have expired.

Nothing else of the message is kept, and the name of the key is a hash. A purge of the message's shop, Page, customer or
conversation erases the id. Pure.
"""

from typing import Final

import orjson

from cache.sealing import Sealer
from domain.ids import ShopId
from domain.message import Unsend

PURPOSE: Final = "unsent-id"


def seal_unsent(sealer: Sealer, shop: ShopId, id_: bytes, unsend: Unsend) -> bytes:
    """Returns the sealed id, to be kept under the message's hash `id_`.

    Raises:
        SealKeysMissing: there is no key to seal with.
    """
    unsent = orjson.dumps({"id": unsend.id, "page_id": unsend.page})
    return sealer.seal(unsent, shop=shop, purpose=PURPOSE, place=id_.hex())


def open_unsent(sealer: Sealer, shop: ShopId, id_: bytes, sealed: bytes) -> Unsend:
    """Returns the unsend, without its time.

    Raises:
        SealBroken: no key of SEAL_KEYS opens the value.
    """
    unsent = orjson.loads(sealer.open(sealed, shop=shop, purpose=PURPOSE, place=id_.hex()))
    return Unsend(unsent["id"], unsent["page_id"], None)
