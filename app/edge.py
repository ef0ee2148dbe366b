"""The limits of the public port: all its connections, and the share of deliveries that other requests cannot take.

`app/edge_connection.py` reports what each connection does; this module decides. No signature and no token is checked
yet when these limits apply. A proxy cannot do it: it does not know which shop a token is for, nor what an answer costs.
Without it, 1,000 connections with bad tokens delay a delivery by 4.4 s instead of 0.3 s.
docs/adr/0021-what-a-sender-may-cost.md
"""

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Final, Literal, get_args

import structlog

from app.start_queue import StartQueue

HEAD_SECONDS: Final = 10.0
"""Limit: Time for the head of a request. A telephone on a slow network needs one second."""
BODY_SECONDS: Final = 10.0
"""Limit: Time for the body of a request, deliveries excepted. A telephone on a slow network needs one second."""
DELIVERY_BODY_SECONDS: Final = 3.5
"""Limit: Time for the body of a delivery. A second is left to store it and to answer within Facebook's five."""
KEEP_ALIVE_SECONDS: Final = 75
"""Between two requests. Longer than the 60 s of the usual proxies: when the server closes first, a request may be on
its way, and a POST that was cut off is a failure for its sender."""
HEAD_BYTES: Final = 16 * 1024
"""Limit: Bytes of the head of a request. A token and a dozen headers have 2,000. nginx takes 8 KiB in one line."""
MOST_HEADERS: Final = 100
"""Each is two objects in memory, however short it is."""
PIPELINED: Final = 8
"""Requests sent before the first of them is answered. Proxies and browsers send none; a read may hold hundreds."""
DELIVERY_BYTES: Final = 48 * 1024 * 1024
"""Limit: Bytes of all deliveries that are not answered yet. Two of the largest fit; a usual one has some thousand."""
OTHER_BYTES: Final = 16 * 1024 * 1024
"""Limit: Bytes of all other requests that are not answered yet. One has at most 80 KiB."""
MOST_CONNECTIONS: Final = 12_288
"""Limit: Connections of one process; fewer when the system allows fewer open files. An idle one needs some 7 KiB."""
SPARE_FILES: Final = 512
"""Open files for everything but the connections. Redis needs up to 250."""
OTHERS_SHARE: Final = 0.75
"""Limit: Part of the connections that requests other than deliveries can hold, streams included. The rest is left to
Facebook, which sends through a few dozen connections."""
CALLER_SHARE: Final = 0.33
"""Limit: Part of the others' connections that one shop can hold, or one token or address whose shop is not known. Two
callers cannot leave the others without any."""
KNOWN_TOKENS: Final = 10_000
"""Pairs of token and shop whose token was verified for the shop. The next request with such a pair counts as one of the
shop's, so a shop has one share however many tokens it uses."""
PREPARED_TOGETHER: Final = 4
"""Limit: Requests other than deliveries whose answers are prepared at the same time. Each takes part of every iteration
of the event loop and some memory, and a delivery needs five iterations."""
PREPARING_SECONDS: Final = 0.2
"""A request that takes longer waits for Facebook, and another one starts: at least 20 a second."""
UNREAD_BYTES: Final = 64 * 1024 * 1024
"""Limit: Bytes of all answers that are not read yet. They have to fit into the memory of a pod."""
CALLER_UNREAD_BYTES: Final = 16 * 1024 * 1024
"""Limit: Bytes of one caller's answers that are not read yet. A page of a list has 2 MiB, or one item more."""
SWEEP_SECONDS: Final = 0.5
"""Between two looks at all connections for late ones. A timer for each request would cost more."""
_DROPPED_TOGETHER: Final = 64
"""When all connections are in use. Finding the oldest sorts all of them, so it is not done for each new one."""

Phase = Literal["rest", "head", "body", "answer"]
Dropped = Literal[
    "head_too_slow",
    "head_too_large",
    "body_too_slow",
    "malformed",
    "unfinished",
    "too_many",
    "pipelined",
    "unread",
    "refused",
]

log = structlog.get_logger()


class LimitedConnection:
    """What `Edge` knows of a connection."""

    loop: Any
    transport: Any
    phase: Phase
    since: float
    """When the phase began, in the loop's time."""
    held: int
    """Bytes received that are not answered yet."""
    delivery: bool
    """Whether the request that is received belongs to the share of deliveries."""
    caller: str
    """Of the last request that was not a delivery: its shop, its token, or its address."""
    queued: bool
    """Whether a request of it waits to be started."""

    def deadline(self) -> float:
        """When the phase has taken too long, in the loop's time."""
        raise NotImplementedError

    def late(self) -> None:
        """Act: the deadline has passed."""
        raise NotImplementedError


class Preparation:
    """An answer that is prepared. It ends once: when it is called, or after PREPARING_SECONDS."""

    def __init__(self, loop: Any, end: Callable[[Any], None]) -> None:
        self._loop = loop
        self._end = end
        self._timer = loop.call_later(PREPARING_SECONDS, self)
        self._ended = False

    def __call__(self) -> None:
        if not self._ended:
            self._ended = True
            self._timer.cancel()
            self._end(self._loop)


class Edge:
    """All connections of one server. `dropped` counts those that are cut off, and requests that are refused."""

    def __init__(
        self,
        most: int,
        dropped: Callable[[Dropped, int], None],
        *,
        delivery_bytes: int = DELIVERY_BYTES,
        other_bytes: int = OTHER_BYTES,
    ) -> None:
        self.dropped = dropped
        self._most = most
        self._most_bytes = {True: delivery_bytes, False: other_bytes}
        self._held = {True: 0, False: 0}
        """Bytes that are not answered yet: of deliveries, of other requests."""
        self.connections: set[LimitedConnection] = set()
        self._unread: dict[LimitedConnection, None] = {}
        """Those whose answer is not read, the longest first."""
        self._queue = StartQueue[Callable[[Preparation], None]]()
        self._preparing = 0
        self._running: Counter[str] = Counter()
        """Requests that have started and are not answered yet, by caller; deliveries excepted."""
        self._shops: dict[tuple[str, str], str] = {}
        """Names a caller, by token and shop, where the token was verified for the shop; the oldest first."""
        self._sweeping = False
        for reason in get_args(Dropped):
            dropped(reason, 0)

    @property
    def held(self) -> int:
        """Bytes that are not answered yet."""
        return sum(self._held.values())

    def opened(self, connection: LimitedConnection) -> None:
        """A new connection. When there are too many, those are dropped that have waited longest for a request."""
        if len(self.connections) >= self._most:
            # Requests that are not started yet are waiting too. Connections that brought a delivery are dropped last.
            waiting = [one for one in self.connections if one.phase != "answer" or one.queued]
            waiting.sort(key=lambda one: (one.delivery, one.since))
            for one in islice(waiting, _DROPPED_TOGETHER):
                self.drop(one, "too_many")
            if not waiting:
                self.drop(connection, "too_many")
                return
        self.connections.add(connection)
        if not self._sweeping:
            self._sweeping = True
            connection.loop.call_later(SWEEP_SECONDS, self._sweep, connection.loop)

    def closed(self, connection: LimitedConnection) -> None:
        """A connection is closed."""
        self.connections.discard(connection)
        self._unread.pop(connection, None)
        self.release(connection)

    def drop(self, connection: LimitedConnection, reason: Dropped, answer: bytes = b"") -> None:
        """Close a connection, after this last answer if there is one."""
        self.dropped(reason, 1)
        self.closed(connection)
        if answer:
            connection.transport.write(answer)
            connection.transport.close()
        else:
            connection.transport.abort()

    def hold(self, connection: LimitedConnection, size: int) -> None:
        """Hold `size` more bytes. When too many are held, the largest unfinished requests of that share are dropped."""
        share = connection.delivery
        connection.held += size
        self._held[share] += size
        # keeps: bytes of all bodies
        if self._held[share] > self._most_bytes[share]:
            # A request behind an answer that is not read is unfinished too: nothing else would ever release its bytes.
            unfinished = [
                one
                for one in self.connections
                if one.delivery == share and (one.phase in {"head", "body"} or one in self._unread)
            ]
            for one in sorted(unfinished, key=lambda one: one.held, reverse=True):
                if self._held[share] <= self._most_bytes[share] // 2:
                    break
                self.drop(one, "unfinished")

    def release(self, connection: LimitedConnection) -> None:
        """The bytes of this connection are needed no more."""
        self._held[connection.delivery] -= connection.held
        connection.held = 0

    def change_share(self, connection: LimitedConnection, delivery: bool) -> None:
        """The head says that the request belongs to the other share."""
        size = connection.held
        self.release(connection)
        connection.delivery, connection.held = delivery, size
        self._held[delivery] += size

    def caller_of(self, token: str, shop: str) -> str:
        """Names the caller of a request for a shop: the shop where its token is known, else the token."""
        return self._shops.get((token, shop), token)

    def verified(self, token: str, shop: str) -> None:
        """The token was verified for this shop."""
        if (token, shop) not in self._shops:
            if len(self._shops) >= KNOWN_TOKENS:
                del self._shops[next(iter(self._shops))]
            self._shops[token, shop] = f"shop {shop}"

    def refused(self, token: str, shop: str) -> None:
        """The token is not good for this shop, or no longer."""
        self._shops.pop((token, shop), None)

    def start(self, loop: Any, caller: str, run: Callable[["Preparation"], None]) -> None:
        """Run this when it is its turn. It is given what it calls when its answer begins."""
        if not self._queue:
            loop.call_soon(self._start_some, loop)
        self._queue.add(caller, run)

    def admit(self, caller: str) -> bool:
        """Whether one more request of this caller may run. `ended` takes it back."""
        others = self._most * OTHERS_SHARE
        if self._running.total() >= others or self._running[caller] >= others * CALLER_SHARE:
            self.dropped("refused", 1)
            return False
        self._running[caller] += 1
        return True

    def ended(self, caller: str) -> None:
        """A request that was admitted has been answered, or its caller has gone."""
        self._running[caller] -= 1
        if not self._running[caller]:
            del self._running[caller]

    def unread(self, connection: LimitedConnection) -> None:
        """An answer is sent faster than it is read. When several together are too much, the one unread for the longest
        time is dropped: an honest reader goes on reading.
        """
        self._unread[connection] = None
        own = [one for one in self._unread if one.caller == connection.caller]
        for group, most in ((own, CALLER_UNREAD_BYTES), (list(self._unread), UNREAD_BYTES)):
            if len(group) > 1 and _unread_bytes(group) > most:
                log.warning("answer_not_read", unread_bytes=group[0].transport.get_write_buffer_size())
                self.drop(group[0], "unread")

    def read(self, connection: LimitedConnection) -> None:
        """The answer has been read, almost all of it."""
        self._unread.pop(connection, None)

    def _start_some(self, loop: Any) -> None:
        for run in self._queue.take(PREPARED_TOGETHER - self._preparing):
            self._preparing += 1
            run(Preparation(loop, self._prepared))

    def _prepared(self, loop: Any) -> None:
        self._preparing -= 1
        if self._queue:
            loop.call_soon(self._start_some, loop)

    def _sweep(self, loop: Any) -> None:
        now = loop.time()
        for one in [one for one in self.connections if one.phase != "answer" and now > one.deadline()]:
            one.late()
        self._sweeping = bool(self.connections)
        if self._sweeping:
            loop.call_later(SWEEP_SECONDS, self._sweep, loop)


def _unread_bytes(connections: Iterable[LimitedConnection]) -> int:
    return sum(one.transport.get_write_buffer_size() for one in connections)
