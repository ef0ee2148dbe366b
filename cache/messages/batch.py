"""Batches: makes calls of `put.lua` from messages of several shops, and outcomes from its replies.

One script call contains the messages of several shops. On a cluster it contains those of one shop, because the keys of
a call must share a slot. If the answer of a write was lost, the write is sent once more. Each value contains a nonce,
by which `put.lua` distinguishes our own earlier write from a duplicate.

Values are sealed when they are sent, under the secret of their route. If the shop has another secret at that time,
`put.lua` stores nothing, and the outcomes are those of an unknown Page. Then the caller looks the Page up again.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import structlog

from cache.codec import merged
from cache.errors import UNREACHED, Corrupt, Unavailable, contended
from cache.keys import shop_keys
from cache.messages.changes import OUTCOMES
from cache.messages.queue import RETRY_AFTER_SECONDS, Row
from cache.messages.shop_secrets import ShopSecrets, secret_id
from cache.registry.routes import PageRoute
from cache.scripts import PUT
from cache.server.connection import Arg, Connection, Reply, ScriptCall
from domain.event import Outcome
from ops.metrics import Metrics

CALL_MESSAGES: Final = 250
"""Messages in one script call: it takes 2 to 4 ms, in which the server carries out no other call."""
MERGE_TRIES: Final = 8
"""Tries to store a message with its edit. A try fails only if another edit came meanwhile. Facebook allows five."""
CLOCKS_DIFFER_MS: Final = 30_000
"""Two clocks that are set by NTP differ by less than this."""

log = structlog.get_logger()


class Part:
    """Messages of one shop that are stored together."""

    __slots__ = ("route", "rows")

    def __init__(self, route: PageRoute, rows: list[Row]) -> None:
        self.route = route
        self.rows = rows


class BatchStore:
    """Stores batches. `ttl` in seconds; `clock` is monotonic, in seconds; `now` is in Unix seconds."""

    def __init__(
        self,
        connection: Connection,
        secrets: ShopSecrets,
        metrics: Metrics,
        *,
        ttl: int,
        clock: Callable[[], float],
        now: Callable[[], float],
    ) -> None:
        self._now = now
        self._connection = connection
        self._secrets = secrets
        self._metrics = metrics
        self._ttl = ttl
        self._clock = clock

    async def store(self, shops: Sequence[Part], settle: Callable[[int, list[Outcome] | Unavailable], None]) -> None:
        """Store the messages of these shops. As soon as a shop's outcomes are known, `settle` gets the shop's number
        and the outcomes, or the error because of which some messages may not be stored.

        Raises:
            Unavailable: it is unknown what is stored; `settle` gets nothing.
        """
        parts: list[Part] = []
        spans: list[tuple[int, int]] = []
        for one in shops:
            first = len(parts)
            rows = one.rows
            if len(rows) <= CALL_MESSAGES:
                parts.append(one)
            else:
                parts += [Part(one.route, rows[at : at + CALL_MESSAGES]) for at in range(0, len(rows), CALL_MESSAGES)]
            spans.append((first, len(parts)))
        began = self._clock()
        replies = await self._seal_and_send(parts)
        self._metrics.stored(self._clock() - began, sum([len(part.rows) for part in parts]))
        unsettled = []
        for number, (first, end) in enumerate(spans):
            outcomes = _plain(replies[first]) if end - first == 1 else None
            if outcomes is None:
                unsettled.append((number, first, end))
            else:
                settle(number, self._checked(shops[number], outcomes))
        for number, first, end in unsettled:  # these may need more round trips, so they come last
            try:
                outcomes = await self._outcomes(parts[first:end], replies[first:end])
                settle(number, self._checked(shops[number], outcomes))
            except Unavailable as error:
                settle(number, error)

    def _checked(self, part: Part, outcomes: list[Outcome]) -> list[Outcome] | Unavailable:
        """Returns the outcomes; or an error, if a message is too old for Redis but not by this machine's clock.

        In this case one of the two clocks is wrong, and the message must not be dropped.
        """
        if "too_old" in outcomes:
            # keeps: a wrong clock drops no message
            oldest = (self._now() - self._ttl) * 1000 + CLOCKS_DIFFER_MS
            for row, outcome in zip(part.rows, outcomes, strict=True):
                if outcome == "too_old" and isinstance(row.sent_at, int) and abs(row.sent_at) > oldest:
                    return Unavailable("redis_clock_wrong", retry_after=RETRY_AFTER_SECONDS)
        return outcomes

    async def _seal_and_send(self, parts: Sequence[Part]) -> list[Reply | Unavailable]:
        """Returns the replies of the script to these parts, after one round trip.

        Raises:
            Unavailable: it is unknown what is stored.
        """
        drawn = iter(self._secrets.draw(sum([len(part.rows) for part in parts])))
        calls, ends = [], []
        for first, end in self._spans(parts):
            calls.append(self._call(parts[first:end], drawn))
            ends.append((first, end))
        replies: list[Reply | Unavailable] = []
        for (first, end), reply in zip(ends, await self._send(calls), strict=True):
            if not isinstance(reply, Unavailable):
                replies += reply
            elif reply.reason != "redis_refused" or end - first == 1:
                replies += [reply] * (end - first)
            else:
                # One shop's keys may be damaged. The messages of other shops must still be stored.
                for part in parts[first:end]:
                    try:
                        replies += await self._seal_and_send([part])
                    except Unavailable as error:
                        replies.append(error)
        return replies

    def _spans(self, parts: Sequence[Part]) -> list[tuple[int, int]]:
        """Returns which parts are sent in one call: per call the first part, and the part after the last one."""
        spans, clustered = [], self._connection.clustered
        first = messages = 0
        for at, part in enumerate(parts):
            messages += len(part.rows)
            if at > first and (messages > CALL_MESSAGES or clustered):
                spans.append((first, at))
                first, messages = at, len(part.rows)
        spans.append((first, len(parts)))
        return spans

    def _call(self, parts: Sequence[Part], drawn: Iterator[bytes]) -> ScriptCall:
        names: list[bytes] = []
        args: list[Arg] = [self._ttl * 1000]
        for part in parts:
            (shop, secret), rows = part.route, part.rows
            keys = shop_keys(shop)
            names += keys.of_put
            pages = {row.page: row.page_tag for row in rows}
            args += (keys.hash_tag, secret_id(secret), len(pages), len(rows))
            for page in pages.items():
                args += page
            seal = self._secrets.vault(shop, secret).seal
            for row in rows:
                args += (row.id, row.sent_at, seal(row.id, row.record, next(drawn)), row.merged)
        return PUT(names, args)

    async def _send(self, calls: list[ScriptCall]) -> list[Reply | Unavailable]:
        try:
            async with asyncio.timeout(self._connection.limits.write):
                try:
                    return await self._connection.runs(calls)
                except Unavailable as error:
                    if error.reason not in UNREACHED | {"redis_timeout"}:
                        raise
                    return await self._connection.runs(calls)
        except TimeoutError:
            raise Unavailable("redis_timeout") from None

    async def _outcomes(self, parts: Sequence[Part], replies: Sequence[Reply]) -> list[Outcome]:
        letters = []
        for part, reply in zip(parts, replies, strict=True):
            if isinstance(reply, Unavailable):
                raise reply
            found = list(reply[0].decode())
            for number, waiting in zip(reply[1::2], reply[2::2], strict=True):
                found[number - 1] = await self._put_with_edit(part.route, part.rows[number - 1], waiting)
            letters += found
        return [OUTCOMES[letter] for letter in letters]

    async def _put_with_edit(self, route: PageRoute, row: Row, waiting: bytes) -> str:
        """Store a message together with its edit, which came first. Returns the letter of the outcome."""
        for _ in range(MERGE_TRIES):
            (reply,) = await self._seal_and_send([Part(route, [self._merged(route, row, waiting)])])
            if isinstance(reply, Unavailable):
                raise reply
            letter: str = reply[0].decode()
            if letter != "w":
                return letter
            waiting = reply[2]
        raise contended()

    def _merged(self, route: PageRoute, row: Row, waiting: bytes) -> Row:
        """Returns the message with its edit; the message alone if the edit cannot be read."""
        record = row.record
        try:
            record = merged(record, self._secrets.vault(*route).open(row.id, waiting))
        except Corrupt as error:
            log.warning("record_unreadable", reason=error.reason)
        return Row(row.page, row.page_tag, row.id, row.sent_at, record, waiting)


def _plain(reply: Reply | Unavailable) -> list[Outcome] | None:
    """Returns the outcomes of a reply; None if the reply is an error, or if an edit must be merged first."""
    if isinstance(reply, Unavailable) or len(reply) > 1:
        return None
    return [OUTCOMES[letter] for letter in reply[0].decode()]
