"""One message on its way into the store. Pure."""

from dataclasses import dataclass

from cache.codec import encode_message
from cache.keys import shop_keys
from domain.ids import PageId, ShopId
from domain.message import Message


@dataclass(slots=True)
class Row:
    """What `put.lua` needs of one message, and its Page. `record` is not sealed yet; `merged` is the waiting edit that
    the record contains, as it was read.
    """

    page: PageId
    page_tag: bytes
    id: bytes
    sent_at: int | str
    record: bytes
    merged: bytes = b""


def row_of(shop: ShopId, message: Message, nonce: bytes, ttl: int, *, from_sent: bool = False) -> Row:
    """A message as a row. `ttl` in seconds; `nonce` marks this write.

    `from_sent`: its life runs from its `sent_at`; a minus before the time says so to `put.lua`.
    """
    keys, page = shop_keys(shop), message.page
    record = encode_message(message, keys, nonce, ttl, from_sent=from_sent)
    sent_at = "" if message.sent_at is None else -message.sent_at if from_sent else message.sent_at
    return Row(page, keys.page_tag(page), keys.message_id(page, message.id), sent_at, record)
