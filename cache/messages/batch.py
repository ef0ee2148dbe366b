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
from cache.messages.queue import RETRY_AFTER_SECONDS, Part, Row
from cache.messages.vault import ShopSecrets
from cache.registry.routes import PageRoute
from cache.scripts import PUT
from cache.server.connection import Arg, Connection, Reply, ScriptCall
from domain.event import Outcome
from domain.ids import PageId
from ops.metrics import Metrics

CALL_MESSAGES: Final = 250
"""Messages in one script call: it takes 2 to 4 ms, in which the server carries out no other call."""
MERGE_TRIES: Final = 8
"""Tries to store a message with its edit. A try fails only if another edit came meanwhile. Facebook allows five."""
CLOCKS_DIFFER_MS: Final = 30_000
"""Two clocks that are set by NTP differ by less than this."""

log = structlog.get_logger()


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

    async def store(self, parts: Sequence[Part], settle: Callable[[Part, list[Outcome] | Unavailable], None]) -> None:
        """Store these messages. As soon as the outcomes of a part are known, `settle` gets them, or the error because
        of which some messages of the part may not be stored.

        Raises:
            Unavailable: it is unknown what is stored; `settle` gets nothing.
        """
        pieces: list[Part] = []
        ends = []
        for part in parts:
            if len(part.rows) <= CALL_MESSAGES:
                pieces.append(part)
            else:
                starts = range(0, len(part.rows), CALL_MESSAGES)
                pieces += [Part(part.route, (), part.rows[at : at + CALL_MESSAGES]) for at in starts]
            ends.append(len(pieces))
        began = self._clock()
        replies = await self._seal_and_send(pieces)
        self._metrics.stored(self._clock() - began, sum([len(part.rows) for part in parts]))
        unsettled = []
        first = 0
        for part, end in zip(parts, ends, strict=True):
            reply = replies[first]
            # Most parts are one piece, and its reply is only letters.
            if end - first == 1 and not isinstance(reply, Unavailable) and len(reply) == 1 and b"o" not in reply[0]:
                settle(part, _outcomes(reply[0]))
            else:
                unsettled.append((part, pieces[first:end], replies[first:end]))
            first = end
        for part, of_part, replied in unsettled:  # these may need more round trips, so they come last
            try:
                settle(part, self._checked(part, await self._merged_outcomes(of_part, replied)))
            except Unavailable as error:
                settle(part, error)

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
            keys, vault = shop_keys(part.route.shop), self._secrets.vault(*part.route)
            pages, values = dict[PageId, bytes](), list[Arg]()
            for row in part.rows:
                pages[row.page] = row.page_tag
                values += (row.id, row.sent_at, vault.seal(row.id, row.record, next(drawn)), row.merged)
            names += keys.of_put
            args += (keys.hash_tag, vault.id, len(pages), len(part.rows))
            for page in pages.items():
                args += page
            args += values
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

    async def _merged_outcomes(self, pieces: Sequence[Part], replies: Sequence[Reply | Unavailable]) -> list[Outcome]:
        """Returns the outcomes, after edits that came before their messages are merged.

        Raises:
            Unavailable: one of the replies is this error, or a message may not be stored.
        """
        letters = b""
        for piece, reply in zip(pieces, replies, strict=True):
            if isinstance(reply, Unavailable):
                raise reply
            found = bytearray(reply[0])
            for number, waiting in zip(reply[1::2], reply[2::2], strict=True):
                found[number - 1 : number] = await self._put_with_edit(piece.route, piece.rows[number - 1], waiting)
            letters += found
        return _outcomes(letters)

    async def _put_with_edit(self, route: PageRoute, row: Row, waiting: bytes) -> bytes:
        """Store a message together with its edit, which came first. Returns the letter of the outcome."""
        for _ in range(MERGE_TRIES):
            (reply,) = await self._seal_and_send([Part(route, (), [self._merged(route, row, waiting)])])
            if isinstance(reply, Unavailable):
                raise reply
            letter: bytes = reply[0]
            if letter != b"w":
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


def _outcomes(letters: bytes) -> list[Outcome]:
    return list(map(OUTCOMES.__getitem__, letters.decode()))
