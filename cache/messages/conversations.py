"""Lists a shop's conversations, sorted by the last activity. Each conversation has its last message and the mark that
staff gave it.

While a caller reads the list page by page, conversations move to the front. So a cursor has the time when the walk
began, and `conversations.lua` lists a moved conversation at its old place.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
import structlog

from cache.codec import kept, tag_of
from cache.cursors import Cursors
from cache.errors import Corrupt, CursorRefused
from cache.keys import ShopKeys, shop_keys
from cache.messages.reader import ADDED_BYTES, CALLS_PER_READ, PAGE_BYTES, SEARCH_STEP, SEARCHED_PER_CALL, as_kept
from cache.messages.staff_marks import readable_mark
from cache.messages.vault import ShopSecrets
from cache.registry.registry import Registry
from cache.scripts import CONVERSATIONS
from cache.server.connection import Arg, Connection
from domain.ids import PageId, Psid, ShopId
from domain.kept import KeptConversation, KeptMessage, StaffMark
from domain.query import Slice
from domain.turn import Turns

CONVERSATIONS_PER_CALL: Final = 250
"""Conversations that one script call looks at. The call takes about 2 ms of the server's time."""

log = structlog.get_logger()

_Place = tuple[bytes, bytes, int, bytes, bytes, bytes]
"""A conversation in the walk: its place, last activity, number of messages, member and value of its last message, and
the value of its mark."""


@dataclass(slots=True)
class _Stretch:
    """A part of a walk over conversations: when the walk began, the last place looked at (empty at the end), the shop's
    secret, and the number of script calls."""

    began: int
    looked: bytes
    secret: bytes | None
    places: list[_Place] = field(default_factory=list)
    calls: int = 0


class ConversationReader:
    """Lists conversations. `ttl` is in seconds; `turns` divides the event loop fairly between shops.

    Every method raises `Unavailable` when Redis is unavailable, or has lost the shop.
    """

    def __init__(
        self, connection: Connection, shops: Registry, secrets: ShopSecrets, cursors: Cursors, *, ttl: int, turns: Turns
    ) -> None:
        self._connection = connection
        self._ttl = ttl
        self._turns = turns
        self._shops = shops
        self._secrets = secrets
        self._cursors = cursors

    async def conversations(
        self,
        shop: ShopId,
        *,
        limit: int,
        cursor: str | None,
        page: PageId | None,
        as_item: Callable[[KeptConversation], Any] = as_kept,
        searching: bool = False,
    ) -> Slice[Any]:
        """Returns `as_item` of each conversation, sorted by the last activity that it had when the walk began. In a
        search (`searching`), `as_item` returns None for a conversation that does not match.

        Fewer than `limit` conversations are returned if these have PAGE_BYTES, or if SEARCHED_PER_CALL conversations
        were looked at.

        Raises:
            CursorRefused: the cursor is not from this service; or too many conversations have moved since the cursor
            was made, so the earlier order cannot be found any more.
        """
        keys = shop_keys(shop)
        page_tag = b"" if page is None else keys.page_tag(page)
        began: int | str = "+inf"
        position: int | str = "+inf"
        if cursor is not None:
            began, position = self._cursors.read(shop, "c", cursor)
        items: list[Any] = []
        calls = looked = 0
        room, left = PAGE_BYTES, limit
        while calls < CALLS_PER_READ and left > 0 and room > 0 and looked < SEARCHED_PER_CALL:
            wanted = SEARCH_STEP if searching else left
            stretch = await self._conversations(keys, began, position, wanted, page_tag)
            calls, began = calls + stretch.calls, stretch.began
            places = sorted(stretch.places, key=lambda place: int(place[0]), reverse=True)
            opened = 0
            for place, at, count, member, value, mark in places[:wanted]:
                if self._turns.over():
                    await self._turns.turn(shop)
                opened += 1
                # For a fetched message the time of sending counts. This time is before the message's own score.
                active = min(int(place), int(at))
                try:
                    vault = self._secrets.vault(shop, stretch.secret)
                    last_message = kept(vault.open(member[1:], value), int(at))
                    conversation = _conversation(last_message, active, count, readable_mark(vault, tag_of(value), mark))
                except Corrupt as error:
                    log.warning("record_unreadable", reason=error.reason)
                    continue
                item = as_item(conversation)
                if item is None:
                    continue
                items.append(item)
                left -= 1
                room -= len(last_message.content) + ADDED_BYTES
                if room <= 0 or left == 0:
                    break
            looked += opened
            if opened < len(places):
                position = int(places[opened - 1][0])
            elif not stretch.looked:
                if not looked:
                    await self._shops.require(shop)
                return Slice(items, None, looked)
            else:
                position = int(stretch.looked)
        return Slice(items, self._cursors.write(shop, "c", int(began), int(position)), looked)

    async def _conversations(
        self, keys: ShopKeys, began: int | str, position: int | str, wanted: int, page_tag: bytes
    ) -> _Stretch:
        """Returns the next places of the walk. Conversations that have not moved since the walk began come first. Then
        come those that have moved. Their old places are between the places of the others.
        """
        looked = moved = b""
        stretch = None
        for calls in range(1, CALLS_PER_READ + 1):
            args: list[Arg] = [keys.hash_tag, began, position, wanted, CONVERSATIONS_PER_CALL, page_tag]
            args += (self._ttl * 1000, looked, moved, PAGE_BYTES)
            reply = await self._connection.run(CONVERSATIONS([keys.registry, keys.conversations], args), tries=2)
            if stretch is None:
                began = int(reply[0])
                stretch = _Stretch(began, reply[1], reply[3])
                looked = reply[1] or b"0"
            moved, stretch.calls = reply[2], calls
            stretch.places += zip(*[iter(reply[4:])] * 6, strict=True)
            if not moved:
                return stretch
        raise CursorRefused("Too many conversations have moved since this cursor was made; begin again without it.")


def _conversation(last: KeptMessage, active: int, count: int, mark: StaffMark | None) -> KeptConversation:
    message = orjson.loads(last.content)
    page, conversation = message["page_id"], message["conversation_id"]
    customer = Psid(conversation[len(page) + 1 :])
    return KeptConversation(conversation, page, customer, count, active // 1000, last, mark)
