"""A shop's audit log in Redis: appends and reads entries.

Each change is one entry of the stream `d:{S}`. The hash `o:{S}` counts the reads of all replicas for each hour, action,
subject and address. After the hour, each count becomes one entry (`audit.lua`, the sweeper). Before the log is read,
every count becomes an entry. The stream keeps only the newest entries, up to a limited number. Readers see the entries
of the last 90 days.
"""

from collections.abc import AsyncIterator, Callable
from typing import Final

import structlog

from cache.cursors import Cursors
from cache.keys import AUDIT_SECONDS, shop_keys
from cache.scripts import AUDIT, AUDIT_CLOSE
from cache.server.connection import Arg, Connection
from domain import limits
from domain.audit import Access, Entry
from domain.ids import PageId, ShopId
from domain.query import Slice

DAY: Final = 86_400

WALK_ENTRIES: Final = 500
"""Entries that one step of a walk reads. They have about 100 KB."""

Stored = tuple[bytes, dict[bytes, bytes]]

log = structlog.get_logger()


def log_line(shop: ShopId, access: Access, times: int) -> None:
    """Write an access to this process's log too. A person with write access to Redis cannot change this copy."""
    log.info(
        "audit", shop=shop, subject=access.subject, action=access.action, client=access.client, page=access.page,
        events=times,
    )  # fmt: skip


class AuditLog:
    """The logs of all shops. `now` returns Unix seconds. Every method raises `Unavailable` if Redis is unavailable."""

    def __init__(self, connection: Connection, cursors: Cursors, *, now: Callable[[], float]) -> None:
        self._connection = connection
        self._cursors = cursors
        self._now = now

    async def append(self, shop: ShopId, access: Access, *, times: int = 1, since: int | None = None) -> None:
        """Record an access. When this returns, the access is in the log. `since` is the time of the first access in
        milliseconds; by default it is now. A change is also written to this process's log. The caller decides which
        reads are written there.

        Raises:
            RateReached: the access is a change, and the shop has used up its changes of today.
        """
        keys = shop_keys(shop)
        args: list[Arg] = [
            *(int(access.read), access.action, access.subject, access.client, access.page or "", times),
            *("" if since is None else since, *_allowed(access)),
        ]
        if await self._connection.run(AUDIT([keys.registry, keys.audit_reads, keys.audit], args), tries=2) == b"full":
            sentence = "This shop has made too many changes today (UTC)."
            deletes = access.action == "purgeMessages"
            wait = limits.DELETION_PAUSE_SECONDS if deletes else DAY - int(self._now()) % DAY
            raise limits.RateReached("too_many_changes", sentence, retry_after=wait)
        if not access.read:
            log_line(shop, access, 1)

    async def entries(self, shop: ShopId, *, limit: int, cursor: str | None) -> Slice[Entry]:
        """Returns entries, the newest first.

        Raises:
            CursorRefused: this service did not make the cursor.
            SealKeysMissing: there is no key to sign a cursor with.
        """
        below = "+"
        if cursor is None:
            await self._close(shop)
        else:
            below = "({}-{}".format(*self._cursors.read(shop, "a", cursor))
        found = await self._range("XREVRANGE", shop, below, self._kept_since(), limit + 1)
        next_cursor = None
        if len(found) > limit:
            milliseconds, _, number = found[limit - 1][0].partition(b"-")
            next_cursor = self._cursors.write(shop, "a", int(milliseconds), int(number))
        return Slice([_entry(one) for one in found[:limit]], next_cursor)

    async def walk(self, shop: ShopId) -> AsyncIterator[list[Entry]]:
        """Yields all entries in groups, the oldest first. Entries that are added during the walk come too."""
        await self._close(shop)
        after = self._kept_since()
        while found := await self._range("XRANGE", shop, after, "+", WALK_ENTRIES):
            yield [_entry(one) for one in found]
            after = f"({found[-1][0].decode()}"

    async def _close(self, shop: ShopId) -> None:
        """Write the present counts as entries, so that a reader sees them."""
        keys = shop_keys(shop)
        await self._connection.run(AUDIT_CLOSE([keys.audit_reads, keys.audit], [1]), tries=2)

    def _kept_since(self) -> str:
        return str(int((self._now() - AUDIT_SECONDS) * 1000))

    async def _range(self, command: str, shop: ShopId, start: str, end: str, count: int) -> list[Stored]:
        found: list[Stored] = await self._connection.command(command, shop_keys(shop).audit, start, end, "COUNT", count)
        return found


def _entry(stored: Stored) -> Entry:
    _, fields = stored
    at = int(fields[b"t"])
    page = fields[b"p"].decode()
    access = Access(
        fields[b"a"].decode(),
        fields[b"s"].decode(),
        fields[b"c"].decode(),
        PageId(page) if page else None,
    )
    return Entry(at, at - int(fields[b"f"]), int(fields[b"n"]), access)


def _allowed(access: Access) -> tuple[int, int]:
    """Returns the number of allowed changes per day (0: changes are not counted). Above this number, one more change is
    allowed each time the second value has passed, in microseconds (0: no more changes)."""
    if not access.limited:
        return 0, 0
    pause = max(1, limits.DELETION_PAUSE_SECONDS * 1_000_000) if access.action == "purgeMessages" else 0
    return limits.CHANGES_PER_DAY, pause
