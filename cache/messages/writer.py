"""Stores messages of shops in batches. A batch is one round trip to Redis: it has all messages that arrive in one
event-loop iteration, or during the round trip before.

`put` returns when its own messages are stored. Only then the service answers Facebook with 200. When the queue is full,
or Redis is lost, slow or full, `put` raises and Facebook delivers again. The message id prevents duplicates.
"""

import asyncio
from collections.abc import Callable, Sequence
from itertools import count
from typing import get_args

import structlog

from cache.errors import Unavailable, UnavailableReason
from cache.messages.batch import BatchStore, Part
from cache.messages.changes import Changes
from cache.messages.queue import (
    MOST_MESSAGES,
    QUEUE_BYTES,
    QUEUE_MESSAGES,
    RETRY_AFTER_SECONDS,
    Pace,
    QueuedPut,
    Row,
    WriteQueue,
    row_of,
)
from cache.messages.shop_secrets import ShopSecrets
from cache.messages.unsent import UnsentIds
from cache.registry.routes import PageRoute
from cache.server.connection import Connection
from domain.event import Outcome, Settle, Storable
from domain.ids import ShopId
from domain.message import Message
from ops.metrics import Metrics

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
        require_fit: Callable[[], None] = lambda: None,
        queue_messages: int = QUEUE_MESSAGES,
        queue_bytes: int = QUEUE_BYTES,
        batch_messages: int = MOST_MESSAGES,
    ) -> None:
        self._metrics = metrics
        self._ttl = ttl
        self._nonces = count(first_nonce)
        self._changes = Changes(connection, secrets, unsent, ttl=ttl, new_nonce=self._nonce)
        self._require_fit = require_fit
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
        """Raise Unavailable if `put` would raise it for any events. Called before a body is parsed."""
        self._require_fit()
        self._queue.admit()

    async def put(self, route: PageRoute, events: Sequence[Storable]) -> list[Outcome]:
        """Store, edit and erase. Returns an outcome per event, in order.

        The outcome is `unknown_page` also if the shop has another secret.

        Raises:
            Unavailable: some events may not be stored. It is safe to put the same events again.
        """
        self._refuse_when_closing()
        rows = [self._row(route.shop, event) for event in events if isinstance(event, Message)]
        stored: list[Outcome] = await self._stored(route, rows) if rows else []
        if len(rows) == len(events):
            return stored
        changed = await self._changes.make(route, [event for event in events if not isinstance(event, Message)])
        stored_next, changed_next = iter(stored), iter(changed)
        return [next(stored_next) if isinstance(event, Message) else next(changed_next) for event in events]

    async def put_fetched(self, route: PageRoute, messages: Sequence[Message]) -> list[Outcome]:
        """Do the same for messages that were fetched from Facebook. A message's life begins at its `sent_at`.

        Raises:
            Unavailable: some messages may not be stored. It is safe to put the same messages again.
        """
        self._refuse_when_closing()
        rows = [self._row(route.shop, message, from_sent=True) for message in messages]
        return await self._stored(route, rows) if rows else []

    def put_soon(self, route: PageRoute, messages: Sequence[Message], settle: Settle) -> None:
        """Store messages without waiting. Later `settle` gets once what `put` returns or raises.

        Raises:
            Unavailable: the messages are not accepted; `settle` gets nothing.
        """
        self._refuse_when_closing()
        self._enqueue(route, [self._row(route.shop, message) for message in messages], settle)

    def _refuse_when_closing(self) -> None:
        if self._closing:
            raise Unavailable("closing", retry_after=RETRY_AFTER_SECONDS)

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

    def _row(self, shop: ShopId, message: Message, *, from_sent: bool = False) -> Row:
        return row_of(shop, message, self._nonce(), self._ttl, from_sent=from_sent)

    def _enqueue(self, route: PageRoute, rows: list[Row], settle: Settle) -> None:
        self._queue.add(route, rows, settle)
        if self._flushing is None:
            # The task starts in the next event-loop iteration. Its batch has all messages of this iteration.
            self._flushing = asyncio.create_task(self._flush_all())

    async def _flush_all(self) -> None:
        try:
            while self._queue.waiting:
                shops = self._queue.take()
                puts = [put for one in shops for put in one]
                if not puts:
                    continue
                self._pace.begin()
                try:
                    await self._flush(shops)
                except Unavailable as error:
                    # The messages that waited for the next round trip fail too. Facebook delivers them again.
                    self._metrics.store_error(error.reason)
                    self._queue.fail(puts, error)
                    self._queue.fail_all(error)
                except Exception as error:
                    log.exception("store_failed")
                    self._queue.fail(puts, error)
                finally:
                    self._pace.end(sum([len(put.rows) for put in puts]))
        finally:
            self._flushing = None

    async def _flush(self, shops: Sequence[Sequence[QueuedPut]]) -> None:
        def settle(number: int, result: list[Outcome] | Unavailable) -> None:
            if isinstance(result, Unavailable):
                self._metrics.store_error(result.reason)
                self._queue.fail(shops[number], result)
            else:
                self._queue.fulfil(shops[number], result)

        await self._batches.store([_part(puts) for puts in shops], settle)

    async def accepting(self) -> bool:
        """Returns whether the queue has room and the writer is not closing."""
        return not self._closing and self._queue.has_room()

    async def close(self) -> None:
        """Refuse new events from now on, and finish storing the accepted ones."""
        self._closing = True
        if self._flushing is not None:
            await asyncio.wait([self._flushing])


def _part(puts: Sequence[QueuedPut]) -> Part:
    """Returns all messages of one shop as one part."""
    first = puts[0]
    return Part(first.route, first.rows if len(puts) == 1 else [row for put in puts for row in put.rows])
