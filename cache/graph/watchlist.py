"""Which Page is looked at next, once across replicas; and when nobody was there to take deliveries.

Page ids and statuses only. All times are the callers' Unix milliseconds. The keys share a slot, so each change is one
step; each has a deadline that every change puts off.
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
"""Milliseconds of service between two outages below which they count as one: what the first one lost may not have
been made up when the second began."""

SPREAD_PER_CALL: Final = 500
"""Pages made due in one script call: about a millisecond of the server's time."""

STATUSES: Final[tuple[PageStatus, ...]] = ("connected", "unsubscribed", "reconnect")
"""Of Pages that are watched; one without a token is not."""

_PAGES: Final = (WATCH_DUE, WATCH_STATUS, WATCH_COUNTS)
_OF_ONE: Final = (*_PAGES, WATCH_GRANTED, WATCH_EXPIRING, WATCH_UNHEALED)


class Watchlist:
    """The list. Every method raises `Unavailable` when Redis is."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def watch(self, page: PageId, due_ms: int, status: PageStatus, /) -> None:
        """Have a Page looked at then; until then it counts as this."""
        await self._connection.run(WATCH([*_OF_ONE], [WATCH_SECONDS, page, due_ms, status]), tries=2)

    async def forget(self, page: PageId, /) -> None:
        """Have a Page looked at no more, nor counted; nor is it known any more who granted its token."""
        await self._connection.run(WATCH([*_OF_ONE], [WATCH_SECONDS, page, 0, ""]), tries=2)

    async def note_expiry(self, page: PageId, expires_ms: int | None, /) -> None:
        """Count the Page's token among those that end then; None for a token without an end."""
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
        """The Pages that are due, at most so many, the longest due first. They are due again when the lease is over;
        until then nobody else gets them.
        """
        # Not twice: Pages whose answer was lost would wait for their lease, and as many more.
        pages = await self._connection.run(TAKE([*_PAGES], [WATCH_SECONDS, now_ms, now_ms + lease_ms, count]))
        return [PageId(page.decode()) for page in pages]

    async def renew(self, page: PageId, until_ms: int, /) -> None:
        """Have a Page looked at then and not before. One that was forgotten meanwhile stays so."""
        await self._connection.command("ZADD", WATCH_DUE, "XX", until_ms, page)

    async def counts(self) -> dict[PageStatus, int]:
        """How many watched Pages there are of each status, those without any included."""
        fields = hash_fields(await self._connection.command("HGETALL", WATCH_COUNTS))
        return {status: int(fields.get(status.encode(), 0)) for status in STATUSES}

    async def beat(self, now_ms: int, longest_ms: int, spread_ms: int, /) -> Outage | None:
        """Say that a replica is there. Where none had said so for longer than `longest_ms`, the outage that ends with
        it: only the first caller gets it. Every Page is due then, evenly from now on over `spread_ms`, and one that is
        due sooner stays so; where this is cut short, the next beat goes on. Before the very first beat there was no
        outage.
        """
        return await self._beat(now_ms, longest_ms, spread_ms, "")

    async def lost_since(self, since_ms: int, now_ms: int, spread_ms: int, /) -> None:
        """Say that messages which were stored after `since_ms` are lost: that is an outage that ends now."""
        await self._beat(now_ms, 0, spread_ms, since_ms)

    async def _beat(self, now_ms: int, longest_ms: int, spread_ms: int, since: Arg) -> Outage | None:
        args: list[Arg] = [WATCH_SECONDS, now_ms, longest_ms, OUTAGE_SECONDS, NEAR, spread_ms, SPREAD_PER_CALL, since]
        call = BEAT([WATCH_BEAT, WATCH_OUTAGE, WATCH_DUE, WATCH_SPREAD], args)
        began, left = await self._connection.run(call)
        while left:
            _, left = await self._connection.run(call)
        return Outage(int(began), now_ms) if began else None

    async def outage(self) -> Outage | None:
        """The last outage; with those before it that were less than an hour apart, from the first one's beginning."""
        told = await self._connection.command("GET", WATCH_OUTAGE)
        if told is None:
            return None
        began, ended = map(int, told.split())
        return Outage(began, ended)
