"""Hides the data that a purge deletes."""

from cache.keys import shop_keys
from cache.scripts import HIDE
from cache.server.connection import Arg, Connection
from domain.ids import PurgeId, ShopId
from domain.purge import PurgeTarget


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

    `at` is the watermark of a purge that is repeated. Messages that arrived after the watermark stay.

    Raises:
        Unavailable: it is unknown whether the data are hidden.
    """
    keys = shop_keys(shop)
    script_keys = [keys.registry, keys.shop_index, keys.purge(purge), keys.receipts, keys.changes]
    args: list[Arg] = [keys.hash_tag, what, tag, by, page, claim, int(without_token), most, "" if at is None else at]
    reply: bytes | None = await connection.run(HIDE(script_keys, args), tries=2)
    return reply
