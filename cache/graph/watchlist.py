"""The list of Pages to be checked, shared by all replicas, and the times when no replica accepted deliveries.

It contains Page ids, statuses, times and numbers. It contains persons only as keyed hashes. All times are Unix
milliseconds by the caller's clock. The keys share a slot, so each change is one step. Each change sets later expiry
times for the keys.
"""

from typing import Final

from cache.keys import (
    OUTAGE_SECONDS,
    WATCH_BEAT,
    WATCH_COUNTS,
    WATCH_DUE,
    WATCH_EXPIRING,
    WATCH_GRANTED,
    WATCH_OUTAGE,
    WATCH_SECONDS,
    WATCH_SPREAD,
    WATCH_STATUS,
    WATCH_UNHEALED,
)
from cache.scripts import BEAT, NOTE_SCORE, TAKE, WATCH
from cache.server.connection import Arg, Connection
from cache.server.scan import hash_fields, scored
from domain.ids import PageId
from domain.shop import PageStatus
from domain.watch import WITHIN, Outage, Within

NEAR: Final = 60 * 60 * 1000
"""Milliseconds. Two outages with less time between them count as one outage, because it is possible that healing after
the first outage is not finished yet."""

SPREAD_PER_CALL: Final = 500
"""Pages that one script call makes due. The call takes about a millisecond of the server's time."""

STATUSES: Final[tuple[PageStatus, ...]] = ("connected", "unsubscribed", "reconnect")
"""Statuses of watched Pages. A Page without a token is not watched."""

_PAGES: Final = (WATCH_DUE, WATCH_STATUS, WATCH_COUNTS)
_OF_ONE: Final = (*_PAGES, WATCH_GRANTED, WATCH_EXPIRING, WATCH_UNHEALED)


class Watchlist:
    """The watchlist. Every method raises `Unavailable` when Redis is unavailable."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def watch(self, page: PageId, due_ms: int, status: PageStatus, /) -> None:
        """Let a Page be checked at this time. Until then it has this status."""
        await self._connection.run(WATCH([*_OF_ONE], [WATCH_SECONDS, page, due_ms, status]), tries=2)

    async def forget(self, page: PageId, /) -> None:
        """Forget a Page, and also who granted its token."""
        await self._connection.run(WATCH([*_OF_ONE], [WATCH_SECONDS, page, 0, ""]), tries=2)

    async def note_expiry(self, page: PageId, expires_ms: int | None, /) -> None:
        """Record when the Page's token ends; None for a token without an end."""
        end = "" if expires_ms is None else str(expires_ms)
        await self._connection.run(NOTE_SCORE([WATCH_EXPIRING], [WATCH_SECONDS, page, end]), tries=2)

    async def expiring(self, now_ms: int, /) -> dict[Within, int]:
        """Returns two numbers of Pages: with a token that ends within a day, and with a token that ends within 14
        days."""
        return {
            within: int(await self._connection.command("ZCOUNT", WATCH_EXPIRING, now_ms, now_ms + longest))
            for within, longest in WITHIN.items()
        }

    async def unhealed(self) -> int:
        """Returns how many conversations are refused, for all Pages together."""
        found = await self._connection.command("ZRANGE", WATCH_UNHEALED, 0, -1, "WITHSCORES")
        return sum(score for _, score in scored(found))

    async def take(self, now_ms: int, lease_ms: int, count: int, /) -> list[PageId]:
        """Returns at most `count` Pages that are due, beginning with the Page that has been due longest. They are due
        again when the lease ends. Until then no other replica gets them.
        """
        # The call is not repeated, because a repeat would take more Pages. If the answer was lost, its Pages are due
        # after their lease.
        pages = await self._connection.run(TAKE([*_PAGES], [WATCH_SECONDS, now_ms, now_ms + lease_ms, count]))
        return [PageId(page.decode()) for page in pages]

    async def renew(self, page: PageId, until_ms: int, /) -> None:
        """Let a Page be checked at this time, and not earlier. A forgotten Page stays forgotten."""
        await self._connection.command("ZADD", WATCH_DUE, "XX", until_ms, page)

    async def counts(self) -> dict[PageStatus, int]:
        """Returns how many watched Pages have each status; 0 for a status that no Page has."""
        fields = hash_fields(await self._connection.command("HGETALL", WATCH_COUNTS))
        return {status: int(fields.get(status.encode(), 0)) for status in STATUSES}

    async def beat(self, now_ms: int, longest_ms: int, spread_ms: int, /) -> Outage | None:
        """Record that a replica is running. If the newest beat of all replicas is older than `longest_ms`, an outage
        ends now. Only the first caller gets this outage. Then every Page becomes due within `spread_ms`, evenly spread.
        A Page that is due sooner is not changed. If this is interrupted, the next beat continues. The very first beat
        ends no outage.
        """
        return await self._beat(now_ms, longest_ms, spread_ms, "")

    async def lost_since(self, since_ms: int, now_ms: int, spread_ms: int, /) -> None:
        """Record that messages stored after `since_ms` are lost, as an outage that ends now."""
        await self._beat(now_ms, 0, spread_ms, since_ms)

    async def _beat(self, now_ms: int, longest_ms: int, spread_ms: int, since: Arg) -> Outage | None:
        args: list[Arg] = [WATCH_SECONDS, now_ms, longest_ms, OUTAGE_SECONDS, NEAR, spread_ms, SPREAD_PER_CALL, since]
        call = BEAT([WATCH_BEAT, WATCH_OUTAGE, WATCH_DUE, WATCH_SPREAD], args)
        began, left = await self._connection.run(call)
        while left:
            _, left = await self._connection.run(call)
        return Outage(int(began), now_ms) if began else None

    async def outage(self) -> Outage | None:
        """Returns the last outage. Outages less than an hour apart count as one outage, which begins with the first of
        them."""
        found = await self._connection.command("GET", WATCH_OUTAGE)
        if found is None:
            return None
        began, ended = map(int, found.split())
        return Outage(began, ended)
