"""A shop's timeline: its messages and their later changes, oldest first.

Each message and each change has a moment, a number that is unique in a shop. Each new moment is larger than all earlier
ones, and is set in the same step as the write. So a reader at a position has read everything before the position, and
continues without a gap or a repetition. A message is read in its present state. Messages that were erased or purged
meanwhile are left out.
"""

from typing import Final

import structlog

from cache.codec import kept
from cache.cursors import Cursors
from cache.errors import Corrupt, CursorRefused, SealBroken
from cache.keys import ID_BYTES, shop_keys
from cache.messages.staff_marks import open_staff_mark
from cache.messages.unsent import open_unsent
from cache.messages.vault import ShopSecrets
from cache.scripts import FOLLOW
from cache.sealing import Sealer
from cache.server.connection import Connection
from domain.ids import PurgeId, ShopId
from domain.kept import KeptMessage, StaffMark
from domain.message import Unsend
from domain.purge import PURGE_TARGETS
from domain.stream import PurgeEvent, Start, StreamEvent, StreamEventName, Stretch
from domain.turn import Turns

LOOKS_PER_READ: Final = 200
"""Entries that one script call looks at. The call takes about half a millisecond of the server's time."""
READ_BYTES: Final = 256 * 1024
"""Limit: bytes of events that are read from the store at once for a stream; one single event may have more. A short
value of Redis can become a long JSON, because values are compressed."""
BACKLOG: Final = 50_000
"""Largest number of missed messages that a resumed stream sends. The stream of a viewer that has missed more begins
with new messages."""
SLACK: Final = 600_000_000
"""Microseconds by which a position stays behind the server's clock while nothing is stored. If the clock is set back by
less than this, new moments are still after the position, and no event is missed."""

_NAMES: Final[dict[bytes, StreamEventName]] = {
    b"m": "message",
    b"e": "edited",
    b"x": "erased",
    b"p": "purge",
    b"k": "marked",
}
"""The names of the events, by the letter that `follow.lua` replies."""
_SMALL: Final = 200
"""Bytes that are counted for an event that is not a message."""

log = structlog.get_logger()


class Timeline:
    """Reads timelines. `ttl` is in seconds; `turns` divides the event loop fairly between shops.

    Every method raises `Unavailable` when Redis is unavailable.
    """

    def __init__(
        self,
        connection: Connection,
        secrets: ShopSecrets,
        sealer: Sealer,
        cursors: Cursors,
        *,
        ttl: int,
        turns: Turns,
    ) -> None:
        self._connection = connection
        self._secrets = secrets
        self._sealer = sealer
        self._cursors = cursors
        self._ttl = ttl
        self._turns = turns

    async def read(self, shop: ShopId, after: int) -> Stretch:
        """Returns some of the events after a position, the oldest first. If there are none, the stretch is empty."""
        stretch, _, _ = await self._look(shop, after)
        return stretch

    async def start(self, shop: ShopId, event_id: str | None, since: int | None) -> Start:
        """Returns where a stream begins: after the event with this id. Without an id, it begins with the messages
        received at `since` (milliseconds) or later. Without both, it begins now.
        """
        _, now, server_time = await self._look(shop, None)
        oldest = server_time - self._ttl * 1_000_000
        position = now if since is None else max(oldest, since * 1000 - 1)
        if event_id is not None:
            try:
                (position,) = self._cursors.read(shop, "s", event_id)
            except CursorRefused:
                return Start(position=now, now=now, gap="unknown")
            if position > max(now, server_time):
                return Start(position=now, now=now, gap="unknown")
            if position < oldest:
                return Start(position=now, now=now, gap="expired")
        if position < now:
            behind = await self._connection.command("ZCOUNT", shop_keys(shop).shop_index, position, "+inf")
            if behind > BACKLOG:
                return Start(position=now, now=now, gap="too_far")
        return Start(position, now)

    def event_id(self, shop: ShopId, position: int) -> str:
        """Returns the event id of a position, which viewers get."""
        return self._cursors.write(shop, "s", position)

    async def _look(self, shop: ShopId, after: int | None) -> tuple[Stretch, int, int]:
        """Returns a stretch (empty if `after` is None), the shop's newest moment, and the server's time."""
        keys = shop_keys(shop)
        size = 0 if after is None else LOOKS_PER_READ
        call = FOLLOW([keys.registry, keys.shop_index, keys.changes], [keys.hash_tag, after or 0, size, READ_BYTES])
        reply = await self._connection.run(call, tries=2)
        server_time, newest, looked, more = map(int, reply[:4])
        now = max(newest, server_time - SLACK)
        events: list[StreamEvent] = []
        read = 0
        for what, score, first, second in zip(*(reply[at::4] for at in range(5, 9)), strict=True):
            if self._turns.over():
                await self._turns.turn(shop)
            try:
                content = self._content(shop, reply[4], what, first, second)
            except (Corrupt, SealBroken) as error:
                log.warning("record_unreadable", reason=error.reason)
                continue
            events.append(StreamEvent(_NAMES[what], content, int(score)))
            read += len(content.content) if isinstance(content, KeptMessage) else _SMALL
            if read >= READ_BYTES:
                looked, more = int(score), 1
                break
        position = looked if more else max(looked, server_time - SLACK)
        return Stretch(events, position, more=bool(more)), now, server_time

    def _content(
        self, shop: ShopId, secret: bytes | None, what: bytes, first: bytes, second: bytes
    ) -> KeptMessage | Unsend | PurgeEvent | StaffMark:
        match what:
            case b"m" | b"e":
                record = self._secrets.vault(shop, secret).open(second[:ID_BYTES], second[ID_BYTES:])
                return kept(record, int(first))
            case b"x":
                return open_unsent(self._sealer, shop, first, second)
            case b"k":
                return open_staff_mark(self._secrets.vault(shop, secret), first, second)
            case _:
                return PurgeEvent(PurgeId(second.decode()), PURGE_TARGETS[first])
