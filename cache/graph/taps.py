"""Tapped buttons that came by webhook without a message id of Facebook's, by the time of the tap and the title."""

from typing import Final

import orjson

from cache.messages.reader import Reader
from domain.ids import ConversationId, ShopId
from domain.moment import from_text
from domain.query import MessageQuery

PAGE: Final = 100
MOST_PAGES: Final = 20
"""Of one conversation: 2,000 messages, as healing fetches at most."""


class Taps:
    """Finds them. Raises `Unavailable` when Redis is, or has lost the shop."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def without_id(self, shop: ShopId, conversation: ConversationId, since: int, /) -> list[tuple[int, str]]:
        """The time (milliseconds) and title of each tap of a conversation that was received since then."""
        found: list[tuple[int, str]] = []
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            query = MessageQuery(PAGE, cursor, conversation, direction="in", since=since)
            page = await self._reader.messages(shop, query)
            for message in map(orjson.loads, page.items):
                sent, title = from_text(message.get("sent_at", "")), message.get("postback", {}).get("title")
                if message["kind"] == "postback" and message["id"].startswith("postback:") and sent and title:
                    found.append((sent, title))
            cursor = page.next_cursor
            if cursor is None:
                break
        return found
