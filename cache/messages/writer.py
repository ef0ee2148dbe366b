"""Stores messages of shops in batches. A batch is one round trip to Redis: it has all messages that arrive in one
event-loop iteration, or during the round trip before.

`put` returns when its own messages are stored. Only then the service answers Facebook with 200. When the queue is full,
or Redis is lost, slow or full, `put` raises and Facebook delivers again. The message id prevents duplicates.
"""

import asyncio
from collections.abc import Callable, Sequence
from itertools import count
from typing import Final, get_args

import structlog

from cache.errors import Unavailable, UnavailableReason
from cache.keys import shop_keys
from cache.messages.batch import BatchStore
from cache.messages.changes import Changes
from cache.messages.queue import (
    MOST_MESSAGES,
    QUEUE_BYTES,
    QUEUE_MESSAGES,
    RETRY_AFTER_SECONDS,
    Pace,
    Part,
    Row,
    WriteQueue,
    row_of,
)
from cache.messages.unsent import UnsentIds
from cache.messages.vault import ShopSecrets
from cache.registry.routes import PageRoute
from cache.server.connection import Connection
from domain.event import Outcome, Settle, Storable
from domain.ids import ShopId
from domain.message import Message
from ops.metrics import Metrics

UNFIT_RETRY_AFTER_SECONDS: Final = 30

log = structlog.get_logger()


class Writer:
    """Stores events of a shop.

    `clock` is monotonic, in seconds; `now` is in Unix seconds; `first_nonce` is a random number for this process;
    `batch_messages` is the largest number of messages in one round trip.
    """

    def __init__(
        self,
        connection: Connection,
        secrets: ShopSecrets,
        unsent: UnsentIds,
        metrics: Metrics,
        *,
        ttl: int,
        first_nonce: int,
        clock: Callable[[], float],
        now: Callable[[], float],
        queue_messages: int = QUEUE_MESSAGES,
        queue_bytes: int = QUEUE_BYTES,
        batch_messages: int = MOST_MESSAGES,
    ) -> None:
        self._connection = connection
        self._metrics = metrics
        self._ttl = ttl
        self._nonces = count(first_nonce)
        self._changes = Changes(connection, secrets, unsent, ttl=ttl, new_nonce=self._nonce)
        self._pace = Pace(clock, batch_messages)
        self._queue = WriteQueue(self._pace, clock, queue_messages, queue_bytes)
        self._batches = BatchStore(connection, secrets, metrics, ttl=ttl, clock=clock, now=now)
        self._flushing: asyncio.Task[None] | None = None
        self._closing = False
        metrics.watch_queue(self._queue.unfinished)
        for reason in get_args(UnavailableReason):
            metrics.store_error(reason, 0)
        for outcome in get_args(Outcome):
            metrics.event("message", outcome, 0)  # an alert on a rate needs the counter before its first event

    def admit(self) -> None:
        """Raise Unavailable if no event can be stored now. Called before a body is parsed, and before `put_soon`."""
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

    async def put(self, route: PageRoute, events: Sequence[Storable]) -> list[Outcome]:
        """Store, edit and erase. Returns an outcome per event, in order.

        The outcome is `unknown_page` also if the shop has another secret.

        Raises:
            Unavailable: some events may not be stored. It is safe to put the same events again.
        """
        self.admit()
        messages = [event for event in events if isinstance(event, Message)]
        stored: list[Outcome] = await self._stored(route, self._rows(route.shop, messages)) if messages else []
        if len(messages) == len(events):
            return stored
        changed = await self._changes.make(route, [event for event in events if not isinstance(event, Message)])
        stored_next, changed_next = iter(stored), iter(changed)
        return [next(stored_next) if isinstance(event, Message) else next(changed_next) for event in events]

    async def put_fetched(self, route: PageRoute, messages: Sequence[Message]) -> list[Outcome]:
        """Do the same for messages that were fetched from Facebook. A message's life begins at its `sent_at`.

        Raises:
            Unavailable: some messages may not be stored. It is safe to put the same messages again.
        """
        self.admit()
        return await self._stored(route, self._rows(route.shop, messages, from_sent=True)) if messages else []

    def put_soon(self, route: PageRoute, messages: Sequence[Message], settle: Settle) -> None:
        """Store messages without waiting. The caller has called `admit`. Later `settle` gets once what `put` returns or
        raises.

        Raises:
            Unavailable: the messages are not accepted; `settle` gets nothing.
        """
        self._enqueue(route, self._rows(route.shop, messages), settle)

    def _stored(self, route: PageRoute, rows: list[Row]) -> "asyncio.Future[list[Outcome]]":
        done: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()

        def settle(result: list[Outcome] | Exception) -> None:
            if done.done():  # the caller was cancelled
                return
            if isinstance(result, Exception):
                done.set_exception(result)
            else:
                done.set_result(result)

        self._enqueue(route, rows, settle)
        return done

    def _nonce(self) -> bytes:
        return (next(self._nonces) & 0xFFFFFFFF).to_bytes(4)

    def _rows(self, shop: ShopId, messages: Sequence[Message], *, from_sent: bool = False) -> list[Row]:
        keys, rows = shop_keys(shop), []
        for message in messages:
            rows.append(row_of(keys, message, self._nonce(), self._ttl, from_sent=from_sent))  # noqa: PERF401 - a call
        return rows

    def _enqueue(self, route: PageRoute, rows: list[Row], settle: Settle) -> None:
        self._queue.add(route, rows, settle)
        if self._flushing is None:
            # The task starts in the next event-loop iteration. Its batch has all messages of this iteration.
            self._flushing = asyncio.create_task(self._flush_all())

    async def _flush_all(self) -> None:
        try:
            while self._queue.waiting:
                parts = self._queue.take()
                if not parts:
                    continue
                self._pace.begin()
                try:
                    await self._batches.store(parts, self._settle)
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
                    self._pace.end(sum([len(part.rows) for part in parts]))
        finally:
            self._flushing = None

    def _settle(self, part: Part, result: list[Outcome] | Unavailable) -> None:
        if isinstance(result, Unavailable):
            self._metrics.store_error(result.reason)
            self._queue.fail(part.puts, result)
        else:
            self._queue.fulfil(part.puts, result)

    async def accepting(self) -> bool:
        """Returns whether the queue has room and the writer is not closing."""
        return not self._closing and self._queue.has_room()

    async def close(self) -> None:
        """Refuse new events from now on, and finish storing the accepted ones."""
        self._closing = True
        if self._flushing is not None:
            await asyncio.wait([self._flushing])
