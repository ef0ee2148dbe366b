"""Hides what a purge deletes: `hide.lua`, called once, or for a customer's many conversations several times."""

from typing import Final

from cache.keys import CONVERSATION_TAG_BYTES, PURGES, RECEIPT_SECONDS, shop_keys
from cache.scripts import HIDE, NOTE
from cache.server.connection import Arg, Connection
from domain.ids import PurgeId, ShopId
from domain.shop import PurgeTarget

HIDDEN_PER_CALL: Final = 500
"""Conversations of a customer hidden in one script call."""


async def note_purge(connection: Connection, job: bytes, moment: int) -> None:
    """Note that a purge has something to erase; `moment` in Unix seconds. A replica goes on with one whose note is old.

    Raises:
        Unavailable: it could not be noted.
    """
    await connection.run(NOTE([PURGES], [job, moment, RECEIPT_SECONDS]), tries=2)


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
    """The watermark in microseconds; or as `hide.lua` says, None or `full`, where nothing was done.

    `at` is the watermark of a purge that is done again: what came later stays.

    Raises:
        Unavailable: it may be done in part.
    """
    keys = shop_keys(shop)
    script_keys = [keys.registry, keys.shop_index, keys.purge(purge), keys.receipts, keys.changes]
    common: list[Arg] = [by, page, claim, int(without_token), most, "" if at is None else at]
    reply: bytes | None = None
    # One tag, unless what is purged are the conversations of a customer.
    for first in range(0, max(1, len(tag)), HIDDEN_PER_CALL * CONVERSATION_TAG_BYTES):
        part = tag[first : first + HIDDEN_PER_CALL * CONVERSATION_TAG_BYTES]
        reply = await connection.run(HIDE(script_keys, [keys.hash_tag, what, part, *common]), tries=2)
        if reply is None or reply == b"full":
            break
    return reply
