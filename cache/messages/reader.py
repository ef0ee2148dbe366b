"""Reads a shop's messages, newest first. A list page usually takes one round trip. The scripts reply
with the values and the shop's secret in one step, so the secret always fits the values.
"""

from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import orjson
import structlog

from cache.codec import kept, page_flags
from cache.cursors import Cursors
from cache.errors import Corrupt, NotFound
from cache.keys import ShopKeys, shop_keys
from cache.messages.vault import ShopSecrets
from cache.registry.registry import Registry
from cache.scripts import LOOK, PAGE, WALK
from cache.server.connection import Arg, Connection, Reply
from cache.server.scan import scored
from domain.ids import MessageId, ShopId
from domain.kept import KeptMessage
from domain.message import TAP, Direction
from domain.moment import from_text
from domain.query import MessageQuery, Slice
from domain.turn import Turns

LOOKS_PER_CALL: Final = 1000
"""Index entries that one script call looks at while it filters. The call takes about a millisecond of the server's
time."""
WALKED_PER_CALL: Final = 100
"""Messages that one step of a walk reads. They have about 50 KB and take about 0.2 ms of the server's time."""
PAGE_BYTES: Final = 2 * 1024 * 1024
"""Limit: bytes of JSON after which a list page of messages or conversations ends early; its last item may exceed them.
A short value of Redis can become a long JSON. The service keeps up to 16 MiB of answers that a caller has not read."""
STEP_BYTES: Final = 256 * 1024
"""Limit: bytes of messages that an export reads at once; the last message may exceed them. An export sends each part
before it reads the next one."""
SEARCH_STEP: Final = 100
"""Messages or conversations that one script call of a search reads."""
SEARCHED_PER_CALL: Final = 1000
"""Limit: messages or conversations that one search looks at; its last step may exceed them. Decrypting and reading them
takes 10 ms in all, with breaks for other callers. The answer has a cursor, with which the search continues."""
CALLS_PER_READ: Final = 20
"""Script calls after which a read answers with what it has found, and with a cursor to continue."""

log = structlog.get_logger()

ADDED_BYTES: Final = 100
"""Approximate number of bytes that an answer adds to a message's content."""

_Found = tuple[bytes, bytes, bytes]
"""The score in digits, the member and the value."""


def as_kept(found: Any) -> Any:
    """Returns an item of a list as it is."""
    return found


class Reader:
    """Reads messages. `turns` divides the event loop fairly between shops.

    Every method raises `Unavailable` when Redis is unavailable, or has lost the shop.
    """

    def __init__(
        self, connection: Connection, shops: Registry, secrets: ShopSecrets, cursors: Cursors, *, turns: Turns
    ) -> None:
        self._connection = connection
        self._turns = turns
        self._shops = shops
        self._secrets = secrets
        self._cursors = cursors

    async def messages(
        self,
        shop: ShopId,
        query: MessageQuery,
        as_item: Callable[[KeptMessage], Any] = as_kept,
        *,
        searching: bool = False,
    ) -> Slice[Any]:
        """Returns `as_item` of each message. In a search (`searching`), `as_item` returns None for a message that does
        not match.

        Fewer than `query.limit` messages are returned if these have PAGE_BYTES, or if SEARCHED_PER_CALL messages were
        looked at.

        Cursors are stored times, which are unique and always rise in a shop. So later messages never change the rest of
        a list that a caller reads page by page.

        Raises:
            CursorRefused: the cursor is not from this service.
        """
        keys = shop_keys(shop)
        index = keys.shop_index
        if query.conversation is not None:
            index = keys.conversation_index(keys.conversation_tag(query.conversation))
        page_tag = b"" if query.page is None else keys.page_tag(query.page)
        mask, flags = _filter(page_tag, query.direction)
        position = None if query.until is None else query.until * 1000
        if query.cursor is not None:
            (at,) = self._cursors.read(shop, "m", query.cursor)
            position = at if position is None else min(at, position)
        floor = 0 if query.since is None else query.since * 1000
        items: list[Any] = []
        room, left, last, looked = PAGE_BYTES, query.limit, 0, 0
        for _ in range(CALLS_PER_READ):
            start = "+inf" if position is None else position
            # One message more than wanted shows whether there is a next list page.
            wanted = SEARCH_STEP if searching else left + 1
            args: list[Arg] = [keys.hash_tag, start, floor, wanted, LOOKS_PER_CALL, mask, flags, page_tag]
            args.append(PAGE_BYTES)
            reply = await self._connection.run(PAGE([keys.registry, index], args), tries=2)
            found = _found(reply)
            read, opened, room = await self._open_all(shop, reply[1], found, room, left, as_item)
            items += read
            looked += opened
            left -= len(read)
            if opened:
                last = int(found[opened - 1][0])
            if opened < len(found):
                return Slice(items, self._cursors.write(shop, "m", last), looked)
            if not reply[0]:
                if not last:
                    await self._shops.require(shop)
                return Slice(items, None, looked)
            position = int(reply[0])
            if room <= 0 or left == 0 or looked >= SEARCHED_PER_CALL:
                break
        return Slice(items, self._cursors.write(shop, "m", position or 0), looked)

    async def count(self, shop: ShopId) -> int:
        """Returns the approximate number of kept messages. A hidden or expired message counts until its entry is
        removed."""
        keys = shop_keys(shop)
        watermark = await self._connection.command("HGET", keys.registry, "watermark")
        return int(await self._connection.command("ZCOUNT", keys.shop_index, f"({int(watermark or 0)}", "+inf"))

    async def walk(self, shop: ShopId) -> AsyncIterator[list[KeptMessage]]:
        """Yields all messages that are kept at the beginning of the walk, oldest first, some at a time.

        It leaves out messages that arrive later, and messages that are purged or expire before the walk reads them.
        """
        keys = shop_keys(shop)
        newest = scored(
            await self._connection.command(
                *("ZRANGE", keys.shop_index, "+inf", "-inf", "BYSCORE", "REV", "LIMIT", 0, 1, "WITHSCORES")
            )
        )
        if not newest:
            await self._shops.require(shop)
            return
        position = b"-inf"
        while position:
            args: list[Arg] = [keys.hash_tag, position, newest[0][1], WALKED_PER_CALL, STEP_BYTES]
            reply = await self._connection.run(WALK([keys.registry, keys.shop_index], args), tries=2)
            position = reply[0]
            found = _found(reply)
            while found:
                messages, opened, _ = await self._open_all(shop, reply[1], found, STEP_BYTES, len(found))
                found = found[opened:]
                yield messages

    async def message(self, shop: ShopId, id_: MessageId) -> KeptMessage:
        """Returns one message.

        Raises:
            NotFound: the shop has no message with this id: it was never received, has expired, or was erased.
        """
        keys = shop_keys(shop)
        args: list[Arg] = [keys.hash_tag, *await self.possible_ids(shop, keys, id_)]
        reply = await self._connection.run(LOOK([keys.registry, keys.shop_index], args), tries=2)
        if reply:
            score, found, value, secret = reply
            return kept(self._secrets.vault(shop, secret).open(found, value), int(score))
        await self._shops.require(shop)
        raise NotFound("message_not_found", "This shop has no message of this id; it may have expired.")

    async def possible_ids(self, shop: ShopId, keys: ShopKeys, id_: MessageId) -> list[bytes]:
        """Returns one possible stored id of a message for each of the shop's Pages, because a `mid` does not contain
        the Page. A shop has few Pages (domain/limits.py), so one script call can take all ids.
        """
        return [keys.message_id(page, id_) for page in await self._shops.page_ids(shop)]

    async def tap_ids(self, shop: ShopId, keys: ShopKeys, id_: MessageId) -> list[bytes]:
        """Returns further ids of a message. They need a tombstone too, so that the erased message is not stored again.

        A tap without a message id of Facebook has one further id, because Facebook lists this tap as a message with an
        id. The list is empty for any other message, and for a tap that is not there.
        """
        if not id_.startswith(TAP):
            return []
        try:
            tap = orjson.loads((await self.message(shop, id_)).content)
        except (NotFound, Corrupt):
            return []
        sent, title = from_text(tap.get("sent_at", "")), tap.get("postback", {}).get("title")
        return [keys.tap_id(tap["conversation_id"], title, sent // 1000)] if sent and title else []

    async def _open_all(
        self,
        shop: ShopId,
        sealed: bytes | None,
        found: list[_Found],
        room: int,
        most: int,
        as_item: Callable[[KeptMessage], Any] = as_kept,
    ) -> tuple[list[Any], int, int]:
        """Returns three values: what `as_item` returns for the readable messages (without None), the number of
        decrypted messages of `found`, and the rest of `room` in bytes.

        It returns at most `most` items, and stops after the message that fills `room` bytes. `sealed` is the shop's
        secret from the same reply. A damaged or moved record is logged and left out.
        """
        items: list[Any] = []
        if not found:
            return items, 0, room
        await self._turns.turn(shop)
        try:
            vault = self._secrets.vault(shop, sealed)
        except Corrupt as error:
            log.warning("record_unreadable", reason=error.reason)
            return items, len(found), room
        over, open_ = self._turns.over, vault.open
        for number, (score, member, value) in enumerate(found, 1):
            if over():
                await self._turns.turn(shop)
            try:
                message = kept(open_(member[1:], value), int(score))
            except Corrupt as error:
                log.warning("record_unreadable", reason=error.reason)
                continue
            item = as_item(message)
            if item is None:
                continue
            items.append(item)
            room -= len(message.content) + ADDED_BYTES
            if room <= 0 or len(items) == most:
                return items, number, room
        return items, len(found), room


def _found(reply: Reply) -> list[_Found]:
    """Returns the messages in a reply of `page.lua` or `walk.lua`, one by one."""
    return list(zip(reply[2::3], reply[3::3], reply[4::3], strict=True))


def _filter(page_tag: bytes, direction: Direction | None) -> tuple[int, int]:
    """Returns the mask and the wanted bits of the flags byte."""
    mask = flags = 0
    if page_tag:
        mask, flags = 0xFE, page_flags(page_tag)
    if direction is not None:
        mask, flags = mask | 1, flags | (direction == "out")
    return mask, flags
