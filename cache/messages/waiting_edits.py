"""Stores messages whose edit arrived before the message. `put.lua` replies with the waiting edit instead of storing
such a message.

The edit is merged into the message here, because only the service can decrypt the edit. Then the message is put again.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from cache.codec import merged
from cache.errors import Corrupt, Unavailable, contended
from cache.messages.queue import Part, Row
from cache.messages.vault import ShopSecrets
from cache.server.connection import Reply

MERGE_TRIES: Final = 8
"""Tries to store a message with its edit. A try fails only if a further edit arrived meanwhile. Facebook allows five
edits."""

log = structlog.get_logger()

Put = Callable[[Part], Awaitable[Reply | Unavailable]]


async def put_with_edits(part: Part, reply: Reply, put: Put, secrets: ShopSecrets) -> bytes:
    """Returns the letters of the outcomes of a part. `reply` is the reply of `put.lua` to this part.

    Raises:
        Unavailable: it is unknown whether a message is stored.
    """
    letters = bytearray(reply[0])
    for number, waiting in zip(reply[1::2], reply[2::2], strict=True):
        letters[number - 1 : number] = await _put_with_edit(part, part.rows[number - 1], waiting, put, secrets)
    return bytes(letters)


async def _put_with_edit(part: Part, row: Row, waiting: bytes, put: Put, secrets: ShopSecrets) -> bytes:
    for _ in range(MERGE_TRIES):
        alone = Part(part.route)
        alone.rows = [_merged(part, row, waiting, secrets)]
        reply = await put(alone)
        if isinstance(reply, Unavailable):
            raise reply
        letter: bytes = reply[0]
        if letter != b"w":
            return letter
        waiting = reply[2]
    raise contended()


def _merged(part: Part, row: Row, waiting: bytes, secrets: ShopSecrets) -> Row:
    """Returns the message with its edit; the message alone if the edit cannot be read."""
    record = row.record
    try:
        record = merged(record, secrets.vault(*part.route).open(row.id, waiting))
    except Corrupt as error:
        log.warning("record_unreadable", reason=error.reason)
    return Row(row.page, row.id, row.sent_at, record, waiting)
