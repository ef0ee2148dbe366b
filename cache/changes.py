"""Edits and unsends: changes to what is kept, or to what has not come yet.

They are rare beside messages, so each makes its own round trips: an edit reads the value, changes it here, and writes
it if nobody else has written meanwhile (`edit.lua`); an unsend leaves a tombstone (`erase.lua`).
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from cache.codec import MESSAGE, edited, encode_waiting_edit
from cache.connection import Arg, Connection
from cache.errors import Corrupt, Unavailable
from cache.keys import MAX_TTL_SECONDS, ShopKeys
from cache.scripts import EDIT, ERASE, EVENT
from domain.event import Outcome
from domain.message import Edit, Unsend

WRITE_SECONDS: Final = 1.7
"""From sending to giving up, a second try included. With one failed round trip to wait for first, the answer is still
out well before Facebook's 5 s are over."""
CHANGES_AT_ONCE: Final = 16
"""Edits and unsends of one delivery under way: few of the connections, the rest is for others."""
EDIT_TRIES: Final = 8
"""Facebook allows five edits of a message; more rivals than that cannot be writing one value."""

OUTCOMES: Final[dict[str, Outcome]] = {
    "s": "stored",
    "d": "duplicate",
    "g": "erased",
    "o": "too_old",
    "u": "unknown_page",
    "p": "paused",
    "b": "blocked",
}
"""What the letters mean that `put.lua` and `edit.lua` answer."""

log = structlog.get_logger()


class Changes:
    """Makes changes. `ttl` in seconds; `new_nonce` gives four bytes, another four each time."""

    def __init__(self, connection: Connection, *, ttl: int, new_nonce: Callable[[], bytes]) -> None:
        self._connection = connection
        self._ttl = ttl
        self._new_nonce = new_nonce

    async def make(self, keys: ShopKeys, changes: Sequence[Edit | Unsend]) -> list[Outcome]:
        """An outcome per change, in order. Those of one message are made one after the other, those of different ones
        side by side: a delivery may hold a thousand, and each is a round trip or two.

        Raises:
            Unavailable: some of it may not be done; making the same again is safe.
        """
        by_message: dict[bytes, list[int]] = {}
        for at, change in enumerate(changes):
            by_message.setdefault(keys.message_id(change.page, change.id), []).append(at)
        outcomes: dict[int, Outcome] = {}

        turns = asyncio.Semaphore(CHANGES_AT_ONCE)

        async def change_one(places: list[int]) -> None:
            async with turns:
                for at in places:
                    outcomes[at] = await self._change(keys, changes[at])

        # All are awaited even when one fails: nothing of this delivery is left running behind its answer.
        for failure in await asyncio.gather(*map(change_one, by_message.values()), return_exceptions=True):
            if failure is not None:
                raise failure
        return [outcomes[at] for at in range(len(changes))]

    async def _change(self, keys: ShopKeys, change: Edit | Unsend) -> Outcome:
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                if isinstance(change, Unsend):
                    return await self._unsend(keys, change)
                return await self._edit(keys, change)
        except TimeoutError:
            raise Unavailable("redis_timeout") from None

    async def _unsend(self, keys: ShopKeys, unsend: Unsend) -> Outcome:
        connected = await self._connection.run(EVENT([keys.registry], [unsend.page]), tries=2)
        if not connected:
            return "unknown_page"
        args: list[Arg] = [keys.hash_tag, MAX_TTL_SECONDS * 1000, 0, "", 1, keys.message_id(unsend.page, unsend.id)]
        await self._connection.run(ERASE([keys.shop_index, keys.conversations, keys.waiting_edits], args), tries=2)
        return "unsent"

    async def _edit(self, keys: ShopKeys, edit: Edit) -> Outcome:
        """Read, change, and write if nobody else has written meanwhile."""
        id_ = keys.message_id(edit.page, edit.id)
        nonce = self._new_nonce()
        there: bytes | None = await self._connection.command("GET", keys.message(id_))
        for _ in range(EDIT_TRIES):
            if there == b"":
                return "erased"
            outcome: Outcome = "edit_waiting"
            if there is None:
                value = encode_waiting_edit(edit, keys, nonce)
            else:
                try:
                    newer = edited(there, edit)
                except Corrupt as error:
                    log.warning("record_unreadable", reason=error.reason)
                    return "unreadable"
                if newer is None:
                    return "edit_outdated"
                value = newer
                if there[0] == MESSAGE:
                    outcome = "edited"
            sent_at = "" if edit.sent_at is None else edit.sent_at
            args: list[Arg] = [keys.hash_tag, self._ttl * 1000, edit.page, id_, there or b"", value, sent_at]
            reply = await self._connection.run(EDIT([keys.registry, keys.waiting_edits, keys.blocked], args), tries=2)
            if reply[0] == b"s":
                return outcome
            if reply[0] != b"c":
                return OUTCOMES[reply[0].decode()]
            there = reply[1]
        raise Unavailable("redis_timeout")
