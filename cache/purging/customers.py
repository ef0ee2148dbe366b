"""Deletes the data of customers by their ids, at a shop's request or with a list of ids from Facebook.

A customer's id belongs to one Page but does not name the Page, so all Pages of the shop are searched. Redis has no
customer ids: the messages are found by the hash of the conversation's id.
"""

from collections.abc import Sequence
from typing import Final

from cache.keys import ShopKeys, shop_keys
from cache.purging.purge import Purger
from cache.registry.registry import Registry
from cache.scripts import PRESENT, WAITING
from cache.server.connection import Arg, Connection
from domain.ids import Psid, ShopId, conversation_of
from domain.purge import Receipt

LOOKED_UP: Final = 1000
"""Conversations that one script call looks up. The call takes about half a millisecond of the server's time."""
PURGED: Final = 500
"""Largest number of conversations in one receipt. One script call hides them. Their tags take 4 kB in the receipt's
record."""


class CustomerPurger:
    """Deletes the data of customers. Every method raises `Unavailable` when Redis is unavailable."""

    def __init__(self, connection: Connection, shops: Registry, purger: Purger) -> None:
        self._connection = connection
        self._shops = shops
        self._purger = purger

    async def purge(self, shop: ShopId, customer: Psid, requested_by: str) -> Receipt:
        """Purge all messages of one customer, at all Pages of the shop. A message that was sent before the purge and
        arrives later is refused, even if nothing is stored now.
        """
        keys = shop_keys(shop)
        pages = await self._shops.page_ids(shop)
        tags = [keys.conversation_tag(conversation_of(page, customer)) for page in pages]
        return await self._purger.purge_conversations(shop, tags, requested_by)

    async def purge_kept(self, shop: ShopId, customers: Sequence[Psid], requested_by: str) -> list[Receipt]:
        """Purge the stored data of these customers and return the receipts. If nothing is stored, there are no
        receipts. Erasing may continue afterwards.
        """
        keys = shop_keys(shop)
        found: list[bytes] = []
        waiting = await self._waiting(keys)
        for page in await self._shops.page_ids(shop):
            tags = [keys.conversation_tag(conversation_of(page, customer)) for customer in customers]
            for at in range(0, len(tags), LOOKED_UP):
                some = tags[at : at + LOOKED_UP]
                args: list[Arg] = [keys.hash_tag, *some]
                there = {*await self._connection.run(PRESENT([keys.registry], args), tries=2), *waiting}
                found += [tag for tag in some if tag in there]
        return [
            await self._purger.purge_conversations(shop, found[at : at + PURGED], requested_by, limited=False)
            for at in range(0, len(found), PURGED)
        ]

    async def _waiting(self, keys: ShopKeys) -> set[bytes]:
        """Returns the tags of the conversations in which an edit waits for its message."""
        tags: set[bytes] = set()
        position = b"-inf"
        while position:
            call = WAITING([keys.waiting_edits], [keys.hash_tag, position, LOOKED_UP])
            position, *some = await self._connection.run(call, tries=2)
            tags.update(some)
        return tags
