"""A shop's stored time: messages as they came, and what became of them, oldest first.

Each message and each change has a moment, unique and rising in a shop, set in the step that writes it. So a reader that
has read up to a position has read everything before it, and continues from there without a gap or a repetition. A
message is read in its present state. What has been erased or purged since is left out.
"""

from typing import Final

import structlog

from cache.codec import kept
from cache.cursors import Cursors
from cache.errors import Corrupt, CursorRefused, SealBroken
from cache.keys import ID_BYTES, shop_keys
from cache.messages.shop_secrets import ShopSecrets
from cache.messages.unsent import UnsentIds
from cache.scripts import FOLLOW
from cache.server.connection import Connection
from domain.ids import PurgeId, ShopId
from domain.kept import KeptMessage
from domain.message import Unsend
from domain.shop import PURGE_TARGETS
from domain.stream import PurgeEvent, Start, StreamEvent, StreamEventName, Stretch
from domain.turn import Turns

LOOKS_PER_READ: Final = 200
"""Entries one script call looks at: about half a millisecond of the server's time."""
READ_BYTES: Final = 256 * 1024
"""Limit: bytes of events that are read from the store at once for a stream; one single event may have more. A short
value of Redis can be a long JSON."""
BACKLOG: Final = 50_000
"""Messages that a resumed stream sends again at most. A viewer that missed more starts from the newest ones."""
SLACK: Final = 600_000_000
"""Microseconds by which a position stays behind the server's clock where nothing is stored: a clock that is set back by
less gives no moment twice."""

_NAMES: Final[dict[bytes, StreamEventName]] = {b"m": "message", b"e": "edited", b"x": "erased", b"p": "purge"}
"""The events, by the letter that `follow.lua` replies."""
_SMALL: Final = 200
"""Bytes that any other event than a message counts."""

log = structlog.get_logger()


class Timeline:
    """Reads it; `ttl` in seconds, `turns` share the event loop.

    Every method raises `Unavailable` when Redis is.
    """

    def __init__(
        self,
        connection: Connection,
        secrets: ShopSecrets,
        unsent: UnsentIds,
        cursors: Cursors,
        *,
        ttl: int,
        turns: Turns,
    ) -> None:
        self._connection = connection
        self._secrets = secrets
        self._unsent = unsent
        self._cursors = cursors
        self._ttl = ttl
        self._turns = turns

    async def read(self, shop: ShopId, after: int) -> Stretch:
        """What comes next after a position, some of it; an empty stretch is the end, at present."""
        stretch, _, _ = await self._look(shop, after)
        return stretch

    async def start(self, shop: ShopId, event_id: str | None, since: int | None) -> Start:
        """Where a stream begins: behind the event of an id, else with what was received at `since` (milliseconds) or
        later, else now.
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
        """A position as viewers know it."""
        return self._cursors.write(shop, "s", position)

    async def _look(self, shop: ShopId, after: int | None) -> tuple[Stretch, int, int]:
        """A stretch, the newest moment of the shop, and the server's clock. With None, only the last two."""
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
    ) -> KeptMessage | Unsend | PurgeEvent:
        match what:
            case b"m" | b"e":
                record = self._secrets.vault(shop, secret).open(second[:ID_BYTES], second[ID_BYTES:])
                return kept(record, int(first))
            case b"x":
                return self._unsent.open(shop, first, second)
            case _:
                return PurgeEvent(PurgeId(second.decode()), PURGE_TARGETS[first])
