"""Finds taps of buttons that came by webhook without a message id, by the time of the tap and the button's title."""

from collections.abc import Sequence
from typing import Final

import orjson

from cache.keys import shop_keys
from cache.messages.reader import Reader
from cache.server.connection import Connection
from domain.ids import ConversationId, MessageId, ShopId
from domain.message import TAP, Message
from domain.moment import from_text
from domain.query import MessageQuery

PAGE: Final = 100
MOST_PAGES: Final = 20
"""Largest number of list pages that are read of one conversation. They have 2,000 messages. Healing fetches at most as
many."""


class Taps:
    """Finds taps without a message id. Raises `Unavailable` when Redis is unavailable, or has lost the shop."""

    def __init__(self, reader: Reader, connection: Connection) -> None:
        self._reader = reader
        self._connection = connection

    async def without_id(self, shop: ShopId, conversation: ConversationId, since: int, /) -> list[tuple[int, str]]:
        """Returns the time (milliseconds) and title of each tap without an id that a conversation has received since
        `since`."""
        found: list[tuple[int, str]] = []
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            query = MessageQuery(PAGE, cursor, conversation, direction="in", since=since)
            page = await self._reader.messages(shop, query)
            for message in (orjson.loads(one.content) for one in page.items):
                sent, title = from_text(message.get("sent_at", "")), message.get("postback", {}).get("title")
                if message["kind"] == "postback" and message["id"].startswith(TAP) and sent and title:
                    found.append((sent, title))
            cursor = page.next_cursor
            if cursor is None:
                break
        return found

    async def purged(self, shop: ShopId, messages: Sequence[Message], /) -> set[MessageId]:
        """Returns the ids of those messages that are taps without an id in the webhook, and were purged as single
        messages. Each purged tap gives one id."""
        keys = shop_keys(shop)
        possible: dict[bytes, MessageId] = {}
        # Graph gives whole seconds. They may differ from the webhook's time by one second.
        for lag in (0, -1, 1):
            for message in messages:
                if message.text is not None and message.sent_at is not None:
                    second = message.sent_at // 1000 + lag
                    possible.setdefault(keys.tap_id(message.conversation, message.text, second), message.id)
        commands = [("EXISTS", keys.message(id_)) for id_ in possible]
        there = await self._connection.commands_at_once(commands) if commands else []
        return {id_ for id_, exists in zip(possible.values(), there, strict=True) if exists}
