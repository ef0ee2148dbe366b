"""Deletes what is kept of customers, by their ids: at a shop's request, or by a list of ids that Facebook sends.

A customer's id belongs to one Page, and does not say to which, so all the shop's Pages are looked at. Redis holds no
customer's id: the messages are found by the hash of the conversation's id.
"""

from collections.abc import Sequence
from typing import Final

from cache.keys import ShopKeys, shop_keys
from cache.purging.purge import Purger
from cache.registry.registry import Registry
from cache.scripts import PRESENT, WAITING
from cache.server.connection import Arg, Connection
from domain.ids import Psid, ShopId, conversation_of
from domain.shop import Receipt

LOOKED_UP: Final = 1000
"""Conversations looked up in one script call: about half a millisecond of the server's time."""
PURGED: Final = 500
"""Conversations on one receipt: their tags are 4 kB in a record."""


class CustomerPurger:
    """Deletes. Every method raises `Unavailable` when Redis is."""

    def __init__(self, connection: Connection, shops: Registry, purger: Purger) -> None:
        self._connection = connection
        self._shops = shops
        self._purger = purger

    async def purge(self, shop: ShopId, customer: Psid, requested_by: str) -> Receipt:
        """All messages of one customer, at each of the shop's Pages. Messages that were sent before and arrive later
        are refused, also if nothing is kept now.
        """
        keys = shop_keys(shop)
        pages = await self._shops.page_ids(shop)
        tags = [keys.conversation_tag(conversation_of(page, customer)) for page in pages]
        return await self._purger.purge_conversations(shop, tags, requested_by)

    async def purge_kept(self, shop: ShopId, customers: Sequence[Psid], requested_by: str) -> list[Receipt]:
        """What is kept of any of these customers; no receipt if nothing is kept. Erasing may still run afterwards."""
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
        """The tags of the conversations in which an edit waits for its message."""
        tags: set[bytes] = set()
        position = b"-inf"
        while position:
            call = WAITING([keys.waiting_edits], [keys.hash_tag, position, LOOKED_UP])
            position, *some = await self._connection.run(call, tries=2)
            tags.update(some)
        return tags
