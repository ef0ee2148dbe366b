"""Which Page is checked next, by one of all replicas; and when no replica accepted deliveries.

It holds Page ids and statuses only. All times are Unix milliseconds of the caller. The keys share a slot, so each
change is one step. Each change extends the deadlines of the keys.
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
from cache.server.connection import Arg, Connection, hash_fields, scored
from domain.ids import PageId
from domain.shop import PageStatus
from domain.watch import WITHIN, Outage, Within

NEAR: Final = 60 * 60 * 1000
"""Milliseconds between two outages below which they count as one: healing after the first may not have finished when
the second began."""

SPREAD_PER_CALL: Final = 500
"""Pages made due in one script call: about a millisecond of the server's time."""

STATUSES: Final[tuple[PageStatus, ...]] = ("connected", "unsubscribed", "reconnect")
"""Statuses of watched Pages. A Page without a token is not watched."""

_PAGES: Final = (WATCH_DUE, WATCH_STATUS, WATCH_COUNTS)
_OF_ONE: Final = (*_PAGES, WATCH_GRANTED, WATCH_EXPIRING, WATCH_UNHEALED)


class Watchlist:
    """The list. Every method raises `Unavailable` when Redis is."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def watch(self, page: PageId, due_ms: int, status: PageStatus, /) -> None:
        """Check a Page at that time; until then it has this status."""
        await self._connection.run(WATCH([*_OF_ONE], [WATCH_SECONDS, page, due_ms, status]), tries=2)

    async def forget(self, page: PageId, /) -> None:
        """Forget a Page, also who granted its token."""
        await self._connection.run(WATCH([*_OF_ONE], [WATCH_SECONDS, page, 0, ""]), tries=2)

    async def note_expiry(self, page: PageId, expires_ms: int | None, /) -> None:
        """Record when the Page's token ends; None for a token without an end."""
        end = "" if expires_ms is None else str(expires_ms)
        await self._connection.run(NOTE_SCORE([WATCH_EXPIRING], [WATCH_SECONDS, page, end]), tries=2)

    async def expiring(self, now_ms: int, /) -> dict[Within, int]:
        """How many Pages have a token that ends within a day, and within 14 days, those of the day included."""
        return {
            within: int(await self._connection.command("ZCOUNT", WATCH_EXPIRING, now_ms, now_ms + longest))
            for within, longest in WITHIN.items()
        }

    async def unhealed(self) -> int:
        """How many conversations are refused, at all Pages."""
        found = await self._connection.command("ZRANGE", WATCH_UNHEALED, 0, -1, "WITHSCORES")
        return sum(score for _, score in scored(found))

    async def take(self, now_ms: int, lease_ms: int, count: int, /) -> list[PageId]:
        """At most `count` Pages that are due, the longest due first. They are due again when the lease ends; until then
        no other replica gets them.
        """
        # No second try: if the answer was lost, those Pages wait for their lease, and a second try would take more.
        pages = await self._connection.run(TAKE([*_PAGES], [WATCH_SECONDS, now_ms, now_ms + lease_ms, count]))
        return [PageId(page.decode()) for page in pages]

    async def renew(self, page: PageId, until_ms: int, /) -> None:
        """Check a Page at that time, not before. A forgotten Page stays forgotten."""
        await self._connection.command("ZADD", WATCH_DUE, "XX", until_ms, page)

    async def counts(self) -> dict[PageStatus, int]:
        """How many watched Pages there are of each status, also where it is none."""
        fields = hash_fields(await self._connection.command("HGETALL", WATCH_COUNTS))
        return {status: int(fields.get(status.encode(), 0)) for status in STATUSES}

    async def beat(self, now_ms: int, longest_ms: int, spread_ms: int, /) -> Outage | None:
        """Record that a replica is running. Returns the outage that ends now, if the last beat of any replica is older
        than `longest_ms`: only the first caller gets it. Then every Page becomes due, spread evenly over `spread_ms`. A
        Page that is due sooner is not changed. If this is interrupted, the next beat continues. The very first beat
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
        """The last outage. Outages less than an hour apart count as one, from the beginning of the first."""
        found = await self._connection.command("GET", WATCH_OUTAGE)
        if found is None:
            return None
        began, ended = map(int, found.split())
        return Outage(began, ended)
