"""Makes edits and unsends: changes of messages that are stored, or that have not arrived yet.

Changes are rarer than messages, so each change makes its own round trips. The first try sends an edit as a waiting
edit. If the message is already there, `edit.lua` replies with its value. Then this module edits the value, and
`edit.lua` writes it unless the stored value has changed. An unsend leaves a tombstone (`erase.lua`).
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from cache.codec import MESSAGE, edited, encode_waiting_edit
from cache.errors import Corrupt, Unavailable, contended
from cache.keys import ShopKeys, shop_keys
from cache.messages.unsent import seal_unsent
from cache.messages.vault import ShopSecrets
from cache.registry.routes import PageRoute
from cache.scripts import EDIT, ERASE, EVENT
from cache.sealing import Sealer
from cache.server.connection import Arg, Connection
from domain.event import Outcome
from domain.ids import ShopId
from domain.message import Edit, Unsend

CHANGES_AT_ONCE: Final = 16
"""Largest number of edits and unsends of one delivery that run at once. They use few connections, so other calls have
enough."""
EDIT_TRIES: Final = 8
"""Tries to write an edit. The first try reads the stored value. Facebook allows five edits of a message, so only a
few other writes can change the value meanwhile."""

OUTCOMES: Final[dict[str, Outcome]] = {
    "s": "stored",
    "d": "duplicate",
    "g": "erased",
    "o": "too_old",
    "u": "unknown_page",
    "p": "paused",
    "b": "blocked",
}
"""The meaning of the letters that `put.lua` and `edit.lua` reply."""

_WAITING: Final[Outcome] = "edit_waiting"

log = structlog.get_logger()


class Changes:
    """Makes changes. `ttl` is in seconds; `new_nonce` returns four new bytes at each call."""

    def __init__(
        self,
        connection: Connection,
        secrets: ShopSecrets,
        sealer: Sealer,
        *,
        ttl: int,
        new_nonce: Callable[[], bytes],
    ) -> None:
        self._connection = connection
        self._secrets = secrets
        self._sealer = sealer
        self._ttl = ttl
        self._new_nonce = new_nonce

    async def make(self, route: PageRoute, changes: Sequence[Edit | Unsend]) -> list[Outcome]:
        """Make these changes. Returns an outcome per change, in order.

        Changes of one message are made one after another. Changes of different messages are made at the same time,
        because a delivery may contain a thousand changes with one or two round trips each.

        Raises:
            Unavailable: it is unknown whether all changes are made. It is safe to make the same changes again.
        """
        keys = shop_keys(route.shop)
        by_message: dict[bytes, list[int]] = {}
        for at, change in enumerate(changes):
            by_message.setdefault(keys.message_id(change.page, change.id), []).append(at)
        outcomes: dict[int, Outcome] = {}

        turns = asyncio.Semaphore(CHANGES_AT_ONCE)

        async def change_one(places: list[int]) -> None:
            async with turns:
                for at in places:
                    outcomes[at] = await self._change(route, keys, changes[at])

        # All changes are awaited even if one fails, so no change of this delivery still runs after the answer.
        for failure in await asyncio.gather(*map(change_one, by_message.values()), return_exceptions=True):
            if failure is not None:
                raise failure
        return [outcomes[at] for at in range(len(changes))]

    async def _change(self, route: PageRoute, keys: ShopKeys, change: Edit | Unsend) -> Outcome:
        try:
            async with asyncio.timeout(self._connection.limits.write):
                if isinstance(change, Unsend):
                    return await self._unsend(route.shop, keys, change)
                return await self._edit(route, keys, change)
        except TimeoutError:
            raise Unavailable("redis_timeout") from None

    async def _unsend(self, shop: ShopId, keys: ShopKeys, unsend: Unsend) -> Outcome:
        connected = await self._connection.run(EVENT([keys.registry], [unsend.page]), tries=2)
        if not connected:
            return "unknown_page"
        id_ = keys.message_id(unsend.page, unsend.id)
        sealed = seal_unsent(self._sealer, shop, id_, unsend)
        args: list[Arg] = [keys.hash_tag, "", 0, id_, sealed]
        await self._connection.run(ERASE(keys.of_erase, args), tries=2)
        return "unsent"

    async def _edit(self, route: PageRoute, keys: ShopKeys, edit: Edit) -> Outcome:
        """Edit the stored value, and write it unless another writer has changed it meanwhile."""
        id_ = keys.message_id(edit.page, edit.id)
        sent_at = "" if edit.sent_at is None else edit.sent_at
        waiting = encode_waiting_edit(edit, keys, self._new_nonce())
        vault = self._secrets.vault(*route)
        there = b""
        for _ in range(EDIT_TRIES):
            record, outcome = waiting, _WAITING
            if there:
                try:
                    newer = edited(vault.open(id_, there), edit)
                except Corrupt as error:
                    log.warning("record_unreadable", reason=error.reason)
                    return "unreadable"
                if newer is None:
                    return "edit_outdated"
                record = newer
                if there[0] == MESSAGE:
                    outcome = "edited"
            value = vault.seal(id_, record, *self._secrets.draw(1))
            args: list[Arg] = [keys.hash_tag, self._ttl * 1000, edit.page, id_, there, value, sent_at]
            args.append(vault.id)
            script_keys = [keys.registry, keys.shop_index, keys.waiting_edits, keys.blocked, keys.changes]
            reply = await self._connection.run(EDIT(script_keys, args), tries=2)
            if reply[0] == b"s":
                return outcome
            if reply[0] != b"c":
                return OUTCOMES[reply[0].decode()]
            there = reply[1]
        raise contended()
