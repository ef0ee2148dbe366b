"""Conversations that are blocked: a customer has objected, and nothing of theirs is stored any more.

What is kept of an objection is the conversation's keyed hash and when it came; `put.lua` and `edit.lua` look it up in
one step with the write. It holds until the shop lifts it: it outlives purges, and a Page that leaves and comes back.
"""

from cache.errors import NotFound
from cache.keys import shop_keys
from cache.registry.registry import Registry
from cache.scripts import BLOCK
from cache.server.connection import Connection
from domain import limits
from domain.ids import ConversationId, ShopId


class Blocks:
    """What a shop has blocked. Every method raises `Unavailable` when Redis is."""

    def __init__(self, connection: Connection, shops: Registry) -> None:
        self._connection = connection
        self._shops = shops

    async def block(self, shop: ShopId, conversation: ConversationId) -> int:
        """Store nothing more of it, on any replica once this returns; since when, in milliseconds.

        Raises:
            NotFound: it is with none of the shop's Pages. A mistyped id would silently block no one.
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
        """Store it again; one that is not blocked stays so."""
        keys = shop_keys(shop)
        await self._connection.command("ZREM", keys.blocked, keys.conversation_tag(conversation))

    async def since(self, shop: ShopId, conversation: ConversationId) -> int | None:
        """When it was blocked, in milliseconds; None where it is not."""
        keys = shop_keys(shop)
        found = await self._connection.command("ZSCORE", keys.blocked, keys.conversation_tag(conversation))
        return None if found is None else int(float(found))
