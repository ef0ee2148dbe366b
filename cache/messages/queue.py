"""What waits to be stored: bounded in messages and bytes, fair between shops, and never for too long. Pure.

A batch takes from every shop in turn. A shop that has more than fits comes after the others next time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from cache.errors import Unavailable
from cache.messages.pace import WAIT_SECONDS, Pace
from cache.messages.row import Row
from cache.registry.routes import Route
from domain.event import Outcome, Settle

QUEUE_MESSAGES: Final = 50_000
"""Limit: messages of one process that are not stored yet. The fastest ingest seen is 30,000 a second."""
QUEUE_BYTES: Final = 64 * 1024 * 1024
"""Limit: bytes of these messages. They have to fit into the memory of a pod."""
RETRY_AFTER_SECONDS: Final = 2


def queue_full() -> Unavailable:
    """The refusal of what finds no room or would wait too long."""
    return Unavailable("queue_full", retry_after=RETRY_AFTER_SECONDS)


@dataclass(slots=True)
class QueuedPut:
    """Messages of one route from one caller. `settle` gets their outcomes, or the error, once. `since` is when they
    came, in seconds of the queue's clock; `size` their bytes.
    """

    route: Route
    rows: list[Row]
    size: int
    since: float
    settle: Settle
    settled: bool = False


class WriteQueue:
    """Counts what waits and what is under way. `clock` is monotonic, in seconds."""

    def __init__(self, pace: Pace, clock: Callable[[], float], most_messages: int, most_bytes: int) -> None:
        self._pace = pace
        self._clock = clock
        self._most_messages, self._most_bytes = most_messages, most_bytes
        self._messages = self._bytes = self._waiting = 0
        self._pending: dict[Route, list[QueuedPut]] = {}
        """By route: a shop has more than one only for a moment after a purge, or while some of its Pages are paused."""

    @property
    def waiting(self) -> int:
        """Messages that are not in a batch yet."""
        return self._waiting

    def unfinished(self) -> tuple[int, int]:
        """Messages that wait or are under way, and their bytes."""
        return self._messages, self._bytes

    def has_room(self) -> bool:
        """Whether it takes anything at all."""
        return self._messages < self._most_messages and self._bytes < self._most_bytes

    def admit(self) -> None:
        """Raise Unavailable where whatever comes now would wait too long."""
        if self._pace.too_long(self._waiting):
            raise queue_full()

    def add(self, route: Route, rows: list[Row], settle: Settle) -> None:
        """Have these messages wait.

        Raises:
            Unavailable: they are not taken; `settle` gets nothing.
        """
        size = sum([len(row.record) for row in rows])
        if self._messages + len(rows) > self._most_messages or self._bytes + size > self._most_bytes:
            raise queue_full()
        self.admit()
        self._messages += len(rows)
        self._bytes += size
        self._waiting += len(rows)
        put = QueuedPut(route, rows, size, self._clock(), settle)
        waiting = self._pending.get(route)
        if waiting is None:
            self._pending[route] = [put]
        else:
            waiting.append(put)

    def take(self) -> list[list[QueuedPut]]:
        """What goes into the next batch, shop by shop. What has waited too long is refused instead."""
        self._refuse_late()
        taken, messages = [], 0
        while self._pending and messages < self._pace.messages:
            route = next(iter(self._pending))
            puts, count = self._pending.pop(route), 0
            while count < len(puts) and messages < self._pace.messages:
                messages += len(puts[count].rows)
                count += 1
            if count < len(puts):
                self._pending[route] = puts[count:]
            taken.append(puts[:count])
        self._waiting -= messages
        return taken

    def _refuse_late(self) -> None:
        """Only where more waits than the next batch takes: it was let in before the store was known to be slow."""
        if self._waiting <= self._pace.messages:
            return
        latest = self._clock() - WAIT_SECONDS
        for route, puts in list(self._pending.items()):
            late = [put for put in puts if put.since < latest]
            if late:
                self._waiting -= sum([len(put.rows) for put in late])
                self._pending[route] = [put for put in puts if put.since >= latest]
                if not self._pending[route]:
                    del self._pending[route]
                self.fail(late, queue_full())

    def fulfil(self, puts: Sequence[QueuedPut], outcomes: Sequence[Outcome]) -> None:
        """These are stored; `outcomes` are those of all their messages, in order."""
        at = 0
        for put in puts:
            following = at + len(put.rows)
            self._settle(put, list(outcomes[at:following]))
            at = following

    def fail(self, puts: Sequence[QueuedPut], error: Exception) -> None:
        """These may not be stored."""
        for put in puts:
            self._settle(put, error)

    def fail_all(self, error: Exception) -> None:
        """Nor may anything that waits."""
        pending, self._pending, self._waiting = self._pending, {}, 0
        for puts in pending.values():
            self.fail(puts, error)

    def _settle(self, put: QueuedPut, result: list[Outcome] | Exception) -> None:
        if put.settled:
            return
        put.settled = True
        self._messages -= len(put.rows)
        self._bytes -= put.size
        put.settle(result)
