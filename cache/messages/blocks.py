"""Blocked conversations: a customer has objected, and the service stores no more messages of the conversation.

The store keeps the conversation's keyed hash and the time of the objection. `put.lua` and `edit.lua` check the block in
the same step as the write. A block stays until the shop lifts it. It stays after purges, and also if the Page is
disconnected and connected again.
"""

from cache.errors import NotFound
from cache.keys import shop_keys
from cache.registry.registry import Registry
from cache.scripts import BLOCK
from cache.server.connection import Connection
from domain import limits
from domain.ids import ConversationId, ShopId


class Blocks:
    """The conversations that a shop has blocked. Every method raises `Unavailable` when Redis is unavailable."""

    def __init__(self, connection: Connection, shops: Registry) -> None:
        self._connection = connection
        self._shops = shops

    async def block(self, shop: ShopId, conversation: ConversationId) -> int:
        """Block a conversation. Returns the time of the block in milliseconds.

        When this returns, no replica stores messages of the conversation any more.

        Raises:
            NotFound: the conversation is with none of the shop's Pages. Without this error, a wrong id would block
            nothing, and the caller would not see this.
            CountReached: the shop has blocked as many conversations as it may.
        """
        if not any(conversation.startswith(f"{page}_") for page in await self._shops.page_ids(shop)):
            raise NotFound("page_not_found", "This conversation is with none of this shop's Pages.")
        keys = shop_keys(shop)
        call = BLOCK([keys.blocked], [keys.conversation_tag(conversation), limits.BLOCKED_CONVERSATIONS])
        since = await self._connection.run(call, tries=2)
        if since is None:
            sentence = f"A shop blocks at most {limits.BLOCKED_CONVERSATIONS} conversations; unblock one first."
            raise limits.CountReached("too_many_blocked", sentence)
        return int(float(since))

    async def lift(self, shop: ShopId, conversation: ConversationId) -> None:
        """Store messages of the conversation again. Does nothing if the conversation is not blocked."""
        keys = shop_keys(shop)
        await self._connection.command("ZREM", keys.blocked, keys.conversation_tag(conversation))

    async def since(self, shop: ShopId, conversation: ConversationId) -> int | None:
        """Returns when the conversation was blocked, in milliseconds; None if it is not blocked."""
        keys = shop_keys(shop)
        found = await self._connection.command("ZSCORE", keys.blocked, keys.conversation_tag(conversation))
        return None if found is None else int(float(found))
