"""Hides the data that a purge deletes. Calls `hide.lua` once, or several times for a customer's many conversations."""

from typing import Final

from cache.keys import CONVERSATION_TAG_BYTES, shop_keys
from cache.scripts import HIDE
from cache.server.connection import Arg, Connection
from domain.ids import PurgeId, ShopId
from domain.purge import PurgeTarget

HIDDEN_PER_CALL: Final = 500
"""Conversations of a customer that one script call hides."""


async def hide(
    connection: Connection,
    shop: ShopId,
    purge: PurgeId,
    what: PurgeTarget,
    tag: bytes,
    by: str,
    *,
    page: str = "",
    claim: str = "",
    without_token: bool = False,
    most: int = 0,
    at: int | None = None,
) -> bytes | None:
    """Hide the data and return the watermark in microseconds. If `hide.lua` refuses, return its answer: None or `full`.

    `at` is the watermark of a purge that is repeated. Messages that arrived later stay.

    Raises:
        Unavailable: a part of the data may be hidden.
    """
    keys = shop_keys(shop)
    script_keys = [keys.registry, keys.shop_index, keys.purge(purge), keys.receipts, keys.changes]
    common: list[Arg] = [by, page, claim, int(without_token), most, "" if at is None else at]
    reply: bytes | None = None
    # There is one tag, except for the conversations of a customer.
    for first in range(0, max(1, len(tag)), HIDDEN_PER_CALL * CONVERSATION_TAG_BYTES):
        part = tag[first : first + HIDDEN_PER_CALL * CONVERSATION_TAG_BYTES]
        reply = await connection.run(HIDE(script_keys, [keys.hash_tag, what, part, *common]), tries=2)
        if reply is None or reply == b"full":
            break
    return reply
