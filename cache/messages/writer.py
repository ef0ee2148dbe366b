"""Group commit: what arrives in one turn of the event loop, and during a round trip, goes in one round trip.

`put` returns when its own messages are stored, and only then is Facebook answered 200. One script call carries the
messages of several shops, except on a cluster, where the keys of a call share a slot. The queue is bounded in messages
and bytes; when it is full, or Redis gone, slow or full, `put` raises and Facebook delivers again, which the message id
makes harmless. A write whose answer was lost is sent once more: each value carries a nonce by which `put.lua` tells our
own earlier write from a duplicate.

Values are sealed when they are sent, under the shop's secret as this process knows it. Where another one stands, after
a purge or at a shop this process has not met, `put.lua` stores nothing and tells which; then they are sealed anew.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Final, get_args

import structlog

from cache.codec import encode_message, merged
from cache.errors import UNREACHED, Corrupt, Unavailable, UnavailableReason
from cache.keys import ShopKeys, shop_keys
from cache.messages.changes import OUTCOMES, WRITE_SECONDS, Changes
from cache.messages.pace import WAIT_SECONDS, Pace
from cache.messages.shop_secrets import ShopSecret, ShopSecrets
from cache.messages.unsent import UnsentIds
from cache.scripts import PUT
from cache.server.connection import Arg, Call, Connection, Reply
from domain.event import Outcome, Settle, Storable
from domain.ids import PageId, ShopId
from domain.message import Message
from ops.metrics import Metrics

QUEUE_MESSAGES: Final = 50_000
"""Limit: messages of one process that are not stored yet. The fastest ingest seen is 30,000 a second."""
QUEUE_BYTES: Final = 64 * 1024 * 1024
"""Limit: bytes of these messages. They have to fit into the memory of a pod."""
CALL_MESSAGES: Final = 250
"""Messages in one script call: 2 to 4 ms of the server's time, in which nobody else is served."""
RETRY_AFTER_SECONDS: Final = 2
MERGE_TRIES: Final = 8
"""Each is lost only to an edit that came between; Facebook allows five of a message."""
SECRET_TRIES: Final = 8
"""Each is lost only to a purge of the shop, or to another process' first message of it, that came between."""

log = structlog.get_logger()


@dataclass(slots=True)
class _Row:
    """One message on its way: what `put.lua` is told of it, and its Page. `record` is not sealed yet."""

    page: PageId
    page_tag: bytes
    id: bytes
    sent_at: int | str
    record: bytes
    merged: bytes = b""


@dataclass(slots=True)
class _Put:
    """One caller's messages for one shop, since when they wait, and who is told their outcomes."""

    rows: list[_Row]
    size: int
    since: float
    settle: Settle


@dataclass(slots=True)
class _ShopBatch:
    shop: ShopId
    puts: list[_Put] = field(default_factory=list)
    settled: bool = False


@dataclass(slots=True)
class _Part:
    """Messages of one shop that are stored together."""

    shop: ShopId
    rows: Sequence[_Row]


class Writer:
    """Stores what came for a shop. `clock` is monotonic, in seconds; `first_nonce` a random number for this process."""

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
        require_fit: Callable[[], None] = lambda: None,
        queue_messages: int = QUEUE_MESSAGES,
        queue_bytes: int = QUEUE_BYTES,
    ) -> None:
        self._connection = connection
        self._secrets = secrets
        self._metrics = metrics
        self._ttl = ttl
        self._nonces = count(first_nonce)
        self._changes = Changes(connection, secrets, unsent, ttl=ttl, new_nonce=self._nonce)
        self._clock = clock
        self._require_fit = require_fit
        self._room_messages = self._all_messages = queue_messages
        self._room_bytes = self._all_bytes = queue_bytes
        self._pending: dict[ShopId, _ShopBatch] = {}
        self._waiting = 0
        self._pace = Pace(clock)
        self._flushing: asyncio.Task[None] | None = None
        self._closing = False
        metrics.watch_queue(self._queue)
        for reason in get_args(UnavailableReason):
            metrics.store_error(reason, 0)
        for outcome in get_args(Outcome):
            metrics.event("message", outcome, 0)  # a rate that begins with its first event cannot raise an alert

    def admit(self) -> None:
        """Raise Unavailable where `put` would, whatever it was given: before anybody reads what came."""
        self._require_fit()
        if self._pace.too_long(self._waiting):
            raise Unavailable("queue_full", retry_after=RETRY_AFTER_SECONDS)

    async def put(self, shop: ShopId, events: Sequence[Storable]) -> list[Outcome]:
        """Store, edit and erase; an outcome per event, in order.

        Raises:
            Unavailable: some of it may not be stored; putting the same again is safe.
        """
        if self._closing:
            raise Unavailable("closing", retry_after=RETRY_AFTER_SECONDS)
        keys = shop_keys(shop)
        rows = [self._row(keys, event) for event in events if isinstance(event, Message)]
        stored: list[Outcome] = await self._stored(shop, rows) if rows else []
        if len(rows) == len(events):
            return stored
        changed = await self._changes.make(shop, [event for event in events if not isinstance(event, Message)])
        stored_next, changed_next = iter(stored), iter(changed)
        return [next(stored_next) if isinstance(event, Message) else next(changed_next) for event in events]

    async def put_fetched(self, shop: ShopId, messages: Sequence[Message], /) -> list[Outcome]:
        """The same for messages that were fetched from Facebook: the life of each runs from its `sent_at`.

        Raises:
            Unavailable: some of them may not be stored; putting the same again is safe.
        """
        if self._closing:
            raise Unavailable("closing", retry_after=RETRY_AFTER_SECONDS)
        keys = shop_keys(shop)
        rows = [self._row(keys, message, from_sent=True) for message in messages]
        return await self._stored(shop, rows) if rows else []

    def put_soon(self, shop: ShopId, messages: Sequence[Message], settle: Settle) -> None:
        """The same for messages alone, without waiting: `settle` is told later, once, what `put` returns or raises.

        Raises:
            Unavailable: they are not taken at all, and nobody is told anything.
        """
        if self._closing:
            raise Unavailable("closing", retry_after=RETRY_AFTER_SECONDS)
        keys = shop_keys(shop)
        self._enqueue(shop, [self._row(keys, message) for message in messages], settle)

    def _stored(self, shop: ShopId, rows: list[_Row]) -> "asyncio.Future[list[Outcome]]":
        done: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()

        def settle(result: list[Outcome] | Exception) -> None:
            if done.done():  # the caller has gone away
                return
            if isinstance(result, Exception):
                done.set_exception(result)
            else:
                done.set_result(result)

        self._enqueue(shop, rows, settle)
        return done

    def _nonce(self) -> bytes:
        return (next(self._nonces) & 0xFFFFFFFF).to_bytes(4)

    def _row(self, keys: ShopKeys, message: Message, *, from_sent: bool = False) -> _Row:
        record = encode_message(message, keys, self._nonce(), self._ttl, from_sent=from_sent)
        sent_at = "" if message.sent_at is None else -message.sent_at if from_sent else message.sent_at
        return _Row(
            message.page, keys.page_tag(message.page), keys.message_id(message.page, message.id), sent_at, record
        )

    def _enqueue(self, shop: ShopId, rows: list[_Row], settle: Settle) -> None:
        size = sum([len(row.record) for row in rows])
        full = len(rows) > self._room_messages or size > self._room_bytes
        if full or self._pace.too_long(self._waiting):
            raise Unavailable("queue_full", retry_after=RETRY_AFTER_SECONDS)
        self._room_messages -= len(rows)
        self._room_bytes -= size
        batch = self._pending.get(shop)
        if batch is None:
            batch = self._pending[shop] = _ShopBatch(shop)
        batch.puts.append(_Put(rows, size, self._clock(), settle))
        self._waiting += len(rows)
        if self._flushing is None:
            # The task starts in the loop's next turn: all that this turn's requests bring goes with it.
            self._flushing = asyncio.create_task(self._flush_all())

    async def _flush_all(self) -> None:
        try:
            while self._pending:
                self._drop_late()
                batches, messages = self._take()
                if not batches:
                    continue
                self._pace.begin()
                try:
                    await self._flush(batches)
                except Unavailable as error:
                    # What waited behind this round trip has waited long enough; Facebook will bring it again.
                    self._metrics.store_error(error.reason)
                    self._fail([*batches, *self._pending.values()], error)
                    self._pending, self._waiting = {}, 0
                except Exception as error:
                    log.exception("store_failed")
                    self._fail(batches, error)
                finally:
                    self._pace.end(messages)
        finally:
            self._flushing = None

    def _drop_late(self) -> None:
        """Refuse what has waited too long already, where more waits than the next round trip takes: it was let in
        before anybody knew how slow the store is.
        """
        if self._waiting <= self._pace.messages:
            return
        latest = self._clock() - WAIT_SECONDS
        for shop, batch in list(self._pending.items()):
            late = [put for put in batch.puts if put.since < latest]
            if late:
                self._waiting -= sum(len(put.rows) for put in late)
                batch.puts = [put for put in batch.puts if put.since >= latest]
                if not batch.puts:
                    del self._pending[shop]
                error = Unavailable("queue_full", retry_after=RETRY_AFTER_SECONDS)
                self._fail([_ShopBatch(shop, late)], error)

    def _take(self) -> tuple[list[_ShopBatch], int]:
        """As much as goes into one round trip, shop by shop, and how many messages that is. A shop that has more comes
        after the others next time.
        """
        taken, messages = [], 0
        while self._pending and messages < self._pace.messages:
            shop = next(iter(self._pending))
            batch = self._pending.pop(shop)
            puts = 0
            while puts < len(batch.puts) and messages < self._pace.messages:
                messages += len(batch.puts[puts].rows)
                puts += 1
            if puts < len(batch.puts):
                self._pending[shop] = _ShopBatch(shop, batch.puts[puts:])
                batch = _ShopBatch(shop, batch.puts[:puts])
            taken.append(batch)
        self._waiting -= messages
        return taken, messages

    async def _flush(self, batches: list[_ShopBatch]) -> None:
        parts: list[_Part] = []
        spans: list[tuple[_ShopBatch, int, int]] = []
        for batch in batches:
            rows = [row for put in batch.puts for row in put.rows]
            first = len(parts)
            parts += [_Part(batch.shop, rows[at : at + CALL_MESSAGES]) for at in range(0, len(rows), CALL_MESSAGES)]
            spans.append((batch, first, len(parts)))
        began = self._clock()
        replies = await self._store(parts)
        self._metrics.stored(self._clock() - began, sum(len(part.rows) for part in parts))
        for batch, first, end in spans:
            try:
                outcomes = _plain(replies[first]) if end - first == 1 else None
                if outcomes is None:
                    outcomes = await self._outcomes(parts[first:end], replies[first:end])
            except Unavailable as error:
                self._metrics.store_error(error.reason)
                self._fail([batch], error)
            else:
                self._fulfil(batch, outcomes)

    async def _store(self, parts: Sequence[_Part]) -> list[Reply | Unavailable]:
        """The replies of the script to these parts, each sealed under the secret of its shop. One round trip, and
        another one for those whose secret this process did not know.

        Raises:
            Unavailable: nobody knows what is stored.
        """
        replies = await self._seal_and_send(parts)
        for _ in range(SECRET_TRIES):
            again = []
            for at, reply in enumerate(replies):
                if (secret := _other_secret(reply)) is not None:
                    try:
                        self._secrets.learn(parts[at].shop, secret)
                        again.append(at)
                    except Unavailable as error:
                        replies[at] = error
            if not again:
                return replies
            try:
                answers = await self._seal_and_send([parts[at] for at in again])
            except Unavailable as error:
                answers = [error] * len(again)  # the others are stored
            for at, answer in zip(again, answers, strict=True):
                replies[at] = answer
        return [reply if _other_secret(reply) is None else Unavailable("redis_timeout") for reply in replies]

    async def _seal_and_send(self, parts: Sequence[_Part]) -> list[Reply | Unavailable]:
        secrets = [self._secrets.for_writing(part.shop) for part in parts]
        drawn = iter(self._secrets.draw(sum([len(part.rows) for part in parts])))
        calls, ends = [], []
        for first, end in self._spans(parts):
            calls.append(self._call(parts[first:end], secrets[first:end], drawn))
            ends.append((first, end))
        replies: list[Reply | Unavailable] = []
        for (first, end), reply in zip(ends, await self._send(calls), strict=True):
            if not isinstance(reply, Unavailable):
                replies += reply
            elif reply.reason != "redis_refused" or end - first == 1:
                replies += [reply] * (end - first)
            else:
                # One shop's keys may be damaged, and must not cost the others their messages.
                for part in parts[first:end]:
                    try:
                        replies += await self._seal_and_send([part])
                    except Unavailable as error:
                        replies.append(error)
        for part, secret, reply in zip(parts, secrets, replies, strict=True):
            if secret.seen is not secret.field and not isinstance(reply, Unavailable) and reply[0]:
                self._secrets.settled(part.shop, secret)
        return replies

    def _spans(self, parts: Sequence[_Part]) -> Iterator[tuple[int, int]]:
        """Which parts go in one call, from where to before where."""
        first = messages = 0
        for at, part in enumerate(parts):
            messages += len(part.rows)
            if at > first and (messages > CALL_MESSAGES or self._connection.clustered):
                yield first, at
                first, messages = at, len(part.rows)
        yield first, len(parts)

    def _call(self, parts: Sequence[_Part], secrets: Sequence[ShopSecret], drawn: Iterator[bytes]) -> Call:
        names: list[bytes] = []
        args: list[Arg] = [self._ttl * 1000]
        for part, secret in zip(parts, secrets, strict=True):
            keys, rows = shop_keys(part.shop), part.rows
            names += keys.of_put
            pages = {row.page: row.page_tag for row in rows}
            args += (keys.hash_tag, secret.seen, secret.field, len(pages), len(rows))
            for page in pages.items():
                args += page
            seal = secret.vault.seal
            for row in rows:
                args += (row.id, row.sent_at, seal(row.id, row.record, next(drawn)), row.merged)
        return PUT(names, args)

    async def _send(self, calls: list[Call]) -> list[Reply | Unavailable]:
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                try:
                    return await self._connection.runs(calls)
                except Unavailable as error:
                    if error.reason not in UNREACHED | {"redis_timeout"}:
                        raise
                    return await self._connection.runs(calls)
        except TimeoutError:
            raise Unavailable("redis_timeout") from None

    async def _outcomes(self, parts: Sequence[_Part], replies: Sequence[Reply]) -> list[Outcome]:
        letters = []
        for part, reply in zip(parts, replies, strict=True):
            if isinstance(reply, Unavailable):
                raise reply
            found = list(reply[0].decode())
            for number, waiting in zip(reply[1::2], reply[2::2], strict=True):
                found[number - 1] = await self._put_with_edit(part.shop, part.rows[number - 1], waiting)
            letters += found
        return [OUTCOMES[letter] for letter in letters]

    async def _put_with_edit(self, shop: ShopId, row: _Row, waiting: bytes) -> str:
        """Store a message whose edit came first, with the edit in it."""
        for _ in range(MERGE_TRIES):
            (reply,) = await self._seal_and_send([_Part(shop, [self._merged(shop, row, waiting)])])
            if isinstance(reply, Unavailable):
                raise reply
            if (secret := _other_secret(reply)) is not None:
                # A purge came between: what waited may be gone with it, and must not come back in this message.
                self._secrets.learn(shop, secret)
                waiting = b""
                continue
            letter: str = reply[0].decode()
            if letter != "w":
                return letter
            waiting = reply[2]
        raise Unavailable("redis_timeout")

    def _merged(self, shop: ShopId, row: _Row, waiting: bytes) -> _Row:
        """The message with the edit in it; as it was said where none waits."""
        record = row.record
        if waiting:
            try:
                record = merged(record, self._secrets.for_writing(shop).vault.open(row.id, waiting))
            except Corrupt as error:
                log.warning("record_unreadable", reason=error.reason)
                # an edit that nobody can read must not cost the message
        return replace(row, record=record, merged=waiting)

    def _fulfil(self, batch: _ShopBatch, outcomes: list[Outcome]) -> None:
        at = 0
        for put in batch.puts:
            following = at + len(put.rows)
            put.settle(outcomes[at:following])
            at = following
        self._make_room(batch)

    def _fail(self, batches: Sequence[_ShopBatch], error: Exception) -> None:
        for batch in batches:
            for put in batch.puts:
                put.settle(error)
            self._make_room(batch)

    def _make_room(self, batch: _ShopBatch) -> None:
        if batch.settled:
            return
        batch.settled = True
        for put in batch.puts:
            self._room_messages += len(put.rows)
            self._room_bytes += put.size

    def _queue(self) -> tuple[int, int]:
        """Messages that wait or are under way, and their bytes."""
        return self._all_messages - self._room_messages, self._all_bytes - self._room_bytes

    async def accepting(self) -> bool:
        """Whether there is room, and no stop under way."""
        return not self._closing and self._room_messages > 0 and self._room_bytes > 0

    async def close(self) -> None:
        """Refuse what comes from now on, and finish what has come."""
        self._closing = True
        if self._flushing is not None:
            await asyncio.wait([self._flushing])


def _plain(reply: Reply | Unavailable) -> list[Outcome] | None:
    """The outcomes that a reply tells; None where there is more to do."""
    if isinstance(reply, Unavailable) or len(reply) > 1:
        return None
    return [OUTCOMES[letter] for letter in reply[0].decode()]


def _other_secret(reply: Reply | Unavailable) -> bytes | None:
    """What stands in the shop's record in place of the secret that was given; None where the script did its work."""
    if isinstance(reply, Unavailable) or reply[0]:
        return None
    there: bytes = reply[1]
    return there
