"""Stores messages of shops in batches. A batch is one round trip to Redis. It has all messages that arrived in one
event-loop iteration, or during the previous round trip.

One script call contains the messages of several shops. On a cluster, a call contains the messages of only one shop,
because the keys of a call must share a slot. If the answer of a write was lost, the write is sent again. Each value
contains a nonce, with which `put.lua` distinguishes a repeated write from a duplicate message.

Values are sealed when they are sent, with the secret of their route. If the shop has another secret at that time,
`put.lua` stores nothing, and the outcomes are the same as for an unknown Page. The caller then looks the Page up again.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import structlog

from cache.errors import UNREACHED, Unavailable
from cache.keys import shop_keys
from cache.messages.changes import OUTCOMES
from cache.messages.queue import (
    CALL_MESSAGES,
    MOST_MESSAGES,
    QUEUE_BYTES,
    QUEUE_MESSAGES,
    RETRY_AFTER_SECONDS,
    Pace,
    Part,
    Row,
    WriteQueue,
)
from cache.messages.vault import ShopSecrets
from cache.messages.waiting_edits import put_with_edits
from cache.registry.routes import PageRoute
from cache.scripts import PUT
from cache.server.connection import Arg, Connection, Reply, ScriptCall
from domain.event import Outcome, Settle
from domain.ids import PageId
from ops.metrics import Metrics

CLOCKS_DIFFER_MS: Final = 30_000
"""Two clocks that are set by NTP differ by less than this."""
UNFIT_RETRY_AFTER_SECONDS: Final = 30

log = structlog.get_logger()


class Batches:
    """Stores messages. `ttl` is in seconds; `clock` is monotonic, in seconds; `now` returns Unix seconds;
    `batch_messages` is the largest number of messages in one round trip.
    """

    def __init__(
        self,
        connection: Connection,
        secrets: ShopSecrets,
        metrics: Metrics,
        *,
        ttl: int,
        clock: Callable[[], float],
        now: Callable[[], float],
        queue_messages: int = QUEUE_MESSAGES,
        queue_bytes: int = QUEUE_BYTES,
        batch_messages: int = MOST_MESSAGES,
    ) -> None:
        self._connection = connection
        self._secrets = secrets
        self._metrics = metrics
        self._ttl = ttl
        self._clock = clock
        self._now = now
        self._pace = Pace(clock, batch_messages)
        self._queue = WriteQueue(self._pace, clock, queue_messages, queue_bytes)
        self._storing: asyncio.Task[None] | None = None
        self._closing = False
        metrics.watch_queue(self._queue.unfinished)

    def admit(self) -> None:
        """Raise Unavailable if no message can be stored now."""
        if self._closing:
            raise Unavailable("closing", retry_after=RETRY_AFTER_SECONDS)
        # keeps: a Redis that may evict takes no message
        if self._connection.unfit:
            raise Unavailable(
                "redis_unfit",
                "Redis is configured so that it may lose messages.",
                retry_after=UNFIT_RETRY_AFTER_SECONDS,
            )
        self._queue.admit()

    def add(self, route: PageRoute, rows: list[Row], settle: Settle) -> None:
        """Store these messages of one shop, at most CALL_MESSAGES. The caller has called `admit`. Later `settle` is
        called once. It gets the messages' outcomes in order, or an error if it is unknown whether all are stored.

        Raises:
            Unavailable: the messages are not accepted; `settle` gets nothing.
        """
        self._queue.add(route, rows, settle)
        if self._storing is None:
            # The task starts in the next event-loop iteration. Its batch has all messages of this iteration.
            self._storing = asyncio.create_task(self._store_all())

    async def accepting(self) -> bool:
        """Returns whether the queue has room and is not closing."""
        return not self._closing and self._queue.has_room()

    async def close(self) -> None:
        """Refuse new messages from now on, and finish storing the accepted ones."""
        self._closing = True
        if self._storing is not None:
            await asyncio.wait([self._storing])

    async def _store_all(self) -> None:
        try:
            while self._queue.waiting:
                parts = self._queue.take()
                if not parts:
                    continue
                messages = sum([len(part.rows) for part in parts])
                self._pace.begin()
                try:
                    await self._store(parts, messages)
                except Unavailable as error:
                    # The messages that waited for the next round trip fail too. Facebook delivers them again.
                    self._metrics.store_error(error.reason)
                    for part in parts:
                        self._queue.fail(part.puts, error)
                    self._queue.fail_all(error)
                except Exception as error:
                    log.exception("store_failed")
                    for part in parts:
                        self._queue.fail(part.puts, error)
                finally:
                    self._pace.end(messages)
        finally:
            self._storing = None

    async def _store(self, parts: Sequence[Part], messages: int) -> None:
        """Store and settle these parts, which have this number of messages.

        Raises:
            Unavailable: it is unknown what is stored; nothing is settled.
        """
        began = self._clock()
        replies = await self._seal_and_send(parts)
        self._metrics.stored(self._clock() - began, messages)
        others = []
        for part, reply in zip(parts, replies, strict=True):
            if isinstance(reply, Unavailable) or len(reply) > 1 or b"o" in reply[0]:
                others.append((part, reply))
            else:
                self._queue.fulfil(part.puts, _outcomes(reply[0]))
        for part, reply in others:  # parts with waiting edits may need more round trips, so they come last
            try:
                self._queue.fulfil(part.puts, await self._checked(part, reply))
            except Unavailable as error:
                self._metrics.store_error(error.reason)
                self._queue.fail(part.puts, error)

    async def _checked(self, part: Part, reply: Reply | Unavailable) -> list[Outcome]:
        """Merges edits that came before their messages, and returns the outcomes.

        Raises:
            Unavailable: it is unknown whether a message is stored. Also raised if a message is too old by the clock of
            Redis, but not by this machine's clock. Then one of the clocks is wrong, and the message must not be
            dropped.
        """
        if isinstance(reply, Unavailable):
            raise reply
        outcomes = _outcomes(await put_with_edits(part, reply, self._put_alone, self._secrets))
        if "too_old" in outcomes:
            # keeps: a wrong clock drops no message
            oldest = (self._now() - self._ttl) * 1000 + CLOCKS_DIFFER_MS
            for row, outcome in zip(part.rows, outcomes, strict=True):
                if outcome == "too_old" and isinstance(row.sent_at, int) and abs(row.sent_at) > oldest:
                    raise Unavailable("redis_clock_wrong", retry_after=RETRY_AFTER_SECONDS)
        return outcomes

    async def _put_alone(self, part: Part) -> Reply | Unavailable:
        (reply,) = await self._seal_and_send([part])
        return reply

    async def _seal_and_send(self, parts: Sequence[Part]) -> list[Reply | Unavailable]:
        """Send these parts to the script in one round trip, and return its replies.

        Raises:
            Unavailable: it is unknown what is stored.
        """
        drawn = iter(self._secrets.draw(sum([len(part.rows) for part in parts])))
        groups = self._groups(parts)
        calls = [self._call(group, drawn) for group in groups]
        replies: list[Reply | Unavailable] = []
        for group, reply in zip(groups, await self._send(calls), strict=True):
            if not isinstance(reply, Unavailable):
                replies += reply
            elif reply.reason != "redis_refused" or len(group) == 1:
                replies += [reply] * len(group)
            else:
                # One shop's keys may be damaged. The messages of other shops must still be stored.
                for part in group:
                    try:
                        replies.append(await self._put_alone(part))
                    except Unavailable as error:
                        replies.append(error)
        return replies

    def _groups(self, parts: Sequence[Part]) -> list[list[Part]]:
        """Returns the parts of each script call."""
        groups: list[list[Part]] = []
        messages = 0
        for part in parts:
            messages += len(part.rows)
            if groups and messages <= CALL_MESSAGES and not self._connection.clustered:
                groups[-1].append(part)
            else:
                groups.append([part])
                messages = len(part.rows)
        return groups

    def _call(self, parts: Sequence[Part], drawn: Iterator[bytes]) -> ScriptCall:
        names: list[bytes] = []
        args: list[Arg] = [self._ttl * 1000]
        for part in parts:
            keys, vault = shop_keys(part.route.shop), self._secrets.vault(*part.route)
            pages, values = dict[PageId, bytes](), list[Arg]()
            for row in part.rows:
                pages[row.page] = keys.page_tag(row.page)
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


def _outcomes(letters: bytes) -> list[Outcome]:
    return list(map(OUTCOMES.__getitem__, letters.decode()))
