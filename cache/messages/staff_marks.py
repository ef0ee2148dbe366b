"""Staff's marks of conversations: done, unread, labels.

A mark is kept as long as its conversation: `put.lua` sets the same expiry time for the mark and the conversation. A
purge that hides the messages before a moment hides the marks before this moment too. The value begins with the moment
of the mark (16 digits, microseconds). The rest is sealed as a message is, with the shop's secret
(cache/messages/vault.py).
"""

from collections.abc import AsyncIterator, Sequence
from typing import Final

import orjson
import structlog

from cache.codec import HEADER_BYTES, NONCE_BYTES
from cache.errors import Corrupt, NotFound, contended
from cache.keys import shop_keys
from cache.messages.vault import SECRET_FIELD, ShopSecrets, Vault
from cache.scripts import STAFF_MARK, WALK_MARKS
from cache.server.connection import Arg, Connection
from domain.ids import ConversationId, PageId, ShopId
from domain.kept import StaffMark

HEAD: Final = bytes((3, 0))
"""The first bytes of a mark's record: no message and no edit has this version (cache/codec.py)."""
MOMENT_DIGITS: Final = 16
WALKED_PER_CALL: Final = 250
"""Conversations that one script call of a walk looks at. The call takes less than a millisecond of the server's
time."""
TRIES: Final = 2
"""Tries to store a mark. A try fails if the shop's secret is replaced between reading it and storing the mark."""

log = structlog.get_logger()


def open_staff_mark(vault: Vault, tag: bytes, value: bytes) -> StaffMark:
    """Returns the mark of the conversation with this tag.

    Raises:
        Corrupt: the value was sealed with another secret or for another conversation, or is damaged.
    """
    moment, sealed = value[:MOMENT_DIGITS], value[MOMENT_DIGITS:]
    body = orjson.loads(vault.open(tag, sealed)[HEADER_BYTES:])
    conversation, page, done, unread, labels = body
    return StaffMark(conversation, page, done, unread, tuple(labels), int(moment) // 1000)


def readable_mark(vault: Vault, tag: bytes, value: bytes) -> StaffMark | None:
    """Returns the mark, or None if there is no mark. A mark that cannot be read is logged, and counts as no mark."""
    try:
        return open_staff_mark(vault, tag, value) if value else None
    except Corrupt as error:
        log.warning("record_unreadable", reason=error.reason)
        return None


class StaffMarks:
    """Stores marks. Every method raises `Unavailable` when Redis is unavailable."""

    def __init__(self, connection: Connection, secrets: ShopSecrets) -> None:
        self._connection = connection
        self._secrets = secrets

    async def put(
        self, shop: ShopId, conversation: ConversationId, *, done: bool, unread: bool, labels: Sequence[str]
    ) -> StaffMark:
        """Replace the mark of a conversation.

        Raises:
            NotFound: nothing of the conversation is kept.
        """
        keys, page = shop_keys(shop), PageId(conversation.partition("_")[0])
        page_tag, tag = keys.page_tag(page), keys.conversation_tag(conversation)
        body = orjson.dumps([conversation, page, done, unread, labels])
        script_keys = [keys.registry, keys.shop_index, keys.changes, keys.conversation_index(tag), keys.staff_mark(tag)]
        for _ in range(TRIES):
            secret = await self._connection.command("HGET", keys.registry, SECRET_FIELD)
            drawn, nonce = self._secrets.draw(2)
            record = b"".join((HEAD, nonce[:NONCE_BYTES], page_tag, tag, body))
            try:
                vault = self._secrets.vault(shop, secret)
            except Corrupt:
                raise _not_found() from None  # without a secret the shop has no messages
            sealed = vault.seal(tag, record, drawn)
            args: list[Arg] = [keys.hash_tag, page_tag, tag, sealed, vault.id]
            moment = await self._connection.run(STAFF_MARK(script_keys, args), tries=2)
            if not moment:
                raise _not_found()
            if moment != b"u":
                return StaffMark(conversation, page, done, unread, tuple(labels), int(moment) // 1000)
        raise contended()

    async def walk(self, shop: ShopId, *, at_once: int = WALKED_PER_CALL) -> AsyncIterator[list[StaffMark]]:
        """Yields all marks, some at a time. If a conversation gets a message during the walk, its mark may come
        twice."""
        keys, position = shop_keys(shop), b"-inf"
        while position:
            call = WALK_MARKS([keys.registry, keys.conversations], [keys.hash_tag, position, at_once])
            position, secret, *found = await self._connection.run(call, tries=2)
            if found:
                vault = self._secrets.vault(shop, secret)
                marks = [readable_mark(vault, *pair) for pair in zip(found[::2], found[1::2], strict=True)]
                yield [mark for mark in marks if mark is not None]


def _not_found() -> NotFound:
    return NotFound("conversation_not_found", "Nothing of this conversation is kept; it may have expired.")
