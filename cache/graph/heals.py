"""The progress of each Page's healing: a record of the run, and the conversations that the run has finished.

The record contains Facebook's ids of refused conversations, so it has an expiry time. Finished conversations are kept
as keyed hashes. Both keys are deleted when the Page is disconnected (`hide.lua`).
"""

from typing import Final

import orjson

from cache.keys import MAX_TTL_SECONDS, WATCH_SECONDS, WATCH_UNHEALED, ShopKeys, shop_keys
from cache.scripts import HEAL, NOTE_SCORE
from cache.server.connection import Connection
from domain.heal import Heal, Unhealed
from domain.ids import ConversationId, PageId, ShopId

HEAL_SECONDS: Final = MAX_TTL_SECONDS
"""Time in seconds that the record stays after its last write. Messages that were missed earlier have expired, and are
not stored."""


class Heals:
    """Reads and writes the progress. Every method raises `Unavailable` when Redis is unavailable."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def read(self, shop: ShopId, page: PageId, /) -> Heal | None:
        """Returns the last run and the refused conversations. Returns None if there is no record, or if another
        version of the service wrote it."""
        raw = await self._connection.command("GET", shop_keys(shop).heal(page))
        try:
            body = orjson.loads(raw or b"null")
            refused = tuple(Unhealed(**one) for one in body.pop("unhealed"))
            body.pop("tries", None)  # records of earlier versions have this member, which is not used
            return Heal(**body, unhealed=refused)
        except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
            return None

    async def write(self, shop: ShopId, page: PageId, heal: Heal, visited: list[str], /) -> None:
        """Record the run, and the conversations that the run has finished since the last call."""
        keys = shop_keys(shop)
        run = heal.began_at if heal.status == "running" else ""
        tags = [_tag(keys, one) for one in visited]
        names = [keys.heal(page), keys.heal_visited(page)]
        await self._connection.run(HEAL(names, [HEAL_SECONDS, orjson.dumps(heal), run, *tags]), tries=2)
        count = str(len(heal.unhealed) or "")
        await self._connection.run(NOTE_SCORE([WATCH_UNHEALED], [WATCH_SECONDS, page, count]), tries=2)

    async def visited(self, shop: ShopId, page: PageId, heal: Heal, conversations: list[str], /) -> set[str]:
        """Returns those of the given conversations that this run has finished."""
        keys = shop_keys(shop)
        tags = [_tag(keys, one) for one in conversations]
        runs = await self._connection.command("ZMSCORE", keys.heal_visited(page), *tags)
        found = zip(conversations, runs, strict=True)
        return {one for one, run in found if run is not None and int(float(run)) == heal.began_at}


def _tag(keys: ShopKeys, conversation: str) -> bytes:
    return keys.conversation_tag(ConversationId(conversation))
