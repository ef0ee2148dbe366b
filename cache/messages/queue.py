"""The queue of messages to be stored. It limits messages, bytes and waiting time, and is fair to all shops. Pure.

A batch takes messages from one shop after another. If a batch has no room for all messages of a shop, this shop comes
last in the next batch. If round trips take too long, the next round trips get fewer messages. When round trips are
short again, they get more messages. A message that would wait too long is refused at once, so that its sender has time
to try another replica. A limit of the queue's length is not enough, because even a short queue takes long if the store
is slow.
"""

from collections.abc import Callable, Sequence
from typing import Final

from cache.codec import encode_message
from cache.errors import Unavailable
from cache.keys import ShopKeys
from cache.registry.routes import PageRoute
from domain.event import Outcome, Settle
from domain.ids import PageId
from domain.message import Message

QUEUE_MESSAGES: Final = 50_000
"""Limit: messages of one process that are not stored yet. The fastest measured ingest is 30,000 messages per second."""
QUEUE_BYTES: Final = 64 * 1024 * 1024
"""Limit: bytes of the messages of one process that are not stored yet. They must fit into the memory of a pod."""
RETRY_AFTER_SECONDS: Final = 2
MOST_MESSAGES: Final = 5_000
"""Largest number of messages in one round trip."""
CALL_MESSAGES: Final = 250
"""Limit: messages in one script call. The call takes 2 to 4 ms, in which the server carries out no other call."""
FEWEST_MESSAGES: Final = CALL_MESSAGES
"""The smallest size to which a round trip is reduced. With fewer messages it would not be shorter."""
LONG_SECONDS: Final = 0.2
"""If a round trip takes longer than this, the next one gets fewer messages. Three round trips of this time nearly fill
WAIT_SECONDS."""
SHORT_SECONDS: Final = 0.05
"""If a full round trip takes less time than this, the next one may get more messages."""
WAIT_SECONDS: Final = 0.75
"""Longest wait of a message until it is stored, estimated from the last round trips. The time for reading, sealing and
answering is not included (docs/adr/0021)."""


def queue_full() -> Unavailable:
    """Returns the error for messages that have no room in the queue or would wait too long."""
    return Unavailable("queue_full", retry_after=RETRY_AFTER_SECONDS)


class Row:
    """The data of one message for `put.lua`, and the message's Page. `record` is not sealed yet. `merged` is the
    waiting edit that was merged into the record, in its stored form.
    """

    __slots__ = ("id", "merged", "page", "record", "sent_at")

    def __init__(self, page: PageId, id_: bytes, sent_at: int | str, record: bytes, merged: bytes = b"") -> None:
        self.page = page
        self.id = id_
        self.sent_at = sent_at
        self.record = record
        self.merged = merged


def row_of(keys: ShopKeys, message: Message, nonce: bytes, ttl: int, *, from_sent: bool = False) -> Row:
    """Returns a message as a row. `ttl` is in seconds; `nonce` identifies this write.

    With `from_sent` the time to live begins at `sent_at`. `put.lua` gets a negative time in this case.
    """
    record = encode_message(message, keys, nonce, ttl, from_sent=from_sent)
    sent_at = "" if message.sent_at is None else -message.sent_at if from_sent else message.sent_at
    id_ = keys.message_id(message.page, message.id)
    return Row(message.page, id_, sent_at, record)


class QueuedPut:
    """Messages of one shop from one caller. `settle` gets their outcomes, or the error, once. `since` is the time when
    they came, in seconds of the queue's clock. `size` is the number of their bytes.
    """

    __slots__ = ("route", "rows", "settle", "settled", "since", "size")

    def __init__(self, route: PageRoute, rows: list[Row], size: int, since: float, settle: Settle) -> None:
        self.route = route
        self.rows = rows
        self.size = size
        self.since = since
        self.settle = settle
        self.settled = False


class Part:
    """Messages of one shop that one script call stores: the rows of some puts, at most CALL_MESSAGES."""

    __slots__ = ("puts", "route", "rows")

    def __init__(self, route: PageRoute) -> None:
        self.route = route
        self.puts: list[QueuedPut] = []
        self.rows: list[Row] = []


class Pace:
    """Decides how many messages a round trip gets, and estimates the wait of a new message. There is one round trip at
    a time. `clock` is monotonic, in seconds.
    """

    def __init__(self, clock: Callable[[], float], most_messages: int = MOST_MESSAGES) -> None:
        self._clock = clock
        self._most = most_messages
        self._began: float | None = None
        self._took = 0.0
        self.messages = most_messages
        """The largest number of messages in the next round trip."""

    def begin(self) -> None:
        """Note that a round trip begins."""
        self._began = self._clock()

    def end(self, messages: int) -> None:
        """Note that the round trip of this number of messages has ended, with or without success."""
        began, self._began = self._began, None
        self._took = 0.0 if began is None else self._clock() - began
        if self._took > LONG_SECONDS:
            if messages > FEWEST_MESSAGES:  # with fewer messages the round trip would not be shorter
                self.messages = max(min(messages, self.messages) // 2, FEWEST_MESSAGES)
        elif self._took < SHORT_SECONDS and messages >= self.messages:
            self.messages = min(self.messages * 2, self._most)

    def too_long(self, ahead: int) -> bool:
        """Returns whether a message would wait too long behind this number of waiting messages. The size of the new
        delivery does not count, because its sender cannot divide it.

        Returns False while there is no round trip, because only a round trip shows how fast the store is.
        """
        if self._began is None:
            return False
        elapsed = self._clock() - self._began
        trip = max(self._took, elapsed)
        trips = ahead // self.messages + 1
        # keeps: too much is refused at once
        return trip - elapsed + trip * trips > WAIT_SECONDS


class WriteQueue:
    """The queue. It counts the messages that wait and the messages that are being stored. `clock` is monotonic, in
    seconds."""

    def __init__(self, pace: Pace, clock: Callable[[], float], most_messages: int, most_bytes: int) -> None:
        self._pace = pace
        self._clock = clock
        self._most_messages, self._most_bytes = most_messages, most_bytes
        self._messages = self._bytes = 0
        self.waiting = 0
        """Messages that are not in a batch yet."""
        self._pending: dict[PageRoute, list[QueuedPut]] = {}
        """The waiting messages by route. A shop has several routes only shortly after a purge, or while some of its
        Pages are paused."""

    def unfinished(self) -> tuple[int, int]:
        """Returns the number of messages that wait or are being stored, and their bytes."""
        return self._messages, self._bytes

    def has_room(self) -> bool:
        """Returns whether the queue has room for at least one message."""
        return self._messages < self._most_messages and self._bytes < self._most_bytes

    def admit(self) -> None:
        """Raise Unavailable if a message that comes now would wait too long."""
        if self._pace.too_long(self.waiting):
            raise queue_full()

    def add(self, route: PageRoute, rows: list[Row], settle: Settle) -> None:
        """Add these messages, at most CALL_MESSAGES, to the queue. The caller has called `admit` before.

        Raises:
            Unavailable: there is no room; `settle` gets nothing.
        """
        size = 0
        for row in rows:
            size += len(row.record)
        if self._messages + len(rows) > self._most_messages or self._bytes + size > self._most_bytes:
            raise queue_full()
        self._messages += len(rows)
        self._bytes += size
        self.waiting += len(rows)
        put = QueuedPut(route, rows, size, self._clock(), settle)
        waiting = self._pending.get(route)
        if waiting is None:
            self._pending[route] = [put]
        else:
            waiting.append(put)

    def take(self) -> list[Part]:
        """Returns the messages of the next batch, shop by shop. Messages that have waited too long are refused."""
        if self.waiting > self._pace.messages:
            self._refuse_late()
        taken: list[Part] = []
        messages = 0
        while self._pending and messages < self._pace.messages:
            route = next(iter(self._pending))
            puts = self._pending.pop(route)
            part = Part(route)
            for at, put in enumerate(puts):
                if messages >= self._pace.messages:
                    self._pending[route] = puts[at:]
                    break
                if len(part.rows) + len(put.rows) > CALL_MESSAGES:
                    taken.append(part)
                    part = Part(route)
                part.puts.append(put)
                part.rows += put.rows
                messages += len(put.rows)
            taken.append(part)
        self.waiting -= messages
        return taken

    def _refuse_late(self) -> None:
        """Refuse messages that have waited too long. They were accepted before the store was known to be slow."""
        latest = self._clock() - WAIT_SECONDS
        for route, puts in list(self._pending.items()):
            late = [put for put in puts if put.since < latest]
            if late:
                self.waiting -= sum([len(put.rows) for put in late])
                self._pending[route] = [put for put in puts if put.since >= latest]
                if not self._pending[route]:
                    del self._pending[route]
                self.fail(late, queue_full())

    def fulfil(self, puts: Sequence[QueuedPut], outcomes: list[Outcome]) -> None:
        """Settle stored messages. `outcomes` has the outcomes of all their messages, in order."""
        at = 0
        for put in puts:
            following = at + len(put.rows)
            self._settle(put, outcomes[at:following])
            at = following

    def fail(self, puts: Sequence[QueuedPut], error: Exception) -> None:
        """Settle these messages with an error, because it is unknown whether they are stored."""
        for put in puts:
            self._settle(put, error)

    def fail_all(self, error: Exception) -> None:
        """Settle all waiting messages with an error."""
        pending, self._pending, self.waiting = self._pending, {}, 0
        for puts in pending.values():
            self.fail(puts, error)

    def _settle(self, put: QueuedPut, result: list[Outcome] | Exception) -> None:
        if put.settled:
            return
        put.settled = True
        self._messages -= len(put.rows)
        self._bytes -= put.size
        put.settle(result)
