"""A shop's audit log in Redis: appended to, read, walked, verified. What an entry is: cache/audit/chain.py.

Replicas append side by side. Each chains its entry to the last one it knows of, and the script stores it only where
the log still ends with that one; the others chain anew. So there is one chain and no lock.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import lru_cache, partial
from typing import Final

import structlog

from cache.audit.chain import NONCE_BYTES, START, Head, chain, examine, read_entry, read_head
from cache.cursors import Cursors
from cache.errors import Corrupt, Unavailable
from cache.keyring import Keyring
from cache.keys import AUDIT_SECONDS, shop_keys
from cache.scripts import AUDIT
from cache.server.connection import Arg, Connection, scored
from domain import limits
from domain.audit import Access, Damage, Entry
from domain.cursor import Slice
from domain.ids import ShopId

PURPOSE: Final = "audit"
DAY: Final = 86_400

TRIES: Final = 50
"""Each failed one means that another replica has appended meanwhile."""
TURN_SECONDS: Final = 1.0
"""How long an entry waits for those before it in the same shop; each takes a millisecond."""
TAILS_REMEMBERED: Final = 4096
"""Shops whose last entry is known without asking: another costs one round trip."""
WALK_ENTRIES: Final = 500
"""Entries read in one step of a walk: some 100 KB."""

log = structlog.get_logger()


class _Tail:
    """The end of one shop's log, as this process knows it."""

    __slots__ = ("_lock", "head")

    def __init__(self) -> None:
        self.head = START
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One appends at a time. While Redis hangs each of them takes a second: nobody queues behind many."""
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await self._lock.acquire()
        except TimeoutError:
            raise Unavailable("redis_timeout") from None
        try:
            yield
        finally:
            self._lock.release()


class AuditLog:
    """The logs of all shops. `now` in Unix seconds; `new_nonce` gives so many random bytes.

    Every method raises `Unavailable` when Redis is.
    """

    def __init__(
        self,
        connection: Connection,
        keyring: Keyring,
        *,
        now: Callable[[], float],
        new_nonce: Callable[[int], bytes],
    ) -> None:
        self._connection = connection
        self._keyring = keyring
        self._cursors = Cursors(keyring)
        self._now = now
        self._new_nonce = new_nonce
        self._tail = lru_cache(maxsize=TAILS_REMEMBERED)(self._new_tail)

    async def append(self, shop: ShopId, access: Access, *, times: int = 1, since: int | None = None) -> None:
        """Write an entry; it stands once this returns. `since` in milliseconds, now unless it is given.

        Raises:
            SealKeysMissing: there is no key to authenticate it with.
            RateReached: it is a change, and the shop has made as many today as it may.
        """
        key_id, key = self._keyring.signing(PURPOSE, shop)
        keys, tail = shop_keys(shop), self._tail(shop)
        async with tail.turn():
            for _ in range(TRIES):
                head, now = tail.head, int(self._now() * 1000)
                nonce = self._new_nonce(NONCE_BYTES)
                at = now if since is None else since
                entry, new = chain(head, access, now=now, since=at, times=times, key_id=key_id, key=key, nonce=nonce)
                before = b"" if head == START else head.write()
                args: list[Arg] = [before, new.write(), new.sequence, entry, AUDIT_SECONDS * 1000, *_allowed(access)]
                there = await self._connection.run(AUDIT([keys.registry, keys.audit], args), tries=2)
                if not there:
                    tail.head = new
                    return
                if there == b"full":
                    sentence = "This shop has made too many changes today (UTC)."
                    deletes = access.action == "purgeMessages"
                    wait = limits.DELETION_PAUSE_SECONDS if deletes else DAY - int(self._now()) % DAY
                    raise limits.RateReached("too_many_changes", sentence, retry_after=wait)
                tail.head = self._moved_on(shop, head, START if there == b"none" else read_head(there))
        raise Unavailable("audit_busy")

    async def entries(self, shop: ShopId, *, limit: int, cursor: str | None) -> Slice[Entry]:
        """Entries, newest first.

        Raises:
            CursorRefused: the cursor is none of ours.
        """
        below = "+inf"
        if cursor is not None:
            (sequence,) = self._cursors.read(shop, "a", cursor)
            below = f"({sequence}"
        found = await self._range(shop, below, "-inf", "REV", limit + 1)
        next_cursor = self._cursors.write(shop, "a", found[limit - 1][1]) if len(found) > limit else None
        return Slice(self._readable(found[:limit]), next_cursor)

    async def walk(self, shop: ShopId) -> AsyncIterator[list[Entry]]:
        """All entries, oldest first, some at a time; those that come meanwhile too."""
        async for found in self._walk(shop):
            yield self._readable(found)

    async def verify(self, shop: ShopId) -> tuple[int, list[Damage]]:
        """How many entries there are, and everything that is wrong with them."""
        stored, head = [one async for some in self._walk(shop) for one in some], START
        for _ in range(TRIES):
            # Replicas go on appending: the head and the last entries are taken in a moment in which none did.
            before = await self._head(shop)
            above = f"({stored[-1][1]}" if stored else "-inf"
            stored += await self._range(shop, above, "+inf", "", WALK_ENTRIES)
            head = await self._head(shop)
            if head == before:
                break
        key = partial(self._keyring.key, purpose=PURPOSE, shop=shop)
        kept_since = int((self._now() - AUDIT_SECONDS) * 1000)
        return len(stored), examine(stored, head, key, kept_since=kept_since)

    async def _head(self, shop: ShopId) -> Head:
        """What the shop's record names; `START` where that is nothing, or nothing of ours."""
        field = await self._connection.command("HGET", shop_keys(shop).registry, "audit")
        try:
            return read_head(field)
        except Corrupt:
            return START

    async def _walk(self, shop: ShopId) -> AsyncIterator[list[tuple[bytes, int]]]:
        above = "-inf"
        while found := await self._range(shop, above, "+inf", "", WALK_ENTRIES):
            yield found
            if len(found) < WALK_ENTRIES:
                break
            above = f"({found[-1][1]}"

    async def _range(self, shop: ShopId, start: str, end: str, order: str, count: int) -> list[tuple[bytes, int]]:
        command = ["ZRANGE", shop_keys(shop).audit, start, end, "BYSCORE", *([order] if order else [])]
        reply = await self._connection.command(*command, "LIMIT", 0, count, "WITHSCORES")
        return scored(reply)

    def _readable(self, stored: list[tuple[bytes, int]]) -> list[Entry]:
        """Those that are still to be kept; a damaged one is logged and left out."""
        kept_since = int((self._now() - AUDIT_SECONDS) * 1000)
        readable = []
        for one, sequence in stored:
            try:
                entry = read_entry(one, sequence)
            except Corrupt as error:
                log.warning("record_unreadable", reason=error.reason)
                continue
            if entry.at >= kept_since:
                readable.append(entry)
        return readable

    def _moved_on(self, shop: ShopId, known: Head, there: Head) -> Head:
        """The head that is there. Heads only ever go on: one that has gone back was put back by somebody, or by a
        server that has lost its last writes.
        """
        if there.sequence < known.sequence:
            log.warning("audit_went_back", shop=shop)
        return there

    @staticmethod
    def _new_tail(_shop: ShopId) -> _Tail:
        return _Tail()


def _allowed(access: Access) -> tuple[int, int]:
    """How many changes the shop may make in a day, 0 = not counted; µs after which one more is allowed, 0 = none."""
    if not access.limited:
        return 0, 0
    pause = max(1, limits.DELETION_PAUSE_SECONDS * 1_000_000) if access.action == "purgeMessages" else 0
    return limits.CHANGES_PER_DAY, pause
